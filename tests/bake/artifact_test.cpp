// Baked files: opened again, damaged, named in a cache; what each bad order says.
#include <filesystem>
#include <random>

#include "baking.h"

namespace hearth::test {
namespace {

namespace fs = std::filesystem;

std::string made(const Scratch& scratch, const Json& config, const std::vector<NamedTensor>& tensors) {
  const std::string folder = scratch.path("model");
  fs::remove_all(folder);
  write_folder(folder, config, tensors);
  return folder;
}

std::string failure(const Order& order) {
  const auto done = bake(order);
  EXPECT_FALSE(done.ok());
  EXPECT_FALSE(fs::exists(order.out)) << "a failed bake left " << order.out;
  return done.ok() ? "" : done.message();
}

TEST(Artifacts, OpenTwiceAndAnswerAlike) {
  const Scratch scratch;
  const Order order{.model = fixture("llama"), .quant = "q8_0", .out = scratch.path("out.hearth")};
  ASSERT_TRUE(bake(order).ok());
  const auto first = Artifact::open(order.out), second = Artifact::open(order.out);
  ASSERT_TRUE(first.ok() && second.ok());
  Engine one = engine_of(*first), two = engine_of(*second);
  const std::vector<int32_t> ids = some_ids(30, 512);
  const std::vector<float> truth = logits_of(one, ids);
  EXPECT_EQ(bits_differ(logits_of(two, ids), truth), "");
  ASSERT_TRUE(bake(order).ok());  // over a file that is open: the old one stays whole
  EXPECT_EQ(bits_differ(logits_of(one, ids), truth), "");
  const auto again = Artifact::open(order.out);
  ASSERT_TRUE(again.ok()) << again.message();
  for (const auto& [name, bytes] : first->tensors())
    EXPECT_TRUE(std::ranges::equal(bytes, *again->tensor(name))) << name;
}

TEST(Artifacts, CardSaysWhatTheModelIs) {
  const Scratch scratch;
  const Artifact artifact = baked(scratch, fixture("mistral"), "q4_0");
  const ModelCard& card = artifact.interface().model;
  EXPECT_EQ(card.name, "mistral");
  EXPECT_EQ(card.family, "mistral");
  EXPECT_EQ(card.vocabulary, 512);
  EXPECT_EQ(card.context, 512);
  EXPECT_EQ(card.sliding_window, 32);
  EXPECT_EQ(card.end_ids, std::vector<int64_t>{2});
  EXPECT_EQ(card.bos_id, 1);
  EXPECT_EQ(card.details["quant"], "q4_0");
  EXPECT_EQ(artifact.interface().target, find_target("native")->name);
}

// One line that names the file, or a whole model: never a crash, whatever byte of the header is wrong.
TEST(Artifacts, DamageIsOneLine) {
  const Scratch scratch;
  const Order order{.model = fixture("llama3"), .quant = "q4_0", .out = scratch.path("out.hearth")};
  ASSERT_TRUE(bake(order).ok());
  const std::string whole = *read_file(order.out);
  uint64_t header = 0;
  std::copy_n(whole.data(), 8, reinterpret_cast<char*>(&header));
  const auto open = [&](const std::string& bytes) {
    EXPECT_TRUE(write_file(scratch.path("damaged"), bytes).ok());
    const auto artifact = Artifact::open(scratch.path("damaged"));
    if (artifact.ok()) return std::string();
    EXPECT_EQ(artifact.message().find('\n'), std::string::npos) << artifact.message();
    EXPECT_TRUE(artifact.message().starts_with("artifact: '" + scratch.path("damaged") + "': ")) << artifact.message();
    return artifact.message();
  };
  EXPECT_EQ(open(whole), "");
  for (size_t keep : {size_t{0}, size_t{4}, size_t{8}, size_t{100}, size_t(header), size_t(header + 8),
                      whole.size() / 2, whole.size() - 1})
    EXPECT_NE(open(whole.substr(0, keep)), "") << keep << " bytes";
  std::mt19937 random(3);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string bytes = whole;
    bytes[random() % (8 + header)] ^= static_cast<char>(1 << random() % 8);
    refused += open(bytes) != "";
  }
  EXPECT_GT(refused, 200);
}

TEST(Artifacts, CodeOfAnotherMachineIsRefused) {
  const Scratch scratch;
  const bool arm = find_target("native")->name.starts_with("aarch64");
  const Artifact other = baked(scratch, fixture("llama"), "none", arm ? "x86-64-v3" : "aarch64");
  auto device = open_device("cpu", {.threads = 1});
  const auto engine = Engine::open(other, std::move(*device), {});
  ASSERT_FALSE(engine.ok());
  EXPECT_NE(engine.message().find(arm ? "x86_64" : "aarch64"), std::string::npos) << engine.message();
}

TEST(CacheKey, ChangesWithWhatIsBaked) {
  const Scratch scratch;
  const Json config = small_llama(64, 64);
  std::vector<NamedTensor> tensors = random_tensors(config, 1);
  const auto key = [&](const Json& with_config, const std::string& quant, const std::string& target) {
    const auto checkpoint = open_checkpoint(made(scratch, with_config, tensors));
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.message();
    const auto name = cache_key(*checkpoint, {.quant = quant, .target = target});
    EXPECT_TRUE(name.ok()) << name.message();
    EXPECT_EQ(name->find_first_of("/ \n"), std::string::npos) << *name;
    return *name;
  };
  const std::string base = key(config, "q8_0", "x86-64-v3");
  EXPECT_EQ(key(config, "q8_0", "x86-64-v3"), base);
  EXPECT_NE(key(config, "q4_0", "x86-64-v3"), base);
  EXPECT_NE(key(config, "q8_0", "x86-64-v4"), base);
  Json other = config;
  other["rms_norm_eps"] = 1e-6;
  EXPECT_NE(key(other, "q8_0", "x86-64-v3"), base);
  tensors[3].bytes[10] ^= 1;
  EXPECT_NE(key(config, "q8_0", "x86-64-v3"), base);
  EXPECT_EQ(key(config, "", "x86-64-v3"), key(config, "none", "x86-64-v3"));  // what a small model's quant becomes
}

TEST(Quant, IsChosenByFormatAndSize) {
  Checkpoint checkpoint;
  checkpoint.source_format = "safetensors";
  checkpoint.tensors["w"].shape = {500, 1000000};
  EXPECT_EQ(*chosen_quant(checkpoint, ""), "none");
  checkpoint.tensors["v"].shape = {1};
  EXPECT_EQ(*chosen_quant(checkpoint, ""), "q8_0");
  checkpoint.tensors["v"].shape = {4000, 1000000};
  EXPECT_EQ(*chosen_quant(checkpoint, ""), "q4_k");
  EXPECT_EQ(*chosen_quant(checkpoint, "none"), "none");
  checkpoint.source_format = "gguf";
  EXPECT_EQ(*chosen_quant(checkpoint, ""), "as stored");
  EXPECT_EQ(chosen_quant(checkpoint, "q3_z").message().substr(0, 36), "bake: got --quant q3_z, want none, q");
}

// 96 columns are three blocks of 32 and no block of 256; 40 are neither.
TEST(Quant, RowsThatFitNoBlockTakeTheNextLargerScheme) {
  const Scratch scratch;
  const Json config = small_llama(96, 256);
  const Artifact artifact = baked(scratch, made(scratch, config, random_tensors(config, 4)), "q4_k");
  const Json& details = artifact.interface().model.details;
  std::map<std::string, std::string> schemes;
  for (const Json& part : details["classes"])
    schemes[part["class"].get<std::string>()] += part["scheme"].get<std::string>() + " ";
  EXPECT_EQ(schemes["attention"], "q8_0 ");
  EXPECT_EQ(schemes["mlp"], "q4_k q8_0 ");  // down_proj has rows of 256
  EXPECT_EQ(schemes["norms and biases"], "f32 ");
  const std::string notes = dump(details["notes"]);
  EXPECT_NE(
      notes.find(
          "'model.layers.0.self_attn.q_proj.weight' is q8_0: its rows of 96 are no multiple of q4_k's block of 256"),
      std::string::npos)
      << notes;
  EXPECT_EQ(notes.find("down_proj"), std::string::npos) << notes;
}

TEST(Quant, RowsThatFitNothingStayAsTheyAre) {
  const Scratch scratch;
  const Json config = small_llama(40, 56);  // heads of 10, odd shapes everywhere
  const std::string model = made(scratch, config, random_tensors(config, 5));
  const Artifact artifact = baked(scratch, model, "q4_0");
  for (const Json& part : artifact.interface().model.details["classes"])
    EXPECT_EQ(part["scheme"], part["class"] == "norms and biases" ? "f32" : "bf16") << part;
  Engine asked = engine_of(artifact), plain = engine_of(baked(scratch, model, "none"));
  const std::vector<int32_t> ids = some_ids(20, 96);
  EXPECT_EQ(bits_differ(logits_of(asked, ids), logits_of(plain, ids)), "");
}

class BadOrders : public testing::Test {
 protected:
  std::string says(const std::function<void(std::vector<NamedTensor>&)>& change, const std::string& family = "llama") {
    Json config = small_llama(64, 64);
    config["model_type"] = family;
    std::vector<NamedTensor> tensors = random_tensors(config, 6);
    change(tensors);
    return failure({.model = made(scratch_, config, tensors), .quant = "none", .out = scratch_.path("out.hearth")});
  }
  static NamedTensor& find(std::vector<NamedTensor>& tensors, const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(), [&](const NamedTensor& t) { return t.name == name; });
  }
  const Scratch scratch_;
};

