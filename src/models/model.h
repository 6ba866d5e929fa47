// A model family: config keys and weight names -> a graph. The file's name is the model_type.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "ir/graph.h"

namespace hearth {

// What a family may look at: the config in the Hugging Face dialect and which tensors there are.
struct ModelSource {
  Json config;
  std::set<std::string> tensors;
  bool has(const std::string& name) const { return tensors.count(name) > 0; }
};

// The step function's graph (docs/STEP.md) and what the engine must know.
struct Model {
  Graph graph;
  std::string family;            // model_type
  int64_t vocabulary = 0;
  int64_t context = 0;           // positions the model was made for
  int64_t sliding_window = 0;    // 0: none
};

// A family is a function from source to model; errors name the config key or tensor.
using Family = std::function<Result<Model>(const ModelSource&)>;

// Looks up config["model_type"]. Errors list the families.
Result<Model> build_model(const ModelSource& source);
std::vector<std::string> family_names();

// Text out of a config, quoted and fit for one line of an error: odd bytes escaped, long ones cut.
std::string shown_text(const std::string& text);

// Bounds of the step function's sizes.
inline constexpr int64_t kMaxTokens = 512, kMaxRows = 256, kMaxSeqs = 256, kMaxPages = 1 << 24, kMaxEmbeds = 512;

}  // namespace hearth
