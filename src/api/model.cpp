// Model: a cache entry is named by its content, written beside and renamed, so processes at once never meet half a file.
#include "api/model.h"

#include <atomic>
#include <filesystem>

#include "api/adapters.h"
#include "api/seen.h"
#include "api/sources.h"
#include "base/memory.h"
#include "weights/checkpoint.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr auto kStalePart = std::chrono::hours(24);

// A name no other process or thread uses at this moment.
std::string unique_suffix(const void* here) {
  return fmt::format("{}-{:x}", getpid(), reinterpret_cast<uintptr_t>(here));
}

// What a killed process left of a bake.
void remove_stale_parts(const std::string& folder) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
    if (entry.path().string().find(".part") == std::string::npos) continue;
    const auto written = entry.last_write_time(failed);
    if (!failed && fs::file_time_type::clock::now() - written > kStalePart) fs::remove(entry.path(), failed);
  }
}

Result<Done> make_folder(const std::string& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return error("cache: '{}': cannot be made: {}; name another with XDG_CACHE_HOME", path, failed.message());
  return Done{};
}

// Bakes beside `path`, then renames: another process sees nothing or all of it.
Result<Done> bake_into(Order order, const std::string& path) {
  const std::string part = fmt::format("{}.{}.part", path, unique_suffix(&order));
  order.out = part;
  std::error_code failed;
  auto baked = bake(order);
  if (!baked.ok()) {
    fs::remove(part, failed);
    return baked;
  }
  fs::rename(part, path, failed);
  if (!failed) return Done{};
  std::error_code ignored;
  fs::remove(part, ignored);
  return error("cache: '{}': cannot be renamed to '{}': {}", part, path, failed.message());
}

Result<Artifact> bake_for_now(const Order& order) {
  std::error_code failed;
  fs::path folder = "/var/tmp";                  // on a disk; /tmp is often memory
  if (!fs::is_directory(folder, failed)) folder = "/tmp";
  const std::string path = (folder / fmt::format("hearth-{}.hearth", unique_suffix(&order))).string();
  TRY_DONE(bake_into(order, path));
  auto artifact = Artifact::open(path);          // the mapping lives on without its name
  fs::remove(path, failed);
  return artifact;
}

Result<Artifact> open_cached(const ModelOptions& options, const Order& order) {
  // A source seen before is not read at all: its vocabulary alone would take longer than the rest of a warm start.
  const std::string stamps = stamps_of(order), seen = find_seen(options.cache, stamps);
  if (!seen.empty() && options.dump.empty()) {
    auto artifact = Artifact::open(fmt::format("{}/{}.hearth", options.cache, seen));
    if (artifact.ok()) return artifact;
  }
  TRY(const Checkpoint checkpoint, open_checkpoint(order.model));
  TRY(const std::string key, cache_key(checkpoint, order));
  TRY_DONE(make_folder(options.cache));
  const std::string path = fmt::format("{}/{}.hearth", options.cache, key);
  std::error_code failed;
  if (fs::exists(path, failed) && options.dump.empty()) {
    auto artifact = Artifact::open(path);
    if (artifact.ok()) {
      note_seen(options.cache, stamps, key);
      return artifact;
    }                                            // a damaged one is baked again
  }
  remove_stale_parts(options.cache);
  TRY_DONE(bake_into(order, path));
  note_seen(options.cache, stamps, key);
  return Artifact::open(path);
}

Result<Done> check_plain(const ModelOptions& options, const std::string& path, const Artifact& artifact) {
  if (!options.quant.empty()) {
    return error("model: '{}' is baked already, --quant {} has no effect on it; bake its source again", path, options.quant);
  }
  if (!options.kv.empty()) {
    return error("model: '{}' is baked already, --kv {} has no effect on it; bake its source again", path, options.kv);
  }
  if (!options.activations.empty()) {
    return error("model: '{}' is baked already, --activations {} has no effect on it; bake its source again", path,
                 options.activations);
  }
  if (options.target != "native" && options.target != artifact.interface().target) {
    return error("model: '{}' is baked for {}, --target {} has no effect on it; bake its source again", path,
                 artifact.interface().target, options.target);
  }
  return Done{};
}

}  // namespace

