// GrammarShelf: one vocabulary, a bounded list of bound grammars, a bounded table of forced texts.
#include "engine/grammar_shelf.h"

#include <fmt/ranges.h>

#include <algorithm>

namespace hearth {
namespace {

constexpr size_t kMostGrammars = 64;
constexpr size_t kMostTexts = 4096;
constexpr size_t kMostVocabularies = 4;

}  // namespace

GrammarShelf::GrammarShelf(const Tokenizer& tokenizer, int64_t vocabulary, std::vector<int32_t> ends)
    : tokenizer_(tokenizer), ends_(std::move(ends)) {
  bytes_.reserve(vocabulary);
  for (int64_t id = 0; id < vocabulary; ++id) bytes_.push_back(tokenizer_.bytes_of(static_cast<int32_t>(id)));
}

std::string GrammarShelf::bytes_of(int32_t id, const std::vector<int32_t>& shown) const {
  if (id < 0 || static_cast<size_t>(id) >= bytes_.size()) return "";
  const bool is_shown = std::find(shown.begin(), shown.end(), id) != shown.end();
  return is_shown ? std::string(tokenizer_.piece(id)) : bytes_[id];
}

std::shared_ptr<const BoundGrammar> GrammarShelf::find(const std::string& key) {
  const auto found = kept_.find(key);
  if (found == kept_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second.place);
  return found->second.grammar;
}

Result<std::shared_ptr<const BoundGrammar>> GrammarShelf::bind(const std::string& asked, const std::vector<int32_t>& shown,
                                                               const Compile& compile) {
  const std::string key = fmt::format("{} {}", fmt::join(shown, ","), asked);
  {
    const std::lock_guard lock(mutex_);
    if (auto kept = find(key)) return kept;
  }
  TRY(const Grammar grammar, compile());         // takes milliseconds: others go on
  const std::lock_guard lock(mutex_);
  if (auto kept = find(key)) return kept;
  auto vocabulary = vocabularies_.find(shown);
  if (vocabulary == vocabularies_.end()) {
    std::vector<std::string> bytes = bytes_;
    for (const int32_t id : shown) {
      if (id >= 0 && static_cast<size_t>(id) < bytes.size()) bytes[id] = bytes_of(id, shown);
    }
    TRY(GrammarVocabulary built, GrammarVocabulary::build(bytes, ends_));
    if (vocabularies_.size() >= kMostVocabularies) vocabularies_.clear();
    vocabulary = vocabularies_.emplace(shown, std::move(built)).first;
  }
  auto bound = std::make_shared<const BoundGrammar>(grammar, vocabulary->second);
  order_.push_front(key);
  kept_[key] = {bound, order_.begin()};
  if (kept_.size() > kMostGrammars) {
    kept_.erase(order_.back());
    order_.pop_back();
  }
  return bound;
}

std::vector<int32_t> GrammarShelf::certain_ids(const std::string& text, const std::vector<int32_t>& shown) {
  const std::lock_guard lock(mutex_);
  if (certain_.size() >= kMostVocabularies && !certain_.contains(shown)) certain_.clear();
  auto& known = certain_[shown];
  const auto found = known.find(text);
  if (found != known.end()) return found->second;
  std::vector<int32_t> ids = tokenizer_.encode(text, Specials::none);
  size_t at = 0, certain = 0;
  for (; certain < ids.size(); ++certain) {
    const std::string bytes = bytes_of(ids[certain], shown);
    if (bytes.empty() || text.compare(at, bytes.size(), bytes) != 0) break;
    at += bytes.size();
  }
  ids.resize(certain > 0 ? certain - 1 : 0);
  if (known.size() >= kMostTexts) known.clear();
  known[text] = ids;
  return ids;
}

}  // namespace hearth
