// How attention walks over the positions that its rows see; shared by the ops attention and attention_parts.
//
// A row is one query head of one token. Its positions fall into parts of 512, and a part into blocks of 64, both counted from
// position 0. Over a part runs one pass with a running maximum (Milakov & Gimelshein 2018), a block at a time; the results of
// parts are merged in order. So a row's sums depend on its own position alone: not on the step's other rows, not on which
// kernel computed the part. Rows of one token that share a key head, and neighbouring tokens of one sequence, walk together and
// load each key and value once; what a row does not see leaves its numbers as they are (times 1, plus 0).
#pragma once

#include <functional>
#include <vector>

#include "ops/op.h"
#include "ops/pages.h"

namespace hearth {

inline constexpr int kBlock = 64;        // positions of one step of the running softmax
inline constexpr int kPart = 512;        // positions whose softmax can be computed apart from the others'
inline constexpr int kFewTokens = 8;     // steps of up to so many tokens compute parts of long rows side by side

struct AttentionShape {
  int64_t kv_heads = 0, group = 0, size = 0;     // group: query heads a key head; size: D
  int64_t window = 0;                            // positions seen, its own included; 0: all
  double scale = 1;
  int lanes = 1;                                 // of a row of D
  int tile = 1;                                  // tokens that walk together
  int held = 1;                                  // sums that registers hold
};
AttentionShape attention_shape(Emit& emit, const Node& node);

// What the shape rules of both ops check; `operands` counts all.
Result<Done> check_attention(const Node& node, std::span<const TensorType> args, size_t operands);

// Parts a sequence of `table` pages may have, and whether (1 or 0) a step computes them in a kernel of their own.
Dim part_count(const Dim& table);
Dim is_parted(const Dim& tokens, const Dim& table);

// The tokens that walk together: neighbours in the step, all of one sequence.
struct Rows {
  Expr first;                            // token
  int tokens = 1;
  std::vector<Expr> positions;           // i64, of each token
  Expr sequence;
  Expr low, high;                        // the positions seen by any
};

// Softmax over some positions, unfinished: sum / total is the result. Rows count by token, then by head.
struct Sums {
  Buffer most, total, sum;               // f32 [rows], [rows], [rows * D]
};
Sums local_sums(Emit& emit, const AttentionShape& shape, int tokens);
Stmt with_sums(const Sums& sums, Stmt body);
Stmt clear(Emit& emit, const AttentionShape& shape, int tokens, const Sums& sums);      // of no positions

// Runs `body` for the tokens first .. first + shape.tile: once where one sequence has them all, else for each alone.
Stmt each_rows(Emit& emit, const Node& node, const AttentionShape& shape, Expr first, const std::function<Stmt(const Rows&)>& body);

// sums = the softmax of head `kv`'s rows over the positions of one part. `then`: what the same thread walks next, so that it can
// ask for it ahead.
enum class Then { next_part, next_head };
Stmt attend_part(Emit& emit, const Node& node, const AttentionShape& shape, const Rows& rows, Expr kv, Expr part, const Sums& sums,
                 Then then);

// Where a result of attend_part lies: elements from `at` of `buffer`.
struct Place {
  Buffer buffer;
  Expr at;
};
struct SumsAt {
  Place most, total, sum;
};
SumsAt places(const Sums& sums);
// into = into joined with the later positions of `part`.
Stmt merge(Emit& emit, const AttentionShape& shape, int tokens, const Sums& into, const SumsAt& part);

// One token's part in memory: sums [group * D], then maxima [group], then totals [group].
int64_t part_elements(const AttentionShape& shape);
SumsAt part_places(const AttentionShape& shape, Buffer buffer, Expr token, Expr kv, Expr part, const Dim& parts);

}  // namespace hearth
