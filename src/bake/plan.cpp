// Choosing a scheme for each weight.
#include "bake/plan.h"

#include <algorithm>

#include "bake/bake.h"
#include "base/check.h"
#include "quant/layout.h"
#include "quant/scheme.h"

namespace hearth {
namespace {

constexpr int64_t kSmall = 500'000'000, kMiddle = 4'000'000'000;     // parameters

int64_t row_bytes(const std::string& storage, int64_t columns) {
  const Scheme* scheme = find_scheme(storage);
  if (scheme) return columns / scheme->block * scheme->block_bytes();
  const auto dtype = dtype_of(storage);
  CHECK(dtype, "no storage '{}'", storage);
  return columns * bytes_of(*dtype);
}

bool is_plain(const std::string& storage) { return dtype_of(storage).has_value(); }

double bytes_an_element(const Scheme& scheme) { return static_cast<double>(scheme.block_bytes()) / scheme.block; }

// "q4_k" for rows of 96 -> the next larger scheme whose block divides 96 (q8_0), or the storage the tensor has.
std::string fitting_scheme(const std::string& asked, int64_t columns, const std::string& stored) {
  const Scheme& wanted = *find_scheme(asked);
  if (columns % wanted.block == 0) return asked;
  const Scheme* best = nullptr;
  for (const std::string& name : scheme_names()) {
    const Scheme& scheme = *find_scheme(name);
    const bool fits = columns % scheme.block == 0 && bytes_an_element(scheme) > bytes_an_element(wanted);
    if (fits && (!best || bytes_an_element(scheme) < bytes_an_element(*best))) best = &scheme;
  }
  return best ? best->name : stored;
}

std::string shape_text(const std::vector<int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Result<ParamPlan> plan_one(const Node& param, const Checkpoint& checkpoint, const std::string& quant) {
  const std::string& name = param.text("name");
  std::vector<int64_t> want;
  for (double extent : param.reals("shape")) want.push_back(static_cast<int64_t>(extent));
  const auto it = checkpoint.tensors.find(name);
  if (it == checkpoint.tensors.end())
    return error("weights: '{}' is missing, want a tensor of shape {}", name, shape_text(want));
  const Tensor& tensor = it->second;
  if (tensor.shape != want)
    return error("weights: '{}': got shape {}, want {} as config.json says", name, shape_text(tensor.shape), shape_text(want));
  ParamPlan plan;
  plan.stored = plan.scheme = tensor.storage.name;
  if (is_plain(plan.stored) && !is_float(*dtype_of(plan.stored)))
    return error("weights: '{}': got elements of type {}, want f32, f16 or bf16", name, plan.stored);
  const bool matrix = want.size() == 2;
  if (matrix && is_plain(plan.stored) && find_scheme(quant)) plan.scheme = fitting_scheme(quant, want[1], plan.stored);
  if (!matrix && !is_plain(plan.stored))
    return error("weights: '{}': got a vector stored as {}, want f32, f16 or bf16", name, plan.stored);
  plan.stored_row_bytes = row_bytes(plan.stored, want.back());
  plan.row_bytes = row_bytes(plan.scheme, want.back());
  const int64_t rows = matrix ? want[0] : 1;
  if (static_cast<int64_t>(tensor.bytes.size()) != rows * plan.stored_row_bytes)
    return error("weights: '{}': got {} bytes, want {}", name, tensor.bytes.size(), rows * plan.stored_row_bytes);
  if (tensor.row_order == RowOrder::rope_pairs) {
    const bool key = name.find(".k_proj.") != std::string::npos;
    const char* heads = key && has(checkpoint.config, "num_key_value_heads") ? "num_key_value_heads" : "num_attention_heads";
    TRY(plan.rope_heads, get_int(checkpoint.config, heads, "config.json"));
    if (plan.rope_heads <= 0 || want[0] % (2 * plan.rope_heads) != 0)
      return error("weights: '{}': got {} rows, want a multiple of 2 * {} heads", name, want[0], plan.rope_heads);
  }
  return plan;
}

// "attention", "mlp", "embedding", "output", "norms and biases": what `show` sums over.
std::string class_of(const std::string& name, bool matrix) {
  if (!matrix) return "norms and biases";
  for (const auto& [part, title] : {std::pair{"self_attn", "attention"}, {"mlp", "mlp"}, {"embed", "embedding"}, {"lm_head", "output"}})
    if (name.find(part) != std::string::npos) return title;
  return "other";
}

// Biases and norms always change the answer: a file that has some the family does not know is another model.
Result<Done> check_all_read(const Checkpoint& checkpoint, const std::map<std::string, ParamPlan>& plans) {
  for (const auto& [name, tensor] : checkpoint.tensors)
    if ((name.ends_with(".bias") || name.ends_with("norm.weight")) && !plans.count(name))
      return error("weights: '{}': got a tensor that no model of this family has, want one that all tensors belong to", name);
  return Done{};
}

}  // namespace

Result<std::map<std::string, ParamPlan>> plan_params(const Graph& graph, const Checkpoint& checkpoint, const std::string& quant) {
  std::map<std::string, ParamPlan> plans;
  for (const Node& node : graph.nodes) {
    if (node.op != "param" || plans.count(node.text("name"))) continue;
    TRY(ParamPlan plan, plan_one(node, checkpoint, quant));
    plans[node.text("name")] = plan;
  }
  TRY_DONE(check_all_read(checkpoint, plans));
  return plans;
}

Json describe_plans(const Graph& graph, const std::map<std::string, ParamPlan>& plans, const std::string& quant) {
  struct Sum {
    int64_t tensors = 0, bytes = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  Json notes = Json::array();
  int64_t parameters = 0, bytes = 0;
  std::map<std::string, bool> seen;
  for (const Node& node : graph.nodes) {
    if (node.op != "param" || seen[node.text("name")]) continue;
    seen[node.text("name")] = true;
    const ParamPlan& plan = plans.at(node.text("name"));
    const bool matrix = node.reals("shape").size() == 2;
    const auto rows = static_cast<int64_t>(matrix ? node.reals("shape")[0] : 1);
    const auto columns = static_cast<int64_t>(node.reals("shape").back());
    parameters += rows * columns;
    const std::string scheme = matrix ? plan.scheme : "f32";
    const int64_t size = matrix ? rows * plan.row_bytes : columns * 4;
    bytes += size;
    Sum& sum = sums[{class_of(node.text("name"), matrix), scheme}];
    ++sum.tensors;
    sum.bytes += size;
    if (matrix && find_scheme(quant) && is_plain(plan.stored) && plan.scheme != quant)
      notes.push_back(fmt::format("'{}' is {}: its rows of {} are no multiple of {}'s block of {}", node.text("name"), plan.scheme,
                                  columns, quant, find_scheme(quant)->block));
  }
  Json classes = Json::array();
  for (const auto& [key, sum] : sums)
    classes.push_back({{"class", key.first}, {"scheme", key.second}, {"tensors", sum.tensors}, {"bytes", sum.bytes}});
  return {{"classes", classes}, {"notes", notes}, {"parameters", parameters}, {"weight_bytes", bytes}};
}

Result<std::string> chosen_quant(const Checkpoint& checkpoint, const std::string& asked) {
  if (asked == "none" || find_scheme(asked)) return asked;
  if (!asked.empty()) return error("bake: got --quant {}, want none, {}", asked, fmt::join(scheme_names(), ", "));
  if (checkpoint.source_format == "gguf") return std::string("as stored");
  int64_t parameters = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    int64_t elements = 1;
    for (int64_t extent : tensor.shape) elements *= extent;
    parameters += elements;
  }
  return std::string(parameters <= kSmall ? "none" : parameters <= kMiddle ? "q8_0" : "q4_k");
}

}  // namespace hearth
