// tile_rows: independent loops -> several rows at a time in registers (unroll and jam), and kernel variants guarded by row count.
//
//   independent t < T { acc = 0; for k { acc += x[t,k] * w[k] }; y[t] = acc }
//     -> serial t < T/8 { acc[8] = 0; for k { acc[0] += x[8t,k] * w[k]; ... acc[7] += ... }; y[8t] = acc[0]; ... }, then the rest
//
// The order of a row's own sums stays as it was, so a row's result does not depend on how many go together.
//
// Rows together read what they share, weights, at a pace at which processors do not read ahead on their own: each such read asks
// for what comes 8 KiB later.
#include <map>
#include <set>

#include "base/check.h"
#include "ir/rewrite.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "passes/varying.h"

namespace hearth {
namespace {

constexpr int64_t kWorthAsking = 32;     // bytes: smaller reads lie among larger ones

// Runs `rows.size()` iterations of a loop body side by side; rows[i] is the loop variable's value in copy i.
class Jam {
 public:
  Jam(const Target& target, std::string variable, std::vector<Expr> rows)
      : target_(target), varies_{std::move(variable), {}, {}}, rows_(std::move(rows)) {}

  Stmt run(const Stmt& stmt) {
    switch (stmt->kind) {
      case StmtKind::block: {
        std::vector<Stmt> children;
        for (const Stmt& child : stmt->children) children.push_back(run(child));
        return block(std::move(children));
      }
      case StmtKind::loop:
        CHECK(!varies_(stmt->args[0]), "loop '{}' runs a different number of times for each row", stmt->name);
        return loop(stmt->name, stmt->args[0], stmt->loop, run(stmt->children[0]));
      case StmtKind::let: return run_let(stmt);
      case StmtKind::store: {
        if (const Stmt links = one_by_one(stmt)) return run(links);
        std::vector<Stmt> copies;
        for (size_t i = 0; i < rows_.size(); ++i) copies.push_back(copy_store(stmt, i));
        return block(std::move(copies));
      }
      case StmtKind::when:
        CHECK(!varies_(stmt->args[0]), "a condition that differs from row to row");
        return when(stmt->args[0], run(stmt->children[0]), stmt->children.size() > 1 ? run(stmt->children[1]) : nullptr);
      case StmtKind::alloc: {
        const int64_t size = stmt->buffer->local_size;
        const Buffer all = local_buffer(stmt->buffer->name, stmt->buffer->dtype, size * static_cast<int64_t>(rows_.size()));
        varies_.locals[stmt->buffer] = all;
        return alloc(all, run(stmt->children[0]));
      }
      case StmtKind::prefetch:
        CHECK(!varies_(stmt->args[0]), "a prefetch for each row");
        return stmt;
      default: CHECK(false, "a statement that cannot be jammed"); return stmt;
    }
  }

 private:
  static std::string copy_name(const std::string& name, size_t i) { return fmt::format("{}_{}", name, i); }

  bool is_link(const Expr& e) const {
    return e->kind == ExprKind::dot4 && target_.dot4 != Dot4::none && !target_.dot4_by_lane();
  }

  // x = dot(dot(s, a, b), c, d) -> let dot_1 = dot(s, a, b) { x = dot(dot_1, c, d) }: a product waits for the one before it, so the
  // rows take turns. Not where the code generator reads together what products of a chain share. Null: nothing to part.
  Stmt one_by_one(const Stmt& stmt) {
    const Expr& value = stmt->args[1];
    if (rows_.size() == 1 || !is_link(value) || !is_link(value->args[0])) return nullptr;
    std::vector<Expr> links;  // last first
    for (Expr e = value; is_link(e); e = e->args[0]) links.push_back(e);
    const auto name = [&](size_t i) { return fmt::format("dot_{}_{}", chains_, i); };
    const auto link = [&](size_t i) {
      const Expr& e = links[i];
      return dot4(i + 1 == links.size() ? e->args[0] : var(name(i + 1), e->type), e->args[1], e->args[2]);
    };
    Stmt result = store(stmt->buffer, stmt->args[0], link(0), stmt->args.size() > 2 ? stmt->args[2] : Expr());
    for (size_t i = 1; i < links.size(); ++i) result = let(name(i), link(i), result);
    ++chains_;
    return result;
  }

