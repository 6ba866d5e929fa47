// Interfaces: a round trip through JSON, and one line for every record that is wrong.
#include "artifact/interface.h"

#include <gtest/gtest.h>

#include "tests/artifact/sample.h"

namespace hearth {
namespace {

struct Damage {
  const char* pointer;  // JSON pointer of what is replaced
  Json value;
  const char* part;  // of the error
};

TEST(Interface, RoundTrip) {
  const Json json = to_json(sample_interface());
  const auto back = interface_from_json(*parse_json(dump(json), "test"));
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ(to_json(*back), json);
  EXPECT_EQ(back->launches[0].variants[1].at_most, INT64_MAX);
  EXPECT_EQ(back->model.end_ids, (std::vector<int64_t>{2, 3}));
}

TEST(Interface, CostsAreOptional) {
  Json json = to_json(sample_interface());
  EXPECT_FALSE(json["kernels"][0].contains("bytes"));
  json["kernels"][0]["bytes"] = "tokens * 4";
  json["kernels"][0]["dots"] = "0";
  const auto back = interface_from_json(json);
  ASSERT_TRUE(back.ok()) << back.message();
  EXPECT_EQ(back->kernels[0].bytes, "tokens * 4");
  EXPECT_EQ(back->kernels[0].floats, "");
  EXPECT_EQ(to_json(*back), json);
}

TEST(Interface, EveryDamageIsNamed) {
  const Damage damages[] = {
      {"/version", 2, "bake the model again"},
      {"/version", "1", "want an integer"},
      {"/target", "", "want a name"},
      {"/arch", 1, "want a string"},
      {"/sizes", 1, "want an array"},
      {"/sizes/0", 1, "size 0"},
      {"/sizes/0/name", "a b", "letters"},
      {"/sizes/0/name", "min", "letters"},
      {"/sizes/0/name", "pages", "declared twice"},
      {"/sizes/0/at_least", -1, "want 0"},
      {"/sizes/0/at_most", 0, "want 1"},
      {"/sizes/0/at_most", INT64_MAX, "want 1"},
      {"/buffers/0/name", "y", "declared twice"},
      {"/buffers/0/name", std::string("a\0b", 3), "want a name"},
      {"/buffers/0/dtype", "f33", "'f33'"},
      {"/buffers/0/role", "guest", "'guest'"},
      {"/buffers/0/elements", "tokens *", "formula"},
      {"/buffers/0/elements", 4, "want a string"},
      {"/buffers/0/elements", "tokens - 2", "want 0 or more"},
      {"/buffers/0/elements", "tokens * 4611686018427387904", "no 64-bit value"},
      {"/buffers/0/elements", "4611686018427387904", "2^63"},
      {"/buffers/0/elements", "tokens * 13", "inside the arena"},
      {"/buffers/0/offset", 32, "multiple of 64"},
      {"/buffers/0/offset", -64, "want 0"},
      {"/buffers/0/offset", 320, "inside the arena"},
      {"/buffers/3/elements", "tokens", "weight's constant"},
      {"/kernels/0/symbol", "many", "declared twice"},
      {"/kernels/0/extent", "rows", "declared size"},
      {"/kernels/0/bytes", "tokens *", "'bytes'"},
      {"/kernels/0/dots", 8, "want a string"},
      {"/kernels/0/floats", "rows", "'floats'"},
      {"/launches/0/variants", Json::array(), "at least 1"},
      {"/launches/0/variants/0/kernel", 2, "want 0 to 1"},
      {"/launches/0/variants/0/kernel", -1, "want 0 to 1"},
      {"/launches/0/variants/0/size", "", "formula"},
      {"/launches/0/variants/0/at_most", 0, "want 1"},
      {"/launches/0/buffers/0", 5, "below 5"},
      {"/launches/0/buffers/0", -1, "below 5"},
      {"/launches/0/buffers/0", 0.5, "below 5"},
      {"/arena_bytes", -1, "want 0"},
      {"/arena_bytes", 128, "inside the arena"},
      {"/model", 1, "want an object"},
      {"/model/vocabulary", -1, "want 0"},
      {"/model/end_ids", 2, "want an array"},
      {"/model/end_ids/0", -2, "token ids"},
      {"/model/page_tokens", 0, "want 1"},
      {"/model/bos_id", -2, "want -1"},
  };
  for (const Damage& damage : damages) {
    Json json = to_json(sample_interface());
    json[Json::json_pointer(damage.pointer)] = damage.value;
    const auto read = interface_from_json(json);
    ASSERT_FALSE(read.ok()) << damage.pointer;
    EXPECT_NE(read.message().find(damage.part), std::string::npos) << damage.pointer << ": " << read.message();
    EXPECT_EQ(read.message().rfind("interface", 0), 0u) << read.message();
  }
}

TEST(Interface, EveryMissingKeyIsNamed) {
  const Json whole = to_json(sample_interface());
  for (const char* place :
       {"", "/sizes/0", "/buffers/0", "/kernels/0", "/launches/0", "/launches/0/variants/0", "/model"}) {
    for (const auto& [key, value] : whole[Json::json_pointer(place)].items()) {
      if (key == "details" || key == "arch" || key == "features") continue;  // may be absent
      Json json = whole;
      json[Json::json_pointer(place)].erase(key);
      const auto read = interface_from_json(json);
      ASSERT_FALSE(read.ok()) << place << "/" << key;
      EXPECT_NE(read.message().find(key), std::string::npos) << read.message();
    }
  }
}

}  // namespace
}  // namespace hearth
