// Traces: where the time of the last requests went: queue, prefill, decode.
#pragma once

#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "engine/request.h"
#include "server/api_error.h"

namespace hearth {

struct Trace {
  std::string id, model, path;
  std::chrono::system_clock::time_point arrived;
  Finish finish = Finish::none;
  Timing timing;                         // of the first choice; tokens of all
};

class Traces {
 public:
  explicit Traces(size_t most = 1000) : most_(most) {}
  void add(Trace trace);
  // {"requests": [...]}, the newest first.
  OrderedJson last(size_t count) const;

 private:
  size_t most_;
  mutable std::mutex mutex_;
  std::deque<Trace> traces_;
};

// "stop", "length", ... as OpenAI says it.
const char* name_of(Finish finish);

}  // namespace hearth
