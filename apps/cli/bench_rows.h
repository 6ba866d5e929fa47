// bench -b: steps of several rows, timed.
#pragma once

#include <vector>

#include "cli.h"

namespace cli {

struct RowsAsked {
  std::vector<int64_t> rows;  // of a step; empty: nothing is asked
  int64_t context = 0;        // positions that each sequence has already
  int repetitions = 5;
};

// The longest sequence of these: the context a model must be opened with.
int64_t positions_of(const RowsAsked& asked);
// The pages of 16 positions it must be opened with, so that a sequence of `positions` fits and each batch does.
int64_t pages_of(const RowsAsked& asked, int64_t positions);
// One object a kind of step, one row first where it is asked for. On failure the line is printed already.
std::optional<std::vector<Json>> time_rows(const hearth::api::Model& model, const RowsAsked& asked);
void print_row_times(const std::vector<Json>& found);

}  // namespace cli
