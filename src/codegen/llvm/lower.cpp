// Statements and memory of loop IR in LLVM's terms; arithmetic is in values.cpp.
//
// A kernel becomes two functions: the exported one fetches pointers and sizes, the inner one takes them as arguments,
// where LLVM can be told that parameters never overlap and sizes lie in their bounds.
#include "codegen/llvm/lower.h"

#include <llvm/IR/ConstantRange.h>
#include <llvm/IR/MDBuilder.h>

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/check.h"
#include "codegen/llvm/values.h"
#include "ir/text.h"

namespace hearth {
namespace {

using Value = llvm::Value;
constexpr int64_t kMaxUnroll = 1024;  // an unrolled loop with more iterations stays a loop

std::optional<int64_t> known(const Expr& expr) {
  if (expr->kind == ExprKind::constant && !is_float(expr->type.dtype)) return expr->integer;
  return std::nullopt;
}

class Lowering {
 public:
  Lowering(llvm::Module& module, const Kernel& kernel, const KernelFacts& facts, const Target& target)
      : module_(module),
        context_(module.getContext()),
        build_(context_),
        kernel_(kernel),
        facts_(facts),
        target_(target) {}

  void run() {
    llvm::Function* inner = make_inner();
    make_exported(inner);
    llvm::BasicBlock* entry = llvm::BasicBlock::Create(context_, "entry", inner);
    llvm::BasicBlock* body = llvm::BasicBlock::Create(context_, "body", inner);
    build_.SetInsertPoint(body);
    emit(kernel_.body);
    build_.CreateRetVoid();
    llvm::IRBuilder<>(entry).CreateBr(body);  // the entry holds the locals
  }

 private:
  llvm::Function* make_inner();
  void make_exported(llvm::Function* inner);
  void describe(llvm::Function* function);

  void emit(const Stmt& stmt);
  void emit_loop(const StmtNode& node);
  void emit_counted(const StmtNode& node, Value* first, Value* last);
  void emit_when(const StmtNode& node);
  void emit_store(const StmtNode& node);
  void emit_prefetch(const StmtNode& node);
  void emit_alloc(const StmtNode& node);
  void with_name(const std::string& name, Value* value, const Stmt& body);

  Value* evaluate(const Expr& expr) {  // a whole expression, at this point of the program
    cache_.clear();
    return value_of(expr);
  }
  Value* value_of(const Expr& expr);
  Value* make_value(const ExprNode& node);
  Value* chain_value(const ExprNode& node);
  void find_tile(const Expr& a, const Expr& b, DotTerm* term);
  void read_together(std::span<const ExprNode* const> chain, size_t first, std::vector<Value*>* rows);
  Value* load_value(const ExprNode& node);

  struct Access {
    Value* pointer = nullptr;  // of the first lane; a vector of pointers when scattered
    bool scattered = false;
    bool inside = false;  // surely inside a local buffer, every lane
  };
  Access access(const Buffer& buffer, Type type, const Expr& index);
  Value* offset_pointer(Value* base, llvm::Type* element, Value* index);
  Value* contiguous_base(const Expr& index);
  llvm::Align alignment(Type type) const { return llvm::Align(static_cast<uint64_t>(bytes_of(type.dtype))); }
  template <class Instruction>
  Instruction* never_written(const Buffer& buffer, Instruction* load);

