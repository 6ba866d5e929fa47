// PostProcessor: templates and BERT's and RoBERTa's fixed ones.
#include "text/post_processor.h"

#include <algorithm>

#include "text/vocabulary.h"

namespace hearth {

namespace {

constexpr std::string_view kWho = "tokenizer.json: post_processor";
constexpr size_t kMostItems = 64;
using Template = PostProcessor::Template;
using Templates = std::vector<Template>;

Result<int32_t> id_of(JsonElement value) {
  int64_t id;
  if (value.get(id) != simdjson::SUCCESS) return error("{}: got {}, want an id", kWho, kind_of(value));
  if (id < 0 || id > kMaxId) return error("{}: got id {}, want 0..{}", kWho, id, kMaxId);
  return static_cast<int32_t>(id);
}

Result<Done> add_special(JsonElement processor, JsonElement special, Template& items) {
  TRY(std::string name, string_field(special, "id", kWho));
  auto table = field(processor, "special_tokens");
  auto entry = table ? field(*table, name) : std::nullopt;
  if (!entry) return error("{}.special_tokens: '{}' is missing", kWho, name.substr(0, 80));
  TRY(simdjson::dom::array ids, array_field(*entry, "ids", kWho));
  for (JsonElement value : ids) {
    TRY(int32_t id, id_of(value));
    items.push_back(id);
  }
  return Done{};
}

Result<Done> read_template(JsonElement processor, Templates& templates) {
  TRY(simdjson::dom::array list, array_field(processor, "single", kWho));
  Template items;
  for (JsonElement item : list) {
    auto special = field(item, "SpecialToken");
    auto sequence = field(item, "Sequence");
    if (special) {
      TRY_DONE(add_special(processor, *special, items));
    } else if (sequence) {
      TRY(char32_t name, char_field(*sequence, "id", "A", kWho));
      if (name != U'A') return error("{}.single: got another sequence than 'A'", kWho);
      items.push_back(PostProcessor::kText);
    } else {
      return error("{}.single: want SpecialToken or Sequence items", kWho);
    }
    if (items.size() > kMostItems) return error("{}.single: got more than {} items", kWho, kMostItems);
  }
  templates.push_back(std::move(items));
  return Done{};
}

// ["</s>", 2]
Result<int32_t> named_id(JsonElement processor, std::string_view key) {
  TRY(simdjson::dom::array pair, array_field(processor, key, kWho));
  JsonElement value;
  if (pair.size() != 2 || pair.at(1).get(value) != simdjson::SUCCESS) {
    return error("{}.{}: want [token, id]", kWho, key);
  }
  return id_of(value);
}

Result<Done> read_processor(JsonElement processor, Templates& templates, int depth) {
  TRY(std::string type, string_field(processor, "type", kWho));
  if (type == "ByteLevel") return Done{};      // moves offsets only
  if (type == "TemplateProcessing") return read_template(processor, templates);
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    TRY(int32_t first, named_id(processor, "cls"));
    TRY(int32_t last, named_id(processor, "sep"));
    templates.push_back({first, PostProcessor::kText, last});
    return Done{};
  }
  if (type == "Sequence") {
    if (depth > kMaxNesting) return error("{}: sequences nest deeper than {}", kWho, kMaxNesting);
    TRY(simdjson::dom::array list, array_field(processor, "processors", kWho));
    for (JsonElement one : list) TRY_DONE(read_processor(one, templates, depth + 1));
    return Done{};
  }
  return error("{}.type: got '{}', which is not supported", kWho, type.substr(0, 80));
}

}  // namespace

Result<PostProcessor> PostProcessor::from_json(std::optional<JsonElement> post_processor) {
  PostProcessor built;
  if (post_processor) TRY_DONE(read_processor(*post_processor, built.templates_, 0));
  size_t texts = 1;      // copies of the text that all templates make together
  for (const Template& items : built.templates_) {
    texts *= std::count(items.begin(), items.end(), kText);
    if (texts > kMostItems) return error("{}: repeats the text more than {} times", kWho, kMostItems);
  }
  return built;
}

std::vector<int32_t> PostProcessor::apply(std::vector<int32_t> ids) const {
  for (const Template& items : templates_) {
    std::vector<int32_t> row;
    for (int32_t item : items) {
      if (item == kText) {
        row.insert(row.end(), ids.begin(), ids.end());
      } else {
        row.push_back(item);
      }
    }
    ids = std::move(row);
  }
  return ids;
}

}  // namespace hearth
