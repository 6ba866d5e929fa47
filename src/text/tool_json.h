// A call as JSON, read byte by byte: is it a value, whose call is it, and which bytes are its arguments.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth {

enum class Progress {
  more,    // the byte was taken
  done,    // the byte was taken and was the last
  failed,  // the byte was not taken: it does not belong here
};

// Where the pieces of a call go.
class CallSink {
 public:
  virtual ~CallSink() = default;
  virtual bool is_offered(std::string_view name) const = 0;
  virtual bool is_start_of_offered(std::string_view text) const = 0;
  virtual void begin_call(std::string_view name) = 0;
  virtual void arguments(std::string_view json) = 0;
  virtual void end_call() = 0;
};

// A streamed part of a call; what it was given is told to the sink as soon as it is certain.
class CallPart {
 public:
  virtual ~CallPart() = default;
  virtual Progress take(char byte, CallSink& sink) = 0;
};

// Follows one JSON value. Raw control characters inside strings are let pass (see json_byte).
class JsonScanner {
 public:
  // For a number, which nothing ends, `failed` may mean that it was whole before the byte: see is_whole.
  Progress take(char byte);
  bool is_whole() const { return stack_.empty() && (state_ == State::ended || number_may_end()); }
  bool in_string() const { return state_ == State::string; }

 private:
  enum class State { value, first_key, key, colon, after_value, first_item, string, escape, hex, word, number, ended };
  enum class Number { sign, zero, integer, dot, fraction, exponent, exponent_sign, exponent_digits };

  Progress begin_value(char byte);
  Progress take_number(char byte);
  Progress take_within_string(char byte);
  Progress take_after_value(char byte);
  Progress value_ended();
  bool number_may_end() const;

  State state_ = State::value;
  Number number_ = Number::sign;
  std::string stack_;      // '{' and '[' that are open
  std::string_view word_;  // what is left of true, false, null
  int hex_left_ = 0;
  bool string_is_key_ = false;
};

// Appends a byte of a JSON value; a raw control character inside a string is escaped.
void append_json_byte(std::string& to, char byte, const JsonScanner& before);

// The arguments alone: white space, then {...}.
class ArgumentsPart : public CallPart {
 public:
  explicit ArgumentsPart(std::string name) : name_(std::move(name)) {}
  Progress take(char byte, CallSink& sink) override;

 private:
  std::string name_;
  JsonScanner scanner_;
  bool is_open_ = false;
};

// {"name": "f", "arguments": {...}}: also "parameters", "tool_name", {"function": {...}}, any order, ids and types
// beside.
class CallObjectPart : public CallPart {
 public:
  Progress take(char byte, CallSink& sink) override;

 private:
  enum class At { open, first_key, key, in_key, colon, value, in_name, in_arguments, in_other, after_value };

  Progress take_value(char byte, CallSink& sink);
  Progress take_name(char byte, CallSink& sink);
  Progress take_arguments(char byte, CallSink& sink);
  Progress take_other(char byte, CallSink& sink);
  Progress take_after_value(char byte, CallSink& sink);
  Progress arguments_ended(CallSink& sink);
  void tell_held(CallSink& sink);

  At at_ = At::open;
  int nested_ = 0;  // of {"function": {
  std::string key_;
  std::string name_;
  bool has_name_ = false;
  bool is_told_ = false;  // begin_call was called
  bool has_arguments_ = false;
  bool streams_ = false;  // the arguments go out as they come
  std::string held_;      // arguments that came before the name, or are a string
  JsonScanner scanner_;
};

}  // namespace hearth
