// Scheduler: answers first, then prompts at work, then waiting ones; pages are taken while rows are given out.
#include "engine/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace hearth {

struct Scheduler::Budget {
  int64_t tokens = 0, rows = 0, embeds = 0;
};

namespace {

// Which rows of a pooling request's slice are pooled.
void add_embeds(Slice& slice) {
  const Sequence& sequence = *slice.sequence;
  switch (sequence.request().pooling) {
    case Pooling::none: return;
    case Pooling::mean: slice.embeds = slice.count; return;
    case Pooling::cls: slice.embeds = sequence.computed == 0 ? 1 : 0; return;
    case Pooling::last:
      slice.embeds = sequence.left() == slice.count ? 1 : 0;
      slice.embeds_first = slice.count - slice.embeds;
      return;
  }
}

bool by_number(const std::shared_ptr<Sequence>& a, const std::shared_ptr<Sequence>& b) { return a->number < b->number; }

}  // namespace

void Scheduler::add(std::shared_ptr<Sequence> sequence) {
  const std::string& client = sequence->request().client;
  auto& queue = queues_[client];
  if (queue.empty()) turns_.push_back(client);
  queue.push_back(std::move(sequence));
}

void Scheduler::fork(const Sequence& parent, std::shared_ptr<Sequence> child) {
  child->ids = parent.ids;
  child->pages = parent.pages;
  child->computed = parent.computed;
  child->published = parent.published;
  for (const int32_t page : child->pages) pages_.hold(page);
  child->stage = Stage::running;
  child->is_answering = true;
  running_.insert(std::upper_bound(running_.begin(), running_.end(), child, by_number), std::move(child));
}

void Scheduler::publish(Sequence& sequence) {
  const int64_t whole = sequence.computed / limits_.page_tokens;
  if (whole <= sequence.published || !sequence.request().keeps_cache) return;
  const auto ids = std::span<const int32_t>(sequence.ids).first(whole * limits_.page_tokens);
  cache_.insert(ids, std::span(sequence.pages).first(whole), sequence.adapter);
  sequence.published = whole;
}

void Scheduler::truncate(Sequence& sequence, int64_t computed) {
  if (computed >= sequence.computed) return;
  sequence.computed = computed;
  sequence.published = std::min(sequence.published, computed / limits_.page_tokens);
  for (const int64_t keep = pages_for(computed); static_cast<int64_t>(sequence.pages.size()) > keep; sequence.pages.pop_back()) {
    pages_.release(sequence.pages.back());
  }
}

void Scheduler::give_up(Sequence& sequence) {
  sequence.draft.clear();
  sequence.is_answering = false;
  for (const int32_t page : sequence.pages) pages_.release(page);
  sequence.pages.clear();
  sequence.computed = sequence.published = 0;
}

void Scheduler::remove(Sequence& sequence) {
  const auto is_it = [&](const std::shared_ptr<Sequence>& other) { return other.get() == &sequence; };
  if (sequence.stage == Stage::running) {
    if (sequence.request().keeps_cache) {
      const auto pages = std::span(sequence.pages).first(pages_for(sequence.computed));
      cache_.insert(std::span<const int32_t>(sequence.ids).first(sequence.computed), pages, sequence.adapter);
    }
    give_up(sequence);
    std::erase_if(running_, is_it);
  } else if (preempted_.erase(sequence.number) == 0) {
    const std::string client = sequence.request().client;
    const auto queue = queues_.find(client);
    if (queue != queues_.end() && std::erase_if(queue->second, is_it) > 0 && queue->second.empty()) {
      queues_.erase(queue);
      std::erase(turns_, client);
    }
  }
  sequence.stage = Stage::ended;
}

int64_t Scheduler::waiting() const {
  int64_t count = static_cast<int64_t>(preempted_.size());
  for (const auto& [client, queue] : queues_) count += static_cast<int64_t>(queue.size());
  return count;
}

std::vector<std::shared_ptr<Sequence>> Scheduler::all() const {
  std::vector<std::shared_ptr<Sequence>> all = running_;
  for (const auto& [number, sequence] : preempted_) all.push_back(sequence);
  for (const auto& [client, queue] : queues_) all.insert(all.end(), queue.begin(), queue.end());
  return all;
}

int64_t Scheduler::places() const {
  int64_t count = 0;
  for (const auto& sequence : running_) count += 1 + static_cast<int64_t>(sequence->followers.size());
  return count;
}

int64_t Scheduler::promised() const {
  int64_t pages = 0;
  for (const auto& sequence : running_) {
    pages += std::max<int64_t>(1, pages_for(sequence->size()) - static_cast<int64_t>(sequence->pages.size()));
  }
  return pages;
}

std::optional<int32_t> Scheduler::take_page() {
  if (pages_.free() == 0) cache_.evict(1);
  return pages_.take();
}

