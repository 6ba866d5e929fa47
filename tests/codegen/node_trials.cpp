// Kernels of one expression node each, over types and lanes.
#include "ir/lanes.h"
#include "trials.h"

namespace hearth {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::f16, DType::bf16, DType::f64, DType::i8,  DType::u8,     DType::i16,
                            DType::u16, DType::i32, DType::u32,  DType::i64, DType::u64, DType::boolean};
constexpr int64_t kIterations = 24;

std::string label(const std::string& what, Type type) {
  return fmt::format("{}_{}x{}", what, name_of(type.dtype), type.lanes);
}

// Divisors that are not zero and shifts that are not too far: elsewhere the laws promise nothing.
Expr tame(BinaryOp op, const Expr& b) {
  const Type type = b->type;
  if (is_float(type.dtype) || type.dtype == DType::boolean) return b;
  if (op == BinaryOp::div || op == BinaryOp::mod) return b | constant_int(type, 1);
  if (op == BinaryOp::shl || op == BinaryOp::shr) return b & constant_int(type, bytes_of(type.dtype) * 8 - 1);
  return b;
}

void add_binary(Trials& trials, const std::vector<int>& lanes_tried) {
  for (const DType dtype : kTypes)
    for (const int lanes : lanes_tried)
      for (int op = 0; op <= static_cast<int>(BinaryOp::logical_or); ++op) {
        const auto binary_op = static_cast<BinaryOp>(op);
        if (!binary_fn(binary_op, dtype)) continue;
        const Type type{dtype, lanes};
        trials.trials.push_back(
            elementwise(label(fmt::format("binary{}", op), type), {type, type},
                        [&](const auto& in) { return binary(binary_op, in[0], tame(binary_op, in[1])); }));
      }
}

void add_unary(Trials& trials, const std::vector<int>& lanes_tried) {
  constexpr UnaryOp kOps[] = {UnaryOp::neg,   UnaryOp::abs,        UnaryOp::sqrt,
                              UnaryOp::floor, UnaryOp::round_even, UnaryOp::logical_not};
  for (const DType dtype : kTypes)
    for (const int lanes : lanes_tried)
      for (const UnaryOp op : kOps) {
        if (!unary_fn(op, dtype)) continue;
        const Type type{dtype, lanes};
        trials.trials.push_back(elementwise(label(fmt::format("unary{}", static_cast<int>(op)), type), {type},
                                            [&](const auto& in) { return unary(op, in[0]); }));
      }
}

void add_fma_and_select(Trials& trials, const std::vector<int>& lanes_tried) {
  for (const DType dtype : kTypes)
    for (const int lanes : lanes_tried) {
      const Type type{dtype, lanes};
      if (is_float(dtype))
        trials.trials.push_back(elementwise(label("fma", type), {type, type, type},
                                            [](const auto& in) { return fma(in[0], in[1], in[2]); }));
      trials.trials.push_back(elementwise(label("select", type), {{DType::boolean, lanes}, type, type},
                                          [](const auto& in) { return select(in[0], in[1], in[2]); }));
    }
}

void add_moves(Trials& trials) {
  for (const DType dtype : kTypes) {
    for (const int lanes : {1, 2, 4, 5, 8, 16})
      for (const int factor : {2, 3, 8}) {
        const Type type{dtype, lanes};
        trials.trials.push_back(elementwise(label(fmt::format("broadcast{}", factor), type), {type},
                                            [&](const auto& in) { return broadcast(in[0], factor); }));
        trials.trials.push_back(elementwise(label(fmt::format("interleave{}", factor), type), {type},
                                            [&](const auto& in) { return interleave(in[0], factor); }));
      }
    if (is_float(dtype) || dtype == DType::boolean) continue;
    trials.trials.push_back(elementwise(label("ramp", {dtype, 1}), {{dtype, 1}, {dtype, 1}},
                                        [](const auto& in) { return ramp(in[0], in[1], 7); }));
  }
}

void add_reduce(Trials& trials) {
  for (const DType dtype : kTypes)
    for (const BinaryOp op : {BinaryOp::add, BinaryOp::min, BinaryOp::max})
      for (const int lanes : {2, 4, 16, 64}) {
        if (dtype == DType::boolean) continue;
        const Type type{dtype, lanes};
        trials.trials.push_back(elementwise(label(fmt::format("reduce{}", static_cast<int>(op)), type), {type},
                                            [&](const auto& in) { return reduce(op, in[0]); }));
      }
}

void add_bitcast(Trials& trials) {
  for (const DType from : kTypes)
    for (const DType to : kTypes) {
      if (from == DType::boolean || to == DType::boolean || from == to) continue;
      const Type source{from, 16 / bytes_of(from)}, result{to, 16 / bytes_of(to)};
      trials.trials.push_back(elementwise(label(fmt::format("bits_{}", name_of(to)), source), {source},
                                          [&](const auto& in) { return bitcast(result, in[0]); }));
    }
}

}  // namespace

