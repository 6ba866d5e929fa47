// GET /health: can the server answer. 503 until the first model is there; loading more of them is no ill health.
#include "server/endpoint.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, health)

namespace {

void answer(Services& services, HttpRequest, std::shared_ptr<HttpReply> reply) {
  bool loading = false, ready = false;
  for (const ModelStatus& model : services.models.status()) {
    loading |= model.state == ModelState::loading;
    ready |= model.state == ModelState::ready;
  }
  if (loading && !ready) return send_json(*reply, {{"status", "loading model"}}, 503, {{"Retry-After", "1"}});
  send_json(*reply, {{"status", "ok"}});
}

}  // namespace

Endpoint health() { return {.method = "GET", .path = "/health", .access = Admission::open, .answer = answer}; }

}  // namespace hearth
