// Interface to and from JSON; reading checks everything a later step relies on.
#include "artifact/interface.h"

#include <set>

#include "artifact/formula.h"

namespace hearth {
namespace {

constexpr const char* kWho = "interface";
constexpr int64_t kMostSize = int64_t{1} << 40;
constexpr int64_t kMostArena = int64_t{1} << 50;
constexpr size_t kMostSizes = 64;
constexpr size_t kMostName = 512;
constexpr int64_t kAlignment = 64;

struct RoleName {
  BufferRole role;
  const char* name;
};
constexpr RoleName kRoles[] = {
    {BufferRole::input, "input"},   {BufferRole::output, "output"},   {BufferRole::state, "state"},
    {BufferRole::weight, "weight"}, {BufferRole::scratch, "scratch"},
};

bool in_arena(BufferRole role) { return role != BufferRole::weight && role != BufferRole::state; }

Json to_json(const BufferRecord& buffer) {
  Json json = {{"name", buffer.name}, {"dtype", name_of(buffer.dtype)}, {"elements", buffer.elements}};
  for (const RoleName& row : kRoles)
    if (row.role == buffer.role) json["role"] = row.name;
  if (in_arena(buffer.role)) json["offset"] = buffer.offset;
  return json;
}

struct CostKey {
  const char* key;
  std::string KernelRecord::*formula;
};
constexpr CostKey kCosts[] = {
    {"bytes", &KernelRecord::bytes}, {"dots", &KernelRecord::dots}, {"floats", &KernelRecord::floats}};

Json to_json(const KernelRecord& kernel) {
  Json json = {{"symbol", kernel.symbol}, {"extent", kernel.extent}};
  for (const CostKey& cost : kCosts)
    if (!(kernel.*cost.formula).empty()) json[cost.key] = kernel.*cost.formula;
  return json;
}

Json to_json(const LaunchRecord& launch) {
  Json variants = Json::array();
  for (const VariantRecord& v : launch.variants)
    variants.push_back({{"kernel", v.kernel}, {"size", v.size}, {"at_least", v.at_least}, {"at_most", v.at_most}});
  return {{"variants", std::move(variants)}, {"buffers", launch.buffers}};
}

Json to_json(const ModelCard& model) {
  return {{"name", model.name},
          {"family", model.family},
          {"vocabulary", model.vocabulary},
          {"context", model.context},
          {"end_ids", model.end_ids},
          {"bos_id", model.bos_id},
          {"page_tokens", model.page_tokens},
          {"sliding_window", model.sliding_window},
          {"details", model.details}};
}

// Reading: one function a record; `who` names the record in errors.

Result<const Json*> get_array(const Json& json, const char* key, const std::string& who) {
  if (!json.is_object() || !json.contains(key)) return error("{}: '{}' is missing, want an array", who, key);
  const Json& array = json[key];
  if (!array.is_array()) return error("{}: '{}': got {}, want an array", who, key, array.type_name());
  return &array;
}

Result<int64_t> get_int_in(const Json& json, const char* key, const std::string& who, int64_t least, int64_t most) {
  TRY(const int64_t value, get_int(json, key, who));
  if (value < least || value > most) return error("{}: '{}': got {}, want {} to {}", who, key, value, least, most);
  return value;
}

Result<std::string> get_name(const Json& json, const char* key, const std::string& who) {
  TRY(std::string name, get_string(json, key, who));
  if (name.empty() || name.size() > kMostName || name.find('\0') != std::string::npos)
    return error("{}: '{}': got {} characters, want a name of 1 to {}", who, key, name.size(), kMostName);
  return name;
}

// A whole number in [0, limit); one too large for int64 reads as negative.
bool is_index(const Json& json, int64_t limit) {
  return json.is_number_integer() && json.get<int64_t>() >= 0 && json.get<int64_t>() < limit;
}

// The sizes of the file, and their values at both ends of the bounds.
struct Bounds {
  std::vector<std::string> names;
  std::vector<int64_t> least, most;
};

// A formula that parses and is not negative at either end of the bounds; its value at the upper end.
Result<int64_t> check_count(const std::string& text, const Bounds& bounds, const std::string& who) {
  auto formula = Formula::parse(text, bounds.names);
  if (!formula) return formula.within(who);
  for (const auto& values : {bounds.least, bounds.most}) {
    const auto value = formula->evaluate(values);
    if (!value) return value.within(who);
    if (*value < 0) return error("{}: '{}' is {} at the sizes' bounds, want 0 or more", who, text, *value);
  }
  return *formula->evaluate(bounds.most);
}

Result<Bounds> read_sizes(const Json& json, Interface* out) {
  TRY(const Json* array, get_array(json, "sizes", kWho));
  if (array->size() > kMostSizes) return error("{}: got {} sizes, want at most {}", kWho, array->size(), kMostSizes);
  Bounds bounds;
  for (const Json& item : *array) {
    const std::string who = fmt::format("{}: size {}", kWho, out->sizes.size());
    SizeRecord size;
    TRY(size.name, get_name(item, "name", who));
    TRY(size.at_least, get_int_in(item, "at_least", who, 0, kMostSize));
    TRY(size.at_most, get_int_in(item, "at_most", who, size.at_least, kMostSize));
    for (const std::string& name : bounds.names)
      if (name == size.name) return error("{}: '{}' is declared twice", who, name);
    const std::string self[] = {size.name};
    if (!Formula::parse(size.name, self) || size.name == "min" || size.name == "max")
      return error("{}: got the name '{}', want letters, digits and '_'", who, size.name);
    bounds.names.push_back(size.name);
    bounds.least.push_back(size.at_least);
    bounds.most.push_back(size.at_most);
    out->sizes.push_back(std::move(size));
  }
  return bounds;
}

Result<BufferRole> read_role(const Json& json, const std::string& who) {
  TRY(const std::string name, get_string(json, "role", who));
  for (const RoleName& row : kRoles)
    if (name == row.name) return row.role;
  return error("{}: 'role': got '{}', want input, output, state, weight or scratch", who, name);
}

Result<BufferRecord> read_buffer(const Json& json, const Bounds& bounds, int64_t arena_bytes, size_t index) {
  std::string who = fmt::format("{}: buffer {}", kWho, index);
  BufferRecord buffer;
  TRY(buffer.name, get_name(json, "name", who));
  who = fmt::format("{}: buffer '{}'", kWho, buffer.name);
  TRY(const std::string type, get_string(json, "dtype", who));
  const auto dtype = dtype_of(type);
  if (!dtype) return error("{}: 'dtype': got '{}', want a type such as f32, i8 or u8", who, type);
  buffer.dtype = *dtype;
  TRY(buffer.role, read_role(json, who));
  TRY(buffer.elements, get_string(json, "elements", who));
  TRY(const int64_t elements, check_count(buffer.elements, bounds, who));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(elements, static_cast<int64_t>(bytes_of(buffer.dtype)), &bytes))
    return error("{}: got {} elements, want fewer than 2^63 bytes", who, elements);
  if (buffer.role == BufferRole::weight) {
    const auto least = Formula::parse(buffer.elements, bounds.names)->evaluate(bounds.least);
    if (!least || *least != elements)
      return error("{}: '{}' changes with a size, want a weight's constant", who, buffer.elements);
  }
  if (!in_arena(buffer.role)) return buffer;
  TRY(buffer.offset, get_int_in(json, "offset", who, 0, arena_bytes));
  if (buffer.offset % kAlignment != 0)
    return error("{}: got offset {}, want a multiple of {}", who, buffer.offset, kAlignment);
  if (bytes > arena_bytes - buffer.offset)
    return error("{}: got {} bytes at offset {}, want them inside the arena's {}", who, bytes, buffer.offset,
                 arena_bytes);
  return buffer;
}

Result<Done> read_buffers(const Json& json, const Bounds& bounds, Interface* out) {
  TRY(const Json* array, get_array(json, "buffers", kWho));
  std::set<std::string> names;
  for (const Json& item : *array) {
    TRY(BufferRecord buffer, read_buffer(item, bounds, out->arena_bytes, out->buffers.size()));
    if (!names.insert(buffer.name).second) return error("{}: buffer '{}' is declared twice", kWho, buffer.name);
    out->buffers.push_back(std::move(buffer));
  }
  return Done{};
}

Result<Done> read_kernels(const Json& json, const Bounds& bounds, Interface* out) {
  TRY(const Json* array, get_array(json, "kernels", kWho));
  std::set<std::string> symbols;
  for (const Json& item : *array) {
    const std::string who = fmt::format("{}: kernel {}", kWho, out->kernels.size());
    KernelRecord kernel;
    TRY(kernel.symbol, get_name(item, "symbol", who));
    TRY(kernel.extent, get_string(item, "extent", who));
    TRY_DONE(check_count(kernel.extent, bounds, fmt::format("{}: kernel '{}'", kWho, kernel.symbol)));
    for (const CostKey& cost : kCosts) {
      if (!has(item, cost.key)) continue;
      TRY(kernel.*cost.formula, get_string(item, cost.key, who));
      const auto formula = Formula::parse(kernel.*cost.formula, bounds.names);
      if (!formula) return formula.within(fmt::format("{}: kernel '{}': '{}'", kWho, kernel.symbol, cost.key));
    }
    if (!symbols.insert(kernel.symbol).second) return error("{}: '{}' is declared twice", who, kernel.symbol);
    out->kernels.push_back(std::move(kernel));
  }
  return Done{};
}

Result<VariantRecord> read_variant(const Json& json, const Bounds& bounds, const Interface& in,
                                   const std::string& who) {
  const auto last_kernel = static_cast<int64_t>(in.kernels.size()) - 1;
  VariantRecord variant;
  TRY(const int64_t kernel, get_int_in(json, "kernel", who, 0, last_kernel));
  variant.kernel = static_cast<int>(kernel);
  TRY(variant.size, get_string(json, "size", who));
  const auto formula = Formula::parse(variant.size, bounds.names);
  if (!formula) return formula.within(who);
  TRY(variant.at_least, get_int(json, "at_least", who));
  TRY(variant.at_most, get_int_in(json, "at_most", who, variant.at_least, INT64_MAX));
  return variant;
}

Result<Done> read_launches(const Json& json, const Bounds& bounds, Interface* out) {
  TRY(const Json* array, get_array(json, "launches", kWho));
  for (const Json& item : *array) {
    const std::string who = fmt::format("{}: launch {}", kWho, out->launches.size());
    LaunchRecord launch;
    TRY(const Json* variants, get_array(item, "variants", who));
    if (variants->empty()) return error("{}: got no variants, want at least 1", who);
    for (const Json& variant : *variants) {
      TRY(VariantRecord record, read_variant(variant, bounds, *out, who));
      launch.variants.push_back(std::move(record));
    }
    TRY(const Json* buffers, get_array(item, "buffers", who));
    for (const Json& index : *buffers) {
      if (!is_index(index, static_cast<int64_t>(out->buffers.size())))
        return error("{}: got buffer {}, want an index below {}", who, dump(index).substr(0, 40), out->buffers.size());
      launch.buffers.push_back(index.get<int>());
    }
    out->launches.push_back(std::move(launch));
  }
  return Done{};
}

Result<ModelCard> read_model(const Json& json) {
  const std::string who = "interface: model";
  if (!json.is_object()) return error("{}: got {}, want an object", who, json.type_name());
  ModelCard model;
  TRY(model.name, get_string(json, "name", who));
  TRY(model.family, get_string(json, "family", who));
  TRY(model.vocabulary, get_int_in(json, "vocabulary", who, 0, kMostSize));
  TRY(model.context, get_int_in(json, "context", who, 0, kMostSize));
  TRY(const Json* ends, get_array(json, "end_ids", who));
  for (const Json& id : *ends) {
    if (!is_index(id, INT32_MAX)) return error("{}: 'end_ids': got {}, want token ids", who, dump(id).substr(0, 40));
    model.end_ids.push_back(id.get<int64_t>());
  }
  TRY(model.bos_id, get_int_in(json, "bos_id", who, -1, INT32_MAX));
  TRY(const int64_t page_tokens, get_int_in(json, "page_tokens", who, 1, 65536));
  model.page_tokens = static_cast<int>(page_tokens);
  TRY(model.sliding_window, get_int_in(json, "sliding_window", who, 0, kMostSize));
  if (json.contains("details")) model.details = json["details"];
  return model;
}

}  // namespace

