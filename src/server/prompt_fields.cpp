// Prompts: texts and ids.
#include "server/prompt_fields.h"

#include <limits>
#include <optional>

namespace hearth {
namespace {

// A list of ids, or nullopt where something in it is none.
std::optional<std::vector<int32_t>> as_ids(const OrderedJson& list) {
  std::vector<int32_t> ids;
  for (const OrderedJson& item : list) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int32_t>::max()))
      return std::nullopt;
    ids.push_back(item.get<int32_t>());
  }
  return ids;
}

std::optional<PromptAsked> as_prompt(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array() || value.empty()) return std::nullopt;
  auto ids = as_ids(value);
  if (!ids) return std::nullopt;
  return std::move(*ids);
}

}  // namespace

std::vector<PromptAsked> read_prompts(Fields& fields, const std::string& key, size_t most) {
  const OrderedJson* value = fields.any(key);
  std::vector<PromptAsked> prompts;
  if (value == nullptr) {
    fields.fail(key, "is missing, want a string, token ids, or a list of either");
    return prompts;
  }
  if (auto single = as_prompt(*value)) return {std::move(*single)};
  if (!value->is_array() || value->empty()) {
    fields.fail(key, fmt::format("got {}, want a string, token ids, or a list of either",
                                 value->is_array() ? "an empty list" : value->type_name()));
    return prompts;
  }
  if (value->size() > most) fields.fail(key, fmt::format("got {} prompts, want at most {}", value->size(), most));
  for (size_t i = 0; i < value->size() && !fields.failed(); ++i) {
    auto one = as_prompt((*value)[i]);
    if (!one) {
      fields.fail(fmt::format("{}[{}]", key, i), "want a string or a list of token ids");
    } else {
      prompts.push_back(std::move(*one));
    }
  }
  return prompts;
}

ApiResult<std::vector<std::vector<int32_t>>> prompt_ids(const std::vector<PromptAsked>& prompts, const Engine& engine,
                                                        const std::string& param) {
  std::vector<std::vector<int32_t>> all;
  for (const PromptAsked& prompt : prompts) {
    if (const auto* ids = std::get_if<std::vector<int32_t>>(&prompt)) {
      all.push_back(*ids);
      continue;
    }
    if (!engine.has_tokenizer())
      return bad_request("the model has no tokenizer; give token ids instead of text", param);
    all.push_back(engine.tokenizer().encode(std::get<std::string>(prompt), Specials::add));
    if (all.back().empty() && engine.card().bos_id >= 0) all.back() = {static_cast<int32_t>(engine.card().bos_id)};
    if (all.back().empty())
      return bad_request(fmt::format("'{}': the text is empty, want at least one token", param), param);
  }
  return all;
}

}  // namespace hearth
