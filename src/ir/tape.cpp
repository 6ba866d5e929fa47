// Compiling a kernel for the interpreter: names become offsets, statements become lists of steps.
#include "ir/tape.h"

#include <cstring>
#include <unordered_map>

#include "base/check.h"
#include "ir/text.h"

namespace hearth {
namespace {

class Compiler {
 public:
  Compiler(const Kernel& kernel, const std::map<std::string, int64_t>& sizes) : kernel_(kernel), sizes_(sizes) {}

  Result<Tape> run() {
    tape_.kernel = kernel_.name;
    for (const KernelParam& param : kernel_.params) add_buffer(param.buffer);
    if (!kernel_.body) return error("kernel '{}': it has no body", kernel_.name);
    TRY_DONE(compile(kernel_.body, &tape_.items));
    tape_.frame.resize(static_cast<size_t>(frame_size_));
    for (const auto& [offset, bytes] : initial_) std::memcpy(tape_.frame.data() + offset, bytes.data(), bytes.size());
    return std::move(tape_);
  }

 private:
  struct Slot {
    int32_t offset = 0;
    Type type;
  };

  template <class... Args>
  Error fail(fmt::format_string<Args...> format, Args&&... args) const {
    return error("kernel '{}': {}", kernel_.name, fmt::format(format, std::forward<Args>(args)...));
  }

  int32_t new_slot(Type type) {
    int64_t offset = frame_size_;
    frame_size_ += (int64_t{type.lanes} * bytes_of(type.dtype) + 15) / 16 * 16;
    CHECK(frame_size_ < INT32_MAX, "kernel '{}' is too large to interpret", kernel_.name);
    return static_cast<int32_t>(offset);
  }

  int32_t add_buffer(const Buffer& buffer) {
    int32_t id = static_cast<int32_t>(tape_.buffers.size());
    tape_.buffers.push_back({buffer->name, nullptr, 0});
    buffers_[buffer.get()] = id;
    if (buffer->local) {
      tape_.locals.emplace_back(static_cast<size_t>(buffer->local_size * bytes_of(buffer->dtype)));
      tape_.buffers.back().data = tape_.locals.back().data();
      tape_.buffers.back().bytes = static_cast<int64_t>(tape_.locals.back().size());
    }
    return id;
  }

  Result<int32_t> find_buffer(const Buffer& buffer) const {
    auto found = buffers_.find(buffer.get());
    if (found == buffers_.end()) return fail("'{}' is no parameter and not allocated here", buffer->name);
    return found->second;
  }

  // ---- expressions ----

  Result<int32_t> compile(const Expr& e, std::vector<TapeStep>* steps) {
    auto seen = done_.find(e.id());
    if (seen != done_.end()) return seen->second;
    TRY(int32_t slot, compile_node(*e, steps));
    done_.emplace(e.id(), slot);
    return slot;
  }

  Result<int32_t> compile_node(const ExprNode& node, std::vector<TapeStep>* steps) {
    switch (node.kind) {
      case ExprKind::constant:
        return compile_constant(node);
      case ExprKind::size:
        return compile_size(node);
      case ExprKind::var:
        return compile_var(node);
      case ExprKind::bitcast:
        return compile(node.args[0], steps);
      case ExprKind::load:
        return compile_load(node, steps);
      default:
        return compile_operation(node, steps);
    }
  }

  Result<int32_t> compile_constant(const ExprNode& node) {
    int32_t slot = new_slot(node.type);
    int bytes = bytes_of(node.type.dtype);
    std::vector<char> value(static_cast<size_t>(bytes) * node.type.lanes);
    for (int i = 0; i < node.type.lanes; i++)
      write_element(node.type.dtype, node.integer, node.real, value.data() + i * bytes);
    initial_.emplace_back(slot, std::move(value));
    return slot;
  }

  Result<int32_t> compile_size(const ExprNode& node) {
    auto found = sizes_.find(node.name);
    if (found == sizes_.end()) return fail("size '{}' has no value", node.name);
    int32_t slot = new_slot(kIndex);
    std::vector<char> value(8);
    std::memcpy(value.data(), &found->second, 8);
    initial_.emplace_back(slot, std::move(value));
    return slot;
  }

  Result<int32_t> compile_var(const ExprNode& node) const {
    auto found = scope_.find(node.name);
    if (found == scope_.end()) return fail("'{}' is not bound here", node.name);
    if (found->second.type != node.type) return fail("'{}' is used with another type than it is bound with", node.name);
    return found->second.offset;
  }

