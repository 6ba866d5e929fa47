// Searches for good scales of the k-quants; a lane is a group. Evaluation order is law here: it decides the last bit.
#include "quant/search.h"

#include "quant/formula.h"

namespace hearth {
namespace {

constexpr float kNothing = 1e-15f;                       // groups smaller than this are zero

// One value of every group at a time: values[group * g + i] as lanes g.
struct Columns {
  Type lanes;
  int group;
  Buffer x;                      // [group][groups]
  Expr at(Buffer buffer, Expr i) const { return load_as(lanes, buffer, i * lanes.lanes); }
  Expr all(float value) const { return spread(f32(value), lanes.lanes); }
};

Columns transpose(Steps& steps, Buffer values, int groups, int group) {
  Columns columns{{DType::f32, groups}, group, steps.local("x", DType::f32, int64_t{groups} * group)};
  const Expr i = var("i");
  steps.add(loop("i", group, LoopKind::serial, store(columns.x, i * groups, load(values, ramp(i, group, groups)))));
  return columns;
}

// for i in [first, group): body(i)
template <class Body>
Stmt each(const Columns& columns, int first, Body body) {
  Steps steps;
  const Expr i = first == 0 ? var("i") : steps.let("j", var("i") + first);
  body(steps, i);
  return loop("i", columns.group - first, LoopKind::serial, steps.done());
}

Stmt add_to(const Cell& sum, Expr term) { return sum.set(sum.get() + term); }
// if (where) cell = value, lane by lane
Stmt set_where(const Cell& cell, Expr where, Expr value) { return cell.set(select(where, value, cell.get())); }

// ---- affine

// The state of the search; `low` is the smallest value, later the offset fitted with the scale.
struct Affine {
  Columns columns;
  int code_max;
  Buffer weights;                // [group][groups]
  Cell scale, low, error, code_scale, code_low;
  Expr sum_w, sum_x, high, flat;
};

Buffer weigh(Steps& steps, const Columns& columns) {
  const Buffer weights = steps.local("weights", DType::f32, int64_t{columns.group} * columns.lanes.lanes);
  const Cell squares = steps.cell("squares", columns.all(0));
  steps.add(each(columns, 0, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", columns.at(columns.x, i));
    body.add(add_to(squares, x * x));
  }));
  const Expr average = steps.let("average", unary(UnaryOp::sqrt, squares.get() / f32(columns.group)));
  steps.add(each(columns, 0, [&](Steps& body, Expr i) {
    body.add(store(weights, i * columns.lanes.lanes, average + magnitude(columns.at(columns.x, i))));
  }));
  return weights;
}

// Bounds and weighted sums; `low` is set to min(0, smallest).
void survey(Steps& steps, Affine& state) {
  const Columns& columns = state.columns;
  const Expr first = columns.at(columns.x, 0), first_weight = columns.at(state.weights, 0);
  state.low = steps.cell("low", first);
  const Cell high = steps.cell("highest", first);
  const Cell sum_w = steps.cell("sum_weight", first_weight), sum_x = steps.cell("sum_value", first_weight * first);
  steps.add(each(columns, 1, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", columns.at(columns.x, i)), w = body.let("weight", columns.at(state.weights, i));
    body.add(state.low.set(min(x, state.low.get())));
    body.add(high.set(max(x, high.get())));
    body.add(add_to(sum_w, w));
    body.add(add_to(sum_x, w * x));
  }));
  steps.add(set_where(state.low, f32(0) < state.low.get(), columns.all(0)));
  state.high = steps.let("high", high.get());
  state.sum_w = steps.let("sum_w", sum_w.get());
  state.sum_x = steps.let("sum_x", sum_x.get());
  state.flat = steps.let("flat", state.high == state.low.get());
}

Expr code_of(const Affine& state, Expr code_scale, Expr low, Expr x) {
  return to_f32(clamp(nearest_int(code_scale * (x - low)), 0, state.code_max));
}

// error += w * (scale * code + low - x)^2 over the group, codes made with code_scale and code_low.
Stmt sum_errors(const Affine& state, const Cell& error, Expr scale, Expr low, Expr code_scale, Expr code_low) {
  return each(state.columns, 0, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", state.columns.at(state.columns.x, i));
    const Expr miss = body.let("miss", scale * code_of(state, code_scale, code_low, x) + low - x);
    body.add(add_to(error, state.columns.at(state.weights, i) * (miss * miss)));
  });
}

// The fit that simply spans the range.
void fit_range(Steps& steps, Affine& state) {
  const Expr low = steps.let("first_low", state.low.get());
  const Expr code_scale = steps.let("range_scale", f32(state.code_max) / (state.high - low));
  const Expr scale = steps.let("range_step", f32(1) / code_scale);
  state.scale = steps.cell("scale", scale);
  state.error = steps.cell("error", state.columns.all(0));
  state.code_scale = steps.cell("code_scale", code_scale);
  state.code_low = steps.cell("code_low", low);
  steps.add(sum_errors(state, state.error, scale, low, code_scale, low));
}

