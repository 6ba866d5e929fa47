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
  // What one more token for all of them costs; 0: nothing, so lengths are chosen when drafts are there.
  virtual double round_ms() const { return 0; }
};

// The longest n-gram at the end (at most `longest`, at least `shortest` ids) that occurred before goes on as it did there.
std::unique_ptr<Drafter> prompt_lookup(int shortest = 2, int longest = 4);

// A smaller model of the same vocabulary drafts greedily. `pages`: KV pages of its own.
Result<std::unique_ptr<Drafter>> draft_model(const Artifact& artifact, std::shared_ptr<Device> device, int64_t pages);

// How long drafts should be for one sequence, from what was accepted: the length at which a step gives most tokens for its time,
// 0 while drafting does not pay.
class DraftLength {
 public:
  static constexpr double kHope = 0.7;
  explicit DraftLength(int most, double acceptance = kHope) : most_(most), acceptance_(acceptance) {}
  // `cost`: time of a step with k more rows over a step without, k = index.
  int choose(std::span<const double> cost) const;
  void observe(int drafted, int accepted);
  void decline() { acceptance_ += (kHope - acceptance_) * 0.02; }        // a draft was there and not tried: some day it is
  double acceptance() const { return acceptance_; }      // chance that a draft token is accepted, decaying mean

 private:
  int most_;
  double acceptance_;
};

// Whether to draft at all, by what steps with drafts really gave: tokens, in the time that plain steps would have taken for them,
// over the time that they took. Where that is no gain, drafting is tried again ever more seldom.
class DraftGate {
 public:
  enum class Say { no, probe, yes };     // probe: a few sequences draft, to see what is accepted
  explicit DraftGate(bool probes) : probes_(probes) { leave(); }
  // Asked once a step; `would_pay`: as far as one knows.
  Say ask(bool would_pay);
  void observe(double worth_ms, double took_ms);         // of a step with drafts, while it said yes

 private:
  enum class State { closed, probing, open };
  static constexpr int64_t kShortest = 64, kLongest = 4096;      // steps closed
  static constexpr int64_t kProbes = 4, kTrial = 8;              // steps that probe; that are judged together
  static constexpr int64_t kFresh = 24;                          // drafted steps before a plain one tells what those take now
  static constexpr int64_t kDull = 16;                           // open steps in which nothing would pay
  void leave();                          // the end of a pause
  void close();

  bool probes_;
  State state_ = State::closed;
  int64_t pause_ = kShortest, since_ = 0, judged_ = 0, drafted_ = 0, dull_ = 0;
  double worth_ms_ = 0, took_ms_ = 0;
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