  llvm::Module& module_;
  llvm::LLVMContext& context_;
  llvm::IRBuilder<> build_;
  const Kernel& kernel_;
  const KernelFacts& facts_;
  const Target& target_;
  Value *first_ = nullptr, *last_ = nullptr;
  bool outermost_ = true;  // the next parallel loop is the kernel's
  std::map<std::string, Value*> names_, sizes_;
  std::map<const BufferNode*, Value*> buffers_;
  std::unordered_map<const ExprNode*, Value*> cache_;
};

void Lowering::describe(llvm::Function* function) {
  function->addFnAttr("target-cpu", target_.cpu);
  function->addFnAttr("target-features", target_.features);
  function->addFnAttr("prefer-vector-width", std::to_string(target_.vector_bytes * 8));
  function->addFnAttr("min-legal-vector-width", std::to_string(target_.vector_bytes * 8));
  function->addFnAttr("no-builtins");
  function->addFnAttr(llvm::Attribute::NoUnwind);
}

llvm::Function* Lowering::make_inner() {
  llvm::Type *pointer = build_.getPtrTy(), *number = build_.getInt64Ty();
  std::vector<llvm::Type*> types(kernel_.params.size(), pointer);
  types.insert(types.end(), facts_.sizes.size() + 2, number);
  auto* inner = llvm::Function::Create(llvm::FunctionType::get(build_.getVoidTy(), types, false),
                                       llvm::GlobalValue::InternalLinkage, kernel_.name + ".body", module_);
  describe(inner);
  inner->addFnAttr(llvm::Attribute::NoInline);
  unsigned place = 0;
  for (const KernelParam& param : kernel_.params) {
    if (!facts_.shared_params.contains(place)) {
      inner->addParamAttr(place, llvm::Attribute::NoAlias);
      if (param.access == hearth::Access::read) inner->addParamAttr(place, llvm::Attribute::ReadOnly);
    }
    inner->addParamAttr(place, llvm::Attribute::NoCapture);
    llvm::Argument* argument = inner->getArg(place++);
    argument->setName(param.buffer->name);
    buffers_[param.buffer.get()] = argument;
  }
  const auto bounded = [&](int64_t low, int64_t high) {
    if (low <= high && (low != INT64_MIN || high != INT64_MAX)) {
      const llvm::ConstantRange range(llvm::APInt(64, static_cast<uint64_t>(low)),
                                      llvm::APInt(64, static_cast<uint64_t>(high) + 1));
      inner->addParamAttr(place, llvm::Attribute::get(context_, llvm::Attribute::Range, range));
    }
    return inner->getArg(place++);
  };
  for (const SizeDecl& size : facts_.sizes) sizes_[size.name] = bounded(size.at_least, size.at_most);
  first_ = bounded(0, INT64_MAX);
  last_ = bounded(0, INT64_MAX);
  return inner;
}

void Lowering::make_exported(llvm::Function* inner) {
  llvm::Type *pointer = build_.getPtrTy(), *number = build_.getInt64Ty();
  auto* type = llvm::FunctionType::get(build_.getVoidTy(), {pointer, pointer, number, number}, false);
  auto* exported = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, kernel_.name, module_);
  describe(exported);
  build_.SetInsertPoint(llvm::BasicBlock::Create(context_, "entry", exported));
  std::vector<Value*> operands;
  for (size_t i = 0; i < kernel_.params.size(); ++i)
    operands.push_back(build_.CreateLoad(pointer, build_.CreateConstGEP1_64(pointer, exported->getArg(0), i)));
  for (size_t i = 0; i < facts_.sizes.size(); ++i)
    operands.push_back(build_.CreateLoad(number, build_.CreateConstGEP1_64(number, exported->getArg(1), i)));
  operands.push_back(exported->getArg(2));
  operands.push_back(exported->getArg(3));
  build_.CreateCall(inner, operands);
  build_.CreateRetVoid();
}

// ---- statements

void Lowering::with_name(const std::string& name, Value* value, const Stmt& body) {
  const auto outer = names_.find(name);
  Value* hidden = outer == names_.end() ? nullptr : outer->second;
  names_[name] = value;
  emit(body);
  if (hidden)
    names_[name] = hidden;
  else
    names_.erase(name);
}

void Lowering::emit(const Stmt& stmt) {
  if (!stmt) return;
  switch (stmt->kind) {
    case StmtKind::block:
      for (const Stmt& child : stmt->children) emit(child);
      return;
    case StmtKind::loop:
      return emit_loop(*stmt);
    case StmtKind::let:
      return with_name(stmt->name, evaluate(stmt->args[0]), stmt->children[0]);
    case StmtKind::store:
      return emit_store(*stmt);
    case StmtKind::when:
      return emit_when(*stmt);
    case StmtKind::alloc:
      return emit_alloc(*stmt);
    case StmtKind::prefetch:
      return emit_prefetch(*stmt);
    case StmtKind::barrier:
    case StmtKind::extern_call:
      break;
  }
  CHECK(false, "kernel '{}': statement kind {} passed the check", kernel_.name, static_cast<int>(stmt->kind));
}

void Lowering::emit_loop(const StmtNode& node) {
  if (node.loop == LoopKind::parallel && outermost_) {
    outermost_ = false;
    return emit_counted(node, first_, last_);
  }
  const std::optional<int64_t> extent = known(node.args[0]);
  if (node.loop == LoopKind::unrolled && extent && *extent <= kMaxUnroll) {
    for (int64_t i = 0; i < *extent; ++i)
      with_name(node.name, build_.getInt64(static_cast<uint64_t>(i)), node.children[0]);
    return;
  }
  emit_counted(node, build_.getInt64(0), evaluate(node.args[0]));
}

// A loop tested at its end behind one test in front: the shape LLVM's loop passes want.
void Lowering::emit_counted(const StmtNode& node, Value* first, Value* last) {
  llvm::Function* function = build_.GetInsertBlock()->getParent();
  llvm::BasicBlock* before = build_.GetInsertBlock();
  auto* body = llvm::BasicBlock::Create(context_, node.name, function);
  auto* after = llvm::BasicBlock::Create(context_, node.name + ".end", function);
  build_.CreateCondBr(build_.CreateICmpSLT(first, last), body, after);
  build_.SetInsertPoint(body);
  llvm::PHINode* counter = build_.CreatePHI(build_.getInt64Ty(), 2, node.name);
  counter->addIncoming(first, before);
  with_name(node.name, counter, node.children[0]);
  Value* next = build_.CreateAdd(counter, build_.getInt64(1), "", true, true);
  counter->addIncoming(next, build_.GetInsertBlock());
  build_.CreateCondBr(build_.CreateICmpSLT(next, last), body, after);
  build_.SetInsertPoint(after);
}

void Lowering::emit_when(const StmtNode& node) {
  Value* condition = evaluate(node.args[0]);
  const Stmt otherwise = node.children.size() > 1 ? node.children[1] : nullptr;
  if (const auto* fixed = llvm::dyn_cast<llvm::ConstantInt>(condition))
    return emit(fixed->isOne() ? node.children[0] : otherwise);
  llvm::Function* function = build_.GetInsertBlock()->getParent();
  auto* yes = llvm::BasicBlock::Create(context_, "then", function);
  auto* no = llvm::BasicBlock::Create(context_, "else", function);
  auto* after = llvm::BasicBlock::Create(context_, "done", function);
  build_.CreateCondBr(condition, yes, no);
  build_.SetInsertPoint(yes);
  emit(node.children[0]);
  build_.CreateBr(after);
  build_.SetInsertPoint(no);
  emit(otherwise);
  build_.CreateBr(after);
  build_.SetInsertPoint(after);
}

void Lowering::emit_alloc(const StmtNode& node) {
  const BufferNode& local = *node.buffer;
  llvm::Type* type = llvm::ArrayType::get(element_type(context_, local.dtype), static_cast<uint64_t>(local.local_size));
  llvm::BasicBlock& entry = build_.GetInsertBlock()->getParent()->getEntryBlock();
  llvm::AllocaInst* place = llvm::IRBuilder<>(&entry, entry.end()).CreateAlloca(type, nullptr, local.name);
  place->setAlignment(llvm::Align(64));
  auto* bytes = build_.getInt64(static_cast<uint64_t>(local.local_size * bytes_of(local.dtype)));
  build_.CreateLifetimeStart(place, bytes);  // each entry begins without contents: nothing is carried around a loop
  buffers_[&local] = place;
  emit(node.children[0]);
  build_.CreateLifetimeEnd(place, bytes);
}

void Lowering::emit_store(const StmtNode& node) {
  cache_.clear();
  const Type type = node.args[1]->type;
  const Access at = access(node.buffer, type, node.args[0]);
  Value* value = to_memory(build_, type, value_of(node.args[1]));
  Value* mask = node.args.size() > 2 ? value_of(node.args[2]) : nullptr;
  const llvm::Align align = alignment(type);
  if (at.scattered) {
    build_.CreateMaskedScatter(value, at.pointer, align, mask);
  } else if (!mask) {
    build_.CreateAlignedStore(value, at.pointer, align);
  } else if (at.inside) {
    Value* old = build_.CreateAlignedLoad(value->getType(), at.pointer, align);
    build_.CreateAlignedStore(build_.CreateSelect(mask, value, old), at.pointer, align);
  } else if (type.lanes > 1) {
    build_.CreateMaskedStore(value, at.pointer, align, mask);
  } else {
    auto* yes = llvm::BasicBlock::Create(context_, "write", build_.GetInsertBlock()->getParent());
    auto* after = llvm::BasicBlock::Create(context_, "written", build_.GetInsertBlock()->getParent());
    build_.CreateCondBr(mask, yes, after);
    build_.SetInsertPoint(yes);
    build_.CreateAlignedStore(value, at.pointer, align);
    build_.CreateBr(after);
    build_.SetInsertPoint(after);
  }
}

// For reading, into the second cache: the first one has room and slots for much less than is on its way from memory.
void Lowering::emit_prefetch(const StmtNode& node) {
  const Access at = access(node.buffer, {node.buffer->dtype, 1}, node.args[0]);
  build_.CreateIntrinsic(llvm::Intrinsic::prefetch, {build_.getPtrTy()},
                         {at.pointer, build_.getInt32(0), build_.getInt32(2), build_.getInt32(1)});
}

// ---- memory

// The scalar start of an index that counts up by one, or null.
Value* Lowering::contiguous_base(const Expr& index) {
  if (index->kind == ExprKind::ramp) return known(index->args[1]) == 1 ? value_of(index->args[0]) : nullptr;
  if (index->kind != ExprKind::binary || (index->binary != BinaryOp::add && index->binary != BinaryOp::sub))
    return nullptr;
  const auto uniform = [&](const Expr& e) -> Value* {
    if (e->kind == ExprKind::constant) return llvm::cast<llvm::Constant>(value_of(e))->getSplatValue();
    return e->kind == ExprKind::broadcast && e->args[0]->type.lanes == 1 ? value_of(e->args[0]) : nullptr;
  };
  const bool adds = index->binary == BinaryOp::add;
  if (Value* shift = uniform(index->args[1]))
    if (Value* base = contiguous_base(index->args[0]))
      return adds ? build_.CreateAdd(base, shift) : build_.CreateSub(base, shift);
  if (!adds) return nullptr;
  if (Value* shift = uniform(index->args[0]))
    if (Value* base = contiguous_base(index->args[1])) return build_.CreateAdd(shift, base);
  return nullptr;
}

// base[index], a known distance last: accesses that differ by it alone share the rest.
Value* Lowering::offset_pointer(Value* base, llvm::Type* element, Value* index) {
  auto* sum = llvm::dyn_cast<llvm::BinaryOperator>(index);
  if (sum && sum->getOpcode() == llvm::Instruction::Add)
    if (auto* distance = llvm::dyn_cast<llvm::ConstantInt>(sum->getOperand(1)))
      return build_.CreateGEP(element, build_.CreateGEP(element, base, sum->getOperand(0)), distance);
  return build_.CreateGEP(element, base, index);
}

Lowering::Access Lowering::access(const Buffer& buffer, Type type, const Expr& index) {
  const auto found = buffers_.find(buffer.get());
  CHECK(found != buffers_.end(), "kernel '{}': buffer '{}' is out of scope", kernel_.name, buffer->name);
  llvm::Type* element = element_type(context_, type.dtype);
  Access result;
  Value* start = index->type.lanes == 1 ? value_of(index) : contiguous_base(index);
  result.scattered = start == nullptr;
  if (result.scattered) {
    result.pointer = build_.CreateGEP(element, found->second, value_of(index));
    return result;
  }
  const auto* fixed = llvm::dyn_cast<llvm::ConstantInt>(start);
  if (buffer->local && fixed) {
    const int64_t at = fixed->getSExtValue(),
                  elements = buffer->local_size * bytes_of(buffer->dtype) / bytes_of(type.dtype);
    result.inside = at >= 0 && at <= elements - type.lanes;
  }
  result.pointer = offset_pointer(found->second, element, start);
  return result;
}

// Loads from what nobody writes may move anywhere.
template <class Instruction>
Instruction* Lowering::never_written(const Buffer& buffer, Instruction* load) {
  if (buffer->local) return load;
  for (size_t i = 0; i < kernel_.params.size(); ++i)
    if (kernel_.params[i].buffer == buffer &&
        (kernel_.params[i].access != hearth::Access::read || facts_.shared_params.contains(i)))
      return load;
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context_, {}));
  return load;
}

