// GET /health: is the server there, and are its models.
#include "server/endpoint.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, health)

namespace {

void answer(Services& services, HttpRequest, std::shared_ptr<HttpReply> reply) {
  for (const ModelStatus& model : services.models.status()) {
    if (model.state != ModelState::loading) continue;
    return send_json(*reply, {{"status", "loading model"}}, 503, {{"Retry-After", "1"}});
  }
  send_json(*reply, {{"status", "ok"}});
}

}  // namespace

Endpoint health() { return {.method = "GET", .path = "/health", .access = Access::open, .answer = answer}; }

}  // namespace hearth
