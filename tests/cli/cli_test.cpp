// The binary end to end: what it prints, where, and how it exits.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kEmber = HEARTH_ROOT "/models/ember";

struct Ran {
  int exit = -1;
  std::string out, err;
};

std::string file_text(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// One folder for all that these tests write; a cache shared by them makes starts warm.
const fs::path& work() {
  static const fs::path path = [] {
    const fs::path made = fs::temp_directory_path() / ("hearth-cli-test-" + std::to_string(getuid()));
    fs::create_directories(made);
    return made;
  }();
  return path;
}

Ran hearth(std::vector<std::string> args, const std::string& input = "") {
  const std::string tag = std::to_string(getpid());
  const fs::path in = work() / (tag + ".in"), out = work() / (tag + ".out"), err = work() / (tag + ".err");
  std::ofstream(in, std::ios::binary) << input;
  args.insert(args.begin(), HEARTH_BUILD "/hearth");
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  const std::string cache = "XDG_CACHE_HOME=" + (work() / "cache").string(), home = "HOME=" + work().string();
  std::vector<char*> environment = {const_cast<char*>(cache.c_str()), const_cast<char*>(home.c_str()), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t child = 0;
  Ran ran;
  if (posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environment.data()) == 0) {
    int status = 0;
    waitpid(child, &status, 0);
    ran.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  posix_spawn_file_actions_destroy(&actions);
  ran.out = file_text(out);
  ran.err = file_text(err);
  for (const fs::path& path : {in, out, err}) fs::remove(path);
  return ran;
}

// One line on stderr that begins as ours do, nothing on stdout, and this exit code.
void expect_failure(const std::vector<std::string>& args, int exit, const std::string& part) {
  const Ran ran = hearth(args);
  EXPECT_EQ(ran.exit, exit) << ran.err;
  EXPECT_EQ(ran.out, "");
  EXPECT_TRUE(ran.err.starts_with("hearth: ")) << ran.err;
  EXPECT_EQ(std::count(ran.err.begin(), ran.err.end(), '\n'), 1) << ran.err;
  EXPECT_NE(ran.err.find(part), std::string::npos) << ran.err;
}

TEST(Cli, fails_in_one_line) {
  expect_failure({}, 2, "subcommand is required");
  expect_failure({"run", "--nope"}, 2, "--nope");
  expect_failure({"fly"}, 2, "fly");
  expect_failure({"run", kEmber, "-t", "many", "-p", "x"}, 2, "many");
  expect_failure({"run", kEmber, "--logit-bias", "12", "-p", "x"}, 2, "--logit-bias");
  expect_failure({"run", "/no/such/model", "-p", "x"}, 1, "/no/such/model");
  expect_failure({"run", kEmber, "-p", "x", "--temp", "-3"}, 1, "temperature");
  expect_failure({"run", kEmber, "-p", "x", "-c", "99999999"}, 1, "context");
  expect_failure({"run", kEmber, "-p", "x", "--quant", "q17"}, 1, "q17");
  expect_failure({"run", kEmber, "-p", "x", "--target", "z80"}, 1, "z80");
  expect_failure({"bake", kEmber}, 2, "--out");
  expect_failure({"tokenize", "/no/such", "-p", "x"}, 1, "/no/such");
  expect_failure({"detokenize", kEmber, "--ids", "1,x"}, 1, "1,x");
  expect_failure({"template", kEmber, "--json", "/no/such.json"}, 1, "/no/such.json");
  expect_failure({"logits", kEmber, "--ids", "1,999999", "--out", "/dev/null"}, 1, "999999");
  expect_failure({"perplexity", kEmber}, 1, "--ids");
  expect_failure({"bench", kEmber, "-o", "xml"}, 2, "xml");
}

TEST(Cli, says_its_version_and_helps) {
  EXPECT_EQ(hearth({"--version"}).out.substr(0, 7), "hearth ");
  EXPECT_EQ(hearth({"--version"}).exit, 0);
  EXPECT_NE(hearth({"run", "--help"}).out.find("--top-k"), std::string::npos);
  EXPECT_NE(hearth({"doctor"}).out.find("target"), std::string::npos);
  EXPECT_TRUE(Json::accept(hearth({"doctor", "--json"}).out));
}

TEST(Cli, answers_one_shot_the_same_each_time) {
  const Ran greedy = hearth({"run", kEmber, "-p", "What is the capital of Japan?", "--temp", "0"});
  EXPECT_EQ(greedy.exit, 0) << greedy.err;
  EXPECT_NE(greedy.out.find("Tokyo"), std::string::npos) << greedy.out;
  EXPECT_EQ(greedy.err, "");
  EXPECT_EQ(hearth({"run", kEmber}, "What is the capital of Japan?\n").exit, 0);
  const std::vector<std::string> drawn = {"run", "-m", kEmber, "Tell me of a cat.", "-n", "24", "--seed", "5", "--quant", "none"};
  const Ran first = hearth(drawn);
  EXPECT_EQ(first.exit, 0) << first.err;
  EXPECT_GT(first.out.size(), 10u);
  for (const std::vector<std::string>& more : {std::vector<std::string>{"-t", "1"}, {"-t", "3"}, {"--chunk", "5"}}) {
    std::vector<std::string> args = drawn;
    args.insert(args.end(), more.begin(), more.end());
    EXPECT_EQ(hearth(args).out, first.out) << more[0] << more[1];
  }
  const Ran piped = hearth({"run", kEmber, "--temp", "0"}, "What is the capital of Japan?\n");
  EXPECT_EQ(piped.out, greedy.out);
}

TEST(Cli, tells_one_story_when_nobody_asks) {
  const Ran story = hearth({"run", kEmber});
  EXPECT_EQ(story.exit, 0) << story.err;
  EXPECT_GT(story.out.size(), 100u);
}

TEST(Cli, stops_at_stop_strings_and_at_a_full_context) {
  const Ran stopped = hearth({"run", kEmber, "-p", "What is the capital of Japan?", "--temp", "0", "--stop", "Tok"});
  EXPECT_EQ(stopped.exit, 0) << stopped.err;
  EXPECT_EQ(stopped.out.find("Tok"), std::string::npos) << stopped.out;
  const Ran full = hearth({"run", kEmber, "--raw", "-p", "Once upon a time", "-c", "24", "--logit-bias", "0-inf", "--logit-bias", "2-inf"});
  EXPECT_EQ(full.exit, 1);
  EXPECT_NE(full.err.find("--context-shift"), std::string::npos) << full.err;
  const Ran slides = hearth({"run", kEmber, "--raw", "-p", "Once upon a time", "-c", "24", "-n", "60", "--context-shift"});
  EXPECT_EQ(slides.exit, 0) << slides.err;
}

TEST(Cli, bakes_a_file_that_runs) {
  const std::string file = (work() / "ember.hearth").string();
  const Ran baked = hearth({"bake", kEmber, "-o", file});
  EXPECT_EQ(baked.exit, 0) << baked.err;
  EXPECT_EQ(baked.err, "");
  EXPECT_NE(baked.out.find("code in "), std::string::npos) << baked.out;
  const Ran ran = hearth({"run", file, "-p", "What is the capital of Japan?", "--temp", "0"});
  EXPECT_NE(ran.out.find("Tokyo"), std::string::npos) << ran.err;
  const Ran shown = hearth({"show", file, "--json"});
  EXPECT_EQ(shown.exit, 0) << shown.err;
  EXPECT_EQ(Json::parse(shown.out)["vocabulary"], 8192);
  EXPECT_NE(hearth({"show", file}).out.find("memory plan"), std::string::npos);
  fs::remove(file);
}

TEST(Cli, turns_text_into_ids_and_back) {
  const Ran ids = hearth({"tokenize", kEmber, "-p", "Hello world", "--no-special", "--json"});
  ASSERT_EQ(ids.exit, 0) << ids.err;
  const Json json = Json::parse(ids.out);
  EXPECT_EQ(json["ids"].size(), json["pieces"].size());
  std::string list;
  for (const Json& id : json["ids"]) list += (list.empty() ? "" : ",") + id.dump();
  EXPECT_EQ(hearth({"detokenize", kEmber, "--ids", list}).out, "Hello world\n");
  EXPECT_EQ(hearth({"tokenize", kEmber, "--no-special", "--json"}, "Hello world").out, ids.out);
}

TEST(Cli, renders_templates_exactly) {
  const std::string file = (work() / "case.json").string();
  std::ofstream(file) << R"({"name": "row", "template": "x.jinja", "rendered": "", "messages": [{"role": "user", "content": "Hi"}],
                            "add_generation_prompt": true, "tools": null})";
  EXPECT_EQ(hearth({"template", kEmber, "--json", file}).out, "<|bos|><|user|>Hi<|eot|><|assistant|>");
  const std::string source = (work() / "t.jinja").string();
  std::ofstream(source) << "{{ raise_exception('no ' ~ messages[0].role) }}";
  expect_failure({"template", source, "--json", file}, 1, "no user");
}

