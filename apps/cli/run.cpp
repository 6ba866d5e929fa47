// run, chat: talks with a model; one shot for -p and piped input, a conversation on a terminal.
#include <fmt/format.h>

#include <memory>

#include "chat.h"
#include "sampling.h"
#include "terminal.h"

namespace cli {
namespace {

constexpr const char* kStory = "Tell me a story about a fox.";
constexpr int kStoryTokens = 400;

struct RunFlags {
  ModelFlags model;
  SamplingFlags sampling;
  std::optional<std::string> prompt;
  std::string positional_prompt, system, lora;
  bool raw = false;
};

// What to say without a person: -p, the word after MODEL, or what is piped in; "": nothing.
std::string prompt_of(const RunFlags& flags) {
  if (flags.prompt) return *flags.prompt;
  if (!flags.positional_prompt.empty()) return flags.positional_prompt;
  std::string text = is_terminal(0) ? "" : read_all();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text.find_first_not_of(" \t\r\n") == std::string::npos ? "" : text;
}

int run(RunFlags flags, const Surroundings& surroundings) {
  // hearth run -m MODEL "prompt": the first word is no model then
  if (!flags.model.model.empty() && !flags.model.positional.empty() && flags.positional_prompt.empty()) {
    std::swap(flags.positional_prompt, flags.model.positional);
  }
  if (flags.model.name(surroundings).empty()) return fail("run: no MODEL given, want a folder, a .gguf, a baked file or a name");
  std::string prompt = prompt_of(flags);
  const bool told = flags.prompt || !flags.positional_prompt.empty();
  const bool interactive = !told && is_terminal(0);
  const bool story = !told && !interactive && prompt.empty();
  if (story) prompt = kStory;
  auto request = flags.sampling.request(interactive ? random_seed() : 0);
  if (!request) return kUsage;
  if (story && !request->contains("max_tokens")) (*request)["max_tokens"] = kStoryTokens;

  Json options = flags.model.options(surroundings);
  if (!flags.lora.empty()) {
    options["adapters"] = {{"lora", flags.lora}};
    (*request)["adapter"] = "lora";
  }
  auto model = open_model(options);
  if (!model) return kFailed;
  Chat chat(std::move(*model), std::move(*request), surroundings);
  if (flags.raw || !chat.has_template()) chat.set_raw();
  if (!flags.raw && !chat.has_template()) fmt::print(stderr, "hearth: the model has no chat template; it goes on with the prompt\n");
  if (!flags.system.empty()) chat.set_system(flags.system);
  if (interactive) return chat.converse();
  const Interrupts interrupts(chat.model());
  return chat.answer(prompt);
}

}  // namespace

void add_run(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("run", "Talks with a model: hearth run MODEL")->alias("chat");
  auto flags = std::make_shared<RunFlags>();
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->add_option("PROMPT", flags->positional_prompt, "answers this and ends");
  command->add_option("-p,--prompt", flags->prompt, "answers this and ends");
  command->add_option("--system", flags->system, "the system message");
  command->add_option("--lora", flags->lora, "folder of a LoRA adapter (PEFT) to answer with");
  command->add_flag("--raw", flags->raw, "no chat template: goes on with the prompt's text");
  flags->sampling.add_to(*command);
  command->callback([=, &context] { context.exit = run(*flags, context.surroundings); });
}

}  // namespace cli
