// logits: writes the logits of every position of some ids as a safetensors file.
#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "cli.h"

namespace cli {
namespace {

struct LogitsFlags {
  ModelFlags model;
  std::string ids, out;
};

// One tensor `logits`, F32 [rows, columns]: u64 length of the header, the header padded to 8 bytes, the numbers.
std::string safetensors(const std::vector<float>& values, size_t rows, size_t columns) {
  const size_t bytes = values.size() * sizeof(float);
  std::string header = dump(Json{{"logits", {{"dtype", "F32"}, {"shape", {rows, columns}}, {"data_offsets", {0, bytes}}}}});
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const uint64_t size = header.size();
  std::string file(sizeof size, '\0');
  std::memcpy(file.data(), &size, sizeof size);
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), bytes);
  return file;
}

int logits(const LogitsFlags& flags, const Surroundings& surroundings) {
  const auto ids = ids_given(flags.ids);
  if (!ids) return kFailed;
  Json options = flags.model.options(surroundings);
  if (!options.contains("context")) options["context"] = ids->size();
  const auto model = open_model(options);
  if (!model) return kFailed;
  auto description = model->describe();
  if (!description) return fail(description.error);
  const auto vocabulary = parse_answer(*description).value("vocabulary", size_t{0});
  auto values = model->logits(*ids, vocabulary);
  if (!values) return fail(values.error);
  return write_file(flags.out, safetensors(*values, ids->size(), vocabulary)) ? kDone : kFailed;
}

}  // namespace

void add_logits(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("logits", "Logits of every position: hearth logits MODEL --ids 1,2,3 --out F.safetensors");
  auto flags = std::make_shared<LogitsFlags>();
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->add_option("--ids", flags->ids, "1,2,3 or a JSON file")->required();
  command->add_option("-o,--out", flags->out, "the file to write: tensor logits [n, vocabulary] F32")->required();
  command->callback([=, &context] { context.exit = logits(*flags, context.surroundings); });
}

}  // namespace cli
