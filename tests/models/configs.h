// Small configs and sources for tests of the families.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "models/decoder.h"

namespace hearth {

// The smallest config that every family takes.
inline Json small_config(const std::string& family = "llama") {
  return {{"model_type", family},     {"hidden_size", 64},
          {"num_hidden_layers", 4},   {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"intermediate_size", 192},
          {"vocab_size", 512},        {"max_position_embeddings", 512}};
}

// `base` with the keys of `changes` replaced; null removes a key.
inline Json with(Json base, const Json& changes) {
  base.merge_patch(changes);
  return base;
}

inline Json fixture_config(const std::string& family) {
  const auto text = read_file(HEARTH_ROOT "/tests/fixtures/models/" + family + "/config.json");
  return text.ok() ? *parse_json(*text, "fixture") : Json();
}

// One line that names who speaks: what every refusal must be.
inline void expect_one_line(const std::string& message, const std::string& what) {
  EXPECT_EQ(message.find('\n'), std::string::npos) << what << ": " << message;
  EXPECT_TRUE(message.starts_with("config.json") || message.starts_with("models")) << what << ": " << message;
  EXPECT_LT(message.size(), 400u) << what << ": " << message;
}

}  // namespace hearth
