// GrammarShelf: the grammars in use over one model's vocabulary, and what their forced text is in tokens. From any thread.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/grammar.h"
#include "text/tokenizer.h"

namespace hearth {

class GrammarShelf {
 public:
  GrammarShelf(const Tokenizer& tokenizer, int64_t vocabulary, std::vector<int32_t> ends);

  // The grammar over the vocabulary, compiled unless it is kept; the least recently used go when there are many.
  // `shown`: special tokens that are text (markers of tool calls).
  using Compile = std::function<Result<Grammar>()>;
  Result<std::shared_ptr<const BoundGrammar>> bind(const std::string& key, const std::vector<int32_t>& shown, const Compile& compile);
  // Tokens that spell the beginning of `text`: as the tokenizer cuts it, without the last, which may go on behind `text`.
  std::vector<int32_t> certain_ids(const std::string& text, const std::vector<int32_t>& shown);
  const std::string& bytes_of(int32_t id) const { return bytes_[id]; }

 private:
  struct Kept {
    std::shared_ptr<const BoundGrammar> grammar;
    std::list<std::string>::iterator place;
  };

  Tokenizer tokenizer_;
  std::vector<int32_t> ends_;
  std::vector<std::string> bytes_;       // by id; "" for special tokens
  std::shared_ptr<const BoundGrammar> find(const std::string& key);
  std::string bytes_of(int32_t id, const std::vector<int32_t>& shown) const;

  std::mutex mutex_;
  std::map<std::vector<int32_t>, GrammarVocabulary> vocabularies_;       // by what is shown; made when the first grammar comes
  std::map<std::string, Kept> kept_;     // by key
  std::list<std::string> order_;         // keys, the last used first
  std::map<std::vector<int32_t>, std::unordered_map<std::string, std::vector<int32_t>>> certain_;
};

}  // namespace hearth
