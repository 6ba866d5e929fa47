// Describe: reads the artifact's interface and the machine's own files; computes nothing but sums.
#include "api/describe.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "artifact/formula.h"
#include "bake/probe.h"
#include "base/memory.h"
#include "targets/target.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShownContext = 4096;          // what an engine holds when nobody asks for more

Json card_of(const ModelCard& card) {
  return {{"name", card.name},           {"family", card.family},
          {"vocabulary", card.vocabulary}, {"context", card.context},
          {"end_ids", card.end_ids},     {"bos_id", card.bos_id},
          {"page_tokens", card.page_tokens}, {"sliding_window", card.sliding_window},
          {"details", card.details}};
}

std::string quant_of(const ModelCard& card) {
  const bool known = card.details.is_object() && has(card.details, "quant") && card.details["quant"].is_string();
  return known ? card.details["quant"].get<std::string>() : std::string();
}

struct TensorBytes {
  uint64_t weights = 0, code = 0, all = 0;
  int64_t weight_count = 0;
};

TensorBytes sum_tensors(const Artifact& artifact) {
  TensorBytes sum;
  for (const auto& [name, bytes] : artifact.tensors()) {
    sum.all += bytes.size();
    if (name.starts_with("code/")) {
      sum.code += bytes.size();
    } else if (name != "tokenizer.json" && name != "chat_template") {
      sum.weights += bytes.size();
      ++sum.weight_count;
    }
  }
  return sum;
}

const char* name_of_role(BufferRole role) {
  constexpr const char* kNames[] = {"input", "output", "state", "weight", "scratch"};
  return kNames[static_cast<int>(role)];
}

// Upper bounds of every size; pages as many as the shown context takes.
std::vector<int64_t> bounds_of(const Interface& interface, int64_t context) {
  std::vector<int64_t> bounds;
  for (const SizeRecord& size : interface.sizes) {
    const int64_t page = std::max(1, interface.model.page_tokens);
    bounds.push_back(size.name == "pages" ? (context + page - 1) / page : size.at_most);
  }
  return bounds;
}

// Every buffer but the weights, and the bytes of all states at `context` positions.
Result<Json> memory_plan(const Interface& interface, int64_t context) {
  std::vector<std::string> names;
  for (const SizeRecord& size : interface.sizes) names.push_back(size.name);
  const std::vector<int64_t> bounds = bounds_of(interface, context);
  Json buffers = Json::array();
  int64_t state_bytes = 0;
  for (const BufferRecord& buffer : interface.buffers) {
    if (buffer.role == BufferRole::weight) continue;
    TRY(const Formula formula, Formula::parse(buffer.elements, names));
    TRY(const int64_t elements, formula.evaluate(bounds));
    const int64_t bytes = elements * bytes_of(buffer.dtype);
    if (buffer.role == BufferRole::state) state_bytes += bytes;
    buffers.push_back({{"name", buffer.name}, {"role", name_of_role(buffer.role)}, {"dtype", std::string(name_of(buffer.dtype))},
                       {"elements", buffer.elements}, {"bytes", bytes}, {"offset", buffer.offset}});
  }
  return Json{{"arena_bytes", interface.arena_bytes}, {"state_bytes", state_bytes}, {"context", context}, {"buffers", buffers}};
}

Json kernels_of(const Interface& interface) {
  std::vector<int64_t> uses(interface.kernels.size());
  for (const LaunchRecord& launch : interface.launches) {
    for (const VariantRecord& variant : launch.variants) {
      if (variant.kernel >= 0 && variant.kernel < static_cast<int64_t>(uses.size())) ++uses[variant.kernel];
    }
  }
  Json kernels = Json::array();
  for (size_t i = 0; i < interface.kernels.size(); ++i) {
    const KernelRecord& kernel = interface.kernels[i];
    kernels.push_back({{"symbol", kernel.symbol}, {"extent", kernel.extent}, {"launches", uses[i]}});
    if (!kernel.bytes.empty()) kernels.back().update({{"bytes", kernel.bytes}, {"dots", kernel.dots}, {"floats", kernel.floats}});
  }
  return kernels;
}

