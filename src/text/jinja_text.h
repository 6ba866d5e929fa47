// Text as Python sees it: code points, white space, case and quoting, over UTF-8.
//
// A byte that is no UTF-8 counts as one code point (U+FFFD when asked for its class) and is copied as it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::jinja {

// The code point at `at`; moves `at` past it.
int32_t next_code_point(std::string_view text, size_t& at);
void append_code_point(std::string& out, int32_t code_point);
int64_t count_code_points(std::string_view text);
std::vector<std::string_view> split_code_points(std::string_view text);  // one view a code point

bool is_space(int32_t code_point);  // str.isspace and \s
bool is_word(int32_t code_point);   // \w
bool is_alpha(int32_t code_point);
bool is_decimal(int32_t code_point);
bool is_digit(int32_t code_point);
bool is_numeric(int32_t code_point);
bool is_upper(int32_t code_point);  // cased and upper
bool is_lower(int32_t code_point);
bool is_title(int32_t code_point);
bool is_printable(int32_t code_point);

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);  // with the final sigma
std::string to_casefold(std::string_view text);
std::string to_capitalized(std::string_view text);  // first code point in title case, the rest lower
std::string to_titled(std::string_view text);       // str.title: each run of cased letters
std::string swap_case(std::string_view text);

enum class Side : uint8_t { left, right, both };
// Without `characters`: white space. With: any of its code points.
std::string_view strip(std::string_view text, Side side = Side::both);
std::string_view strip_of(std::string_view text, std::string_view characters, Side side = Side::both);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends = false);

std::string quote(std::string_view text);                        // repr: 'it\'s' -> "it's"
std::string quote_json(std::string_view text, bool ascii_only);  // json.dumps
std::string print_real(double value);                            // repr of a float
std::optional<double> parse_real(std::string_view text);         // float("1e5"), float("inf"); all of the text
std::string escape_html(std::string_view text);

}  // namespace hearth::jinja
