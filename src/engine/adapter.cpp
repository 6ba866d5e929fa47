// Adapters: each matrix of a state has a slot an adapter, [rank, inputs] below and [outputs, rank] above.
#include "engine/adapter.h"

#include <algorithm>
#include <map>

#include "artifact/formula.h"

namespace hearth {
namespace {

const std::string kPrefix = "lora.", kDown = ".down", kUp = ".up";

// By matrix: columns of x and columns of the product.
struct Shape {
  int64_t inputs = 0, outputs = 0;
};

// What one adapter of rank 1 would take of a state.
Result<int64_t> width_of(const Interface& interface, const BufferRecord& state) {
  std::vector<std::string> names;
  for (const SizeRecord& size : interface.sizes) names.push_back(size.name);
  TRY(const Formula formula, Formula::parse(state.elements, names));
  return formula.evaluate(std::vector<int64_t>(names.size(), 1));
}

Result<std::map<std::string, Shape>> shapes_of(const Interface& interface) {
  std::map<std::string, Shape> shapes;
  for (const BufferRecord& buffer : interface.buffers) {
    if (buffer.role != BufferRole::state || !buffer.name.starts_with(kPrefix)) continue;
    if (buffer.dtype != DType::f32) return error("engine: state '{}' is not of f32", buffer.name);
    const std::string name = buffer.name.substr(kPrefix.size());
    TRY(const int64_t width, width_of(interface, buffer));
    if (name.ends_with(kDown)) shapes[name.substr(0, name.size() - kDown.size())].inputs = width;
    if (name.ends_with(kUp)) shapes[name.substr(0, name.size() - kUp.size())].outputs = width;
  }
  return shapes;
}

Result<Done> check(const Adapter& adapter, const std::map<std::string, Shape>& shapes, int64_t rank) {
  for (const AdapterMatrix& matrix : adapter.matrices) {
    const std::string who = fmt::format("engine: adapter '{}': '{}'", adapter.name, matrix.name);
    const auto shape = shapes.find(matrix.name);
    if (shape == shapes.end()) return error("{}: the model has no such matrix that adapters change", who);
    if (matrix.inputs != shape->second.inputs || matrix.outputs != shape->second.outputs) {
      return error("{}: got {} inputs and {} outputs, want {} and {}", who, matrix.inputs, matrix.outputs, shape->second.inputs,
                   shape->second.outputs);
    }
    if (matrix.rank < 1 || matrix.rank > rank) return error("{}: got rank {}, want 1 to {}", who, matrix.rank, rank);
    if (static_cast<int64_t>(matrix.down.size()) != matrix.rank * matrix.inputs ||
        static_cast<int64_t>(matrix.up.size()) != matrix.outputs * matrix.rank) {
      return error("{}: got {} and {} numbers, want {} and {}", who, matrix.down.size(), matrix.up.size(),
                   matrix.rank * matrix.inputs, matrix.outputs * matrix.rank);
    }
  }
  return Done{};
}

}  // namespace

Result<Done> write_adapter(Executable& executable, const Adapter& adapter, int64_t slot, int64_t rank) {
  TRY(const auto shapes, shapes_of(executable.interface()));
  TRY_DONE(check(adapter, shapes, rank));
  for (const auto& [name, shape] : shapes) {
    std::vector<float> down(rank * shape.inputs, 0.0f), up(shape.outputs * rank, 0.0f);
    for (const AdapterMatrix& matrix : adapter.matrices) {
      if (matrix.name != name) continue;
      std::copy(matrix.down.begin(), matrix.down.end(), down.begin());
      for (int64_t row = 0; row < matrix.outputs; ++row) {
        for (int64_t i = 0; i < matrix.rank; ++i) up[row * rank + i] = matrix.scale * matrix.up[row * matrix.rank + i];
      }
    }
    const auto write = [&](const std::string& state, const std::vector<float>& numbers) {
      return executable.write(kPrefix + name + state, std::as_bytes(std::span(numbers)), slot * numbers.size() * sizeof(float));
    };
    TRY_DONE(write(kDown, down));
    TRY_DONE(write(kUp, up));
  }
  return Done{};
}

}  // namespace hearth
