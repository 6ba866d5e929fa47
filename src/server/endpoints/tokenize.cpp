// POST /tokenize and /detokenize, as llama.cpp's server has them.
#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/prompt_fields.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, tokenize)
HEARTH_SET_MEMBER(endpoint, detokenize)

namespace {

// Waits for the model, then says on a worker what `make` makes of it.
void with_model(Services& services, const std::string& model, std::function<ApiResult<OrderedJson>(const Engine&)> make,
                std::shared_ptr<HttpReply> reply) {
  services.models.choose(model, [&services, make = std::move(make), reply](ApiResult<Chosen> chosen) {
    if (!chosen) return send_error(*reply, chosen.failure());
    services.post([make, reply, chosen = *chosen] {
      const Engine& engine = chosen.model->loop->engine();
      if (!engine.has_tokenizer()) return send_error(*reply, bad_request("the model has no tokenizer"));
      auto made = make(engine);
      if (!made) return send_error(*reply, made.failure());
      send_json(*reply, *made);
    });
  });
}

void answer_tokenize(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  Fields fields(*body);
  const std::string model = fields.text("model");
  const std::string content = fields.need_text("content");
  const Specials specials = fields.flag("add_special", false) ? Specials::add : Specials::none;
  const bool pieces = fields.flag("with_pieces", false);
  if (auto failure = fields.done()) return send_error(*reply, *failure);
  with_model(
      services, model,
      [=](const Engine& engine) -> ApiResult<OrderedJson> {
        OrderedJson tokens = OrderedJson::array();
        for (const int32_t id : engine.tokenizer().encode(content, specials)) {
          if (pieces) {
            tokens.push_back({{"id", id}, {"piece", std::string(engine.tokenizer().piece(id))}});
          } else {
            tokens.push_back(id);
          }
        }
        return OrderedJson{{"tokens", std::move(tokens)}};
      },
      std::move(reply));
}

void answer_detokenize(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  Fields fields(*body);
  const std::string model = fields.text("model");
  const OrderedJson* list = fields.list("tokens");
  std::vector<PromptAsked> tokens;
  if (list == nullptr || !list->empty()) tokens = read_prompts(fields, "tokens", 1);
  if (!tokens.empty() && !std::holds_alternative<std::vector<int32_t>>(tokens[0]))
    fields.fail("tokens", "want a list of token ids");
  if (auto failure = fields.done()) return send_error(*reply, *failure);
  const auto ids = tokens.empty() ? std::vector<int32_t>() : std::get<std::vector<int32_t>>(tokens[0]);
  with_model(
      services, model,
      [=](const Engine& engine) -> ApiResult<OrderedJson> {
        return OrderedJson{{"content", engine.tokenizer().decode(ids)}};
      },
      std::move(reply));
}

}  // namespace

Endpoint tokenize() { return {.method = "POST", .path = "/tokenize", .answer = answer_tokenize}; }
Endpoint detokenize() { return {.method = "POST", .path = "/detokenize", .answer = answer_detokenize}; }

}  // namespace hearth
