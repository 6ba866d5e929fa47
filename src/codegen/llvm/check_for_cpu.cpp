// What a CPU cannot run is refused here, by name, so that lowering need not fail.
#include <algorithm>
#include <unordered_set>

#include "codegen/llvm/lower.h"

namespace hearth {
namespace {

class Checker {
 public:
  Checker(const Kernel& kernel, const KernelFacts& facts) : kernel_(kernel), facts_(facts) {}

  Result<Done> visit(const Stmt& stmt) {
    if (!stmt) return Done{};
    switch (stmt->kind) {
      case StmtKind::barrier:
        return error("codegen: kernel '{}': got a barrier, which a CPU kernel cannot have", kernel_.name);
      case StmtKind::extern_call:
        return error("codegen: kernel '{}': got a call of '{}', want no library calls on a CPU", kernel_.name,
                     stmt->name);
      case StmtKind::loop:
        if (stmt->loop == LoopKind::group || stmt->loop == LoopKind::thread)
          return error("codegen: kernel '{}': loop '{}' is a GPU axis, want serial, vector, unrolled or parallel",
                       kernel_.name, stmt->name);
        break;
      case StmtKind::store:
      case StmtKind::prefetch:
        TRY_DONE(check_buffer(stmt->buffer));
        break;
      default:
        break;
    }
    for (const Expr& arg : stmt->args) TRY_DONE(visit(arg));
    for (const Stmt& child : stmt->children) TRY_DONE(visit(child));
    return Done{};
  }

 private:
  Result<Done> visit(const Expr& expr) {
    if (!expr || !seen_.insert(expr.id()).second) return Done{};
    switch (expr->kind) {
      case ExprKind::unary:
        TRY_DONE(check_unary(*expr));
        break;
      case ExprKind::load:
        TRY_DONE(check_buffer(expr->buffer));
        break;
      case ExprKind::size:
        TRY_DONE(check_size(expr->name));
        break;
      case ExprKind::binary:
        if (expr->binary == BinaryOp::mod && is_float(expr->type.dtype))
          return error("codegen: kernel '{}': got mod of {}, want integers", kernel_.name, name_of(expr->type.dtype));
        break;
      case ExprKind::reduce:
        if (const int lanes = expr->args[0]->type.lanes; lanes & (lanes - 1))
          return error("codegen: kernel '{}': got a reduce of {} lanes, want a power of two", kernel_.name, lanes);
        break;
      default:
        break;
    }
    for (const Expr& arg : expr->args) TRY_DONE(visit(arg));
    return Done{};
  }

  Result<Done> check_unary(const ExprNode& node) {
    static constexpr std::pair<UnaryOp, const char*> kExpanded[] = {{UnaryOp::exp, "exp"},   {UnaryOp::log, "log"},
                                                                    {UnaryOp::sin, "sin"},   {UnaryOp::cos, "cos"},
                                                                    {UnaryOp::tanh, "tanh"}, {UnaryOp::erf, "erf"}};
    for (const auto& [op, name] : kExpanded)
      if (node.unary == op)
        return error("codegen: kernel '{}': got {}, want it expanded into arithmetic by a pass", kernel_.name, name);
    return Done{};
  }

  Result<Done> check_buffer(const Buffer& buffer) {
    const auto is = [&](const KernelParam& param) { return param.buffer == buffer; };
    if (buffer->local || std::any_of(kernel_.params.begin(), kernel_.params.end(), is)) return Done{};
    return error("codegen: kernel '{}': got buffer '{}', which is no parameter", kernel_.name, buffer->name);
  }

  Result<Done> check_size(const std::string& name) {
    const auto is = [&](const SizeDecl& size) { return size.name == name; };
    if (std::any_of(facts_.sizes.begin(), facts_.sizes.end(), is)) return Done{};
    return error("codegen: kernel '{}': got size '{}', which the program does not declare", kernel_.name, name);
  }

  const Kernel& kernel_;
  const KernelFacts& facts_;
  std::unordered_set<const ExprNode*> seen_;
};

}  // namespace

Result<Done> check_for_cpu(const Kernel& kernel, const KernelFacts& facts) {
  if (!kernel.body) return error("codegen: kernel '{}': got no body", kernel.name);
  return Checker(kernel, facts).visit(kernel.body);
}

}  // namespace hearth
