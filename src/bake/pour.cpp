// pour: encodes, reorders and packs weights by kernels made for this machine.
#include "bake/pour.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/native_code.h"
#include "codegen/code.h"
#include "quant/layout.h"
#include "quant/prepare_kernels.h"
#include "quant/scheme.h"

namespace hearth {
namespace {

constexpr int64_t kStripBytes = 16 << 20;
using NativeKernel = void(void* const*, const int64_t*, int64_t, int64_t);

// One matrix of a prepared weight: a param, its rows perhaps reordered, perhaps encoded.
struct Source {
  const Tensor* tensor = nullptr;
  int64_t rows = 0, columns = 0, stored_row_bytes = 0;
  int64_t rope_heads = 0;
  std::string from, scheme;              // equal: as stored
};

Source source_of(const Graph& graph, Value v, const Checkpoint& checkpoint) {
  Source source;
  const Node* node = &graph[v];
  if (node->op == "encode") {
    source.scheme = node->text("scheme");
    source.columns = node->integer("columns");
    node = &graph[node->args[0]];
  }
  if (node->op == "unpair_rows") {
    source.rope_heads = node->integer("heads");
    node = &graph[node->args[0]];
  }
  CHECK(node->op == "param", "a prepared weight comes from {}", node->op);
  source.tensor = &checkpoint.tensors.at(node->text("name"));
  source.from = node->text("stored");
  if (source.scheme.empty()) source.scheme = source.from;
  source.stored_row_bytes = node->integer("row_bytes");
  source.rows = static_cast<int64_t>(node->reals("shape")[0]);
  return source;
}

// The stored row that becomes row r, undoing GGUF's order of rotary pairs.
int64_t stored_row(const Source& source, int64_t r) {
  if (source.rope_heads == 0) return r;
  const int64_t size = source.rows / source.rope_heads, half = size / 2;
  const int64_t head = r / size, within = r % size;
  return head * size + (within % half) * 2 + within / half;
}

// How rows are packed: what a `pack` node says, and row order for everything else.
struct Packing {
  std::string storage;
  int64_t panel = 1, together = 1, word = 4;

  explicit Packing(const Node& node) : storage(node.text("storage")) {
    if (node.op != "pack") return;
    panel = node.integer("panel");
    together = node.integer("together", 1);
    word = node.integer("word", 4);
  }
  Storage2D elements() const {
    const Scheme* scheme = find_scheme(storage);
    return scheme ? storage_of(*scheme) : storage_of(*dtype_of(storage), static_cast<int>(together));
  }
  std::string kernel() const { return fmt::format("pack_{}x{}_{}x{}", storage, together, panel, word); }
  Layout layout() const { return {static_cast<int>(panel), static_cast<int>(word)}; }
};

std::string encode_name(const std::string& scheme, const std::string& from) { return fmt::format("encode_{}_{}", scheme, from); }

// The kernels a prepare graph needs, by name.
std::map<std::string, Kernel> kernels_of(const Graph& graph) {
  std::map<std::string, Kernel> kernels;
  for (const Node& node : graph.nodes) {
    if (node.op == "pack") {
      const Packing packing(node);
      kernels[packing.kernel()] = pack_kernel(packing.elements(), packing.layout());
    }
    if (node.op == "encode")
      kernels[encode_name(node.text("scheme"), node.text("from"))] =
          encode_kernel(*find_scheme(node.text("scheme")), *dtype_of(node.text("from")));
    if (node.op == "widen") kernels["widen_" + node.text("from")] = widen_kernel(*dtype_of(node.text("from")));
  }
  return kernels;
}

class Pourer {
 public:
  Pourer(const Graph& graph, const Checkpoint& checkpoint, ArtifactWriter& writer, ThreadPool& pool,
         const std::function<void(double)>& on_bytes)
      : graph_(graph), checkpoint_(checkpoint), writer_(writer), pool_(pool), on_bytes_(on_bytes) {}

