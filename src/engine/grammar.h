// Grammars: which tokens may come next, so that what is generated parses and validates, whatever the sampling.
//
//   Grammar             what is allowed, compiled from a JSON Schema, a regex or GBNF; immutable, shared.
//   GrammarVocabulary   the bytes of every token as a trie; once a model; immutable, shared.
//   BoundGrammar        both together with a bounded cache of masks; shared by every sequence that uses them, from any
//   thread. GrammarMatcher      the state of one sequence.
//
// Laws:
// - Every text that a matcher has accepted can be completed: dead ends are pruned when the grammar is compiled, so with
// a
//   vocabulary that holds all single bytes the mask of an unfinished sequence is never empty.
// - A mask depends on the grammar, the vocabulary and the text so far, never on the cache or on other sequences.
// - A complete text is whole UTF-8; escapes of surrogates in JSON strings come in pairs.
// - Hostile input (left recursion, huge counts, exponential ambiguity) ends in one line, never in a hang: repetition is
//   counted on the automaton's stack, not expanded.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace hearth {

namespace grammar {
struct Program;  // grammar_program.h
class Tables;    // grammar_tables.h
class Epoch;
struct Trie;  // grammar_vocabulary.h
}  // namespace grammar

enum class Whitespace {
  compact,   // none between JSON's tokens
  flexible,  // one space, or a line break and up to 32 spaces or tabs, wherever JSON allows white space
};

// JSON that validates against `schema`, under the name of a GBNF rule.
struct GrammarSchema {
  std::string rule, schema;
};

class Grammar {
 public:
  // JSON that validates against `schema` (draft 2020-12; what is supported is said in json_schema.h).
  static Result<Grammar> from_json_schema(std::string_view schema, Whitespace whitespace = Whitespace::flexible);
  // Any JSON object ("json_object").
  static Result<Grammar> any_json_object(Whitespace whitespace = Whitespace::flexible);
  // Text that matches `pattern` as a whole (syntax in regex_grammar.h).
  static Result<Grammar> from_regex(std::string_view pattern);
  // llama.cpp's GBNF; the text is what rule `root` says. A rule that the text uses but leaves open is JSON of the schema of
  // that name.
  static Result<Grammar> from_gbnf(std::string_view text, std::span<const GrammarSchema> schemas = {});

  size_t states() const;  // of the automaton, to see what a grammar costs

 private:
  friend class BoundGrammar;
  explicit Grammar(std::shared_ptr<const grammar::Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const grammar::Program> program_;
};

class GrammarVocabulary {
 public:
  // token_bytes[id]: what the token adds to the text; "" for special tokens, which are never allowed.
  // ends: tokens that end the sequence (EOS, end of turn); allowed exactly when the text is complete.
  static Result<GrammarVocabulary> build(const std::vector<std::string>& token_bytes, std::span<const int32_t> ends);

  int32_t size() const;  // tokens
  size_t mask_words() const { return (static_cast<size_t>(size()) + 31) / 32; }

 private:
  friend class BoundGrammar;
  std::shared_ptr<const grammar::Trie> trie_;
};

class BoundGrammar {
 public:
  // cache_bytes bounds the shared cache; when it is full it starts anew (masks stay the same, they cost time again).
  BoundGrammar(const Grammar& grammar, const GrammarVocabulary& vocabulary, size_t cache_bytes = size_t{64} << 20);
  size_t cache_bytes() const;  // what is held now

 private:
  friend class GrammarMatcher;
  std::shared_ptr<grammar::Tables> tables_;
};

class GrammarMatcher {
 public:
  // rollback_steps: how many advances can be taken back.
  explicit GrammarMatcher(const BoundGrammar& bound, size_t rollback_steps = 256);

  // Takes the token, or leaves the state as it was and says false. An end token is taken when the text is complete;
  // after it nothing is.
  bool advance(int32_t token);
  bool advance_bytes(std::string_view bytes);  // one step, whatever the number of bytes
  // Takes back the last `steps` advances (false and nothing done if so many are not remembered).
  bool rollback(size_t steps);

  bool is_complete() const;                     // the text may end here
  bool is_ended() const { return ended_ > 0; }  // an end token was taken
  // The bytes that are the only way on ("" if there is a choice, or the text may end here): they can be appended
  // without asking the model. At most `limit` bytes. The state is not changed.
  std::string forced(size_t limit = 1024) const;

  // Sets bit id%32 of mask[id/32] for every token allowed next, clears all others; false: none, the text has ended.
  // mask.size() must be mask_words(). An error (too ambiguous, or the vocabulary lacks bytes) is for this sequence
  // alone.
  Result<bool> fill_mask(std::span<uint32_t> mask) const;

 private:
  void push(uint32_t situation);
  void refresh() const;

  std::shared_ptr<grammar::Tables> tables_;
  mutable std::shared_ptr<grammar::Epoch> epoch_;
  mutable std::vector<uint32_t> history_;  // situations after each remembered step; the last is now
  size_t rollback_steps_;
  size_t ended_ = 0;  // end tokens taken
};

}  // namespace hearth
