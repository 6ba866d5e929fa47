// merge_launches: neighbouring kernels over the same extent that do not touch each other's results -> one kernel, one barrier less.
// A product takes in a kernel behind it too that reads its results, if each iteration reads only what that iteration wrote.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/check.h"
#include "ir/rewrite.h"
#include "passes/own_columns.h"
#include "passes/pass.h"

namespace hearth {
namespace {

struct Use {
  std::string buffer;
  Access access;
};

std::vector<Use> uses_of(const Kernel& kernel, const Launch& launch) {
  std::vector<Use> uses;
  for (size_t i = 0; i < kernel.params.size(); ++i) uses.push_back({launch.buffers[i], kernel.params[i].access});
  return uses;
}

// Does `b` read or write what `a` writes, or write what `a` reads?
bool conflict(const std::vector<Use>& a, const std::vector<Use>& b) {
  for (const Use& x : a)
    for (const Use& y : b)
      if (x.buffer == y.buffer && (x.access != Access::read || y.access != Access::read)) return true;
  return false;
}

bool is_plain_parallel(const Kernel& kernel) {
  return kernel.body->kind == StmtKind::loop && kernel.body->loop == LoopKind::parallel;
}

// Products keep kernels of their own: their variants are chosen by row count.
bool has_independent_loop(const Stmt& stmt) {
  if (stmt->kind == StmtKind::loop && stmt->loop == LoopKind::independent) return true;
  return std::any_of(stmt->children.begin(), stmt->children.end(), has_independent_loop);
}

bool is_product(const Kernel& kernel) { return has_independent_loop(kernel.body); }

struct Part {
  Kernel kernel;
  Launch launch;
};

// Does each iteration of `b` touch only such elements of what `a` touches too as the same iteration of `a` does?
bool stays_in_columns(const Part& a, const Part& b) {
  for (size_t i = 0; i < a.launch.buffers.size(); ++i)
    for (size_t j = 0; j < b.launch.buffers.size(); ++j) {
      if (a.launch.buffers[i] != b.launch.buffers[j]) continue;
      if (a.kernel.params[i].access == Access::read && b.kernel.params[j].access == Access::read) continue;
      const int64_t columns = own_columns(a.kernel.body, a.kernel.params[i].buffer);
      if (columns == 0 || columns != own_columns(b.kernel.body, b.kernel.params[j].buffer)) return false;
    }
  return true;
}

bool fit(const Part& a, const Part& b) {
  if (!is_plain_parallel(a.kernel) || !is_plain_parallel(b.kernel) || !(a.kernel.extent == b.kernel.extent)) return false;
  if (is_product(b.kernel)) return false;
  const bool conflicts = conflict(uses_of(a.kernel, a.launch), uses_of(b.kernel, b.launch));
  return is_product(a.kernel) ? conflicts && stays_in_columns(a, b) : !conflicts;
}

Part merge(const Part& a, const Part& b) {
  Part merged = a;
  std::map<Buffer, Buffer> renamed;
  for (size_t i = 0; i < b.kernel.params.size(); ++i) {
    const auto known = std::find(merged.launch.buffers.begin(), merged.launch.buffers.end(), b.launch.buffers[i]);
    if (known != merged.launch.buffers.end()) {
      KernelParam& same = merged.kernel.params[static_cast<size_t>(known - merged.launch.buffers.begin())];
      if (same.access != b.kernel.params[i].access) same.access = Access::read_write;
      renamed[b.kernel.params[i].buffer] = same.buffer;
      continue;
    }
    const Buffer buffer = global_buffer(fmt::format("b{}", merged.kernel.params.size()), b.kernel.params[i].buffer->dtype);
    renamed[b.kernel.params[i].buffer] = buffer;
    merged.kernel.params.push_back({buffer, b.kernel.params[i].access});
    merged.launch.buffers.push_back(b.launch.buffers[i]);
  }
  const StmtNode& first = *a.kernel.body;
  const StmtNode& second = *b.kernel.body;
  Stmt body = replace_buffers(second.children[0], renamed);
  if (second.name != first.name) body = substitute(body, {{second.name, var(first.name)}});
  merged.kernel.body = loop(first.name, first.args[0], LoopKind::parallel, block({first.children[0], body}));
  return merged;
}

}  // namespace

Program merge_launches(const Program& program, const Target&) {
  std::vector<Part> parts;
  for (const Launch& launch : program.launches) {
    const Kernel* kernel = program.find_kernel(launch.variants[0].kernel);
    CHECK(kernel && launch.variants.size() == 1, "merge_launches runs before variants are made");
    const Part part{*kernel, launch};
    if (!parts.empty() && fit(parts.back(), part)) parts.back() = merge(parts.back(), part);
    else parts.push_back(part);
  }
  Program result = program;
  result.kernels.clear();
  result.launches.clear();
  for (const Part& part : parts) {
    result.kernels.push_back(part.kernel);
    result.launches.push_back(part.launch);
  }
  return result;
}

}  // namespace hearth
