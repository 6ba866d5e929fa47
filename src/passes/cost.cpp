// Cost: walks a kernel once with the loops around each statement; sums are kept as multiples of products of symbolic trips.
#include "passes/cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "ir/rewrite.h"

namespace hearth {
namespace {

constexpr const char* kDataLoop = "table";       // the size that bounds loops over a sequence's pages

// n1 * trips1 + n2 * trips2 + ...: equal products of symbolic trips meet in one term, factors of all terms stand outside.
class Sum {
 public:
  using Factors = std::map<std::string, std::pair<Dim, int>>;      // by text: a dim and how often

  // `trips`: a product, its constants are moved to the count.
  void add(const std::vector<Dim>& trips, int64_t count) {
    Term term{{}, count};
    for (const Dim& dim : trips) {
      if (dim.is_constant()) term.count *= std::max<int64_t>(0, dim.value());
      else ++term.factors.try_emplace(dim.text(), dim, 0).first->second.second;
    }
    if (term.count != 0) add(term);
  }
  void add(const Sum& other) {
    for (const auto& [text, term] : other.terms_) add(term);
  }
  // Of two ways to the same end the dearer.
  void add_larger(const Sum& a, const Sum& b) {
    if (a.terms_.empty() || b.terms_.empty()) return add(a.terms_.empty() ? b : a);
    const Factors common = shared(a.common(), b.common());
    const Dim larger = max(a.dim_without(common), b.dim_without(common));
    std::vector<Dim> trips = {larger};
    for (const auto& [text, factor] : common) trips.insert(trips.end(), static_cast<size_t>(factor.second), factor.first);
    add(trips, 1);
  }
  Dim dim() const {
    const Factors outside = common();
    return product(outside) * dim_without(outside);
  }

 private:
  struct Term {
    Factors factors;
    int64_t count = 0;
  };

  void add(const Term& term) {
    std::string text;
    for (const auto& [name, factor] : term.factors) text += fmt::format("{}^{};", name, factor.second);
    Term& kept = terms_.try_emplace(text, Term{term.factors, 0}).first->second;
    kept.count += term.count;
  }
  static Factors shared(const Factors& a, const Factors& b) {
    Factors both;
    for (const auto& [text, factor] : a)
      if (const auto found = b.find(text); found != b.end())
        both.try_emplace(text, factor.first, std::min(factor.second, found->second.second));
    return both;
  }
  static Dim product(const Factors& factors) {
    Dim all = 1;
    for (const auto& [text, factor] : factors)
      for (int i = 0; i < factor.second; ++i) all = all * factor.first;
    return all;
  }
  Factors common() const {
    if (terms_.empty()) return {};
    Factors factors = terms_.begin()->second.factors;
    for (const auto& [text, term] : terms_) factors = shared(factors, term.factors);
    return factors;
  }
  Dim dim_without(const Factors& outside) const {
    Dim sum = 0;
    for (const auto& [text, term] : terms_) {
      Factors rest = term.factors;
      for (const auto& [name, factor] : outside) rest.at(name).second -= factor.second;
      sum = sum + product(rest) * Dim(term.count);
    }
    return sum;
  }

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
    case ExprKind::dot4: return {2 * node.args[1]->type.lanes, 0};
    case ExprKind::dot2: return real ? Operations{0, 4 * lanes} : Operations{4 * lanes, 0};
    case ExprKind::fma: return {0, 2 * lanes};
    case ExprKind::reduce: return {0, real ? node.args[0]->type.lanes - 1 : 0};
    case ExprKind::unary:
    case ExprKind::binary: return {0, real ? lanes : 0};
    default: return {};
  }
}

// What statements compute, and the bytes of each global buffer that their accesses reach.
struct Tally {
  Sum dots, floats;
  std::map<const BufferNode*, Sum> reach;

  void add_larger(const Tally& a, const Tally& b) {
    dots.add_larger(a.dots, b.dots);
    floats.add_larger(a.floats, b.floats);
    for (const Tally* one : {&a, &b})
      for (const auto& [buffer, sum] : one->reach) reach.try_emplace(buffer);
    for (auto& [buffer, sum] : reach) {
      const auto in_a = a.reach.find(buffer), in_b = b.reach.find(buffer);
      sum.add_larger(in_a == a.reach.end() ? Sum() : in_a->second, in_b == b.reach.end() ? Sum() : in_b->second);
    }
  }
};

class Counter {
 public:
  explicit Counter(const Dim& data_loop) : data_loop_(data_loop) {}

  void count(const Stmt& stmt);
  const Tally& tally() const { return tally_; }

 private:
  struct Around {
    std::string var;
    Dim trips = 1;
    bool by_data = false;
  };

  std::optional<Dim> dim_of(const Expr& expr) const;
  std::optional<Dim> upper(const Expr& expr) const;
  std::set<std::string> loops_of(const Expr& expr) const;
  void count(const Expr& expr, std::set<const ExprNode*>& seen);
  void touch(const BufferNode* buffer, const Expr& index, Type type);
  void count_loop(const StmtNode& loop);
  void count_when(const StmtNode& when);
  Around around_of(const StmtNode& loop) const;
  Dim chance_of(const Expr& condition) const;

