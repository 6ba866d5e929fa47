// Prompts as OpenAI's completions and embeddings take them: a text, ids, or a list of either.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/engine.h"
#include "server/fields.h"

namespace hearth {

using PromptAsked = std::variant<std::string, std::vector<int32_t>>;

// At least one, at most `most`; failures stay in `fields`.
std::vector<PromptAsked> read_prompts(Fields& fields, const std::string& key, size_t most);

// The ids of each, text with what the tokenizer adds (BOS). `param`: the field, for errors.
ApiResult<std::vector<std::vector<int32_t>>> prompt_ids(const std::vector<PromptAsked>& prompts, const Engine& engine,
                                                        const std::string& param);

}  // namespace hearth
