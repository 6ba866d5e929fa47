// Gathers what the machine finds into deltas; decides which white space goes out, and when a call is told.
#pragma once

#include "text/message.h"
#include "text/tool_format.h"
#include "text/tool_json.h"

namespace hearth {

class MessageSink : public CallSink {
 public:
  MessageSink(const MessageOptions* options, CallIds ids) : options_(options), ids_(ids) {}

  enum class TrailingSpace { held, told };  // held: a marker may follow, and then it is left out
  void content(std::string_view text, TrailingSpace space = TrailingSpace::held);
  void reasoning(std::string_view text);
  // A marker stood here: white space on both sides of it is left out.
  void touch();

  bool is_offered(std::string_view name) const override;
  bool is_start_of_offered(std::string_view text) const override;
  void begin_call(std::string_view name) override;
  void arguments(std::string_view json) override;
  void end_call() override;
  // The call that is open goes on no more; one that was not told is forgotten.
  void break_call();

  int told_calls() const { return told_; }
  bool is_open() const { return is_open_; }
  bool is_cut() const { return is_cut_; }

  void finish();
  MessageDelta take() { return std::exchange(delta_, {}); }

 private:
  void tell_call(std::string_view name);
  void tell_arguments(std::string_view json);
  std::string next_id() const;

  const MessageOptions* options_;
  CallIds ids_;
  MessageDelta delta_;
  std::string content_space_, reasoning_space_;
  bool drops_content_space_ = false, drops_reasoning_space_ = true;
  int told_ = 0;
  bool is_open_ = false;  // between begin_call and end_call
  bool is_cut_ = false;
  std::string name_, whole_;  // ToolStreaming::whole_calls: what is not told yet
};

}  // namespace hearth
