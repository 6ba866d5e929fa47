// Drafter: guesses how a sequence goes on; the engine verifies guesses in one step, so answers stay as they would be without.
//
// A guess is only a guess: draft tokens are accepted while they equal what the sampler draws at that position from the model's own
// logits, with the same seed. What a drafter says can change the speed, never the answer.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "artifact/artifact.h"
#include "base/result.h"
#include "runtime/device.h"

namespace hearth {

struct DraftJob {
  uint64_t sequence = 0;                 // the same number for as long as the sequence lives
  std::span<const int32_t> ids;          // prompt and answer so far
  int most = 0;                          // tokens wanted
  std::vector<int32_t> draft;            // out: at most `most`, may be empty
};

class Drafter {
 public:
  virtual ~Drafter() = default;
  virtual Result<Done> propose(std::span<DraftJob> jobs) = 0;    // all sequences of a step at once
  virtual void forget(uint64_t sequence) = 0;
};

// The longest n-gram at the end (at most `longest`, at least `shortest` ids) that occurred before goes on as it did there.
std::unique_ptr<Drafter> prompt_lookup(int shortest = 2, int longest = 4);

// A smaller model of the same vocabulary drafts greedily. `pages`: KV pages of its own.
Result<std::unique_ptr<Drafter>> draft_model(const Artifact& artifact, std::shared_ptr<Device> device, int64_t pages);

// How long drafts should be for one sequence, from what was accepted: the length at which a step gives most tokens for its time,
// 0 while drafting does not pay.
class DraftLength {
 public:
  explicit DraftLength(int most, double acceptance = 0.7) : most_(most), acceptance_(acceptance) {}
  // `cost`: time of a step with k more rows over a step without, k = index.
  int choose(std::span<const double> cost) const;
  void observe(int drafted, int accepted);
  double acceptance() const { return acceptance_; }      // chance that a draft token is accepted, decaying mean

 private:
  int most_;
  double acceptance_;
};

// When drafting does not pay, it is tried again now and then, ever more seldom.
class DraftProbe {
 public:
  bool is_due();                         // asked once a step in which nothing would be drafted
  void paid() { pause_ = kShortest, since_ = 0; }

 private:
  static constexpr int64_t kShortest = 64, kLongest = 4096;      // steps
  int64_t pause_ = kShortest, since_ = 0;
};

// What steps cost by their rows, measured while they run: a decaying mean a row count, straight lines between.
class StepTimes {
 public:
  void observe(int64_t rows, double ms);
  double at(int64_t rows) const;         // ms; 0 while nothing is known

 private:
  std::map<int64_t, double> ms_;         // by rows, rounded up to few different ones
};

}  // namespace hearth
