// pour: runs the prepare graph, one tensor at a time, straight into the artifact.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "artifact/artifact.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "ir/graph.h"
#include "weights/checkpoint.h"

namespace hearth {

// Bytes of each output of `prepare`, in order: what the artifact's slots must hold.
std::vector<TensorSlot> prepared_sizes(const Graph& prepare);

// Compiles the kernels that `prepare` needs for this machine and fills `writer`. At most one strip of rows is in memory at a
// time besides the mapped source and target. `on_bytes(done)` reports bytes written.
Result<Done> pour(const Graph& prepare, const Checkpoint& checkpoint, ArtifactWriter& writer, ThreadPool& pool,
                  const std::function<void(double done)>& on_bytes);

}  // namespace hearth
