// Chat prompts: what transformers' apply_chat_template does, with the card's defaults.
#include "engine/chat_prompt.h"

#include <ctime>

namespace hearth {
namespace {

// Text that a template has rendered: it may hold the beginning-of-text token already.
std::vector<int32_t> encode_rendered(const Engine& engine, const std::string& text) {
  std::vector<int32_t> ids = engine.tokenizer().encode(text, Specials::none);
  const int64_t bos = engine.card().bos_id;
  const bool begins = !ids.empty() && ids.front() == bos;
  if (bos < 0 || begins) return ids;
  const std::vector<int32_t> full = engine.tokenizer().encode(text, Specials::add);
  if (!full.empty() && full.front() == bos) ids.insert(ids.begin(), full.front());
  return ids;
}

}  // namespace

Result<int64_t> read_time(const OrderedJson& value) {
  if (value.is_number()) {
    const double seconds = value.get<double>();
    if (seconds > -1e15 && seconds < 1e15) return static_cast<int64_t>(seconds);
  }
  if (value.is_string()) {
    const std::string text = value.get<std::string>();
    std::tm time{};
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &time);
    if (end == nullptr) end = strptime(text.c_str(), "%Y-%m-%d", &time);
    if (end != nullptr && (*end == 0 || *end == 'Z' || *end == '.')) return static_cast<int64_t>(timegm(&time));
  }
  return error("template: 'now': want Unix seconds or \"2026-03-14T15:09:26\", got {}", dump(Json(value)).substr(0, 80));
}

Result<std::string> render_chat(const Template& source, OrderedJson values, const OrderedJson& defaults) {
  int64_t now = static_cast<int64_t>(std::time(nullptr));
  if (values.contains("now") && !values["now"].is_null()) {
    TRY(now, read_time(values["now"]));
  }
  values.erase("now");
  for (const auto& item : defaults.items()) {
    if (!values.contains(item.key())) values[item.key()] = item.value();
  }
  for (const char* key : {"tools", "documents"}) {       // what transformers always gives, None where the caller gave nothing
    if (!values.contains(key)) values[key] = nullptr;
  }
  return source.render(values, now);
}

Result<ChatPrompt> chat_prompt(const Engine& engine, OrderedJson values) {
  const ModelCard& card = engine.card();
  if (!engine.has_tokenizer()) return error("chat: the model '{}' has no tokenizer; give ids instead of text", card.name);
  if (engine.chat_template() == nullptr) {
    return error("chat: the model '{}' has no chat template; give a prompt instead of messages", card.name);
  }
  if (!values.contains("add_generation_prompt")) values["add_generation_prompt"] = true;
  OrderedJson defaults = OrderedJson::object();
  if (card.details.is_object() && has(card.details, "template_values") && card.details["template_values"].is_object()) {
    for (const auto& item : card.details["template_values"].items()) defaults[item.key()] = OrderedJson(item.value());
  }
  ChatPrompt prompt;
  TRY(prompt.text, render_chat(*engine.chat_template(), std::move(values), defaults));
  prompt.ids = encode_rendered(engine, prompt.text);
  if (prompt.ids.empty()) return error("chat: the template of '{}' gave no text for these messages", card.name);
  return prompt;
}

}  // namespace hearth
