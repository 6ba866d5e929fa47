// What the machine says of its memory, and bytes that move onto huge pages while they are read.
#include "base/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

namespace hearth {
namespace {

// A file of `bytes` whose every 8 bytes say where they are; goes away with the test.
class NumberedFile {
 public:
  explicit NumberedFile(uint64_t bytes) : path_(testing::TempDir() + "hearth_memory_" + std::to_string(::getpid())) {
    std::string text(bytes, '\0');
    for (uint64_t at = 0; at + 8 <= bytes; at += 8) std::memcpy(text.data() + at, &at, 8);
    const auto written = write_file(path_, text);
    EXPECT_TRUE(written.ok()) << (written.ok() ? "" : written.message());
  }
  ~NumberedFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

uint64_t wrong_numbers(Bytes bytes) {
  uint64_t wrong = 0;
  for (uint64_t at = 0; at + 8 <= bytes.size(); at += 8) {
    uint64_t found = 0;
    std::memcpy(&found, bytes.data() + at, 8);
    wrong += found != at;
  }
  return wrong;
}

TEST(Memory, of_the_machine_is_at_least_what_is_available) {
  EXPECT_GT(machine_memory(), uint64_t{64} << 20);
  EXPECT_LE(available_memory(), machine_memory());
}

TEST(Memory, a_long_file_begins_on_a_huge_page) {
  const NumberedFile file(3 * kHugePage + 4096 + 8);
  const auto mapped = MappedFile::open(file.path());
  ASSERT_TRUE(mapped.ok()) << mapped.message();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(mapped->bytes().data()) % kHugePage, 0u);
  EXPECT_EQ(mapped->bytes().size(), 3 * kHugePage + 4096 + 8);
  EXPECT_EQ(wrong_numbers(mapped->bytes()), 0u);
}

// Forty huge pages are three pieces; the reader never misses a byte.
TEST(Memory, bytes_stay_readable_while_they_move) {
  const NumberedFile file(40 * kHugePage + 12345 * 8);
  const auto mapped = MappedFile::open(file.path());
  ASSERT_TRUE(mapped.ok()) << mapped.message();
  std::atomic<bool> ended = false;
  std::atomic<uint64_t> wrong = 0, rounds = 0;
  std::thread reader([&] {
    do wrong += wrong_numbers(mapped->bytes()), ++rounds;
    while (!ended);
  });
  const Bytes from_inside = mapped->bytes().subspan(8);             // what begins inside a page stays
  const uint64_t moved = move_to_huge_pages(from_inside, [] { return true; });
  ended = true;
  reader.join();
  if (moved == 0) GTEST_SKIP() << "this system moves no mapped bytes";
  EXPECT_EQ(moved, 39 * kHugePage);
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(rounds, 0u);
  EXPECT_EQ(wrong_numbers(mapped->bytes()), 0u);
  EXPECT_LE(bytes_on_huge_pages(mapped->bytes()), mapped->bytes().size());
}

TEST(Memory, moving_ends_when_told) {
  const NumberedFile file(40 * kHugePage);
  const auto mapped = MappedFile::open(file.path());
  ASSERT_TRUE(mapped.ok()) << mapped.message();
  EXPECT_EQ(move_to_huge_pages(mapped->bytes(), [] { return false; }), 0u);
  int pieces = 0;
  EXPECT_LE(move_to_huge_pages(mapped->bytes(), [&] { return ++pieces <= 1; }), 16 * kHugePage);
  EXPECT_EQ(wrong_numbers(mapped->bytes()), 0u);
}

TEST(Memory, less_than_a_huge_page_stays) {
  const NumberedFile file(4096);
  const auto mapped = MappedFile::open(file.path());
  ASSERT_TRUE(mapped.ok()) << mapped.message();
  EXPECT_EQ(move_to_huge_pages(mapped->bytes(), [] { return true; }), 0u);
  EXPECT_EQ(move_to_huge_pages({}, [] { return true; }), 0u);
}

}  // namespace
}  // namespace hearth
