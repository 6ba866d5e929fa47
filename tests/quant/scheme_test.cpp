// Every scheme against goldens made by GGUF's reference encoders and decoders, bit for bit.
#include "quant/scheme.h"

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "quant/layout.h"
#include "quant/prepare_kernels.h"
#include "tests/quant/inputs.h"
#include "tests/quant/running.h"

namespace hearth {
namespace {

// tests/fixtures/quant/<scheme>.bin: the encoded inputs(), then a hash of each row's decoded values, kRows rows of the
// encoded and kByteRows of random_blocks(..., kSeed).
struct Golden {
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> hashes;
};
constexpr uint32_t kSeed = 77;

std::string golden_path(const std::string& scheme) { return HEARTH_ROOT "/tests/fixtures/quant/" + scheme + ".bin"; }

Golden golden_of(const Scheme& scheme) {
  const auto file = read_file(golden_path(scheme.name));
  Golden golden{std::vector<uint8_t>(kRows * (kColumns / scheme.block) * scheme.block_bytes()),
                std::vector<uint64_t>(kRows + kByteRows)};
  const size_t hash_bytes = golden.hashes.size() * sizeof(uint64_t);
  EXPECT_EQ(file.ok() ? file->size() : 0, golden.bytes.size() + hash_bytes);
  if (!file.ok() || file->size() != golden.bytes.size() + hash_bytes) return golden;
  std::memcpy(golden.bytes.data(), file->data(), golden.bytes.size());
  std::memcpy(golden.hashes.data(), file->data() + golden.bytes.size(), hash_bytes);
  return golden;
}

std::vector<int> halves_of(const Scheme& scheme) {
  std::vector<int> offsets;
  for (size_t i = 0; i < scheme.fields.size(); ++i)
    if (scheme.fields[i].dtype == DType::f16) offsets.push_back(scheme.field_offset(static_cast<int>(i)));
  return offsets;
}

class EveryScheme : public testing::TestWithParam<std::string> {
 protected:
  const Scheme& scheme_ = *find_scheme(GetParam());
  const int blocks_ = kColumns / scheme_.block;
  const int row_bytes_ = blocks_ * scheme_.block_bytes();
  bool has_golden() const { return read_file(golden_path(scheme_.name)).ok(); }
};

TEST_P(EveryScheme, IsWellFormed) {
  int elements = 1;
  for (int axis : scheme_.axes) elements *= axis;
  EXPECT_EQ(elements, scheme_.block);
  EXPECT_LE(scheme_.code_min, scheme_.zero);
  EXPECT_GE(scheme_.code_max, scheme_.zero);
}

TEST_P(EveryScheme, EncodesAsTheReferenceDoes) {
  if (!has_golden()) GTEST_SKIP() << "no " << golden_path(scheme_.name);
  const Golden golden = golden_of(scheme_);
  std::vector<float> values = inputs();
  std::vector<uint8_t> bytes(golden.bytes.size(), 0xee);
  run(encode_kernel(scheme_, DType::f32), {raw(values), raw(bytes)}, {{"rows", kRows}, {"columns", kColumns}});
  for (int row = 0; row < kRows; ++row)
    for (int i = 0; i < row_bytes_; ++i)
      ASSERT_EQ(bytes[row * row_bytes_ + i], golden.bytes[row * row_bytes_ + i])
          << "row " << row << ", block " << i / scheme_.block_bytes() << ", byte " << i % scheme_.block_bytes();
}

TEST_P(EveryScheme, DecodesAsTheReferenceDoes) {
  if (!has_golden()) GTEST_SKIP() << "no " << golden_path(scheme_.name);
  const Golden golden = golden_of(scheme_);
  std::vector<uint8_t> bytes = golden.bytes;
  const auto more = random_blocks(kByteRows * blocks_, scheme_.block_bytes(), halves_of(scheme_), kSeed);
  bytes.insert(bytes.end(), more.begin(), more.end());
  std::vector<float> values((kRows + kByteRows) * kColumns, -1.0f);
  run(decode_kernel(scheme_), {raw(bytes), raw(values)}, {{"rows", kRows + kByteRows}, {"columns", kColumns}});
  for (int row = 0; row < kRows + kByteRows; ++row)
    EXPECT_EQ(hash_of(&values[row * kColumns], kColumns), golden.hashes[row]) << "row " << row;
}

// Whatever the scheme, ordinary rows come back with an error well under the distance between two of its codes.
TEST_P(EveryScheme, GivesBackNearlyWhatItWasGiven) {
  std::vector<float> values = inputs(), back(values.size());
  std::vector<uint8_t> bytes(kRows * row_bytes_);
  const std::map<std::string, int64_t> sizes = {{"rows", 6}, {"columns", kColumns}};
  run(encode_kernel(scheme_, DType::f32), {raw(values), raw(bytes)}, sizes);
  run(decode_kernel(scheme_), {raw(bytes), raw(back)}, sizes);
  for (int row = 0; row < 6; ++row) {
    float most = 0, sum = 0;
    for (int k = row * kColumns; k < (row + 1) * kColumns; ++k) {
      most = std::max(most, std::fabs(values[k]));
      sum += (back[k] - values[k]) * (back[k] - values[k]);
    }
    const float distance = 2 * most / static_cast<float>(scheme_.code_max - scheme_.code_min);
    EXPECT_LT(std::sqrt(sum / kColumns), 0.4f * distance) << "row " << row;
    EXPECT_GT(sum, 0) << "row " << row;
  }
}

// The axes as variables, the last one element at a time: what the selects and shifts mean when nothing folds.
TEST_P(EveryScheme, FormulasHoldForAnyAxes) {
  auto bytes = random_blocks(3 * blocks_, scheme_.block_bytes(), halves_of(scheme_), 5);
  std::vector<float> want(3 * kColumns), got(3 * kColumns);
  const std::map<std::string, int64_t> sizes = {{"rows", 3}, {"columns", kColumns}};
  run(decode_kernel(scheme_), {raw(bytes), raw(want)}, sizes);

  const Buffer from = global_buffer("bytes", DType::u8), to = global_buffer("values", DType::f32);
  const Expr row = var("row"), at = var("block");
  const auto read = read_fields(storage_of(scheme_), {}, from, row, 0, at, blocks_);
  Axes axes;
  Expr k = 0;
  for (size_t i = 0; i < scheme_.axes.size(); ++i) {
    axes.push_back(var("a" + std::to_string(i)));
    k = k * scheme_.axes[i] + axes.back();
  }
  Stmt body = store(to, (row * blocks_ + at) * scheme_.block + k, decode(scheme_, read, axes, 1));
  for (size_t i = axes.size(); i-- > 0;) body = loop("a" + std::to_string(i), scheme_.axes[i], LoopKind::serial, body);
  body = loop("row", size_expr("rows"), LoopKind::parallel, loop("block", blocks_, LoopKind::serial, body));
  const Kernel each{"decode_each", {{from, Access::read}, {to, Access::write}}, Dim::size("rows"), body};
  run(each, {raw(bytes), raw(got)}, sizes);
  EXPECT_EQ(hash_of(got.data(), got.size()), hash_of(want.data(), want.size()));
}

// Half-precision sources are the same values, widened.
TEST_P(EveryScheme, EncodesHalvesAsTheirValues) {
  for (DType half : {DType::f16, DType::bf16}) {
    std::vector<float> values = inputs();
    std::vector<uint16_t> halves;
    for (float& value : values) {
      halves.push_back(half == DType::f16 ? f32_to_f16(value) : f32_to_bf16(value));
      value = half == DType::f16 ? f16_to_f32(halves.back()) : bf16_to_f32(halves.back());
    }
    const int rows = 6;
    std::vector<uint8_t> want(rows * row_bytes_), got(rows * row_bytes_);
    run(encode_kernel(scheme_, DType::f32), {raw(values), raw(want)}, {{"rows", rows}, {"columns", kColumns}});
    run(encode_kernel(scheme_, half), {raw(halves), raw(got)}, {{"rows", rows}, {"columns", kColumns}});
    EXPECT_EQ(got, want) << name_of(half);
  }
}

INSTANTIATE_TEST_SUITE_P(Quant, EveryScheme, testing::ValuesIn(scheme_names()),
                         [](const auto& info) { return info.param; });

TEST(Schemes, AreFoundByName) {
  EXPECT_EQ(find_scheme("q9_9"), nullptr);
  const std::map<std::string, std::pair<int, int>> sizes = {
      {"q4_0", {32, 18}}, {"q4_k", {256, 144}}, {"q5_k", {256, 176}}, {"q6_k", {256, 210}}, {"q8_0", {32, 34}}};
  for (const auto& [name, size] : sizes) {
    const Scheme* scheme = find_scheme(name);
    ASSERT_NE(scheme, nullptr) << name;
    EXPECT_EQ(scheme->block, size.first) << name;
    EXPECT_EQ(scheme->block_bytes(), size.second) << name;
    EXPECT_TRUE(read_file(golden_path(name)).ok()) << golden_path(name);
  }
}

}  // namespace
}  // namespace hearth
