// draft_model: a smaller model says how sequences go on; its pages follow theirs, and what it is wrong about is computed anew.
#include <algorithm>
#include <map>

#include "engine/answer.h"
#include "engine/draft.h"
#include "engine/pages.h"
#include "engine/sampler.h"
#include "engine/step.h"

namespace hearth {
namespace {

constexpr double kNew = 0.2;                     // weight of a new measurement
constexpr int64_t kMostRows = 256;               // of a step that catches up

struct Track {
  std::vector<int32_t> ids;              // computed
  std::vector<int32_t> pages;
  uint64_t used = 0;
};

class DraftModel : public Drafter {
 public:
  DraftModel(Step step, int32_t pages) : step_(std::move(step)), pages_(pages) {}

  Result<Done> propose(std::span<DraftJob> jobs) override;
  void forget(uint64_t sequence) override;
  double round_ms() const override { return round_ms_; }

 private:
  struct Work {
    DraftJob* job;
    Track* track;
    std::vector<int32_t> ids;            // the job's, then what is drafted
  };
  bool follow(const DraftJob& job, Track& track);
  bool take_pages(uint64_t sequence, Track& track, int64_t tokens);
  bool forget_oldest(uint64_t but);
  Result<Done> advance(std::vector<Work>& works);

  Step step_;
  Pages pages_;
  Sampler greedy_{SamplerOptions{.temperature = 0}};
  std::map<uint64_t, Track> tracks_;     // by sequence
  uint64_t tick_ = 0;
  double round_ms_ = 0;                  // of rounds in which nobody had to catch up, decaying mean
};

void DraftModel::forget(uint64_t sequence) {
  const auto at = tracks_.find(sequence);
  if (at == tracks_.end()) return;
  for (const int32_t page : at->second.pages) pages_.release(page);
  tracks_.erase(at);
}

// A sequence that does not take part now gives its pages; false: there is none.
bool DraftModel::forget_oldest(uint64_t but) {
  auto oldest = tracks_.end();
  for (auto at = tracks_.begin(); at != tracks_.end(); ++at) {
    if (at->first == but || at->second.used == tick_ || at->second.pages.empty()) continue;
    if (oldest == tracks_.end() || at->second.used < oldest->second.used) oldest = at;
  }
  if (oldest == tracks_.end()) return false;
  forget(oldest->first);
  return true;
}

bool DraftModel::take_pages(uint64_t sequence, Track& track, int64_t tokens) {
  const int64_t needed = (tokens + step_.limits().page_tokens - 1) / step_.limits().page_tokens;
  if (needed > step_.limits().table) return false;
  while (static_cast<int64_t>(track.pages.size()) < needed) {
    std::optional<int32_t> page = pages_.take();
    while (!page && forget_oldest(sequence)) page = pages_.take();
    if (!page) return false;
    track.pages.push_back(*page);
  }
  return true;
}

// What the track holds beyond what both agree on is forgotten; one id at least is left to compute.
bool DraftModel::follow(const DraftJob& job, Track& track) {
  const auto most = std::min(track.ids.size(), job.ids.size() - 1);
  const auto same = std::mismatch(track.ids.begin(), track.ids.begin() + most, job.ids.begin()).first - track.ids.begin();
  track.ids.resize(same);
  track.used = tick_;
  return take_pages(job.sequence, track, static_cast<int64_t>(job.ids.size()) + job.most);
}

// One step for all, catching up by chunks; who has caught up gets its most likely next id.
Result<Done> DraftModel::advance(std::vector<Work>& works) {
  std::vector<Work*> open;
  for (Work& work : works) {
    if (static_cast<int>(work.job->draft.size()) < work.job->most) open.push_back(&work);
  }
  const StepLimits& limits = step_.limits();
  while (!open.empty()) {
    std::vector<StepPart> parts;
    std::vector<Work*> taken;
    int64_t tokens = std::min(limits.tokens, kMostRows), rows = limits.rows;
    for (Work* work : open) {
      const auto done = static_cast<int64_t>(work->track->ids.size()), size = static_cast<int64_t>(work->ids.size());
      if (tokens < 1 || rows < 1 || static_cast<int64_t>(parts.size()) == limits.sequences) break;
      const int64_t count = std::min(tokens, size - done);
      const int64_t wanted = done + count == size ? 1 : 0;
      parts.push_back({.ids = std::span<const int32_t>(work->ids).subspan(done, count), .first = done,
                       .pages = work->track->pages, .wanted = wanted});
      taken.push_back(work);
      tokens -= count;
      rows -= wanted;
    }
    TRY_DONE(step_.run(parts));
    int64_t row = 0;
    for (size_t i = 0; i < taken.size(); ++i) {
      Work& work = *taken[i];
      work.track->ids.insert(work.track->ids.end(), parts[i].ids.begin(), parts[i].ids.end());
      if (parts[i].wanted == 0) continue;
      const int32_t id = greedy_.sample(step_.logits().row(row++), {}, 0);
      work.job->draft.push_back(id);
      work.ids.push_back(id);
      std::erase(open, &work);
    }
  }
  return Done{};
}

Result<Done> DraftModel::propose(std::span<DraftJob> jobs) {
  ++tick_;
  std::vector<Work> works;
  int rounds = 0;
  for (DraftJob& job : jobs) {
    if (job.ids.empty() || job.most < 1) continue;
    Track& track = tracks_[job.sequence];
    if (!follow(job, track)) {
      forget(job.sequence);
      continue;
    }
    works.push_back({&job, &track, {job.ids.begin(), job.ids.end()}});
    rounds = std::max(rounds, job.most);
  }
  for (int round = 0; round < rounds; ++round) {
    const auto start = Clock::now();
    const auto done = advance(works);
    const double ms = ms_between(start, Clock::now());
    if (round > 0) round_ms_ += (round_ms_ == 0 ? 1 : kNew) * (ms - round_ms_);
    if (done.ok()) continue;
    for (const Work& work : works) forget(work.job->sequence);
    return done;
  }
  return Done{};
}

}  // namespace

Result<std::unique_ptr<Drafter>> draft_model(const Artifact& artifact, std::shared_ptr<Device> device, int64_t pages) {
  TRY(const StepLimits limits, step_limits(artifact.interface()));
  if (pages < 1 || pages > (int64_t{1} << 24)) return error("engine: a draft model with {} pages, want 1 to 2^24", pages);
  TRY(Executable executable, Executable::load(std::move(device), artifact, fixed_sizes(limits, pages)));
  return std::unique_ptr<Drafter>(std::make_unique<DraftModel>(Step(std::move(executable), limits), static_cast<int32_t>(pages)));
}

}  // namespace hearth
