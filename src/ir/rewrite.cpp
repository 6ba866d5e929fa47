// Rewriting loop IR: the shared traversal, substitution and collection of names; shared subexpressions are visited
// once.
#include "ir/rewrite.h"

#include <unordered_map>
#include <unordered_set>

#include "base/check.h"

namespace hearth {
namespace {

class ExprRewriter {
 public:
  explicit ExprRewriter(const std::function<Expr(const Expr&)>& change) : change_(change) {}

  Expr run(const Expr& e) {
    auto seen = done_.find(e.id());
    if (seen != done_.end()) return seen->second;
    std::vector<Expr> args;
    bool changed = false;
    for (const Expr& arg : e->args) {
      args.push_back(run(arg));
      changed |= args.back().id() != arg.id();
    }
    Expr result = change_(changed ? rebuild(*e, std::move(args)) : e);
    CHECK(result, "a rewrite returned no expression");
    done_.emplace(e.id(), result);
    return result;
  }

 private:
  const std::function<Expr(const Expr&)>& change_;
  std::unordered_map<const ExprNode*, Expr> done_;
};

void visit(const Expr& e, std::unordered_set<const ExprNode*>* seen, const std::function<void(const ExprNode&)>& look) {
  if (!seen->insert(e.id()).second) return;
  look(*e);
  for (const Expr& arg : e->args) visit(arg, seen, look);
}

void visit(const Expr& e, const std::function<void(const ExprNode&)>& look) {
  std::unordered_set<const ExprNode*> seen;
  visit(e, &seen, look);
}

bool binds(const StmtNode& stmt) { return stmt.kind == StmtKind::loop || stmt.kind == StmtKind::let; }

Stmt rebuild(const StmtNode& stmt, std::vector<Expr> args, std::vector<Stmt> children, Buffer buffer) {
  if (stmt.kind == StmtKind::block) return block(std::move(children));
  StmtNode copy = stmt;
  copy.args = std::move(args);
  copy.children = std::move(children);
  copy.buffer = std::move(buffer);
  return std::make_shared<const StmtNode>(std::move(copy));
}

}  // namespace

Expr rewrite(const Expr& root, const std::function<Expr(const Expr&)>& change) {
  CHECK(root, "nothing to rewrite");
  return ExprRewriter(change).run(root);
}

Stmt rewrite(const Stmt& root, const std::function<Expr(const Expr&)>& on_expr,
             const std::function<Stmt(const Stmt&)>& on_stmt) {
  CHECK(root, "nothing to rewrite");
  bool changed = false;
  std::vector<Expr> args = root->args;
  if (on_expr) {
    for (Expr& arg : args) {
      Expr next = on_expr(arg);
      changed |= next.id() != arg.id();
      arg = std::move(next);
    }
  }
  std::vector<Stmt> children;
  for (const Stmt& child : root->children) {
    Stmt next = rewrite(child, on_expr, on_stmt);
    changed |= next != child;
    children.push_back(next || root->kind == StmtKind::block ? next : block({}));
  }
  Stmt result = changed ? rebuild(*root, std::move(args), std::move(children), root->buffer) : root;
  return on_stmt ? on_stmt(result) : result;
}

Expr substitute(const Expr& root, const std::map<std::string, Expr>& values) {
  return rewrite(root, [&](const Expr& e) {
    if (e->kind != ExprKind::var) return e;
    auto found = values.find(e->name);
    if (found == values.end()) return e;
    CHECK(found->second->type.dtype == e->type.dtype, "'{}' is {}, not {}", e->name, name_of(e->type.dtype),
          name_of(found->second->type.dtype));
    return found->second;
  });
}

Stmt substitute(const Stmt& root, const std::map<std::string, Expr>& values) {
  if (values.empty()) return root;
  std::vector<Expr> args;
  for (const Expr& arg : root->args) args.push_back(substitute(arg, values));
  std::map<std::string, Expr> inner = values;
  if (binds(*root)) {
    inner.erase(root->name);
    std::set<std::string> used = inner.empty() ? std::set<std::string>() : free_vars(root->children[0]);
    for (const auto& [name, value] : inner) {
      CHECK(!used.count(name) || !uses(value, root->name), "'{}' would capture a variable of what replaces '{}'",
            root->name, name);
    }
  }
  std::vector<Stmt> children;
  for (const Stmt& child : root->children) children.push_back(substitute(child, inner));
  return rebuild(*root, std::move(args), std::move(children), root->buffer);
}

Expr replace_buffers(const Expr& root, const std::map<Buffer, Buffer>& to) {
  return rewrite(root, [&](const Expr& e) {
    if (e->kind != ExprKind::load) return e;
    auto found = to.find(e->buffer);
    if (found == to.end()) return e;
    return load_as(e->type, found->second, e->args[0], e->args.size() > 1 ? e->args[1] : Expr());
  });
}

Stmt replace_buffers(const Stmt& root, const std::map<Buffer, Buffer>& to) {
  std::vector<Expr> args;
  for (const Expr& arg : root->args) args.push_back(replace_buffers(arg, to));
  std::vector<Stmt> children;
  for (const Stmt& child : root->children) children.push_back(replace_buffers(child, to));
  auto found = to.find(root->buffer);
  return rebuild(*root, std::move(args), std::move(children), found == to.end() ? root->buffer : found->second);
}

std::set<std::string> free_vars(const Expr& root) {
  std::set<std::string> names;
  visit(root, [&](const ExprNode& node) {
    if (node.kind == ExprKind::var) names.insert(node.name);
  });
  return names;
}

std::set<std::string> free_vars(const Stmt& root) {
  std::set<std::string> names;
  for (const Stmt& child : root->children) names.merge(free_vars(child));
  if (binds(*root)) names.erase(root->name);
  for (const Expr& arg : root->args) names.merge(free_vars(arg));
  return names;
}

std::set<std::string> sizes_used(const Stmt& root) {
  std::set<std::string> names;
  for (const Stmt& child : root->children) names.merge(sizes_used(child));
  for (const Expr& arg : root->args) {
    visit(arg, [&](const ExprNode& node) {
      if (node.kind == ExprKind::size) names.insert(node.name);
    });
  }
  return names;
}

bool uses(const Expr& root, const std::string& var) {
  bool found = false;
  visit(root, [&](const ExprNode& node) { found |= node.kind == ExprKind::var && node.name == var; });
  return found;
}

}  // namespace hearth
