// What baking does with weights, by the interpreter: a prepare graph's outputs from params made by chance.
#pragma once

#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "tests/support/small_graph.h"

namespace hearth {

// Small bf16 numbers, the same for the same name.
inline std::vector<std::byte> param_bytes(const Node& param) {
  int64_t elements = 1;
  for (double extent : param.reals("shape")) elements *= static_cast<int64_t>(extent);
  Chance chance(static_cast<uint32_t>(std::hash<std::string>{}(param.text("name"))));
  const bool vector = param.reals("shape").size() == 1;
  std::vector<uint16_t> halves;
  for (float value : chance.floats(elements, vector ? 0.5f : 0.2f)) halves.push_back(f32_to_bf16(vector ? value + 1 : value));
  return as_bytes(halves);
}

class Prepare {
 public:
  explicit Prepare(const Graph& graph) : graph_(graph) {}

  // Bytes by output name.
  Memory run() {
    Memory outputs;
    for (size_t i = 0; i < graph_.nodes.size(); ++i) done_.push_back(make(graph_.nodes[i]));
    for (const Output& output : graph_.outputs) outputs[output.name] = done_[static_cast<size_t>(output.value)];
    return outputs;
  }

 private:
  const std::vector<std::byte>& operand(const Node& node, size_t i) const { return done_[static_cast<size_t>(node.args[i])]; }
  int64_t row_bytes(Value v) const { return graph_.type(v).shape.back().value(); }

  std::vector<std::byte> make(const Node& node) {
    if (node.op == "param") return param_bytes(node);
    if (node.op == "constant") {
      std::vector<float> values(node.reals("values").begin(), node.reals("values").end());
      return as_bytes(values);
    }
    if (node.op == "concat_rows") {
      std::vector<std::byte> all;
      for (size_t i = 0; i < node.args.size(); ++i) all.insert(all.end(), operand(node, i).begin(), operand(node, i).end());
      return all;
    }
    if (node.op == "widen") return widen(node);
    if (node.op == "encode") return encode(node);
    if (node.op == "pack") return pack(node);
    return {};                           // of the step, not of the weights
  }

  std::vector<std::byte> widen(const Node& node) {
    std::vector<std::byte> from = operand(node, 0), to(static_cast<size_t>(node.integer("elements") * 4));
    run_kernel(widen_kernel(*dtype_of(node.text("from"))), {&from, &to}, {{"elements", node.integer("elements")}});
    return to;
  }

  std::vector<std::byte> encode(const Node& node) {
    const int64_t rows = node.type.shape[0].value();
    std::vector<std::byte> from = operand(node, 0), to(static_cast<size_t>(rows * node.integer("row_bytes")));
    run_kernel(encode_kernel(*find_scheme(node.text("scheme")), *dtype_of(node.text("from"))), {&from, &to},
               {{"rows", rows}, {"columns", node.integer("columns")}});
    return to;
  }

  std::vector<std::byte> pack(const Node& node) {
    const Scheme* scheme = find_scheme(node.text("storage"));
    const Storage2D storage = scheme ? storage_of(*scheme) : storage_of(*dtype_of(node.text("storage")));
    const int64_t rows = graph_.type(node.args[0]).shape[0].value(), blocks = row_bytes(node.args[0]) / storage.block_bytes;
    return packed({rows, blocks * storage.block, operand(node, 0), {}}, node.text("storage"), node.integer("panel"), 1,
                  static_cast<int>(node.integer("word", 4)));
  }

  const Graph& graph_;
  std::vector<std::vector<std::byte>> done_;
};

}  // namespace hearth
