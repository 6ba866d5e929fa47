// Builds the digit automaton of a range of numbers: one part for each sign, each follows both bounds digit by digit.
#include "engine/grammar_number.h"

#include <algorithm>
#include <array>
#include <map>

#include "engine/regex_grammar.h"

namespace hearth::grammar {
namespace {

constexpr size_t kMaxNodes = 60'000, kMaxDigits = 400;
constexpr int kDoubleDigits = 15, kLongDigits = 18;

// Where the digits so far stand against the same number of a bound's digits.
enum Order : int { less = -1, same = 0, greater = 1 };

struct At {
  bool fraction = false;
  int digits = 0;        // of the part we are in
  int whole_digits = 0;  // once in the fraction
  bool zero = false;     // the whole part is "0"
  Order low = same, high = same;
  uint32_t rest = 0;  // modulo the multiple
  auto operator<=>(const At&) const = default;
};

// Magnitudes from low to high.
struct Limits {
  std::optional<Bound> low, high;
  bool integer = false;
  uint32_t multiple = 0;  // of 10^-scale; 0: any
  int scale = 0;
};

class Magnitude {
 public:
  Magnitude(const Limits& limits, Network& out) : limits_(limits), out_(out) {
    max_whole_ = limits.high ? static_cast<int>(std::max<size_t>(limits.high->value.whole.size(), 1))
                 : limits.integer && limits.multiple == 0 ? kLongDigits
                                                          : kDoubleDigits;
    if (limits.low && !limits.high)
      max_whole_ = std::max(max_whole_, static_cast<int>(limits.low->value.whole.size()) + 1);
  }

  // Adds its nodes; returns the first one's number, or nothing if they are too many.
  std::optional<uint32_t> build() {
    const uint32_t start = find(At{});
    for (size_t i = 0; i < queue_.size(); ++i) {
      if (out_.nodes.size() > kMaxNodes) return std::nullopt;
      expand(queue_[i].first, queue_[i].second);
    }
    return start;
  }

 private:
  uint32_t find(const At& at) {
    const auto [found, fresh] = index_.try_emplace(at, static_cast<uint32_t>(out_.nodes.size()));
    if (fresh) {
      out_.nodes.emplace_back();
      out_.nodes.back().accepts = accepts(at);
      queue_.emplace_back(at, found->second);
    }
    return found->second;
  }

  static Order compare(char a, char b) { return a < b ? less : a > b ? greater : same; }

  // The whole part is done: how it stands against a bound's whole part.
  static Order whole_order(const At& at, const Decimal& bound, Order so_far) {
    const int have = at.zero ? 0 : at.digits, want = static_cast<int>(bound.whole.size());
    return have < want ? less : have > want ? greater : so_far;
  }

  static bool rest_is_zero(const Decimal& bound, const At& at) {
    return !at.fraction ? bound.fraction.empty() : static_cast<size_t>(at.digits) >= bound.fraction.size();
  }

  bool accepts(const At& at) const {
    if (at.digits == 0) return false;
    const Order low = limits_.low ? (at.fraction ? at.low : whole_order(at, limits_.low->value, at.low)) : greater;
    const Order high = limits_.high ? (at.fraction ? at.high : whole_order(at, limits_.high->value, at.high)) : less;
    if (low == less || high == greater) return false;
    if (low == same && (!rest_is_zero(limits_.low->value, at) || limits_.low->exclusive)) return false;
    if (high == same && rest_is_zero(limits_.high->value, at) && limits_.high->exclusive) return false;
    if (limits_.multiple == 0) return true;
    uint64_t rest = at.rest;
    for (int i = at.fraction ? at.digits : 0; i < limits_.scale; ++i) rest = rest * 10 % limits_.multiple;
    return rest == 0;
  }

  int fraction_limit(const At& at) const {
    if (limits_.multiple > 0) return limits_.scale;
    size_t least = 1;
    if (limits_.low) least = std::max(least, limits_.low->value.fraction.size() + 1);
    if (limits_.high) least = std::max(least, limits_.high->value.fraction.size() + 1);
    return std::max(static_cast<int>(least), kDoubleDigits - at.whole_digits);
  }

  std::optional<At> after_digit(const At& at, int digit) const {
    const char c = static_cast<char>('0' + digit);
    At next = at;
    next.digits += 1;
    if (limits_.multiple > 0) next.rest = static_cast<uint32_t>((uint64_t{at.rest} * 10 + digit) % limits_.multiple);
    const auto follow = [&](const std::optional<Bound>& bound, Order& order) {
      if (!bound) return;
      const std::string& digits = at.fraction ? bound->value.fraction : bound->value.whole;
      const auto i = static_cast<size_t>(at.digits);
      if (order == same) order = i < digits.size() ? compare(c, digits[i]) : at.fraction ? compare(c, '0') : greater;
    };
    if (!at.fraction && at.digits == 0 && digit == 0) {
      next.zero = true;
      return next;
    }
    follow(limits_.low, next.low);
    follow(limits_.high, next.high);
    if (at.fraction && (next.low == less || next.high == greater)) {
      if (limits_.low && next.low == less) return std::nullopt;
      if (limits_.high && next.high == greater) return std::nullopt;
    }
    return next;
  }

  // The point: from here on only the order against whole bounds matters.
  std::optional<At> after_point(const At& at) const {
    At next = at;
    next.fraction = true;
    next.whole_digits = at.zero ? 0 : at.digits;
    next.digits = 0;
    next.zero = false;
    next.low = limits_.low ? whole_order(at, limits_.low->value, at.low) : same;
    next.high = limits_.high ? whole_order(at, limits_.high->value, at.high) : same;
    if ((limits_.low && next.low == less) || (limits_.high && next.high == greater)) return std::nullopt;
    return next;
  }

