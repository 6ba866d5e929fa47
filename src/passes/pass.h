// A pass: a pure function from IR to IR, given facts about the target. pass_list.h is the order they run in.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"
#include "ir/loop.h"
#include "targets/target.h"

namespace hearth {

using GraphPass = Graph (*)(const Graph&, const Target&);
using LoopPass = Program (*)(const Program&, const Target&);

#define GRAPH_PASS(name) Graph name(const Graph& graph, const Target& target);
#define LOOP_PASS(name) Program name(const Program& program, const Target& target);
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS

// Sees the IR after each pass: number in order, name, text. For --dump and `show --ir`.
using Watch = std::function<void(int number, const std::string& name, const std::string& text)>;

// When the verifier runs. Tests look after each pass; baking looks once at the end, which costs a tenth as much.
enum class Verify { each_pass, last };

// Runs every pass of its level in the order of pass_list.h. A law broken by a pass is our own bug and aborts with the
// pass's name. `watch` may be empty.
Graph run_graph_passes(const Graph& graph, const Target& target, const Watch& watch, Verify when = Verify::each_pass);
Program run_loop_passes(const Program& program, const Target& target, const Watch& watch, Verify when = Verify::each_pass);

std::vector<std::string> graph_pass_names();
std::vector<std::string> loop_pass_names();

}  // namespace hearth
