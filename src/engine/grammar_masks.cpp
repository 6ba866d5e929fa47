// Masks: which tokens a place allows, cached by the few innermost frames that a token's bytes can reach.
//
// A place's tokens are those whose walk stays inside its frame, and, where the walk ends the frame in the middle of a
// token (an exit), those that the frame below then takes. So a mask is a chain: the place alone; with one frame; with
// two; until no exit is left. The links are cached by (link above, frame), with a repeat's count as far as it matters:
// no token can do more rounds than it has bytes.
#include <algorithm>

#include "engine/grammar_tables.h"

namespace hearth::grammar {
namespace {

constexpr uint32_t kRoot = 0xFFFFFFFF, kTextRoot = 0xFFFFFFFE;

}  // namespace

uint32_t Epoch::canonical_count(const Frame& frame) const {
  if (frame.count == kCall) return kCall;
  const State& state = program_.states[frame.state];
  const uint64_t reach = uint64_t{trie_.longest} + 2;
  if (frame.count + reach < state.min) return 0;
  if (frame.count >= state.min && frame.count + reach < state.max) return state.min;
  return frame.count;
}

uint32_t Epoch::resume(const Frame& frame) {
  if (frame.count == kCall)
    add(frame.state, 0, 0);
  else
    enter_repeat(frame.state, frame.count + 1, 0, 0);
  return close();
}

// Adds the tokens of `node`'s subtree (without its own) that `situation`, which is where the text is after node,
// allows.
void Epoch::walk(uint32_t node, uint32_t situation, std::vector<int32_t>& tokens, std::vector<uint32_t>& exits) {
  const std::vector<TrieNode>& nodes = trie_.nodes;
  const uint32_t base = nodes[node].depth;
  if (path_.size() < size_t{trie_.longest} + 2) path_.resize(trie_.longest + 2);
  path_[0] = situation;
  for (uint32_t i = node + 1, end = nodes[node].end; i < end;) {
    const TrieNode& at = nodes[i];
    const uint32_t next = step(path_[at.depth - base - 1], at.byte);
    if (next == 0) {
      i = at.end;
      if (overflow_) return;
      continue;
    }
    path_[at.depth - base] = next;
    for (uint32_t t = at.first_token; t < nodes[i + 1].first_token; ++t) tokens.push_back(trie_.tokens[t]);
    const Situation& reached = *situations_[next];
    if (reached.exits && at.end > i + 1) exits.push_back(i);
    i = reached.places.empty() ? at.end : i + 1;
  }
}

uint32_t Epoch::keep(std::vector<int32_t> tokens, std::vector<uint32_t> exits) {
  Mask mask;
  const size_t words = trie_.ends.size();
  if (tokens.size() > words / 2) {
    mask.dense.assign(words, 0);
    for (const int32_t id : tokens) mask.dense[id / 32] |= 1u << (id % 32);
  } else {
    std::sort(tokens.begin(), tokens.end());
    mask.tokens = std::move(tokens);
    mask.tokens.shrink_to_fit();
  }
  std::sort(exits.begin(), exits.end());
  exits.erase(std::unique(exits.begin(), exits.end()), exits.end());
  mask.exits = std::move(exits);
  mask.exits.shrink_to_fit();
  held_ += sizeof(Mask) + 64 + 4 * (mask.tokens.size() + mask.dense.size() + mask.exits.size());
  masks_.push_back(std::move(mask));
  return static_cast<uint32_t>(masks_.size() - 1);
}

// The place alone. A string's character that repeats without end takes all plain tokens without a walk.
uint32_t Epoch::root_mask(uint32_t state) {
  const Key key{kRoot, state, 0, 0};
  if (const auto known = mask_of_.find(key); known != mask_of_.end()) return known->second;
  std::vector<int32_t> tokens;
  std::vector<uint32_t> exits;
  const uint32_t alone = intern({{{state, 0}}, false});
  const bool text = program_.states[state].text;
  if (!text) walk(trie_.plain_root, alone, tokens, exits);
  walk(trie_.other_root, alone, tokens, exits);
  if (overflow_) return 0;
  const uint32_t mask = keep(std::move(tokens), std::move(exits));
  if (text) masks_[mask].plain = &trie_.plain_masks.back();
  // After plain characters the loop is where it was, and can be left: what follows in a token that is not plain was
  // walked above; plain tokens themselves end inside the loop.
  mask_of_.emplace(key, mask);
  return mask;
}

// The first byte of a character of a counted string: the rounds left say how many characters a plain token may have.
uint32_t Epoch::text_mask(uint32_t state, uint32_t repeat, uint32_t count) {
  const Key key{kTextRoot, state, repeat, count};
  if (const auto known = mask_of_.find(key); known != mask_of_.end()) return known->second;
  std::vector<int32_t> tokens;
  std::vector<uint32_t> exits;
  const uint32_t alone = intern({{{state, push(repeat, count, 0)}}, false});
  walk(trie_.other_root, alone, tokens, exits);
  if (overflow_) return 0;
  const uint32_t mask = keep(std::move(tokens), std::move(exits));
  const size_t left = program_.states[repeat].max - count;
  masks_[mask].plain = &trie_.plain_masks[std::min(left, trie_.plain_masks.size() - 1)];
  mask_of_.emplace(key, mask);
  return mask;
}

uint32_t Epoch::below(uint32_t above, const Frame& frame) {
  const uint32_t count = canonical_count(frame);
  const Key key{above, frame.state, count, 1};
  if (const auto known = mask_of_.find(key); known != mask_of_.end()) return known->second;
  const uint32_t going_on = resume({frame.state, count, 0, 0});
  std::vector<int32_t> tokens;
  std::vector<uint32_t> exits;
  const Situation& reached = *situations_[going_on];
  for (const uint32_t node : masks_[above].exits) {
    if (reached.exits) exits.push_back(node);
    walk(node, going_on, tokens, exits);
    if (overflow_) return 0;
  }
  const uint32_t mask = keep(std::move(tokens), std::move(exits));
  mask_of_.emplace(key, mask);
  return mask;
}

bool Epoch::fill(uint32_t situation, std::vector<const Mask*>& parts) {
  for (const Place& place : situations_[situation]->places) {
    uint32_t stack = place.stack;
    const Frame top = frames_[stack];
    uint32_t mask;
    if (stack != 0 && top.count != kCall && program_.states[top.state].text &&
        program_.states[top.state].entry == place.state) {
      mask = text_mask(place.state, top.state, canonical_count(top));
      stack = top.parent;
    } else {
      mask = root_mask(place.state);
    }
    if (overflow_) break;
    parts.push_back(&masks_[mask]);
    for (; stack != 0 && !masks_[mask].exits.empty(); stack = frames_[stack].parent) {
      mask = below(mask, frames_[stack]);
      if (overflow_) break;
      parts.push_back(&masks_[mask]);
    }
  }
  const bool whole = !overflow_;
  overflow_ = false;
  return whole;
}

}  // namespace hearth::grammar
