// Programs by chance: expressions over what is in scope, statements that keep iterations independent.
#include "random_program.h"

#include "base/check.h"

namespace hearth {
namespace {

constexpr int64_t kColumns = 64;
const Type kF32{DType::f32, 1};

// What the statements of one iteration may use.
struct Scope {
  std::vector<Expr> inputs, weights;     // indices in range
  Expr own;                              // where this iteration stores
  std::vector<Expr> conditions;          // booleans
  std::vector<Expr> values;              // lets, f32
  Buffer local;                          // f32 [2], or none
};

class Maker {
 public:
  explicit Maker(Chance& chance) : chance_(chance) {}

  Kernel kernel(int number) {
    number_ = number;
    x_ = global_buffer("x", DType::f32);
    w_ = global_buffer("w", DType::f32);
    k_ = global_buffer("k", DType::u8);
    y_ = global_buffer("y", DType::f32);
    Kernel kernel;
    kernel.name = "kernel_" + std::to_string(number);
    kernel.params = {{x_, Access::read}, {w_, Access::read}, {k_, Access::read}, {y_, Access::read_write}};
    if (chance_.once_in(2)) rows(kernel);
    else panels(kernel);
    return kernel;
  }

 private:
  std::string fresh(const std::string& name) { return name + std::to_string(names_++); }
  const Expr& any(const std::vector<Expr>& all) { return all[static_cast<size_t>(chance_.below(static_cast<int64_t>(all.size())))]; }

  // parallel t { vector i { ... } vector i { ... } }
  void rows(Kernel& kernel) {
    const Expr t = var("t"), row = t * Expr(kColumns);
    std::vector<Stmt> loops;
    for (int64_t count = 1 + chance_.below(2); count-- > 0;) {
      static constexpr int64_t kExtents[] = {1, 2, 7, 8, 16, 24, 32, 48, 64};
      const int64_t extent = kExtents[chance_.below(9)], c = chance_.below(kColumns);
      const std::string name = fresh("i");
      const Expr i = var(name), picked = cast(kIndex, load(k_, i)) % Expr(kColumns);
      Scope scope;
      for (const Expr& at : {i, Expr(kColumns - 1) - i, (i * Expr(3) + Expr(5)) % Expr(kColumns), picked, Expr(c), i / Expr(4), i % Expr(4)})
        scope.weights.push_back(at), scope.inputs.push_back(row + at);
      if (extent * 2 <= kColumns) scope.inputs.push_back(row + i * Expr(2) + Expr(1)), scope.weights.push_back(i * Expr(2));
      scope.own = row + (chance_.once_in(3) ? Expr(kColumns - 1) - i : i);
      scope.conditions = {i < Expr(chance_.below(kColumns)), t < Expr(3), load(x_, row + i) < constant(kF32, 0.25), load(y_, scope.own) < constant(kF32, 0)};
      loops.push_back(loop(name, Expr(extent), LoopKind::vector, iteration(scope)));
    }
    kernel.extent = Dim::size("n");
    kernel.body = loop("t", size_expr("n"), LoopKind::parallel, block(loops));
  }

  // parallel p { vector lane { independent t { ... } } }, perhaps without lanes
  void panels(Kernel& kernel) {
    const int64_t lanes = int64_t{1} << chance_.below(5), panels = kColumns / lanes, c = chance_.below(kColumns);
    const Expr p = var("p"), t = var("t"), lane = lanes > 1 ? var("lane") : Expr(0), column = p * Expr(lanes) + lane;
    Scope scope;
    for (const Expr& at : {column, Expr(kColumns - 1) - column, (column * Expr(5)) % Expr(kColumns), Expr(c), p})
      scope.weights.push_back(at), scope.inputs.push_back(t * Expr(kColumns) + at);
    scope.own = t * Expr(kColumns) + column;
    scope.conditions = {column < Expr(chance_.below(kColumns)), p < Expr(2)};
    Stmt body = loop("t", size_expr("n"), LoopKind::independent, iteration(scope));
    if (lanes > 1) body = loop("lane", Expr(lanes), LoopKind::vector, body);
    kernel.extent = panels;
    kernel.body = loop("p", Expr(panels), LoopKind::parallel, body);
  }

  Stmt iteration(Scope scope) {
    const Stmt first = store(y_, scope.own, expr(scope, 1));
    scope.local = local_buffer(fresh("acc"), DType::f32, 2);
    const Stmt clear = block({store(scope.local, Expr(0), expr(scope, 0)), store(scope.local, Expr(1), constant(kF32, 0))});
    return block({first, alloc(scope.local, block({clear, statements(scope, 2)})), store(y_, scope.own, kept(load(y_, scope.own)))});
  }

