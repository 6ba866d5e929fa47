// Logits: rows that a step gives, with the largest of each group of neighbours, so that few of them must be looked at.
#pragma once

#include <span>

namespace hearth {

inline constexpr size_t kPeakColumns = 16;   // logits a peak stands for (docs/STEP.md)

struct Logits {
  std::span<const float> values;       // [rows, vocabulary]
  std::span<const float> peaks;        // [rows, ceil(vocabulary / kPeakColumns)]; empty: none were made
  size_t rows = 0;

  Logits part(size_t first, size_t count) const {
    const auto cut = [&](std::span<const float> all) {
      const size_t width = rows == 0 ? 0 : all.size() / rows;
      return all.subspan(first * width, count * width);
    };
    return {cut(values), cut(peaks), count};
  }
  Logits row(size_t number) const { return part(number, 1); }
  Logits last(size_t count) const { return part(rows - count, count); }
};

}  // namespace hearth
