// ResponseStore: bounded by the size of what it holds as text.
#include "server/response_store.h"

namespace hearth {

void ResponseStore::add(const std::string& id, StoredResponse response) {
  const size_t bytes = dump(response.body).size() + dump(response.messages).size();
  const std::lock_guard lock(mutex_);
  bytes_ += bytes;
  kept_[id] = {std::move(response), bytes};
  order_.push_back(id);
  while (bytes_ > most_bytes_ && !order_.empty()) {
    if (const auto oldest = kept_.find(order_.front()); oldest != kept_.end()) {
      bytes_ -= oldest->second.bytes;
      kept_.erase(oldest);
    }
    order_.pop_front();
  }
}

std::optional<StoredResponse> ResponseStore::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(id);
  if (found == kept_.end()) return std::nullopt;
  return found->second.response;
}

bool ResponseStore::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(id);
  if (found == kept_.end()) return false;
  bytes_ -= found->second.bytes;
  kept_.erase(found);
  std::erase(order_, id);
  return true;
}

}  // namespace hearth
