// kv_write and attention over pages: several sequences in one step, permuted page tables, windows and grouped heads, against double;
// and a token's result apart from its neighbours.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/pages.h"
#include "tests/support/small_graph.h"

namespace hearth {
namespace {

// Whether attention_parts is there to compute long sequences part by part.
enum class Parts { none, offered };

struct Heads {
  int64_t query = 1, key = 1, size = 8, window = 0;
  double scale = 0.3;
  Parts parts = Parts::none;
  DType kept = DType::f16;               // u8: int8 codes with scales

  KvPages pages() const { return {KvPart::key, kept, key, size}; }
};

struct Token {
  int32_t seq, position;
};

constexpr int64_t kSeqs = 3;

// Pages of every sequence, out of order.
std::vector<int32_t> page_table(int64_t table) {
  std::vector<int32_t> pages;
  for (int64_t i = 0; i < kSeqs * table; ++i) pages.push_back(static_cast<int32_t>((i * 7 + 5) % (kSeqs * table)));
  return pages;
}

SmallGraph attention_graph(const Heads& h) {
  SmallGraph g;
  g.size("tokens", 1, 2048);
  g.size("seqs", 1, 8);
  g.size("table", 1, 128);
  g.size("pages", 1, 1024);
  const auto heads_of = [&](const std::string& name, int64_t heads) {
    return g("reshape", {g.input(name, "f32", "tokens", std::to_string(heads * h.size))}, {{"heads", heads}});
  };
  const Value q = heads_of("q", h.query), k = heads_of("k", h.key), v = heads_of("v", h.key);
  const Value positions = g.input("positions", "i32", "tokens"), seq = g.input("seq", "i32", "tokens");
  const Value table = g.input("page_table", "i32", "seqs", "table");
  const std::string elements = fmt::format("pages * {}", h.pages().page_elements());
  const auto write = [&](const std::string& name, Value x) {
    const Value written = g(h.kept == DType::f16 ? "kv_write" : "kv_write_q8_0",
                            {g.state(name, std::string(name_of(h.kept)), elements), x, positions, seq, table}, {{"part", name}});
    g.output(name, written);
    return written;
  };
  const Value keys = write("key", k), values = write("value", v);
  const Attrs attrs{{"kv_heads", h.key}, {"scale", h.scale}, {"window", h.window}};
  std::vector<Value> operands{q, keys, values, positions, seq, table};
  if (h.parts == Parts::offered) operands.push_back(g("attention_parts", operands, attrs));
  const Value y = g("attention", operands, attrs);
  g.output("y", g("reshape", {y}, {{"heads", int64_t{0}}}));
  return g;
}

float rounded(float x) { return f16_to_f32(f32_to_f16(x)); }

// A token's keys or values as they are read back: a scale for each group of a head.
std::vector<float> read_back(const Heads& h, std::vector<float> row) {
  const size_t group = static_cast<size_t>(h.pages().group());
  if (h.kept == DType::f16) std::transform(row.begin(), row.end(), row.begin(), rounded);
  for (size_t first = 0; h.kept == DType::u8 && first < row.size(); first += group) {
    float peak = 0;
    for (size_t i = first; i < first + group; ++i) peak = std::max(peak, std::fabs(row[i]));
    const float scale = rounded(peak / 127);
    for (size_t i = first; i < first + group; ++i) {
      const float whole = std::nearbyint(std::clamp(row[i] * (1 / scale), -127.f, 127.f)) * scale;
      EXPECT_LE(std::fabs(whole - row[i]), scale * 0.57f);     // half a step; at the peak what rounding the scale takes
      row[i] = whole;
    }
  }
  return row;
}

// Everything written so far, as one would keep it without pages.
class Trial {
 public:
  Trial(const Heads& heads, const Target& target, int64_t table = 4)
      : h_(heads), target_(target), table_(table), graph_(attention_graph(heads)) {
    std::vector<uint16_t> old;           // pages hold what other sequences left behind
    const int64_t bytes = kSeqs * table * h_.pages().page_elements() * static_cast<int64_t>(bytes_of(h_.kept));
    for (float value : chance_.floats(bytes / 2, 100)) old.push_back(f32_to_f16(value));
    states_ = {{"key", as_bytes(old)}, {"value", as_bytes(old)}};
  }

  // Writes the positions 0 .. count of a sequence.
  void fill(int32_t seq, int32_t count) {
    std::vector<Token> tokens;
    for (int32_t i = 0; i < count; ++i) tokens.push_back({seq, i});
    const Rows rows = random_rows(tokens);
    const Memory memory = run(tokens, rows.q, rows.k, rows.v, states_, &SmallGraph::run_whole);
    states_ = {{"key", memory.at("key")}, {"value", memory.at("value")}};
  }

