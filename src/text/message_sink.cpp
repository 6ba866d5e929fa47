// Deltas from what the machine finds.
#include "text/message_sink.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr std::string_view kSpaces = " \t\n\r";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

// splitmix64: neighbouring seeds give numbers that have nothing in common.
uint64_t mixed(uint64_t value) {
  value += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

// Passes text on to `out`, but for white space at its end, which waits in `space`, and at a marker, which is dropped.
void pass(std::string_view text, std::string& out, std::string& space, bool& drops, bool hold) {
  if (drops) text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  if (text.empty()) return;
  drops = false;
  const size_t last = hold ? text.find_last_not_of(kSpaces) : text.size() - 1;
  if (last == std::string_view::npos) {
    space += text;
    return;
  }
  out += space;
  out += text.substr(0, last + 1);
  space = text.substr(last + 1);
}

}  // namespace

void MessageSink::content(std::string_view text, TrailingSpace space) {
  pass(text, delta_.content, content_space_, drops_content_space_, space == TrailingSpace::held);
}

void MessageSink::reasoning(std::string_view text) {
  if (options_->reasoning == ReasoningSplit::off) return content(text);
  pass(text, delta_.reasoning, reasoning_space_, drops_reasoning_space_, true);
}

void MessageSink::touch() {
  content_space_.clear();
  reasoning_space_.clear();
  drops_content_space_ = drops_reasoning_space_ = true;
}

bool MessageSink::is_offered(std::string_view name) const {
  return std::any_of(options_->tools.begin(), options_->tools.end(),
                     [&](const OfferedTool& tool) { return tool.name == name; });
}

bool MessageSink::is_start_of_offered(std::string_view text) const {
  return std::any_of(options_->tools.begin(), options_->tools.end(),
                     [&](const OfferedTool& tool) { return tool.name.starts_with(text); });
}

std::string MessageSink::next_id() const {
  uint64_t bits = mixed(options_->seed) ^ mixed(static_cast<uint64_t>(told_) << 32);
  std::string id = ids_ == CallIds::prefixed ? "call_" : "";
  const size_t size = id.size() + (ids_ == CallIds::prefixed ? 24 : 9);
  while (id.size() < size) id += kLetters[(bits = mixed(bits)) % kLetters.size()];
  return id;
}

void MessageSink::tell_call(std::string_view name) {
  touch();
  delta_.tool_calls.push_back({told_, next_id(), std::string(name), {}});
  ++told_;
}

void MessageSink::tell_arguments(std::string_view json) {
  if (delta_.tool_calls.empty() || delta_.tool_calls.back().index != told_ - 1)
    delta_.tool_calls.push_back({told_ - 1, {}, {}, {}});
  delta_.tool_calls.back().arguments += json;
}

void MessageSink::begin_call(std::string_view name) {
  is_open_ = true;
  if (options_->streaming == ToolStreaming::as_written) return tell_call(name);
  name_ = name;
  whole_.clear();
}

void MessageSink::arguments(std::string_view json) {
  if (options_->streaming == ToolStreaming::as_written) return tell_arguments(json);
  whole_ += json;
}

void MessageSink::end_call() {
  is_open_ = false;
  if (options_->streaming == ToolStreaming::as_written) return;
  tell_call(name_);
  tell_arguments(whole_);
}

void MessageSink::break_call() {
  if (is_open_ && options_->streaming == ToolStreaming::as_written) is_cut_ = true;
  is_open_ = false;
}

void MessageSink::finish() {
  delta_.content += std::exchange(content_space_, {});
  delta_.reasoning += std::exchange(reasoning_space_, {});
}

}  // namespace hearth
