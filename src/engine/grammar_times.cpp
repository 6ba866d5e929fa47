// Numbers of repetitions, read.
#include "engine/grammar_times.h"

namespace hearth::grammar {
namespace {

constexpr uint32_t kMaxTimes = 1'000'000;

// 0, which is none of what it is compared with, at the end.
uint32_t peek(std::span<const uint32_t> text, size_t at) { return at < text.size() ? text[at] : 0; }

Result<uint32_t> read_number(std::span<const uint32_t> text, size_t& at) {
  uint64_t value = 0;
  const size_t from = at;
  for (; peek(text, at) >= '0' && peek(text, at) <= '9' && value <= kMaxTimes; ++at)
    value = value * 10 + (text[at] - '0');
  if (at == from || value > kMaxTimes) return error("expected a number of repetitions up to {}", kMaxTimes);
  return static_cast<uint32_t>(value);
}

}  // namespace

Result<Times> read_times(std::span<const uint32_t> text, size_t& at) {
  Times times;
  TRY(times.min, read_number(text, at));
  times.max = times.min;
  if (peek(text, at) == ',') {
    times.max = kNoLimit;
    if (peek(text, ++at) != '}') {
      TRY(times.max, read_number(text, at));
    }
  }
  if (peek(text, at) != '}') return error("expected '}}' after a number of repetitions");
  ++at;
  if (times.max < times.min) return error("got {{{},{}}}, want the smaller number first", times.min, times.max);
  return times;
}

}  // namespace hearth::grammar