TEST(Cli, writes_logits_and_scores_ids) {
  const std::string file = (work() / "l.safetensors").string();
  const Ran ran = hearth({"logits", HEARTH_ROOT "/tests/fixtures/models/llama", "--quant", "none", "--ids", "1,2,3", "--out", file});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const std::string text = file_text(file);
  uint64_t size = 0;
  memcpy(&size, text.data(), 8);
  const Json header = Json::parse(text.substr(8, size));
  EXPECT_EQ(header["logits"]["dtype"], "F32");
  EXPECT_EQ(header["logits"]["shape"][0], 3);
  EXPECT_EQ(text.size(), 8 + size + header["logits"]["data_offsets"][1].get<size_t>());

  // two windows of the reference
  const Json golden = Json::parse(file_text(HEARTH_ROOT "/tests/fixtures/ember/golden.json"))["perplexity"];
  Json ids = Json::array();
  for (int i = 0; i < 1024 + 5; ++i) ids.push_back(golden["ids"][i]);
  const std::string list = (work() / "ids.json").string();
  std::ofstream(list) << ids;
  const Ran scored = hearth({"perplexity", kEmber, "--quant", "none", "--ids", list, "--json"});
  ASSERT_EQ(scored.exit, 0) << scored.err;
  const Json score = Json::parse(scored.out);
  EXPECT_EQ(score["left_out"], 5);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(score["nll_per_window"][i].get<double>(), golden["nll_per_window"][i].get<double>(), 2e-3);
  }
}