  void step(const std::vector<Token>& tokens) {
    const int64_t n = static_cast<int64_t>(tokens.size());
    const auto [q, k, v] = random_rows(tokens);
    Memory together = run(tokens, q, k, v, states_, &SmallGraph::run), states = states_;
    const std::vector<float> y = as_values<float>(together["y"]);
    for (int64_t i = 0; i < n; ++i) {    // one token after the other: the same bits
      const auto part = [&, at = i](const std::vector<float>& x) { return row_of(x, at, n); };
      Memory alone = run({tokens[i]}, part(q), part(k), part(v), states, &SmallGraph::run_whole);
      EXPECT_EQ(as_values<float>(alone["y"]), part(y)) << "token " << i << " differs alone";
      states = {{"key", alone["key"]}, {"value", alone["value"]}};
      expect_token(tokens[i], part(q), part(y));
    }
    EXPECT_TRUE(states["key"] == together["key"] && states["value"] == together["value"]) << "pages differ";
    states_ = states;
  }

 private:
  struct Rows {
    std::vector<float> q, k, v;
  };

  static std::vector<float> row_of(const std::vector<float>& x, int64_t i, int64_t rows) {
    const int64_t width = static_cast<int64_t>(x.size()) / rows;
    return {x.begin() + i * width, x.begin() + (i + 1) * width};
  }

  Rows random_rows(const std::vector<Token>& tokens) {
    const int64_t n = static_cast<int64_t>(tokens.size()), width = h_.key * h_.size;
    Rows rows{chance_.floats(n * h_.query * h_.size, 2), chance_.floats(n * width, 2), chance_.floats(n * width, 2)};
    for (int64_t i = 0; i < n; ++i) {
      keys_[{tokens[i].seq, tokens[i].position}] = read_back(h_, row_of(rows.k, i, n));
      values_[{tokens[i].seq, tokens[i].position}] = read_back(h_, row_of(rows.v, i, n));
    }
    return rows;
  }

  Memory run(const std::vector<Token>& tokens, const std::vector<float>& q, const std::vector<float>& k, const std::vector<float>& v,
             const Memory& states, void (SmallGraph::*way)(const Target&, const Sizes&, Memory&)) {
    std::vector<int32_t> positions, seq;
    for (const Token& token : tokens) positions.push_back(token.position), seq.push_back(token.seq);
    Memory memory = states;
    memory["q"] = as_bytes(q), memory["k"] = as_bytes(k), memory["v"] = as_bytes(v);
    memory["positions"] = as_bytes(positions), memory["seq"] = as_bytes(seq), memory["page_table"] = as_bytes(page_table(table_));
    (graph_.*way)(target_, {{"tokens", static_cast<int64_t>(tokens.size())}, {"seqs", kSeqs}, {"table", table_}, {"pages", kSeqs * table_}}, memory);
    return memory;
  }

  void expect_token(const Token& token, const std::vector<float>& q, const std::vector<float>& y) {
    const int32_t first = h_.window > 0 ? std::max(0, token.position - static_cast<int32_t>(h_.window) + 1) : 0;
    std::vector<double> want;
    for (int64_t head = 0; head < h_.query; ++head) {
      const int64_t base = head / (h_.query / h_.key) * h_.size;
      double total = 0;
      std::vector<double> sum(static_cast<size_t>(h_.size));
      for (int32_t p = first; p <= token.position; ++p) {
        double score = 0;
        for (int64_t d = 0; d < h_.size; ++d)
          score += static_cast<double>(q[static_cast<size_t>(head * h_.size + d)]) * keys_.at({token.seq, p})[static_cast<size_t>(base + d)];
        const double weight = std::exp(score * h_.scale);
        total += weight;
        for (int64_t d = 0; d < h_.size; ++d) sum[static_cast<size_t>(d)] += weight * values_.at({token.seq, p})[static_cast<size_t>(base + d)];
      }
      for (double s : sum) want.push_back(s / total);
    }
    expect_near(y, want, std::vector<double>(want.size(), 2.0), 2e-6);
  }

