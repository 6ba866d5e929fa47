// Small whole models: graph passes keep what is computed, the memory plan holds in one arena, rows do not depend on their neighbours.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "models/model.h"
#include "passes/split_by_time.h"
#include "passes/wrap_params.h"
#include "tests/support/prepared.h"

namespace hearth {
namespace {

constexpr int64_t kVocabulary = 48;          // kStep's ids lie below

// A family's test model with two layers and few words; products in `scheme`, the embedding plain.
Graph model_graph(const std::string& family, const std::string& scheme) {
  const auto text = read_file(HEARTH_ROOT "/tests/fixtures/models/" + family + "/config.json");
  EXPECT_TRUE(text.ok()) << text.message();
  ModelSource source{parse_json(*text, "config.json").value(), {}};
  source.config["num_hidden_layers"] = 2;
  source.config["vocab_size"] = kVocabulary;
  source.config.erase("layer_types");
  const auto model = build_model(source);
  EXPECT_TRUE(model.ok()) << model.message();
  std::map<std::string, ParamPlan> plans;
  for (const Node& node : model->graph.nodes) {
    if (node.op != "param") continue;
    const int64_t row = static_cast<int64_t>(node.reals("shape").back());
    const bool plain = node.reals("shape").size() == 1 || node.text("name").find("layers") == std::string::npos;
    const Scheme* to = find_scheme(scheme);
    plans[node.text("name")] = {"bf16", plain ? "bf16" : scheme, row * 2, plain ? row * 2 : row / to->block * to->block_bytes(), 0};
  }
  return wrap_params(model->graph, plans);
}

struct Compiled {
  Program program;
  Memory weights;
};

Compiled compiled(Graph graph, const std::vector<GraphPass>& passes, const Target& target) {
  for (GraphPass pass : passes) graph = clean(pass(graph, target));
  const auto lawful = verify(graph);
  EXPECT_TRUE(lawful.ok()) << lawful.message();
  const Timed timed = split_by_time(graph);
  return {lower(timed.serve, target), Prepare(timed.prepare).run()};
}

struct Step {
  std::vector<int32_t> ids, positions, seq, logit_rows;
};

// Two sequences over pages out of order.
Sizes sizes_of(const Step& step) {
  return {{"tokens", static_cast<int64_t>(step.ids.size())}, {"rows", static_cast<int64_t>(step.logit_rows.size())}, {"seqs", 2}, {"table", 2}, {"pages", 4}, {"embeds", 0}};
}

void add_inputs(const Step& step, Memory& memory) {
  memory["ids"] = as_bytes(step.ids), memory["positions"] = as_bytes(step.positions), memory["seq"] = as_bytes(step.seq);
  memory["logit_rows"] = as_bytes(step.logit_rows), memory["embed_rows"], memory["page_table"] = as_bytes(std::vector<int32_t>{3, 0, 1, 2});
}

Memory empty_states(const Program& program, const Sizes& sizes) {
  Memory states;
  for (const ProgramBuffer& buffer : program.buffers)
    if (buffer.role == Role::state) states[buffer.name].resize(static_cast<size_t>(buffer.elements.evaluate(sizes).value() * bytes_of(buffer.dtype)));
  return states;
}

const Step kStep = {{5, 17, 3, 47, 0, 9, 30}, {0, 1, 2, 3, 0, 1, 4}, {0, 0, 0, 0, 1, 1, 0}, {3, 5, 6}};

// Everything after one step; states in `states`.
Memory stepped(const Compiled& model, const Step& step, const Memory& states) {
  Memory memory = model.weights;
  for (const auto& [name, bytes] : states) memory[name] = bytes;
  add_inputs(step, memory);
  run_program(model.program, sizes_of(step), memory);
  return memory;
}

Memory stepped(const Compiled& model, const Step& step) { return stepped(model, step, empty_states(model.program, sizes_of(step))); }

Target cpu(Dot4 dot4) { return made_target(8, 32, dot4); }

TEST(Whole, GraphPassesKeepWhatIsComputed) {
  for (const char* family : {"qwen2", "qwen3"}) {
    SCOPED_TRACE(family);
    const Graph graph = model_graph(family, "q8_0");
    const Target target = cpu(Dot4::none);
    Compiled plain = compiled(graph, {}, target);
    plain.program = expand_math(plain.program, target);
    Compiled exact = compiled(graph, {simplify_math, merge_projections, pack_panels, fuse_elementwise}, target);
    exact.program = run_loop_passes(exact.program, target, {});
    const Memory want = stepped(plain, kStep), got = stepped(exact, kStep);
    EXPECT_TRUE(want.at("logits") == got.at("logits")) << "merging, packing and fusing change bits";
    EXPECT_LT(exact.program.launches.size(), plain.program.launches.size() / 2);

    Compiled whole = compiled(graph, {simplify_math, merge_projections, integer_dot, pack_panels, fuse_elementwise}, target);
    whole.program = run_loop_passes(whole.program, target, {});
    Compiled apart = compiled(graph, {simplify_math, merge_projections, integer_dot, pack_panels}, target);
    apart.program = expand_math(apart.program, target);
    const auto logits = as_values<float>(stepped(whole, kStep).at("logits")), truth = as_values<float>(want.at("logits"));
    EXPECT_TRUE(stepped(apart, kStep).at("logits") == as_bytes(logits)) << "fusing integer products changes bits";
    float most = 0, worst = 0;
    for (size_t i = 0; i < truth.size(); ++i) most = std::max(most, std::fabs(truth[i])), worst = std::max(worst, std::fabs(truth[i] - logits[i]));
    EXPECT_GT(worst, 0.0f) << "integer products are not used";
    EXPECT_LT(worst, 0.05f * most);
  }
}

TEST(Whole, RowsDoNotDependOnTheirNeighbours) {
  const Graph graph = model_graph("qwen3", "q4_0");
  const Target target = cpu(Dot4::unsigned_signed);
  Compiled model = compiled(graph, {simplify_math, merge_projections, integer_dot, pack_panels, fuse_elementwise}, target);
  model.program = run_loop_passes(model.program, target, {});
  const auto together = as_values<float>(stepped(model, kStep).at("logits"));
  Memory states = empty_states(model.program, sizes_of(kStep));
  for (size_t t = 0; t < kStep.ids.size(); ++t) {
    const Memory memory = stepped(model, {{kStep.ids[t]}, {kStep.positions[t]}, {kStep.seq[t]}, {0}}, states);
    for (auto& [name, bytes] : states) bytes = memory.at(name);
    const auto at = std::find(kStep.logit_rows.begin(), kStep.logit_rows.end(), static_cast<int32_t>(t));
    if (at == kStep.logit_rows.end()) continue;
    const auto row = together.begin() + (at - kStep.logit_rows.begin()) * kVocabulary;
    EXPECT_EQ(as_values<float>(memory.at("logits")), std::vector<float>(row, row + kVocabulary)) << "token " << t;
  }
}

struct Life {
  size_t first = 0, last = 0;
};

// When each buffer of the arena is in use: inputs and outputs always, others from their first launch to their last.
std::map<std::string, Life> lives_of(const Program& program) {
  std::map<std::string, Life> lives;
  for (const ProgramBuffer& buffer : program.buffers)
    if (buffer.role == Role::input || buffer.role == Role::output) lives[buffer.name] = {0, program.launches.size()};
  for (size_t i = 0; i < program.launches.size(); ++i)
    for (const std::string& name : program.launches[i].buffers) {
      if (program.find_buffer(name)->role != Role::scratch) continue;
      lives.try_emplace(name, Life{i, i}).first->second.last = i;
    }
  return lives;
}

int64_t most_bytes(const Program& program, const ProgramBuffer& buffer) {
  return buffer.elements.upper_bound(program.sizes) * bytes_of(buffer.dtype);
}

TEST(Whole, NoTwoLiveBuffersShareBytes) {
  const Target target = cpu(Dot4::none);
  const Compiled model = compiled(model_graph("qwen3", "q8_0"), {simplify_math, merge_projections, integer_dot, pack_panels, fuse_elementwise}, target);
  const Program program = run_loop_passes(model.program, target, {});
  const auto lives = lives_of(program);
  int64_t sum = 0, largest = 0;
  for (const auto& [name, life] : lives) {
    const ProgramBuffer& a = *program.find_buffer(name);
    const int64_t bytes = most_bytes(program, a);
    sum += bytes + 64;
    largest = std::max(largest, bytes);
    EXPECT_EQ(a.offset % 64, 0) << name;
    EXPECT_GE(a.offset, 0) << name;
    EXPECT_LE(a.offset + bytes, program.arena_bytes) << name;
    for (const auto& [other_name, other] : lives) {
      const ProgramBuffer& b = *program.find_buffer(other_name);
      if (name >= other_name || life.first > other.last || other.first > life.last) continue;
      EXPECT_TRUE(a.offset + bytes <= b.offset || b.offset + most_bytes(program, b) <= a.offset) << name << " and " << other_name;
    }
  }
  EXPECT_GT(lives.size(), 10u);
  EXPECT_GE(program.arena_bytes, largest);
  EXPECT_LT(program.arena_bytes, sum / 2) << "nothing is shared";
}

// One arena for all, full of NaN at first: what the device does.
Memory run_in_arena(const Program& program, const Sizes& sizes, Memory memory) {
  std::vector<std::byte> arena(static_cast<size_t>(program.arena_bytes), std::byte{0xff});
  std::map<std::string, std::span<std::byte>> places;
  for (const ProgramBuffer& buffer : program.buffers) {
    const size_t bytes = static_cast<size_t>(buffer.elements.evaluate(sizes).value() * bytes_of(buffer.dtype));
    if (buffer.offset < 0) places[buffer.name] = memory.at(buffer.name);
    else places[buffer.name] = std::span(arena).subspan(static_cast<size_t>(buffer.offset), bytes);
    if (buffer.role == Role::input) std::copy_n(memory.at(buffer.name).begin(), bytes, places[buffer.name].begin());
  }
  for (const Launch& launch : program.launches) {
    const auto fits = [&](const Variant& v) {
      const int64_t size = v.size.evaluate(sizes).value();
      return v.at_least <= size && size <= v.at_most;
    };
    const Kernel& kernel = *program.find_kernel(std::find_if(launch.variants.begin(), launch.variants.end(), fits)->kernel);
    std::vector<std::span<std::byte>> buffers;
    for (const std::string& name : launch.buffers) buffers.push_back(places[name]);
    const auto done = interpret(kernel, buffers, sizes, 0, kernel.extent.evaluate(sizes).value());
    EXPECT_TRUE(done.ok()) << done.message();
  }
  for (const ProgramBuffer& buffer : program.buffers)
    if (buffer.role == Role::output) memory[buffer.name].assign(places[buffer.name].begin(), places[buffer.name].end());
  return memory;
}

TEST(Whole, OneArenaGivesTheSameBits) {
  const Target target = cpu(Dot4::none);
  Compiled model = compiled(model_graph("qwen2", "q8_0"), {simplify_math, merge_projections, integer_dot, pack_panels, fuse_elementwise}, target);
  model.program = run_loop_passes(model.program, target, {});
  Memory memory = model.weights;
  for (const auto& [name, bytes] : empty_states(model.program, sizes_of(kStep))) memory[name] = bytes;
  add_inputs(kStep, memory);
  EXPECT_TRUE(run_in_arena(model.program, sizes_of(kStep), memory).at("logits") == stepped(model, kStep).at("logits"));
}

}  // namespace
}  // namespace hearth