Trial elementwise(const std::string& name, const std::vector<Type>& inputs,
                  const std::function<Expr(const std::vector<Expr>&)>& make) {
  Trial trial;
  trial.iterations = kIterations;
  const Expr i = var("i");
  std::vector<Expr> loads;
  for (size_t k = 0; k < inputs.size(); ++k) {
    const Buffer buffer = global_buffer(fmt::format("in{}", k), inputs[k].dtype);
    trial.kernel.params.push_back({buffer, Access::read});
    trial.elements.push_back(kIterations * inputs[k].lanes);
    const Expr start = i * inputs[k].lanes;
    loads.push_back(load(buffer, inputs[k].lanes == 1 ? start : ramp(start, 1, inputs[k].lanes)));
  }
  const Expr value = make(loads);
  const Buffer out = global_buffer("out", value->type.dtype);
  const int lanes = value->type.lanes;
  trial.kernel.params.push_back({out, Access::write});
  trial.elements.push_back(kIterations * lanes);
  trial.kernel.name = name;
  trial.kernel.extent = kIterations;
  trial.kernel.body =
      loop("i", kIterations, LoopKind::parallel, store(out, lanes == 1 ? i : ramp(i * lanes, 1, lanes), value));
  return trial;
}

Trials arithmetic_trials(const std::vector<int>& lanes_tried) {
  Trials trials;
  add_binary(trials, lanes_tried);
  add_unary(trials, lanes_tried);
  add_fma_and_select(trials, lanes_tried);
  return trials;
}

Trials lane_trials() {
  Trials trials;
  add_moves(trials);
  add_reduce(trials);
  add_bitcast(trials);
  return trials;
}

Trials division_trials() {
  Trials trials;
  for (const DType dtype : {DType::i8, DType::i32, DType::i64, DType::u8, DType::u32})
    for (const int64_t divisor : {1, 2, 3, 8, 64, 100, -1, -2, -7}) {
      if (divisor < 0 && !is_signed(dtype)) continue;
      for (const BinaryOp op : {BinaryOp::div, BinaryOp::mod}) {
        const Type type{dtype, 8};
        const std::string name = fmt::format("{}_{}", label(op == BinaryOp::div ? "div" : "mod", type), divisor + 50);
        trials.trials.push_back(
            elementwise(name, {type}, [&](const auto& in) { return binary(op, in[0], constant_int(type, divisor)); }));
      }
    }
  return trials;
}

Trials cast_trials(const std::vector<int>& lanes_tried) {
  Trials trials;
  for (const DType from : kTypes)
    for (const DType to : kTypes)
      for (const int lanes : lanes_tried) {
        if (from == to) continue;
        const Type type{from, lanes};
        trials.trials.push_back(elementwise(label(fmt::format("cast_{}", name_of(to)), type), {type},
                                            [&](const auto& in) { return cast(to, in[0]); }));
      }
  return trials;
}

// Eight products a lane; in a chain, in tiles of columns by two rows, and where their sums are largest.
void add_dot8(Trials& trials, DType a, int lanes) {
  const Type sum{DType::i32, lanes}, left{a, lanes * 8}, right{DType::i8, lanes * 8};
  const std::vector<Type> types = {sum, left, right};
  trials.trials.push_back(elementwise(label("dot8", left), types, [](const auto& in) {
    return dot4(dot4(in[0], in[1], in[2]), in[1] & constant_int(in[1]->type, 127), in[2]);
  }));
  trials.trials.push_back(elementwise(label("dot8_extreme", left), types, [&](const auto& in) {
    return dot4(in[0], in[1] | constant_int(left, a == DType::u8 ? 254 : -128),
                (in[2] & constant_int(right, 1)) | constant_int(right, -128));
  }));
  if (lanes % 2 != 0) return;
  const std::vector<Type> of_tile = {sum, {DType::i64, lanes / 2}, {DType::i8, 16}};
  trials.trials.push_back(elementwise(label("dot8_tile", left), of_tile, [&](const auto& in) {
    const Expr columns = bitcast(left, interleave(in[1], 2)), rows = broadcast(in[2], lanes / 2);
    return dot4(dot4(in[0], columns, rows), bitcast(left, interleave(in[1] + in[1], 2)), rows);
  }));
}

Trials dot4_trials() {
  Trials trials;
  for (const DType a : {DType::u8, DType::i8})
    for (const int lanes : {1, 2, 3, 4, 8, 16, 24, 32}) {
      const std::vector<Type> types = {{DType::i32, lanes}, {a, lanes * 4}, {DType::i8, lanes * 4}};
      trials.trials.push_back(
          elementwise(label("dot4", types[1]), types, [](const auto& in) { return dot4(in[0], in[1], in[2]); }));
      trials.trials.push_back(elementwise(label("dot4_low", types[1]), types, [&](const auto& in) {
        return dot4(in[0], in[1] & constant_int(types[1], 127), in[2]);
      }));
      trials.trials.push_back(elementwise(label("dot4_extreme", types[1]), types, [&](const auto& in) {
        return dot4(in[0], in[1] | constant_int(types[1], a == DType::u8 ? 254 : -128),
                    (in[2] & constant_int(types[2], 1)) | constant_int(types[2], -128));
      }));
      add_dot8(trials, a, lanes);
    }
  return trials;
}

