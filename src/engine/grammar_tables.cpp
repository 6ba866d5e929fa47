// Stacks and situations: how a text moves through the automaton, byte by byte.
#include "engine/grammar_tables.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::grammar {
namespace {

using Kind = State::Kind;
constexpr uint32_t kUnknown = 0xFFFFFFFF;

}  // namespace

size_t Epoch::PlacesHash::operator()(const Situation* s) const {
  uint64_t hash = s->exits;
  for (const Place& place : s->places) hash = mix(hash, uint64_t{place.state} << 32 | place.stack);
  return hash;
}

Epoch::Epoch(const Program& program, const Trie& trie) : program_(program), trie_(trie) {
  frames_.push_back({0, kCall, 0, 0});
  intern({});  // situation 0: nowhere
  add(program_.start, 0, 0);
  start_ = close();
}

size_t Epoch::bytes() const { return held_; }

uint32_t Epoch::push(uint32_t state, uint32_t count, uint32_t parent) {
  const auto [found, fresh] = frame_of_.try_emplace({state, count, parent, 0}, static_cast<uint32_t>(frames_.size()));
  if (fresh) {
    frames_.push_back({state, count, parent, frames_[parent].depth + 1});
    held_ += sizeof(Frame) + 48;
  }
  return found->second;
}

void Epoch::add(uint32_t state, uint32_t stack, uint32_t fresh) {
  if (frames_[stack].depth > kMaxDepth || ++work_ > kMaxWork) {
    overflow_ = true;
    return;
  }
  if (program_.states[state].kind == Kind::bytes) {  // the common case needs no queue; close() drops what is twice
    found_.places.push_back({state, stack});
    return;
  }
  if (seen_.try_emplace({state, stack, fresh, 0}, true).second) items_.push_back({state, stack, fresh});
}

// Before round `count` (0-based): the repeat may be left, or entered once more.
void Epoch::enter_repeat(uint32_t index, uint32_t count, uint32_t stack, uint32_t fresh) {
  const State& state = program_.states[index];
  if (count >= state.min) add(state.next, stack, fresh);
  if (count >= state.max) return;
  // Nothing is left to count in the last round: it is a call.
  if (count + 1 < state.max) return add(state.entry, push(index, count, stack), fresh + 1);
  if (state.next == 0) return add(state.entry, stack, fresh);
  add(state.entry, push(state.next, kCall, stack), fresh + 1);
}

void Epoch::leave(const Item& item) {
  if (item.stack == 0) {
    found_.exits = true;
    return;
  }
  const Frame frame = frames_[item.stack];
  const uint32_t fresh = item.fresh > 0 ? item.fresh - 1 : 0;
  if (frame.count == kCall) return add(frame.state, frame.parent, fresh);
  if (item.fresh > 0) return;  // a round of nothing: min is 0, so leaving was possible without it
  enter_repeat(frame.state, frame.count + 1, frame.parent, 0);
}

uint32_t Epoch::close() {
  while (!items_.empty()) {
    const Item item = items_.back();
    items_.pop_back();
    const State& state = program_.states[item.state];
    switch (state.kind) {
      case Kind::end:
        leave(item);
        break;
      case Kind::bytes:
        break;
      case Kind::split:
        for (uint32_t i = 0; i < state.count; ++i) add(program_.targets[state.first + i], item.stack, item.fresh);
        break;
      case Kind::call:
        if (state.next == 0)
          add(state.entry, item.stack, item.fresh);
        else
          add(state.entry, push(state.next, kCall, item.stack), item.fresh + 1);
        break;
      case Kind::repeat:
        enter_repeat(item.state, 0, item.stack, item.fresh);
        break;
    }
    if (found_.places.size() > 2 * kMaxWays || overflow_) break;
  }
  if (!seen_.empty()) seen_.clear();
  items_.clear();
  Situation found = std::move(found_);
  found_ = {};
  std::sort(found.places.begin(), found.places.end());
  found.places.erase(std::unique(found.places.begin(), found.places.end()), found.places.end());
  if (overflow_ || found.places.size() > kMaxWays) {
    overflow_ = true;
    return 0;
  }
  return intern(std::move(found));
}

uint32_t Epoch::intern(Situation situation) {
  const auto known = situation_of_.find(&situation);
  if (known != situation_of_.end()) return known->second;
  const auto index = static_cast<uint32_t>(situations_.size());
  work_ += kSituationWork;
  held_ += sizeof(Situation) + 64 + situation.places.size() * sizeof(Place) + program_.classes * sizeof(uint32_t);
  kept_.push_back(std::move(situation));
  situations_.push_back(&kept_.back());
  situation_of_.emplace(&kept_.back(), index);
  moves_.resize(moves_.size() + program_.classes, index == 0 ? 0 : kUnknown);
  return index;
}

uint32_t Epoch::step(uint32_t situation, uint8_t byte) {
  const size_t move = size_t{situation} * program_.classes + program_.byte_class[byte];
  if (moves_[move] != kUnknown) return moves_[move];
  for (const Place& place : situations_[situation]->places) {
    const State& state = program_.states[place.state];
    for (uint32_t i = 0; i < state.count; ++i) {
      const ByteEdge& edge = program_.edges[state.first + i];
      if (edge.low <= byte && byte <= edge.high) add(edge.target, place.stack, 0);
    }
  }
  const bool before = overflow_;
  const uint32_t target = close();
  // Work that ran out is this call's affair; too many ways are the grammar's, whoever asks.
  if (!overflow_ || (!before && work_ <= kMaxWork)) moves_[move] = target;
  if (work_ <= kMaxWork) overflow_ = false;
  return target;
}

int Epoch::only_byte(uint32_t situation) const {
  const Situation& at = *situations_[situation];
  int only = -1;
  if (at.exits) return -1;
  for (const Place& place : at.places) {
    const State& state = program_.states[place.state];
    for (uint32_t i = 0; i < state.count; ++i) {
      const ByteEdge& edge = program_.edges[state.first + i];
      if (edge.low != edge.high || (only >= 0 && only != edge.low)) return -1;
      only = edge.low;
    }
  }
  return only;
}

std::vector<uint32_t> Epoch::move_to(Epoch& other, const std::vector<uint32_t>& situations) const {
  std::unordered_map<uint32_t, uint32_t> moved{{0, 0}};
  std::vector<uint32_t> chain, result;
  const auto stack_in_other = [&](uint32_t stack) {
    for (chain.clear(); !moved.contains(stack); stack = frames_[stack].parent) chain.push_back(stack);
    uint32_t there = moved[stack];
    for (; !chain.empty(); chain.pop_back()) {
      const Frame& frame = frames_[chain.back()];
      there = other.push(frame.state, frame.count, there);
      moved[chain.back()] = there;
    }
    return there;
  };
  for (const uint32_t index : situations) {
    Situation copy = *situations_[index];
    for (Place& place : copy.places) place.stack = stack_in_other(place.stack);
    std::sort(copy.places.begin(), copy.places.end());
    result.push_back(other.intern(std::move(copy)));
  }
  return result;
}

}  // namespace hearth::grammar
