// store_kv: state f16, kv_write -> state u8, kv_write_q8_0.
#include "passes/store_kv.h"

#include <algorithm>
#include <map>

#include "base/check.h"
#include "ops/pages.h"

namespace hearth {

const std::vector<std::string>& kv_types() {
  static const std::vector<std::string> kTypes = {"f16", "q8_0"};
  return kTypes;
}

Graph store_kv(const Graph& graph, const std::string& type) {
  CHECK(std::find(kv_types().begin(), kv_types().end(), type) != kv_types().end(), "no KV type '{}'", type);
  if (type == "f16") return graph;
  std::map<Value, KvPages> written;              // state -> what its pages are like now
  for (const Node& node : graph.nodes) {
    if (node.op != "kv_write") continue;
    const std::vector<Dim>& shape = graph.type(node.args[1]).shape;
    written[node.args[0]] = {KvPart::key, graph.type(node.args[0]).dtype, shape[1].value(), shape[2].value()};
  }
  return rewrite_graph(graph, [&](Graph& into, const Node& node, Value old) {
    Node changed = node;
    if (const auto found = written.find(old); found != written.end()) {
      KvPages pages = found->second;
      const Dim count = node.type.shape[0] / pages.page_elements();
      pages.dtype = DType::u8;
      changed.type = {DType::u8, {count * pages.page_elements()}};
      changed.attrs["dtype"] = std::string("u8");
      changed.attrs["elements"] = changed.type.shape[0].text();
    } else if (node.op == "kv_write") {
      changed.op = "kv_write_q8_0";
      changed.type = into.type(node.args[0]);
    }
    return append(into, changed);
  });
}

}  // namespace hearth
