// Dates as text: strftime over UTC, with the C locale's names.
#include <chrono>

#include "text/jinja_builtins.h"

namespace hearth::jinja {
namespace {

constexpr std::string_view kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};

struct Moment {
  int64_t seconds;  // since 1970
  int64_t year;
  int month, day;  // 1..12, 1..31
  int hour, minute, second;
  int weekday;      // 0 is Sunday
  int day_of_year;  // 0..365
  int64_t iso_year;
  int iso_week;
};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

Moment moment_of(int64_t seconds) {
  namespace c = std::chrono;
  constexpr int64_t kDay = 86400;
  const int64_t days = floor_divide(seconds, kDay), rest = seconds - days * kDay;
  const c::sys_days date{c::days{days}};
  const c::year_month_day ymd{date};
  const auto year_start = c::sys_days{ymd.year() / c::January / 1};
  Moment now{};
  now.seconds = seconds;
  now.year = static_cast<int>(ymd.year());
  now.month = static_cast<int>(static_cast<unsigned>(ymd.month()));
  now.day = static_cast<int>(static_cast<unsigned>(ymd.day()));
  now.hour = static_cast<int>(rest / 3600);
  now.minute = static_cast<int>(rest / 60 % 60);
  now.second = static_cast<int>(rest % 60);
  now.weekday = static_cast<int>(c::weekday{date}.c_encoding());
  now.day_of_year = static_cast<int>((date - year_start).count());
  // A week belongs to the year of its Thursday.
  const auto thursday = date + c::days{4 - (now.weekday == 0 ? 7 : now.weekday)};
  const c::year_month_day thursday_ymd{thursday};
  now.iso_year = static_cast<int>(thursday_ymd.year());
  now.iso_week = static_cast<int>((thursday - c::sys_days{thursday_ymd.year() / c::January / 1}).count() / 7 + 1);
  return now;
}

struct Number {
  char code;
  int width;
  char fill;
  int64_t (*of)(const Moment&);
};

constexpr Number kNumbers[] = {
    {'d', 2, '0', [](const Moment& t) -> int64_t { return t.day; }},
    {'e', 2, ' ', [](const Moment& t) -> int64_t { return t.day; }},
    {'m', 2, '0', [](const Moment& t) -> int64_t { return t.month; }},
    {'y', 2, '0', [](const Moment& t) -> int64_t { return t.year % 100; }},
    {'Y', 1, '0', [](const Moment& t) -> int64_t { return t.year; }},
    {'C', 2, '0', [](const Moment& t) -> int64_t { return t.year / 100; }},
    {'G', 4, '0', [](const Moment& t) -> int64_t { return t.iso_year; }},
    {'g', 2, '0', [](const Moment& t) -> int64_t { return t.iso_year % 100; }},
    {'V', 2, '0', [](const Moment& t) -> int64_t { return t.iso_week; }},
    {'H', 2, '0', [](const Moment& t) -> int64_t { return t.hour; }},
    {'k', 2, ' ', [](const Moment& t) -> int64_t { return t.hour; }},
    {'I', 2, '0', [](const Moment& t) -> int64_t { return (t.hour + 11) % 12 + 1; }},
    {'l', 2, ' ', [](const Moment& t) -> int64_t { return (t.hour + 11) % 12 + 1; }},
    {'M', 2, '0', [](const Moment& t) -> int64_t { return t.minute; }},
    {'S', 2, '0', [](const Moment& t) -> int64_t { return t.second; }},
    {'j', 3, '0', [](const Moment& t) -> int64_t { return t.day_of_year + 1; }},
    {'U', 2, '0', [](const Moment& t) -> int64_t { return (t.day_of_year + 7 - t.weekday) / 7; }},
    {'W', 2, '0', [](const Moment& t) -> int64_t { return (t.day_of_year + 7 - (t.weekday + 6) % 7) / 7; }},
    {'w', 1, '0', [](const Moment& t) -> int64_t { return t.weekday; }},
    {'u', 1, '0', [](const Moment& t) -> int64_t { return t.weekday == 0 ? 7 : t.weekday; }},
    {'s', 1, '0', [](const Moment& t) -> int64_t { return t.seconds; }},
    {'f', 6, '0', [](const Moment&) -> int64_t { return 0; }},
};

struct Word {
  char code;
  std::string (*of)(const Moment&);
};

std::string short_of(std::string_view name) { return std::string(name.substr(0, 3)); }

constexpr Word kWords[] = {
    {'a', [](const Moment& t) { return short_of(kDays[t.weekday]); }},
    {'A', [](const Moment& t) { return std::string(kDays[t.weekday]); }},
    {'b', [](const Moment& t) { return short_of(kMonths[t.month - 1]); }},
    {'h', [](const Moment& t) { return short_of(kMonths[t.month - 1]); }},
    {'B', [](const Moment& t) { return std::string(kMonths[t.month - 1]); }},
    {'p', [](const Moment& t) { return std::string(t.hour < 12 ? "AM" : "PM"); }},
    {'P', [](const Moment& t) { return std::string(t.hour < 12 ? "am" : "pm"); }},
    {'z', [](const Moment&) { return std::string(); }},
    {'Z', [](const Moment&) { return std::string(); }},
    {'n', [](const Moment&) { return std::string("\n"); }},
    {'t', [](const Moment&) { return std::string("\t"); }},
    {'%', [](const Moment&) { return std::string("%"); }},
};

struct Shorthand {
  char code;
  std::string_view pattern;
};
constexpr Shorthand kShorthands[] = {{'c', "%a %b %e %H:%M:%S %Y"},
                                     {'x', "%m/%d/%y"},
                                     {'X', "%H:%M:%S"},
                                     {'D', "%m/%d/%y"},
                                     {'F', "%Y-%m-%d"},
                                     {'T', "%H:%M:%S"},
                                     {'R', "%H:%M"},
                                     {'r', "%I:%M:%S %p"}};

// '-' no padding, '_' spaces, '0' zeros, '^' upper case.
std::string pad(int64_t number, int width, char fill, char flag) {
  if (flag == '-') width = 1;
  if (flag == '_') fill = ' ';
  if (flag == '0') fill = '0';
  std::string digits = std::to_string(number);
  if (static_cast<int>(digits.size()) < width) digits.insert(0, static_cast<size_t>(width) - digits.size(), fill);
  return digits;
}

void append_time(std::string& out, std::string_view pattern, const Moment& now);

// One code with its flag; an unknown one stays as written.
void append_code(std::string& out, std::string_view written, char code, char flag, const Moment& now) {
  for (const Number& one : kNumbers)
    if (one.code == code) return void(out += pad(one.of(now), one.width, one.fill, flag));
  for (const Shorthand& one : kShorthands)
    if (one.code == code) return append_time(out, one.pattern, now);
  for (const Word& one : kWords) {
    if (one.code != code) continue;
    std::string word = one.of(now);
    if (flag == '^')
      for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    out += word;
    return;
  }
  out += written;
}

void append_time(std::string& out, std::string_view pattern, const Moment& now) {
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      out += pattern[i];
      continue;
    }
    const size_t begin = i++;
    const char flag = std::string_view("-_0^").find(pattern[i]) != std::string_view::npos ? pattern[i] : '\0';
    if (flag && i + 1 < pattern.size()) ++i;
    append_code(out, pattern.substr(begin, i + 1 - begin), pattern[i], flag, now);
  }
}

}  // namespace

Result<std::string> format_time(std::string_view pattern, int64_t now) {
  constexpr int64_t kFirst = -62135596800, kLast = 253402300799;  // years 1 to 9999
  if (now < kFirst || now > kLast) return error("strftime_now: got the time {}, want one of the years 1 to 9999", now);
  std::string out;
  append_time(out, pattern, moment_of(now));
  return out;
}

}  // namespace hearth::jinja
