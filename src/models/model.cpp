// Families: the table made from the folder.
#include "models/model.h"

#include <map>

namespace hearth {

#define HEARTH_MEMBER(name) Result<Model> name(const ModelSource& source);
namespace model_set {
#include <sets/models.inc>
}
#undef HEARTH_MEMBER

namespace {

const std::map<std::string, Family>& table() {
  static const std::map<std::string, Family> kTable = {
#define HEARTH_MEMBER(name) {#name, model_set::name},
#include <sets/models.inc>
#undef HEARTH_MEMBER
  };
  return kTable;
}

}  // namespace

Result<Model> build_model(const ModelSource& source) {
  TRY(std::string family, get_string(source.config, "model_type", "config.json"));
  const auto it = table().find(family);
  if (it == table().end()) {
    std::string known;
    for (const auto& name : family_names()) known += (known.empty() ? "" : ", ") + name;
    return error("models: got model_type {}, want one of {}", shown_text(family), known);
  }
  TRY(Model model, it->second(source));
  model.family = family;
  return model;
}

std::string shown_text(const std::string& text) {
  constexpr size_t kMost = 60;
  std::string escaped = dump(Json(text.substr(0, kMost)));           // "..." with \n, \u0001 and the like
  escaped = escaped.substr(1, escaped.size() - 2);
  return fmt::format("'{}{}'", escaped, text.size() > kMost ? "..." : "");
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& [name, family] : table()) names.push_back(name);
  return names;
}

}  // namespace hearth
