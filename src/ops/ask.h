// Asking memory for bytes ahead, a share at a time, as a loop goes over what came before them.
#pragma once

#include <vector>

#include "ir/loop.h"

namespace hearth {

// Asks for share `step` of `steps` of the `bytes` bytes from element `first` of `buffer` on.
inline Stmt ask_for_share(const Buffer& buffer, const Expr& first, int64_t bytes, const Expr& step, int64_t steps) {
  const int64_t lines = (bytes + kLineBytes - 1) / kLineBytes, share = (lines + steps - 1) / steps;
  const Expr line(kLineBytes / bytes_of(buffer->dtype));
  std::vector<Stmt> asked;
  for (int64_t i = 0; i < share; ++i) asked.push_back(prefetch(buffer, first + (step * Expr(share) + Expr(i)) * line));
  return block(std::move(asked));
}

}  // namespace hearth
