// ResponseStore: the last answers of the responses API with the conversation that led to them, for
// previous_response_id.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "server/api_error.h"

namespace hearth {

struct StoredResponse {
  OrderedJson body;      // as answered
  OrderedJson messages;  // the conversation with the answer, as a chat takes it
};

class ResponseStore {
 public:
  explicit ResponseStore(size_t most_bytes = size_t{64} << 20) : most_bytes_(most_bytes) {}
  void add(const std::string& id, StoredResponse response);  // the oldest go when it is full
  std::optional<StoredResponse> find(const std::string& id) const;
  bool remove(const std::string& id);

 private:
  struct Kept {
    StoredResponse response;
    size_t bytes;
  };
  size_t most_bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, Kept> kept_;
  std::deque<std::string> order_;  // by age; may name what was removed
  size_t bytes_ = 0;
};

}  // namespace hearth
