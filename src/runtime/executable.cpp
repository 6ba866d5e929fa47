// Executable: lays buffers into memory once, resolves launches for given sizes, and remembers what it resolved.
#include "runtime/executable.h"

#include <algorithm>
#include <chrono>

#include "artifact/formula.h"
#include "base/check.h"

namespace hearth {
namespace {

constexpr size_t kMostResolved = 32;  // lists kept; a decode step changes its sizes once a page

struct Buffer {
  Formula elements;
  Memory memory;  // where its elements live and how many bytes may be used
  uint64_t page_bytes = 0;  // of a state: what one page more would take
  std::vector<std::byte> seen;  // what view() copied
};

struct Variant {
  int kernel = 0;
  Formula size;
  int64_t at_least = 0, at_most = 0;
};

struct Resolved {
  std::vector<int64_t> sizes;
  std::vector<Call> calls;
  uint64_t used = 0;  // the tick of its last run
};

// What a profile knows of a kernel.
struct Counted {
  Formula bytes, dots, floats;
  bool costs_known = false;
  int64_t calls = 0;
  double bytes_sum = 0, dots_sum = 0, floats_sum = 0;  // of all calls; beyond 2^63 in a long run
};

std::string shown(const Interface& interface, std::span<const int64_t> sizes) {
  std::string text;
  for (size_t i = 0; i < sizes.size(); ++i)
    text += fmt::format("{}{} = {}", i ? ", " : "", interface.sizes[i].name, sizes[i]);
  return text;
}

// A formula that has no value at these sizes counts nothing: a profile is no reason to fail.
double value_of(const Formula& formula, std::span<const int64_t> sizes) {
  const auto value = formula.evaluate(sizes);
  return value ? static_cast<double>(*value) : 0;
}

}  // namespace

struct Executable::Impl {
  std::shared_ptr<Device> device;
  Artifact artifact;  // keeps the mapped weights
  SizeValues fixed;
  std::vector<std::string> names;  // of sizes
  std::vector<int64_t> most;       // upper bounds; a fixed size's own value
  std::vector<Buffer> buffers;
  std::vector<std::vector<Variant>> launches;
  std::vector<Formula> extents;  // by kernel
  std::vector<Memory> owned;     // the arena, then each state
  uint64_t memory_bytes = 0;
  std::vector<Resolved> resolved;
  uint64_t tick = 0;
  bool profiling = false;
  int64_t profiled_runs = 0;
  std::vector<Counted> counted;  // by kernel
  Measured measured;

  ~Impl() {
    if (profiling) device->measure(nullptr);
    for (const Memory& memory : owned) device->free(memory);
  }

