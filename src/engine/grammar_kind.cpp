// Grammar kinds: each language has its reader in Grammar.
#include "engine/grammar_kind.h"

#include "base/check.h"

namespace hearth {

Result<Grammar> compile_grammar(GrammarKind kind, std::string_view text) {
  switch (kind) {
    case GrammarKind::json_object: return Grammar::any_json_object();
    case GrammarKind::json_schema: return Grammar::from_json_schema(text);
    case GrammarKind::regex: return Grammar::from_regex(text);
    case GrammarKind::gbnf: return Grammar::from_gbnf(text);
    case GrammarKind::none: break;
  }
  CHECK(false, "no grammar to compile");
  return error("grammar: none was asked for");
}

}  // namespace hearth