TEST(Cli, profiles_kernels_and_draws_them) {
  const std::string svg = (work() / "roofline.svg").string();
  const std::vector<std::string> base = {"bench", kEmber, "-p", "16", "-n", "4", "-r", "1", "-t", "2", "--profile"};
  std::vector<std::string> json = base, table = base;
  json.insert(json.end(), {"-o", "json", "--svg", svg});
  const Ran ran = hearth(json);
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const Json rows = Json::parse(ran.out);
  ASSERT_EQ(rows.size(), 2u);
  for (const Json& row : rows) {
    const Json& profile = row["profile"];
    double ms = profile["waiting_ms"].get<double>() + profile["outside_ms"].get<double>();
    for (const Json& kernel : profile["kernels"]) ms += kernel["ms"].get<double>();
    EXPECT_NEAR(ms, profile["total_ms"].get<double>(), 0.02 * profile["total_ms"].get<double>());
    EXPECT_GT(profile["probe"]["read_gb_s"], 0);
    EXPECT_GT(profile["kernels"][0]["bytes"], 0);
    EXPECT_GE(profile["kernels"][0]["ms"], profile["kernels"].back()["ms"]);
  }
  // All weights are read once a step: 4 steps of 24.65 M parameters of two bytes.
  double bytes = 0;
  for (const Json& kernel : rows[1]["profile"]["kernels"]) bytes += kernel["bytes"].get<double>();
  EXPECT_NEAR(bytes, 4 * 24.65e6 * 2, 0.1 * 4 * 24.65e6 * 2);
  const std::string picture = file_text(svg);
  EXPECT_TRUE(picture.starts_with("<svg")) << picture.substr(0, 80);
  EXPECT_NE(picture.find("<circle"), std::string::npos);
  EXPECT_EQ(picture.find("nan"), std::string::npos);
  const Ran text = hearth(table);
  EXPECT_NE(text.out.find("(waiting at barriers)"), std::string::npos) << text.out << text.err;
  EXPECT_EQ(hearth({"bench", kEmber, "--svg", svg}).exit, 2);
}

// A batch needs more pages than one context has: 80 rows of 16 positions are more than Ember's 1024.
TEST(Cli, benches_batches_beyond_one_context) {
  const Ran ran = hearth({"bench", kEmber, "-p", "0", "-n", "0", "-b", "1,80", "-r", "1", "-t", "2", "-o", "json"});
  ASSERT_EQ(ran.exit, 0) << ran.err;
  const Json rows = Json::parse(ran.out);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[2]["sequences"], 80);
  EXPECT_GT(rows[2]["least_ms"], 0);
}

TEST(Cli, benches_in_four_formats) {
  const auto bench = [](const std::string& format) {
    return hearth({"bench", kEmber, "-p", "16", "-n", "4,8", "-r", "2", "-t", "1", "-o", format});
  };
  const Ran table = bench("md");
  EXPECT_EQ(table.exit, 0) << table.err;
  for (const char* part : {"| model ", "t/s |", "pp16 |", "tg4 |", "tg8 |", " ± "}) {
    EXPECT_NE(table.out.find(part), std::string::npos) << part;
  }
  const Json rows = Json::parse(bench("json").out);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_GT(rows[0]["avg_ts"].get<double>(), 0);
  const std::string csv = bench("csv").out, lines = bench("jsonl").out;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 3);
}

}  // namespace