TEST_F(BadOrders, MissingTensorsAreNamed) {
  EXPECT_EQ(says([](auto& tensors) {
              std::erase_if(tensors, [](const NamedTensor& t) { return t.name == "lm_head.weight"; });
            }),
            "weights: 'lm_head.weight' is missing, want a tensor of shape [96, 64]");
  EXPECT_EQ(says([](auto& tensors) {
              std::erase_if(tensors,
                            [](const NamedTensor& t) { return t.name == "model.layers.1.input_layernorm.weight"; });
            }),
            "weights: 'model.layers.1.input_layernorm.weight' is missing, want a tensor of shape [64]");
}

TEST_F(BadOrders, WrongShapesAreNamed) {
  EXPECT_EQ(says([](auto& tensors) {
              find(tensors, "model.layers.0.mlp.up_proj.weight").shape = {32, 128};
            }),
            "weights: 'model.layers.0.mlp.up_proj.weight': got shape [32, 128], want [64, 64] as config.json says");
  EXPECT_EQ(says([](auto& tensors) {
              find(tensors, "model.norm.weight").shape = {1, 64};
            }),
            "weights: 'model.norm.weight': got shape [1, 64], want [64] as config.json says");
}

TEST_F(BadOrders, WrongElementTypesAreNamed) {
  EXPECT_EQ(says([](auto& tensors) {
              NamedTensor& tensor = find(tensors, "model.layers.0.mlp.up_proj.weight");
              tensor.dtype = "I8";
              tensor.bytes.resize(64 * 64);
            }),
            "weights: 'model.layers.0.mlp.up_proj.weight': got elements of type i8, want f32, f16 or bf16");
}

