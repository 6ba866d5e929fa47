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