  Result<Done> run() {
    TRY_DONE(compile());
    for (const Output& output : graph_.outputs) {
      const std::span<std::byte> to = writer_.tensor(output.name);
      pour_one(output.value, to);
      done_ += static_cast<double>(to.size());
      if (on_bytes_) on_bytes_(done_);
      writer_.done_with(output.name);
    }
    return Done{};
  }

 private:
  Result<Done> compile() {
    Program program;
    constexpr int64_t kMost = int64_t{1} << 40;
    for (const char* size : {"rows", "columns", "panels", "blocks_per_row", "elements"}) program.sizes.push_back({size, 0, kMost});
    for (auto& [name, kernel] : kernels_of(graph_)) {
      program.kernels.push_back(kernel);
      program.kernels.back().name = name;
    }
    if (program.kernels.empty()) return Done{};
    TRY(Target host, find_target("native"));
    TRY(Code code, emit(program, host, pool_.threads()));
    TRY(native_, NativeCode::load(Bytes(code.bytes)));
    return Done{};
  }

  struct Sizes {
    int64_t rows = 0, columns = 0, panels = 0, blocks_per_row = 0, elements = 0;
  };

  void call(const std::string& kernel, std::vector<void*> buffers, const Sizes& sizes, int64_t extent) {
    auto* function = native_.find_as<NativeKernel>(kernel);
    CHECK(function, "no kernel '{}'", kernel);
    const int64_t values[] = {sizes.rows, sizes.columns, sizes.panels, sizes.blocks_per_row, sizes.elements};
    const int64_t grain = std::max<int64_t>(1, extent / (pool_.threads() * 8));
    pool_.parallel_for(extent, grain, [&](int64_t first, int64_t last) { function(buffers.data(), values, first, last); });
  }

  static void* address(Bytes bytes) { return const_cast<std::byte*>(bytes.data()); }

  void pour_one(Value v, std::span<std::byte> to) {
    const Node& node = graph_[v];
    if (node.op == "constant") return pour_constant(node, to);
    if (node.op == "widen") return pour_vector(node, to);
    const Value rows = node.op == "pack" ? node.args[0] : v;
    std::vector<Value> parts{rows};
    if (graph_[rows].op == "concat_rows") parts = graph_[rows].args;
    std::vector<Source> sources;
    for (Value part : parts) sources.push_back(source_of(graph_, part, checkpoint_));
    pour_rows(sources, Packing(node), graph_.type(rows).shape[1].value(), to);
  }

  static void pour_constant(const Node& node, std::span<std::byte> to) {
    std::vector<float> values(node.reals("values").begin(), node.reals("values").end());
    std::memcpy(to.data(), values.data(), values.size() * sizeof(float));
  }

  void pour_vector(const Node& node, std::span<std::byte> to) {
    const Node& inner = graph_[node.args[0]];
    const Source source = source_of(graph_, node.args[0], checkpoint_);
    Bytes from = source.tensor->bytes;
    std::vector<std::byte> ordered;
    if (inner.op == "unpair_rows") {
      ordered.resize(from.size());
      for (int64_t r = 0; r < source.rows; ++r)
        std::memcpy(&ordered[r * source.stored_row_bytes], &from[stored_row(source, r) * source.stored_row_bytes],
                    source.stored_row_bytes);
      from = ordered;
    }
    const int64_t elements = node.integer("elements");
    call("widen_" + node.text("from"), {address(from), to.data()}, {.elements = elements}, (elements + kWidenChunk - 1) / kWidenChunk);
  }

