// unroll: unrolled loops of constant extent -> one copy of the body for each value, so that formulas see constants and fold.
//
//   unrolled h < 2 { y[h] = select(h == 0, a, b) }   ->   y[0] = a; y[1] = b
#include "base/check.h"
#include "ir/rewrite.h"
#include "passes/pass.h"

namespace hearth {
namespace {

constexpr int64_t kMostCopies = 64;

Stmt unroll_loop(const Stmt& stmt) {
  if (stmt->kind != StmtKind::loop || stmt->loop != LoopKind::unrolled) return stmt;
  const Expr& extent = stmt->args[0];
  if (extent->kind != ExprKind::constant || extent->integer > kMostCopies)
    return loop(stmt->name, extent, LoopKind::serial, stmt->children[0]);
  std::vector<Stmt> copies;
  for (int64_t i = 0; i < extent->integer; ++i) copies.push_back(substitute(stmt->children[0], {{stmt->name, Expr(i)}}));
  return block(std::move(copies));
}

}  // namespace

Program unroll(const Program& program, const Target&) {
  Program result = program;
  for (Kernel& kernel : result.kernels) kernel.body = rewrite(kernel.body, {}, unroll_loop);
  return result;
}

}  // namespace hearth
