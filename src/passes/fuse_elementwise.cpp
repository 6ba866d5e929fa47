// fuse_elementwise: marks (attribute fused = 1) what is computed inside its consumer instead of in memory of its own.
//
//   views (reshape, slice, select)      always: only indices change
//   elementwise op with one reader      inlined where it is read, unless a product would recompute it for every column
//   row_reduce with one reader          computed once a row before the row is read, where the kernel works on that very row
//   product or row op with one reader   its reader, elementwise over the same shape, becomes its epilogue
//   decode                              always: readers decode as they read
#include "passes/pass.h"

#include <algorithm>

#include "ops/op.h"

namespace hearth {
namespace {

bool is_view(const Node& node) { return node.op == "reshape" || node.op == "slice_columns" || node.op == "select_rows"; }
bool has_loops(OpClass kind) { return kind == OpClass::contraction || kind == OpClass::row; }

class Fuser {
 public:
  explicit Fuser(const Graph& graph) : graph_(graph), readers_(graph.nodes.size()), fused_(graph.nodes.size(), false) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (Value arg : graph.nodes[i].args) readers_[static_cast<size_t>(arg)].push_back(static_cast<Value>(i));
    for (const Output& output : graph.outputs) outputs_.push_back(output.value);
  }

  Graph run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) fuse_into_reader(static_cast<Value>(i));
    for (size_t i = 0; i < graph_.nodes.size(); ++i) keep_other_rows(static_cast<Value>(i));
    for (size_t i = 0; i < graph_.nodes.size(); ++i) fuse_epilogue(static_cast<Value>(i));
    Graph result = graph_;
    for (size_t i = 0; i < result.nodes.size(); ++i)
      if (fused_[i]) result.nodes[i].attrs["fused"] = int64_t{1};
    return result;
  }

 private:
  bool is_output(Value v) const { return std::find(outputs_.begin(), outputs_.end(), v) != outputs_.end(); }
  OpClass kind(Value v) const { return op_of(graph_[v]).kind; }

  // Who reads the elements of v, looking through views.
  std::vector<Value> element_readers(Value v) const {
    std::vector<Value> found;
    for (Value reader : readers_[static_cast<size_t>(v)]) {
      if (!is_view(graph_[reader])) {
        found.push_back(reader);
        continue;
      }
      if (is_output(reader)) found.push_back(reader);
      for (Value further : element_readers(reader)) found.push_back(further);
    }
    return found;
  }

  void fuse_into_reader(Value v) {
    const Node& node = graph_[v];
    if (node.op == "decode" || (is_view(node) && !is_output(v))) {
      fused_[static_cast<size_t>(v)] = true;
      return;
    }
    const bool light = kind(v) == OpClass::injective || kind(v) == OpClass::row_reduce;
    if (!light || is_output(v)) return;
    const std::vector<Value> readers = element_readers(v);
    if (readers.size() != 1) return;
    const OpClass reader = kind(readers[0]);
    fused_[static_cast<size_t>(v)] = reader == OpClass::injective || reader == OpClass::row || reader == OpClass::effect;
  }

  // What the rows of v's kernel are: all axes but the last.
  std::vector<Dim> rows_of(Value v) const {
    std::vector<Dim> shape = graph_.type(kind(v) == OpClass::effect ? graph_[v].args[1] : v).shape;
    if (!shape.empty()) shape.pop_back();
    return shape;
  }

  // A fused row_reduce is computed for the row its kernel works on: behind a view or among other rows it would be another row's.
  void keep_other_rows(Value v) {
    if (kind(v) != OpClass::row_reduce) return;
    for (Value at = v; fused_[static_cast<size_t>(at)];) {
      at = readers_[static_cast<size_t>(at)][0];
      if (is_view(graph_[at]) || rows_of(at) != rows_of(v)) fused_[static_cast<size_t>(v)] = false;
    }
  }

  // Does v's kernel compute a row_reduce first?
  bool reduces_first(Value v) const {
    return std::any_of(graph_[v].args.begin(), graph_[v].args.end(), [&](Value arg) {
      return fused_[static_cast<size_t>(arg)] && (kind(arg) == OpClass::row_reduce || reduces_first(arg));
    });
  }

  // The node whose memory v's consumer chain ends in, or -1 if the chain meets other loops on its way.
  Value end_of_chain(Value v) const {
    while (fused_[static_cast<size_t>(v)]) {
      if (readers_[static_cast<size_t>(v)].size() != 1) return -1;
      const Value reader = readers_[static_cast<size_t>(v)][0];
      const bool same_shape = kind(reader) == OpClass::effect || graph_.type(reader).shape == graph_.type(v).shape;
      const bool passes_on = kind(reader) == OpClass::injective || kind(reader) == OpClass::effect;
      if (!passes_on || !same_shape || is_view(graph_[reader])) return -1;
      v = reader;
    }
    return v;
  }

  void fuse_epilogue(Value v) {
    if (!has_loops(kind(v)) || graph_[v].op == "quantize_rows" || is_output(v)) return;
    fused_[static_cast<size_t>(v)] = true;
    const Value end = end_of_chain(v);
    const bool alone = end >= 0 && end != v && std::find(ends_.begin(), ends_.end(), end) == ends_.end();
    const bool allowed = alone && (kind(end) == OpClass::injective || op_of(graph_[end]).write);
    const bool by_rows = kind(v) == OpClass::row || !allowed || !reduces_first(end);      // a product finishes no whole rows
    fused_[static_cast<size_t>(v)] = allowed && by_rows;
    if (allowed && by_rows) ends_.push_back(end);
  }

  const Graph& graph_;
  std::vector<std::vector<Value>> readers_;
  std::vector<bool> fused_;
  std::vector<Value> outputs_, ends_;
};

}  // namespace

Graph fuse_elementwise(const Graph& graph, const Target&) { return Fuser(graph).run(); }

}  // namespace hearth