void Scheduler::preempt(const std::shared_ptr<Sequence>& victim, Schedule& plan) {
  publish(*victim);
  give_up(*victim);
  victim->stage = Stage::waiting;
  ++victim->answer.timing.preempted;
  ++plan.preempted;
  std::erase_if(plan.slices, [&](const Slice& slice) { return slice.sequence == victim; });
  preempted_.emplace(victim->number, victim);
  std::erase(running_, std::shared_ptr<Sequence>(victim));
}

void Scheduler::drop(const std::shared_ptr<Sequence>& sequence, std::string why, Schedule& plan) {
  const std::shared_ptr<Sequence> kept = sequence;       // it may stand in the list that it leaves
  remove(*kept);
  plan.hopeless.push_back({kept, std::move(why)});
}

// Gives the sequence the pages of its next `count` rows, none of them shared where it writes.
Scheduler::Room Scheduler::make_room(const std::shared_ptr<Sequence>& sequence, int64_t count, Schedule& plan) {
  Sequence& self = *sequence;
  const int64_t needed = pages_for(self.computed + count);
  for (int64_t at = self.computed / limits_.page_tokens; at < needed; ++at) {
    const bool is_new = at == static_cast<int64_t>(self.pages.size());
    if (!is_new && pages_.holders(self.pages[at]) == 1) continue;
    std::optional<int32_t> page = take_page();
    while (!page) {
      if (running_.size() == 1) return Room::never;
      const std::shared_ptr<Sequence> youngest = running_.back();
      preempt(youngest, plan);
      if (youngest == sequence) return Room::none;
      page = take_page();
    }
    if (is_new) {
      self.pages.push_back(*page);
      continue;
    }
    plan.copies.push_back({self.pages[at], *page});
    pages_.release(self.pages[at]);
    self.pages[at] = *page;
  }
  return Room::made;
}

// One row for each, more for those that have several ids to compute or drafts to verify; whoever waited longest comes first.
void Scheduler::schedule_answers(Schedule& plan, Budget& budget) {
  std::vector<std::shared_ptr<Sequence>> answers;
  for (const auto& sequence : running_) {
    if (sequence->is_answering) answers.push_back(sequence);
  }
  std::stable_sort(answers.begin(), answers.end(), [](const auto& a, const auto& b) { return a->served < b->served; });
  int64_t others = static_cast<int64_t>(answers.size());
  for (const auto& sequence : answers) {
    --others;
    if (sequence->stage != Stage::running) continue;
    if (budget.tokens < 1 || budget.rows < 1) return;
    int64_t spare = std::max<int64_t>(1, budget.tokens - others);
    if (answers.size() > 1) spare = std::min(spare, std::max<int64_t>(1, limits_.prompt_tokens_beside));
    int64_t count = std::min(sequence->left(), spare), wanted = 0;
    if (count == sequence->left()) {
      const int64_t spare_rows = std::max<int64_t>(0, budget.rows - 1 - others);
      const auto most = static_cast<size_t>(std::max<int64_t>(0, std::min(spare - count, spare_rows)));
      if (sequence->draft.size() > most) sequence->draft.resize(most);
      wanted = 1 + static_cast<int64_t>(sequence->draft.size());
      count += wanted - 1;
    } else {
      sequence->draft.clear();
    }
    const Room room = make_room(sequence, count, plan);
    if (room == Room::never) {
      drop(sequence, fmt::format("engine: out of pages: {} tokens need {}, there are {}; ask for fewer tokens or more pages",
                                 sequence->size(), pages_for(sequence->size()), pages_.count()), plan);
    }
    if (room != Room::made) continue;
    sequence->served = step_;
    plan.slices.push_back({.sequence = sequence, .count = count, .wanted = wanted});
    budget.tokens -= count;
    budget.rows -= wanted;
  }
}

// Pages of the same ids that others have computed since are taken over.
void Scheduler::adopt_cached(Sequence& sequence, Schedule& plan) {
  if (sequence.needs_all_rows() || !sequence.request().keeps_cache || sequence.left() < 2) return;
  if (sequence.computed % limits_.page_tokens != 0) return;
  const int64_t before = sequence.computed;
  const Lookup lookup = std::exchange(sequence.was_looked_up, true) ? Lookup::again : Lookup::first;
  const PrefixMatch match = cache_.match(sequence.ids, sequence.adapter, before / limits_.page_tokens, lookup);
  sequence.pages.insert(sequence.pages.end(), match.pages.begin(), match.pages.end());
  sequence.computed += static_cast<int64_t>(match.pages.size()) * limits_.page_tokens;
  sequence.published = sequence.computed / limits_.page_tokens;
  if (match.partial >= 0) {
    const std::optional<int32_t> page = take_page();
    if (page) {
      plan.copies.push_back({match.partial, *page});
      sequence.pages.push_back(*page);
      sequence.computed += match.partial_tokens;
    }
    pages_.release(match.partial);
  }
  if (sequence.answer.timing.preempted == 0) sequence.answer.timing.reused_tokens += sequence.computed - before;
}