  Result<int32_t> compile_load(const ExprNode& node, std::vector<TapeStep>* steps) {
    TapeStep step;
    step.kind = node.args[0]->type.lanes > 1 ? StepKind::gather : StepKind::load;
    step.lanes = node.type.lanes;
    step.bytes = bytes_of(node.type.dtype);
    TRY(step.buffer, find_buffer(node.buffer));
    TRY(step.a, compile(node.args[0], steps));
    if (node.args.size() > 1) {
      TRY(step.mask, compile(node.args[1], steps));
    }
    step.out = new_slot(node.type);
    steps->push_back(step);
    return step.out;
  }

  static void choose(const ExprNode& node, TapeStep* step) {
    DType type = node.args[0]->type.dtype;
    switch (node.kind) {
      case ExprKind::unary:
        step->one = unary_fn(node.unary, type);
        break;
      case ExprKind::cast:
        step->one = cast_fn(type, node.type.dtype);
        break;
      case ExprKind::binary:
        step->kind = StepKind::two;
        step->two = binary_fn(node.binary, type);
        break;
      case ExprKind::fma:
        step->kind = StepKind::fma;
        step->fma = fma_fn(type);
        break;
      case ExprKind::reduce:
        step->kind = StepKind::reduce;
        step->lanes = node.args[0]->type.lanes;
        step->reduce = reduce_fn(node.binary, type);
        break;
      case ExprKind::select:
        step->kind = StepKind::select;
        break;
      case ExprKind::broadcast:
        step->kind = StepKind::broadcast;
        break;
      case ExprKind::interleave:
        step->kind = StepKind::interleave;
        break;
      case ExprKind::dot2:
        step->kind = node.type.dtype == DType::i32 ? StepKind::dot2_i16 : StepKind::dot2;
        break;
      default:
        step->kind = StepKind::dot4;
        step->unsigned_a = node.args[1]->type.dtype == DType::u8;
        step->products = node.args[1]->type.lanes / node.type.lanes;
        break;
    }
  }

  Result<int32_t> compile_operation(const ExprNode& node, std::vector<TapeStep>* steps) {
    if (node.kind == ExprKind::ramp) return compile_ramp(node, steps);
    TapeStep step;
    step.lanes = node.type.lanes;
    step.bytes = bytes_of(node.type.dtype);
    choose(node, &step);
    int32_t* slots[] = {&step.a, &step.b, &step.c};
    for (size_t i = 0; i < node.args.size(); i++) {
      TRY(*slots[i], compile(node.args[i], steps));
    }
    if (node.kind == ExprKind::broadcast || node.kind == ExprKind::interleave) step.b = node.args[0]->type.lanes;
    step.out = new_slot(node.type);
    steps->push_back(step);
    return step.out;
  }

  // base + stride * [0 1 2 ...], in the ramp's own integer type.
  Result<int32_t> compile_ramp(const ExprNode& node, std::vector<TapeStep>* steps) {
    DType dtype = node.type.dtype;
    int bytes = bytes_of(dtype);
    int32_t counts = new_slot(node.type);
    std::vector<char> value(static_cast<size_t>(bytes) * node.type.lanes);
    for (int i = 0; i < node.type.lanes; i++) write_element(dtype, i, i, value.data() + i * bytes);
    initial_.emplace_back(counts, std::move(value));
    int32_t wide[2] = {};
    for (int i = 0; i < 2; i++) {
      TapeStep repeat;
      repeat.kind = StepKind::broadcast;
      repeat.lanes = node.type.lanes;
      repeat.bytes = bytes;
      repeat.b = 1;
      TRY(repeat.a, compile(node.args[i], steps));
      repeat.out = wide[i] = new_slot(node.type);
      steps->push_back(repeat);
    }
    TapeStep times;
    times.kind = StepKind::two;
    times.lanes = node.type.lanes;
    times.bytes = bytes;
    times.two = binary_fn(BinaryOp::mul, dtype);
    times.a = counts;
    times.b = wide[1];
    times.out = new_slot(node.type);
    TapeStep plus = times;
    plus.two = binary_fn(BinaryOp::add, dtype);
    plus.a = wide[0];
    plus.b = times.out;
    plus.out = new_slot(node.type);
    steps->push_back(times);
    steps->push_back(plus);
    return plus.out;
  }

  // ---- statements ----

  static std::vector<TapeStep>* steps_of(std::vector<TapeItem>* items) {
    if (items->empty() || items->back().kind != TapeItem::Kind::steps) items->emplace_back();
    return &items->back().steps;
  }

  // One whole expression: shared parts are computed once, within it only (a store may come between two).
  Result<int32_t> compile_whole(const Expr& e, std::vector<TapeItem>* items) {
    done_.clear();
    return compile(e, steps_of(items));
  }

