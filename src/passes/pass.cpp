// Running passes in order, verifying after each.
#include "passes/pass.h"

#include "base/check.h"
#include "ir/text.h"
#include "ops/op.h"

namespace hearth {

namespace {

template <class Ir>
void check_laws(const Ir& ir, const char* after) {
  const auto verified = verify(ir);
  CHECK(verified.ok(), "after pass {}: {}", after, verified.message());
}

}  // namespace

Graph run_graph_passes(const Graph& graph, const Target& target, const Watch& watch, Verify when) {
  Graph current = graph;
  int number = 0;
  const auto step = [&](const char* name, GraphPass pass) {
    current = clean(pass(current, target));
    if (when == Verify::each_pass) check_laws(current, name);
    if (watch) watch(number, name, print(current));
    ++number;
  };
#define GRAPH_PASS(name) step(#name, name);
#define LOOP_PASS(name)
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  check_laws(current, "the last one on graphs");
  return current;
}

Program run_loop_passes(const Program& program, const Target& target, const Watch& watch, Verify when) {
  Program current = program;
  int number = static_cast<int>(graph_pass_names().size()) + 1;
  const auto step = [&](const char* name, LoopPass pass) {
    current = pass(current, target);
    if (when == Verify::each_pass) check_laws(current, name);
    if (watch) watch(number, name, print(current));
    ++number;
  };
#define GRAPH_PASS(name)
#define LOOP_PASS(name) step(#name, name);
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
  check_laws(current, "the last one on loops");
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
