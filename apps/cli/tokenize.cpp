// tokenize, detokenize: text to ids and back, without a model's weights.
#include <fmt/format.h>

#include <memory>

#include "cli.h"

namespace cli {
namespace {

struct TokenizeFlags {
  std::string path, file, ids;
  std::optional<std::string> text;
  bool no_special = false, json = false;
};

std::optional<Json> call(const TokenizeFlags& flags, const Json& request, const Surroundings& surroundings) {
  const auto path = locate(flags.path, surroundings);
  if (!path) return std::nullopt;
  auto answer = hearth::api::tokenizer_call(*path, dump(request));
  if (answer) return parse_answer(*answer);
  fail(answer.error);
  return std::nullopt;
}

int tokenize(const TokenizeFlags& flags, const Surroundings& surroundings) {
  const auto text = text_given(flags.text, flags.file);
  if (!text) return kFailed;
  const auto answer = call(flags, {{"text", *text}, {"specials", !flags.no_special}}, surroundings);
  if (!answer) return kFailed;
  if (flags.json) {
    fmt::print("{}\n", dump(*answer));
    return kDone;
  }
  for (size_t i = 0; i < (*answer)["ids"].size(); ++i) {
    fmt::print("{:>7} {}\n", dump((*answer)["ids"][i]), dump((*answer)["pieces"][i]));
  }
  return kDone;
}

int detokenize(const TokenizeFlags& flags, const Surroundings& surroundings) {
  const auto ids = ids_given(flags.ids);
  if (!ids) return kFailed;
  const auto answer = call(flags, {{"ids", *ids}, {"show_specials", !flags.no_special}}, surroundings);
  if (!answer) return kFailed;
  fmt::print("{}\n", flags.json ? dump(*answer) : (*answer).value("text", ""));
  return kDone;
}

}  // namespace

void add_tokenize(CLI::App& app, Context& context) {
  auto flags = std::make_shared<TokenizeFlags>();
  CLI::App* forward = app.add_subcommand("tokenize", "Text to token ids: hearth tokenize MODEL -p TEXT");
  forward->add_option("MODEL,-m,--model", flags->path, "a model, a folder with tokenizer.json, or that file")->required();
  forward->add_option("-p,--prompt", flags->text, "the text (default: stdin)");
  forward->add_option("-f,--file", flags->file, "a file with the text");
  forward->add_flag("--no-special", flags->no_special, "adds no beginning or end token");
  forward->add_flag("--json", flags->json, R"(prints {"ids": [...], "pieces": [...]})");
  forward->callback([=, &context] { context.exit = tokenize(*flags, context.surroundings); });

  CLI::App* back = app.add_subcommand("detokenize", "Token ids to text: hearth detokenize MODEL --ids 1,2,3");
  back->add_option("MODEL,-m,--model", flags->path, "a model, a folder with tokenizer.json, or that file")->required();
  back->add_option("--ids", flags->ids, "1,2,3 or a JSON file")->required();
  back->add_flag("--no-special", flags->no_special, "leaves special tokens out");
  back->add_flag("--json", flags->json, R"(prints {"text": ...})");
  back->callback([=, &context] { context.exit = detokenize(*flags, context.surroundings); });
}

}  // namespace cli
