// Scheduler: which rows the next step computes; sequences that answer come first, prompts fill what is left, in turns by client.
//
// Laws: a sequence that generates gets its row in every step (a long prompt never stalls it); waiting clients take turns, requests of
// one client stay in order; when pages run out the youngest sequence gives its own up and computes them again later; what is
// scheduled together never changes what is computed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/pages.h"
#include "engine/prefix_cache.h"
#include "engine/sequence.h"

namespace hearth {

struct ScheduleLimits {
  int64_t tokens = 256;                  // rows a step
  int64_t rows = 64;                     // rows of logits a step
  int64_t sequences = 256;               // at work at once
  int64_t page_tokens = 16;
  int64_t prompt_tokens_beside = 64;     // prompt rows a step while others generate (their tokens must not wait long)
  int64_t embeds = 0;                    // rows of hidden states a step
};

// Rows of one sequence in a step: positions computed .. computed + count; its drafts are the last of them.
struct Slice {
  std::shared_ptr<Sequence> sequence;
  int64_t count = 0;
  int64_t wanted = 0;                    // the last `wanted` rows give logits
  int64_t embeds_first = 0, embeds = 0;  // these rows give hidden states
};

struct PageCopy {
  int32_t from = 0, to = 0;
};

// A sequence that can never be computed, and why.
struct Hopeless {
  std::shared_ptr<Sequence> sequence;
  std::string why;
};

struct Schedule {
  std::vector<Slice> slices;             // their pages are there
  std::vector<PageCopy> copies;          // to be made in order, before the step
  std::vector<Hopeless> hopeless;        // removed already
  int64_t preempted = 0;                 // sequences whose pages were taken
};

class Scheduler {
 public:
  Scheduler(ScheduleLimits limits, Pages& pages, PrefixCache& cache) : limits_(limits), pages_(pages), cache_(cache) {}

  void add(std::shared_ptr<Sequence> sequence);          // to its client's queue
  // A choice that starts where `parent` is now: it shares its pages and runs at once.
  void fork(const Sequence& parent, std::shared_ptr<Sequence> child);
  void remove(Sequence& sequence);                       // ended or cancelled: its pages go to the cache or free
  void publish(Sequence& sequence);                      // offers pages that became full to the cache
  void truncate(Sequence& sequence, int64_t computed);   // forgets what is computed from there on
  void give_up(Sequence& sequence);                      // its pages go, it will be computed again
  Schedule schedule();

  int64_t waiting() const;                               // preempted ones as well
  const std::vector<std::shared_ptr<Sequence>>& running() const { return running_; }
  std::vector<std::shared_ptr<Sequence>> all() const;    // running, then waiting
  void set_prompt_tokens_beside(int64_t tokens) { limits_.prompt_tokens_beside = tokens; }

 private:
  enum class Room { made, none, never };
  struct Budget;

  void schedule_answers(Schedule& plan, Budget& budget);
  void schedule_prompts(Schedule& plan, Budget& budget);
  bool schedule_prompt(const std::shared_ptr<Sequence>& sequence, Schedule& plan, Budget& budget);
  std::shared_ptr<Sequence> next_waiting();
  bool admit(Schedule& plan);
  void adopt_cached(Sequence& sequence, Schedule& plan);
  bool will_be_published(const Sequence& sequence, const Schedule& plan) const;
  Room make_room(const std::shared_ptr<Sequence>& sequence, int64_t count, Schedule& plan);
  std::optional<int32_t> take_page();
  void preempt(const std::shared_ptr<Sequence>& victim, Schedule& plan);
  void drop(const std::shared_ptr<Sequence>& sequence, std::string why, Schedule& plan);
  int64_t pages_for(int64_t tokens) const { return (tokens + limits_.page_tokens - 1) / limits_.page_tokens; }
  int64_t places() const;                                // sequences at work, with the choices that will be
  int64_t promised() const;                              // pages that prompts at work will still take

  ScheduleLimits limits_;
  Pages& pages_;
  PrefixCache& cache_;
  std::vector<std::shared_ptr<Sequence>> running_;       // in the order of arrival
  std::map<uint64_t, std::shared_ptr<Sequence>> preempted_;      // by number: the oldest comes back first
  std::map<std::string, std::deque<std::shared_ptr<Sequence>>> queues_;  // by client
  std::deque<std::string> turns_;                        // clients that wait; the first is next
  uint64_t step_ = 0;
};

}  // namespace hearth