// The rest of the first line of a /proc file that begins with `key`.
std::string line_of(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    const size_t at = line.find_first_not_of(" \t:", key.size());
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

Json describe_cache(const std::string& folder) {
  int64_t files = 0, bytes = 0;
  std::error_code failed;
  if (!folder.empty()) {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed)) {
      const auto size = entry.file_size(failed);
      if (failed || entry.path().extension() != ".hearth") continue;
      ++files;
      bytes += static_cast<int64_t>(size);
    }
  }
  return {{"folder", folder}, {"files", files}, {"bytes", bytes}};
}

}  // namespace

Json describe_model(OpenModel& model) {
  Json json = card_of(model.engine.card());
  const TensorBytes bytes = sum_tensors(model.artifact);
  json["model_context"] = json["context"];
  json["context"] = model.engine.context();
  json["target"] = model.artifact.interface().target;
  json["quant"] = quant_of(model.engine.card());
  json["artifact"] = model.artifact.path();
  json["memory_bytes"] = model.engine.executable().memory_bytes();
  json["weight_bytes"] = bytes.weights;
  json["code_bytes"] = bytes.code;
  json["device"] = model.engine.executable().device().describe();
  json["has_tokenizer"] = model.engine.has_tokenizer();
  json["has_template"] = model.engine.chat_template() != nullptr;
  return json;
}

Result<Json> show_artifact(const Artifact& artifact) {
  const Interface& interface = artifact.interface();
  Json json = card_of(interface.model);
  const TensorBytes bytes = sum_tensors(artifact);
  const int64_t context = std::min(interface.model.context > 0 ? interface.model.context : kShownContext, kShownContext);
  TRY(const Json plan, memory_plan(interface, context));
  json["artifact"] = artifact.path();
  json["target"] = interface.target;
  json["quant"] = quant_of(interface.model);
  json["bytes"] = {{"file", bytes.all}, {"weights", bytes.weights}, {"code", bytes.code}};
  json["weight_count"] = bytes.weight_count;
  json["memory_plan"] = plan;
  json["kernels"] = kernels_of(interface);
  json["launches"] = interface.launches.size();
  Json sizes = Json::array();
  for (const SizeRecord& size : interface.sizes) {
    sizes.push_back({{"name", size.name}, {"at_least", size.at_least}, {"at_most", size.at_most}});
  }
  json["sizes"] = sizes;
  json["has_tokenizer"] = artifact.has_tensor("tokenizer.json");
  json["has_template"] = artifact.has_tensor("chat_template");
  return json;
}

Result<Json> describe_machine(const std::string& cache) {
  Json json;
  json["cpu"] = line_of("/proc/cpuinfo", "model name");
  json["cores"] = std::thread::hardware_concurrency();
  json["memory_bytes"] = machine_memory();
  json["memory_free_bytes"] = available_memory();
  Json targets = Json::array();
  for (const std::string& name : target_names()) {
    TRY(const Target target, find_target(name));
    const auto runs = runs_here(target);
    targets.push_back({{"name", name}, {"runs", runs.ok()}, {"why", runs.ok() ? "" : runs.message()}});
  }
  json["targets"] = targets;
  TRY(const Target native, find_target("native"));
  json["target"] = native.name;
  json["target_cpu"] = native.cpu;
  json["vector_bytes"] = native.vector_bytes;
  json["devices"] = device_names();
  TRY(const std::unique_ptr<Device> device, open_device("cpu", {}));
  json["device"] = device->describe();
  json["cache"] = describe_cache(cache);
  return json;
}

Result<Json> measure_machine(int threads) {
  TRY(const Target native, find_target("native"));
  TRY(const Probe probe, probe_machine(native, threads));
  return Json{{"threads", probe.threads}, {"read_bytes", probe.read_bytes}, {"dots", probe.dots}, {"floats", probe.floats}};
}

}  // namespace hearth