  // Rows of all sources in strips of whole panels: gathered (and encoded) into a strip, then packed.
  void pour_rows(const std::vector<Source>& sources, const Packing& packing, int64_t row_bytes, std::span<std::byte> to) {
    const int64_t panel = packing.panel;
    int64_t total = 0;
    for (const Source& source : sources) total += source.rows;
    const int64_t strip_rows = std::max<int64_t>(panel, kStripBytes / row_bytes / panel * panel);
    std::vector<std::byte> strip;
    for (int64_t first = 0; first < total; first += strip_rows) {
      const int64_t rows = std::min(strip_rows, total - first);
      strip.resize(static_cast<size_t>(rows * row_bytes));
      gather(sources, first, rows, row_bytes, strip);
      std::byte* out = to.data() + first * row_bytes;
      if (panel == 1) {
        std::memcpy(out, strip.data(), strip.size());
        continue;
      }
      const int64_t panels = (rows + panel - 1) / panel;
      std::vector<int64_t> row_map(static_cast<size_t>(panels * panel), -1);
      for (int64_t r = 0; r < rows; ++r) row_map[static_cast<size_t>(r)] = r;
      const int64_t blocks = row_bytes / packing.elements().block_bytes;
      call(packing.kernel(), {strip.data(), row_map.data(), out}, {.panels = panels, .blocks_per_row = blocks}, panels);
    }
  }

  // Rows [first, first + rows) of the sources one under the other, as they shall be stored, in row order.
  void gather(const std::vector<Source>& sources, int64_t first, int64_t rows, int64_t row_bytes, std::vector<std::byte>& strip) {
    int64_t start = 0;
    for (const Source& source : sources) {
      const int64_t from = std::max(first, start), until = std::min(first + rows, start + source.rows);
      if (from < until) {
        std::byte* out = strip.data() + (from - first) * row_bytes;
        if (source.scheme == source.from) copy_rows(source, from - start, until - from, out);
        else encode_rows(source, from - start, until - from, out);
        drop_pages(source.tensor->bytes.subspan((from - start) * source.stored_row_bytes, (until - from) * source.stored_row_bytes));
      }
      start += source.rows;
    }
  }

  void copy_rows(const Source& source, int64_t first, int64_t rows, std::byte* out) {
    const std::byte* in = source.tensor->bytes.data();
    const int64_t bytes = source.stored_row_bytes;
    pool_.parallel_for(rows, std::max<int64_t>(1, rows / (pool_.threads() * 4)), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) std::memcpy(out + r * bytes, in + stored_row(source, first + r) * bytes, bytes);
    });
  }

  void encode_rows(const Source& source, int64_t first, int64_t rows, std::byte* out) {
    const Sizes sizes{.rows = rows, .columns = source.columns};
    const std::string kernel = encode_name(source.scheme, source.from);
    if (source.rope_heads == 0) {
      call(kernel, {address(source.tensor->bytes.subspan(first * source.stored_row_bytes)), out}, sizes, rows);
      return;
    }
    std::vector<std::byte> ordered(static_cast<size_t>(rows * source.stored_row_bytes));
    copy_rows(source, first, rows, ordered.data());
    call(kernel, {ordered.data(), out}, sizes, rows);
  }

  const Graph& graph_;
  const Checkpoint& checkpoint_;
  ArtifactWriter& writer_;
  ThreadPool& pool_;
  const std::function<void(double)>& on_bytes_;
  NativeCode native_;
  double done_ = 0;
};

}  // namespace

std::vector<TensorSlot> prepared_sizes(const Graph& prepare) {
  std::vector<TensorSlot> slots;
  for (const Output& output : prepare.outputs) {
    const TensorType& type = prepare.type(output.value);
    int64_t elements = 1;
    for (const Dim& extent : type.shape) elements *= extent.value();
    slots.push_back({output.name, static_cast<uint64_t>(elements * bytes_of(type.dtype))});
  }
  return slots;
}

Result<Done> pour(const Graph& prepare, const Checkpoint& checkpoint, ArtifactWriter& writer, ThreadPool& pool,
                  const std::function<void(double done)>& on_bytes) {
  return Pourer(prepare, checkpoint, writer, pool, on_bytes).run();
}

}  // namespace hearth
