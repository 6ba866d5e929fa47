// Rewriting loop IR: one traversal for all passes; substitution; collecting what a statement uses.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "ir/loop.h"

namespace hearth {

// Bottom-up: children first, then `change`, which returns its argument to keep it.
Expr rewrite(const Expr& root, const std::function<Expr(const Expr&)>& change);
// Rewrites statements bottom-up; `on_expr` is applied to every whole expression held by a statement (not to
// subexpressions), `on_stmt` to each rebuilt statement (returning nullptr removes it). Either may be empty.
Stmt rewrite(const Stmt& root, const std::function<Expr(const Expr&)>& on_expr,
             const std::function<Stmt(const Stmt&)>& on_stmt = {});

Expr substitute(const Expr& root, const std::map<std::string, Expr>& values);       // vars by name
Stmt substitute(const Stmt& root, const std::map<std::string, Expr>& values);       // CHECKs that no binder captures
Expr replace_buffers(const Expr& root, const std::map<Buffer, Buffer>& to);
Stmt replace_buffers(const Stmt& root, const std::map<Buffer, Buffer>& to);

std::set<std::string> free_vars(const Expr& root);
std::set<std::string> free_vars(const Stmt& root);
std::set<std::string> sizes_used(const Stmt& root);
bool uses(const Expr& root, const std::string& var);

}  // namespace hearth