namespace {

// From the first tensor of the file to the last.
Bytes all_tensors(const Artifact& artifact) {
  const std::byte *first = nullptr, *last = nullptr;
  for (const auto& [name, tensor] : artifact.tensors()) {
    if (!first || tensor.data() < first) first = tensor.data();
    last = std::max(last, tensor.data() + tensor.size());
  }
  return {first, last};
}

void load(Bytes weights, const std::function<bool()>& go_on) {
  constexpr size_t kPiece = size_t{16} << 20;
  for (size_t at = 0; at < weights.size() && go_on(); at += kPiece)
    load_pages(weights.subspan(at, std::min(kPiece, weights.size() - at)));
}

}  // namespace

// Weights that would fill the memory are left to come as they are used. Where the file is not on huge pages (it depends on the file
// system, and on how torn memory was when the file was read) a copy is, if both have room.
Loader::Loader(const Artifact& artifact, bool huge_pages) {
  const uint64_t bytes = all_tensors(artifact).size();
  if (bytes > machine_memory() / 2) return;
  thread_ = std::jthread([artifact, huge_pages, bytes](const std::stop_token& stop) {
    const auto go_on = [&] { return !stop.stop_requested(); };
    const Bytes weights = all_tensors(artifact);
    load(weights, go_on);
    if (!huge_pages || !go_on() || available_memory() / 2 < bytes || bytes_on_huge_pages(weights) > bytes / 10 * 9) return;
    move_to_huge_pages(weights, go_on);
  });
}

void Loader::wait() {
  if (thread_.joinable()) thread_.join();
}

const std::vector<std::string>& ModelOptions::keys() {
  static const std::vector<std::string> keys = {
      "model",   "quant", "kv",    "activations", "target", "threads", "threads_decode",
      "context", "chunk", "cache", "on_full",     "hub",    "dump",    "draft",
      "lookup",  "draft_most", "adapters", "huge_pages", "load_first", "pages"};
  return keys;
}

namespace {

Result<std::map<std::string, std::string>> read_adapters(const Options& options) {
  std::map<std::string, std::string> adapters;
  if (!options.has("adapters")) return adapters;
  if (!options["adapters"].is_object()) return options.wrong_type("adapters", "an object of name: folder");
  for (const auto& item : options["adapters"].items()) {
    if (!item.value().is_string()) return error("model: adapter '{}': got {}, want a folder", item.key(), item.value().type_name());
    adapters[item.key()] = item.value().get<std::string>();
  }
  return adapters;
}

}  // namespace

Result<ModelOptions> ModelOptions::read(const Options& options) {
  ModelOptions read;
  TRY(read.model, options.text("model", ""));
  TRY(read.quant, options.text("quant", ""));
  TRY(read.kv, options.text("kv", ""));
  TRY(read.activations, options.text("activations", ""));
  TRY(read.target, options.text("target", "native"));
  if (read.target.empty()) read.target = "native";
  TRY(read.dump, options.text("dump", ""));
  TRY(read.cache, options.text("cache", ""));
  TRY(read.hub, options.texts("hub"));
  TRY(const int64_t threads, options.integer("threads", 0, {0, 1024}));
  read.threads = static_cast<int>(threads);
  TRY(const int64_t threads_decode, options.integer("threads_decode", 0, {0, 1024}));
  read.threads_decode = static_cast<int>(threads_decode);
  TRY(read.huge_pages, options.flag("huge_pages", true));
  TRY(read.load_first, options.flag("load_first", false));
  TRY(read.engine.context, options.integer("context", 0, {0, 1 << 30}));
  TRY(read.engine.pages, options.integer("pages", 0, {0, 1 << 24}));
  TRY(read.engine.chunk, options.integer("chunk", EngineOptions{}.chunk, {1, 1 << 20}));
  TRY(const std::string on_full, options.text("on_full", "fail"));
  if (on_full != "fail" && on_full != "slide") return error("model: 'on_full' is '{}', want fail or slide", on_full);
  read.engine.on_full = on_full == "slide" ? OnFull::slide : OnFull::fail;
  TRY(read.adapters, read_adapters(options));
  TRY(read.draft, options.text("draft", ""));
  TRY(const bool lookup, options.flag("lookup", false));
  if (!read.draft.empty() && lookup) return error("model: both 'draft' and 'lookup', want one of them");
  read.engine.speculation = !read.draft.empty() ? Speculation::model : lookup ? Speculation::lookup : Speculation::off;
  TRY(const int64_t most, options.integer("draft_most", EngineOptions{}.draft_most, {1, 64}));
  read.engine.draft_most = static_cast<int>(most);
  return read;
}

