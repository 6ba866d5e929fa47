// Running passes in order, verifying after each.
#include "passes/pass.h"

#include "base/check.h"
#include "ir/text.h"
#include "ops/op.h"

namespace hearth {

Graph run_graph_passes(const Graph& graph, const Target& target, const Watch& watch) {
  Graph current = graph;
  int number = 0;
  const auto step = [&](const char* name, GraphPass pass) {
    current = clean(pass(current, target));
    const auto verified = verify(current);
    CHECK(verified.ok(), "after pass {}: {}", name, verified.message());
    if (watch) watch(number, name, print(current));
    ++number;
  };
#define GRAPH_PASS(name) step(#name, name);
#define LOOP_PASS(name)
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  return current;
}

Program run_loop_passes(const Program& program, const Target& target, const Watch& watch) {
  Program current = program;
  int number = static_cast<int>(graph_pass_names().size()) + 1;
  const auto step = [&](const char* name, LoopPass pass) {
    current = pass(current, target);
    const auto verified = verify(current);
    CHECK(verified.ok(), "after pass {}: {}", name, verified.message());
    if (watch) watch(number, name, print(current));
    ++number;
  };
#define GRAPH_PASS(name)
#define LOOP_PASS(name) step(#name, name);
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  return current;
}

std::vector<std::string> graph_pass_names() {
  return {
#define GRAPH_PASS(name) #name,
#define LOOP_PASS(name)
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  };
}

std::vector<std::string> loop_pass_names() {
  return {
#define GRAPH_PASS(name)
#define LOOP_PASS(name) #name,
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  };
}

}  // namespace hearth
