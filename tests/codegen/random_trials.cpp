// Kernels made by chance from every node and statement; indices stay inside and arithmetic is defined.
#include "ir/lanes.h"
#include "trials.h"

namespace hearth {
namespace {

constexpr int64_t kInput = 96, kRow = 64, kLocal = 48, kIterations = 6;
constexpr DType kTypes[] = {DType::f32, DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8,  DType::u8,
                            DType::i16, DType::u16, DType::i32, DType::i32,  DType::u32, DType::i64, DType::u64};

class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  Trial make(std::string name) {
    Trial trial;
    for (const DType dtype : kTypes) {
      if (find(inputs_, dtype)) continue;
      inputs_.push_back(global_buffer(fmt::format("in_{}", name_of(dtype)), dtype));
      outputs_.push_back(global_buffer(fmt::format("out_{}", name_of(dtype)), dtype));
      trial.kernel.params.push_back({inputs_.back(), Access::read});
      trial.kernel.params.push_back({outputs_.back(), Access::read_write});
      trial.elements.insert(trial.elements.end(), {kInput, kRow * kIterations});
    }
    names_ = {{"i", kIndex}};
    trial.kernel.name = std::move(name);
    trial.kernel.extent = kIterations;
    trial.iterations = kIterations;
    trial.kernel.body = loop("i", kIterations, LoopKind::parallel, statement(4));
    return trial;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }
  bool chance(int one_in) { return below(one_in) == 0; }
  DType any_type() { return kTypes[below(std::size(kTypes))]; }
  int any_lanes() {
    constexpr int kLanes[] = {1, 1, 2, 3, 4, 8, 8, 16, 16, 32};
    return kLanes[below(std::size(kLanes))];
  }
  static Buffer find(const std::vector<Buffer>& buffers, DType dtype) {
    for (const Buffer& buffer : buffers)
      if (buffer->dtype == dtype) return buffer;
    return nullptr;
  }

  // A scalar index in [0, size).
  Expr index_below(int64_t size, int depth) {
    if (chance(2)) return Expr(int64_t{below(static_cast<int>(size))});
    return expression(kIndex, std::min(depth, 2)) % Expr(size);
  }
  Expr mask(int lanes, int depth) {
    const Type type{any_type(), lanes};
    constexpr BinaryOp kCompare[] = {BinaryOp::lt, BinaryOp::le, BinaryOp::eq, BinaryOp::ne};
    Expr a = binary(kCompare[below(4)], expression(type, depth - 1), expression(type, depth - 1));
    if (chance(4)) a = unary(UnaryOp::logical_not, a);
    return chance(4) && depth > 1
               ? binary(chance(2) ? BinaryOp::logical_and : BinaryOp::logical_or, a, mask(lanes, depth - 1))
               : a;
  }

  Expr leaf(Type type) {
    const int choice = below(8);
    if (choice == 0) return constant(type, static_cast<double>(below(200) - (is_signed(type.dtype) ? 100 : 0)) * 0.25);
    if (choice < 4) {
      std::vector<Expr> fitting;
      for (const auto& [name, named] : names_)
        if (named == type) fitting.push_back(var(name, named));
      if (!fitting.empty()) return fitting[static_cast<size_t>(below(static_cast<int>(fitting.size())))];
    }
    return load_any(type, 0);
  }

  Expr load_any(Type type, int depth) {
    if (type.lanes > kInput) return constant(type, 3);
    Buffer buffer = chance(2) && type.lanes <= kLocal ? find(locals_, type.dtype) : nullptr;
    if (!buffer) buffer = find(inputs_, type.dtype);
    const int64_t size = buffer->local ? kLocal : kInput;
    if (depth > 0 && chance(4) && type.lanes > 1) {  // gather
      const Expr where = expression({DType::i64, type.lanes}, depth - 1) % constant_int({DType::i64, type.lanes}, size);
      return chance(2) ? load(buffer, where) : load(buffer, where, mask(type.lanes, depth - 1));
    }
    if (depth > 0 && chance(4)) {  // masked, some lanes outside
      const Expr start = index_below(size, depth - 1);
      const Expr where = type.lanes == 1 ? start : ramp(start, 1, type.lanes);
      Expr inside = where < broadcast(Expr(size), type.lanes);
      return load(buffer, where,
                  chance(2) ? binary(BinaryOp::logical_and, inside, mask(type.lanes, depth - 1)) : inside);
    }
    const Expr start = depth == 0 ? Expr(int64_t{below(static_cast<int>(size - type.lanes + 1))})
                                  : index_below(size - type.lanes + 1, depth - 1);
    return load(buffer, type.lanes == 1 ? start : ramp(start, 1, type.lanes));
  }

  Expr arithmetic(Type type, int depth) {
    const auto op = static_cast<BinaryOp>(below(static_cast<int>(BinaryOp::shr) + 1));
    if (!binary_fn(op, type.dtype)) return expression(type, depth - 1);
    Expr b = expression(type, depth - 1);
    const bool integer = !is_float(type.dtype);
    if (integer && (op == BinaryOp::div || op == BinaryOp::mod))
      b = chance(2) ? b | constant_int(type, 1) : constant_int(type, 1 + below(100));
    if (op == BinaryOp::shl || op == BinaryOp::shr) b = b & constant_int(type, bytes_of(type.dtype) * 8 - 1);
    return binary(op, expression(type, depth - 1), b);
  }

  Expr single(Type type, int depth) {
    constexpr UnaryOp kOps[] = {UnaryOp::neg, UnaryOp::abs, UnaryOp::sqrt, UnaryOp::floor, UnaryOp::round_even};
    const UnaryOp op = kOps[below(5)];
    return unary_fn(op, type.dtype) ? unary(op, expression(type, depth - 1)) : expression(type, depth - 1);
  }