Value* Lowering::load_value(const ExprNode& node) {
  const Access at = access(node.buffer, node.type, node.args[0]);
  Value* mask = node.args.size() > 1 ? value_of(node.args[1]) : nullptr;
  llvm::Type* type = memory_type(context_, node.type);
  const llvm::Align align = alignment(node.type);
  Value* loaded = nullptr;
  if (at.scattered) {
    Value* zero = llvm::Constant::getNullValue(type);
    loaded = build_.CreateMaskedGather(type, at.pointer, align, mask, mask ? zero : nullptr);
  } else if (!mask || at.inside) {
    loaded = never_written(node.buffer, build_.CreateAlignedLoad(type, at.pointer, align));
    if (mask) loaded = build_.CreateSelect(mask, loaded, llvm::Constant::getNullValue(type));
  } else if (node.type.lanes > 1) {
    loaded = never_written(node.buffer,
                           build_.CreateMaskedLoad(type, at.pointer, align, mask, llvm::Constant::getNullValue(type)));
  } else {
    llvm::BasicBlock* before = build_.GetInsertBlock();
    auto* yes = llvm::BasicBlock::Create(context_, "read", before->getParent());
    auto* after = llvm::BasicBlock::Create(context_, "have", before->getParent());
    build_.CreateCondBr(mask, yes, after);
    build_.SetInsertPoint(yes);
    Value* there = build_.CreateAlignedLoad(type, at.pointer, align);
    build_.CreateBr(after);
    build_.SetInsertPoint(after);
    llvm::PHINode* either = build_.CreatePHI(type, 2);
    either->addIncoming(llvm::Constant::getNullValue(type), before);
    either->addIncoming(there, yes);
    loaded = either;
  }
  return from_memory(build_, node.type, loaded);
}

