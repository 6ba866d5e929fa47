// The set of schemes, and what follows from any scheme's fields and formulas.
#include "quant/scheme.h"

#include "base/check.h"
#include "quant/formula.h"

namespace hearth {

#define HEARTH_MEMBER(name) Scheme name();
#include <sets/quant.inc>
#undef HEARTH_MEMBER

namespace {

const std::vector<Scheme>& schemes() {
  static const std::vector<Scheme> all = {
#define HEARTH_MEMBER(name) name(),
#include <sets/quant.inc>
#undef HEARTH_MEMBER
  };
  return all;
}

}  // namespace

int Scheme::block_bytes() const { return field_offset(static_cast<int>(fields.size())); }

int Scheme::field_offset(int field) const {
  int offset = 0;
  for (int i = 0; i < field; ++i) offset += bytes_of(fields[i].dtype) * fields[i].count;
  return offset;
}

Expr decode(const Scheme& scheme, const ReadField& read, const Axes& at, int lanes) {
  CHECK(at.size() == scheme.axes.size(), "{}: got {} axes, want {}", scheme.name, at.size(), scheme.axes.size());
  Expr code = cast(DType::i32, scheme.code(read, at, lanes));
  if (scheme.zero != 0) code = code - scheme.zero;
  const int all = code->type.lanes;                      // more than `lanes` where `read` reads several rows
  const Expr scaled = spread(scheme.scale(read, at), all) * to_f32(code);
  return scheme.offset ? scaled + spread(scheme.offset(read, at), all) : scaled;
}

const Scheme* find_scheme(std::string_view name) {
  for (const Scheme& scheme : schemes())
    if (scheme.name == name) return &scheme;
  return nullptr;
}

std::vector<std::string> scheme_names() {
  std::vector<std::string> names;
  for (const Scheme& scheme : schemes()) names.push_back(scheme.name);
  return names;
}

}  // namespace hearth
