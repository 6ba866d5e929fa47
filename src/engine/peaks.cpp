// PeakRow: a group is 16 lanes, so a mask's word tells of two.
#include "engine/peaks.h"

#include "base/check.h"

namespace hearth {
namespace {

static_assert(kPeakColumns == kLanes);
constexpr uint32_t kAll = 0xffff;

uint32_t allowed_of(std::span<const uint32_t> allowed, size_t group) {
  return group / 2 < allowed.size() ? allowed[group / 2] >> (group % 2 * kLanes) & kAll : 0;
}

void forbid_others(uint32_t allowed, Lanes& lanes) {
  for (size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = (allowed >> lane & 1) != 0 ? lanes[lane] : kForbidden;
}

}  // namespace

void PeakRow::show(std::span<const float> logits, std::span<const float> peaks) {
  CHECK(peaks.size() == (logits.size() + kLanes - 1) / kLanes, "{} peaks of {} logits", peaks.size(), logits.size());
  logits_ = logits;
  peaks_ = peaks;
  allowed_ = {};
  is_finite_ = false;
  copied_.clear();
  copies_.clear();
}

size_t PeakRow::copy_of(size_t group) const {
  const auto at = std::lower_bound(copied_.begin(), copied_.end(), static_cast<int32_t>(group));
  const bool is_copied = at != copied_.end() && *at == static_cast<int32_t>(group);
  return is_copied ? static_cast<size_t>(at - copied_.begin()) : copied_.size();
}

Lanes PeakRow::group(size_t number) const {
  Lanes lanes;
  if (const size_t copy = copy_of(number); copy < copied_.size()) {
    lanes = copies_[copy];
  } else {
    const size_t first = number * kLanes, count = std::min(kLanes, logits_.size() - first);
    if (count < kLanes) lanes.fill(kForbidden);
    std::copy_n(logits_.begin() + static_cast<ptrdiff_t>(first), count, lanes.begin());
    if (is_finite_) std::transform(lanes.begin(), lanes.end(), lanes.begin(), finite);
  }
  if (!allowed_.empty()) forbid_others(allowed_of(allowed_, number), lanes);
  return lanes;
}

void PeakRow::copy_groups_of(std::span<const int32_t> ids) {
  is_finite_ = true;
  std::vector<int32_t> groups;
  for (const int32_t id : ids) groups.push_back(id / static_cast<int32_t>(kLanes));
  std::sort(groups.begin(), groups.end());
  groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
  for (const int32_t number : groups) copies_.push_back(group(static_cast<size_t>(number)));
  copied_ = std::move(groups);
}

float& PeakRow::at(int32_t id) {
  const size_t copy = copy_of(static_cast<size_t>(id) / kLanes);
  CHECK(copy < copies_.size(), "logit {} is not to be changed", id);
  return copies_[copy][static_cast<size_t>(id) % kLanes];
}

void PeakRow::take_in(std::span<const uint32_t> allowed) {
  allowed_ = allowed;
  if (copied_.empty() && allowed.empty()) return;
  own_peaks_.assign(peaks_.begin(), peaks_.end());
  for (const int32_t number : copied_) own_peaks_[static_cast<size_t>(number)] = most_of(group(static_cast<size_t>(number)));
  for (size_t number = 0; number < own_peaks_.size() && !allowed.empty(); ++number) {
    const uint32_t bits = allowed_of(allowed, number);
    if (bits != kAll) own_peaks_[number] = bits == 0 ? kForbidden : most_of(group(number));
  }
  peaks_ = own_peaks_;
}

int32_t PeakRow::find(float best) const {
  const auto number = static_cast<size_t>(best_of(peaks_));
  CHECK(peaks_[number] == best, "the best is {}, not {}", peaks_[number], best);
  return static_cast<int32_t>(number * kLanes) + best_of(group(number));
}

// A copied group's peak may be too high or too low by now, so it is always looked at.
int32_t PeakRow::best_allowed(std::span<const uint32_t> allowed) const {
  int32_t best_id = -1;
  float best = kForbidden;
  size_t copy = 0;
  for (size_t number = 0; number < peaks_.size(); ++number) {
    const bool is_copied = copy < copied_.size() && copied_[copy] == static_cast<int32_t>(number);
    if (is_copied) ++copy;
    if (!is_copied && !(peaks_[number] > best)) continue;
    const uint32_t bits = allowed_of(allowed, number);
    if (bits == 0) continue;
    Lanes lanes = group(number);
    forbid_others(bits, lanes);
    const float most = most_of(lanes);
    if (!(most > best)) continue;
    best = most;
    best_id = static_cast<int32_t>(number * kLanes) + best_of(lanes);
  }
  return best_id;
}

void PeakRow::gather(float least, std::vector<int32_t>& ids, std::vector<float>& values) {
  found_.clear();
  collect(peaks_, least, found_);
  for (const int32_t number : found_) {
    const Lanes lanes = group(static_cast<size_t>(number));
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if (!(lanes[lane] >= least)) continue;
      ids.push_back(number * static_cast<int32_t>(kLanes) + static_cast<int32_t>(lane));
      values.push_back(lanes[lane]);
    }
  }
}

}  // namespace hearth
