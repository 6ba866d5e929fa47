// Follows JSON byte by byte.
#include "text/tool_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"

namespace hearth {
namespace {

constexpr size_t kMaxDepth = 200;
constexpr size_t kMaxKey = 64, kMaxHeld = size_t{1} << 20;

bool is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }
bool is_hex(char byte) { return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'); }

}  // namespace

Progress JsonScanner::value_ended() {
  state_ = stack_.empty() ? State::ended : State::after_value;
  return stack_.empty() ? Progress::done : Progress::more;
}

Progress JsonScanner::begin_value(char byte) {
  switch (byte) {
    case '{':
    case '[':
      if (stack_.size() >= kMaxDepth) return Progress::failed;
      stack_ += byte;
      state_ = byte == '{' ? State::first_key : State::first_item;
      return Progress::more;
    case '"':
      state_ = State::string;
      string_is_key_ = false;
      return Progress::more;
    case 't':
    case 'f':
    case 'n':
      word_ = byte == 't' ? "rue" : byte == 'f' ? "alse" : "ull";
      state_ = State::word;
      return Progress::more;
    default:
      if (byte != '-' && !is_digit(byte)) return Progress::failed;
      number_ = byte == '-' ? Number::sign : byte == '0' ? Number::zero : Number::integer;
      state_ = State::number;
      return Progress::more;
  }
}

bool JsonScanner::number_may_end() const {
  return state_ == State::number && (number_ == Number::zero || number_ == Number::integer ||
                                     number_ == Number::fraction || number_ == Number::exponent_digits);
}

Progress JsonScanner::take_number(char byte) {
  const bool digit = is_digit(byte), exponent = byte == 'e' || byte == 'E';
  const auto go = [&](Number next) {
    number_ = next;
    return Progress::more;
  };
  switch (number_) {
    case Number::sign:
      if (digit) return go(byte == '0' ? Number::zero : Number::integer);
      break;
    case Number::integer:
      if (digit) return Progress::more;
      [[fallthrough]];
    case Number::zero:
      if (byte == '.') return go(Number::dot);
      if (exponent) return go(Number::exponent);
      break;
    case Number::dot:
    case Number::fraction:
      if (digit) return go(Number::fraction);
      if (exponent && number_ == Number::fraction) return go(Number::exponent);
      break;
    case Number::exponent:
      if (byte == '+' || byte == '-') return go(Number::exponent_sign);
      [[fallthrough]];
    case Number::exponent_sign:
    case Number::exponent_digits:
      if (digit) return go(Number::exponent_digits);
      break;
  }
  if (!number_may_end() || stack_.empty()) return Progress::failed;
  state_ = State::after_value;
  return take_after_value(byte);
}

Progress JsonScanner::take_within_string(char byte) {
  if (state_ == State::hex) {
    if (!is_hex(byte)) return Progress::failed;
    if (--hex_left_ == 0) state_ = State::string;
    return Progress::more;
  }
  if (state_ == State::escape) {
    if (std::string_view("\"\\/bfnrtu").find(byte) == std::string_view::npos) return Progress::failed;
    hex_left_ = 4;
    state_ = byte == 'u' ? State::hex : State::string;
    return Progress::more;
  }
  if (byte == '\\') state_ = State::escape;
  if (byte != '"') return Progress::more;
  if (!string_is_key_) return value_ended();
  state_ = State::colon;
  return Progress::more;
}

Progress JsonScanner::take_after_value(char byte) {
  if (is_space(byte)) return Progress::more;
  const char open = stack_.back();
  if (byte == ',') {
    state_ = open == '{' ? State::key : State::value;
    return Progress::more;
  }
  if (byte != (open == '{' ? '}' : ']')) return Progress::failed;
  stack_.pop_back();
  return value_ended();
}

Progress JsonScanner::take(char byte) {
  switch (state_) {
    case State::string:
    case State::escape:
    case State::hex:
      return take_within_string(byte);
    case State::number:
      return take_number(byte);
    case State::word:
      if (byte != word_.front()) return Progress::failed;
      word_.remove_prefix(1);
      return word_.empty() ? value_ended() : Progress::more;
    case State::after_value:
      return take_after_value(byte);
    case State::ended:
      return Progress::failed;
    default:
      break;
  }
  if (is_space(byte)) return Progress::more;
  switch (state_) {
    case State::first_key:
      if (byte == '}') return take_after_value(byte);
      [[fallthrough]];
    case State::key:
      if (byte != '"') return Progress::failed;
      state_ = State::string;
      string_is_key_ = true;
      return Progress::more;
    case State::colon:
      if (byte != ':') return Progress::failed;
      state_ = State::value;
      return Progress::more;
    case State::first_item:
      if (byte == ']') return take_after_value(byte);
      [[fallthrough]];
    default:
      return begin_value(byte);
  }
}

void append_json_byte(std::string& to, char byte, const JsonScanner& before) {
  if (static_cast<unsigned char>(byte) >= 0x20 || !before.in_string())
    to += byte;
  else if (byte == '\n')
    to += "\\n";
  else if (byte == '\t')
    to += "\\t";
  else
    to += fmt::format("\\u{:04x}", static_cast<unsigned>(byte));
}

Progress ArgumentsPart::take(char byte, CallSink& sink) {
  if (!is_open_) {
    if (is_space(byte)) return Progress::more;
    if (byte != '{') return Progress::failed;
    is_open_ = true;
    sink.begin_call(name_);
  }
  std::string text;
  append_json_byte(text, byte, scanner_);
  const Progress progress = scanner_.take(byte);
  if (progress == Progress::failed) return progress;
  sink.arguments(text);
  if (progress == Progress::done) sink.end_call();
  return progress;
}

Progress CallObjectPart::take(char byte, CallSink& sink) {
  switch (at_) {
    case At::in_key:
      if (byte == '"') {
        at_ = At::colon;
        return Progress::more;
      }
      if (key_.size() >= kMaxKey || byte == '\\') return Progress::failed;
      key_ += byte;
      return Progress::more;
    case At::in_name:
      return take_name(byte, sink);
    case At::in_arguments:
      return take_arguments(byte, sink);
    case At::in_other:
      return take_other(byte, sink);
    default:
      break;
  }
  if (is_space(byte)) return Progress::more;
  switch (at_) {
    case At::open:
      at_ = At::first_key;
      return byte == '{' ? Progress::more : Progress::failed;
    case At::colon:
      at_ = At::value;
      return byte == ':' ? Progress::more : Progress::failed;
    case At::value:
      return take_value(byte, sink);
    case At::after_value:
      return take_after_value(byte, sink);
    case At::first_key:
    case At::key:
    default:
      at_ = At::in_key;
      key_.clear();
      return byte == '"' ? Progress::more : Progress::failed;
  }
}

// Which keys say what. A key that is none of these ends the hope that this is a call, unless the call is told already.
Progress CallObjectPart::take_value(char byte, CallSink& sink) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> keys) {
    return std::find(keys.begin(), keys.end(), key_) != keys.end();
  };
  scanner_ = JsonScanner();
  if (key_ == "function" && byte == '{' && nested_ == 0 && !is_told_) {
    nested_ = 1;
    at_ = At::first_key;
    return Progress::more;
  }
  if (!has_name_ && byte == '"' && is_one_of({"name", "function", "tool_name", "tool"})) {
    at_ = At::in_name;
    return Progress::more;
  }
  if (!has_arguments_ && is_one_of({"arguments", "parameters", "args"})) {
    if (byte != '{' && byte != '"' && byte != 'n') return Progress::failed;
    at_ = At::in_arguments;
    streams_ = byte == '{' && has_name_;
    if (streams_) {
      is_told_ = true;
      sink.begin_call(name_);
    }
    return take_arguments(byte, sink);
  }
  if (!is_told_ && !is_one_of({"id", "type", "tool_call_id", "call_id", "index"})) return Progress::failed;
  at_ = At::in_other;
  return take_other(byte, sink);
}

