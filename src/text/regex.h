// Regex: a pattern as tokenizer.json writes it (Oniguruma's dialect), compiled by PCRE2; and where it matches.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

// text[begin, end)
struct Span {
  size_t begin, end;
};

// A regex or a literal string. Immutable, shared by copies, safe among threads.
class Regex {
 public:
  static Result<Regex> compile(std::string_view pattern);
  static Regex literal(std::string_view text);

  // Every match from left to right, none overlapping another. `text` must be valid UTF-8. A pattern that exceeds the
  // limits of backtracking matches no further.
  std::vector<Span> find_all(std::string_view text) const;

  // Set for literals only.
  const std::string* literal_text() const { return code_ ? nullptr : &literal_; }

 private:
  struct Code;
  std::string literal_;
  std::shared_ptr<const Code> code_;
};

// The same pattern in PCRE2's dialect: classes of classes ([a[bc]], [a&&[^b]]), \h, \s and \w as Unicode defines them,
// {n,m}+ as a repeated group, scripts by their own name.
std::string pcre_dialect(std::string_view oniguruma);

}  // namespace hearth