// One tried code scale: codes from it, then the least-squares scale and offset for those codes, kept where better.
Stmt try_step(const Affine& state, Expr codes_over_range) {
  Steps steps;
  const Columns& columns = state.columns;
  const Expr low = steps.let("step_low", state.low.get());
  const Expr code_scale = steps.let("step_scale", codes_over_range / (state.high - low));
  const Cell codes = steps.cell("sum_code", columns.all(0)), squares = steps.cell("sum_code2", columns.all(0));
  const Cell products = steps.cell("sum_product", columns.all(0));
  steps.add(each(columns, 0, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", columns.at(columns.x, i));
    const Expr code = body.let("code", code_of(state, code_scale, low, x));
    const Expr weighted = body.let("weighted", columns.at(state.weights, i) * code);
    body.add(add_to(codes, weighted));
    body.add(add_to(squares, weighted * code));
    body.add(add_to(products, weighted * x));
  }));
  const Expr l = steps.let("l", codes.get()), l2 = steps.let("l2", squares.get()), xl = steps.let("xl", products.get());
  const Expr d = steps.let("determinant", state.sum_w * l2 - l * l);
  const Expr free_low = steps.let("free_low", (l2 * state.sum_x - l * xl) / d);
  const Expr above = steps.let("above", f32(0) < free_low);                        // an offset only ever subtracts
  const Expr scale = steps.let("new_scale", select(above, xl / l2, (state.sum_w * xl - state.sum_x * l) / d));
  const Expr new_low = steps.let("new_low", select(above, columns.all(0), free_low));
  const Cell error = steps.cell("new_error", columns.all(0));
  steps.add(sum_errors(state, error, scale, new_low, code_scale, low));
  const Expr solvable = select(f32(0) < d, error.get() < state.error.get(), f32(0) < columns.all(0));
  const Expr better = steps.let("better", solvable);
  steps.add(set_where(state.error, better, error.get()));
  steps.add(set_where(state.scale, better, scale));
  steps.add(set_where(state.low, better, new_low));
  steps.add(set_where(state.code_scale, better, code_scale));
  steps.add(set_where(state.code_low, better, low));
  return steps.done();
}

}  // namespace

Stmt fit_affine(const AffineSearch& search, Buffer values, int groups, int group, const AffineFit& fit) {
  Steps steps;
  Affine state{.columns = transpose(steps, values, groups, group), .code_max = search.code_max};
  state.weights = weigh(steps, state.columns);
  survey(steps, state);
  fit_range(steps, state);
  const Expr tried = f32(search.first_step) + f32(0.1f) * to_f32(var("step")) + f32(search.code_max);
  steps.add(loop("step", search.last_step + 1, LoopKind::serial, try_step(state, tried)));
  const Expr zero = state.columns.all(0), flat = state.flat;
  const Expr low = select(flat, var("first_low", state.columns.lanes), state.low.get());
  steps.add(store(fit.scale, 0, select(flat, zero, state.scale.get())));
  steps.add(store(fit.min, 0, -low));
  steps.add(store(fit.code_scale, 0, select(flat, zero, state.code_scale.get())));
  steps.add(store(fit.code_low, 0, select(flat, zero, state.code_low.get())));
  return steps.done();
}

// ---- symmetric

namespace {

struct Moments {
  Expr xl, l2;                   // sums of w*x*code and w*code*code, w = x*x
};

Moments sum_moments(Steps& steps, const Columns& columns, int code_bound, Expr code_scale) {
  const Cell products = steps.cell("sum_product", columns.all(0)), squares = steps.cell("sum_code2", columns.all(0));
  steps.add(each(columns, 0, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", columns.at(columns.x, i));
    const Expr code = body.let("code", to_f32(clamp(nearest_int(code_scale * x), -code_bound, code_bound - 1)));
    const Expr weight = body.let("weight", x * x);
    body.add(add_to(products, weight * x * code));
    body.add(add_to(squares, weight * code * code));
  }));
  return {products.get(), squares.get()};
}

}  // namespace

Stmt fit_symmetric(int code_bound, Buffer values, int groups, int group, const SymmetricFit& fit) {
  Steps steps;
  const Columns columns = transpose(steps, values, groups, group);
  const Expr zero = columns.all(0);
  const Cell peak = steps.cell("peak", zero), size = steps.cell("size", zero);
  steps.add(each(columns, 0, [&](Steps& body, Expr i) {
    const Expr x = body.let("value", columns.at(columns.x, i));
    const Expr larger = body.let("larger", size.get() < magnitude(x));
    body.add(set_where(peak, larger, x));
    body.add(set_where(size, larger, magnitude(x)));
  }));
  const Expr nothing = steps.let("nothing", size.get() < f32(kNothing));
  const Cell code_scale = steps.cell("code_scale", f32(static_cast<float>(-code_bound)) / peak.get());
  const Moments first = sum_moments(steps, columns, code_bound, code_scale.get());
  const Cell scale = steps.cell("scale", select(first.l2 == f32(0), zero, first.xl / first.l2));
  const Cell best = steps.cell("best", scale.get() * first.xl);

  Steps body;                    // 18 tries: code_bound + 0.1 * i, i = -9..9 but 0
  const Expr at = var("step");
  const Expr offset = body.let("offset", select(at < 9, at - 9, at - 8));
  const Expr codes = f32(static_cast<float>(code_bound)) + f32(0.1f) * to_f32(offset);
  const Expr tried = body.let("tried", -codes / peak.get());
  const Moments sums = sum_moments(body, columns, code_bound, tried);
  const Expr xl = body.let("xl", sums.xl), l2 = body.let("l2", sums.l2);
  const Expr gains = select(f32(0) < l2, best.get() * l2 < xl * xl, f32(0) < zero);
  const Expr better = body.let("better", gains);
  body.add(set_where(scale, better, xl / l2));
  body.add(set_where(best, better, scale.get() * xl));
  body.add(set_where(code_scale, better, tried));
  steps.add(loop("step", 18, LoopKind::serial, body.done()));

  steps.add(store(fit.scale, 0, select(nothing, zero, scale.get())));
  steps.add(store(fit.code_scale, 0, select(nothing, zero, code_scale.get())));
  return steps.done();
}

}  // namespace hearth
