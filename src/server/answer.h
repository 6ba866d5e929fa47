// Answer: what a request has generated so far, whatever API asked for it; a ApiDialect puts it into words.
//
// run_answer() submits the engine's request, reads text into messages (text/message.h), feeds the dialect and the
// traces, and cancels when the client goes. Everything after submit() runs on the engine's thread and must be quick.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/api_error.h"
#include "server/model_pool.h"
#include "text/message.h"

namespace hearth {

struct Services;

struct AnsweredToolCall {
  std::string id, name, arguments;
};

// One choice so far.
struct AnswerChoice {
  std::string content, reasoning;
  std::vector<AnsweredToolCall> tool_calls;
  std::vector<int32_t> ids;
  std::vector<LogprobEntry> logprobs;
  Finish finish = Finish::none;
  std::string stopped_by;                     // the stop string
  Timing timing;                              // once it has ended
  std::vector<LogprobEntry> prompt_logprobs;  // where asked for, of the first choice of a prompt
  std::vector<float> embedding;               // of a pooling request
};

struct Answer {
  std::string id;                                // "chatcmpl-..."
  int64_t created = 0;                           // Unix seconds
  std::string model;                             // as asked for
  std::vector<AnswerChoice> choices;             // prompt by prompt
  int64_t prompt_tokens = 0, cached_tokens = 0;  // of all prompts
  const Tokenizer* tokenizer = nullptr;          // to spell logprobs
  std::vector<std::vector<int32_t>> prompts;     // their ids

  int64_t new_tokens() const;
  size_t prompt_of(size_t choice) const { return choice / (choices.size() / prompts.size()); }
};

// What came with one event.
struct AnswerDelta {
  int choice = 0;
  MessageDelta message;
  std::vector<LogprobEntry> logprobs;
  std::vector<int32_t> ids;
  Finish finish = Finish::none;  // not none: the choice has ended with this
};

// The way an API says it. begin(), delta() and end() give the text of server-sent events, whole() one body.
class ApiDialect {
 public:
  virtual ~ApiDialect() = default;
  virtual std::string begin(const Answer& answer) = 0;
  virtual std::string delta(const Answer& answer, const AnswerDelta& delta) = 0;  // `answer` holds it already
  virtual std::string end(const Answer& answer) = 0;
  virtual std::string failure(const Answer& answer, const ApiError& error);  // in the midst of a stream
  virtual OrderedJson whole(const Answer& answer) = 0;
  virtual OrderedJson refusal(const ApiError& error) { return to_json(error); }  // instead of whole()
};

enum class Delivery { whole, stream };

struct AnswerOrder {
  Chosen chosen;
  std::vector<Request> requests;          // for the engine, at least one; all with as many choices
  std::optional<MessageOptions> message;  // how text becomes messages; nullopt: text as it is
  Answer answer;                          // id, created and model filled in
  Delivery delivery = Delivery::whole;
  std::unique_ptr<ApiDialect> dialect;
  std::string path;  // of the endpoint, for the traces
};

// Answers on `reply` until the end, also with failures. Returns once the request is submitted.
void run_answer(Services& services, AnswerOrder order, std::shared_ptr<HttpReply> reply);

// Refuses in the dialect's words.
void refuse(ApiDialect& dialect, HttpReply& reply, const ApiError& error);

// "chatcmpl-" and 24 characters that no other answer of this process has.
std::string new_id(const std::string& prefix);
int64_t unix_now();  // seconds

}  // namespace hearth
