// plan_memory: liveness -> offsets in one arena, at the sizes' upper bounds; values that never live together share bytes.
//
// Largest first, each at the lowest free place: within a few percent of the best for chains like these, and simple.
#include <algorithm>
#include <map>

#include "base/check.h"
#include "passes/pass.h"

namespace hearth {
namespace {

constexpr int64_t kAlign = 64;

struct Span {
  size_t buffer = 0;
  int64_t bytes = 0;
  size_t first = 0, last = 0;            // launches between which it is live
  int64_t offset = 0;
};

bool in_arena(Role role) { return role == Role::scratch || role == Role::input || role == Role::output; }

std::vector<Span> live_spans(const Program& program) {
  std::map<std::string, std::pair<size_t, size_t>> uses;
  for (size_t i = 0; i < program.launches.size(); ++i)
    for (const std::string& name : program.launches[i].buffers) {
      const auto [use, fresh] = uses.try_emplace(name, i, i);
      use->second.second = i;
    }
  std::vector<Span> spans;
  for (size_t b = 0; b < program.buffers.size(); ++b) {
    const ProgramBuffer& buffer = program.buffers[b];
    if (!in_arena(buffer.role)) continue;
    Span span{b, 0, 0, program.launches.size(), 0};
    const int64_t bytes = buffer.elements.upper_bound(program.sizes) * bytes_of(buffer.dtype);
    span.bytes = (std::max<int64_t>(bytes, 1) + kAlign - 1) / kAlign * kAlign;
    if (buffer.role == Role::scratch) {
      const auto use = uses.find(buffer.name);
      if (use == uses.end()) continue;
      span.first = use->second.first;
      span.last = use->second.second;
    }
    spans.push_back(span);
  }
  return spans;
}

// The lowest offset where `span` meets no placed span that lives at the same time.
int64_t lowest_place(const Span& span, const std::vector<Span>& placed) {
  std::vector<const Span*> conflicts;
  for (const Span& other : placed)
    if (other.first <= span.last && span.first <= other.last) conflicts.push_back(&other);
  std::sort(conflicts.begin(), conflicts.end(), [](const Span* a, const Span* b) { return a->offset < b->offset; });
  int64_t offset = 0;
  for (const Span* other : conflicts) {
    if (offset + span.bytes <= other->offset) break;
    offset = std::max(offset, other->offset + other->bytes);
  }
  return offset;
}

}  // namespace

Program plan_memory(const Program& program, const Target&) {
  Program result = program;
  std::vector<Span> spans = live_spans(program);
  std::stable_sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.bytes > b.bytes; });
  std::vector<Span> placed;
  result.arena_bytes = 0;
  for (Span& span : spans) {
    span.offset = lowest_place(span, placed);
    placed.push_back(span);
    result.buffers[span.buffer].offset = span.offset;
    result.arena_bytes = std::max(result.arena_bytes, span.offset + span.bytes);
  }
  std::erase_if(result.buffers, [](const ProgramBuffer& buffer) { return in_arena(buffer.role) && buffer.offset < 0; });
  return result;
}

}  // namespace hearth
