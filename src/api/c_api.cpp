// The C API: JSON and plain C types in, a status out; nothing is decided here.
#include <cstdlib>
#include <cstring>
#include <exception>

#include "api/chat.h"
#include "api/describe.h"
#include "api/serve.h"
#include "api/sources.h"
#include "api/step_times.h"
#include "engine/chat_prompt.h"
#include "hearth.h"

#ifndef HEARTH_VERSION
#define HEARTH_VERSION "0.1.0"
#endif

struct hearth_model {
  hearth::OpenModel model;
  std::atomic<bool> cancelled = false;
};

struct hearth_server {
  hearth::Server server;
};

namespace hearth {
namespace {

std::string& last_error() {
  thread_local std::string text;                 // the contract of hearth_last_error
  return text;
}

int failed(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  last_error() = std::move(text);
  return 1;
}

// Runs `body`; libraries' exceptions (memory, JSON) end here.
template <class Body>
int guarded(const char* who, const Body& body) {
  try {
    const Result<Done> result = body();
    return result.ok() ? 0 : failed(result.message());
  } catch (const std::bad_alloc&) {
    return failed(fmt::format("{}: out of memory", who));
  } catch (const std::exception& failure) {
    return failed(fmt::format("{}: {}", who, failure.what()));
  }
}

Result<Done> give(std::string_view text, char** to) {
  if (to == nullptr) return Done{};
  *to = static_cast<char*>(std::malloc(text.size() + 1));
  if (*to == nullptr) return error("hearth: out of memory for {} bytes of text", text.size());
  std::memcpy(*to, text.data(), text.size());
  (*to)[text.size()] = 0;
  return Done{};
}

Result<Done> need(const void* pointer, const char* what) {
  if (pointer != nullptr) return Done{};
  return error("hearth: got NULL for {}", what);
}

OnProgress progress_of(hearth_progress progress, void* user) {
  if (progress == nullptr) return {};
  return [=](const BakeProgress& now) { progress(user, now.stage.c_str(), now.done, now.total); };
}

std::vector<std::string> keys_with(std::vector<std::string> keys, std::initializer_list<const char*> more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

std::string_view name_of(Finish finish) {
  constexpr std::string_view kNames[] = {"none", "end", "stop", "length", "cancelled", "failed"};
  return kNames[static_cast<int>(finish)];
}

Result<Done> bake_to(const char* options_json, const OnProgress& on_progress) {
  TRY(const Options options,
      Options::parse(options_json, "bake", {"model", "out", "quant", "kv", "activations", "target", "threads", "dump", "hub"}));
  TRY(const ModelOptions model, ModelOptions::read(options));
  TRY(Order order, order_of(model, on_progress));
  TRY(order.out, options.text("out", ""));
  if (order.out.empty()) return error("bake: 'out' is missing, want the path of the file to write");
  return bake(order);
}

Result<Json> show(const char* options_json) {
  TRY(const Options options, Options::parse(options_json, "show", keys_with(ModelOptions::keys(), {"ir", "passes"})));
  if (options.has("passes")) return Json{{"passes", pass_names()}};
  TRY(const ModelOptions model, ModelOptions::read(options));
  TRY(const std::string pass, options.text("ir", ""));
  if (pass.empty()) {
    TRY(const Artifact artifact, open_or_bake(model, {}));
    return show_artifact(artifact);
  }
  TRY(const Order order, order_of(model, {}));
  TRY(const std::string text, ir_after(order, pass));
  return Json{{"ir", text}};
}

Result<Json> call_tokenizer(const std::string& path, const char* request_json) {
  TRY(const Options options, Options::parse(request_json, "tokenizer", {"text", "specials", "ids", "show_specials"}));
  TRY(const std::string json, tokenizer_json_of(path));
  TRY(const Tokenizer tokenizer, Tokenizer::from_json(json));
  if (options.has("ids")) {
    TRY(const std::vector<int32_t> ids, options.ids("ids"));
    TRY(const bool shown, options.flag("show_specials", true));
    return Json{{"text", tokenizer.decode(ids, shown ? Show::all : Show::text_only)}};
  }
  if (!options.has("text")) return error("tokenizer: got neither \"text\" nor \"ids\"");
  TRY(const std::string text, options.text("text", ""));
  TRY(const bool specials, options.flag("specials", true));
  const std::vector<int32_t> ids = tokenizer.encode(text, specials ? Specials::add : Specials::none);
  Json pieces = Json::array();
  for (int32_t id : ids) pieces.push_back(std::string(tokenizer.piece(id)));
  return Json{{"ids", ids}, {"pieces", pieces}};
}

Result<std::string> render_template(const std::string& path, const char* request_json) {
  TRY(OrderedJson values, parse_ordered_json(request_json, "template"));
  if (!values.is_object()) return error("template: got {}, want an object of variables", values.type_name());
  TRY(const TemplateSource source, template_of(path));
  TRY(const Template parsed, Template::parse(source.text));
  return render_chat(parsed, std::move(values), source.values);
}

Result<Json> generate(hearth_model& model, const char* request_json, hearth_on_text on_text, void* user) {
  model.cancelled = false;
  TRY(const Request request, read_request(request_json, model.model.engine));
  std::string text;
  std::vector<int32_t> ids;
  Finish finish = Finish::none;
  const auto on_event = [&](const Event& event) {
    text += event.text;
    ids.insert(ids.end(), event.ids.begin(), event.ids.end());
    finish = event.finish;
    if (on_text == nullptr || (event.text.empty() && event.ids.empty())) return;
    if (on_text(user, event.text.data(), event.text.size(), event.ids.data(), event.ids.size()) != 0) model.cancelled = true;
  };
  TRY(const Timing timing, model.model.engine.generate(request, on_event, &model.cancelled));
  return Json{{"text", text},
              {"ids", ids},
              {"finish", name_of(finish)},
              {"prompt_tokens", timing.prompt_tokens},
              {"reused_tokens", timing.reused_tokens},
              {"new_tokens", timing.new_tokens},
              {"prefill_ms", timing.prefill_ms},
              {"decode_ms", timing.decode_ms}};
}

}  // namespace
}  // namespace hearth

using hearth::Done;
using hearth::dump;
using hearth::give;
using hearth::guarded;
using hearth::Json;
using hearth::need;
using hearth::Result;

extern "C" {

const char* hearth_version(void) { return HEARTH_VERSION; }
const char* hearth_last_error(void) { return hearth::last_error().c_str(); }
void hearth_free_text(char* text) { std::free(text); }
void hearth_free_ids(int32_t* ids) { std::free(ids); }

int hearth_locate(const char* options_json, char** path) {
  return guarded("locate", [&]() -> Result<Done> {
    TRY(const hearth::Options options, hearth::Options::parse(options_json, "locate", {"model", "hub"}));
    TRY(const std::string model, options.text("model", ""));
    TRY(const std::vector<std::string> hub, options.texts("hub"));
    TRY(const std::string found, hearth::find_model(model, hub));
    return give(found, path);
  });
}

int hearth_bake(const char* options_json, hearth_progress progress, void* user) {
  return guarded("bake", [&] { return hearth::bake_to(options_json, hearth::progress_of(progress, user)); });
}

int hearth_open(const char* options_json, hearth_progress progress, void* user, hearth_model** model) {
  return guarded("open", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    *model = nullptr;
    TRY(const hearth::Options options, hearth::Options::parse(options_json, "open", hearth::ModelOptions::keys()));
    TRY(const hearth::ModelOptions read, hearth::ModelOptions::read(options));
    TRY(hearth::OpenModel opened, hearth::open_model(read, hearth::progress_of(progress, user)));
    *model = new hearth_model{.model = std::move(opened)};
    return Done{};
  });
}

void hearth_close(hearth_model* model) { delete model; }

int hearth_describe(hearth_model* model, char** json) {
  return guarded("describe", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    return give(dump(hearth::describe_model(model->model)), json);
  });
}