// ---- expressions

Value* Lowering::value_of(const Expr& expr) {
  if (const auto found = cache_.find(expr.id()); found != cache_.end()) return found->second;
  Value* value = make_value(*expr);
  cache_[expr.id()] = value;
  return value;
}

// a = bitcast(interleave(columns, 2)), b = broadcast(rows, ..): what some columns and two rows make with each other.
void Lowering::find_tile(const Expr& a, const Expr& b, DotTerm* term) {
  if (a->kind != ExprKind::bitcast || b->kind != ExprKind::broadcast) return;
  const Expr &repeated = a->args[0], &rows = b->args[0];
  const bool two_rows = repeated->kind == ExprKind::interleave && repeated->type.dtype == DType::i64 &&
                        repeated->type.lanes == 2 * repeated->args[0]->type.lanes;
  if (!two_rows || rows->type.lanes != 16) return;
  term->columns = value_of(repeated->args[0]);
  term->rows = value_of(rows);
}

// The four bytes that every lane of a dot4 is given, if that is all: their load.
const ExprNode* repeated_word(const ExprNode& dot) {
  const Expr& b = dot.args[2];
  if (b->kind != ExprKind::broadcast || b->type.lanes % 16 != 0) return nullptr;
  const Expr& word = b->args[0];
  return word->kind == ExprKind::load && word->type.lanes == 4 && word->args.size() == 1 ? &*word : nullptr;
}

