// Interfaces and cards.
#include "bake/describe.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "ops/pages.h"
#include "passes/cost.h"

namespace hearth {
namespace {

BufferRole role_of(Role role) {
  switch (role) {
    case Role::input: return BufferRole::input;
    case Role::output: return BufferRole::output;
    case Role::state: return BufferRole::state;
    case Role::weight: return BufferRole::weight;
    case Role::scratch: return BufferRole::scratch;
  }
  return BufferRole::scratch;
}

// An id or a list of ids under `key`, appended without repeats.
Result<Done> add_ids(const Json& config, const char* who, std::vector<int64_t>& ids) {
  if (!has(config, "eos_token_id")) return Done{};
  const Json& value = config["eos_token_id"];
  const Json list = value.is_array() ? value : Json::array({value});
  for (const Json& id : list) {
    if (!id.is_number_integer()) return error("{}: 'eos_token_id': got {}, want an id or a list of ids", who, id.type_name());
    const int64_t number = id.get<int64_t>();
    if (std::find(ids.begin(), ids.end(), number) == ids.end()) ids.push_back(number);
  }
  return Done{};
}

// tokenizer_config's special tokens as text: a string, or an added-token object with "content".
Json template_values(const Json& config) {
  Json values = Json::object();
  for (const char* key : {"bos_token", "eos_token", "pad_token", "unk_token"}) {
    if (!has(config, key)) continue;
    const Json& token = config[key];
    if (token.is_string()) values[key] = token;
    else if (token.is_object() && has(token, "content") && token["content"].is_string()) values[key] = token["content"];
  }
  return values;
}

Json sampling_defaults(const Json& generation) {
  Json values = Json::object();
  for (const char* key : {"temperature", "top_k", "top_p", "min_p", "repetition_penalty"})
    if (has(generation, key) && generation[key].is_number()) values[key] = generation[key];
  if (has(generation, "do_sample") && generation["do_sample"] == false) values["temperature"] = 0;
  return values;
}

// A formula the reader takes; one too long for it says nothing.
std::string cost_text(const Dim& cost) {
  constexpr size_t kMost = 4000;
  const std::string text = cost.text();
  return text.size() <= kMost ? text : "";
}

}  // namespace

Interface interface_of(const Program& program, const std::string& target) {
  Interface interface;
  interface.target = target;
  interface.arena_bytes = program.arena_bytes;
  for (const SizeDecl& size : program.sizes) interface.sizes.push_back({size.name, size.at_least, size.at_most});
  std::map<std::string, int> buffer_of, kernel_of;
  for (const ProgramBuffer& buffer : program.buffers) {
    buffer_of[buffer.name] = static_cast<int>(interface.buffers.size());
    interface.buffers.push_back({buffer.name, buffer.dtype, buffer.elements.text(), role_of(buffer.role), buffer.offset});
  }
  const std::vector<Cost> costs = costs_of(program);
  for (size_t i = 0; i < program.kernels.size(); ++i) {
    const Kernel& kernel = program.kernels[i];
    kernel_of[kernel.name] = static_cast<int>(i);
    interface.kernels.push_back({kernel.name, kernel.extent.text(), cost_text(costs[i].bytes), cost_text(costs[i].dots),
                                 cost_text(costs[i].floats)});
  }
  for (const Launch& launch : program.launches) {
    LaunchRecord record;
    for (const Variant& variant : launch.variants)
      record.variants.push_back({kernel_of.at(variant.kernel), variant.size.text(), variant.at_least, variant.at_most});
    for (const std::string& name : launch.buffers) record.buffers.push_back(buffer_of.at(name));
    interface.launches.push_back(std::move(record));
  }
  return interface;
}

Result<ModelCard> card_of(const Model& model, const Checkpoint& checkpoint) {
  ModelCard card;
  card.name = checkpoint.name;
  card.family = model.family;
  card.vocabulary = model.vocabulary;
  card.context = model.context;
  card.sliding_window = model.sliding_window;
  card.page_tokens = kPageTokens;
  TRY_DONE(add_ids(checkpoint.config, "config.json", card.end_ids));
  TRY_DONE(add_ids(checkpoint.generation_config, "generation_config.json", card.end_ids));
  if (has(checkpoint.config, "bos_token_id") && checkpoint.config["bos_token_id"].is_number_integer())
    card.bos_id = checkpoint.config["bos_token_id"].get<int64_t>();
  card.details = {{"template_values", template_values(checkpoint.tokenizer_config)},
                  {"sampling", sampling_defaults(checkpoint.generation_config)},
                  {"source_format", checkpoint.source_format}};
  return card;
}

}  // namespace hearth