Progress CallObjectPart::take_name(char byte, CallSink& sink) {
  if (byte == '"') {
    if (!sink.is_offered(name_)) return Progress::failed;
    has_name_ = true;
    at_ = At::after_value;
    if (has_arguments_) tell_held(sink);
    return Progress::more;
  }
  name_ += byte;
  return sink.is_start_of_offered(name_) ? Progress::more : Progress::failed;
}

Progress CallObjectPart::take_arguments(char byte, CallSink& sink) {
  std::string text;
  append_json_byte(text, byte, scanner_);
  const Progress progress = scanner_.take(byte);
  if (progress == Progress::failed) return progress;
  if (streams_) sink.arguments(text);
  if (!streams_) held_ += text;
  if (held_.size() > kMaxHeld) return Progress::failed;
  if (progress == Progress::more) return progress;
  return arguments_ended(sink);
}

Progress CallObjectPart::arguments_ended(CallSink& sink) {
  has_arguments_ = true;
  at_ = At::after_value;
  if (streams_) {
    sink.end_call();
    return Progress::more;
  }
  // Some models write the arguments as the text of JSON, as the API does.
  if (held_[0] == 'n') held_ = "{}";
  if (held_[0] == '"') {
    const auto decoded = parse_json(held_, "call");
    if (!decoded || !decoded->is_string()) return Progress::failed;
    std::string inner = decoded->get<std::string>();
    const auto object = parse_json(inner, "call");
    if (!object || !object->is_object()) return Progress::failed;
    held_ = std::move(inner);
  }
  if (has_name_) tell_held(sink);
  return Progress::more;
}

void CallObjectPart::tell_held(CallSink& sink) {
  is_told_ = true;
  sink.begin_call(name_);
  sink.arguments(held_);
  sink.end_call();
  held_.clear();
}

Progress CallObjectPart::take_other(char byte, CallSink& sink) {
  const Progress progress = scanner_.take(byte);
  if (progress == Progress::done) {
    at_ = At::after_value;
    return Progress::more;
  }
  if (progress == Progress::more || !scanner_.is_whole()) return progress;
  at_ = At::after_value;  // a number: the byte is the next one's
  return take(byte, sink);
}

Progress CallObjectPart::take_after_value(char byte, CallSink& sink) {
  if (byte == ',') {
    at_ = At::key;
    return Progress::more;
  }
  if (byte != '}') return Progress::failed;
  if (nested_ > 0) {
    nested_ = 0;
    return Progress::more;
  }
  if (!is_told_) {
    if (!has_name_) return Progress::failed;
    held_ = "{}";
    tell_held(sink);
  }
  return Progress::done;
}

}  // namespace hearth
