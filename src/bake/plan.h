// What becomes of each weight: stored as it is, or encoded with a scheme; the choice and its reasons.
#pragma once

#include <map>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "ir/graph.h"
#include "passes/wrap_params.h"
#include "weights/checkpoint.h"

namespace hearth {

// A plan for every param of `graph`. `quant`: "none", "as stored" or a scheme (see chosen_quant). Errors: a tensor that
// is missing or has another shape than the model wants.
Result<std::map<std::string, ParamPlan>> plan_params(const Graph& graph, const Checkpoint& checkpoint, const std::string& quant);

// For `show`: {"classes": [{"class", "scheme", "tensors", "bytes"}], "notes": [...], "parameters", "weight_bytes"}; notes name tensors whose
// scheme is another one than asked for, and why.
Json describe_plans(const Graph& graph, const std::map<std::string, ParamPlan>& plans, const std::string& quant);

}  // namespace hearth