int hearth_show(const char* options_json, char** json) {
  return guarded("show", [&]() -> Result<Done> {
    TRY(const Json shown, hearth::show(options_json));
    return give(dump(shown), json);
  });
}

int hearth_tokenize(hearth_model* model, const char* text, size_t bytes, int specials, int32_t** ids, size_t* count) {
  return guarded("tokenize", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    TRY_DONE(need(text, "the text"));
    if (!model->model.engine.has_tokenizer()) return hearth::error("tokenize: the model has no tokenizer");
    const auto mode = specials != 0 ? hearth::Specials::add : hearth::Specials::none;
    const std::vector<int32_t> found = model->model.engine.tokenizer().encode({text, bytes}, mode);
    *count = found.size();
    *ids = static_cast<int32_t*>(std::malloc(std::max<size_t>(1, found.size()) * sizeof(int32_t)));
    if (*ids == nullptr) return hearth::error("tokenize: out of memory");
    std::copy(found.begin(), found.end(), *ids);
    return Done{};
  });
}

int hearth_detokenize(hearth_model* model, const int32_t* ids, size_t count, char** text) {
  return guarded("detokenize", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    if (!model->model.engine.has_tokenizer()) return hearth::error("detokenize: the model has no tokenizer");
    return give(model->model.engine.tokenizer().decode({ids, count}), text);
  });
}

