// Executable: a baked file computes on the CPU, and sizes, buffers and files that do not fit are refused.
#include "runtime/executable.h"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/artifact/sample.h"

namespace hearth {
namespace {

std::string kernels() { return *read_file(HEARTH_TEST_KERNELS); }

// y = x * w + 1 + (number of runs, kept in a state)
Interface counting_interface() {
  Interface in = sample_interface();
  in.buffers[4] = {"count", DType::i32, "pages", BufferRole::state, -1};
  in.buffers[3].elements = "4";
  in.kernels = {{"scale", "tokens"}, {"add_count", "1"}, {"nothing", "0"}};
  in.launches = {{{{0, "tokens", 1, 8}}, {0, 3, 2}},
                 {{{2, "tokens", 1, 100}}, {}},
                 {{{1, "tokens", 5, 8}, {1, "tokens", 1, 4}}, {2, 4, 1}}};
  return in;
}

struct Baked {
  TemporaryFolder folder;
  Result<Artifact> artifact;
  explicit Baked(const Interface& in, const std::string& code = kernels()) : artifact(write(in, code)) {}

  Result<Artifact> write(const Interface& in, const std::string& code) {
    TRY(ArtifactWriter writer, ArtifactWriter::create(folder.file("a"), in, {{"code/test", code.size()}, {"w", 16}}));
    std::memcpy(writer.tensor("code/test").data(), code.data(), code.size());
    const float w[4] = {1, 2, 3, 4};
    std::memcpy(writer.tensor("w").data(), w, sizeof(w));
    TRY_DONE(writer.finish());
    return Artifact::open(folder.file("a"));
  }
};

std::shared_ptr<Device> device(const std::string& name, int threads = 2) {
  return std::shared_ptr<Device>(std::move(*open_device(name, {.threads = threads})));
}

template <class T>
Bytes bytes_of_all(const std::vector<T>& values) {
  return {reinterpret_cast<const std::byte*>(values.data()), values.size() * sizeof(T)};
}

// A device whose memory the host does not see.
class FarDevice : public Device {
 public:
  Result<Memory> allocate(uint64_t bytes) override { return near_->allocate(bytes); }
  void free(Memory memory) override { near_->free(memory); }
  Result<Memory> adopt(Bytes weights) override { return near_->adopt(weights); }
  Result<Done> upload(Memory to, uint64_t offset, Bytes from) override { return near_->upload(to, offset, from); }
  Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) override {
    ++downloads;
    return near_->download(from, offset, to);
  }
  Result<Done> copy(Memory memory, uint64_t from, uint64_t to, uint64_t bytes) override {
    return near_->copy(memory, from, to, bytes);
  }
  Result<Done> load_code(Bytes code, const std::vector<std::string>& symbols) override {
    return near_->load_code(code, symbols);
  }
  Result<Done> launch(std::span<const Call> calls, std::span<const int64_t> sizes) override {
    return near_->launch(calls, sizes);
  }
  Result<Done> synchronize() override { return near_->synchronize(); }
  Json describe() const override { return near_->describe(); }

  int downloads = 0;

