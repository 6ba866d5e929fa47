// PeakRow: a row of logits seen through the largest of each group of 16, so that only the groups that matter are looked at.
//
// Logits of some ids may be changed and others forbidden: their groups are copied, and get peaks of their own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/logits.h"
#include "engine/scan.h"

namespace hearth {

class PeakRow {
 public:
  // Both must stay where they are while this is used; forgets what was changed and forbidden before.
  void show(std::span<const float> logits, std::span<const float> peaks);
  // From now on the groups of these ids can be changed (through at()), and all logits are finite: what is no number is
  // forbidden, infinity the largest number. Ids in any order, each within the row; once a row.
  void copy_groups_of(std::span<const int32_t> ids);
  float& at(int32_t id);                         // of an id given to copy_groups_of()
  // Takes in what was changed and which are allowed (empty: all); peaks() says so.
  void take_in(std::span<const uint32_t> allowed);
  std::span<const float> peaks() const { return peaks_; }

  // The lowest id of the value `best`, which is one of peaks().
  int32_t find(float best) const;
  // The best of `allowed`, the lowest id on ties, without take_in(); -1: all are forbidden or no numbers.
  int32_t best_allowed(std::span<const uint32_t> allowed) const;
  // Appends ids whose logits are at least `least`, in order, and these logits.
  void gather(float least, std::vector<int32_t>& ids, std::vector<float>& values);

 private:
  size_t copy_of(size_t group) const;            // its number among the copies, or how many there are
  Lanes group(size_t number) const;              // its logits; others are -inf

  std::span<const float> logits_, peaks_;
  std::span<const uint32_t> allowed_;
  bool is_finite_ = false;
  std::vector<int32_t> copied_;                  // groups, ascending
  std::vector<Lanes> copies_;
  std::vector<float> own_peaks_;
  std::vector<int32_t> found_;                   // scratch
};

}  // namespace hearth