Result<Order> order_of(const ModelOptions& options, const OnProgress& on_progress) {
  TRY(const std::string path, find_model(options.model, options.hub));
  TRY(const SourceKind kind, kind_of(path));
  if (kind == SourceKind::text) return error("model: '{}' is neither a folder, a .gguf file nor an artifact", path);
  if (kind == SourceKind::artifact) return error("model: '{}' is an artifact already; name what it was baked from", path);
  Order order;
  order.model = path;
  order.quant = options.quant;
  order.kv = options.kv;
  order.activations = options.activations;
  order.adapters = !options.adapters.empty();
  order.target = options.target;
  order.dump = options.dump;
  order.threads = options.threads;
  order.on_progress = on_progress;
  order.make_tokenizer = tokenizer_json_of_vocab;
  return order;
}

Result<Artifact> open_or_bake(const ModelOptions& options, const OnProgress& on_progress) {
  TRY(const std::string path, find_model(options.model, options.hub));
  TRY(const SourceKind kind, kind_of(path));
  if (kind == SourceKind::artifact) {
    TRY(Artifact artifact, Artifact::open(path));
    TRY_DONE(check_plain(options, path, artifact));
    return artifact;
  }
  TRY(const Order order, order_of(options, on_progress));
  return options.cache.empty() ? bake_for_now(order) : open_cached(options, order);
}

namespace {

Result<std::shared_ptr<Device>> open_cpu(const ModelOptions& options) {
  TRY(std::shared_ptr<Device> device,
      open_device("cpu", {.threads = options.threads, .threads_decode = options.threads_decode}));
  return device;
}

Result<std::shared_ptr<Drafter>> open_drafter(const ModelOptions& options, int64_t pages,
                                              const OnProgress& on_progress) {
  if (options.draft.empty()) return std::shared_ptr<Drafter>();
  ModelOptions smaller = options;
  smaller.model = options.draft;
  smaller.quant.clear();
  smaller.adapters.clear();
  TRY(const Artifact artifact, open_or_bake(smaller, on_progress));
  TRY(std::shared_ptr<Device> device, open_cpu(options));
  TRY(std::unique_ptr<Drafter> drafter, draft_model(artifact, std::move(device), pages));
  return std::shared_ptr<Drafter>(std::move(drafter));
}

Result<std::vector<Adapter>> open_adapters(const ModelOptions& options) {
  std::vector<Adapter> adapters;
  for (const auto& [name, folder] : options.adapters) {
    TRY(Adapter adapter, read_adapter(name, folder));
    adapters.push_back(std::move(adapter));
  }
  return adapters;
}

}  // namespace

int64_t pages_of_context(const Interface& interface, const EngineOptions& options) {
  const int64_t own = interface.model.context > 0 ? std::min(interface.model.context, kDefaultContext) : kDefaultContext;
  const int64_t context = options.context > 0 ? options.context : own;
  return (context + interface.model.page_tokens - 1) / interface.model.page_tokens;
}

Result<Engine> open_engine(const Artifact& artifact, const ModelOptions& options, const OnProgress& on_progress) {
  const int64_t one = pages_of_context(artifact.interface(), options.engine);
  const int64_t pages = options.engine.pages > 0 ? options.engine.pages : one;
  TRY(std::shared_ptr<Drafter> drafter, open_drafter(options, pages, on_progress));
  TRY(std::shared_ptr<Device> device, open_cpu(options));
  TRY(const std::vector<Adapter> adapters, open_adapters(options));
  EngineOptions with = options.engine;
  with.adapters = static_cast<int64_t>(adapters.size());
  for (const Adapter& adapter : adapters) {
    for (const AdapterMatrix& matrix : adapter.matrices) with.adapter_rank = std::max(with.adapter_rank, matrix.rank);
  }
  TRY(Engine engine, Engine::open(artifact, std::move(device), with, std::move(drafter)));
  for (const Adapter& adapter : adapters) TRY_DONE(engine.load_adapter(adapter));
  return engine;
}

Result<OpenModel> open_model(const ModelOptions& options, const OnProgress& on_progress) {
  TRY(Artifact artifact, open_or_bake(options, on_progress));
  auto loader = std::make_unique<Loader>(artifact, options.huge_pages);   // while the tokenizer is read
  TRY(Engine engine, open_engine(artifact, options, on_progress));
  if (options.load_first) loader->wait();
  return OpenModel{std::move(artifact), std::move(engine), options, std::move(loader)};
}

}  // namespace hearth