int hearth_tokenizer_call(const char* path, const char* request_json, char** json) {
  return guarded("tokenizer", [&]() -> Result<Done> {
    TRY_DONE(need(path, "the path"));
    TRY(const Json answer, hearth::call_tokenizer(path, request_json));
    return give(dump(answer), json);
  });
}

int hearth_template_render(const char* path, const char* request_json, char** text) {
  return guarded("template", [&]() -> Result<Done> {
    TRY_DONE(need(path, "the path"));
    TRY_DONE(need(request_json, "the request"));
    TRY(const std::string rendered, hearth::render_template(path, request_json));
    return give(rendered, text);
  });
}

int hearth_generate(hearth_model* model, const char* request_json, hearth_on_text on_text, void* user, char** result_json) {
  return guarded("generate", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    TRY(const Json answer, hearth::generate(*model, request_json, on_text, user));
    return give(dump(answer), result_json);
  });
}

void hearth_cancel(hearth_model* model) {
  if (model != nullptr) model->cancelled = true;
}

void hearth_reset(hearth_model* model) {
  if (model != nullptr) model->model.engine.reset();
}

int hearth_logits(hearth_model* model, const int32_t* ids, size_t count, float* out) {
  return guarded("logits", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    const int64_t vocabulary = model->model.engine.card().vocabulary;
    return model->model.engine.logits({ids, count}, [&](int64_t first, std::span<const float> rows) {
      std::copy(rows.begin(), rows.end(), out + first * vocabulary);
    });
  });
}

int hearth_nll(hearth_model* model, const int32_t* ids, size_t count, double* nll) {
  return guarded("nll", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    TRY(*nll, model->model.engine.negative_log_likelihood({ids, count}));
    return Done{};
  });
}

int hearth_profile(hearth_model* model, int on, char** json) {
  return guarded("profile", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    hearth::Executable& executable = model->model.engine.executable();
    executable.enable_profile(on != 0);
    return give(on != 0 ? "{}" : dump(executable.profile()), json);
  });
}

int hearth_step_times(hearth_model* model, const char* request_json, char** json) {
  return guarded("step_times", [&]() -> Result<Done> {
    TRY_DONE(need(model, "the model"));
    TRY_DONE(need(request_json, "the request"));
    TRY(const Json times, hearth::step_times(model->model, request_json));
    return give(dump(times), json);
  });
}

int hearth_doctor(const char* options_json, char** json) {
  return guarded("doctor", [&]() -> Result<Done> {
    TRY(const hearth::Options options, hearth::Options::parse(options_json, "doctor", {"cache", "probe", "threads"}));
    TRY(const std::string cache, options.text("cache", ""));
    TRY(const bool probe, options.flag("probe", false));
    TRY(const int64_t threads, options.integer("threads", 0, {0, 1024}));
    TRY(Json machine, hearth::describe_machine(cache));
    if (probe) {
      TRY(machine["probe"], hearth::measure_machine(static_cast<int>(threads)));
    }
    return give(dump(machine), json);
  });
}

int hearth_serve(const char* options_json, hearth_progress progress, void* user, hearth_server** server) {
  return guarded("serve", [&]() -> Result<Done> {
    TRY_DONE(need(server, "server"));
    TRY(hearth::Server opened, hearth::open_server(options_json, hearth::progress_of(progress, user)));
    *server = new hearth_server{std::move(opened)};
    return Done{};
  });
}
int hearth_server_port(hearth_server* server) { return server == nullptr ? 0 : server->server.port(); }
int hearth_server_run(hearth_server* server) {
  return guarded("serve", [&]() -> Result<Done> {
    TRY_DONE(need(server, "server"));
    server->server.run();
    return Done{};
  });
}
void hearth_server_stop(hearth_server* server) {
  if (server != nullptr) server->server.stop();
}
void hearth_server_close(hearth_server* server) { delete server; }

}  // extern "C"
