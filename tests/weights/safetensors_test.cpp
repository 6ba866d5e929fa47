// Safetensors: what is read, and one clear line for everything that is not.
#include <gtest/gtest.h>

#include <cstring>

#include "weights/checkpoint.h"

namespace hearth {
namespace {

std::string make_file(const std::string& header, size_t data_bytes) {
  std::string file(8, '\0');
  const uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  return file + header + std::string(data_bytes, '\x2a');
}

std::string refusal(const std::string& file) {
  std::map<std::string, Tensor> tensors;
  const auto read = read_safetensors(as_bytes(file), "weights: 'f'", tensors);
  return read.ok() ? "(no error)" : read.message();
}

TEST(safetensors, reads_every_weight_type) {
  const std::string file = make_file(
      R"({"__metadata__":{"format":"pt"},"f":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("h":{"dtype":"F16","shape":[4],"data_offsets":[24,32]},"b":{"dtype":"BF16","shape":[1,1,4],"data_offsets":[32,40]},)"
      R"("i":{"dtype":"I8","shape":[3],"data_offsets":[40,43]},"u":{"dtype":"U8","shape":[],"data_offsets":[43,44]},)"
      R"("mask":{"dtype":"BOOL","shape":[2],"data_offsets":[44,46]},"ids":{"dtype":"I64","shape":[1],"data_offsets":[46,54]}}   )",
      54);
  std::map<std::string, Tensor> tensors;
  const auto read = read_safetensors(as_bytes(file), "weights: 'f'", tensors);
  ASSERT_TRUE(read.ok()) << read.message();
  ASSERT_EQ(tensors.size(), 5u);  // mask and ids are left out
  EXPECT_EQ(tensors.at("f").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensors.at("b").storage.name, "bf16");
  EXPECT_EQ(tensors.at("u").shape, (std::vector<int64_t>{1}));
  EXPECT_EQ(reinterpret_cast<const char*>(tensors.at("h").bytes.data()), file.data() + file.size() - 54 + 24);
}

TEST(safetensors, names_what_is_wrong) {
  const auto one = [](const std::string& fields, size_t bytes = 8) {
    return make_file("{\"a\":{" + fields + "}}", bytes);
  };
  const std::pair<std::string, const char*> cases[] = {
      {"", "want a safetensors file"},
      {std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10), "got a header of 18446744073709551615 bytes"},
      {make_file("{", 0), "no valid JSON"},
      {make_file("[]", 0), "want an object of tensors"},
      {make_file("{\"a\":3}", 0), "tensor 'a': got number 3"},
      {make_file("{\"\xff\":{}}", 0), "no UTF-8"},
      {make_file("{\"\":{}}", 0), "empty tensor name"},
      {make_file("{\"a\\nb\":{}}", 0), "control characters"},
      {make_file("{\"__metadata__\":{\"a\":1}}", 0), "__metadata__: got number 1"},
      {one(R"("dtype":"F64","shape":[1],"data_offsets":[0,8])"), "tensor 'a': got dtype F64, want F32"},
      {one(R"("dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8])"), "got dtype F8_E4M3"},
      {one(R"("dtype":"Q9","shape":[8],"data_offsets":[0,8])"), "got dtype 'Q9'"},
      {one(R"("dtype":"F32","shape":[NaN],"data_offsets":[0,8])"), "no valid JSON"},
      {one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "shape: got number 2.0"},
      {one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "shape: got number -2"},
      {one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"), "shape: got a list"},
      {one(R"("dtype":"F32","shape":[0],"data_offsets":[0,0])", 0), "got an axis of 0"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8])"), "does not fit into 64 bits"},
      {one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])"), "want less than 2^63"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "want begin <= end"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), "got 4 bytes, want 8"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 7), "cut short"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551608,18446744073709551615])"), "got 7 bytes"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,9])"), "more than two"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), "got 1 data_offsets"},
      {one(R"("dtype":"F32","shape":[2])"), "got no data_offsets"},
      {one(R"("dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8])"), "got key 'dtype' twice"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)"), "got key 'more'"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])", 9), "got 1 bytes after the last tensor"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[4,12])", 12), "got 4 bytes of no tensor"},
      {make_file(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}})",
           8),
       "got 'a' twice"},
      {make_file(
           R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})",
           7),
       "tensors 'a' and 'b' overlap"},
      {make_file("{\"a\":" + std::string(100000, '['), 0), "tensor 'a': got a list"},
  };
  for (const auto& [file, want] : cases) {
    const std::string got = refusal(file);
    EXPECT_NE(got.find(want), std::string::npos) << "want " << want << ", got " << got;
    EXPECT_TRUE(got.starts_with("weights: 'f': ")) << got;
    EXPECT_EQ(got.find('\n'), std::string::npos) << got;
  }
}

// Every truncation and every flipped bit of the header ends in a value or one line, never in a crash.
TEST(safetensors, survives_truncation_and_flips) {
  const std::string file = make_file(
      R"({"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}})",
      12);
  for (size_t size = 0; size < file.size(); ++size) EXPECT_NE(refusal(file.substr(0, size)), "(no error)") << size;
  for (size_t bit = 0; bit < (file.size() - 12) * 8; ++bit) {
    std::string flipped = file;
    flipped[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_EQ(refusal(flipped).find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace hearth
