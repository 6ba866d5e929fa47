// vectorize: vector loops -> vector expressions. Every iteration becomes a lane: what depends on the loop variable gets lanes, what
// does not stays scalar and is broadcast where both meet.
//
//   vector i < 32 { y[i] = x[i] * s }   ->   serial i < 2 { y[i*16 .. +16] = x[i*16 .. +16] * broadcast(s) }
#include <map>
#include <optional>
#include <set>

#include "base/check.h"
#include "ir/rewrite.h"
#include "passes/pass.h"
#include "passes/varying.h"

namespace hearth {
namespace {

constexpr int kMostLanes = 16;

// Turns the statement of one iteration into that of `lanes` iterations; `lane` counts them from 0.
class Vectorizer {
 public:
  Vectorizer(std::string lane, int lanes) : varies_{std::move(lane), {}, {}}, lanes_(lanes) {}

  Stmt run(const Stmt& stmt) {
    switch (stmt->kind) {
      case StmtKind::block: {
        std::vector<Stmt> children;
        for (const Stmt& child : stmt->children) children.push_back(run(child));
        return block(std::move(children));
      }
      case StmtKind::loop:
        CHECK(!varies_(stmt->args[0]), "loop '{}' runs a different number of times in each lane", stmt->name);
        return loop(stmt->name, stmt->args[0], stmt->loop, run(stmt->children[0]));
      case StmtKind::let: return run_let(stmt);
      case StmtKind::store: return run_store(stmt);
      case StmtKind::when: return run_when(stmt);
      case StmtKind::alloc: {
        const Buffer wide = local_buffer(stmt->buffer->name, stmt->buffer->dtype, stmt->buffer->local_size * lanes_);
        varies_.locals[stmt->buffer] = wide;
        return alloc(wide, run(stmt->children[0]));
      }
      case StmtKind::prefetch:
        CHECK(!varies_(stmt->args[0]), "a prefetch for each lane");
        return stmt;
      default: CHECK(false, "a statement that cannot be vectorized"); return stmt;
    }
  }

 private:
  // How far the index moves from lane to lane, where that is a constant.
  std::optional<int64_t> stride(const Expr& e) const {
    if (!varies_(e)) return 0;
    if (e->kind == ExprKind::var && e->name == varies_.variable) return 1;
    if (e->kind != ExprKind::binary) return std::nullopt;
    const auto a = stride(e->args[0]), b = stride(e->args[1]);
    if (!a || !b) return std::nullopt;
    if (e->binary == BinaryOp::add) return *a + *b;
    if (e->binary == BinaryOp::sub) return *a - *b;
    if (e->binary != BinaryOp::mul) return std::nullopt;
    for (int i : {0, 1}) {
      const Expr& factor = e->args[static_cast<size_t>(i)];
      if (factor->kind == ExprKind::constant) return (i == 0 ? *b : *a) * factor->integer;
    }
    return std::nullopt;
  }

  // The mask for values of `inner` elements a lane.
  Expr mask(int inner) const { return mask_ && inner > 1 ? interleave(mask_, inner) : mask_; }
  // index mod m, where the shape of the formula tells.
  static std::optional<int64_t> remainder(const Expr& e, int64_t m) {
    if (e->kind == ExprKind::constant) return ((e->integer % m) + m) % m;
    if (e->kind != ExprKind::binary) return std::nullopt;
    if (e->binary == BinaryOp::mul) {
      for (const Expr& factor : e->args)
        if (factor->kind == ExprKind::constant && factor->integer % m == 0) return 0;
      return std::nullopt;
    }
    const auto a = remainder(e->args[0], m), b = remainder(e->args[1], m);
    if (!a || !b || e->binary != BinaryOp::add) return std::nullopt;
    return (*a + *b) % m;
  }

  Expr first_lane(const Expr& e) const { return substitute(e, {{varies_.variable, Expr(0)}}); }
  Expr both(const Expr& e) const { return varies_(e) ? wide(e) : broadcast(e, lanes_); }

  // All of a local at once: its elements stay side by side in each lane.
  static bool is_whole(const Buffer& local, const Expr& index, int elements) {
    return index->kind == ExprKind::constant && index->integer == 0 && local->local_size == elements;
  }

  Expr wide_load(const Expr& e) const {
    const int inner = e->type.lanes;
    const Type type = e->type.with_lanes(inner * lanes_);
    const Expr& index = e->args[0];
    CHECK(e->args.size() == 1, "a masked load is vectorized twice");
    const auto widened = varies_.locals.find(e->buffer);
    if (widened != varies_.locals.end()) {
      CHECK((inner == 1 || is_whole(e->buffer, index, inner)) && !varies_(index), "a local array is indexed by lane");
      return load_as(type, widened->second, index * Expr(lanes_));
    }
    const auto step = stride(index);
    if (step == inner) return load_as(type, e->buffer, first_lane(index), mask(inner));
    if (step == 4 && inner == 1 && bytes_of(type.dtype) == 1 && !mask(1))
      if (const auto byte = remainder(first_lane(index), 4)) return bytes_of_words(e, *byte);
    Expr at = wide(index);
    if (inner > 1) at = interleave(at, inner) + broadcast(ramp(Expr(0), Expr(1), inner), lanes_);
    return load_as(type, e->buffer, at, mask(inner));
  }

  // Every fourth byte: one vector of words instead of a gather.
  Expr bytes_of_words(const Expr& e, int64_t byte) const {
    const Type words{DType::u32, lanes_};
    const Expr first = (first_lane(e->args[0]) - Expr(byte)) / Expr(4);
    const Expr word = load_as(words, e->buffer, first) >> constant_int(words, 8 * byte);
    return cast(e->type.with_lanes(lanes_), word & constant_int(words, 255));
  }

