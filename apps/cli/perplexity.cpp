// perplexity: mean negative log likelihood over windows, each scored from fresh state.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "cli.h"
#include "terminal.h"

namespace cli {
namespace {

struct PerplexityFlags {
  ModelFlags model;
  std::string file, ids;
  size_t window = 512;
  bool json = false;
};

struct Score {
  std::vector<double> windows;                   // mean per predicted token
  double sum = 0;
  size_t tokens = 0;
};

// Whole windows without overlap; a text shorter than one window is one window.
std::optional<Score> score(const hearth::api::Model& model, const std::vector<int32_t>& ids, size_t window) {
  Score score;
  ProgressBar bar;
  window = std::min(window, ids.size());
  for (size_t first = 0; first + window <= ids.size(); first += window) {
    const auto sum = model.nll(ids.data() + first, window);
    if (!sum) {
      fail(sum.error);
      return std::nullopt;
    }
    score.sum += *sum.value;
    score.tokens += window - 1;
    score.windows.push_back(*sum.value / static_cast<double>(window - 1));
    bar.show("score", static_cast<double>(first + window), static_cast<double>(ids.size()));
  }
  return score;
}

int perplexity(const PerplexityFlags& flags, const Surroundings& surroundings) {
  if (flags.file.empty() == flags.ids.empty()) return fail("perplexity: want one of -f TEXTFILE and --ids");
  Json options = flags.model.options(surroundings);
  if (!options.contains("context")) options["context"] = flags.window;
  const auto model = open_model(options);
  if (!model) return kFailed;
  std::optional<std::vector<int32_t>> ids;
  if (!flags.ids.empty()) {
    ids = ids_given(flags.ids);
    if (!ids) return kFailed;
  } else {
    const auto text = read_file(flags.file);
    if (!text) return kFailed;
    auto found = model->tokenize(*text, true);
    if (!found) return fail(found.error);
    ids = std::move(*found);
  }
  if (ids->size() < 2) return fail(fmt::format("perplexity: got {} tokens, want at least 2", ids->size()));
  const auto result = score(*model, *ids, flags.window);
  if (!result) return kFailed;
  double mean = 0;                               // windows are equally long, so this is the mean per token too
  for (double window : result->windows) mean += window / static_cast<double>(result->windows.size());
  const size_t left_out = ids->size() % std::min(flags.window, ids->size());
  if (flags.json) {
    fmt::print("{}\n", dump(Json{{"mean_nll", mean}, {"perplexity", std::exp(mean)}, {"windows", result->windows.size()},
                                 {"tokens", result->tokens}, {"left_out", left_out}, {"nll_per_window", result->windows}}));
    return kDone;
  }
  fmt::print("mean NLL   {:.6f}\nperplexity {:.4f}\nscored     {} tokens in {} windows of {}\n", mean, std::exp(mean),
             result->tokens, result->windows.size(), std::min(flags.window, ids->size()));
  if (left_out > 0) fmt::print("left out   {} tokens after the last whole window\n", left_out);
  return kDone;
}

}  // namespace

void add_perplexity(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("perplexity", "How well a model predicts a text: hearth perplexity MODEL -f FILE");
  auto flags = std::make_shared<PerplexityFlags>();
  flags->model.add_to(*command, ModelFlags::Use::open);
  command->add_option("-f,--file", flags->file, "a text");
  command->add_option("--ids", flags->ids, "1,2,3 or a file: a JSON list, or an object with \"ids\"");
  command->add_option("--window", flags->window, "tokens a window (default: 512)")->check(CLI::Range(2, 1 << 24));
  command->add_flag("--json", flags->json, "prints mean_nll, perplexity, nll_per_window, ...");
  command->callback([=, &context] { context.exit = perplexity(*flags, context.surroundings); });
}

}  // namespace cli