// Does a sequence of this step compute the very page that this one would begin with? Then it waits for it.
bool Scheduler::will_be_published(const Sequence& sequence, const Schedule& plan) const {
  const int64_t end = sequence.computed + limits_.page_tokens;
  if (sequence.needs_all_rows() || sequence.computed % limits_.page_tokens != 0 || sequence.size() <= end) return false;
  if (!sequence.request().keeps_cache) return false;
  for (const Slice& slice : plan.slices) {
    const Sequence& other = *slice.sequence;
    if (other.adapter != sequence.adapter || !other.request().keeps_cache || other.size() < end) continue;
    if (other.computed > sequence.computed || other.computed + slice.count < end) continue;
    if (std::equal(sequence.ids.begin(), sequence.ids.begin() + end, other.ids.begin())) return true;
  }
  return false;
}

// False: no room for more in this step.
bool Scheduler::schedule_prompt(const std::shared_ptr<Sequence>& sequence, Schedule& plan, Budget& budget) {
  adopt_cached(*sequence, plan);
  if (will_be_published(*sequence, plan)) return true;
  int64_t count = std::min(sequence->left(), budget.tokens);
  const int64_t from = sequence->wanted_from();
  const auto wanted = [&] { return std::max<int64_t>(0, sequence->computed + count - std::max(from, sequence->computed)); };
  if (wanted() > budget.rows) count -= wanted() - budget.rows;
  if (sequence->request().pooling == Pooling::mean) count = std::min(count, budget.embeds);
  if (sequence->request().pooling != Pooling::none && budget.embeds < 1) return false;
  if (count < 1) return false;
  const Room room = make_room(sequence, count, plan);
  if (room == Room::never) {
    drop(sequence, fmt::format("engine: out of pages: the prompt of {} tokens needs {}, there are {}; ask for more pages",
                               sequence->size(), pages_for(sequence->size()), pages_.count()), plan);
    return true;
  }
  if (room == Room::none) return false;
  sequence->served = step_;
  if (sequence->answer.begun == Clock::time_point{}) sequence->answer.begun = Clock::now();
  plan.slices.push_back({.sequence = sequence, .count = count, .wanted = wanted()});
  add_embeds(plan.slices.back());
  budget.tokens -= count;
  budget.rows -= wanted();
  budget.embeds -= plan.slices.back().embeds;
  return true;
}

std::shared_ptr<Sequence> Scheduler::next_waiting() {
  if (!preempted_.empty()) return preempted_.begin()->second;
  return turns_.empty() ? nullptr : queues_[turns_.front()].front();
}

// Moves the next waiting sequence to those at work, if there is room for it.
bool Scheduler::admit(Schedule& plan) {
  const std::shared_ptr<Sequence> sequence = next_waiting();
  if (!sequence) return false;
  const int64_t need = pages_for(sequence->size());
  const int64_t available = pages_.free() + pages_.idle();
  if (need > pages_.count()) {
    drop(sequence, fmt::format("engine: out of pages: the prompt of {} tokens needs {}, there are {}; ask for more pages",
                               sequence->size(), need, pages_.count()), plan);
    return true;
  }
  if (!running_.empty()) {
    if (places() + 1 + static_cast<int64_t>(sequence->followers.size()) > limits_.sequences) return false;
    if (available - promised() < need) return false;
  }
  if (preempted_.erase(sequence->number) == 0) {
    const std::string client = turns_.front();
    turns_.pop_front();
    auto& queue = queues_[client];
    queue.pop_front();
    queue.empty() ? static_cast<void>(queues_.erase(client)) : turns_.push_back(client);
  }
  sequence->stage = Stage::running;
  running_.insert(std::upper_bound(running_.begin(), running_.end(), sequence, by_number), sequence);
  return true;
}

void Scheduler::schedule_prompts(Schedule& plan, Budget& budget) {
  std::vector<std::shared_ptr<Sequence>> prompts;
  for (const auto& sequence : running_) {
    if (sequence->served != step_ && !sequence->is_answering) prompts.push_back(sequence);
  }
  bool has_room = true;
  for (const auto& sequence : prompts) {
    if (sequence->stage != Stage::running) continue;
    has_room = budget.tokens > 0 && schedule_prompt(sequence, plan, budget);
    if (!has_room) return;
  }
  while (budget.tokens > 0 && has_room) {
    const std::shared_ptr<Sequence> next = next_waiting();
    if (!admit(plan)) return;
    if (next->stage == Stage::running) has_room = schedule_prompt(next, plan, budget);
  }
}

Schedule Scheduler::schedule() {
  ++step_;
  Schedule plan;
  Budget budget{limits_.tokens, limits_.rows, limits_.embeds};
  schedule_answers(plan, budget);
  if (!plan.slices.empty()) budget.tokens = std::min(budget.tokens, limits_.prompt_tokens_beside);
  schedule_prompts(plan, budget);
  return plan;
}

}  // namespace hearth