  // Same bits, other lanes; between integers alone, because the bits of a NaN are the machine's choice.
  Expr reinterpreted(Type type, int depth) {
    const DType from = any_type();
    const int bits = type.lanes * bytes_of(type.dtype);
    if (is_float(type.dtype) || is_float(from) || bits % bytes_of(from)) return expression(type, depth - 1);
    return bitcast(type, expression({from, bits / bytes_of(from)}, depth - 1));
  }

  Expr repeated(Type type, int depth) {
    for (const int factor : {8, 4, 3, 2})
      if (type.lanes % factor == 0 && chance(2)) {
        const Expr small = expression(type.with_lanes(type.lanes / factor), depth - 1);
        return chance(2) ? broadcast(small, factor) : interleave(small, factor);
      }
    return expression(type, depth - 1);
  }

  Expr reduced(Type type, int depth) {
    constexpr BinaryOp kOps[] = {BinaryOp::add, BinaryOp::min, BinaryOp::max};
    if (type.lanes != 1) return expression(type, depth - 1);
    return reduce(kOps[below(3)], expression(type.with_lanes(2 << below(4)), depth - 1));
  }

  Expr special(Type type, int depth) {
    if (is_float(type.dtype))
      return fma(expression(type, depth - 1), expression(type, depth - 1), expression(type, depth - 1));
    if (type.dtype == DType::i32) {
      const DType left = chance(2) ? DType::u8 : DType::i8;
      const int lanes = type.lanes * 4;
      return dot4(expression(type, depth - 1), expression({left, lanes}, depth - 1),
                  expression({DType::i8, lanes}, depth - 1));
    }
    if (type.lanes == 1) return expression(type, depth - 1);
    return ramp(expression(type.with_lanes(1), depth - 1), expression(type.with_lanes(1), depth - 1), type.lanes);
  }

  Expr expression(Type type, int depth) {
    if (depth <= 0 || type.lanes > 128) return leaf(type);
    switch (below(12)) {
      case 0:
        return leaf(type);
      case 1:
        return load_any(type, depth);
      case 2:
        return single(type, depth);
      case 3:
        return select(mask(type.lanes, depth - 1), expression(type, depth - 1), expression(type, depth - 1));
      case 4:
        return cast(type.dtype, expression({any_type(), type.lanes}, depth - 1));
      case 5:
        return reinterpreted(type, depth);
      case 6:
        return repeated(type, depth);
      case 7:
        return reduced(type, depth);
      case 8:
        return special(type, depth);
      default:
        return arithmetic(type, depth);
    }
  }

  Stmt write(int depth) {
    const Type type{any_type(), any_lanes()};
    const Buffer local = chance(2) ? find(locals_, type.dtype) : nullptr;
    const Buffer buffer = local ? local : find(outputs_, type.dtype);
    const int64_t size = local ? kLocal : kRow;
    const Expr start = index_below(size - type.lanes + 1, depth) + (local ? Expr(0) : var("i") * kRow);
    const Expr index = type.lanes == 1 ? start : ramp(start, 1, type.lanes);
    return store(buffer, index, expression(type, depth), chance(3) ? mask(type.lanes, 2) : Expr());
  }

  // Binds a name in what `inside` makes.
  template <class Inside>
  auto naming(const std::string& name, Type type, Inside inside) {
    names_.emplace_back(name, type);
    auto made = inside();
    names_.pop_back();
    return made;
  }

  Stmt statement(int depth) {
    const std::string name = fmt::format("v{}", next_name_++);
    switch (depth <= 0 ? 9 : below(9)) {
      case 0:
      case 1: {
        constexpr LoopKind kKinds[] = {LoopKind::serial, LoopKind::unrolled, LoopKind::vector, LoopKind::independent};
        const Stmt body = naming(name, kIndex, [&] { return statement(depth - 1); });
        return loop(name, Expr(int64_t{1 + below(4)}), kKinds[below(4)], body);
      }
      case 2:
        return when(mask(1, 2), statement(depth - 1), chance(2) ? statement(depth - 1) : nullptr);
      case 3: {
        const Type type{any_type(), any_lanes()};
        const Expr value = expression(type, 3);
        return let(name, value, naming(name, type, [&] { return statement(depth - 1); }));
      }
      case 4: {
        const Buffer local = local_buffer(name, any_type(), kLocal);
        const Stmt fill = loop(name + "z", kLocal, chance(2) ? LoopKind::unrolled : LoopKind::serial,
                               store(local, var(name + "z"), constant({local->dtype, 1}, 1)));
        locals_.insert(locals_.begin(), local);
        const Stmt body = statement(depth - 1);
        locals_.erase(locals_.begin());
        return alloc(local, block({fill, body}));
      }
      case 5:
      case 6:
      case 7: {
        std::vector<Stmt> children;
        for (int i = 0; i < 3; ++i) children.push_back(statement(depth - 1));
        return block(children);
      }
      default:
        return write(3);
    }
  }

  std::mt19937 random_;
  int next_name_ = 0;
  std::vector<std::pair<std::string, Type>> names_;
  std::vector<Buffer> inputs_, outputs_, locals_;
};

}  // namespace

Trials random_trials(int count, uint32_t seed) {
  Trials trials;
  for (int i = 0; i < count; ++i)
    trials.trials.push_back(Maker(seed * 10007 + static_cast<uint32_t>(i)).make(fmt::format("random{}", i)));
  return trials;
}

}  // namespace hearth