  const Interface& interface() const { return artifact.interface(); }
  Result<Done> set_sizes();
  Result<Memory> own(uint64_t bytes);
  Result<Done> lay_buffers();
  Result<Done> parse_launches();
  Result<Done> load_code();
  Result<std::vector<int64_t>> values_of(const SizeValues& given) const;
  Result<uint64_t> bytes_of_buffer(size_t index, std::span<const int64_t> sizes) const;
  Result<uint64_t> bytes_of_page(size_t index) const;
  Result<Resolved> resolve(std::vector<int64_t> sizes) const;
  Result<const Resolved*> find_or_resolve(const std::vector<int64_t>& sizes);
  Result<Done> run_counted(const Resolved& list);
  Result<Buffer*> find(const std::string& name);
  Result<Buffer*> find_to_read(const std::string& name, uint64_t bytes, uint64_t byte_offset);
};

// Upper bounds, with the fixed sizes at their values.
Result<Done> Executable::Impl::set_sizes() {
  for (const SizeRecord& size : interface().sizes) {
    names.push_back(size.name);
    const auto it = fixed.find(size.name);
    most.push_back(it == fixed.end() ? size.at_most : it->second);
    if (most.back() < size.at_least || most.back() > size.at_most)
      return error("runtime: size '{}' is {}, want {} to {}", size.name, most.back(), size.at_least, size.at_most);
  }
  for (const auto& [name, value] : fixed)
    if (std::find(names.begin(), names.end(), name) == names.end())
      return error("runtime: size '{}' is unknown, want one of: {}", name, fmt::join(names, ", "));
  return Done{};
}

Result<Memory> Executable::Impl::own(uint64_t bytes) {
  TRY(const Memory memory, device->allocate(bytes));
  owned.push_back(memory);
  memory_bytes += bytes;
  return memory;
}

Result<uint64_t> Executable::Impl::bytes_of_buffer(size_t index, std::span<const int64_t> sizes) const {
  const BufferRecord& record = interface().buffers[index];
  const auto elements = buffers[index].elements.evaluate(sizes);
  if (!elements) return elements.within(fmt::format("runtime: buffer '{}'", record.name));
  int64_t bytes = 0;
  if (*elements < 0 || __builtin_mul_overflow(*elements, static_cast<int64_t>(bytes_of(record.dtype)), &bytes))
    return error("runtime: buffer '{}': got {} elements at {}", record.name, *elements, shown(interface(), sizes));
  return static_cast<uint64_t>(bytes);
}

Result<uint64_t> Executable::Impl::bytes_of_page(size_t index) const {
  const auto pages = std::find(names.begin(), names.end(), "pages");
  if (pages == names.end()) return uint64_t{0};
  std::vector<int64_t> one_more = most;
  ++one_more[static_cast<size_t>(pages - names.begin())];
  TRY(const uint64_t now, bytes_of_buffer(index, most));
  TRY(const uint64_t then, bytes_of_buffer(index, one_more));
  return then > now ? then - now : uint64_t{0};
}

Result<Done> Executable::Impl::lay_buffers() {
  TRY(const Memory arena, own(static_cast<uint64_t>(interface().arena_bytes)));
  for (const BufferRecord& record : interface().buffers) {
    TRY(Formula elements, Formula::parse(record.elements, names));
    buffers.push_back({std::move(elements), {}, 0, {}});
    TRY(const uint64_t bytes, bytes_of_buffer(buffers.size() - 1, most));
    Memory& memory = buffers.back().memory;
    if (record.role == BufferRole::weight) {
      TRY(const Bytes tensor, artifact.tensor(record.name));
      if (tensor.size() != bytes)
        return error("runtime: weight '{}': got {} bytes, want {}", record.name, tensor.size(), bytes);
      TRY(memory, device->adopt(tensor));
    } else if (record.role == BufferRole::state) {
      auto owned_memory = own(bytes);
      if (!owned_memory) return owned_memory.within(fmt::format("runtime: state '{}'", record.name));
      memory = *owned_memory;
      TRY(buffers.back().page_bytes, bytes_of_page(buffers.size() - 1));
    } else {
      const auto offset = static_cast<uint64_t>(record.offset);
      if (offset > arena.bytes || bytes > arena.bytes - offset)
        return error("runtime: buffer '{}' ends at {}, want it inside the arena's {} bytes", record.name,
                     offset + bytes, arena.bytes);
      memory = {static_cast<std::byte*>(arena.address) + offset, bytes};
    }
  }
  return Done{};
}

Result<Done> Executable::Impl::parse_launches() {
  for (const KernelRecord& kernel : interface().kernels) {
    TRY(Formula extent, Formula::parse(kernel.extent, names));
    extents.push_back(std::move(extent));
    Counted& counts = counted.emplace_back();
    counts.costs_known = !kernel.bytes.empty() && !kernel.dots.empty() && !kernel.floats.empty();
    if (!counts.costs_known) continue;
    TRY(counts.bytes, Formula::parse(kernel.bytes, names));
    TRY(counts.dots, Formula::parse(kernel.dots, names));
    TRY(counts.floats, Formula::parse(kernel.floats, names));
  }
  for (const LaunchRecord& record : interface().launches) {
    std::vector<Variant> variants;
    for (const VariantRecord& variant : record.variants) {
      TRY(Formula size, Formula::parse(variant.size, names));
      variants.push_back({variant.kernel, std::move(size), variant.at_least, variant.at_most});
    }
    launches.push_back(std::move(variants));
  }
  return Done{};
}

Result<Done> Executable::Impl::load_code() {
  std::vector<std::string> symbols;
  for (const KernelRecord& kernel : interface().kernels) symbols.push_back(kernel.symbol);
  if (symbols.empty()) return Done{};
  TRY(const Bytes code, artifact.tensor("code/" + interface().target));
  if (!interface().arch.empty()) {
    const auto runs = device->can_run(interface().arch, interface().features);
    if (!runs)
      return error("runtime: '{}' was baked for {}: {} (bake it for this machine)", artifact.path(), interface().target,
                   runs.message());
  }
  return device->load_code(code, symbols);
}

Result<Executable> Executable::load(std::shared_ptr<Device> device, const Artifact& artifact, const SizeValues& fixed) {
  auto impl = std::make_shared<Impl>();
  impl->device = std::move(device);
  impl->artifact = artifact;
  impl->fixed = fixed;
  TRY_DONE(impl->set_sizes());
  TRY_DONE(impl->lay_buffers());
  TRY_DONE(impl->parse_launches());
  TRY_DONE(impl->load_code());
  Executable executable;
  executable.impl_ = std::move(impl);
  return executable;
}

// Every size in the interface's order, from `given` or `fixed`, within its bounds.
Result<std::vector<int64_t>> Executable::Impl::values_of(const SizeValues& given) const {
  std::vector<int64_t> values;
  size_t used = 0;
  for (const SizeRecord& size : interface().sizes) {
    const auto mine = fixed.find(size.name), theirs = given.find(size.name);
    if (theirs != given.end()) ++used;
    if (mine == fixed.end() && theirs == given.end()) return error("runtime: size '{}' is missing", size.name);
    const int64_t value = theirs != given.end() ? theirs->second : mine->second;
    if (mine != fixed.end() && value != mine->second)
      return error("runtime: size '{}' is {}, want {} as fixed when loaded", size.name, value, mine->second);
    if (value < size.at_least || value > size.at_most)
      return error("runtime: size '{}' is {}, want {} to {}", size.name, value, size.at_least, size.at_most);
    values.push_back(value);
  }
  if (used == given.size()) return values;
  for (const auto& [name, value] : given)
    if (std::find(names.begin(), names.end(), name) == names.end())
      return error("runtime: size '{}' is unknown, want one of: {}", name, fmt::join(names, ", "));
  return values;
}

// Checks that every buffer has room at these sizes (a formula need not be largest at the bounds), then picks variants.
Result<Resolved> Executable::Impl::resolve(std::vector<int64_t> sizes) const {
  for (size_t i = 0; i < buffers.size(); ++i) {
    TRY(const uint64_t bytes, bytes_of_buffer(i, sizes));
    if (bytes > buffers[i].memory.bytes)
      return error("runtime: buffer '{}' has {} bytes, want {} at {}", interface().buffers[i].name,
                   buffers[i].memory.bytes, bytes, shown(interface(), sizes));
  }
  Resolved list;
  for (size_t i = 0; i < launches.size(); ++i) {
    const Variant* chosen = nullptr;
    for (const Variant& variant : launches[i]) {
      TRY(const int64_t size, variant.size.evaluate(sizes));
      if (size < variant.at_least || size > variant.at_most) continue;
      chosen = &variant;
      break;
    }
    if (!chosen) return error("runtime: launch {} has no variant at {}", i, shown(interface(), sizes));
    Call call;
    call.kernel = chosen->kernel;
    TRY(call.extent, extents[static_cast<size_t>(chosen->kernel)].evaluate(sizes));
    if (call.extent <= 0) continue;
    const Counted& counts = counted[static_cast<size_t>(chosen->kernel)];
    call.bytes = value_of(counts.bytes, sizes);
    call.operations = value_of(counts.dots, sizes) + value_of(counts.floats, sizes);
    for (const int index : interface().launches[i].buffers)
      call.buffers.push_back(buffers[static_cast<size_t>(index)].memory.address);
    list.calls.push_back(std::move(call));
  }
  list.sizes = std::move(sizes);
  return list;
}

Result<const Resolved*> Executable::Impl::find_or_resolve(const std::vector<int64_t>& sizes) {
  ++tick;
  for (Resolved& list : resolved) {
    if (list.sizes != sizes) continue;
    list.used = tick;
    return &list;
  }
  TRY(Resolved fresh, resolve(sizes));
  fresh.used = tick;
  if (resolved.size() < kMostResolved) return &resolved.emplace_back(std::move(fresh));
  auto oldest = std::min_element(resolved.begin(), resolved.end(),
                                 [](const Resolved& a, const Resolved& b) { return a.used < b.used; });
  *oldest = std::move(fresh);
  return &*oldest;
}

Result<Done> Executable::Impl::run_counted(const Resolved& list) {
  ++profiled_runs;
  for (const Call& call : list.calls) {
    Counted& counts = counted[static_cast<size_t>(call.kernel)];
    ++counts.calls;
    counts.bytes_sum += value_of(counts.bytes, list.sizes);
    counts.dots_sum += value_of(counts.dots, list.sizes);
    counts.floats_sum += value_of(counts.floats, list.sizes);
  }
  return device->launch(list.calls, list.sizes);
}

Result<Done> Executable::run(const SizeValues& sizes) {
  TRY(const std::vector<int64_t> values, impl_->values_of(sizes));
  TRY(const Resolved* list, impl_->find_or_resolve(values));
  if (impl_->profiling) return impl_->run_counted(*list);
  return impl_->device->launch(list->calls, list->sizes);
}

Result<Buffer*> Executable::Impl::find(const std::string& name) {
  for (size_t i = 0; i < buffers.size(); ++i) {
    const BufferRecord& record = interface().buffers[i];
    if (record.name != name) continue;
    if (record.role == BufferRole::weight || record.role == BufferRole::scratch)
      return error("runtime: buffer '{}' is inside, want an input, an output or a state", name);
    return &buffers[i];
  }
  return error("runtime: buffer '{}' is unknown", name);
}

Result<Done> Executable::copy_page(int64_t from, int64_t to) {
  for (const Buffer& buffer : impl_->buffers) {
    if (buffer.page_bytes == 0) continue;
    const auto at = [&](int64_t page) { return static_cast<uint64_t>(page) * buffer.page_bytes; };
    const auto last = static_cast<int64_t>(buffer.memory.bytes / buffer.page_bytes);
    if (from < 0 || to < 0 || from >= last || to >= last)
      return error("runtime: page {} to {}, want 0 .. {}", from, to, last - 1);
    TRY_DONE(impl_->device->copy(buffer.memory, at(from), at(to), buffer.page_bytes));
  }
  return Done{};
}

Result<Done> Executable::write(const std::string& buffer, Bytes data, uint64_t byte_offset) {
  TRY(const Buffer* found, impl_->find(buffer));
  if (byte_offset > found->memory.bytes || data.size() > found->memory.bytes - byte_offset)
    return error("runtime: buffer '{}': got {} bytes at {}, want at most {}", buffer, data.size(), byte_offset,
                 found->memory.bytes);
  return impl_->device->upload(found->memory, byte_offset, data);
}

Result<Buffer*> Executable::Impl::find_to_read(const std::string& name, uint64_t bytes, uint64_t byte_offset) {
  TRY(Buffer* found, find(name));
  if (byte_offset > found->memory.bytes || bytes > found->memory.bytes - byte_offset)
    return error("runtime: buffer '{}': got {} bytes at {}, want them inside its {}", name, bytes, byte_offset,
                 found->memory.bytes);
  TRY_DONE(device->synchronize());
  return found;
}

Result<Done> Executable::read(const std::string& buffer, std::span<std::byte> data, uint64_t byte_offset) {
  TRY(const Buffer* found, impl_->find_to_read(buffer, data.size(), byte_offset));
  return impl_->device->download(found->memory, byte_offset, data);
}

Result<Bytes> Executable::view(const std::string& buffer, uint64_t bytes, uint64_t byte_offset) {
  TRY(Buffer* found, impl_->find_to_read(buffer, bytes, byte_offset));
  const std::byte* address = impl_->device->host_address(found->memory);
  if (address) return Bytes{address + byte_offset, bytes};
  found->seen.resize(bytes);
  TRY_DONE(impl_->device->download(found->memory, byte_offset, found->seen));
  return Bytes{found->seen};
}

void Executable::enable_profile(bool on) {
  impl_->profiling = on;
  impl_->device->measure(on ? &impl_->measured : nullptr);
  if (!on) return;
  impl_->profiled_runs = 0;
  impl_->measured = {};
  for (Counted& counts : impl_->counted) counts.calls = 0, counts.bytes_sum = counts.dots_sum = counts.floats_sum = 0;
}

Json Executable::profile() const {
  const Measured& measured = impl_->measured;
  Json kernels = Json::object();
  for (size_t i = 0; i < impl_->counted.size(); ++i) {
    const Counted& counts = impl_->counted[i];
    if (counts.calls == 0) continue;
    Json& kernel = kernels[interface().kernels[i].symbol];
    const int64_t ns = i < measured.kernel_ns.size() ? measured.kernel_ns[i] / measured.threads : 0;
    kernel = {{"calls", counts.calls}, {"ns", ns}};
    if (counts.costs_known)
      kernel.update({{"bytes", counts.bytes_sum}, {"dots", counts.dots_sum}, {"floats", counts.floats_sum}});
  }
  return {{"runs", impl_->profiled_runs},
          {"threads", measured.threads},
          {"waiting_ns", measured.waiting_ns / measured.threads},
          {"kernels", std::move(kernels)}};
}

const Interface& Executable::interface() const { return impl_->artifact.interface(); }
Device& Executable::device() const { return *impl_->device; }
uint64_t Executable::memory_bytes() const { return impl_->memory_bytes; }

}  // namespace hearth
