// read_adapter: a PEFT folder becomes an engine's adapter.
#include "api/adapters.h"

#include <utility>

#include "weights/peft.h"

namespace hearth {

Result<Adapter> read_adapter(const std::string& name, const std::string& folder) {
  auto matrices = read_peft(folder);
  if (!matrices.ok()) return error("{} (adapter '{}')", matrices.message(), name);
  Adapter adapter{name, {}};
  for (PeftMatrix& m : *matrices)
    adapter.matrices.push_back(
        {std::move(m.name), m.rank, m.inputs, m.outputs, m.scale, std::move(m.down), std::move(m.up)});
  return adapter;
}

}  // namespace hearth
