// ChatCall: what a chat asks for, whatever API it came by, and the way from there to an order for the engine.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/grammar_kind.h"
#include "server/answer.h"
#include "server/fields.h"

namespace hearth {

// Sampling as asked; what is left open comes from the model's card, then from OpenAI's defaults.
struct SamplingAsked {
  std::optional<double> temperature, top_p, min_p, repetition_penalty, frequency_penalty, presence_penalty;
  std::optional<int64_t> top_k, seed;
  std::map<int32_t, float> logit_bias;
};
SamplerOptions sampler_of(const SamplingAsked& asked, const ModelCard& card);

struct GrammarAsked {
  GrammarKind kind = GrammarKind::none;
  std::string text;   // of a schema, regex or GBNF
  std::string param;  // the field it came from
};
// Compiles and binds it (kept by the engine, asking again is cheap); null for none. Errors name the field.
ApiResult<std::shared_ptr<const BoundGrammar>> bind_grammar(const GrammarAsked& asked, EngineLoop& loop);

enum class ToolUse { automatic, none, required };

struct ChatCall {
  std::string model;                            // as asked, "": the default
  OrderedJson messages = OrderedJson::array();  // OpenAI's form: role, content as text, tool_calls, ...
  OrderedJson tools;                            // OpenAI's form, null: none
  ToolUse tool_use = ToolUse::automatic;
  std::string tool_name;  // the only one that may be called, "": any
  ToolCalls parallel = ToolCalls::parallel;
  OrderedJson template_values = OrderedJson::object();  // flags for the template: enable_thinking, ...
  ReasoningSplit reasoning = ReasoningSplit::automatic;
  SamplingAsked sampling;
  GrammarAsked grammar;
  Request request;  // max_new, stop, choices, top_logprobs, client
};

// Fields that OpenAI's APIs share, under their names; failures stay in `fields`.
SamplingAsked read_sampling(Fields& fields);
GrammarAsked read_grammar(Fields& fields);              // response_format, grammar, regex, json_schema
void read_tool_fields(Fields& fields, ChatCall& call);  // tools, tool_choice, parallel_tool_calls
// tool_choice and parallel_tool_calls alone; `read_name` takes the tool's name from a choice that names one.
void read_tool_choice(Fields& fields, ChatCall& call, const std::function<std::string(Fields& named)>& read_name);
// Messages of OpenAI's chat API, checked and brought into the form that templates take: content parts joined, arguments
// parsed.
OrderedJson read_messages(Fields& fields);
OrderedJson read_message(Fields& fields, const OrderedJson& value, const std::string& where);  // one of them

// Renders, tokenizes, compiles the grammar: takes milliseconds, so not on an IO thread. `answer` gets id, created,
// model.
ApiResult<AnswerOrder> prepare_chat(ChatCall call, Chosen chosen, const std::string& id_prefix);

// The way of every generating endpoint: chooses the model, prepares on a worker, runs; failures are said in the
// dialect's words.
using Prepare = std::function<ApiResult<AnswerOrder>(Chosen chosen)>;
void choose_and_run(Services& services, const std::string& model, Prepare prepare, std::shared_ptr<HttpReply> reply,
                    std::function<void(HttpReply&, const ApiError&)> refuse = send_error);

// What an API makes of the chats it reads.
struct ChatWay {
  const char* path = "";
  const char* id_prefix = "";
  Delivery delivery = Delivery::whole;
  std::function<std::unique_ptr<ApiDialect>()> dialect;
};
// choose_and_run() with prepare_chat(), for the client that sent `request`.
void run_chat(Services& services, const HttpRequest& request, ChatCall call, ChatWay way,
              std::shared_ptr<HttpReply> reply, std::function<void(HttpReply&, const ApiError&)> refuse = send_error);

}  // namespace hearth
