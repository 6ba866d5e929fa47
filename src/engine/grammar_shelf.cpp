// GrammarShelf: one vocabulary, a bounded list of bound grammars, a bounded table of forced texts.
#include "engine/grammar_shelf.h"

namespace hearth {
namespace {

constexpr size_t kMostGrammars = 64;
constexpr size_t kMostTexts = 4096;

}  // namespace

GrammarShelf::GrammarShelf(const Tokenizer& tokenizer, int64_t vocabulary, std::vector<int32_t> ends)
    : tokenizer_(tokenizer), ends_(std::move(ends)) {
  bytes_.reserve(vocabulary);
  for (int64_t id = 0; id < vocabulary; ++id) bytes_.push_back(tokenizer_.bytes_of(static_cast<int32_t>(id)));
}

Result<std::shared_ptr<const BoundGrammar>> GrammarShelf::bind(const Grammar& grammar, const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(key);
  if (found != kept_.end()) {
    order_.splice(order_.begin(), order_, found->second.place);
    return found->second.grammar;
  }
  if (!vocabulary_) {
    TRY(vocabulary_, GrammarVocabulary::build(bytes_, ends_));
  }
  auto bound = std::make_shared<const BoundGrammar>(grammar, *vocabulary_);
  order_.push_front(key);
  kept_[key] = {bound, order_.begin()};
  if (kept_.size() > kMostGrammars) {
    kept_.erase(order_.back());
    order_.pop_back();
  }
  return bound;
}

std::vector<int32_t> GrammarShelf::certain_ids(const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto found = certain_.find(text);
  if (found != certain_.end()) return found->second;
  std::vector<int32_t> ids = tokenizer_.encode(text, Specials::none);
  size_t at = 0, certain = 0;
  for (; certain < ids.size(); ++certain) {
    const int32_t id = ids[certain];
    if (id < 0 || static_cast<size_t>(id) >= bytes_.size() || bytes_[id].empty()) break;
    if (text.compare(at, bytes_[id].size(), bytes_[id]) != 0) break;
    at += bytes_[id].size();
  }
  ids.resize(certain > 0 ? certain - 1 : 0);
  if (certain_.size() >= kMostTexts) certain_.clear();
  certain_[text] = ids;
  return ids;
}

}  // namespace hearth