 private:
  std::shared_ptr<Device> near_ = device("cpu");
};

TEST(Executable, ShowsOutputsWhereTheyLieOrACopy) {
  const Baked baked(counting_interface());
  ASSERT_TRUE(baked.artifact.ok()) << baked.artifact.message();
  const auto far = std::make_shared<FarDevice>();
  for (const std::shared_ptr<Device>& where : {device("cpu"), std::shared_ptr<Device>(far)}) {
    auto loaded = Executable::load(where, *baked.artifact, {{"pages", 3}});
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    for (int run = 1; run <= 3; ++run) {
      const std::vector<float> x(8, static_cast<float>(run));
      std::vector<float> y(x.size());
      ASSERT_TRUE(loaded->write("x", bytes_of_all(x)).ok());
      ASSERT_TRUE(loaded->run({{"tokens", 2}}).ok());
      ASSERT_TRUE(loaded->read("y", std::as_writable_bytes(std::span(y))).ok());
      const auto seen = loaded->view("y", y.size() * sizeof(float));
      ASSERT_TRUE(seen.ok()) << seen.message();
      ASSERT_EQ(seen->size(), y.size() * sizeof(float));
      EXPECT_EQ(std::memcmp(seen->data(), y.data(), seen->size()), 0) << "run " << run;
      const auto rest = loaded->view("y", 4, 12);
      ASSERT_TRUE(rest.ok()) << rest.message();
      EXPECT_EQ(std::memcmp(rest->data(), &y[3], 4), 0);
    }
    EXPECT_EQ(loaded->view("y", 1 << 20).message(), "runtime: buffer 'y': got 1048576 bytes at 0, want them inside its 128");
    EXPECT_EQ(loaded->view("z", 4).message(), "runtime: buffer 'z' is unknown");
  }
  EXPECT_EQ(far->downloads, 9);
}

TEST(Executable, ComputesAndKeepsState) {
  const Baked baked(counting_interface());
  ASSERT_TRUE(baked.artifact.ok()) << baked.artifact.message();
  for (int threads : {1, 2, 4}) {
    auto loaded = Executable::load(device("cpu", threads), *baked.artifact, {{"pages", 3}});
    ASSERT_TRUE(loaded.ok()) << loaded.message();
    EXPECT_EQ(loaded->memory_bytes(), 384u + 12u);
    for (int run = 1; run <= 100; ++run) {
      const int64_t tokens = 1 + run % 8;
      std::vector<float> x(static_cast<size_t>(tokens) * 4, static_cast<float>(run)), y(x.size());
      ASSERT_TRUE(loaded->write("x", bytes_of_all(x)).ok());
      const auto ran = loaded->run({{"tokens", tokens}});
      ASSERT_TRUE(ran.ok()) << ran.message();
      ASSERT_TRUE(loaded->read("y", {reinterpret_cast<std::byte*>(y.data()), y.size() * 4}).ok());
      for (size_t i = 0; i < y.size(); ++i)
        ASSERT_EQ(y[i], static_cast<float>(run) * static_cast<float>(1 + i % 4) + 1.0f + static_cast<float>(run));
    }
    int32_t count = 0;
    ASSERT_TRUE(loaded->read("count", {reinterpret_cast<std::byte*>(&count), 4}).ok());
    EXPECT_EQ(count, 100);
  }
}

TEST(Executable, SizesAreChecked) {
  const Baked baked(counting_interface());
  const auto refused = [&](const SizeValues& fixed, const std::string& part) {
    const auto loaded = Executable::load(device("null"), *baked.artifact, fixed);
    ASSERT_FALSE(loaded.ok());
    EXPECT_NE(loaded.message().find(part), std::string::npos) << loaded.message();
  };
  refused({{"pages", 0}}, "size 'pages' is 0, want 1 to 1024");
  refused({{"pages", 1025}}, "size 'pages' is 1025");
  refused({{"rows", 1}}, "size 'rows' is unknown");
  auto loaded = Executable::load(device("null"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->run({{"tokens", 8}}).ok());
  EXPECT_TRUE(loaded->run({{"tokens", 8}, {"pages", 3}}).ok());
  EXPECT_EQ(loaded->run({{"tokens", 8}, {"pages", 4}}).message(),
            "runtime: size 'pages' is 4, want 3 as fixed when loaded");
  EXPECT_EQ(loaded->run({{"tokens", 9}}).message(), "runtime: size 'tokens' is 9, want 1 to 8");
  EXPECT_EQ(loaded->run({}).message(), "runtime: size 'tokens' is missing");
  EXPECT_EQ(loaded->run({{"tokens", 8}, {"rows", 1}}).message(),
            "runtime: size 'rows' is unknown, want one of: tokens, pages");
  auto open = Executable::load(device("null"), *baked.artifact, {});  // pages not fixed: room for the most
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(open->memory_bytes(), 384u + 4096u);
  EXPECT_TRUE(open->run({{"tokens", 1}, {"pages", 1024}}).ok());
}

TEST(Executable, BuffersAreChecked) {
  const Baked baked(counting_interface());
  auto loaded = Executable::load(device("null"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok());
  std::vector<std::byte> data(200);
  EXPECT_EQ(loaded->write("x", {data.data(), 129}).message(), "runtime: buffer 'x': got 129 bytes at 0, want at most 128");
  EXPECT_TRUE(loaded->write("x", {data.data(), 128}).ok());
  EXPECT_FALSE(loaded->read("y", {data.data(), 120}, 16).ok());
  EXPECT_FALSE(loaded->read("y", {data.data(), 1}, UINT64_MAX).ok());
  EXPECT_TRUE(loaded->read("count", {data.data(), 8}, 4).ok());
  EXPECT_FALSE(loaded->write("w", {}).ok());
  EXPECT_FALSE(loaded->write("t", {}).ok());
  EXPECT_FALSE(loaded->read("z", {}).ok());
}

// A formula that is larger between the bounds than at them must not reach past its buffer.
TEST(Executable, FormulasThatPeakBetweenTheBoundsAreCaught) {
  Interface in = counting_interface();
  in.buffers[2].elements = "tokens % 8 * 16";
  const Baked baked(in);
  ASSERT_TRUE(baked.artifact.ok()) << baked.artifact.message();
  auto loaded = Executable::load(device("null"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok()) << loaded.message();
  const auto ran = loaded->run({{"tokens", 7}});
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.message(), "runtime: buffer 't' has 0 bytes, want 448 at tokens = 7, pages = 3");
  EXPECT_TRUE(loaded->run({{"tokens", 8}}).ok());
}

TEST(Executable, NoVariantIsAnError) {
  Interface in = counting_interface();
  in.launches[0].variants = {{0, "tokens", 1, 4}};
  const Baked baked(in);
  auto loaded = Executable::load(device("null"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded->run({{"tokens", 4}}).ok());
  EXPECT_EQ(loaded->run({{"tokens", 5}}).message(), "runtime: launch 0 has no variant at tokens = 5, pages = 3");
}

TEST(Executable, CodeMustBeThere) {
  Interface in = counting_interface();
  in.kernels[0].symbol = "absent";
  const Baked wrong_symbol(in);
  EXPECT_FALSE(Executable::load(device("cpu"), *wrong_symbol.artifact, {}).ok());
  in = counting_interface();
  in.target = "other";
  const Baked wrong_target(in);
  const auto loaded = Executable::load(device("cpu"), *wrong_target.artifact, {});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.message().find("'code/other' is missing"), std::string::npos) << loaded.message();
}

TEST(Executable, CodeForAnotherMachineIsRefused) {
  Interface in = counting_interface();
  in.arch = "pdp11";
  const Baked foreign(in);
  const auto loaded = Executable::load(device("cpu"), *foreign.artifact, {});
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.message().find("was baked for test"), std::string::npos) << loaded.message();
  EXPECT_TRUE(Executable::load(device("null"), *foreign.artifact, {}).ok());
}

TEST(Executable, RemembersMoreSizesThanItKeeps) {
  Interface in = counting_interface();
  in.sizes[1].at_least = 0;
  const Baked baked(in);
  auto loaded = Executable::load(device("cpu"), *baked.artifact, {});
  ASSERT_TRUE(loaded.ok());
  for (int64_t round = 0; round < 3; ++round)
    for (int64_t pages = 1; pages < 100; ++pages)
      ASSERT_TRUE(loaded->run({{"tokens", 1 + pages % 8}, {"pages", pages}}).ok());
  int32_t count = 0;
  ASSERT_TRUE(loaded->read("count", {reinterpret_cast<std::byte*>(&count), 4}).ok());
  EXPECT_EQ(count, 297);
}

TEST(Executable, Profiles) {
  const Baked baked(counting_interface());
  auto loaded = Executable::load(device("cpu"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok());
  loaded->enable_profile(true);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(loaded->run({{"tokens", 4}}).ok());
  loaded->enable_profile(false);
  ASSERT_TRUE(loaded->run({{"tokens", 4}}).ok());
  const Json profile = loaded->profile();
  EXPECT_EQ(profile["runs"], 5);
  EXPECT_EQ(profile["kernels"]["scale"]["calls"], 5);
  EXPECT_GT(profile["kernels"]["scale"]["ns"], 0);
  EXPECT_FALSE(profile["kernels"].contains("nothing"));
  EXPECT_FALSE(profile["kernels"]["scale"].contains("bytes"));     // the file does not say
  EXPECT_GE(profile["waiting_ns"], 0);
}

TEST(Executable, ProfilesSumCostsAndAllTime) {
  Interface in = counting_interface();
  for (KernelRecord& kernel : in.kernels) kernel.bytes = "tokens * 12", kernel.dots = "0", kernel.floats = "tokens / (tokens - 4)";
  const Baked baked(in);
  auto loaded = Executable::load(device("cpu"), *baked.artifact, {{"pages", 3}});
  ASSERT_TRUE(loaded.ok());
  loaded->enable_profile(true);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(loaded->run({{"tokens", 4}}).ok());        // a formula without a value counts nothing
  ASSERT_TRUE(loaded->run({{"tokens", 6}}).ok());
  const double ns = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  const Json profile = loaded->profile();
  EXPECT_EQ(profile["kernels"]["scale"]["bytes"], 120.0);
  EXPECT_EQ(profile["kernels"]["scale"]["floats"], 3.0);
  double sum = profile["waiting_ns"].get<double>();
  for (const auto& kernel : profile["kernels"]) sum += kernel["ns"].get<double>();
  EXPECT_GT(sum, 0);
  EXPECT_LE(sum, ns);
}

}  // namespace
}  // namespace hearth