// Any bits of i16, and both at their least, where sums wrap.
void add_integer_dot2(Trials& trials, int lanes) {
  const Type sum{DType::i32, lanes}, pairs{DType::i16, lanes * 2};
  const std::vector<Type> types = {sum, pairs, pairs};
  trials.trials.push_back(elementwise(label("dot2", sum), types, [](const auto& in) { return dot2(in[0], in[1], in[2]); }));
  trials.trials.push_back(elementwise(label("dot2_twice", sum), types, [](const auto& in) {
    return dot2(dot2(constant_int(in[0]->type, 0), in[1], in[1]), in[2], in[1]) + in[0];
  }));
  trials.trials.push_back(elementwise(label("dot2_least", sum), types, [&](const auto& in) {
    const Expr least = constant_int(pairs, -32768);
    return dot2(dot2(in[0], least, in[1] | least), least, least);
  }));
}

// Any bits, and operands whose products and sums lie where numbers become denormal.
Trials dot2_trials() {
  Trials trials;
  for (const int lanes : {1, 2, 3, 4, 8, 16, 24, 32}) {
    const Type sum{DType::f32, lanes}, word{DType::u32, lanes}, pairs{DType::bf16, lanes * 2}, halves{DType::u16, lanes * 2};
    const std::vector<Type> types = {sum, pairs, pairs};
    add_integer_dot2(trials, lanes);
    trials.trials.push_back(
        elementwise(label("dot2", sum), types, [](const auto& in) { return dot2(in[0], in[1], in[2]); }));
    const auto below = [&](const Expr& x, int exponents, int least) {       // exponents least .. least + exponents - 1
      const Expr bits = bitcast(halves, x);
      const Expr exponent = ((bits >> constant_int(halves, 7)) & constant_int(halves, exponents - 1)) + constant_int(halves, least);
      return bitcast(pairs, (bits & constant_int(halves, 0x807f)) | (exponent << constant_int(halves, 7)));
    };
    trials.trials.push_back(elementwise(label("dot2_small", sum), types, [&](const auto& in) {
      const Expr small = bitcast(sum, bitcast(word, in[0]) & constant_int(word, 0x83ffffff));
      return dot2(small, below(in[1], 32, 50), below(in[2], 16, 48));
    }));
    trials.trials.push_back(elementwise(label("dot2_usual", sum), types, [&](const auto& in) {
      const Expr usual = bitcast(sum, (bitcast(word, in[0]) & constant_int(word, 0x83ffffff)) | constant_int(word, 0x3c000000));
      return dot2(usual, below(in[1], 8, 122), below(in[2], 8, 122));
    }));
    const auto all = [&](uint32_t bits) { return bitcast(sum, constant_int(word, bits)); };
    const auto both = [&](uint32_t bits) { return bitcast(pairs, constant_int(word, bits)); };
    trials.trials.push_back(elementwise(label("dot2_edge", sum), types, [&](const auto& in) {   // 2^-126 - 2^-150 is too small
      return dot2(all(0x00800000), both(0x00009a00), both(0x00001a00)) + in[0] * constant(sum, 0);
    }));
  }
  return trials;
}

// Which zero and which side of a NaN comes out is law, also where an operand is known.
void add_bounds(Trials& trials) {
  int count = 0;
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16, DType::f64})
    for (const int lanes : {1, 3, 8, 16})
      for (const double bound : {0.0, -0.0, 6.0}) {
        const Type type{dtype, lanes};
        const Expr c = constant(type, bound);
        for (const BinaryOp op : {BinaryOp::min, BinaryOp::max}) {
          trials.trials.push_back(elementwise(label(fmt::format("bound{}_right", count++), type), {type},
                                              [&](const auto& in) { return binary(op, in[0], c); }));
          trials.trials.push_back(elementwise(label(fmt::format("bound{}_left", count++), type), {type},
                                              [&](const auto& in) { return binary(op, c, in[0]); }));
        }
      }
}

Trials constant_trials() {
  Trials trials;
  add_bounds(trials);
  for (const DType dtype : kTypes) {
    int count = 0;
    for (const double value : {0.0, 1.0, -1.0, 0.1, 1e-7, 70000.0, 5e-324, 3.4e38, 1e300}) {
      if (value < 0 && !is_signed(dtype)) continue;
      const Type type{dtype, 4};
      trials.trials.push_back(elementwise(label(fmt::format("constant{}", count++), type), {type}, [&](const auto& in) {
        const Expr want = dtype == DType::boolean ? constant_int(type, value != 0) : constant(type, value);
        return select(in[0] == in[0], want, in[0]);
      }));
    }
  }
  return trials;
}

}  // namespace hearth
