// Dim: a size known by name until the program runs; integer arithmetic over named sizes, kept simplified.
//
//   Dim tokens = Dim::size("tokens");   ceil_div(tokens, 8) * 4096   prints  (tokens + 7) / 8 * 4096
//
// Division and modulo round toward minus infinity. The text form is what the artifact stores and artifact/formula.h
// evaluates at run time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

// A named size and the bounds its value must stay within at run time.
struct SizeDecl {
  std::string name;
  int64_t at_least = 0;
  int64_t at_most = 0;
};

enum class DimKind { constant, size, add, sub, mul, div, mod, min, max };

class Dim {
 public:
  Dim(int64_t value = 0);                        // NOLINT: a number is a Dim
  static Dim size(std::string name);
  static Dim make(DimKind kind, const Dim& a, const Dim& b);      // folds constants and x+0, x*1, x*0, x/1, ...

  DimKind kind() const;
  bool is_constant() const { return kind() == DimKind::constant; }
  int64_t value() const;                         // of a constant
  const std::string& name() const;               // of a size
  Dim left() const;
  Dim right() const;

  // The value when each size has the given value; nullopt if a size is missing or a division by zero occurs.
  std::optional<int64_t> evaluate(const std::map<std::string, int64_t>& sizes) const;
  // The largest value within the declared bounds (for memory plans); assumes monotone growth in each size.
  int64_t upper_bound(const std::vector<SizeDecl>& sizes) const;
  std::string text() const;                      // minimal parentheses; min(a, b) and max(a, b) as calls
  bool operator==(const Dim& other) const;       // same structure

 private:
  struct Node;
  explicit Dim(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
  std::shared_ptr<const Node> node_;
};

Dim operator+(const Dim& a, const Dim& b);
Dim operator-(const Dim& a, const Dim& b);
Dim operator*(const Dim& a, const Dim& b);
Dim operator/(const Dim& a, const Dim& b);       // floor
Dim operator%(const Dim& a, const Dim& b);
Dim ceil_div(const Dim& a, const Dim& b);        // (a + b - 1) / b
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

Result<Dim> parse_dim(std::string_view text);    // inverse of text()

}  // namespace hearth
