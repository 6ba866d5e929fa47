// Stops: the earliest match wins; the longest end of the text that begins a stop string waits.
#include "engine/stops.h"

#include <algorithm>

namespace hearth {

Stops::Stops(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase_if(stops_, [](const std::string& stop) { return stop.empty(); });
}

std::string Stops::add(const std::string& text) {
  if (matched_) return "";
  held_ += text;
  size_t at = std::string::npos, waiting = 0;
  for (const std::string& stop : stops_) {
    const size_t found = held_.find(stop);
    if (found != std::string::npos && (found < at || (found == at && stop.size() > matched_stop_.size()))) {
      at = found;
      matched_stop_ = stop;
    }
    for (size_t size = std::min(stop.size() - 1, held_.size()); size > waiting; --size) {
      if (held_.compare(held_.size() - size, size, stop, 0, size) == 0) waiting = size;
    }
  }
  matched_ = at != std::string::npos;
  std::string certain = held_.substr(0, matched_ ? at : held_.size() - waiting);
  held_.erase(0, matched_ ? held_.size() : certain.size());
  return certain;
}

std::string Stops::finish() {
  std::string rest;
  std::swap(rest, held_);
  return rest;
}

}  // namespace hearth
