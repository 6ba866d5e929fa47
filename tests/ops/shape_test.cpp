// Shape rules of every op: what they accept and give, what they reject and in which words.
#include <gtest/gtest.h>

#include <set>

#include "ops/op.h"

namespace hearth {
namespace {

TensorType type_of(const std::string& text) {
  const auto graph = parse_graph("%0 = any() : " + text);
  EXPECT_TRUE(graph.ok()) << text << ": " << graph.message();
  return graph.ok() ? graph->nodes[0].type : TensorType{};
}

struct Rule {
  std::string op;
  std::vector<std::string> operands;
  Attrs attrs;
  std::string want;              // the result's type, or the whole error
};

void expect(const std::vector<Rule>& rules) {
  for (const Rule& rule : rules) {
    std::vector<TensorType> types;
    for (const std::string& text : rule.operands) types.push_back(type_of(text));
    const Op* op = find_op(rule.op);
    ASSERT_TRUE(op) << rule.op;
    Node node{rule.op, {}, rule.attrs, {}};
    const auto type = op->shape(node, types);
    EXPECT_EQ(type.ok() ? print(*type) : type.message(), rule.want) << rule.op;
  }
}

Attr text(const char* value) { return std::string(value); }
Attr number(int64_t value) { return value; }
Attr numbers(std::vector<double> values) { return values; }

TEST(Shapes, Sources) {
  expect({
      {"input", {}, {{"dtype", text("i32")}, {"rows", text("tokens")}}, "i32 [tokens]"},
      {"input", {}, {{"dtype", text("f32")}, {"rows", text("tokens")}, {"columns", text("8")}}, "f32 [tokens, 8]"},
      {"input", {}, {{"dtype", text("q4")}, {"rows", text("tokens")}}, "input: got dtype 'q4', want an element type"},
      {"input", {"f32 [4]"}, {}, "input: got 1 operands, want 0"},
      {"state", {}, {{"dtype", text("f16")}, {"elements", text("pages * 64")}}, "f16 [pages * 64]"},
      {"state", {}, {{"dtype", text("half")}}, "state: got dtype 'half', want an element type"},
      {"weight", {}, {{"dtype", text("u8")}, {"elements", number(640)}}, "u8 [640]"},
      {"weight", {}, {{"dtype", text("")}}, "weight: got dtype '', want an element type"},
      {"constant", {}, {{"values", numbers({1, 2, 3})}}, "f32 [3]"},
      {"param", {}, {{"name", text("w")}, {"shape", numbers({4, 8})}}, "f32 [4, 8]"},
      {"param", {}, {{"shape", numbers({4, 8})}, {"stored", text("bf16")}, {"row_bytes", number(16)}}, "u8 [4, 16]"},
      {"param", {}, {{"name", text("w")}, {"stored", text("bf16")}}, "param: 'w' has no shape, want at least one axis"},
      {"param", {}, {{"name", text("w")}, {"shape", numbers({4, -1})}},
       "param: 'w' has an axis of -1, want a whole number from 1 to 2^40"},
      {"param", {}, {{"name", text("w")}, {"shape", numbers({0.5})}},
       "param: 'w' has an axis of 0.5, want a whole number from 1 to 2^40"},
      {"param", {}, {{"name", text("w")}, {"shape", numbers({1e300})}},
       "param: 'w' has an axis of 1e+300, want a whole number from 1 to 2^40"},
      {"decode", {"u8 [4, 18]"}, {{"rows", number(4)}, {"columns", number(32)}}, "f32 [4, 32]"},
      {"decode", {}, {}, "decode: got 0 operands, want 1"},
  });
}

TEST(Shapes, Preparation) {
  expect({
      {"encode", {"u8 [4, 64]"}, {{"row_bytes", number(18)}}, "u8 [4, 18]"},
      {"encode", {"u8 [64]"}, {}, "encode: operand 0: got u8 [64], want 2 axes"},
      {"widen", {"u8 [64]"}, {{"elements", number(32)}}, "f32 [32]"},
      {"widen", {}, {}, "widen: got 0 operands, want 1"},
      {"pack", {"u8 [100, 18]"}, {{"panel", number(16)}}, "u8 [112, 18]"},
      {"pack", {"u8 [100]"}, {{"panel", number(16)}}, "pack: operand 0: got u8 [100], want 2 axes"},
      {"pack", {"u8 [100, 18]"}, {{"panel", number(0)}}, "pack: got panels of 0 rows, want 1 to 1024"},
      {"unpair_rows", {"u8 [64, 18]"}, {{"heads", number(4)}}, "u8 [64, 18]"},
      {"unpair_rows", {"u8 [64, 18]"}, {{"heads", number(3)}},
       "unpair_rows: operand 0: got u8 [64, 18], want rows that divide by 2 * 3 heads"},
      {"unpair_rows", {"u8 []"}, {{"heads", number(1)}}, "unpair_rows: operand 0: got u8 [], want rows that divide by 2 * 1 heads"},
      {"concat_rows", {"u8 [4, 18]", "u8 [6, 18]", "u8 [1, 18]"}, {}, "u8 [11, 18]"},
      {"concat_rows", {}, {}, "concat_rows: got no operands, want at least one"},
      {"concat_rows", {"u8 []", "u8 []"}, {}, "concat_rows: operand 0: got u8 [], want rows"},
      {"concat_rows", {"u8 [4, 18]", "u8 [4, 34]"}, {}, "concat_rows: operand 1: got u8 [4, 34], want rows like u8 [4, 18]"},
      {"concat_rows", {"u8 [4, 18]", "f32 [4, 18]"}, {}, "concat_rows: operand 1: got f32 [4, 18], want rows like u8 [4, 18]"},
  });
}

TEST(Shapes, Elements) {
  std::vector<Rule> rules;
  for (const char* op : {"silu", "gelu", "gelu_tanh", "sine", "cosine"}) {
    rules.push_back({op, {"f32 [tokens, 8]"}, {}, "f32 [tokens, 8]"});
    rules.push_back({op, {"f32 [8]", "f32 [8]"}, {}, std::string(op) + ": got 2 operands, want 1"});
  }
  for (const std::string op : {"add", "mul", "divide"}) {
    rules.push_back({op, {"f32 [tokens, 4, 8]", "f32 [8]"}, {}, "f32 [tokens, 4, 8]"});
    rules.push_back({op, {"f32 [1]", "f32 [tokens, 8]"}, {}, "f32 [tokens, 8]"});
    rules.push_back({op, {"f32 [tokens, 1]", "f32 [1, 8]"}, {}, "f32 [tokens, 8]"});
    rules.push_back({op, {"f32 [tokens, 8]"}, {}, op + ": got 1 operands, want 2"});
    rules.push_back({op, {"f32 [tokens, 8]", "f32 [7]"}, {}, op + ": operand 1: got f32 [7], want a shape that stretches to f32 [tokens, 8]"});
    rules.push_back({op, {"f32 [tokens, 8]", "f32 [rows, 8]"}, {},
                     op + ": operand 1: got f32 [rows, 8], want a shape that stretches to f32 [tokens, 8]"});
    rules.push_back({op, {"f32 [tokens, 8]", "i32 [8]"}, {}, op + ": operand 1: got i32 [8], want elements of f32"});
  }
  expect(rules);
}

TEST(Shapes, Views) {
  expect({
      {"angles", {"i32 [tokens]", "f32 [16]"}, {}, "f32 [tokens, 16]"},
      {"angles", {"i32 [tokens, 1]", "f32 [16]"}, {}, "angles: operand 0: got i32 [tokens, 1], want 1 axes"},
      {"reshape", {"f32 [tokens, 64]"}, {{"heads", number(4)}}, "f32 [tokens, 4, 16]"},
      {"reshape", {"f32 [tokens, 4, 16]"}, {{"heads", number(0)}}, "f32 [tokens, 64]"},
      {"reshape", {"f32 [tokens, 64]"}, {{"heads", number(5)}}, "reshape: operand 0: got f32 [tokens, 64], want columns that divide by 5 heads"},
      {"reshape", {"f32 [tokens, 64]"}, {{"heads", number(-4)}}, "reshape: operand 0: got f32 [tokens, 64], want columns that divide by -4 heads"},
      {"reshape", {"f32 [64]"}, {{"heads", number(4)}}, "reshape: operand 0: got f32 [64], want 2 axes"},
      {"reshape", {"f32 [tokens, 64]"}, {}, "reshape: operand 0: got f32 [tokens, 64], want 3 axes"},
      {"slice_columns", {"f32 [tokens, 64]"}, {{"first", number(16)}, {"count", number(48)}}, "f32 [tokens, 48]"},
      {"slice_columns", {"f32 [tokens, 64]"}, {{"first", number(17)}, {"count", number(48)}},
       "slice_columns: operand 0: got f32 [tokens, 64], want 48 columns from 17 on"},
      {"slice_columns", {"f32 [tokens, 64]"}, {{"first", number(-1)}, {"count", number(8)}},
       "slice_columns: operand 0: got f32 [tokens, 64], want 8 columns from -1 on"},
      {"slice_columns", {"f32 [tokens, 64]"}, {{"first", number(1)}, {"count", number(INT64_MAX)}},
       "slice_columns: operand 0: got f32 [tokens, 64], want 9223372036854775807 columns from 1 on"},
      {"select_rows", {"f32 [tokens, 64]", "i32 [rows]"}, {}, "f32 [rows, 64]"},
      {"select_rows", {"f32 [64]", "i32 [rows]"}, {}, "select_rows: operand 0: got f32 [64], want 2 axes"},
      {"embed", {"i32 [tokens]", "f32 [100, 64]"}, {}, "f32 [tokens, 64]"},
      {"embed", {"i32 [tokens]", "f32 [100]"}, {}, "embed: operand 1: got f32 [100], want 2 axes"},
  });
}

TEST(Shapes, Rows) {
  expect({
      {"rms_scale", {"f32 [tokens, 64]"}, {}, "f32 [tokens, 1]"},
      {"rms_scale", {"f32 [tokens, 4, 16]"}, {}, "f32 [tokens, 4, 1]"},
      {"rms_scale", {"f32 []"}, {}, "rms_scale: operand 0: got f32 [], want rows of a constant size"},
      {"rms_scale", {"f32 [tokens]"}, {}, "rms_scale: operand 0: got f32 [tokens], want rows of a constant size"},
      {"rope", {"f32 [tokens, 4, 16]", "f32 [tokens, 8]", "f32 [tokens, 8]"}, {}, "f32 [tokens, 4, 16]"},
      {"rope", {"f32 [tokens, 4, 16]", "f32 [tokens, 8]", "f32 [tokens, 16]"}, {},
       "rope: operand 2: got f32 [tokens, 16], want half as many columns as a row of f32 [tokens, 4, 16]"},
      {"rope", {"f32 [tokens, 64]", "f32 [tokens, 8]", "f32 [tokens, 8]"}, {}, "rope: operand 0: got f32 [tokens, 64], want 3 axes"},
      {"quantize_rows", {"f32 [tokens, 64]"}, {{"sum_group", number(32)}}, "u8 [tokens, 80]"},
      {"quantize_rows", {"f32 [tokens, 64]"}, {{"sum_group", number(16)}}, "u8 [tokens, 88]"},
      {"quantize_rows", {"f32 [tokens, 64]"}, {{"sum_group", number(8)}}, "quantize_rows: got sum_group 8, want 16 or 32"},
      {"quantize_rows_i16", {"f32 [tokens, 64]"}, {}, "u8 [tokens, 136]"},
      {"quantize_rows_i16", {"f32 [tokens, 48]"}, {}, "quantize_rows_i16: operand 0: got f32 [tokens, 48], want rows of a multiple of 32 elements"},
      {"matmul_i16", {"u8 [tokens, 136]", "f32 [100, 64]"}, {}, "f32 [tokens, 100]"},
      {"quantize_rows", {"f32 [tokens, 48]"}, {}, "quantize_rows: operand 0: got f32 [tokens, 48], want rows of a multiple of 32 elements"},
  });
}

TEST(Shapes, Products) {
  expect({
      {"matmul", {"f32 [tokens, 64]", "f32 [100, 64]"}, {}, "f32 [tokens, 100]"},
      {"matmul", {"f32 [tokens, 64]", "f32 [64, 100]"}, {},
       "matmul: operand 1: got f32 [64, 100], want rows as long as those of f32 [tokens, 64]"},
      {"matmul", {"f32 [64]", "f32 [100, 64]"}, {}, "matmul: operand 0: got f32 [64], want 2 axes"},
      {"matmul", {"f32 [tokens, 64]"}, {}, "matmul: got 1 operands, want 2"},
      {"matmul_int", {"u8 [tokens, 80]", "f32 [100, 64]"}, {}, "f32 [tokens, 100]"},
      {"matmul_int", {"u8 [tokens, 64]", "f32 [100, 64]"}, {},
       "matmul_int: operand 0: got u8 [tokens, 64], want rows quantized from as many columns as f32 [100, 64]"},
  });
}

TEST(Shapes, Attention) {
  const std::vector<std::string> rest = {"i32 [tokens]", "i32 [tokens]", "i32 [seqs, table]"};
  const auto with = [&](std::vector<std::string> first) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
  };
  const std::string state = "f16 [pages * 512]";
  expect({
      {"kv_write", with({state, "f32 [tokens, 2, 16]"}), {{"part", text("key")}}, state},
      {"kv_write", with({state, "f32 [tokens, 2, 16]"}), {{"part", text("query")}}, "kv_write: got part 'query', want 'key' or 'value'"},
      {"kv_write", with({state, "f32 [tokens, 32]"}), {{"part", text("key")}}, "kv_write: operand 1: got f32 [tokens, 32], want 3 axes"},
      {"attention", with({"f32 [tokens, 4, 16]", state, state}), {{"kv_heads", number(2)}}, "f32 [tokens, 4, 16]"},
      {"attention", with({"f32 [tokens, 4, 16]", state, state}), {{"kv_heads", number(3)}},
       "attention: operand 0: got f32 [tokens, 4, 16], want heads that divide by 3 key heads"},
      {"attention", with({"f32 [tokens, 4, 16]", state, state}), {}, "attention: operand 0: got f32 [tokens, 4, 16], want heads that divide by 0 key heads"},
      {"attention", {"f32 [tokens, 4, 16]"}, {{"kv_heads", number(2)}}, "attention: got 1 operands, want 6"},
      {"attention_parts", with({"f32 [tokens, 4, 16]", state, state}), {{"kv_heads", number(2)}},
       "f32 [min(tokens, 8), 2, (table + 31) / 32, 36]"},
      {"attention_parts", with({"f32 [tokens, 64]", state, state}), {{"kv_heads", number(2)}},
       "attention_parts: operand 0: got f32 [tokens, 64], want 3 axes"},
  });
}

}  // namespace
}  // namespace hearth
