// Seen: a note is found for unchanged files alone.
#include "api/seen.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/file.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

class Seen : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("hearth-seen-{}", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string cache() const { return folder_.string(); }

  fs::path folder_;
};

Order order_of_ember() {
  Order order;
  order.model = HEARTH_ROOT "/models/ember";
  return order;
}

TEST_F(Seen, StampsTellOrdersApart) {
  Order order = order_of_ember();
  const std::string plain = stamps_of(order);
  ASSERT_NE(plain, "");
  EXPECT_EQ(plain, stamps_of(order));
  order.quant = "q8_0";
  EXPECT_NE(plain, stamps_of(order));
  order.model += "/config.json";
  EXPECT_NE(stamps_of(order), "");
  order.model += ".none";
  EXPECT_EQ(stamps_of(order), "");
}

// A field added to Order does not compile here until it is decided whether it changes the artifact; those that do must tell
// stamps apart, the others must not.
TEST_F(Seen, EveryFieldThatChangesTheArtifactIsStamped) {
  Order order = order_of_ember();
  auto& [model, quant, kv, activations, adapters, target, out, dump, threads, on_progress, make_tokenizer] = order;
  const std::string plain = stamps_of(order);
  const auto expect_stamped = [&](auto& field, const auto& other) {
    const auto before = field;
    field = other;
    EXPECT_NE(stamps_of(order), plain);
    field = before;
  };
  expect_stamped(model, model + "/config.json");
  expect_stamped(quant, "q4_0");
  expect_stamped(kv, "q8_0");
  expect_stamped(activations, "bf16");
  expect_stamped(adapters, true);
  expect_stamped(target, "aarch64");
  out = "elsewhere", dump = "somewhere", threads = 3;
  on_progress = [](const BakeProgress&) {};
  make_tokenizer = [](const Json&) -> Result<std::string> { return std::string("{}"); };
  EXPECT_EQ(stamps_of(order), plain);
}

TEST_F(Seen, FindsWhatWasNotedForTheseStampsOnly) {
  const std::string stamps = stamps_of(order_of_ember());
  EXPECT_EQ(find_seen(cache(), stamps), "");
  note_seen(cache(), stamps, "a-key");
  EXPECT_EQ(find_seen(cache(), stamps), "a-key");
  EXPECT_EQ(find_seen(cache(), stamps + "more\n"), "");
  EXPECT_EQ(find_seen(cache(), ""), "");
  note_seen(cache(), stamps, "../elsewhere");
  EXPECT_EQ(find_seen(cache(), stamps), "");
}

TEST_F(Seen, AFileChangedJustNowHasNoStamps) {
  const std::string path = cache() + "/young.gguf";
  ASSERT_TRUE(write_file(path, "GGUF").ok());
  Order order;
  order.model = path;
  EXPECT_EQ(stamps_of(order), "");
}

}  // namespace
}  // namespace hearth
