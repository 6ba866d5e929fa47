// bake(): the way from a checkpoint to an artifact, on one page.
#include "bake/bake.h"

#include <hearth_compiler_hash.h>

#include <filesystem>
#include <thread>

#include "bake/describe.h"
#include "bake/plan.h"
#include "bake/pour.h"
#include "codegen/code.h"
#include "ir/text.h"
#include "models/model.h"
#include "ops/op.h"
#include "passes/add_adapters.h"
#include "passes/lower.h"
#include "passes/pass.h"
#include "passes/round_activations.h"
#include "passes/split_by_time.h"
#include "passes/store_kv.h"

namespace hearth {
namespace {

struct Compiled {
  Model model;
  Graph prepare;
  Program program;
  Json plans;
};

struct Choices {
  std::string quant, kv, activations;
  bool adapters = false;
  Target target;
};

// What was asked for if it is known, and the first of the known where nothing was.
Result<std::string> one_of(const std::vector<std::string>& known, const std::string& flag, const std::string& asked) {
  if (asked.empty() || std::find(known.begin(), known.end(), asked) != known.end()) return asked.empty() ? known[0] : asked;
  return error("bake: got --{} {}, want {}", flag, asked, fmt::join(known, " or "));
}

Result<Choices> choose(const Checkpoint& checkpoint, const Order& order) {
  Choices choices;
  TRY(choices.quant, chosen_quant(checkpoint, order.quant));
  TRY(choices.kv, one_of(kv_types(), "kv", order.kv));
  TRY(choices.activations, one_of(activation_types(), "activations", order.activations));
  choices.adapters = order.adapters;
  TRY(choices.target, find_target(order.target));
  if (choices.activations != "i16") choices.target.i16_dot = false;          // products the machine has, but not wanted
  if (choices.activations == "bf16" && !choices.target.bf16_dot)
    return error("bake: got --activations bf16 for '{}', want a target with bf16 dot products, such as x86-64-v4-vnni",
                 choices.target.name);
  return choices;
}

Result<Compiled> compile(const Checkpoint& checkpoint, const Choices& choices, const Watch& watch) {
  const Target& target = choices.target;
  Compiled out;
  ModelSource source{checkpoint.config, {}};
  for (const auto& [name, tensor] : checkpoint.tensors) source.tensors.insert(name);
  TRY(out.model, build_model(source));                                       // symbolic dims, named params, no bytes
  TRY(const auto plans, plan_params(out.model.graph, checkpoint, choices.quant));
  out.plans = describe_plans(out.model.graph, plans, choices.quant);
  Graph graph = store_kv(out.model.graph, choices.kv);
  if (choices.adapters) graph = add_adapters(graph);
  graph = wrap_params(graph, plans);                                         // each param becomes decode(encode(w))
  graph = round_activations(graph, choices.activations);
  graph = run_graph_passes(graph, target, watch, Verify::last);
  Timed timed = split_by_time(graph);                                        // needs only weights | needs a token
  out.prepare = std::move(timed.prepare);
  out.program = run_loop_passes(lower(timed.serve, target), target, watch, Verify::last);
  return out;
}

Watch dump_into(const std::string& folder) {
  if (folder.empty()) return {};
  return [folder](int number, const std::string& name, const std::string& text) {
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    (void)write_file(fmt::format("{}/{:02}_{}.txt", folder, number, name), text);
  };
}

// The texts that travel with the weights: tensor name -> contents.
Result<std::map<std::string, std::string>> texts_of(const Checkpoint& checkpoint, const Order& order) {
  std::map<std::string, std::string> texts;
  if (!checkpoint.tokenizer_json.empty()) texts["tokenizer.json"] = checkpoint.tokenizer_json;
  else if (!checkpoint.vocab.is_null() && order.make_tokenizer) {
    TRY(texts["tokenizer.json"], order.make_tokenizer(checkpoint.vocab));
  }
  if (!checkpoint.chat_template.empty()) texts["chat_template"] = checkpoint.chat_template;
  return texts;
}

Result<Done> write(const Order& order, const Checkpoint& checkpoint, const Compiled& compiled, const Interface& interface,
                   const Code& code, ThreadPool& pool) {
  TRY(auto texts, texts_of(checkpoint, order));
  texts["code/" + code.target] = std::string(as_text(Bytes(code.bytes)));
  std::vector<TensorSlot> slots = prepared_sizes(compiled.prepare);
  double total = 0;
  for (const TensorSlot& slot : slots) total += static_cast<double>(slot.bytes);
  for (const auto& [name, text] : texts) slots.push_back({name, text.size()});
  TRY(ArtifactWriter writer, ArtifactWriter::create(order.out, interface, slots));
  for (const auto& [name, text] : texts) std::copy_n(as_bytes(text).begin(), text.size(), writer.tensor(name).begin());
  const auto on_bytes = [&](double done) {
    if (order.on_progress) order.on_progress({"weights", done, total});
  };
  TRY_DONE(pour(compiled.prepare, checkpoint, writer, pool, on_bytes));
  return writer.finish();
}

int thread_count(const Order& order) {
  return order.threads > 0 ? order.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

Result<Done> bake(const Order& order) {
  TRY(const Checkpoint checkpoint, open_checkpoint(order.model));            // names -> mapped bytes, config
  TRY(const Choices choices, choose(checkpoint, order));
  const Target& target = choices.target;
  const auto progress = [&](double done) {
    if (order.on_progress) order.on_progress({"compile", done, 1});
  };
  progress(0);
  TRY(const Compiled compiled, compile(checkpoint, choices, dump_into(order.dump)));
  progress(0.2);
  TRY(const Code code, emit(compiled.program, target, thread_count(order))); // object bytes
  progress(1);
  Interface interface = interface_of(compiled.program, target.name);
  interface.arch = target.triple.substr(0, target.triple.find('-'));
  interface.features = target.features;
  TRY(interface.model, card_of(compiled.model, checkpoint));
  for (const auto& [key, value] : compiled.plans.items()) interface.model.details[key] = value;
  interface.model.details["quant"] = choices.quant;
  interface.model.details["kv"] = choices.kv;
  interface.model.details["activations"] = choices.activations;
  interface.model.details["adapters"] = choices.adapters;
  interface.model.details["quant_asked"] = order.quant;
  interface.model.details["code_bytes"] = code.bytes.size();
  ThreadPool pool(thread_count(order));
  return write(order, checkpoint, compiled, interface, code, pool);          // one tensor at a time
}

Result<std::string> cache_key(const Checkpoint& checkpoint, const Order& order) {
  TRY(const Choices choices, choose(checkpoint, order));
  const std::string quant = choices.quant == "as stored" ? "stored" : choices.quant;
  return fmt::format("{}-{}-kv_{}-x_{}{}-{}-{}", checkpoint.identity, quant, choices.kv, choices.activations,
                     choices.adapters ? "-adapters" : "", choices.target.name, HEARTH_COMPILER_HASH);
}

Result<std::string> ir_after(const Order& order, const std::string& pass) {
  const std::vector<std::string> names = pass_names();
  if (std::find(names.begin(), names.end(), pass) == names.end())
    return error("show: got --ir {}, want one of {}", pass, fmt::join(names, ", "));
  TRY(const Checkpoint checkpoint, open_checkpoint(order.model));
  TRY(const Choices choices, choose(checkpoint, order));
  std::string found, last_graph, last_loops;
  const size_t graph_passes = graph_pass_names().size();
  TRY(const Compiled compiled, compile(checkpoint, choices, [&](int number, const std::string& name, const std::string& text) {
        if (name == pass) found = text;
        (static_cast<size_t>(number) < graph_passes ? last_graph : last_loops) = text;
      }));
  return pass == "graph" ? last_graph : pass == "loops" ? last_loops : found;
}

std::vector<std::string> pass_names() {
  std::vector<std::string> names = graph_pass_names();
  const std::vector<std::string> loops = loop_pass_names();
  names.insert(names.end(), loops.begin(), loops.end());
  names.insert(names.end(), {"graph", "loops"});
  return names;
}

}  // namespace hearth
