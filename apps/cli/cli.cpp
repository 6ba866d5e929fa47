// The command line's shared parts.
#include "cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <mutex>
#include <sstream>

#include "terminal.h"

namespace cli {

int fail(const std::string& text) {
  std::string line = text;
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::fflush(stdout);
  fmt::print(stderr, "hearth: {}\n", line);
  return kFailed;
}

void ModelFlags::add_to(CLI::App& app, Use use) {
  app.add_option("MODEL", positional, "a folder, a .gguf, a baked file, or a name in the local Hugging Face cache");
  app.add_option("-m,--model", model, "the same, as a flag");
  app.add_option("--quant", quant, "none, q8_0, q4_0, q4_k, q5_k or q6_k (default: as the file is, or chosen by size)");
  app.add_option("--kv", kv, "what keys and values are kept as: f16 or q8_0, half the memory (default: f16)");
  app.add_option("--activations", activations, "how bf16 weights are multiplied: i16 (14 bits a number), f32 (exact, slower) or bf16 (least exact) (default: i16 where the machine can)");
  app.add_option("--target", target, "what to compile for (default: this machine; hearth doctor lists them)");
  app.add_option("-t,--threads", threads, "threads (default: one a core)")->check(CLI::Range(0, 1024));
  app.add_option("--dump", dump, "folder for the IR after each pass");
  if (use == Use::bake) return;
  app.add_option("--threads-decode", threads_decode, "threads of steps that memory limits, such as decoding (default: chosen by measuring)")
      ->check(CLI::Range(0, 1024));
  app.add_flag("--no-huge-pages", no_huge_pages, "leave weights on the file's pages, shared with other programs, where these are small and slower");
  app.add_option("-c,--ctx-size,--context", context, "positions to hold (default: the model's own, at most 4096)");
  app.add_option("--chunk", chunk, "prompt tokens a step (default: 512, served 256)");
  app.add_option("--md,--model-draft", draft, "a small model that drafts; the answer stays the same, it comes sooner where drafts are good");
  app.add_flag("--lookup", lookup, "draft from repetitions in the prompt and the answer");
  app.add_option("--draft-max", draft_most, "tokens a draft at most (default: 8)");
  app.add_flag("--context-shift", context_shift, "when the context is full, drop its oldest half instead of failing");
}

std::string ModelFlags::name(const Surroundings& surroundings) const {
  return !model.empty() ? model : !positional.empty() ? positional : surroundings.embedded;
}

Json ModelFlags::options(const Surroundings& surroundings, Use use) const {
  Json options = {{"model", name(surroundings)}, {"hub", surroundings.hub}};
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) options[key] = value;
  };
  set("quant", quant);
  set("kv", kv);
  set("activations", activations);
  set("target", target);
  set("dump", dump);
  if (threads > 0) options["threads"] = threads;
  if (use == Use::bake) return options;
  options["cache"] = surroundings.cache;
  if (threads_decode > 0) options["threads_decode"] = threads_decode;
  if (no_huge_pages) options["huge_pages"] = false;
  if (context != 0) options["context"] = context;
  if (chunk != 0) options["chunk"] = chunk;
  if (context_shift) options["on_full"] = "slide";
  set("draft", draft);
  if (lookup) options["lookup"] = true;
  if (draft_most > 0) options["draft_most"] = draft_most;
  return options;
}

std::optional<hearth::api::Model> open_model(const Json& options) {
  ProgressBar bar;
  std::mutex mutex;                              // bakers report from any thread
  auto model = hearth::api::Model::open(dump(options), [&](std::string_view stage, double done, double total) {
    const std::lock_guard lock(mutex);
    bar.show(stage, done, total);
  });
  if (model) return std::move(*model);
  fail(model.error);
  return std::nullopt;
}

std::optional<std::string> locate(const std::string& name, const Surroundings& surroundings) {
  auto path = hearth::api::locate(dump(Json{{"model", name}, {"hub", surroundings.hub}}));
  if (!path) fail(path.error);
  return path.value;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file && (text || file.peek() == EOF)) return text.str();
  fail(fmt::format("'{}': cannot be read", path));
  return std::nullopt;
}

bool write_file(const std::string& path, std::string_view contents) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
  file.close();
  if (file) return true;
  fail(fmt::format("'{}': cannot be written", path));
  return false;
}

std::optional<std::string> text_given(const std::optional<std::string>& text, const std::string& file) {
  if (text) return text;
  return file.empty() ? std::optional(read_all()) : read_file(file);
}

namespace {

std::optional<std::vector<int32_t>> ids_of(const Json& list) {
  std::vector<int32_t> ids;
  for (const Json& item : list) {
    if (!item.is_number_integer() || item.get<int64_t>() < 0 || item.get<int64_t>() > std::numeric_limits<int32_t>::max()) {
      fail(fmt::format("ids: '{}' is no id", dump(item).substr(0, 40)));
      return std::nullopt;
    }
    ids.push_back(static_cast<int32_t>(item.get<int64_t>()));
  }
  return ids;
}

// The list in a JSON text: itself, its "ids", or the ids of its "perplexity".
const Json* list_in(const Json& json) {
  if (json.is_array()) return &json;
  if (!json.is_object()) return nullptr;
  if (json.contains("ids")) return list_in(json["ids"]);
  return json.contains("perplexity") ? list_in(json["perplexity"]) : nullptr;
}

}  // namespace

std::optional<std::vector<int32_t>> ids_given(const std::string& text) {
  const bool is_list = text.find_first_not_of("0123456789, -[]\n") == std::string::npos;
  std::optional<std::string> source = text;
  if (is_list && text.find('[') == std::string::npos) source = "[" + text + "]";
  if (!is_list) source = read_file(text);
  if (!source) return std::nullopt;
  const Json json = Json::parse(*source, nullptr, false);
  const Json* list = json.is_discarded() ? nullptr : list_in(json);
  if (list != nullptr) return ids_of(*list);
  fail(fmt::format("ids: '{}': want 1,2,3 or a file with a JSON list of ids or an object with \"ids\"", text.substr(0, 80)));
  return std::nullopt;
}

Json parse_answer(const std::string& text) { return Json::parse(text, nullptr, false); }

std::string bytes_text(double bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(kUnits)) bytes /= 1024, ++unit;
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.2f} {}", bytes, kUnits[unit]);
}

std::string count_text(double count) {
  if (count >= 1e9) return fmt::format("{:.2f} B", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.2f} M", count / 1e6);
  return count >= 1e3 ? fmt::format("{:.2f} K", count / 1e3) : fmt::format("{:.0f}", count);
}

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cli
