// The command line's shared parts: what commands are, how MODEL is named, how failures read.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hearth.hpp"

namespace cli {

using Json = nlohmann::ordered_json;

// Exit codes: 0 done, 1 failed, 2 wrong command line, 130 stopped by Ctrl-C.
enum Exit { kDone = 0, kFailed = 1, kUsage = 2, kInterrupted = 130 };

// What the environment says; read once, in main().
struct Surroundings {
  std::string cache;                       // folder for baked models, "": none
  std::vector<std::string> hub;            // Hugging Face caches
  std::string embedded;                    // the model that comes with Hearth, "": not found
  bool color = false;                      // stdout is a terminal and NO_COLOR is not set
};

struct Context {
  Surroundings surroundings;
  int exit = kDone;
};

// Prints `hearth: text` as one line on stderr; returns kFailed.
int fail(const std::string& text);

// The flags that name a model and say how it is baked and run.
struct ModelFlags {
  std::string model, positional, quant, kv, activations, target, dump;
  int threads = 0, threads_decode = 0;
  int64_t context = 0, chunk = 0;
  bool context_shift = false, lookup = false, no_huge_pages = false;
  std::string draft;
  int64_t draft_most = 0;

  enum class Use { open, bake };
  void add_to(CLI::App& app, Use use);
  // The name given by -m, by position, or the embedded model's; empty if there is none.
  std::string name(const Surroundings& surroundings) const;
  // Options for hearth_open and its kin, as JSON.
  Json options(const Surroundings& surroundings, Use use = Use::open) const;
};

// Opens with a progress bar on a terminal. On failure the line is printed already.
std::optional<hearth::api::Model> open_model(const Json& options);

// An existing path, or the path of a cached model. On failure the line is printed already.
std::optional<std::string> locate(const std::string& name, const Surroundings& surroundings);

// Text of -p, -f or stdin, whichever was given. On failure the line is printed already.
std::optional<std::string> text_given(const std::optional<std::string>& text, const std::string& file);
std::optional<std::string> read_file(const std::string& path);
bool write_file(const std::string& path, std::string_view contents);      // false: the line is printed already

// "1,2,3" or a JSON list, or a file with a list or an object with "ids". On failure the line is printed already.
std::optional<std::vector<int32_t>> ids_given(const std::string& text);

// Answers of the API are JSON that we wrote ourselves.
Json parse_answer(const std::string& text);
// Text for a person: 1.5 GiB, 24.65 M.
std::string bytes_text(double bytes);
std::string count_text(double count);
// Any text, bytes that are no UTF-8 replaced.
std::string dump(const Json& json, int indent = -1);

// One function a command; each adds its flags and what it does.
void add_run(CLI::App& app, Context& context);
void add_bake(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_perplexity(CLI::App& app, Context& context);
void add_tokenize(CLI::App& app, Context& context);
void add_template(CLI::App& app, Context& context);
void add_logits(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_serve(CLI::App& app, Context& context);
void add_top(CLI::App& app, Context& context);

}  // namespace cli
