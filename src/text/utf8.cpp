// UTF-8 text: code points, repair, and character classes by utf8proc's Unicode tables.
#include "text/utf8.h"

#include <utf8proc.h>

#include <array>

namespace hearth {

size_t char_bytes(unsigned char lead) {
  if (lead < 0xC2) return 1;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 1;
}

char32_t next_char(std::string_view text, size_t& at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(at);
  size_t size = char_bytes(lead);
  if (at + size > text.size()) size = 1;
  char32_t c = size == 1 ? lead : lead & (0xFF >> (size + 1));
  for (size_t i = 1; i < size; ++i) c = c << 6 | (byte(at + i) & 0x3F);
  at += size;
  return c;
}

void append_char(std::string& text, char32_t c) {
  auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

namespace {

struct Sequence {
  size_t bytes;
  enum { good, bad, cut } state;
};

// The character, the maximal bad sequence, or the cut-off character at the front of `bytes`.
Sequence front_sequence(std::string_view bytes) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  unsigned char lead = byte(0);
  if (lead < 0x80) return {1, Sequence::good};
  size_t size = char_bytes(lead);
  if (size == 1) return {1, Sequence::bad};
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (size_t i = 1; i < size; ++i) {
    if (i == bytes.size()) return {i, Sequence::cut};
    if (byte(i) < low || byte(i) > high) return {i, Sequence::bad};
    low = 0x80;
    high = 0xBF;
  }
  return {size, Sequence::good};
}

}  // namespace

size_t repair_utf8(std::string_view bytes, More more, std::string& out) {
  size_t at = 0;
  while (at < bytes.size()) {
    Sequence front = front_sequence(bytes.substr(at));
    if (front.state == Sequence::cut && more == More::may_come) break;
    if (front.state == Sequence::good) {
      out.append(bytes.substr(at, front.bytes));
    } else {
      out.append("\xEF\xBF\xBD");
    }
    at += front.bytes;
  }
  return at;
}

std::string repaired_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  repair_utf8(bytes, More::never, out);
  return out;
}

namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool within(char32_t c, char32_t low, char32_t high) { return c >= low && c <= high; }

struct ByteChars {
  std::array<char32_t, 256> chars;
  std::array<int16_t, 0x200> bytes;
};

// Printable Latin-1 stands for itself; the rest is moved to U+0100 and up, in order.
constexpr ByteChars make_byte_chars() {
  ByteChars table{};
  table.bytes.fill(-1);
  char32_t moved = 0x100;
  for (int b = 0; b < 256; ++b) {
    bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    char32_t c = printable ? static_cast<char32_t>(b) : moved++;
    table.chars[b] = c;
    table.bytes[c] = static_cast<int16_t>(b);
  }
  return table;
}

constexpr ByteChars kByteChars = make_byte_chars();

}  // namespace

char32_t char_of_byte(uint8_t byte) { return kByteChars.chars[byte]; }
int byte_of_char(char32_t c) { return c < kByteChars.bytes.size() ? kByteChars.bytes[c] : -1; }

bool is_space(char32_t c) {
  if (c < 0x80) return c == ' ' || within(c, 9, 13);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || within(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_numeric(char32_t c) { return within(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); }

bool is_punctuation(char32_t c) {
  if (within(c, 0x21, 0x2F) || within(c, 0x3A, 0x40) || within(c, 0x5B, 0x60) || within(c, 0x7B, 0x7E)) return true;
  return within(category(c), UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO);
}

bool is_mark(char32_t c) { return within(category(c), UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_ME); }
bool is_nonspacing(char32_t c) { return category(c) == UTF8PROC_CATEGORY_MN; }

bool is_control(char32_t c) {
  utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_CN || within(kind, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}

bool is_word(char32_t c) {
  utf8proc_category_t kind = category(c);
  if (within(kind, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_NL) || kind == UTF8PROC_CATEGORY_PC) return true;
  bool circled_letter = within(c, 0x24B6, 0x24E9) || within(c, 0x1F130, 0x1F149) || within(c, 0x1F150, 0x1F169) ||
                        within(c, 0x1F170, 0x1F189);
  return circled_letter || c == 0x200C || c == 0x200D;
}

}  // namespace hearth
