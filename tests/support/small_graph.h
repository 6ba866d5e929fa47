// Small graphs for tests: built op by op, weights made by chance, lowered and run through the interpreter in several ways that must
// agree to the bit.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "ops/op.h"
#include "passes/lower.h"
#include "passes/pass.h"
#include "quant/layout.h"
#include "quant/prepare_kernels.h"
#include "quant/scheme.h"
#include "tests/support/run_program.h"

namespace hearth {

// A target of made-up facts: as many f32 lanes, registers and the byte products wanted.
inline Target made_target(int lanes, int registers, Dot4 dot4) {
  Target target;
  target.name = "made";
  target.vector_bytes = lanes * 4;
  target.vector_registers = registers;
  target.dot4 = dot4;
  return target;
}
inline Target with_byte_tiles(Target target) {
  target.byte_tiles = true;
  return target;
}

// How f16 fields of random blocks are made: any small number, or powers of two, so that products are exact.
enum class Scales { any, powers_of_two };

// Random blocks in row order; every byte field random, every f16 small and finite.
inline std::vector<std::byte> random_blocks_of(const Scheme& scheme, int64_t blocks, Scales scales, Chance& chance) {
  std::vector<std::byte> bytes = chance.bytes(blocks * scheme.block_bytes());
  for (int64_t block = 0; block < blocks; ++block)
    for (size_t f = 0; f < scheme.fields.size(); ++f) {
      if (scheme.fields[f].dtype != DType::f16) continue;
      for (int i = 0; i < scheme.fields[f].count; ++i) {
        const float scale = scales == Scales::any ? chance.uniform() * 0.1f : 0x1p-6f;
        const uint16_t half = f32_to_f16(scale);
        std::memcpy(&bytes[static_cast<size_t>(block * scheme.block_bytes() + scheme.field_offset(static_cast<int>(f)) + i * 2)], &half, 2);
      }
    }
  return bytes;
}

// Runs a kernel over typed memory, every iteration.
inline void run_kernel(const Kernel& kernel, std::vector<std::vector<std::byte>*> memory, const Sizes& sizes) {
  std::vector<std::span<std::byte>> buffers;
  for (auto* bytes : memory) buffers.emplace_back(*bytes);
  const auto done = interpret(kernel, buffers, sizes, 0, kernel.extent.evaluate(sizes).value());
  ASSERT_TRUE(done.ok()) << done.message();
}

// Stored rows and the numbers they stand for.
struct Matrix {
  int64_t rows = 0, columns = 0;
  std::vector<std::byte> bytes;          // row order
  std::vector<float> values;             // [rows, columns]
  float at(int64_t row, int64_t k) const { return values[static_cast<size_t>(row * columns + k)]; }
};

inline Matrix random_matrix(const std::string& storage, int64_t rows, int64_t columns, Chance& chance, Scales scales = Scales::any) {
  Matrix matrix{rows, columns, {}, chance.floats(rows * columns)};
  if (const Scheme* scheme = find_scheme(storage)) {
    matrix.bytes = random_blocks_of(*scheme, rows * columns / scheme->block, scales, chance);
    std::vector<std::byte> decoded(static_cast<size_t>(rows * columns * 4));
    run_kernel(decode_kernel(*scheme), {&matrix.bytes, &decoded}, {{"rows", rows}, {"columns", columns}});
    matrix.values = as_values<float>(decoded);
    return matrix;
  }
  std::vector<uint16_t> halves;
  for (float& value : matrix.values) {
    const bool is_f16 = storage == "f16";
    if (storage == "f32") continue;
    halves.push_back(is_f16 ? f32_to_f16(value) : f32_to_bf16(value));
    value = is_f16 ? f16_to_f32(halves.back()) : bf16_to_f32(halves.back());
  }
  matrix.bytes = storage == "f32" ? as_bytes(matrix.values) : as_bytes(halves);
  return matrix;
}

inline std::vector<std::byte> packed(const Matrix& matrix, const std::string& storage_name, int64_t panel, int together = 1,
                                     int word = 4) {
  if (panel == 1) return matrix.bytes;
  const Scheme* scheme = find_scheme(storage_name);
  const Storage2D storage = scheme ? storage_of(*scheme) : storage_of(*dtype_of(storage_name), together);
  const int64_t panels = (matrix.rows + panel - 1) / panel, blocks = matrix.columns / storage.block;
  std::vector<int64_t> rows;
  for (int64_t r = 0; r < panels * panel; ++r) rows.push_back(r < matrix.rows ? r : -1);
  std::vector<std::byte> source = matrix.bytes, map = as_bytes(rows);
  std::vector<std::byte> result(static_cast<size_t>(panels * panel * blocks * storage.block_bytes));
  run_kernel(pack_kernel(storage, Layout{static_cast<int>(panel), word}), {&source, &map, &result},
             {{"panels", panels}, {"blocks_per_row", blocks}});
  return result;
}

class SmallGraph {
 public:
  Value operator()(const std::string& op, std::vector<Value> args, Attrs attrs = {}) { return build_(op, std::move(args), std::move(attrs)); }
  void size(const std::string& name, int64_t at_least, int64_t at_most) { build_.graph.sizes.push_back({name, at_least, at_most}); }
  void output(const std::string& name, Value value) { build_.graph.outputs.push_back({name, value}); }
  Value input(const std::string& name, const std::string& dtype, const std::string& rows, const std::string& columns = "") {
    return build_("input", {}, {{"name", name}, {"dtype", dtype}, {"rows", rows}, {"columns", columns}});
  }
  Value state(const std::string& name, const std::string& dtype, const std::string& elements) {
    return build_("state", {}, {{"name", name}, {"dtype", dtype}, {"elements", elements}});
  }
  Value vector(const std::string& name, const std::vector<float>& values) {
    weights_[name] = as_bytes(values);
    return build_("weight", {}, {{"name", name}, {"dtype", std::string("f32")}, {"elements", static_cast<int64_t>(values.size())}});
  }
  Value matrix(const std::string& name, const Matrix& matrix, const std::string& storage, int64_t panel) {
    weights_[name] = packed(matrix, storage, panel);
    const int64_t bytes = static_cast<int64_t>(weights_[name].size());
    const Value weight = build_("weight", {}, {{"name", name}, {"dtype", std::string("u8")}, {"elements", bytes}});
    return build_("decode", {weight}, {{"storage", storage}, {"rows", matrix.rows}, {"columns", matrix.columns}, {"panel", panel}});
  }
  // bf16 whose neighbours lie together.
  Value pairs(const std::string& name, const Matrix& matrix, int64_t panel) {
    const Value decode = this->matrix(name, matrix, "bf16", panel);
    weights_[name] = packed(matrix, "bf16", panel, 2);
    build_.graph.nodes[static_cast<size_t>(decode)].attrs["together"] = int64_t{2};
    return decode;
  }