  Dim data_loop_;
  std::vector<Around> around_;
  std::map<std::string, Expr> lets_;
  std::map<std::string, std::set<std::string>> let_loops_;       // loops that a let's value depends on
  Tally tally_;
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

// A bound over sizes alone, where what is subtracted is not negative: indices are not.
std::optional<Dim> Counter::upper(const Expr& expr) const {
  if (const auto exact = dim_of(expr)) return exact;
  if (expr->kind == ExprKind::var) {
    const auto found = lets_.find(expr->name);
    return found == lets_.end() ? std::nullopt : upper(found->second);
  }
  if (expr->kind != ExprKind::binary) return std::nullopt;
  const auto a = upper(expr->args[0]), b = upper(expr->args[1]);
  switch (expr->binary) {
    case BinaryOp::sub: return a ? std::optional(*a - dim_of(expr->args[1]).value_or(0)) : std::nullopt;
    case BinaryOp::min: return a && b ? min(*a, *b) : a ? a : b;
    case BinaryOp::max: return a && b ? std::optional(max(*a, *b)) : std::nullopt;
    case BinaryOp::add: return a && b ? std::optional(*a + *b) : std::nullopt;
    default: return std::nullopt;
  }
}

// The m of a loop over table / m parts; bounds and guards, which stand in min and max, make no parts.
std::optional<Dim> part_of(const Dim& dim, const Dim& table) {
  const DimKind kind = dim.kind();
  if (kind == DimKind::constant || kind == DimKind::size || kind == DimKind::min || kind == DimKind::max) return std::nullopt;
  if (dim.kind() == DimKind::div && dim.right().is_constant()) {
    const Dim from = dim.left();
    if (from == table || (from.kind() == DimKind::add && from.left() == table)) return dim.right();
  }
  const auto left = part_of(dim.left(), table);
  return left ? left : part_of(dim.right(), table);
}

// Nested loops over data walk the pages together, and parts of the table that run side by side share them.
Counter::Around Counter::around_of(const StmtNode& loop) const {
  if (const auto trips = upper(loop.args[0])) return {loop.name, *trips};
  Around around{loop.name, data_loop_, true};
  for (const Around& outer : around_) {
    if (outer.by_data) around.trips = 1;
    else if (const auto part = part_of(outer.trips, data_loop_)) around.trips = min(data_loop_, *part);
  }
  return around;
}

// 0 where `a <= b` can never hold at these sizes, else 1.
Dim Counter::chance_of(const Expr& condition) const {
  if (condition->kind != ExprKind::binary || condition->binary != BinaryOp::le) return 1;
  const auto least = dim_of(condition->args[0]), most = upper(condition->args[1]);
  return least && most ? min(max(*most - *least + 1, 0), 1) : Dim(1);
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
  tally_.reach[buffer].add(trips, int64_t{type.lanes} * bytes_of(type.dtype));
}

void Counter::count(const Expr& expr, std::set<const ExprNode*>& seen) {
  if (!seen.insert(expr.id()).second) return;
  for (const Expr& arg : expr->args) count(arg, seen);
  if (expr->kind == ExprKind::load) touch(expr->buffer.get(), expr->args[0], expr->type);
  const Operations operations = operations_of(*expr);
  if (operations.dots == 0 && operations.floats == 0) return;
  std::vector<Dim> trips;
  for (const Around& loop : around_) trips.push_back(loop.trips);
  if (operations.dots > 0) tally_.dots.add(trips, operations.dots);
  if (operations.floats > 0) tally_.floats.add(trips, operations.floats);
}

void Counter::count_loop(const StmtNode& loop) {
  let_loops_.erase(loop.name);
  lets_.erase(loop.name);
  around_.push_back(around_of(loop));
  count(loop.children[0]);
  around_.pop_back();
}

void Counter::count_when(const StmtNode& when) {
  const Tally before = std::exchange(tally_, {});
  around_.push_back({"", chance_of(when.args[0])});
  count(when.children[0]);
  around_.pop_back();
  const Tally then = std::exchange(tally_, {});
  if (when.children.size() > 1 && when.children[1]) count(when.children[1]);
  const Tally otherwise = std::exchange(tally_, before);
  Tally dearer;
  dearer.add_larger(then, otherwise);
  tally_.dots.add(dearer.dots);
  tally_.floats.add(dearer.floats);
  for (const auto& [buffer, sum] : dearer.reach) tally_.reach[buffer].add(sum);
}

void Counter::count(const Stmt& stmt) {
  std::set<const ExprNode*> seen;
  for (const Expr& arg : stmt->args) count(arg, seen);
  if (stmt->kind == StmtKind::store) touch(stmt->buffer.get(), stmt->args[0], stmt->args[1]->type);
  if (stmt->kind == StmtKind::let) {
    lets_.insert_or_assign(stmt->name, stmt->args[0]);
    let_loops_[stmt->name] = loops_of(stmt->args[0]);
  }
  if (stmt->kind == StmtKind::loop) return count_loop(*stmt);
  if (stmt->kind == StmtKind::when) return count_when(*stmt);
  for (const Stmt& child : stmt->children)
    if (child) count(child);
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
      const auto found = counter.tally().reach.find(kernel.params[i].buffer.get());
      Dim reach = found == counter.tally().reach.end() ? Dim(0) : found->second.dim();
      const ProgramBuffer* buffer = launch ? program.find_buffer(launch->buffers[i]) : nullptr;
      if (buffer) reach = min(reach, buffer->elements * Dim(bytes_of(buffer->dtype)));
      bytes = bytes + reach;
    }
    costs.push_back({bytes, counter.tally().dots.dim(), counter.tally().floats.dim()});
  }
  return costs;
}

}  // namespace hearth