// An index as something and a number of elements.
std::pair<std::string, int64_t> base_and_distance(const Expr& index) {
  const bool is_sum = index->kind == ExprKind::binary && index->binary == BinaryOp::add;
  const auto distance = is_sum ? known(index->args[1]) : std::nullopt;
  return distance ? std::pair(print(index->args[0]), *distance) : std::pair(print(index), int64_t{0});
}

// Four words of a row that follow each other: read at once, each for all lanes.
void Lowering::read_together(std::span<const ExprNode* const> chain, size_t first, std::vector<Value*>* rows) {
  constexpr size_t kWords = 4;
  if (first + kWords > chain.size()) return;
  std::pair<std::string, int64_t> start;
  const ExprNode* begin = nullptr;
  for (size_t i = 0; i < kWords; ++i) {
    const ExprNode* word = repeated_word(*chain[first + i]);
    if (!word || (begin && word->buffer != begin->buffer)) return;
    const auto at = base_and_distance(word->args[0]);
    if (!begin) begin = word, start = at;
    if (at.first != start.first || at.second != start.second + static_cast<int64_t>(4 * i)) return;
  }
  Value* words = load_value(*load_as({DType::i8, 16}, begin->buffer, begin->args[0]));
  words = build_.CreateBitCast(words, register_type(context_, {DType::i32, 4}));
  for (size_t i = 0; i < kWords; ++i) {
    const Type bytes = chain[first + i]->args[2]->type;
    const std::vector<int> order(static_cast<size_t>(bytes.lanes / 4), static_cast<int>(i));
    Value* all = build_.CreateShuffleVector(words, order);
    (*rows)[first + i] = build_.CreateBitCast(all, register_type(context_, bytes));
  }
}

