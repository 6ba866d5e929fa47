// JSON Schema (draft 2020-12) -> grammar: every text of the grammar parses and validates against the schema.
//
// Supported: type (also lists), enum, const, anyOf, oneOf (branches must be seen to exclude each other), allOf, $ref
// within the document (also recursive), $defs; properties, required, additionalProperties, minProperties,
// maxProperties, propertyNames and one patternProperties (both where no property is declared); items, prefixItems,
// minItems, maxItems; minLength, maxLength, pattern, format (date, time, date-time, duration, uuid, email, hostname,
// ipv4, ipv6, uri); minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf.
//
// Laws, where a schema leaves a choice:
// - Properties come in the order of the schema, additional ones after them. Without `additionalProperties` an object
// with
//   `properties` is closed, and so is an array with `prefixItems` but no `items`.
// - Without `type` it is taken from the other keywords; with none of those any JSON is allowed.
// - Keywords that only describe (title, default, ...) and unknown ones are ignored, as is an unknown `format`; keywords
// that
//   assert something but are not supported (not, if, contains, uniqueItems, dependentRequired, ...) are errors that
//   name them.
#pragma once

#include <string_view>

#include "engine/grammar.h"
#include "engine/grammar_expr.h"

namespace hearth::grammar {

Result<RuleSet> json_schema_rules(std::string_view schema, Whitespace whitespace);

}  // namespace hearth::grammar