  // A matrix as the target's integer products want it.
  Value codes(const std::string& name, const Matrix& matrix, const std::string& storage, const Target& target) {
    const Value decode = this->matrix(name, matrix, storage, target.lanes_f32());
    if (!target.byte_tiles) return decode;
    weights_[name] = packed(matrix, storage, target.lanes_f32(), 1, 8);
    build_.graph.nodes[static_cast<size_t>(decode)].attrs["word"] = int64_t{8};
    return decode;
  }

  // Every op a kernel of its own; fused; and after all loop passes. `memory`: inputs and states before, everything after.
  void run(const Target& target, const Sizes& sizes, Memory& memory) {
    if (!programs_.contains(target.vector_bytes)) compile(target);
    if (testing::Test::HasFatalFailure()) return;
    const Ways& ways = programs_.at(target.vector_bytes);
    for (const auto& [name, bytes] : weights_) memory[name] = bytes;
    Memory of_apart = memory, of_fused = memory;
    interpret_program(ways.apart, sizes, of_apart);
    interpret_program(ways.fused, sizes, of_fused);
    interpret_program(ways.whole, sizes, memory);
    if (testing::Test::HasFatalFailure()) return;
    for (const ProgramBuffer& buffer : ways.apart.buffers) {
      if (buffer.role != Role::output && buffer.role != Role::state) continue;
      EXPECT_TRUE(of_apart[buffer.name] == of_fused[buffer.name]) << "fusing changes '" << buffer.name << "'\n" << print(ways.fused);
      EXPECT_TRUE(of_fused[buffer.name] == memory[buffer.name]) << "loop passes change '" << buffer.name << "'\n" << print(ways.whole);
    }
  }
  // The last way alone.
  void run_whole(const Target& target, const Sizes& sizes, Memory& memory) {
    if (!programs_.contains(target.vector_bytes)) compile(target);
    for (const auto& [name, bytes] : weights_) memory[name] = bytes;
    if (!testing::Test::HasFatalFailure()) interpret_program(programs_.at(target.vector_bytes).whole, sizes, memory);
  }
  const Graph& graph() const { return build_.graph; }

 private:
  struct Ways {
    Program apart, fused, whole;
  };

  void compile(const Target& target) {
    ASSERT_FALSE(build_.failure) << build_.failure->text;
    const auto lawful = verify(build_.graph);
    ASSERT_TRUE(lawful.ok()) << lawful.message();
    const Program fused = lower(fuse_elementwise(build_.graph, target), target);
    Ways ways{expand_math(lower(build_.graph, target), target), expand_math(fused, target), run_loop_passes(fused, target, {}, Verify::last)};
    for (const Program* program : {&ways.apart, &ways.fused, &ways.whole}) {
      const auto kept = verify(*program);
      ASSERT_TRUE(kept.ok()) << kept.message() << "\n" << print(*program);
    }
    programs_.emplace(target.vector_bytes, std::move(ways));
  }

  Build build_;
  Memory weights_;
  std::map<int, Ways> programs_;         // by the target's width
};

// |got - want| within `relative` of `size`, which is what rounding errors grow with.
inline void expect_near(const std::vector<float>& got, const std::vector<double>& want, const std::vector<double>& size, double relative) {
  ASSERT_EQ(got.size(), want.size());
  ASSERT_EQ(got.size(), size.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::fabs(static_cast<double>(got[i]) - want[i]), relative * size[i] + 1e-30) << "element " << i << ": got " << got[i] << ", want " << want[i];
}

inline void expect_near(const std::vector<float>& got, const std::vector<double>& want, double relative) {
  std::vector<double> size;
  for (double value : want) size.push_back(std::fabs(value));
  expect_near(got, want, size, relative);
}

}  // namespace hearth