  Stmt statements(const Scope& scope, int depth) {
    std::vector<Stmt> all;
    for (int64_t count = 1 + chance_.below(3); count-- > 0;) all.push_back(statement(scope, depth));
    return block(all);
  }

  Stmt statement(const Scope& scope, int depth) {
    switch (chance_.below(depth > 0 ? 6 : 2)) {
      case 0: return store(y_, scope.own, kept(expr(scope, 3)));
      case 1: return store(scope.local, Expr(chance_.below(2)), kept(expr(scope, 2)));
      case 2: return when(any(scope.conditions), statements(scope, depth - 1), chance_.once_in(2) ? statements(scope, depth - 1) : nullptr);
      case 3: {
        Scope inner = scope;
        const std::string j = fresh("j");
        inner.inputs.push_back(scope.inputs[0] - scope.inputs[0] % Expr(kColumns) + var(j) * Expr(3));
        inner.weights.push_back(var(j) + Expr(1));
        return loop(j, Expr(chance_.below(5)), chance_.once_in(2) ? LoopKind::serial : LoopKind::unrolled, statements(inner, depth - 1));
      }
      case 4: {
        Scope inner = scope;
        const std::string v = fresh("v");
        inner.values.push_back(var(v, kF32));
        return let(v, expr(scope, 2), statements(inner, depth - 1));
      }
      default: return block({statement(scope, depth - 1), statement(scope, depth - 1)});
    }
  }

  // Between -2 and 2, so that nothing grows to infinity.
  static Expr kept(const Expr& e) { return min(max(e, constant(kF32, -2)), constant(kF32, 2)); }

  Expr leaf(const Scope& scope) {
    switch (chance_.below(6)) {
      case 0: return constant(kF32, static_cast<double>(chance_.uniform()));
      case 1: return load(w_, any(scope.weights));
      case 2: return scope.local ? load(scope.local, Expr(chance_.below(2))) : load(x_, any(scope.inputs));
      case 3: return scope.values.empty() ? load(x_, any(scope.inputs)) : any(scope.values);
      default: return load(x_, any(scope.inputs));
    }
  }

  Expr expr(const Scope& scope, int depth) {
    if (depth == 0) return leaf(scope);
    const auto sub = [&] { return expr(scope, depth - 1); };
    switch (chance_.below(9)) {
      case 0: return sub() + sub();
      case 1: return sub() * sub();
      case 2: return fma(sub(), sub(), sub());
      case 3: return min(sub(), sub()) - sub();
      case 4: return select(sub() < sub(), sub(), sub());
      case 5: return unary(UnaryOp::sqrt, unary(UnaryOp::abs, sub()));
      case 6: return cast(DType::f32, cast(DType::i32, sub() * constant(kF32, 8))) * constant(kF32, 0.125);
      case 7: return cast(DType::f32, cast(DType::f16, sub()));
      default: return leaf(scope);
    }
  }

  Chance& chance_;
  Buffer x_, w_, k_, y_;
  int number_ = 0, names_ = 0;
};

}  // namespace

Program random_program(Chance& chance) {
  const Dim elements = Dim::size("n") * kColumns;
  Program program;
  program.sizes = {{"n", 1, 40}};
  program.buffers = {{"x", DType::f32, elements, Role::input}, {"w", DType::f32, kColumns, Role::weight}, {"k", DType::u8, kColumns, Role::weight}};
  Maker maker(chance);
  const int64_t count = 2 + chance.below(3);
  for (int64_t i = 0; i < count; ++i) {
    const std::string name = "y" + std::to_string(i), before = program.buffers[chance.once_in(3) || i == 0 ? 0 : program.buffers.size() - 1].name;
    program.buffers.push_back({name, DType::f32, elements, i + 1 == count || chance.once_in(2) ? Role::output : Role::scratch});
    Kernel kernel = maker.kernel(static_cast<int>(i));
    if (i > 0 && chance.once_in(4)) {    // a layer like the one before
      kernel = program.kernels.back();
      kernel.name = "kernel_" + std::to_string(i);
    }
    program.launches.push_back({{{kernel.name, 0, 0, 0}}, {before, "w", "k", name}});
    program.kernels.push_back(std::move(kernel));
  }
  // By way of text: no two kernels share a local array.
  const auto apart = parse_program(print(program));
  CHECK(apart.ok(), "{}", apart.message());
  return *apart;
}

}  // namespace hearth
