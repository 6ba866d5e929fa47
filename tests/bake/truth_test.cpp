// A whole model's step in the interpreter, natively on every target that runs here, and emulated: the same bits.
#include "baking.h"
#include "ir/interpret.h"
#include "ir/text.h"
#include "player.h"

namespace hearth::test {
namespace {

constexpr int64_t kVocabulary = 96, kPages = 3;
const SizeValues kSizes = {{"tokens", 6}, {"rows", 2}, {"seqs", 2}, {"table", 2}, {"pages", kPages}, {"embeds", 3}};

// Two sequences side by side: one starts, one goes on across a page's end; the logits of the last row of each, hidden
// states of three.
const std::map<std::string, std::vector<int32_t>> kInputs = {
    {"ids", {5, 93, 17, 60, 2, 41}}, {"positions", {0, 1, 2, 14, 15, 16}},
    {"seq", {0, 0, 0, 1, 1, 1}},     {"page_table", {2, 0, 1, 0}},
    {"logit_rows", {2, 5}},          {"embed_rows", {5, 0, 2}}};

using Bits = std::map<std::string, std::vector<std::byte>>;  // logits, hidden and states by name

std::vector<std::byte> copy_of(const std::vector<int32_t>& values) {
  const Bytes bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

// States before the step: half floats of ordinary size, the same for all.
std::vector<std::byte> state_bytes(int64_t elements) {
  std::vector<std::byte> bytes;
  for (int64_t i = 0; i < elements; ++i) {
    const uint16_t half = f32_to_f16(static_cast<float>(i * 2654435761 % 2001 - 1000) / 700.0f);
    for (int shift : {0, 8}) bytes.push_back(static_cast<std::byte>(half >> shift));
  }
  return bytes;
}

bool is_result(Role role) { return role == Role::output || role == Role::state; }

// Everything a step reads, by name.
Bits memory_of(const Program& program, const Artifact& artifact) {
  Bits memory;
  for (const auto& [name, values] : kInputs) memory[name] = copy_of(values);
  for (const ProgramBuffer& buffer : program.buffers) {
    if (buffer.role == Role::state) memory[buffer.name] = state_bytes(*buffer.elements.evaluate(kSizes));
    if (buffer.role != Role::weight) continue;
    const auto bytes = artifact.tensor(buffer.name);
    EXPECT_TRUE(bytes.ok()) << bytes.message();
    if (bytes.ok()) memory[buffer.name].assign(bytes->begin(), bytes->end());
  }
  return memory;
}

Program program_of(const std::string& model, const std::string& quant, const std::string& target) {
  const auto text = ir_after({.model = model, .quant = quant, .target = target}, "loops");
  EXPECT_TRUE(text.ok()) << text.message();
  const auto program = parse_program(text.ok() ? *text : "");
  EXPECT_TRUE(program.ok()) << program.message();
  return program.ok() ? *program : Program();
}

Bits interpreted(const Program& program, const Artifact& artifact) {
  Bits memory = memory_of(program, artifact);
  const auto done = interpret(program, kSizes, memory);
  EXPECT_TRUE(done.ok()) << done.message();
  Bits results;
  for (const ProgramBuffer& buffer : program.buffers)
    if (is_result(buffer.role)) results[buffer.name] = memory[buffer.name];
  return results;
}

Bits native(const Program& program, const Artifact& artifact, int threads) {
  Bits results;
  auto device = open_device("cpu", {.threads = threads});
  EXPECT_TRUE(device.ok()) << device.message();
  auto loaded = Executable::load(std::move(*device), artifact, {{"pages", kPages}});
  EXPECT_TRUE(loaded.ok()) << loaded.message();
  if (!loaded.ok()) return results;
  const Bits memory = memory_of(program, artifact);
  for (const ProgramBuffer& buffer : program.buffers) {
    if (buffer.role != Role::input && buffer.role != Role::state) continue;
    const auto written = loaded->write(buffer.name, memory.at(buffer.name));
    EXPECT_TRUE(written.ok()) << written.message();
  }
  SizeValues sizes = kSizes;
  sizes.erase("pages");
  const auto done = loaded->run(sizes);
  EXPECT_TRUE(done.ok()) << done.message();
  for (const ProgramBuffer& buffer : program.buffers) {
    if (!is_result(buffer.role)) continue;
    std::vector<std::byte>& bytes = results[buffer.name];
    bytes.resize(static_cast<size_t>(*buffer.elements.evaluate(kSizes) * bytes_of(buffer.dtype)));
    const auto read = loaded->read(buffer.name, bytes);
    EXPECT_TRUE(read.ok()) << read.message();
  }
  return results;
}

// Which results differ and where first; "" if none.
std::string differences(const Bits& got, const Bits& want) {
  std::string text;
  for (const auto& [name, bytes] : want) {
    const auto it = got.find(name);
    if (it == got.end() || it->second.size() != bytes.size()) {
      text += fmt::format("'{}' has another size; ", name);
      continue;
    }
    const auto [mine, truth] = std::mismatch(it->second.begin(), it->second.end(), bytes.begin());
    if (truth != bytes.end()) text += fmt::format("'{}' differs at byte {}; ", name, truth - bytes.begin());
  }
  return text;
}

// A model whose matrices are stored with `scheme`: a folder for "none", else a GGUF that need not be encoded again.
std::string write_model(const Scratch& scratch, const std::string& scheme) {
  const Json config = small_llama(256, 256, kVocabulary);
  write_folder(scratch.path("folder"), config, random_tensors(config, 31));
  return scheme == "none" ? scratch.path("folder")
                          : write_gguf(scratch, scheme, scratch.path("folder"), block_options(scheme));
}

// The flat list of kernel calls that a step of `program` is.
PlayList play_list(const Program& program, const Artifact& artifact) {
  PlayList list;
  const Bits memory = memory_of(program, artifact);
  for (const SizeDecl& size : program.sizes) list.sizes.push_back(kSizes.at(size.name));
  std::map<std::string, int64_t> block_of;
  for (const ProgramBuffer& buffer : program.buffers) {
    block_of[buffer.name] = static_cast<int64_t>(list.blocks.size());
    const auto given = memory.find(buffer.name);
    const auto bytes = static_cast<size_t>(*buffer.elements.evaluate(kSizes) * bytes_of(buffer.dtype));
    list.blocks.push_back(given == memory.end() ? std::vector<std::byte>(bytes) : given->second);
  }
  for (const Launch& launch : program.launches) {
    const auto variant = std::find_if(launch.variants.begin(), launch.variants.end(), [](const Variant& v) {
      const int64_t size = *v.size.evaluate(kSizes);
      return v.at_least <= size && size <= v.at_most;
    });
    EXPECT_NE(variant, launch.variants.end());
    PlayCall call{variant->kernel, *program.find_kernel(variant->kernel)->extent.evaluate(kSizes), {}};
    for (const std::string& name : launch.buffers) call.blocks.push_back(block_of.at(name));
    list.calls.push_back(call);
  }
  return list;
}

Bits emulated(const Scratch& scratch, const Program& program, const Artifact& artifact, const std::string& target) {
  Bits results;
  PlayList list = play_list(program, artifact);
  const auto code = artifact.tensor("code/" + target);
  EXPECT_TRUE(code.ok()) << code.message();
  if (!code.ok()) return results;
  const auto done = play(scratch.path(target), *code, list);
  EXPECT_TRUE(done.ok()) << done.message();
  for (size_t i = 0; i < program.buffers.size(); ++i)
    if (is_result(program.buffers[i].role)) results[program.buffers[i].name] = list.blocks[i];
  return results;
}

// Which targets each scheme is tried on besides the interpreter and this machine: all with those that say the most,
// the costliest to compile with few.
struct Case {
  std::string scheme;
  std::vector<std::string> targets;
};

class Targets : public testing::TestWithParam<Case> {};

TEST_P(Targets, ComputeWhatTheInterpreterDoes) {
  const Scratch scratch;
  const std::string& scheme = GetParam().scheme;
  const std::string model = write_model(scratch, scheme), quant = scheme == "none" ? "none" : "";
  const Artifact here = baked(scratch, model, quant);
  const Program program = program_of(model, quant, "native");
  const Bits truth = interpreted(program, here);
  ASSERT_EQ(truth.size(), 7u);  // logits, their peaks, hidden, keys and values of two layers
  EXPECT_EQ(differences(native(program, here, 2), truth), "") << "native";
  std::string skipped;
  for (const std::string& name : GetParam().targets) {
    const auto target = find_target(name);
    ASSERT_TRUE(target.ok()) << target.message();
    const auto runs = runs_here(*target);
    const bool arm = name.starts_with("aarch64");
    const std::string lack = arm ? player_lacks() : runs.ok() ? "" : runs.message();
    if (!lack.empty()) skipped += lack + "; ";
    if (!lack.empty()) continue;
    const Artifact other = baked(scratch, model, quant, name);
    const Program its_program = program_of(model, quant, name);
    const Bits got = arm ? emulated(scratch, its_program, other, name) : native(its_program, other, 1);
    const bool same_ops =
        scheme != "none" || target->i16_dot == find_target("native")->i16_dot;  // bf16 by integers, or f32
    EXPECT_EQ(differences(got, same_ops ? truth : interpreted(its_program, other)), "") << name;
  }
  if (!skipped.empty()) GTEST_SKIP() << skipped;
}

// The comparison sees a single changed weight.
TEST(Comparison, SeesOneWeight) {
  const Scratch scratch;
  const std::string model = write_model(scratch, "none");
  const Artifact artifact = baked(scratch, model, "none");
  const Program program = program_of(model, "none", "native");
  const Bits truth = interpreted(program, artifact);
  Json config = small_llama(256, 256, kVocabulary);
  std::vector<NamedTensor> tensors = random_tensors(config, 31);
  for (NamedTensor& tensor : tensors)
    if (tensor.name == "model.layers.1.mlp.up_proj.weight") tensor.bytes[77] ^= 1;
  write_folder(scratch.path("changed"), config, tensors);
  EXPECT_NE(differences(native(program, baked(scratch, scratch.path("changed"), "none"), 2), truth), "");
}

INSTANTIATE_TEST_SUITE_P(Storing, Targets,
                         testing::Values(Case{"none", {"x86-64-v3", "aarch64"}},
                                         Case{"q8_0", {"x86-64-v3", "x86-64-v4", "aarch64", "aarch64-dotprod", "aarch64-i8mm"}},
                                         Case{"q4_0", {"x86-64-v4", "aarch64-dotprod", "aarch64-i8mm"}},
                                         Case{"q4_k", {"x86-64-v3", "aarch64-dotprod", "aarch64-i8mm"}},
                                         Case{"q5_k", {"aarch64-i8mm"}}, Case{"q6_k", {"aarch64", "aarch64-i8mm"}}),
                         [](const auto& info) { return info.param.scheme; });

}  // namespace
}  // namespace hearth::test
