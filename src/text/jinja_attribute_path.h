// Attribute paths of filters: "function.name", 0, or several with commas between ("role,name").
#pragma once

#include <vector>

#include "text/jinja_value.h"

namespace hearth::jinja {

using AttributePath = std::vector<Value>;  // text and integers; empty: the value itself

// One path or more; none and an absent attribute give one empty path.
Result<std::vector<AttributePath>> read_paths(const Value& attribute);
// Follows a path; with `standard`, an undefined step becomes it.
Result<Value> follow(Machine& machine, const Value& value, const AttributePath& path, const Value* standard);
// A generator over items that are there already.
Value generate(std::vector<Value> items);

}  // namespace hearth::jinja
