// Regex: compiling and matching by PCRE2 (JIT where there is one) under limits of backtracking and memory.
#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "text/utf8.h"

namespace hearth {

namespace {

// A run of 1 MB of spaces backtracks a million steps; catastrophic patterns end here.
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kHeapKilobytes = 256 * 1024;

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T* thing) const {
    free_it(thing);
  }
};

using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data_free>>;

}  // namespace

struct Regex::Code {
  std::unique_ptr<pcre2_code, Free<pcre2_code_free>> code;
  std::unique_ptr<pcre2_match_context, Free<pcre2_match_context_free>> limits;
};

Result<Regex> Regex::compile(std::string_view pattern) {
  if (!is_utf8(pattern)) return error("regex: the pattern is no valid UTF-8");
  std::string dialect = pcre_dialect(pattern);
  std::unique_ptr<pcre2_compile_context, Free<pcre2_compile_context_free>> context(
      pcre2_compile_context_create(nullptr));
  if (!context) return error("regex: out of memory");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 200);
  pcre2_set_max_pattern_length(context.get(), 1 << 20);
  int code = 0;
  PCRE2_SIZE offset = 0;
  auto built = std::make_shared<Code>();
  constexpr uint32_t kOptions = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
  built->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(dialect.data()), dialect.size(), kOptions, &code, &offset,
                                  context.get()));
  if (!built->code) {
    unsigned char why[160] = "";
    pcre2_get_error_message(code, why, sizeof why);
    return error("regex: '{}': {}", pattern.substr(0, 200), reinterpret_cast<const char*>(why));
  }
  pcre2_jit_compile(built->code.get(), PCRE2_JIT_COMPLETE);    // without a JIT the interpreter matches the same
  built->limits.reset(pcre2_match_context_create(nullptr));
  if (!built->limits) return error("regex: out of memory");
  pcre2_set_match_limit(built->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(built->limits.get(), kHeapKilobytes);
  Regex regex;
  regex.code_ = std::move(built);
  return regex;
}

Regex Regex::literal(std::string_view text) {
  Regex regex;
  regex.literal_ = text;
  return regex;
}

namespace {

std::vector<Span> find_literal(std::string_view text, std::string_view wanted) {
  std::vector<Span> spans;
  if (wanted.empty()) return spans;
  for (size_t at = text.find(wanted); at != text.npos; at = text.find(wanted, at + wanted.size())) {
    spans.push_back({at, at + wanted.size()});
  }
  return spans;
}

}  // namespace

std::vector<Span> Regex::find_all(std::string_view text) const {
  if (!code_) return find_literal(text, literal_);
  std::vector<Span> spans;
  MatchData match(pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
  if (!match) return spans;
  const PCRE2_SIZE* found = pcre2_get_ovector_pointer(match.get());
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (size_t at = 0; at <= text.size();) {
    // NO_UTF_CHECK: a check walks the whole text at every call
    int rc = pcre2_match(code_->code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, match.get(),
                         code_->limits.get());
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
      rc = pcre2_match(code_->code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, match.get(),
                       code_->limits.get());
    }
    if (rc < 0) break;
    Span span{found[0], found[1]};
    if (span.end < span.begin || span.begin < at) break;      // \K can place a match before its start
    bool empty_again = span.begin == span.end && !spans.empty() && spans.back().end == span.end;
    if (!empty_again) {
      spans.push_back(span);
      at = span.end;
      continue;
    }
    at = at < text.size() ? at + char_bytes(static_cast<unsigned char>(text[at])) : text.size() + 1;
  }
  return spans;
}

}  // namespace hearth
