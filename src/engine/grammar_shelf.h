// GrammarShelf: the grammars in use over one model's vocabulary, and what their forced text is in tokens. From any thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/grammar.h"
#include "text/tokenizer.h"

namespace hearth {

class GrammarShelf {
 public:
  GrammarShelf(const Tokenizer& tokenizer, int64_t vocabulary, std::vector<int32_t> ends);

  // The grammar over the vocabulary; the least recently used go when there are many.
  Result<std::shared_ptr<const BoundGrammar>> bind(const Grammar& grammar, const std::string& key);
  // Tokens that spell the beginning of `text`: as the tokenizer cuts it, without the last, which may go on behind `text`.
  std::vector<int32_t> certain_ids(const std::string& text);
  const std::string& bytes_of(int32_t id) const { return bytes_[id]; }

 private:
  struct Kept {
    std::shared_ptr<const BoundGrammar> grammar;
    std::list<std::string>::iterator place;
  };

  Tokenizer tokenizer_;
  std::vector<int32_t> ends_;
  std::vector<std::string> bytes_;       // by id; "" for special tokens
  std::mutex mutex_;
  std::optional<GrammarVocabulary> vocabulary_;          // made when the first grammar comes
  std::map<std::string, Kept> kept_;     // by key
  std::list<std::string> order_;         // keys, the last used first
  std::unordered_map<std::string, std::vector<int32_t>> certain_;
};

}  // namespace hearth
