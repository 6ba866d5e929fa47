// Cost: walks a kernel once with the loops around each statement; sums are kept as multiples of products of symbolic trips.
#include "passes/cost.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "ir/rewrite.h"

namespace hearth {
namespace {

constexpr const char* kDataLoop = "table";       // the size that bounds loops over a sequence's pages

// n1 * trips1 + n2 * trips2 + ...: equal products of symbolic trips meet in one term.
class Sum {
 public:
  // `trips`: a product, its constants are moved to the count.
  void add(const std::vector<Dim>& trips, int64_t count) {
    std::vector<Dim> symbolic;
    for (const Dim& dim : trips) {
      if (dim.is_constant()) count *= std::max<int64_t>(0, dim.value());
      else symbolic.push_back(dim);
    }
    std::sort(symbolic.begin(), symbolic.end(), [](const Dim& a, const Dim& b) { return a.text() < b.text(); });
    Dim product = 1;
    for (const Dim& dim : symbolic) product = product * dim;
    Term& term = terms_[product.text()];
    term.trips = product;
    term.count += count;
  }
  Dim dim() const {
    Dim sum = 0;
    for (const auto& [text, term] : terms_) sum = sum + term.trips * Dim(term.count);
    return sum;
  }

 private:
  struct Term {
    Dim trips = 1;
    int64_t count = 0;
  };
  std::map<std::string, Term> terms_;
};

std::optional<DimKind> dim_kind_of(BinaryOp op) {
  switch (op) {
    case BinaryOp::add: return DimKind::add;
    case BinaryOp::sub: return DimKind::sub;
    case BinaryOp::mul: return DimKind::mul;
    case BinaryOp::div: return DimKind::div;
    case BinaryOp::mod: return DimKind::mod;
    case BinaryOp::min: return DimKind::min;
    case BinaryOp::max: return DimKind::max;
    default: return std::nullopt;
  }
}

// Operations of one node, without its operands.
struct Operations {
  int64_t dots = 0, floats = 0;
};

Operations operations_of(const ExprNode& node) {
  const bool real = node.type.dtype == DType::f32 || node.type.dtype == DType::f16 || node.type.dtype == DType::bf16;
  const int64_t lanes = node.type.lanes;
  switch (node.kind) {
    case ExprKind::dot4: return {8 * lanes, 0};
    case ExprKind::fma: return {0, 2 * lanes};
    case ExprKind::reduce: return {0, real ? node.args[0]->type.lanes - 1 : 0};
    case ExprKind::unary:
    case ExprKind::binary: return {0, real ? lanes : 0};
    default: return {};
  }
}

class Counter {
 public:
  explicit Counter(const Dim& data_loop) : data_loop_(data_loop) {}

  void count(const Stmt& stmt);
  const Sum& dots() const { return dots_; }
  const Sum& floats() const { return floats_; }
  // Bytes that accesses of this buffer reach.
  Dim reach(const BufferNode* buffer) const {
    const auto found = reach_.find(buffer);
    return found == reach_.end() ? Dim(0) : found->second.dim();
  }

 private:
  struct Around {
    std::string var;
    Dim trips = 1;
  };

  std::optional<Dim> dim_of(const Expr& expr) const;
  std::set<std::string> loops_of(const Expr& expr) const;
  void count(const Expr& expr, std::set<const ExprNode*>& seen);
  void touch(const BufferNode* buffer, const Expr& index, Type type);

