// Chat calls: from what was asked to an order for the engine.
#include "server/chat_call.h"

#include <random>

#include "engine/chat_prompt.h"
#include "engine/sampling_defaults.h"
#include "server/endpoint.h"
#include "server/openai_words.h"

namespace hearth {
namespace {

uint64_t random_seed() {
  std::random_device random;
  return (static_cast<uint64_t>(random()) << 32) | random();
}

template <class To, class From>
void put(const std::optional<From>& asked, To& value) {
  if (asked) value = static_cast<To>(*asked);
}

// The tools that may be called, as the parser wants them.
ApiResult<std::vector<OfferedTool>> offered_tools(const ChatCall& call) {
  if (call.tools.is_null() || call.tool_use == ToolUse::none) return std::vector<OfferedTool>{};
  auto tools = read_tools(Json(call.tools));
  if (!tools.ok()) return bad_request(tools.message(), "tools");
  if (call.tool_name.empty()) return std::move(*tools);
  for (const OfferedTool& tool : *tools) {
    if (tool.name == call.tool_name) return std::vector<OfferedTool>{tool};
  }
  return bad_request(fmt::format("'tool_choice': no tool is called '{}'", call.tool_name), "tool_choice");
}

Result<Grammar> compile_tools(const ToolGrammar& grammar) {
  std::vector<GrammarSchema> schemas;
  for (const ToolGrammar::SchemaRule& rule : grammar.schemas) schemas.push_back({rule.name, dump(rule.schema)});
  return Grammar::from_gbnf(grammar.gbnf, schemas);
}

// Calls that must come, or must be right when they come, are a grammar. Where a format has no text that begins calls,
// or tools that cannot be forced, calls that may come are as the model writes them.
ApiResult<Done> force_tools(const ChatCall& call, const std::vector<OfferedTool>& tools, const std::string& format,
                            EngineLoop& loop, Request& request) {
  if (tools.empty()) return Done{};
  const bool must_come = call.tool_use == ToolUse::required;
  auto forced = tool_grammar(format, tools, must_come ? ToolChoice::required : ToolChoice::automatic,
                             call.tool_name.empty() ? call.parallel : ToolCalls::one);
  if (!must_come && (!forced.ok() || forced->trigger.empty())) return Done{};
  if (!forced.ok()) return bad_request(forced.message(), "tool_choice");
  std::string key = "tools " + forced->gbnf;
  for (const ToolGrammar::SchemaRule& rule : forced->schemas) key += "\n" + rule.name + " " + dump(rule.schema);
  auto bound = loop.bind(key, request.shown_specials, [&] { return compile_tools(*forced); });
  if (!bound.ok() && !must_come) return Done{};
  if (!bound.ok()) return bad_request(bound.message(), "tools");
  request.grammar = *bound;
  if (must_come) return Done{};
  request.grammar_from = forced->trigger;
  if (call.reasoning == ReasoningSplit::automatic) request.grammar_skips = {"<think>", "</think>"};
  return Done{};
}

// The special tokens that the parser must see.
std::vector<int32_t> shown_specials(const Tokenizer& tokenizer, const std::string& format) {
  std::vector<int32_t> ids;
  for (const std::string& marker : markers_of(format)) {
    const auto id = tokenizer.id_of(marker);
    if (id && tokenizer.is_special(*id)) ids.push_back(*id);
  }
  return ids;
}

}  // namespace

SamplerOptions sampler_of(const SamplingAsked& asked, const ModelCard& card) {
  SamplerOptions options = sampling_defaults(card, {.temperature = 1.0f, .top_k = 0, .top_p = 1.0f, .min_p = 0.0f});
  put(asked.temperature, options.temperature);
  put(asked.top_p, options.top_p);
  put(asked.min_p, options.min_p);
  put(asked.top_k, options.top_k);
  put(asked.repetition_penalty, options.repetition_penalty);
  put(asked.frequency_penalty, options.frequency_penalty);
  put(asked.presence_penalty, options.presence_penalty);
  options.logit_bias = asked.logit_bias;
  options.seed = asked.seed ? static_cast<uint64_t>(*asked.seed) : random_seed();
  return options;
}

ApiResult<std::shared_ptr<const BoundGrammar>> bind_grammar(const GrammarAsked& asked, EngineLoop& loop) {
  if (asked.kind == GrammarKind::none) return std::shared_ptr<const BoundGrammar>();
  const std::string key = fmt::format("{} {}", static_cast<int>(asked.kind), asked.text);
  auto bound = loop.bind(key, {}, [&] { return compile_grammar(asked.kind, asked.text); });
  if (!bound.ok()) return bad_request(bound.message(), asked.param);
  return *bound;
}

ApiResult<AnswerOrder> prepare_chat(ChatCall call, Chosen chosen, const std::string& id_prefix) {
  EngineLoop& loop = *chosen.model->loop;
  const Engine& engine = loop.engine();
  const std::string& format = chosen.model->tool_format;
  AnswerOrder order{.chosen = chosen, .requests = {std::move(call.request)}};
  Request& request = order.requests[0];
  TRY(std::vector<OfferedTool> tools, offered_tools(call));

  OrderedJson values = std::move(call.template_values);
  values["messages"] = std::move(call.messages);
  if (!tools.empty()) values["tools"] = call.tools;
  auto prompt = chat_prompt(engine, std::move(values));
  if (!prompt.ok()) return bad_request(prompt.message(), "messages");
  request.prompt = std::move(prompt->ids);
  request.sampler = sampler_of(call.sampling, engine.card());
  request.adapter = chosen.adapter;
  request.shown_specials = shown_specials(engine.tokenizer(), format);

  const bool opens_reasoning = prompt_opens_reasoning(prompt->text);
  MessageOptions message{.tool_format = format.empty() ? "generic" : format,
                         .tools = tools,
                         .reasoning = call.reasoning,
                         .calls = call.parallel,
                         .seed = request.sampler.seed};
  message.reasoning_start = opens_reasoning ? ReasoningStart::by_prompt : ReasoningStart::by_model;
  TRY(request.grammar, bind_grammar(call.grammar, loop));
  if (call.grammar.kind == GrammarKind::none) {
    auto forced = force_tools(call, tools, message.tool_format, loop, request);
    if (!forced.ok()) return forced.failure();
  } else {
    message.tools.clear();  // what a grammar shapes is content, also where it looks like a call
  }
  if (opens_reasoning && request.grammar != nullptr) request.grammar_after = "</think>";
  order.message = std::move(message);
  order.answer.id = new_id(id_prefix);
  order.answer.created = unix_now();
  order.answer.model = call.model.empty() ? chosen.model->id : call.model;
  return order;
}

void choose_and_run(Services& services, const std::string& model, Prepare prepare, std::shared_ptr<HttpReply> reply,
                    std::function<void(HttpReply&, const ApiError&)> refuse) {
  services.models.choose(
      model, [&services, prepare = std::move(prepare), reply, refuse = std::move(refuse)](ApiResult<Chosen> chosen) {
        if (!chosen) return refuse(*reply, chosen.failure());
        services.post([&services, prepare, reply, refuse, chosen = *chosen]() mutable {
          if (reply->is_gone()) return;
          auto order = prepare(std::move(chosen));
          if (!order) return refuse(*reply, order.failure());
          run_answer(services, std::move(*order), reply);
        });
      });
}

void run_chat(Services& services, const HttpRequest& request, ChatCall call, ChatWay way,
              std::shared_ptr<HttpReply> reply, std::function<void(HttpReply&, const ApiError&)> refuse) {
  call.request.client = client_of(request);
  const std::string model = call.model;
  const auto prepare = [call = std::move(call), way = std::move(way)](Chosen chosen) -> ApiResult<AnswerOrder> {
    TRY(AnswerOrder order, prepare_chat(call, std::move(chosen), way.id_prefix));
    order.delivery = way.delivery;
    order.path = way.path;
    order.dialect = way.dialect();
    return order;
  };
  choose_and_run(services, model, prepare, std::move(reply), std::move(refuse));
}

}  // namespace hearth
