// PEFT adapters: the config says what kind and how strong, the tensors say which matrices.
#include "weights/peft.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>

#include "base/dtype.h"
#include "weights/checks.h"
#include "weights/safetensors.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "adapter_config.json";
constexpr const char* kTensors = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";
constexpr std::string_view kLayers = "model.layers.";
constexpr const char* kMatrices[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                     "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

// Keys of other kinds of adapters, which must be false, or null or empty.
constexpr const char* kFalse[] = {"fan_in_fan_out", "use_dora", "lora_bias", "use_qalora"};
constexpr const char* kNothing[] = {"modules_to_save",         "layer_replication", "alora_invocation_tokens",
                                    "trainable_token_indices", "target_parameters", "arrow_config"};
// Ways to begin training that leave the model's own weights alone; others move a part of them into the adapter.
constexpr const char* kGentleStarts[] = {"gaussian", "eva", "orthogonal"};

struct Pattern {
  std::string end;  // of a module's name
  double value = 0;
};

struct Config {
  std::string who;
  int64_t rank = 0;
  double alpha = 0;
  bool by_root = false;  // alpha / sqrt(rank)
  std::vector<Pattern> ranks, alphas;
  std::vector<std::string> targets;
  bool lists_targets = false;
};

// Is `end` the whole of `name`, or what stands after one of its dots?
bool ends_in(std::string_view name, std::string_view end) {
  if (!name.ends_with(end)) return false;
  return name.size() == end.size() || name[name.size() - end.size() - 1] == '.';
}

template <class List>
bool is_one_of(const List& list, std::string_view text) {
  return std::any_of(std::begin(list), std::end(list), [&](const char* one) { return text == one; });
}

Result<Done> refuse_other_kinds(const Json& config, const std::string& who) {
  TRY(const std::string kind, get_string(config, "peft_type", who));
  if (kind != "LORA") return error("{}: 'peft_type': got {}, want LORA", who, shown(kind));
  for (const char* key : kFalse) {
    if (!has(config, key)) continue;
    TRY(const bool on, get_bool(config, key, who));
    if (on) return error("{}: '{}': got true, want false: only plain LoRA is read", who, key);
  }
  for (const char* key : kNothing)
    if (has(config, key) && !config[key].empty())
      return error("{}: '{}': got {}, want null: only plain LoRA is read", who, key, shown(dump(config[key])));
  if (has(config, "bias")) {
    TRY(const std::string bias, get_string(config, "bias", who));
    if (bias != "none") return error("{}: 'bias': got {}, want none", who, shown(bias));
  }
  if (has(config, "init_lora_weights") && config["init_lora_weights"].is_string()) {
    const std::string start = config["init_lora_weights"].get<std::string>();
    if (!is_one_of(kGentleStarts, start))
      return error("{}: 'init_lora_weights': got {}, which changes the model's own weights: convert it to a plain LoRA",
                   who, shown(start));
  }
  return Done{};
}

// {"q_proj": 8, "model.layers.0.mlp.up_proj": 16}, in the file's order: the first that fits holds.
Result<std::vector<Pattern>> read_patterns(const OrderedJson& config, const char* key, const std::string& who) {
  std::vector<Pattern> patterns;
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return patterns;
  if (!found->is_object()) return error("{}: '{}': got {}, want an object", who, key, found->type_name());
  for (const auto& item : found->items()) {
    std::string end = item.key();
    if (end.starts_with('^')) end.erase(0, 1);
    if (end.empty() || end.find_first_of("*+?()[]{}|\\^$") != std::string::npos)
      return error("{}: '{}': got the pattern {}, want names of modules", who, key, shown(item.key()));
    if (!item.value().is_number())
      return error("{}: '{}': {}: got {}, want a number", who, key, shown(item.key()), item.value().type_name());
    patterns.push_back({end, item.value().get<double>()});
  }
  return patterns;
}

double value_for(const std::vector<Pattern>& patterns, std::string_view name, double otherwise) {
  const auto found = std::find_if(patterns.begin(), patterns.end(),
                                  [&](const Pattern& pattern) { return ends_in(name, pattern.end); });
  return found == patterns.end() ? otherwise : found->value;
}

Result<Done> read_targets(const Json& json, Config& config) {
  if (!has(json, "target_modules")) return Done{};
  const Json& targets = json["target_modules"];
  if (targets.is_string()) return Done{};  // a pattern, or all-linear: the tensors say what it found
  if (!targets.is_array())
    return error("{}: 'target_modules': got {}, want a list of names", config.who, targets.type_name());
  for (const Json& target : targets) {
    if (!target.is_string())
      return error("{}: 'target_modules': got {} in the list, want names", config.who, target.type_name());
    config.targets.push_back(target.get<std::string>());
  }
  config.lists_targets = true;
  return Done{};
}

Result<Config> read_config(const std::string& path) {
  Config config;
  config.who = "adapter: " + shown(path);
  TRY(const std::string text, read_file(path));
  TRY(const Json json, parse_json(text, config.who));
  TRY(const OrderedJson ordered, parse_ordered_json(text, config.who));
  if (!json.is_object()) return error("{}: got {}, want an object", config.who, json.type_name());
  TRY_DONE(refuse_other_kinds(json, config.who));
  TRY(config.rank, get_int(json, "r", config.who));
  if (config.rank < 1) return error("{}: 'r': got {}, want at least 1", config.who, config.rank);
  TRY(config.alpha, get_number(json, "lora_alpha", config.who));
  if (has(json, "use_rslora")) {
    TRY(config.by_root, get_bool(json, "use_rslora", config.who));
  }
  TRY(config.ranks, read_patterns(ordered, "rank_pattern", config.who));
  TRY(config.alphas, read_patterns(ordered, "alpha_pattern", config.who));
  TRY_DONE(read_targets(json, config));
  return config;
}

struct Place {
  std::string matrix;
  bool is_down = false;
};

// "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight" -> the matrix and which half; nothing for other
// names.
std::optional<Place> place_of(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  Place place;
  size_t end = std::string_view::npos;
  for (const char* suffix : {".lora_A.weight", ".lora_A.default.weight", ".lora_B.weight", ".lora_B.default.weight"}) {
    if (!name.ends_with(suffix)) continue;
    end = name.size() - std::string_view(suffix).size();
    place.is_down = std::string_view(suffix).starts_with(".lora_A");
  }
  if (end == std::string_view::npos || !name.starts_with(kLayers)) return std::nullopt;
  place.matrix = name.substr(0, end);
  const std::string_view rest = std::string_view(place.matrix).substr(kLayers.size());
  const size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
  const bool numbered = digits > 0 && digits < rest.size() && rest[digits] == '.';
  if (!numbered || !is_one_of(kMatrices, rest.substr(digits + 1))) return std::nullopt;
  return place;
}

Result<std::vector<float>> floats_of(const Tensor& tensor, const std::string& what) {
  const std::string& storage = tensor.storage.name;
  const auto dtype = dtype_of(storage);
  if (!dtype || !is_float(*dtype) || (*dtype != DType::f32 && *dtype != DType::f16 && *dtype != DType::bf16))
    return error("{}: got elements of type {}, want f32, f16 or bf16", what, storage);
  const size_t width = static_cast<size_t>(hearth::bytes_of(*dtype));
  std::vector<float> values(tensor.bytes.size() / width);
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half = 0;
    if (*dtype == DType::f32)
      std::memcpy(&values[i], tensor.bytes.data() + i * width, width);
    else
      std::memcpy(&half, tensor.bytes.data() + i * width, width);
    if (*dtype == DType::f16) values[i] = f16_to_f32(half);
    if (*dtype == DType::bf16) values[i] = bf16_to_f32(half);
  }
  return values;
}

