// What differs from iteration to iteration of a loop: for passes that run several iterations as one.
#pragma once

#include <map>
#include <set>
#include <string>

#include "ir/loop.h"

namespace hearth {

struct Varying {
  std::string variable;                  // the loop's
  std::set<std::string> lets;            // bound to values that differ
  std::map<Buffer, Buffer> locals;       // made inside the loop -> the buffer that holds those of all iterations

  bool operator()(const Expr& e) const {
    if (e->kind == ExprKind::var) return e->name == variable || lets.count(e->name) > 0;
    if (e->kind == ExprKind::load && locals.count(e->buffer)) return true;
    for (const Expr& arg : e->args)
      if ((*this)(arg)) return true;
    return false;
  }
};

}  // namespace hearth
