// GET /v1/models and /v1/models/NAME: what is served here.
#include "server/endpoint.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, models)
HEARTH_SET_MEMBER(endpoint, model)

namespace {

OrderedJson words_of(const ModelStatus& status, const std::string& id, const Services& services) {
  const auto age = std::chrono::steady_clock::now() - services.started_at;
  const auto created = std::chrono::system_clock::now() - age;
  OrderedJson words = {{"id", id},
                       {"object", "model"},
                       {"created", std::chrono::duration_cast<std::chrono::seconds>(created.time_since_epoch()).count()},
                       {"owned_by", "hearth"},
                       {"hearth", {{"context", status.context}, {"state", name_of(status.state)}, {"adapters", status.entry.adapters}}}};
  if (id != status.entry.id) words["parent"] = status.entry.id;
  return words;
}

// Every name that a request may give: models, then their adapters.
std::vector<OrderedJson> all(const Services& services) {
  std::vector<OrderedJson> list;
  for (const ModelStatus& status : services.models.status()) {
    list.push_back(words_of(status, status.entry.id, services));
    for (const std::string& adapter : status.entry.adapters) list.push_back(words_of(status, status.entry.id + ":" + adapter, services));
  }
  return list;
}

void answer_all(Services& services, HttpRequest, std::shared_ptr<HttpReply> reply) {
  send_json(*reply, {{"object", "list"}, {"data", all(services)}});
}

void answer_one(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  const std::string id = request.path.substr(std::string("/v1/models/").size());
  for (const OrderedJson& model : all(services)) {
    if (model["id"] == id) return send_json(*reply, model);
  }
  send_error(*reply, not_found(fmt::format("model '{}' is not served here", id), "model_not_found"));
}

}  // namespace

Endpoint models() { return {.method = "GET", .path = "/v1/models", .answer = answer_all}; }
Endpoint model() { return {.method = "GET", .path = "/v1/models/*", .answer = answer_one}; }

}  // namespace hearth
