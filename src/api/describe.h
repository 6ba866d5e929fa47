// Describe: models and machines in JSON, for `show`, `doctor` and those who embed us.
#pragma once

#include "api/model.h"

namespace hearth {

Json describe_model(OpenModel& model);
// The card without running it: sizes, memory plan, kernels, code size.
Result<Json> show_artifact(const Artifact& artifact);
Result<Json> describe_machine(const std::string& cache);
// What the machine gives now: {"threads", "read_bytes", "dots", "floats"}, each a second (bake/probe.h). threads 0: all.
Result<Json> measure_machine(int threads);

}  // namespace hearth
