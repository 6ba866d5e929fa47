// Engine's drafts: which sequences get guesses in the next step and how long they are, so that they pay.
#include <algorithm>

#include "engine/engine_impl.h"

namespace hearth {
namespace {

constexpr int64_t kProbeLength = 2;  // draft tokens when nobody knows whether they pay
constexpr int64_t kProbed = 8;       // one in so many sequences takes part in a probe: who was left out must catch up

}  // namespace

// What k draft tokens for each of `drafted` sequences cost one of them, in tokens that the time would have given: 1 +
// that, by k.
std::vector<double> Engine::Impl::draft_costs(int64_t sequences, int64_t drafted) const {
  const double base = plain_times.at(sequences);
  std::vector<double> cost;
  for (int64_t k = 0; k <= options.draft_most; ++k) {
    const double more =
        std::max(0.0, times.at(sequences + drafted * k) - base) + drafter->round_ms() * static_cast<double>(k);
    cost.push_back(base > 0 ? 1 + more / base * static_cast<double>(sequences) / static_cast<double>(drafted) : 1.0);
  }
  return cost;
}

// Drafts that are there are cut to the length that pays; false: none does.
bool Engine::Impl::choose_lengths(std::span<const std::shared_ptr<Sequence>> drafted, std::vector<DraftJob>& jobs) {
  int64_t with = 0;
  for (const DraftJob& job : jobs) with += job.draft.empty() ? 0 : 1;
  if (with == 0) return false;
  const std::vector<double> cost = draft_costs(static_cast<int64_t>(drafted.size()), with);
  bool pays = false;
  for (DraftJob& job : jobs) {
    const auto owner =
        std::find_if(drafted.begin(), drafted.end(), [&](const auto& s) { return s->number == job.sequence; });
    const auto length = static_cast<size_t>((*owner)->draft_length.choose(cost));
    if (length == 0 && !job.draft.empty()) (*owner)->draft_length.decline();
    job.draft.resize(std::min(job.draft.size(), length));
    pays |= !job.draft.empty();
  }
  return pays;
}

double Engine::Impl::propose_drafts() {
  if (!drafter) return 0;
  std::vector<std::shared_ptr<Sequence>> drafted;
  for (const auto& sequence : scheduler.running()) {
    sequence->draft.clear();
    if (sequence->answer.timing.drafted_tokens == 0)
      sequence->draft_length = DraftLength(options.draft_most, overall.acceptance());
    if (sequence->is_answering && sequence->left() == 1) drafted.push_back(sequence);
  }
  const auto count = static_cast<int64_t>(drafted.size());
  if (count == 0 || plain_times.at(count) == 0) return 0;
  const bool asks_first = options.speculation == Speculation::model;  // before it drafts: drafts cost something
  const std::vector<double> cost = draft_costs(count, count);
  bool would_pay = !asks_first;
  std::vector<int64_t> lengths(drafted.size(), options.draft_most);
  for (size_t i = 0; i < drafted.size() && asks_first; ++i) {
    lengths[i] = drafted[i]->draft_length.choose(cost);
    would_pay |= lengths[i] > 0;
  }
  const DraftGate::Say say = gate->ask(would_pay);
  if (say == DraftGate::Say::no) return 0;
  if (say == DraftGate::Say::probe) {
    for (size_t i = 0; i < drafted.size(); ++i) lengths[i] = i % kProbed == 0 ? kProbeLength : 0;
  }
  const auto start = Clock::now();
  std::vector<DraftJob> jobs;
  for (size_t i = 0; i < drafted.size(); ++i) {
    Sequence& sequence = *drafted[i];
    const Request& request = sequence.request();
    int64_t wanted = std::min(lengths[i], context - sequence.size());
    if (request.max_new >= 0) wanted = std::min(wanted, request.max_new - sequence.answer.count() - 1);
    if (wanted < 1) continue;
    jobs.push_back({.sequence = sequence.number, .ids = sequence.ids, .most = static_cast<int>(wanted), .draft = {}});
  }
  if (jobs.empty() || !drafter->propose(jobs).ok()) return 0;  // a guess that cannot be made is none
  for (DraftJob& job : jobs) {
    job.draft.resize(std::min(job.draft.size(), static_cast<size_t>(job.most)));
    const auto bad =
        std::find_if(job.draft.begin(), job.draft.end(), [&](int32_t id) { return id < 0 || id >= card.vocabulary; });
    job.draft.erase(bad, job.draft.end());
  }
  if (!asks_first && !choose_lengths(drafted, jobs)) return 0;
  for (DraftJob& job : jobs) {
    const auto owner =
        std::find_if(drafted.begin(), drafted.end(), [&](const auto& s) { return s->number == job.sequence; });
    (*owner)->draft = std::move(job.draft);
  }
  return ms_between(start, Clock::now());
}

}  // namespace hearth