  // Index into the i-th copy of a local buffer, counted in elements of the accessed type.
  Expr copy_index(const Buffer& buffer, const Expr& index, Type accessed, size_t i) const {
    const int64_t bytes = buffer->local_size * bytes_of(buffer->dtype);
    CHECK(bytes % bytes_of(accessed.dtype) == 0, "'{}' is read as elements that do not divide it", buffer->name);
    return index + Expr(static_cast<int64_t>(i) * (bytes / bytes_of(accessed.dtype)));
  }

  Expr copy(const Expr& root, size_t i) const {
    return rewrite(root, [&](const Expr& e) -> Expr {
      if (e->kind == ExprKind::var) {
        if (e->name == varies_.variable) return rows_[i];
        return varies_.lets.count(e->name) ? var(copy_name(e->name, i), e->type) : e;
      }
      const auto found = e->kind == ExprKind::load ? varies_.locals.find(e->buffer) : varies_.locals.end();
      if (found == varies_.locals.end()) return e;
      return load_as(e->type, found->second, copy_index(e->buffer, e->args[0], e->type, i), e->args.size() > 1 ? e->args[1] : Expr());
    });
  }

  Stmt copy_store(const Stmt& stmt, size_t i) const {
    Expr index = copy(stmt->args[0], i);
    Buffer buffer = stmt->buffer;
    const auto found = varies_.locals.find(buffer);
    if (found != varies_.locals.end()) {
      index = copy_index(buffer, index, stmt->args[1]->type, i);
      buffer = found->second;
    }
    return store(buffer, index, copy(stmt->args[1], i), stmt->args.size() > 2 ? copy(stmt->args[2], i) : Expr());
  }

  Stmt run_let(const Stmt& stmt) {
    if (!varies_(stmt->args[0])) {
      std::vector<Stmt> asked = ask(stmt->args[0]);
      const Stmt body = let(stmt->name, stmt->args[0], run(stmt->children[0]));
      if (asked.empty()) return body;
      asked.push_back(body);
      return block(std::move(asked));
    }
    std::vector<Expr> values;
    for (size_t i = 0; i < rows_.size(); ++i) values.push_back(copy(stmt->args[0], i));
    varies_.lets.insert(stmt->name);
    Stmt body = run(stmt->children[0]);
    varies_.lets.erase(stmt->name);
    for (size_t i = rows_.size(); i-- > 0;) body = let(copy_name(stmt->name, i), values[i], body);
    return body;
  }

  // Prefetches ahead of what the value reads; each place once.
  std::vector<Stmt> ask(const Expr& value) {
    std::vector<Stmt> asked;
    if (rows_.size() == 1) return asked;
    rewrite(value, [&](const Expr& e) {
      if (e->kind != ExprKind::load || e->buffer->local || e->args[0]->type.lanes > 1) return e;
      const int64_t width = bytes_of(e->type.dtype), bytes = width * e->type.lanes, unit = bytes_of(e->buffer->dtype);
      if (bytes < kWorthAsking || width % unit != 0 || !asked_.insert(e->buffer->name + print(e->args[0])).second) return e;
      const Expr first = e->args[0] * Expr(width / unit);
      for (int64_t at = 0; at < bytes; at += kLineBytes) asked.push_back(prefetch(e->buffer, first + Expr((kAheadBytes + at) / unit)));
      return e;
    });
    return asked;
  }

