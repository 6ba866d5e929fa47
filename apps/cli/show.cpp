// show: the card of a model: sizes, quantization, memory plan, kernels, code.
#include <fmt/format.h>

#include <memory>

#include "cli.h"

namespace cli {
namespace {

struct ShowFlags {
  ModelFlags model;
  std::string ir;
  bool json = false;
};

double number(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? json[key].get<double>() : 0;
}

std::string value_text(const Json& value) { return value.is_string() ? value.get<std::string>() : dump(value); }

void print_row(int indent, const std::string& name, const std::string& value) {
  fmt::print("{:{}}{:<{}} {}\n", "", indent, name, 22 - indent, value);
}

// Objects as indented rows; what is no object on one line.
void print_details(const Json& details, int indent) {
  for (const auto& item : details.items()) {
    if (item.value().is_object() && !item.value().empty()) {
      print_row(indent, item.key(), "");
      print_details(item.value(), indent + 2);
    } else if (item.value().is_array() && !item.value().empty() && item.value()[0].is_object()) {
      print_row(indent, item.key(), "");
      for (const Json& row : item.value()) {
        std::string line;
        for (const auto& cell : row.items()) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", cell.key(), value_text(cell.value()));
        fmt::print("{:{}}{}\n", "", indent + 2, line);
      }
    } else {
      print_row(indent, item.key(), value_text(item.value()));
    }
  }
}

void print_memory(const Json& plan) {
  fmt::print("\nmemory plan\n");
  print_row(2, "arena", bytes_text(number(plan, "arena_bytes")));
  print_row(2, "states", fmt::format("{} at {:.0f} positions", bytes_text(number(plan, "state_bytes")), number(plan, "context")));
  fmt::print("  {:<28} {:<8} {:<5} {:>12} {:>12}  {}\n", "buffer", "role", "type", "offset", "bytes", "elements");
  for (const Json& buffer : plan.value("buffers", Json::array())) {
    const double offset = number(buffer, "offset");
    fmt::print("  {:<28} {:<8} {:<5} {:>12} {:>12}  {}\n", buffer.value("name", ""), buffer.value("role", ""),
               buffer.value("dtype", ""), offset < 0 ? "own" : fmt::format("{:.0f}", offset), number(buffer, "bytes"),
               buffer.value("elements", ""));
  }
}

void print_kernels(const Json& card) {
  const Json kernels = card.value("kernels", Json::array());
  fmt::print("\nkernels     {} in {:.0f} launches, {} of code for {}\n", kernels.size(), number(card, "launches"),
             bytes_text(number(card.value("bytes", Json::object()), "code")), card.value("target", ""));
  fmt::print("  {:<48} {:>5}  {}\n", "symbol", "uses", "parallel iterations");
  for (const Json& kernel : kernels) {
    fmt::print("  {:<48} {:>5}  {}\n", kernel.value("symbol", ""), number(kernel, "launches"), kernel.value("extent", ""));
  }
}

void print_card(const Json& card) {
  const Json bytes = card.value("bytes", Json::object());
  print_row(0, "name", card.value("name", ""));
  print_row(0, "family", card.value("family", ""));
  print_row(0, "target", card.value("target", ""));
  if (!card.value("quant", "").empty()) print_row(0, "quantization", card.value("quant", ""));
  print_row(0, "vocabulary", fmt::format("{:.0f}", number(card, "vocabulary")));
  print_row(0, "context", fmt::format("{:.0f}", number(card, "context")));
  if (number(card, "sliding_window") > 0) print_row(0, "sliding window", fmt::format("{:.0f}", number(card, "sliding_window")));
  print_row(0, "end ids", dump(card.value("end_ids", Json::array())));
  print_row(0, "weights", fmt::format("{} in {:.0f} tensors", bytes_text(number(bytes, "weights")), number(card, "weight_count")));
  print_row(0, "code", bytes_text(number(bytes, "code")));
  print_row(0, "file", fmt::format("{} {}", bytes_text(number(bytes, "file")), card.value("artifact", "")));
  print_row(0, "tokenizer, template", fmt::format("{}, {}", card.value("has_tokenizer", false) ? "yes" : "no",
                                                  card.value("has_template", false) ? "yes" : "no"));
  fmt::print("\ndetails\n");
  print_details(card.value("details", Json::object()), 2);
  print_memory(card.value("memory_plan", Json::object()));
  print_kernels(card);
}

int show(const ShowFlags& flags, const Surroundings& surroundings) {
  if (flags.model.name(surroundings).empty()) return fail("show: no MODEL given, want a folder, a .gguf, a baked file or a name");
  Json options = flags.model.options(surroundings);
  if (!flags.ir.empty()) options["ir"] = flags.ir;
  auto answer = hearth::api::show(dump(options));
  if (!answer) return fail(answer.error);
  const Json card = parse_answer(*answer);
  if (flags.json) {
    fmt::print("{}\n", dump(card, 2));
  } else if (!flags.ir.empty()) {
    fmt::print("{}", card.value("ir", ""));
  } else {
    print_card(card);
  }
  return kDone;
}

}  // namespace

void add_show(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("show", "The card of a model: sizes, quantization, memory plan, kernels, code");
  auto flags = std::make_shared<ShowFlags>();
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->add_option("--ir", flags->ir, "prints the IR after this pass instead");
  command->add_flag("--json", flags->json, "as JSON");
  command->callback([=, &context] { context.exit = show(*flags, context.surroundings); });
}

}  // namespace cli