TEST_F(BadOrders, TensorsThatWouldChangeTheAnswerAreNotIgnored) {
  const NamedTensor bias{"model.layers.0.self_attn.q_proj.bias", "F32", {64}, std::string(256, '\0')};
  EXPECT_EQ(says([&](auto& tensors) { tensors.push_back(bias); }, "mistral"),
            "weights: 'model.layers.0.self_attn.q_proj.bias': got a tensor that no model of this family has, want one "
            "that all tensors "
            "belong to");
}

TEST_F(BadOrders, UnknownNamesAreToldWhatThereIs) {
  const std::string model = fixture("llama"), out = scratch_.path("out.hearth");
  EXPECT_EQ(failure({.model = model, .quant = "q9", .out = out}),
            "bake: got --quant q9, want none, q4_0, q4_k, q5_k, q6_k, q8_0");
  EXPECT_TRUE(failure({.model = model, .target = "pdp-11", .out = out})
                  .starts_with("target: got 'pdp-11', want one of: native, "));
  EXPECT_TRUE(failure({.model = scratch_.path("none"), .out = out}).starts_with("weights: "));
  EXPECT_NE(failure({.model = model, .out = scratch_.path("no/such/folder/out.hearth")}).find("no/such/folder"),
            std::string::npos);
  EXPECT_TRUE(ir_after({.model = model, .quant = "none"}, "no_such_pass")
                  .failure()
                  .text.starts_with("show: got --ir no_such_pass, want"));
}

TEST(Passes, AllGiveTextOfTheModel) {
  for (const std::string& pass : pass_names()) {
    const auto text = ir_after({.model = fixture("llama"), .quant = "q8_0"}, pass);
    ASSERT_TRUE(text.ok()) << text.message();
    EXPECT_NE(text->find("logits"), std::string::npos) << pass;
  }
}

TEST(Progress, ReachesItsEnd) {
  const Scratch scratch;
  std::map<std::string, BakeProgress> last;
  const auto done = bake({.model = fixture("llama"),
                          .quant = "none",
                          .out = scratch.path("a.hearth"),
                          .on_progress = [&](const BakeProgress& p) {
                            EXPECT_GE(p.done, last[p.stage].done);
                            EXPECT_LE(p.done, p.total);
                            last[p.stage] = p;
                          }});
  ASSERT_TRUE(done.ok()) << done.message();
  ASSERT_EQ(last.size(), 2u);
  for (const auto& [stage, progress] : last) EXPECT_EQ(progress.done, progress.total) << stage;
}

}  // namespace
}  // namespace hearth::test