Json to_json(const Interface& interface) {
  Json sizes = Json::array(), buffers = Json::array(), kernels = Json::array(), launches = Json::array();
  for (const SizeRecord& size : interface.sizes)
    sizes.push_back({{"name", size.name}, {"at_least", size.at_least}, {"at_most", size.at_most}});
  for (const BufferRecord& buffer : interface.buffers) buffers.push_back(to_json(buffer));
  for (const KernelRecord& kernel : interface.kernels) kernels.push_back(to_json(kernel));
  for (const LaunchRecord& launch : interface.launches) launches.push_back(to_json(launch));
  return {{"version", interface.version},     {"target", interface.target},      {"arch", interface.arch},
          {"features", interface.features},   {"sizes", std::move(sizes)},       {"buffers", std::move(buffers)},
          {"kernels", std::move(kernels)},    {"launches", std::move(launches)}, {"arena_bytes", interface.arena_bytes},
          {"model", to_json(interface.model)}};
}

Result<Interface> interface_from_json(const Json& json) {
  if (!json.is_object()) return error("{}: got {}, want an object", kWho, json.type_name());
  Interface out;
  TRY(const int64_t version, get_int(json, "version", kWho));
  if (version != kArtifactVersion)
    return error("{}: got version {}, want {} (bake the model again with this Hearth)", kWho, version,
                 kArtifactVersion);
  TRY(out.target, get_name(json, "target", kWho));
  if (has(json, "arch")) {
    TRY(out.arch, get_string(json, "arch", kWho));
  }
  if (has(json, "features")) {
    TRY(out.features, get_string(json, "features", kWho));
  }
  TRY(out.arena_bytes, get_int_in(json, "arena_bytes", kWho, 0, kMostArena));
  TRY(const Bounds bounds, read_sizes(json, &out));
  TRY_DONE(read_buffers(json, bounds, &out));
  TRY_DONE(read_kernels(json, bounds, &out));
  TRY_DONE(read_launches(json, bounds, &out));
  if (!json.contains("model")) return error("{}: 'model' is missing, want an object", kWho);
  TRY(out.model, read_model(json["model"]));
  return out;
}

}  // namespace hearth
