// The public face: compiling a grammar, binding it to a vocabulary, and following one sequence.
#include <algorithm>

#include "base/check.h"
#include "engine/grammar.h"
#include "engine/grammar_gbnf.h"
#include "engine/grammar_tables.h"
#include "engine/json_schema.h"
#include "engine/regex_grammar.h"

namespace hearth {

using grammar::Epoch;
using grammar::Mask;

Result<Grammar> Grammar::from_json_schema(std::string_view schema, Whitespace whitespace) {
  TRY(grammar::RuleSet rules, grammar::json_schema_rules(schema, whitespace));
  TRY(auto program, grammar::compile(rules, "json schema"));
  return Grammar(std::move(program));
}

Result<Grammar> Grammar::any_json_object(Whitespace whitespace) {
  return from_json_schema(R"({"type": "object", "additionalProperties": true})", whitespace);
}

Result<Grammar> Grammar::from_regex(std::string_view pattern) {
  TRY(grammar::ExprPtr expr, grammar::whole_regex(pattern, "regex"));
  grammar::RuleSet rules;
  rules.root = rules.add("regex", std::move(expr));
  TRY(auto program, grammar::compile(rules, "regex"));
  return Grammar(std::move(program));
}

Result<Grammar> Grammar::from_gbnf(std::string_view text, std::span<const GrammarSchema> schemas) {
  TRY(grammar::RuleSet rules, grammar::parse_gbnf(text));
  for (const GrammarSchema& schema : schemas) {
    const auto name = std::find(rules.names.begin(), rules.names.end(), schema.rule);
    if (name == rules.names.end()) return error("grammar: no rule asks for the schema '{}'", schema.rule);
    const auto index = static_cast<size_t>(name - rules.names.begin());
    if (rules.rules[index] != nullptr) return error("grammar: rule '{}' is defined by the text and by a schema", schema.rule);
    TRY(const grammar::RuleSet inner, grammar::json_schema_rules(schema.schema, Whitespace::flexible));
    const uint32_t root = grammar::import_rules(rules, inner);
    rules.rules[index] = grammar::rule(root);
  }
  TRY(auto program, grammar::compile(rules, "grammar"));
  return Grammar(std::move(program));
}

size_t Grammar::states() const { return program_->states.size(); }

BoundGrammar::BoundGrammar(const Grammar& grammar, const GrammarVocabulary& vocabulary, size_t cache_bytes)
    : tables_(std::make_shared<grammar::Tables>(grammar.program_, vocabulary.trie_, cache_bytes)) {}

size_t BoundGrammar::cache_bytes() const {
  const std::lock_guard lock(tables_->mutex());
  return tables_->held();
}

GrammarMatcher::GrammarMatcher(const BoundGrammar& bound, size_t rollback_steps)
    : tables_(bound.tables_), rollback_steps_(rollback_steps) {
  const std::lock_guard lock(tables_->mutex());
  epoch_ = tables_->current();
  history_.push_back(epoch_->start());
}

// Moves to the present epoch, so that an old one can go (mutex held).
void GrammarMatcher::refresh() const {
  const std::shared_ptr<Epoch>& current = tables_->current();
  if (current != epoch_) {
    history_ = epoch_->move_to(*current, history_);
    epoch_ = current;
  }
  epoch_->begin_call();
}

void GrammarMatcher::push(uint32_t situation) {
  history_.push_back(situation);
  if (history_.size() > 2 * rollback_steps_ + 2)
    history_.erase(history_.begin(), history_.end() - static_cast<ptrdiff_t>(rollback_steps_) - 1);
}

bool GrammarMatcher::advance_bytes(std::string_view bytes) {
  if (ended_ > 0) return false;
  const std::lock_guard lock(tables_->mutex());
  refresh();
  uint32_t at = history_.back();
  for (const char byte : bytes) {
    at = epoch_->step(at, static_cast<uint8_t>(byte));
    if (at == 0) return false;
  }
  push(at);
  return true;
}

bool GrammarMatcher::advance(int32_t token) {
  const grammar::Trie& trie = tables_->trie();
  if (token < 0 || token >= trie.size || ended_ > 0) return false;
  if (trie.ends[token / 32] >> (token % 32) & 1) {
    if (!is_complete()) return false;
    push(history_.back());
    ended_ = 1;
    return true;
  }
  return !trie.bytes[token].empty() && advance_bytes(trie.bytes[token]);
}

bool GrammarMatcher::rollback(size_t steps) {
  if (steps > rollback_steps_ || steps >= history_.size()) return false;
  history_.resize(history_.size() - steps);
  if (steps > 0) ended_ = 0;  // an end is always the last step
  return true;
}

bool GrammarMatcher::is_complete() const {
  const std::lock_guard lock(tables_->mutex());
  return epoch_->at(history_.back()).exits;
}

std::string GrammarMatcher::forced(size_t limit) const {
  std::string text;
  if (ended_ > 0) return text;
  const std::lock_guard lock(tables_->mutex());
  refresh();
  for (uint32_t at = history_.back(); text.size() < limit;) {
    const int only = epoch_->only_byte(at);
    if (only < 0) break;
    at = epoch_->step(at, static_cast<uint8_t>(only));
    if (at == 0) break;
    text += static_cast<char>(only);
  }
  return text;
}

Result<bool> GrammarMatcher::fill_mask(std::span<uint32_t> mask) const {
  const grammar::Trie& trie = tables_->trie();
  CHECK(mask.size() == trie.ends.size(), "mask has {} words, want {}", mask.size(), trie.ends.size());
  std::fill(mask.begin(), mask.end(), 0u);
  if (ended_ > 0) return false;
  const std::lock_guard lock(tables_->mutex());
  refresh();
  std::vector<const Mask*> parts;
  if (!epoch_->fill(history_.back(), parts))
    return error("grammar: too ambiguous to follow: one step has more than {} moves", grammar::kMaxWork);
  const auto join = [&](const std::vector<uint32_t>& words) {
    for (size_t i = 0; i < words.size(); ++i) mask[i] |= words[i];
  };
  for (const Mask* part : parts) {
    for (const int32_t id : part->tokens) mask[id / 32] |= 1u << (id % 32);
    join(part->dense);
    if (part->plain) join(*part->plain);
  }
  if (epoch_->at(history_.back()).exits) join(trie.ends);
  if (std::any_of(mask.begin(), mask.end(), [](uint32_t word) { return word != 0; })) return true;
  return error("grammar: stuck: no token of the vocabulary can go on, and the text is not complete");
}

}  // namespace hearth
