// Graphs as text and back, hostile text, what verify() rejects, and building with inferred types.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/file.h"
#include "ops/op.h"
#include "tests/support/run_program.h"

namespace hearth {
namespace {

constexpr const char* kGraph = R"text(size tokens in [1, 512]
size pages in [1, 16777216]
%0 = input() {columns = "", dtype = "i32", name = "ids", rows = "tokens"} : i32 [tokens]
%1 = param() {name = "w", row_bytes = 34, shape = [100r, 32r], stored = "q8_0"} : u8 [100, 34]
%2 = decode(%1) {columns = 32, rows = 100, storage = "q8_0"} : f32 [100, 32]
%3 = embed(%0, %2) : f32 [tokens, 32]
%4 = rms_scale(%3) {eps = 1e-06r} : f32 [tokens, 1]
%5 = mul(%3, %4) : f32 [tokens, 32]
%6 = constant() {values = [-1.5r, 0.1r, 1e+300r, 0r]} : f32 [4]
%7 = state() {dtype = "f16", elements = "pages * 16 + min(pages, 4)", name = "s"} : f16 [pages * 16 + min(pages, 4)]
output y = %5
output s = %7
)text";

TEST(GraphText, AGraphComesBackAsItWasPrinted) {
  const auto graph = parse_graph(kGraph);
  ASSERT_TRUE(graph.ok()) << graph.message();
  EXPECT_EQ(print(*graph), kGraph);
  EXPECT_EQ(graph->sizes[1].at_most, 16777216);
  EXPECT_EQ((*graph)[1].reals("shape"), (std::vector<double>{100, 32}));
  EXPECT_EQ((*graph)[1].integer("row_bytes"), 34);
  EXPECT_EQ((*graph)[4].real("eps"), 1e-6);
  EXPECT_EQ((*graph)[1].text("stored"), "q8_0");
  EXPECT_EQ(graph->outputs[1].value, 7);
  EXPECT_TRUE(verify(*graph).ok());
}

TEST(GraphText, SpaceCommentsAndEmptyLinesDoNotMatter) {
  const auto graph = parse_graph("# a comment\n\n  %0  =  input (  )  {  dtype =\"f32\" , rows= \"4\"  }  :  f32  [ 4 ]   # the input\noutput y=%0");
  ASSERT_TRUE(graph.ok()) << graph.message();
  EXPECT_EQ(print(*graph), "%0 = input() {dtype = \"f32\", rows = \"4\"} : f32 [4]\noutput y = %0\n");
}

TEST(GraphText, TextAttributesKeepEveryByte) {
  Graph graph;
  const std::string hard = "a \"quoted\" # \\ name\nover lines\t\x01 = %1 {}";
  graph.nodes.push_back(Node{"weight", {}, {{"name", hard}, {"dtype", std::string("f32")}, {"elements", int64_t{4}}}, {DType::f32, {4}}});
  const auto back = parse_graph(print(graph));
  ASSERT_TRUE(back.ok()) << back.message() << "\n" << print(graph);
  EXPECT_EQ(back->nodes[0].text("name"), hard);
  EXPECT_EQ(print(*back), print(graph));
}

TEST(GraphText, NumbersKeepTheirBits) {
  Graph graph;
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> hard = {0.1, -0.0, 5e-324, 1.7976931348623157e308, 1.0 / 3, inf, -inf, 16777217};
  graph.nodes.push_back(Node{"constant", {}, {{"values", hard}, {"least", INT64_MIN}, {"most", INT64_MAX}, {"real", 3.0}}, {DType::f32, {8}}});
  const auto back = parse_graph(print(graph));
  ASSERT_TRUE(back.ok()) << back.message() << "\n" << print(graph);
  const auto& values = back->nodes[0].reals("values");
  ASSERT_EQ(values.size(), hard.size());
  for (size_t i = 0; i < hard.size(); ++i) EXPECT_EQ(std::memcmp(&values[i], &hard[i], 8), 0) << hard[i];
  EXPECT_EQ(back->nodes[0].integer("least"), INT64_MIN);
  EXPECT_EQ(back->nodes[0].integer("most"), INT64_MAX);
  EXPECT_EQ(back->nodes[0].real("real"), 3.0);
  EXPECT_EQ(print(*back), print(graph));
}

// The page's example is lawful, and its table names every op.
TEST(GraphText, TheDocumentationHolds) {
  const auto page = read_file(HEARTH_ROOT "/docs/IR.md");
  ASSERT_TRUE(page.ok()) << page.message();
  const size_t start = page->find("## Graphs"), open = page->find("```\n", start) + 4;
  ASSERT_NE(start, std::string::npos);
  const auto graph = parse_graph(std::string_view(*page).substr(open, page->find("```", open) - open));
  ASSERT_TRUE(graph.ok()) << graph.message();
  const auto lawful = verify(*graph);
  EXPECT_TRUE(lawful.ok()) << lawful.message();
  EXPECT_EQ(graph->nodes.size(), 8u);
  EXPECT_EQ(print(*parse_graph(print(*graph))), print(*graph));
  for (const std::string& op : op_names()) EXPECT_NE(page->find("`" + op + "`", start), std::string::npos) << "docs/IR.md: no op '" << op << "'";
}

struct Wrong {
  const char *text, *message;
};

TEST(GraphText, ErrorsSayWhere) {
  const Wrong wrong[] = {
      {"x", "graph: line 1, column 1: want '%'"},
      {"%1 = input() : f32 [4]", "graph: line 1, column 3: want the next value number"},
      {"%x = input() : f32 [4]", "graph: line 1, column 3: want a value number"},
      {"%0 input() : f32 [4]", "graph: line 1, column 4: want '='"},
      {"%0 = input", "graph: line 1, column 11: want '('"},
      {"%0 = input(%0) : f32 [4]", "graph: line 1, column 14: want an operand that comes before"},
      {"%0 = input(%-1) : f32 [4]", "graph: line 1, column 15: want a value number"},
      {"%0 = input(%99999999999) : f32 [4]", "graph: line 1, column 24: want a value number"},
      {"%0 = input() {a = } : f32 [4]", "graph: line 1, column 19: want an attribute value"},
      {"%0 = input() {a = 1x} : f32 [4]", "graph: line 1, column 21: want an integer"},
      {"%0 = input() {a = 1zr} : f32 [4]", "graph: line 1, column 22: want a real number"},
      {"%0 = input() {a = [1]} : f32 [4]", "graph: line 1, column 21: want a real number"},
      {"%0 = input() {a = [1r", "graph: line 1, column 22: want ',' or ']'"},
      {"%0 = input() {a = \"b", "graph: line 1, column 21: want a closing '\"'"},
      {"%0 = input() {a = 1", "graph: line 1, column 20: want ',' or '}'"},
      {"%0 = input() {a 1}", "graph: line 1, column 17: want '='"},
      {"%0 = input()", "graph: line 1, column 13: want ':'"},
      {"%0 = input() : q4 [4]", "graph: line 1, column 18: want an element type"},
      {"%0 = input() : f32 4", "graph: line 1, column 20: want '['"},
      {"%0 = input() : f32 [4", "graph: line 1, column 22: want ',' or ']'"},
      {"%0 = input() : f32 [4] more", "graph: line 1, column 24: want the end of the line"},
      {"\n\noutput y = %0", "graph: line 3, column 14: want a value that exists"},
      {"size n of [1, 2]", "graph: line 1, column 8: want 'in ['"},
      {"size n in [1]", "graph: line 1, column 13: want ','"},
      {"size n in [1, 2r]", "graph: line 1, column 17: want integers"},
  };
  for (const Wrong& each : wrong) {
    const auto graph = parse_graph(each.text);
    ASSERT_FALSE(graph.ok()) << each.text;
    EXPECT_EQ(graph.message(), each.message) << each.text;
  }
}

// Every cut and many single-byte changes of a good text give a graph or one line of error, and what parses also verifies or says why.
TEST(GraphText, HostileTextIsAnError) {
  const std::string good = kGraph;
  const auto survive = [](const std::string& text) {
    const auto graph = parse_graph(text);
    const auto lawful = graph.ok() ? verify(*graph) : Result<Done>(Done{});
    const std::string message = !graph.ok() ? graph.message() : lawful.ok() ? "" : lawful.message();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  };
  for (size_t end = 0; end < good.size(); ++end) survive(good.substr(0, end));
  Chance chance(9);
  for (int i = 0; i < 3000; ++i) {
    std::string text = good;
    for (int change = 0; change < 3; ++change) {
      static const std::string kBytes = "%=(){}[],:\"#r0123456789-+*/ \nabcfi";
      text[static_cast<size_t>(chance.below(static_cast<int64_t>(text.size())))] = kBytes[static_cast<size_t>(chance.below(static_cast<int64_t>(kBytes.size())))];
    }
    survive(text);
  }
  survive("%0 = input() : f32 [" + std::string(100000, '(') + "]");
  survive("%0 = input() {a = [" + std::string(100000, '[') + "]");
  survive(std::string(100000, '%'));
}

TEST(GraphVerify, EachBrokenLawIsNamed) {
  const Wrong wrong[] = {
      {"%0 = inputt() : f32 [4]", "graph: %0: got op 'inputt', want one of the "},
      {"%0 = constant() {values = [1r]} : f32 [2]", "graph: %0 = constant: got type f32 [2], want f32 [1]"},
      {"%0 = constant() {values = [1r]} : f16 [1]", "graph: %0 = constant: got type f16 [1], want f32 [1]"},
      {"%0 = constant() {values = [1r]} : f32 [1]\n%1 = add(%0) : f32 [1]", "graph: %1: add: got 1 operands, want 2"},
      {"%0 = state() {dtype = \"f16\", elements = \"pages *\"} : f16 [1]", "graph: %0: "},
  };
  for (const Wrong& each : wrong) {
    const auto graph = parse_graph(each.text);
    ASSERT_TRUE(graph.ok()) << graph.message();
    const auto lawful = verify(*graph);
    ASSERT_FALSE(lawful.ok()) << each.text;
    EXPECT_TRUE(lawful.message().starts_with(each.message)) << lawful.message();
  }
  Graph later;
  later.nodes.push_back(Node{"silu", {0}, {}, {DType::f32, {4}}});
  EXPECT_EQ(verify(later).message(), "graph: %0: operand %0 does not come before");
  Graph outputs;
  outputs.outputs.push_back({"y", 3});
  EXPECT_EQ(verify(outputs).message(), "graph: output 'y': got %3, want one of 0 values");
}

TEST(GraphBuild, InfersTypesAndKeepsTheFirstFailure) {
  Build good;
  const Value x = good("constant", {}, {{"values", std::vector<double>{1, 2}}});
  EXPECT_EQ(print(good.type(good("add", {x, x}))), "f32 [2]");
  EXPECT_TRUE(std::move(good).finish().ok());
  Build bad;
  const Value two = bad("constant", {}, {{"values", std::vector<double>{1, 2}}});
  const Value three = bad("constant", {}, {{"values", std::vector<double>{1, 2, 3}}});
  const Value lost = bad("add", {two, three});
  bad("matmul", {lost, lost});
  const auto graph = std::move(bad).finish();
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.message(), "add: operand 1: got f32 [3], want a shape that stretches to f32 [2]");
}

TEST(GraphClean, DropsWhatNobodyNeedsAndSharesWhatIsEqual) {
  const auto graph = parse_graph(R"(%0 = constant() {values = [1r]} : f32 [1]
%1 = constant() {values = [1r]} : f32 [1]
%2 = constant() {values = [2r]} : f32 [1]
%3 = add(%0, %1) : f32 [1]
%4 = add(%1, %0) : f32 [1]
%5 = mul(%3, %4) : f32 [1]
output y = %5
)");
  ASSERT_TRUE(graph.ok()) << graph.message();
  EXPECT_EQ(use_counts(*graph), (std::vector<int>{2, 2, 0, 1, 1, 1}));
  EXPECT_EQ(print(clean(*graph)), R"(%0 = constant() {values = [1r]} : f32 [1]
%1 = add(%0, %0) : f32 [1]
%2 = mul(%1, %1) : f32 [1]
output y = %2
)");
}

}  // namespace
}  // namespace hearth
