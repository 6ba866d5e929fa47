// The automaton at run time: shared stacks, situations (sets of places a text may be in) and cached masks.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "engine/grammar_program.h"
#include "engine/grammar_vocabulary.h"

namespace hearth::grammar {

constexpr uint32_t kMaxWays = 10'000;     // places of one situation
constexpr uint32_t kMaxDepth = 1 << 20;   // frames of one stack
constexpr uint64_t kMaxWork = 4'000'000;  // moves that one call may make
constexpr uint64_t kSituationWork = 200;  // what a new situation counts as: it holds memory, too

inline uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = (a + 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u ^ b * 0x94D049BB133111EBu;
  x ^= x >> 31;
  return x * 0xD6E8FEB86659FD93u ^ x >> 29;
}

// A stack is its innermost frame; equal stacks are the same number, so a stack is shared by all that stand on it.
// Stack 0 is the bottom: the end of the text, or, while a mask is made, "whatever is below".
struct Frame {
  uint32_t state;  // a repeat, or the state a call returns to
  uint32_t count;  // repeat: rounds done before the present one; kCall for calls
  uint32_t parent;
  uint32_t depth;
};
constexpr uint32_t kCall = 0xFFFFFFFF;

struct Place {
  uint32_t state;  // of kind bytes
  uint32_t stack;
  auto operator<=>(const Place&) const = default;
};

struct Situation {
  std::vector<Place> places;  // sorted
  bool exits = false;         // the bottom frame may end here
};

// What a mask owes to one place and the frames directly above: sparse or dense, and where the frames below go on.
struct Mask {
  std::vector<int32_t> tokens;
  std::vector<uint32_t> dense;                   // instead of tokens, when they are many
  const std::vector<uint32_t>* plain = nullptr;  // and these (owned by the trie)
  std::vector<uint32_t> exits;                   // trie nodes at whose end the frame below continues
};

// Everything cached. It only grows; when it is too large a new one takes over and matchers move to it.
class Epoch {
 public:
  Epoch(const Program& program, const Trie& trie);

  uint32_t start() const { return start_; }
  const Situation& at(uint32_t situation) const { return *situations_[situation]; }
  uint32_t step(uint32_t situation, uint8_t byte);  // 0: not allowed
  int only_byte(uint32_t situation) const;          // the one byte that can follow, -1 if there is a choice
  bool fill(uint32_t situation, std::vector<const Mask*>& parts);  // false: too much work
  size_t bytes() const;
  // The same situations in another epoch.
  std::vector<uint32_t> move_to(Epoch& other, const std::vector<uint32_t>& situations) const;
  void begin_call() { work_ = 0; }

 private:
  struct PlacesHash {
    size_t operator()(const Situation* s) const;
  };
  struct PlacesEqual {
    bool operator()(const Situation* a, const Situation* b) const {
      return a->exits == b->exits && a->places == b->places;
    }
  };
  struct Item {
    uint32_t state, stack;
    uint32_t fresh;  // innermost frames entered since the last byte
  };
  struct Key {
    uint32_t a, b, c, d;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const { return mix(mix(uint64_t{k.a} << 32 | k.b, k.c), k.d); }
  };

  uint32_t push(uint32_t state, uint32_t count, uint32_t parent);
  void add(uint32_t state, uint32_t stack, uint32_t fresh);
  void enter_repeat(uint32_t state, uint32_t count, uint32_t stack, uint32_t fresh);
  void leave(const Item& item);
  uint32_t close();  // situation reached from the items added
  uint32_t intern(Situation situation);
  uint32_t canonical_count(const Frame& frame) const;
  uint32_t resume(const Frame& frame);  // the frame goes on above an unknown bottom
  uint32_t root_mask(uint32_t state);
  uint32_t text_mask(uint32_t state, uint32_t repeat, uint32_t count);
  uint32_t below(uint32_t mask, const Frame& frame);
  void walk(uint32_t node, uint32_t situation, std::vector<int32_t>& tokens, std::vector<uint32_t>& exits);
  uint32_t keep(std::vector<int32_t> tokens, std::vector<uint32_t> exits);

  const Program& program_;
  const Trie& trie_;
  uint32_t start_ = 0;
  uint64_t work_ = 0;
  bool overflow_ = false;
  size_t held_ = 0;  // bytes, about
  std::vector<Frame> frames_;
  std::unordered_map<Key, uint32_t, KeyHash> frame_of_;
  std::vector<const Situation*> situations_;
  std::unordered_map<const Situation*, uint32_t, PlacesHash, PlacesEqual> situation_of_;
  std::deque<Situation> kept_;
  std::vector<uint32_t> moves_;  // [situation][class]
  std::deque<Mask> masks_;
  std::unordered_map<Key, uint32_t, KeyHash> mask_of_;
  // Scratch of close().
  std::vector<Item> items_;
  std::unordered_map<Key, bool, KeyHash> seen_;
  Situation found_;
  std::vector<uint32_t> path_;
};

class Tables {
 public:
  Tables(std::shared_ptr<const Program> program, std::shared_ptr<const Trie> trie, size_t cache_bytes)
      : program_(std::move(program)),
        trie_(std::move(trie)),
        cache_bytes_(cache_bytes),
        epoch_(std::make_shared<Epoch>(*program_, *trie_)) {}

  std::mutex& mutex() { return mutex_; }
  const Trie& trie() const { return *trie_; }
  // The epoch to use from now on (mutex held).
  const std::shared_ptr<Epoch>& current() {
    if (epoch_->bytes() > cache_bytes_) epoch_ = std::make_shared<Epoch>(*program_, *trie_);
    return epoch_;
  }
  size_t held() { return epoch_->bytes(); }

 private:
  std::shared_ptr<const Program> program_;
  std::shared_ptr<const Trie> trie_;
  size_t cache_bytes_;
  std::mutex mutex_;
  std::shared_ptr<Epoch> epoch_;
};

}  // namespace hearth::grammar