  Heads h_;
  Target target_;
  int64_t table_;
  SmallGraph graph_;
  Chance chance_{21};
  Memory states_;
  std::map<std::pair<int32_t, int32_t>, std::vector<float>> keys_, values_;
};

std::vector<Token> chunk(int32_t seq, int32_t first, int32_t count) {
  std::vector<Token> tokens;
  for (int32_t i = 0; i < count; ++i) tokens.push_back({seq, first + i});
  return tokens;
}

std::vector<Token> joined(std::initializer_list<std::vector<Token>> chunks) {
  std::vector<Token> tokens;
  for (const auto& each : chunks) tokens.insert(tokens.end(), each.begin(), each.end());
  return tokens;
}

// Prefill, decode and continued prefill of several sequences in each step; page borders in the middle and at the ends.
void try_heads(const Heads& heads, const Target& target) {
  SCOPED_TRACE(fmt::format("{} heads on {}, size {}, window {}", heads.query, heads.key, heads.size, heads.window));
  Trial trial(heads, target);
  trial.step(chunk(0, 0, 1));
  trial.step(joined({chunk(0, 1, 20), chunk(1, 0, 3)}));
  trial.step(joined({chunk(1, 3, 1), chunk(0, 21, 1), chunk(2, 0, 16)}));
  trial.step(joined({chunk(0, 22, 30), chunk(2, 16, 1), chunk(1, 4, 1)}));
}

TEST(Attention, SeesItsOwnSequenceThroughItsPages) {
  const Target target = made_target(16, 32, Dot4::none);
  try_heads({2, 2, 16, 0, 0.25}, target);
  try_heads({6, 2, 8, 0, 0.35}, target);
  try_heads({1, 1, 6, 0, 0.4}, target);
}

TEST(Attention, ReadsCodesAndScales) {
  for (int64_t size : {6, 16, 64, 80}) try_heads({4, 2, size, 0, 0.2, Parts::none, DType::u8}, made_target(16, 32, Dot4::none));
}

TEST(Attention, WindowsEndAtEveryOffsetOfAPage) {
  const Target target = made_target(8, 16, Dot4::none);
  for (int64_t window : {1, 5, 16, 17, 33, 1000}) try_heads({2, 1, 8, window, 0.35}, target);
}

// Steps of few tokens of long sequences go part by part, longer steps do not: the same bits, also at the borders of parts.
TEST(Attention, PartsGiveTheSameBits) {
  for (int64_t window : {0, 600}) {
    const DType kept = window == 0 ? DType::f16 : DType::u8;
    Trial trial({4, 2, 8, window, 0.35, Parts::offered, kept}, made_target(16, 32, Dot4::none), 80);
    trial.fill(0, 1020);
    trial.fill(1, 511);
    trial.step(joined({chunk(0, 1020, 6), chunk(1, 511, 2), chunk(2, 0, 1)}));       // nine: not by parts, each alone is
    trial.step(joined({chunk(0, 1026, 1), chunk(1, 513, 2), chunk(2, 1, 1)}));       // four: by parts
  }
}

// With scales, no number at all leaves an infinity or a NaN behind.
TEST(Attention, KvWriteQ8_0KeepsNumbersFinite) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const Heads heads{1, 1, 8, 0, 0.0, Parts::none, DType::u8};
  for (float odd : {inf, -inf, nan, 3e38f, 1e-30f, 0.f}) {
    SmallGraph g = attention_graph(heads);
    const std::vector<float> row = {1, odd, -1, odd, 0, 5, odd, odd};
    Memory memory{{"q", as_bytes(std::vector<float>(8))}, {"k", as_bytes(row)}, {"v", as_bytes(row)}};
    memory["positions"] = as_bytes(std::vector<int32_t>{0}), memory["seq"] = as_bytes(std::vector<int32_t>{0});
    memory["page_table"] = as_bytes(std::vector<int32_t>{0});
    memory["key"] = memory["value"] = std::vector<std::byte>(static_cast<size_t>(heads.pages().page_elements()));
    g.run(made_target(16, 32, Dot4::none), {{"tokens", 1}, {"seqs", 1}, {"table", 1}, {"pages", 1}}, memory);
    const size_t scales = static_cast<size_t>(heads.pages().codes() / 2);
    for (const char* part : {"key", "value"})
      EXPECT_TRUE(std::isfinite(f16_to_f32(as_values<uint16_t>(memory[part])[scales]))) << odd;
    for (float y : as_values<float>(memory["y"])) EXPECT_TRUE(std::isfinite(y)) << odd;
  }
}

// Numbers beyond f16 are kept at its ends, so a later sum never meets an infinity.
TEST(Attention, KvWriteKeepsNumbersFinite) {
  SmallGraph g = attention_graph({1, 1, 8, 0, 0.0});
  const std::vector<float> huge = {1e30f, -1e30f, 65504, 65519.9f, 65520, -65536, 1e-9f, 0};
  Memory memory{{"q", as_bytes(std::vector<float>(8))}, {"k", as_bytes(huge)}, {"v", as_bytes(huge)}};
  memory["positions"] = as_bytes(std::vector<int32_t>{17}), memory["seq"] = as_bytes(std::vector<int32_t>{0});
  memory["page_table"] = as_bytes(std::vector<int32_t>{1, 0});
  memory["key"] = memory["value"] = std::vector<std::byte>(2 * 8 * kPageTokens * 2);
  g.run(made_target(16, 32, Dot4::none), {{"tokens", 1}, {"seqs", 1}, {"table", 2}, {"pages", 2}}, memory);
  for (const char* part : {"key", "value"}) {          // wherever they lie: these and nothing else
    std::vector<float> kept;
    for (uint16_t bits : as_values<uint16_t>(memory[part]))
      if (bits != 0) kept.push_back(f16_to_f32(bits));
    std::sort(kept.begin(), kept.end());
    EXPECT_EQ(kept, (std::vector<float>{-65504, -65504, 65504, 65504, 65504, 65504})) << part;
  }
}

}  // namespace
}  // namespace hearth