// Byte dot products that add to each other, all at once: how they add up is the target's choice.
Value* Lowering::chain_value(const ExprNode& node) {
  const int products = node.args[1]->type.lanes / node.type.lanes;
  const auto goes_on = [&](const Expr& e) {
    return e->kind == ExprKind::dot4 && e->args[1]->type.lanes == products * e->type.lanes;
  };
  std::vector<const ExprNode*> chain{&node};
  while (goes_on(chain.back()->args[0])) chain.push_back(&*chain.back()->args[0]);
  std::reverse(chain.begin(), chain.end());
  Value* acc = value_of(chain.front()->args[0]);
  std::vector<DotTerm> terms;
  std::vector<Value*> rows(chain.size());
  for (size_t i = 0; i < chain.size(); ++i) {
    const Expr &a = chain[i]->args[1], &b = chain[i]->args[2];
    Value* left = value_of(a);
    if (!rows[i] && products == 4 && target_.dot4_by_lane()) read_together(chain, i, &rows);
    terms.push_back({a->type.dtype, left, rows[i] ? rows[i] : value_of(b)});
    if (target_.byte_tiles && products == 8) find_tile(a, b, &terms.back());
  }
  return products == 8 ? dot8_chain_value(build_, target_, acc, terms) : dot4_chain_value(build_, target_, acc, terms);
}

Value* Lowering::make_value(const ExprNode& node) {
  const auto arg = [&](size_t i) { return value_of(node.args[i]); };
  switch (node.kind) {
    case ExprKind::constant:
      return constant_value(context_, node);
    case ExprKind::var: {
      const auto found = names_.find(node.name);
      CHECK(found != names_.end(), "kernel '{}': '{}' is out of scope", kernel_.name, node.name);
      return found->second;
    }
    case ExprKind::size:
      return sizes_.at(node.name);
    case ExprKind::unary:
      return unary_value(build_, node.unary, node.type, arg(0));
    case ExprKind::binary: {
      Value* a = arg(0);
      return binary_value(build_, node.binary, node.args[0]->type, a, arg(1));
    }
    case ExprKind::fma: {
      Value *a = arg(0), *b = arg(1);
      return fma_value(build_, node.type, a, b, arg(2));
    }
    case ExprKind::select: {
      Value *condition = arg(0), *yes = arg(1);
      return build_.CreateSelect(condition, yes, arg(2));
    }
    case ExprKind::cast:
      return cast_value(build_, node.args[0]->type, node.type.dtype, arg(0));
    case ExprKind::bitcast:
      return build_.CreateBitCast(arg(0), register_type(context_, node.type));
    case ExprKind::load:
      return load_value(node);
    case ExprKind::ramp: {
      Value* base = arg(0);
      return ramp_value(build_, node.type, base, arg(1));
    }
    case ExprKind::broadcast:
      return broadcast_value(build_, arg(0), node.type.lanes / node.args[0]->type.lanes);
    case ExprKind::interleave:
      return interleave_value(build_, arg(0), node.type.lanes / node.args[0]->type.lanes);
    case ExprKind::reduce:
      return reduce_value(build_, node.binary, node.args[0]->type, arg(0));
    case ExprKind::dot4:
      return chain_value(node);
    case ExprKind::dot2: {
      Value *acc = arg(0), *a = arg(1);
      return dot2_value(build_, target_, acc, a, arg(2));
    }
  }
  CHECK(false, "kernel '{}': unknown expression kind {}", kernel_.name, static_cast<int>(node.kind));
}

}  // namespace

void lower_kernel(llvm::Module& module, const Kernel& kernel, const KernelFacts& facts, const Target& target) {
  Lowering(module, kernel, facts, target).run();
}

}  // namespace hearth
