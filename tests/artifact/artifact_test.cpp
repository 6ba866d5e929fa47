// Artifacts: a round trip, the rules of safetensors, and one line for every kind of damage.
#include "artifact/artifact.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <functional>
#include <random>

#include "tests/artifact/sample.h"

namespace hearth {
namespace {

std::string sample_bytes() {
  const TemporaryFolder folder;
  const auto written = write_sample(folder.file("a.hearth"), sample_interface());
  EXPECT_TRUE(written.ok()) << (written ? "" : written.message());
  return *read_file(folder.file("a.hearth"));
}

uint64_t header_bytes(const std::string& file) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  return length;
}

Json header_of(const std::string& file) {
  return *parse_json(std::string_view(file).substr(8, header_bytes(file)), "test");
}

// The file with another header; the data stays as it is.
std::string with_header(const std::string& file, const std::string& header) {
  std::string padded = header;
  while ((padded.size() + 8) % 64 != 0) padded += ' ';
  const uint64_t length = padded.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + padded + file.substr(8 + header_bytes(file));
}

std::string with_interface(const std::string& file, const Json& interface) {
  Json header = header_of(file);
  header["__metadata__"]["hearth"] = dump(interface);
  return with_header(file, dump(header));
}

void expect_error(const std::string& file, const std::string& part) {
  const auto artifact = Artifact::from_bytes(as_bytes(file), "f.hearth");
  ASSERT_FALSE(artifact.ok()) << "want an error with: " << part;
  EXPECT_EQ(artifact.message().rfind("artifact: 'f.hearth'", 0), 0u) << artifact.message();
  EXPECT_NE(artifact.message().find(part), std::string::npos) << artifact.message();
  EXPECT_EQ(artifact.message().find('\n'), std::string::npos) << artifact.message();
}

TEST(Artifact, RoundTrip) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_sample(folder.file("a.hearth"), sample_interface()).ok());
  const auto artifact = Artifact::open(folder.file("a.hearth"));
  ASSERT_TRUE(artifact.ok()) << artifact.message();
  EXPECT_EQ(to_json(artifact->interface()), to_json(sample_interface()));
  EXPECT_EQ(artifact->tensors().size(), 3u);
  EXPECT_EQ(as_text(*artifact->tensor("tokenizer.json")), "{\"tokenizer\": 1}");
  EXPECT_EQ(as_text(*artifact->tensor("code/test")), "abc");
  const Bytes w = *artifact->tensor("w");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(w.data()) % 64, 0u);
  EXPECT_EQ(reinterpret_cast<const float*>(w.data())[11], 11.0f);
  EXPECT_FALSE(artifact->tensor("missing").ok());
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path)) files += entry.exists();
  EXPECT_EQ(files, 1);  // no temporary stays
}

// The rules written in the safetensors format: offsets from 0, no holes, sizes by shape, metadata of strings.
TEST(Artifact, IsValidSafetensors) {
  const std::string file = sample_bytes();
  const Json header = header_of(file);
  EXPECT_EQ(file[8], '{');
  EXPECT_EQ((8 + header_bytes(file)) % 64, 0u);
  std::map<uint64_t, uint64_t> spans;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) EXPECT_TRUE(value.is_string()) << key;
      continue;
    }
    const auto begin = entry["data_offsets"][0].get<uint64_t>(), end = entry["data_offsets"][1].get<uint64_t>();
    EXPECT_EQ(entry["shape"][0].get<uint64_t>(), end - begin);
    if (end > begin) spans[begin] = end;
  }
  uint64_t at = 0;
  for (const auto& [begin, end] : spans) {
    EXPECT_EQ(begin, at);
    at = end;
  }
  EXPECT_EQ(file.size(), 8 + header_bytes(file) + at);
}