  Result<Done> compile(const Stmt& s, std::vector<TapeItem>* items) {
    switch (s->kind) {
      case StmtKind::block:
        for (const Stmt& child : s->children) TRY_DONE(compile(child, items));
        return Done{};
      case StmtKind::loop:
        return compile_loop(*s, items);
      case StmtKind::let: {
        TRY(int32_t slot, compile_whole(s->args[0], items));
        return compile_bound(s->name, {slot, s->args[0]->type}, s->children[0], items);
      }
      case StmtKind::store:
        return compile_store(*s, items);
      case StmtKind::when:
        return compile_branch(*s, items);
      case StmtKind::alloc:
        return compile_alloc(*s, items);
      case StmtKind::prefetch:
        return Done{};
      case StmtKind::barrier:
        return fail_when_run("the interpreter runs threads one after another: it has no barrier", items);
      case StmtKind::extern_call:
        return fail_when_run(fmt::format("the interpreter has no library '{}'", s->name), items);
    }
    return fail("unknown statement");
  }

  Result<Done> fail_when_run(std::string why, std::vector<TapeItem>* items) {
    TapeStep step;
    step.kind = StepKind::fail;
    step.buffer = static_cast<int32_t>(tape_.failures.size());
    tape_.failures.push_back(std::move(why));
    steps_of(items)->push_back(step);
    return Done{};
  }

  Result<Done> compile_bound(const std::string& name, Slot slot, const Stmt& body, std::vector<TapeItem>* items) {
    auto outer = scope_.find(name);
    bool shadows = outer != scope_.end();
    Slot kept = shadows ? outer->second : Slot{};
    scope_[name] = slot;
    TRY_DONE(compile(body, items));
    if (shadows) {
      scope_[name] = kept;
    } else {
      scope_.erase(name);
    }
    return Done{};
  }

  Result<Done> compile_loop(const StmtNode& s, std::vector<TapeItem>* items) {
    TapeItem item;
    bool top = (s.loop == LoopKind::parallel || s.loop == LoopKind::group) && !inside_top_;
    item.kind = top ? TapeItem::Kind::top_loop : TapeItem::Kind::loop;
    TRY(item.value, compile_whole(s.args[0], items));
    item.var = new_slot(kIndex);
    bool before = inside_top_;
    inside_top_ = inside_top_ || top;
    TRY_DONE(compile_bound(s.name, {item.var, kIndex}, s.children[0], &item.body));
    inside_top_ = before;
    items->push_back(std::move(item));
    return Done{};
  }

  Result<Done> compile_store(const StmtNode& s, std::vector<TapeItem>* items) {
    std::vector<TapeStep>* steps = steps_of(items);
    Type type = s.args[1]->type;
    TapeStep step;
    step.kind = s.args[0]->type.lanes > 1 ? StepKind::scatter : StepKind::store;
    step.lanes = type.lanes;
    step.bytes = bytes_of(type.dtype);
    TRY(step.buffer, find_buffer(s.buffer));
    done_.clear();
    TRY(step.a, compile(s.args[0], steps));
    TRY(step.b, compile(s.args[1], steps));
    if (s.args.size() > 2) {
      TRY(step.mask, compile(s.args[2], steps));
    }
    steps->push_back(step);
    return Done{};
  }

  Result<Done> compile_branch(const StmtNode& s, std::vector<TapeItem>* items) {
    TapeItem item;
    item.kind = TapeItem::Kind::branch;
    TRY(item.value, compile_whole(s.args[0], items));
    TRY_DONE(compile(s.children[0], &item.body));
    if (s.children.size() > 1) TRY_DONE(compile(s.children[1], &item.otherwise));
    items->push_back(std::move(item));
    return Done{};
  }

  Result<Done> compile_alloc(const StmtNode& s, std::vector<TapeItem>* items) {
    TapeStep step;
    step.kind = StepKind::fill;
    step.buffer = add_buffer(s.buffer);
    steps_of(items)->push_back(step);
    return compile(s.children[0], items);
  }

  const Kernel& kernel_;
  const std::map<std::string, int64_t>& sizes_;
  Tape tape_;
  int64_t frame_size_ = 0;
  bool inside_top_ = false;
  std::unordered_map<const BufferNode*, int32_t> buffers_;
  std::unordered_map<const ExprNode*, int32_t> done_;
  std::map<std::string, Slot> scope_;
  std::vector<std::pair<int32_t, std::vector<char>>> initial_;
};

}  // namespace

Result<Tape> compile_tape(const Kernel& kernel, const std::map<std::string, int64_t>& sizes) {
  return Compiler(kernel, sizes).run();
}

}  // namespace hearth
