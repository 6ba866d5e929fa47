// Sampling: the flags that say how an answer is drawn, as keys of a generate request.
#pragma once

#include "cli.h"

namespace cli {

class SamplingFlags {
 public:
  void add_to(CLI::App& app);
  // The keys that were given; -1 as seed draws one. Nothing on a bad --logit-bias (the line is printed already).
  std::optional<Json> request(uint64_t default_seed) const;

 private:
  std::optional<double> temperature_, top_p_, min_p_, repetition_, frequency_, presence_;
  std::optional<int64_t> top_k_, window_, seed_, max_tokens_;
  std::vector<std::string> bias_, stop_;
  std::optional<std::string> schema_, schema_file_, regex_, grammar_, grammar_file_;
};

uint64_t random_seed();

}  // namespace cli
