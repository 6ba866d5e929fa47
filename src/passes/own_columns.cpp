// own_columns: every index into the buffer is width * i + rest, the rest being whole rows and less than a width.
#include "passes/own_columns.h"

#include <algorithm>
#include <map>
#include <optional>

#include "base/check.h"
#include "ir/rewrite.h"

namespace hearth {
namespace {

// constant + sum of factors * loop variables
struct Linear {
  int64_t constant = 0;
  std::map<std::string, int64_t> factors;
};

std::optional<Linear> linear_of(const Expr& expr) {
  if (expr->kind == ExprKind::constant) return Linear{expr->integer, {}};
  if (expr->kind == ExprKind::var) return Linear{0, {{expr->name, 1}}};
  if (expr->kind != ExprKind::binary) return std::nullopt;
  auto a = linear_of(expr->args[0]), b = linear_of(expr->args[1]);
  if (!a || !b) return std::nullopt;
  if (expr->binary == BinaryOp::add) {
    a->constant += b->constant;
    for (const auto& [name, factor] : b->factors) a->factors[name] += factor;
    return a;
  }
  if (expr->binary != BinaryOp::mul) return std::nullopt;
  if (!a->factors.empty()) std::swap(a, b);
  if (!a->factors.empty()) return std::nullopt;
  for (auto& [name, factor] : b->factors) factor *= a->constant;
  b->constant *= a->constant;
  return b;
}

class Columns {
 public:
  Columns(const StmtNode& parallel, Buffer buffer) : buffer_(std::move(buffer)), parallel_(parallel.name) {
    if (parallel.args[0]->kind == ExprKind::constant) iterations_ = parallel.args[0]->integer;
  }

  void look(const Stmt& stmt) {
    for (const Expr& arg : stmt->args) look(arg);
    if (stmt->kind == StmtKind::store && stmt->buffer == buffer_) touch(stmt->args[0], stmt->args[1]->type);
    if (stmt->kind == StmtKind::extern_call) is_known_ = false;
    if (stmt->kind != StmtKind::loop && stmt->kind != StmtKind::let) {
      for (const Stmt& child : stmt->children)
        if (child) look(child);
      return;
    }
    if (stmt->name == parallel_) is_known_ = false;  // hidden by another
    const auto outer = extents_;
    const bool is_constant = stmt->kind == StmtKind::loop && stmt->args[0]->kind == ExprKind::constant;
    extents_[stmt->name] = is_constant ? stmt->args[0]->integer : stmt->kind == StmtKind::loop ? kSome : kNotALoop;
    look(stmt->children[0]);
    extents_ = outer;
  }
  int64_t width() const { return is_known_ ? width_ : 0; }

 private:
  static constexpr int64_t kSome = -1, kNotALoop = -2;

  void look(const Expr& root) {
    rewrite(root, [&](const Expr& e) {
      if (e->kind == ExprKind::load && e->buffer == buffer_) touch(e->args[0], e->type);
      return e;
    });
  }

  void touch(const Expr& index, Type type) {
    is_known_ = is_known_ && stays_inside(index, type);
  }

  bool stays_inside(const Expr& index, Type type) {
    const auto linear = linear_of(index);
    if (!linear || index->type.lanes != 1 || type.dtype != buffer_->dtype || !linear->factors.contains(parallel_)) return false;
    const int64_t width = linear->factors.at(parallel_);
    if (width < 1 || iterations_ < 1 || (width_ != 0 && width != width_)) return false;
    width_ = width;
    int64_t last = linear->constant + type.lanes - 1;
    for (const auto& [name, factor] : linear->factors) {
      if (name == parallel_) continue;
      const auto extent = extents_.find(name);
      if (extent == extents_.end() || extent->second == kNotALoop) return false;
      if (factor % (width * iterations_) == 0) continue;         // whole rows
      if (extent->second == kSome || factor < 0) return false;
      last += factor * std::max<int64_t>(0, extent->second - 1);
    }
    return linear->constant >= 0 && last < width;
  }

  Buffer buffer_;
  std::string parallel_;
  int64_t iterations_ = 0, width_ = 0;
  bool is_known_ = true;
  std::map<std::string, int64_t> extents_;       // of loops around, by variable
};

}  // namespace

int64_t own_columns(const Stmt& parallel, const Buffer& buffer) {
  CHECK(parallel->kind == StmtKind::loop && parallel->loop == LoopKind::parallel, "own_columns wants a parallel loop");
  Columns columns(*parallel, buffer);
  columns.look(parallel->children[0]);
  return columns.width();
}

}  // namespace hearth