TEST(Artifact, DroppedWriterLeavesNothing) {
  const TemporaryFolder folder;
  {
    const auto writer = ArtifactWriter::create(folder.file("a.hearth"), sample_interface(), {{"w", 48}});
    ASSERT_TRUE(writer.ok()) << writer.message();
    EXPECT_FALSE(std::filesystem::is_empty(folder.path));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Artifact, WriterRefusesBadTensors) {
  const TemporaryFolder folder;
  const Interface in = sample_interface();
  EXPECT_FALSE(ArtifactWriter::create(folder.file("a"), in, {{"w", 1}, {"w", 1}}).ok());
  EXPECT_FALSE(ArtifactWriter::create(folder.file("a"), in, {{"__pad.0", 1}}).ok());
  EXPECT_FALSE(ArtifactWriter::create(folder.file("a"), in, {{"w", UINT64_MAX}}).ok());
  EXPECT_FALSE(ArtifactWriter::create(folder.file("no/such/folder/a"), in, {{"w", 1}}).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Artifact, NoRoomIsAnErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 1 << 16;  // as a full disk: the file may not grow further
  std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto writer = ArtifactWriter::create(folder.file("a.hearth"), sample_interface(), {{"w", 1 << 20}});
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.message().find("cannot reserve"), std::string::npos) << writer.message();
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Artifact, EveryTruncationIsAnError) {
  const std::string file = sample_bytes();
  for (size_t size = 0; size < file.size(); ++size) {
    const std::string cut = file.substr(0, size);
    EXPECT_FALSE(Artifact::from_bytes(as_bytes(cut), "cut").ok()) << size;
  }
  expect_error(file + "x", "bytes of data");
}

TEST(Artifact, FlippedBytesNeverCrash) {
  const std::string file = sample_bytes();
  std::mt19937 random(3);
  int opened = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string damaged = file;
    for (unsigned n = 1 + random() % 4; n > 0; --n) damaged[random() % damaged.size()] = static_cast<char>(random());
    const auto artifact = Artifact::from_bytes(as_bytes(damaged), "flip");
    opened += artifact.ok();
    if (!artifact) {
      EXPECT_EQ(artifact.message().find('\n'), std::string::npos) << artifact.message();
    }
  }
  EXPECT_LT(opened, 4000);
}

TEST(Artifact, HeaderDamage) {
  const std::string file = sample_bytes();
  const auto changed = [&](const std::function<void(Json&)>& change) {
    Json header = header_of(file);
    change(header);
    return with_header(file, dump(header));
  };
  expect_error(with_header(file, "not json"), "not valid JSON");
  expect_error(with_header(file, "[1]"), "want an object");
  expect_error(with_header(file, std::string(300, '[')), "nested deeper");
  expect_error(changed([](Json& h) { h.erase("__metadata__"); }), "baked by Hearth");
  expect_error(changed([](Json& h) { h["__metadata__"] = 1; }), "baked by Hearth");
  expect_error(changed([](Json& h) { h["__metadata__"]["hearth"] = 1; }), "want a string");
  expect_error(changed([](Json& h) { h["w"] = 1; }), "want an object");
  expect_error(changed([](Json& h) { h["w"]["dtype"] = "F32"; }), "want U8");
  expect_error(changed([](Json& h) { h["w"]["shape"] = {4, 12}; }), "'shape'");
  expect_error(changed([](Json& h) { h["w"]["shape"] = {49}; }), "of its shape");
  expect_error(changed([](Json& h) { h["w"]["data_offsets"] = {64}; }), "'data_offsets'");
  expect_error(changed([](Json& h) { h["w"]["data_offsets"] = {-64, 48}; }), "whole numbers");
  expect_error(changed([](Json& h) { h["w"]["data_offsets"] = {64, 1 << 20}; }), "inside the file");
  expect_error(changed([](Json& h) { h["w"]["data_offsets"] = {UINT64_MAX, 48}; }), "inside the file");
  expect_error(changed([](Json& h) {
                 h["w"] = {{"dtype", "U8"}, {"shape", {47}}, {"data_offsets", {65, 112}}};
               }),
               "multiple of 64");
  expect_error(changed([](Json& h) {
                 h["w"] = {{"dtype", "U8"}, {"shape", {48}}, {"data_offsets", {0, 48}}};
               }),
               "no holes");
  expect_error(changed([](Json& h) { h.erase("w"); }), "no holes");
  expect_error(changed([](Json& h) { h.erase("tokenizer.json"); }), "bytes of data");
}

TEST(Artifact, InterfaceMustMatchTheTensors) {
  const std::string file = sample_bytes();
  Interface in = sample_interface();
  in.buffers[3].elements = "13";
  expect_error(with_interface(file, to_json(in)), "weight 'w': got 48 bytes, want 52");
  in.buffers[3].name = "v";
  expect_error(with_interface(file, to_json(in)), "weight 'v' has no tensor");
}

}  // namespace
}  // namespace hearth
