// Server-sent events: what one looks like on the wire.
#pragma once

#include <string>
#include <string_view>

namespace hearth {

inline constexpr char kSseContentType[] = "text/event-stream; charset=utf-8";

// An event with one `data:` line for each line of `data`; a name only where one is given (it has no line breaks).
// sse_event("{}") -> "data: {}\n\n";   sse_event("a\nb", "ping") -> "event: ping\ndata: a\ndata: b\n\n"
inline std::string sse_event(std::string_view data, std::string_view name = {}) {
  std::string event;
  event.reserve(data.size() + name.size() + 24);
  if (!name.empty()) event.append("event: ").append(name).append("\n");
  while (true) {
    // A carriage return ends a line for a reader too, alone or before a line feed.
    const size_t cut = data.find_first_of("\r\n");
    event.append("data: ").append(data.substr(0, cut)).append("\n");
    if (cut == std::string_view::npos) break;
    data.remove_prefix(cut + (data.substr(cut, 2) == "\r\n" ? 2 : 1));
  }
  return event.append("\n");
}

// Nothing for the reader, but bytes for the proxies between that close what is silent.
inline std::string sse_keep_alive() { return ": keep-alive\n\n"; }

// What OpenAI's streams end with.
inline std::string sse_done() { return "data: [DONE]\n\n"; }

}  // namespace hearth