  const Target& target_;
  int chains_ = 0;                       // parted so far
  Varying varies_;                       // lets and locals have one copy a row
  std::vector<Expr> rows_;
  std::set<std::string> asked_;
};

// A loop over size / c goes over c rows at a time; one over size % c over less than c rows.
struct Rows {
  std::string size;              // "": no number of rows
  int64_t each = 1, at_most = 0; // rows an iteration; iterations, 0: any number
};
Rows rows_of(const Expr& extent) {
  if (extent->kind == ExprKind::size) return {extent->name};
  if (extent->kind != ExprKind::binary || extent->args[0]->kind != ExprKind::size) return {};
  const Expr& by = extent->args[1];
  if (by->kind != ExprKind::constant) return {};
  if (extent->binary == BinaryOp::div) return {extent->args[0]->name, by->integer};
  return extent->binary == BinaryOp::mod ? Rows{extent->args[0]->name, 1, by->integer - 1} : Rows{};
}

// The loop in steps of each factor in turn; each factor divides the one before, the last is 1.
Stmt tile(const Target& target, const Stmt& stmt, const std::vector<int>& every_factor) {
  const Expr& extent = stmt->args[0];
  const Rows rows_here = rows_of(extent);
  std::vector<int> factors;
  for (int factor : every_factor)
    if (factor * rows_here.each <= every_factor[0] && (rows_here.at_most == 0 || factor <= rows_here.at_most))
      factors.push_back(factor);
  std::vector<Stmt> parts;
  Expr start(0), left = extent;
  for (int factor : factors) {
    const std::string step = fmt::format("{}_x{}", stmt->name, factor);
    std::vector<Expr> rows;
    for (int i = 0; i < factor; ++i) rows.push_back(start + var(step) * Expr(factor) + Expr(i));
    parts.push_back(loop(step, left / Expr(factor), LoopKind::serial, Jam(target, stmt->name, rows).run(stmt->children[0])));
    start = extent / Expr(factor) * Expr(factor);
    left = extent % Expr(factor);
  }
  return block(std::move(parts));
}

Stmt replace_independent(const Stmt& root, const std::function<Stmt(const Stmt&)>& change) {
  return rewrite(root, {}, [&](const Stmt& stmt) {
    return stmt->kind == StmtKind::loop && stmt->loop == LoopKind::independent ? change(stmt) : stmt;
  });
}

// What is left where `size` is 1: the conditions that hold, and the loops that run.
Stmt where_one(const Target& target, const std::vector<int>& factors, const Stmt& root, const std::string& size) {
  const auto known = [&](const Expr& whole) {
    return rewrite(whole, [&](const Expr& e) { return e->kind == ExprKind::size && e->name == size ? Expr(1) : e; });
  };
  const Stmt some = rewrite(root, known, [](const Stmt& stmt) -> Stmt {
    if (stmt->kind != StmtKind::when || stmt->args[0]->kind != ExprKind::constant) return stmt;
    if (stmt->args[0]->integer != 0) return stmt->children[0];
    return stmt->children.size() > 1 ? stmt->children[1] : nullptr;
  });
  return replace_independent(some, [&](const Stmt& stmt) {
    const Expr& extent = stmt->args[0];
    if (extent->kind != ExprKind::constant || extent->integer > 1) return tile(target, stmt, factors);
    return extent->integer < 1 ? nullptr : Jam(target, stmt->name, {Expr(0)}).run(stmt->children[0]);
  });
}

// The size that is the extent of the kernel's first such independent loop, or "".
std::string row_size(const Stmt& stmt) {
  if (stmt->kind == StmtKind::loop && stmt->loop == LoopKind::independent)
    if (const std::string size = rows_of(stmt->args[0]).size; !size.empty()) return size;
  for (const Stmt& child : stmt->children)
    if (const std::string name = row_size(child); !name.empty()) return name;
  return "";
}

int64_t upper_bound(const Program& program, const std::string& size) {
  for (const SizeDecl& decl : program.sizes)
    if (decl.name == size) return decl.at_most;
  return 0;
}

}  // namespace

Program tile_rows(const Program& program, const Target& target) {
  // Two registers a row (a sum and an integer sum) plus weights and temporaries.
  const std::vector<int> factors = target.vector_registers >= 32 ? std::vector<int>{8, 4, 2, 1} : std::vector<int>{4, 1};
  Program result = program;
  result.kernels.clear();
  std::map<std::string, std::vector<Variant>> variants;
  for (const Kernel& kernel : program.kernels) {
    const std::string size = row_size(kernel.body);
    if (!size.empty()) {
      Kernel one = kernel;
      one.name += "_one_row";
      one.body = where_one(target, factors, kernel.body, size);
      variants[kernel.name].push_back({one.name, Dim::size(size), 1, 1});
      result.kernels.push_back(std::move(one));
    }
    Kernel many = kernel;
    many.body = replace_independent(kernel.body, [&](const Stmt& stmt) { return tile(target, stmt, factors); });
    variants[kernel.name].push_back({many.name, size.empty() ? Dim(0) : Dim::size(size), 0, upper_bound(program, size)});
    result.kernels.push_back(std::move(many));
  }
  for (Launch& launch : result.launches) launch.variants = variants[launch.variants[0].kernel];
  return result;
}

}  // namespace hearth
