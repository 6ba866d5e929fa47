// Reads cases, runs passes on them and compares.
#include "cases.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "base/file.h"
#include "ops/op.h"
#include "tests/support/run_program.h"

namespace hearth {
namespace {

constexpr const char* kFolder = HEARTH_ROOT "/tests/fixtures/passes/";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool is_comment(const std::string& line) { return line.starts_with("#") || line.starts_with("//"); }

PassCase read_case(const std::filesystem::path& in) {
  PassCase result;
  result.path = (in.parent_path() / in.stem()).string();
  auto text = read_file(in.string());
  EXPECT_TRUE(text.ok()) << text.message();
  if (!text.ok()) return result;
  result.text = *text;
  std::string target;
  for (const std::string& line : lines_of(result.text)) {
    if (!is_comment(line)) break;
    result.header += line + "\n";
    if (const size_t at = line.find("target: "); at != std::string::npos) target = line.substr(at + 8);
    if (line.ends_with(" unchanged")) result.unchanged = true;
  }
  auto found = find_target(target);
  EXPECT_TRUE(found.ok()) << result.path << ".in: " << found.message();
  if (found.ok()) result.target = *found;
  return result;
}

void expect_text(const PassCase& each, const std::string& before, const std::string& after) {
  if (each.unchanged) {
    EXPECT_EQ(before, after) << each.path << ".in: want it unchanged:\n" << difference(before, after);
    return;
  }
  auto want = read_file(each.path + ".out");
  ASSERT_TRUE(want.ok()) << want.message();
  EXPECT_NE(before, after) << each.path << ".in: the pass does nothing; say `unchanged` if that is meant";
  EXPECT_TRUE(*want == after) << each.path << ".out:\n" << difference(*want, after);
}

// Sizes at their bounds and between; every size at most 40, so that the interpreter is done soon.
std::vector<Sizes> sizes_to_try(const Program& program) {
  std::vector<Sizes> all;
  for (int64_t wish : {1, 2, 7, 8, 19, 40}) {
    Sizes sizes;
    for (const SizeDecl& size : program.sizes) sizes[size.name] = std::clamp(wish, size.at_least, size.at_most);
    if (std::find(all.begin(), all.end(), sizes) == all.end()) all.push_back(sizes);
  }
  return all;
}

void expect_near_results(const Program& a, const Program& b, const Sizes& sizes, const Memory& memory) {
  Memory after_a = memory, after_b = memory;
  run_program(a, sizes, after_a);
  run_program(b, sizes, after_b);
  for (const ProgramBuffer& buffer : a.buffers) {
    if (buffer.role != Role::output) continue;
    const auto x = as_values<float>(after_a[buffer.name]), y = as_values<float>(after_b[buffer.name]);
    ASSERT_EQ(x.size(), y.size());
    for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 1e-6f * std::max(1.0f, std::abs(x[i])));
  }
}

void expect_meaning(const PassCase& each, const Program& before, const Program& after, Meaning meaning) {
  Chance chance(7);
  for (const Sizes& sizes : sizes_to_try(before)) {
    const Memory memory = random_memory(before, sizes, chance);
    SCOPED_TRACE(each.path);
    if (meaning == Meaning::kept) expect_same_results(before, after, sizes, memory);
    else expect_near_results(before, after, sizes, memory);
  }
}

}  // namespace

std::vector<PassCase> cases_of(const std::string& pass) {
  std::vector<std::filesystem::path> inputs;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + pass))
    if (entry.path().extension() == ".in") inputs.push_back(entry.path());
  std::sort(inputs.begin(), inputs.end());
  std::vector<PassCase> cases;
  for (const auto& in : inputs) cases.push_back(read_case(in));
  EXPECT_GE(cases.size(), 2u) << "want cases where " << pass << " fires and where it does not";
  return cases;
}

void check_graph_pass(const std::string& pass, GraphPass run) {
  for (const PassCase& each : cases_of(pass)) {
    const auto graph = parse_graph(each.text);
    ASSERT_TRUE(graph.ok()) << each.path << ".in: " << graph.message();
    const auto lawful = verify(*graph);
    ASSERT_TRUE(lawful.ok()) << each.path << ".in: " << lawful.message();
    const Graph after = clean(run(*graph, each.target));
    const auto still = verify(after);
    EXPECT_TRUE(still.ok()) << each.path << ": " << still.message();
    expect_text(each, print(*graph), print(after));
  }
}

void check_loop_pass(const std::string& pass, LoopPass run, Meaning meaning) {
  for (const PassCase& each : cases_of(pass)) {
    const auto program = parse_program(each.text);
    ASSERT_TRUE(program.ok()) << each.path << ".in: " << program.message();
    const Program after = run(*program, each.target);
    const auto still = verify(after);
    EXPECT_TRUE(still.ok()) << each.path << ": " << still.message();
    expect_text(each, print(*program), print(after));
    expect_meaning(each, *program, after, meaning);
  }
}

std::string difference(const std::string& want, const std::string& got) {
  const std::vector<std::string> a = lines_of(want), b = lines_of(got);
  size_t same = 0, tail = 0;
  while (same < a.size() && same < b.size() && a[same] == b[same]) ++same;
  while (tail < a.size() - same && tail < b.size() - same && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  if (same == a.size() && same == b.size()) return "";
  std::string text = fmt::format("from line {}:\n", same + 1);
  for (size_t i = same; i < a.size() - tail; ++i) text += "- " + a[i] + "\n";
  for (size_t i = same; i < b.size() - tail; ++i) text += "+ " + b[i] + "\n";
  return text;
}

// Writes every .out anew; for a person who changed a pass, then reads the difference.
TEST(PassCases, DISABLED_WriteOutputs) {
  const auto write = [](const PassCase& each, const std::string& text) {
    if (each.unchanged) return;
    const auto written = write_file(each.path + ".out", text);
    EXPECT_TRUE(written.ok()) << written.message();
  };
#define GRAPH_PASS(name) \
  for (const PassCase& each : cases_of(#name)) write(each, print(clean(name(parse_graph(each.text).value(), each.target))));
#define LOOP_PASS(name) \
  for (const PassCase& each : cases_of(#name)) write(each, print(name(parse_program(each.text).value(), each.target)));
#include "passes/pass_list.h"
#undef GRAPH_PASS
#undef LOOP_PASS
}

TEST(PassCases, ADifferenceShowsTheLinesThatDiffer) {
  EXPECT_EQ(difference("a\nb\nc\n", "a\nb\nc\n"), "");
  EXPECT_EQ(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "from line 2:\n- b\n+ x\n+ y\n");
  EXPECT_EQ(difference("a\n", "a\nb\n"), "from line 2:\n+ b\n");
}

}  // namespace hearth
