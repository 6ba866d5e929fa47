// template: renders a chat template with the messages of a JSON file, and prints exactly that.
#include <fmt/format.h>

#include <memory>

#include "cli.h"
#include "terminal.h"

namespace cli {
namespace {

struct TemplateFlags {
  std::string path, file;
};

int render(const TemplateFlags& flags, const Surroundings& surroundings) {
  const auto path = locate(flags.path, surroundings);
  if (!path) return kFailed;
  const auto text = flags.file == "-" ? std::optional(read_all()) : read_file(flags.file);
  if (!text) return kFailed;
  Json variables = Json::parse(*text, nullptr, false);
  if (!variables.is_object()) return fail(fmt::format("template: '{}': want a JSON object with \"messages\"", flags.file));
  // a row of recorded cases says where it comes from and what came out: no variables of the template
  for (const char* key : {"template", "name", "rendered", "error"}) variables.erase(key);
  auto rendered = hearth::api::template_render(*path, dump(variables));
  if (!rendered) return fail(rendered.error);
  std::fwrite(rendered->data(), 1, rendered->size(), stdout);
  return kDone;
}

}  // namespace

void add_template(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("template", "Renders a chat template: hearth template FILE_OR_MODEL --json CASE.json");
  auto flags = std::make_shared<TemplateFlags>();
  command->add_option("FILE_OR_MODEL,-m,--model", flags->path, "a .jinja file or a model")->required();
  command->add_option("--json", flags->file, "messages, tools, now and other variables (-: stdin)")->required();
  command->callback([=, &context] { context.exit = render(*flags, context.surroundings); });
}

}  // namespace cli
