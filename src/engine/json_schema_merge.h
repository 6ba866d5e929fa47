// Schemas as data: references, allOf as one schema, and whether two schemas exclude each other.
#pragma once

#include <set>
#include <string>

#include "base/json.h"

namespace hearth::grammar {

using Schema = OrderedJson;

enum TypeBit : uint32_t {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAllTypes = 127
};

class SchemaDocument {
 public:
  explicit SchemaDocument(Schema root) : root_(std::move(root)) {}
  const Schema& root() const { return root_; }

  // What "#/$defs/node" points to.
  Result<const Schema*> resolve(const std::string& ref, const std::string& where) const;
  // The schema that asserts what both do. `pattern` and `format` may become lists of strings.
  Result<Schema> merge(const Schema& a, const Schema& b, const std::string& where) const;
  // Does `value` satisfy `schema`? An error where that needs a keyword that is not judged here (pattern, anyOf, ...).
  Result<bool> holds(const Schema& schema, const Schema& value, const std::string& where) const;
  // Is it certain that no value satisfies both?
  bool exclude(const Schema& a, const Schema& b, int depth = 0) const;

 private:
  Result<Schema> inlined(const Schema& schema, const std::string& where, int depth) const;
  Schema follow(const Schema& schema) const;
  bool objects_exclude(const Schema& a, const Schema& b, int depth) const;
  Schema root_;
};

// The bits of `type`, kAllTypes without it.
Result<uint32_t> types_of(const Schema& schema, const std::string& where);
uint32_t type_of_value(const Schema& value);
// Equal as JSON values: 1 and 1.0 are, the order of keys does not matter.
bool same_value(const Schema& a, const Schema& b);
bool is_annotation(const std::string& keyword);

}  // namespace hearth::grammar
