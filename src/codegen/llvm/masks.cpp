// Splitting masked loads and stores.
#include "codegen/llvm/masks.h"

#include <llvm/Analysis/InstSimplifyFolder.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Module.h>

#include <vector>

namespace hearth {
namespace {

using Build = llvm::IRBuilder<llvm::InstSimplifyFolder>;
using Value = llvm::Value;

int lanes_of(const Value* value) {
  return static_cast<int>(llvm::cast<llvm::FixedVectorType>(value->getType())->getNumElements());
}

std::vector<int> lanes_from(int start, int count) {
  std::vector<int> order;
  for (int i = 0; i < count; ++i) order.push_back(start + i);
  return order;
}

// Lanes [start, start + count) of a mask, cut before it is combined, so that known parts stay known.
Value* cut(Build& build, Value* mask, int start, int count) {
  if (start == 0 && count == lanes_of(mask)) return mask;
  if (auto* op = llvm::dyn_cast<llvm::BinaryOperator>(mask); op && op->isBitwiseLogicOp())
    return build.CreateBinOp(op->getOpcode(), cut(build, op->getOperand(0), start, count),
                             cut(build, op->getOperand(1), start, count));
  return build.CreateShuffleVector(mask, lanes_from(start, count));
}

bool lane_is_set(const llvm::Constant* mask, int lane) {
  const llvm::Constant* element = mask->getAggregateElement(static_cast<unsigned>(lane));
  return element && element->isOneValue();
}

Value* load_piece(Build& build, llvm::Type* type, Value* pointer, llvm::Align align, Value* mask, Value* otherwise) {
  auto* known = llvm::dyn_cast<llvm::Constant>(mask);
  if (known && known->isNullValue()) return otherwise;
  if (known && lane_is_set(known, 0) && lane_is_set(known, lanes_of(mask) - 1)) {  // both ends are there: all is
    Value* whole = build.CreateAlignedLoad(type, pointer, align);
    return known->isAllOnesValue() ? whole : build.CreateSelect(mask, whole, otherwise);
  }
  return build.CreateMaskedLoad(type, pointer, align, mask, otherwise);
}

void store_piece(Build& build, Value* value, Value* pointer, llvm::Align align, Value* mask) {
  auto* known = llvm::dyn_cast<llvm::Constant>(mask);
  if (known && known->isNullValue()) return;
  if (known && known->isAllOnesValue())
    build.CreateAlignedStore(value, pointer, align);
  else
    build.CreateMaskedStore(value, pointer, align, mask);
}

void split(llvm::IntrinsicInst* access, unsigned register_bytes) {
  const bool loads = access->getIntrinsicID() == llvm::Intrinsic::masked_load;
  Build build(access->getContext(), llvm::InstSimplifyFolder(access->getDataLayout()));
  build.SetInsertPoint(access);
  Value* pointer = access->getArgOperand(loads ? 0 : 1);
  Value* mask = access->getArgOperand(loads ? 2 : 3);
  Value* data = access->getArgOperand(loads ? 3 : 0);  // what to store, or what masked lanes read
  const llvm::Align given = llvm::cast<llvm::ConstantInt>(access->getArgOperand(loads ? 1 : 2))->getAlignValue();
  auto* element = llvm::cast<llvm::FixedVectorType>(data->getType())->getElementType();
  const int bytes = static_cast<int>(element->getPrimitiveSizeInBits().getFixedValue() / 8);
  const int lanes = lanes_of(data), width = std::max(static_cast<int>(register_bytes) / bytes, 1);
  Value* result = llvm::PoisonValue::get(data->getType());
  for (int start = 0; start < lanes; start += width) {
    const int count = std::min(width, lanes - start);
    Value* at = start == 0 ? pointer : build.CreateConstGEP1_64(element, pointer, static_cast<uint64_t>(start));
    const llvm::Align align = llvm::commonAlignment(given, static_cast<uint64_t>(start * bytes));
    Value* part = count == lanes ? data : build.CreateShuffleVector(data, lanes_from(start, count));
    Value* where = cut(build, mask, start, count);
    if (!loads) {
      store_piece(build, part, at, align, where);
      continue;
    }
    Value* piece =
        load_piece(build, llvm::FixedVectorType::get(element, static_cast<unsigned>(count)), at, align, where, part);
    if (auto* made = llvm::dyn_cast<llvm::Instruction>(piece); made && made->mayReadFromMemory())
      made->copyMetadata(*access, {llvm::LLVMContext::MD_invariant_load});
    if (count == lanes) {
      result = piece;
      break;
    }
    std::vector<int> widen(static_cast<size_t>(lanes), -1), blend = lanes_from(0, lanes);
    for (int i = 0; i < count; ++i)
      widen[static_cast<size_t>(start + i)] = i, blend[static_cast<size_t>(start + i)] = lanes + start + i;
    result = build.CreateShuffleVector(result, build.CreateShuffleVector(piece, widen), blend);
  }
  if (loads) access->replaceAllUsesWith(result);
  access->eraseFromParent();
}

}  // namespace

llvm::PreservedAnalyses SplitMasks::run(llvm::Function& function, llvm::FunctionAnalysisManager&) {
  std::vector<llvm::IntrinsicInst*> found;
  for (llvm::Instruction& instruction : llvm::instructions(function)) {
    auto* call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
    if (!call) continue;
    const auto id = call->getIntrinsicID();
    if (id == llvm::Intrinsic::masked_load || id == llvm::Intrinsic::masked_store) found.push_back(call);
  }
  for (llvm::IntrinsicInst* access : found) split(access, register_bytes);
  return found.empty() ? llvm::PreservedAnalyses::all() : llvm::PreservedAnalyses::none();
}

}  // namespace hearth
