// Traces: a ring of the last requests, told as spans relative to their arrival.
#include "server/traces.h"

#include <algorithm>

namespace hearth {
namespace {

OrderedJson span(const char* name, double start, double length, int64_t tokens) {
  return {{"name", name}, {"start_ms", start}, {"end_ms", start + length}, {"tokens", tokens}};
}

OrderedJson to_json(const Trace& trace) {
  const Timing& t = trace.timing;
  const auto arrived = std::chrono::duration<double, std::milli>(trace.arrived.time_since_epoch()).count();
  return {{"id", trace.id},
          {"model", trace.model},
          {"path", trace.path},
          {"arrived_ms", arrived},
          {"queue_ms", t.queue_ms},
          {"prefill_ms", t.prefill_ms},
          {"decode_ms", t.decode_ms},
          {"prompt_tokens", t.prompt_tokens},
          {"cached_tokens", t.reused_tokens},
          {"generated_tokens", t.new_tokens},
          {"drafted_tokens", t.drafted_tokens},
          {"accepted_tokens", t.accepted_tokens},
          {"forced_tokens", t.forced_tokens},
          {"preempted", t.preempted},
          {"finish", name_of(trace.finish)},
          {"spans",
           {span("queue", 0, t.queue_ms, 0), span("prefill", t.queue_ms, t.prefill_ms, t.prompt_tokens - t.reused_tokens),
            span("decode", t.queue_ms + t.prefill_ms, t.decode_ms, t.new_tokens)}}};
}

}  // namespace

const char* name_of(Finish finish) {
  switch (finish) {
    case Finish::none: return "none";
    case Finish::end:
    case Finish::stop: return "stop";
    case Finish::length: return "length";
    case Finish::cancelled: return "cancelled";
    case Finish::failed: return "error";
  }
  return "none";
}

void Traces::add(Trace trace) {
  const std::lock_guard lock(mutex_);
  traces_.push_back(std::move(trace));
  if (traces_.size() > most_) traces_.pop_front();
}

OrderedJson Traces::last(size_t count) const {
  const std::lock_guard lock(mutex_);
  OrderedJson requests = OrderedJson::array();
  for (auto it = traces_.rbegin(); it != traces_.rend() && requests.size() < count; ++it) requests.push_back(to_json(*it));
  return {{"requests", std::move(requests)}};
}

}  // namespace hearth
