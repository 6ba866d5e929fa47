// dot8: eight products of bytes added to a 32-bit lane; where lanes are tiles of columns by two rows, by instructions for
// tiles.
//
//   lanes [c0 r0, c0 r1, c1 r0, c1 r1] += smmla([c0's 8 bytes, c1's], [r0's 8 bytes, r1's])
//
// Else sums of the lower and the upper four of each lane grow side by side, and are added at the end.
#include <llvm/IR/IntrinsicsAArch64.h>

#include <algorithm>

#include "codegen/llvm/values.h"

namespace hearth {
namespace {

using Build = llvm::IRBuilder<>;
using Value = llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

constexpr int kTileLanes = 4, kTileBytes = 16;  // a register

llvm::FixedVectorType* vector_of(Build& build, unsigned bits, int lanes) {
  return llvm::FixedVectorType::get(build.getIntNTy(bits), static_cast<unsigned>(lanes));
}

int lanes_of(Value* value) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements());
}

// Lanes first, first + step, ... of a value.
Value* lanes_from(Build& build, Value* value, int first, int step, int count) {
  std::vector<int> order;
  for (int i = 0; i < count; ++i) order.push_back(first + i * step);
  return build.CreateShuffleVector(value, order);
}

Value* by_tiles(Build& build, Value* acc, const std::vector<DotTerm>& terms) {
  std::vector<Value*> tiles;
  for (int start = 0; start < lanes_of(acc); start += kTileLanes)
    tiles.push_back(lanes_from(build, acc, start, 1, kTileLanes));
  for (const DotTerm& term : terms) {
    const int columns = lanes_of(term.columns);
    Value* bytes = build.CreateBitCast(term.columns, vector_of(build, 8, columns * 8));
    const auto id = term.a_dtype == DType::u8 ? Intrinsic::aarch64_neon_usmmla : Intrinsic::aarch64_neon_smmla;
    for (size_t i = 0; i < tiles.size(); ++i) {
      Value* two = lanes_from(build, bytes, static_cast<int>(i) * kTileBytes, 1, kTileBytes);
      tiles[i] = build.CreateIntrinsic(id, {tiles[i]->getType(), two->getType()}, {tiles[i], two, term.rows});
    }
  }
  while (tiles.size() > 1) {
    const int lanes = lanes_of(tiles[0]);
    std::vector<Value*> wider;
    std::vector<int> order;
    for (int i = 0; i < 2 * lanes; ++i) order.push_back(i);
    for (size_t i = 0; i < tiles.size(); i += 2)
      wider.push_back(build.CreateShuffleVector(tiles[i], tiles[i + 1], order));
    tiles = wider;
  }
  return tiles[0];
}

// Neighbouring lanes of `halves` added.
Value* pairs_added(Build& build, Value* halves, int lanes) {
  return build.CreateAdd(lanes_from(build, halves, 0, 2, lanes), lanes_from(build, halves, 1, 2, lanes));
}

bool are_tiles(const Target& target, Value* acc, const std::vector<DotTerm>& terms) {
  const int lanes = lanes_of(acc), tiles = lanes / kTileLanes;
  if (!target.byte_tiles || lanes % kTileLanes != 0 || (tiles & (tiles - 1)) != 0) return false;
  return std::all_of(terms.begin(), terms.end(), [](const DotTerm& term) { return term.columns && term.rows; });
}

}  // namespace

Value* dot8_chain_value(Build& build, const Target& target, Value* acc, const std::vector<DotTerm>& terms) {
  if (!acc->getType()->isVectorTy()) {
    Value* one = build.CreateInsertElement(llvm::PoisonValue::get(vector_of(build, 32, 1)), acc, uint64_t{0});
    return build.CreateExtractElement(dot8_chain_value(build, target, one, terms), uint64_t{0});
  }
  if (are_tiles(target, acc, terms)) return by_tiles(build, acc, terms);
  const int lanes = lanes_of(acc);
  Value* halves = llvm::Constant::getNullValue(vector_of(build, 32, 2 * lanes));
  halves = dot4_chain_value(build, target, halves, terms);
  return build.CreateAdd(acc, pairs_added(build, halves, lanes));
}

}  // namespace hearth