  void expand(const At at, uint32_t node) {
    std::vector<std::pair<uint32_t, std::vector<CharRange>>> by_target;
    const bool room = at.fraction ? at.digits < fraction_limit(at) : !at.zero && at.digits < max_whole_;
    for (int digit = 0; room && digit < 10; ++digit) {
      const std::optional<At> next = after_digit(at, digit);
      if (!next) continue;
      const uint32_t target = find(*next), c = '0' + static_cast<uint32_t>(digit);
      if (by_target.empty() || by_target.back().first != target)
        by_target.emplace_back(target, std::vector<CharRange>{});
      by_target.back().second.push_back({c, c});
    }
    for (auto& [target, ranges] : by_target)
      out_.nodes[node].edges.push_back({chars(make_set(std::move(ranges))), target});
    if (at.fraction || at.digits == 0 || limits_.integer) return;
    if (limits_.multiple > 0 && limits_.scale == 0) return;
    if (const std::optional<At> next = after_point(at)) {
      const uint32_t target = find(*next);
      out_.nodes[node].edges.push_back({literal("."), target});
    }
  }

  const Limits& limits_;
  Network& out_;
  int max_whole_;
  std::map<At, uint32_t> index_;
  std::vector<std::pair<At, uint32_t>> queue_;
};

Decimal without_sign(Decimal value) {
  value.negative = false;
  return value;
}

// The magnitudes of the numbers of one sign within `range`; nothing if there are none. Zero is not negative.
std::optional<Limits> one_sign(const NumberRange& range, bool negative) {
  Limits limits;
  limits.integer = range.integer;
  const std::optional<Bound>& inner = negative ? range.high : range.low;
  const std::optional<Bound>& outer = negative ? range.low : range.high;
  const auto on_side = [&](const Decimal& value) { return value.is_zero() || value.negative == negative; };
  if (outer) {
    if (!on_side(outer->value)) return std::nullopt;
    limits.high = Bound{without_sign(outer->value), outer->exclusive};
  }
  if (inner && on_side(inner->value)) limits.low = Bound{without_sign(inner->value), inner->exclusive};
  if (negative && (!limits.low || limits.low->value.is_zero())) limits.low = Bound{Decimal{}, true};
  return limits;
}

}  // namespace

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal value;
  size_t at = 0;
  value.negative = !text.empty() && text[0] == '-';
  if (value.negative) ++at;
  std::string digits;
  long point = -1, exponent = 0;
  for (; at < text.size() && text[at] != 'e' && text[at] != 'E'; ++at) {
    if (text[at] == '.')
      point = static_cast<long>(digits.size());
    else
      digits += text[at];
  }
  if (at < text.size()) {
    bool minus = false;
    for (++at; at < text.size(); ++at) {
      if (text[at] == '-') minus = true;
      if (text[at] >= '0' && text[at] <= '9' && exponent < 100'000) exponent = exponent * 10 + (text[at] - '0');
    }
    if (minus) exponent = -exponent;
  }
  point = (point < 0 ? static_cast<long>(digits.size()) : point) + exponent;
  if (digits.size() > kMaxDigits || point > static_cast<long>(kMaxDigits) || point < -static_cast<long>(kMaxDigits))
    return std::nullopt;
  if (point < 0) digits.insert(0, static_cast<size_t>(-point), '0'), point = 0;
  if (point > static_cast<long>(digits.size())) digits.append(static_cast<size_t>(point) - digits.size(), '0');
  value.whole = digits.substr(0, static_cast<size_t>(point));
  value.fraction = digits.substr(static_cast<size_t>(point));
  value.whole.erase(0, std::min(value.whole.find_first_not_of('0'), value.whole.size()));
  value.fraction.erase(value.fraction.find_last_not_of('0') + 1);
  if (value.is_zero()) value.negative = false;
  return value;
}

Result<ExprPtr> number_expr(const NumberRange& range, std::string_view who) {
  if (!range.low && !range.high && !range.multiple)
    return whole_regex(
        range.integer ? "-?[1-9][0-9]{0,17}|0" : "-?(?:0|[1-9][0-9]{0,14})(?:\\.[0-9]{1,17})?(?:[eE][+-]?[0-9]{1,2})?",
        who);
  uint32_t multiple = 0;
  if (range.multiple) {
    const std::string digits = range.multiple->whole + range.multiple->fraction;
    const size_t first = digits.find_first_not_of('0');
    if (range.multiple->negative || first == std::string::npos || digits.size() - first > 5 ||
        range.multiple->fraction.size() > 12)
      return error("{}: 'multipleOf': want a number above 0 with at most 5 digits and 12 decimals", who);
    multiple = static_cast<uint32_t>(std::stoul(digits.substr(first)));
  }
  Network numbers;
  numbers.nodes.emplace_back();
  for (const bool negative : {false, true}) {
    std::optional<Limits> limits = one_sign(range, negative);
    if (!limits) continue;
    limits->multiple = multiple;
    limits->scale = range.multiple ? static_cast<int>(range.multiple->fraction.size()) : 0;
    const std::optional<uint32_t> start = Magnitude(*limits, numbers).build();
    if (!start) return error("{}: 'multipleOf' with these bounds needs too many states", who);
    numbers.nodes[0].edges.push_back({negative ? literal("-") : nullptr, *start});
  }
  return network(std::move(numbers));
}

}  // namespace hearth::grammar