struct Halves {
  std::string down_name, up_name;
  const Tensor *down = nullptr, *up = nullptr;
};

Result<std::map<std::string, Halves>> pair_up(const std::set<std::string>& names,
                                              const std::map<std::string, Tensor>& tensors, const std::string& who) {
  std::map<std::string, Halves> pairs;
  for (const std::string& name : names) {
    const auto place = place_of(name);
    const auto found = tensors.find(name);
    if (!place || found == tensors.end())
      return error("{}: got the tensor {}, want only lora_A and lora_B of the layers' matrices", who, shown(name));
    Halves& pair = pairs[place->matrix];
    const Tensor*& half = place->is_down ? pair.down : pair.up;
    if (half) return error("{}: got {} twice, once with .default", who, shown(name));
    half = &found->second;
    (place->is_down ? pair.down_name : pair.up_name) = name;
  }
  for (const auto& [matrix, pair] : pairs)
    if (!pair.down || !pair.up)
      return error("{}: {}: got {} alone, want lora_A and lora_B", who, shown(matrix), pair.down ? "lora_A" : "lora_B");
  if (pairs.empty()) return error("{}: got no tensors, want lora_A and lora_B of some matrices", who);
  return pairs;
}

Result<PeftMatrix> read_matrix(const std::string& name, const Halves& pair, const Config& config,
                               const std::string& who) {
  const std::string down_what = fmt::format("{}: {}", who, shown(pair.down_name));
  const std::string up_what = fmt::format("{}: {}", who, shown(pair.up_name));
  for (const auto& [tensor, what] : {std::pair{pair.down, down_what}, {pair.up, up_what}})
    if (tensor->shape.size() != 2) return error("{}: got {} axes, want 2", what, tensor->shape.size());
  const double rank = value_for(config.ranks, name, static_cast<double>(config.rank));
  PeftMatrix matrix{name, pair.down->shape[0], pair.down->shape[1], pair.up->shape[0], 1, {}, {}};
  if (static_cast<double>(matrix.rank) != rank)
    return error("{}: got rank {}, want {} as {} says", down_what, matrix.rank, rank, kConfig);
  if (pair.up->shape[1] != matrix.rank)
    return error("{}: got rank {}, want {} as lora_A has", up_what, pair.up->shape[1], matrix.rank);
  const bool targeted = std::any_of(config.targets.begin(), config.targets.end(),
                                    [&](const std::string& target) { return ends_in(name, target); });
  if (config.lists_targets && !targeted)
    return error("{}: got a tensor of {}, want one of 'target_modules'", who, shown(name));
  const double alpha = value_for(config.alphas, name, config.alpha);
  const double scale = alpha / (config.by_root ? std::sqrt(rank) : rank);
  if (!(std::fabs(scale) <= std::numeric_limits<float>::max()))
    return error("{}: {}: got alpha {}, want a smaller one", config.who, shown(name), alpha);
  matrix.scale = static_cast<float>(scale);
  TRY(matrix.down, floats_of(*pair.down, down_what));
  TRY(matrix.up, floats_of(*pair.up, up_what));
  return matrix;
}

}  // namespace