  Dim data_loop_;
  std::vector<Around> around_;
  std::map<std::string, Expr> lets_;
  std::map<std::string, std::set<std::string>> let_loops_;       // loops that a let's value depends on
  Sum dots_, floats_;
  std::map<const BufferNode*, Sum> reach_;
};

// An integer expression over sizes alone; nullopt where it depends on data or on a loop.
std::optional<Dim> Counter::dim_of(const Expr& expr) const {
  switch (expr->kind) {
    case ExprKind::constant: return Dim(expr->integer);
    case ExprKind::size: return Dim::size(expr->name);
    case ExprKind::var: {
      const auto found = lets_.find(expr->name);
      return found == lets_.end() ? std::nullopt : dim_of(found->second);
    }
    case ExprKind::binary: {
      const auto kind = dim_kind_of(expr->binary);
      const auto a = dim_of(expr->args[0]), b = dim_of(expr->args[1]);
      return kind && a && b ? std::optional(Dim::make(*kind, *a, *b)) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

std::set<std::string> Counter::loops_of(const Expr& expr) const {
  std::set<std::string> loops;
  for (const std::string& name : free_vars(expr)) {
    const auto found = let_loops_.find(name);
    if (found == let_loops_.end()) loops.insert(name);
    else loops.insert(found->second.begin(), found->second.end());
  }
  return loops;
}

// Every iteration of the loops that move the index reaches other elements; the others meet the same ones again, if they
// run at all.
void Counter::touch(const BufferNode* buffer, const Expr& index, Type type) {
  if (buffer->local) return;
  const std::set<std::string> loops = loops_of(index);
  std::vector<Dim> trips;
  for (const Around& loop : around_)
    trips.push_back(loops.contains(loop.var) ? loop.trips : min(loop.trips, Dim(1)));
  reach_[buffer].add(trips, int64_t{type.lanes} * bytes_of(type.dtype));
}

void Counter::count(const Expr& expr, std::set<const ExprNode*>& seen) {
  if (!seen.insert(expr.id()).second) return;
  for (const Expr& arg : expr->args) count(arg, seen);
  if (expr->kind == ExprKind::load) touch(expr->buffer.get(), expr->args[0], expr->type);
  const Operations operations = operations_of(*expr);
  if (operations.dots == 0 && operations.floats == 0) return;
  std::vector<Dim> trips;
  for (const Around& loop : around_) trips.push_back(loop.trips);
  if (operations.dots > 0) dots_.add(trips, operations.dots);
  if (operations.floats > 0) floats_.add(trips, operations.floats);
}

void Counter::count(const Stmt& stmt) {
  std::set<const ExprNode*> seen;
  for (const Expr& arg : stmt->args) count(arg, seen);
  if (stmt->kind == StmtKind::store) touch(stmt->buffer.get(), stmt->args[0], stmt->args[1]->type);
  if (stmt->kind == StmtKind::let) {
    lets_.insert_or_assign(stmt->name, stmt->args[0]);
    let_loops_[stmt->name] = loops_of(stmt->args[0]);
  }
  if (stmt->kind == StmtKind::loop) {
    let_loops_.erase(stmt->name);
    lets_.erase(stmt->name);
    around_.push_back({stmt->name, dim_of(stmt->args[0]).value_or(data_loop_)});
  }
  for (const Stmt& child : stmt->children)
    if (child) count(child);
  if (stmt->kind == StmtKind::loop) around_.pop_back();
}

const Launch* first_launch_of(const Program& program, const std::string& kernel) {
  for (const Launch& launch : program.launches)
    for (const Variant& variant : launch.variants)
      if (variant.kernel == kernel) return &launch;
  return nullptr;
}

}  // namespace

std::vector<Cost> costs_of(const Program& program) {
  Dim data_loop = 1;
  for (const SizeDecl& size : program.sizes)
    if (size.name == kDataLoop) data_loop = Dim::size(size.name);
  std::vector<Cost> costs;
  for (const Kernel& kernel : program.kernels) {
    Counter counter(data_loop);
    counter.count(kernel.body);
    Dim bytes = 0;
    const Launch* launch = first_launch_of(program, kernel.name);
    for (size_t i = 0; i < kernel.params.size(); ++i) {
      Dim reach = counter.reach(kernel.params[i].buffer.get());
      const ProgramBuffer* buffer = launch ? program.find_buffer(launch->buffers[i]) : nullptr;
      if (buffer) reach = min(reach, buffer->elements * Dim(bytes_of(buffer->dtype)));
      bytes = bytes + reach;
    }
    costs.push_back({bytes, counter.dots().dim(), counter.floats().dim()});
  }
  return costs;
}

}  // namespace hearth