  Expr wide(const Expr& e) const {
    const Type type = e->type.with_lanes(e->type.lanes * lanes_);
    switch (e->kind) {
      case ExprKind::var:
        return e->name == varies_.variable ? ramp(Expr(0), Expr(1), lanes_) : var(e->name, type);
      case ExprKind::load: return wide_load(e);
      case ExprKind::unary: return unary(e->unary, wide(e->args[0]));
      case ExprKind::binary: return binary(e->binary, both(e->args[0]), both(e->args[1]));
      case ExprKind::fma: return fma(both(e->args[0]), both(e->args[1]), both(e->args[2]));
      case ExprKind::select: return select(both(e->args[0]), both(e->args[1]), both(e->args[2]));
      case ExprKind::cast: return cast(type, wide(e->args[0]));
      case ExprKind::bitcast: return bitcast(type, wide(e->args[0]));
      case ExprKind::dot4: return dot4(both(e->args[0]), both(e->args[1]), both(e->args[2]));
      case ExprKind::dot2: return dot2(both(e->args[0]), both(e->args[1]), both(e->args[2]));
      case ExprKind::interleave: return interleave(wide(e->args[0]), type.lanes / wide(e->args[0])->type.lanes);
      case ExprKind::broadcast:
        CHECK(e->args[0]->type.lanes == 1, "a vector is broadcast in each lane");
        return interleave(wide(e->args[0]), e->type.lanes);
      case ExprKind::ramp:
        return interleave(both(e->args[0]), e->type.lanes) + broadcast(ramp(Expr(0), e->args[1], e->type.lanes), lanes_);
      default: CHECK(false, "an expression that cannot be vectorized"); return e;
    }
  }

  Stmt run_let(const Stmt& stmt) {
    if (!varies_(stmt->args[0])) return let(stmt->name, stmt->args[0], run(stmt->children[0]));
    const Expr value = wide(stmt->args[0]);
    varies_.lets.insert(stmt->name);
    const Stmt body = run(stmt->children[0]);
    varies_.lets.erase(stmt->name);
    return let(stmt->name, value, body);
  }

  Stmt run_store(const Stmt& stmt) {
    CHECK(stmt->args.size() == 2, "a masked store is vectorized twice");
    const Expr& index = stmt->args[0];
    const Expr& value = stmt->args[1];
    const auto widened = varies_.locals.find(stmt->buffer);
    if (widened != varies_.locals.end()) {
      const bool fits = value->type.lanes == 1 || is_whole(stmt->buffer, index, value->type.lanes);
      CHECK(fits && !varies_(index), "a local array is indexed by lane");
      return store(widened->second, index * Expr(lanes_), both(value), mask_);
    }
    if (!varies_(index)) {
      CHECK(!mask_ && !varies_(value), "lanes store different values at one place of '{}'", stmt->buffer->name);
      return stmt;
    }
    const int inner = value->type.lanes;
    if (stride(index) == inner) return store(stmt->buffer, first_lane(index), both(value), mask(inner));
    CHECK(inner == 1, "a vector store with gaps between lanes");
    return store(stmt->buffer, wide(index), both(value), mask_);
  }

  Stmt run_when(const Stmt& stmt) {
    const auto child = [&](size_t i) { return i < stmt->children.size() ? run(stmt->children[i]) : nullptr; };
    if (!varies_(stmt->args[0])) return when(stmt->args[0], child(0), child(1));
    // Decided once: the statements below may write what the condition reads.
    const Expr kept = mask_, decided = wide(stmt->args[0]);
    const std::string name = fmt::format("{}_mask{}", varies_.variable, masks_++);
    const Expr condition = var(name, decided->type);
    const auto under = [&](const Expr& mask) { mask_ = kept ? binary(BinaryOp::logical_and, kept, mask) : mask; };
    under(condition);
    std::vector<Stmt> parts{child(0)};
    if (stmt->children.size() > 1) {
      under(unary(UnaryOp::logical_not, condition));
      parts.push_back(child(1));
    }
    mask_ = kept;
    return let(name, decided, block(std::move(parts)));
  }

  Varying varies_;                       // lets have lanes; of a local one element becomes `lanes` neighbours
  int lanes_;
  Expr mask_;                            // lanes at work; none: all
  int masks_ = 0;                        // named so far
};

Stmt vectorize_loop(const Stmt& stmt) {
  if (stmt->kind != StmtKind::loop || stmt->loop != LoopKind::vector) return stmt;
  const Expr& extent = stmt->args[0];
  int lanes = extent->kind == ExprKind::constant ? kMostLanes : 1;
  while (lanes > 1 && extent->integer % lanes != 0) lanes /= 2;
  if (lanes == 1) return loop(stmt->name, extent, LoopKind::serial, stmt->children[0]);
  const std::string lane = stmt->name + "_lane";
  const bool whole = extent->integer == lanes;
  const Expr i = whole ? var(lane) : var(stmt->name) * Expr(lanes) + var(lane);
  const Stmt body = Vectorizer(lane, lanes).run(substitute(stmt->children[0], {{stmt->name, i}}));
  return whole ? body : loop(stmt->name, Expr(extent->integer / lanes), LoopKind::serial, body);
}

}  // namespace

Program vectorize(const Program& program, const Target&) {
  Program result = program;
  for (Kernel& kernel : result.kernels) kernel.body = rewrite(kernel.body, {}, vectorize_loop);
  return result;
}

}  // namespace hearth