Result<std::vector<PeftMatrix>> read_peft(const std::string& folder) {
  const std::string config_path = (fs::path(folder) / kConfig).string(), path = (fs::path(folder) / kTensors).string();
  std::error_code ignored;
  if (!fs::exists(config_path, ignored))
    return error("adapter: {}: got no {}, want a PEFT folder", shown(folder), kConfig);
  TRY(const Config config, read_config(config_path));
  if (!fs::exists(path, ignored)) {
    const bool old = fs::exists(fs::path(folder) / "adapter_model.bin", ignored);
    return error("adapter: {}: got {}, want {}", shown(folder),
                 old ? "adapter_model.bin, which is not read here" : "no tensors", kTensors);
  }
  const std::string who = "adapter: " + shown(path);
  TRY(const MappedFile file, MappedFile::open(path));
  std::map<std::string, Tensor> tensors;
  TRY(const auto names, read_safetensors_names(file.bytes(), who, tensors));
  TRY(const auto pairs, pair_up(names, tensors, who));
  std::vector<PeftMatrix> matrices;
  for (const auto& [name, pair] : pairs) {
    TRY(PeftMatrix matrix, read_matrix(name, pair, config, who));
    matrices.push_back(std::move(matrix));
  }
  return matrices;
}

}  // namespace hearth
