// The languages in which a request may say what its answer must be, and one function for all of them.
#pragma once

#include <string_view>

#include "engine/grammar.h"

namespace hearth {

enum class GrammarKind { none, json_object, json_schema, regex, gbnf };

// `text` is of the kind's language; json_object needs none. `none` is a mistake of the caller.
Result<Grammar> compile_grammar(GrammarKind kind, std::string_view text);

}  // namespace hearth
