// The dense decoder, as a graph.
#include "models/decoder.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "ops/op.h"
#include "ops/pages.h"

namespace hearth {
namespace {

constexpr int64_t kPeakColumns = 16;       // docs/STEP.md

// Builds one graph; members are what every layer needs.
class Decoder {
 public:
  Decoder(const DecoderConfig& config, const DecoderStyle& style) : c_(config), style_(style) {}

  Result<Model> build() {
    declare();
    Value x = b_("embed", {ids_, matrix("model.embed_tokens", c_.vocabulary, c_.hidden)});
    for (int64_t layer = 0; layer < c_.layers; ++layer) {
      const std::string name = fmt::format("model.layers.{}.", layer);
      x = b_("add", {x, attention(layer, name, norm(x, name + "input_layernorm.weight", c_.hidden))});
      x = b_("add", {x, mlp(name + "mlp.", norm(x, name + "post_attention_layernorm.weight", c_.hidden))});
    }
    const auto finished = [&](Value rows) { return norm(b_("select_rows", {x, rows}), "model.norm.weight", c_.hidden); };
    const std::string head = c_.tied ? "model.embed_tokens" : "lm_head";
    const Value logits = b_("matmul", {finished(logit_rows_), matrix(head, c_.vocabulary, c_.hidden)});
    b_.graph.outputs.push_back({"logits", logits});
    b_.graph.outputs.push_back({"peaks", b_("group_max", {logits}, {{"columns", kPeakColumns}})});
    b_.graph.outputs.push_back({"hidden", finished(embed_rows_)});
    for (const Output& state : states_) b_.graph.outputs.push_back(state);

    Model model;
    model.vocabulary = c_.vocabulary;
    model.context = c_.context;
    if (!style_.windows.empty()) model.sliding_window = *std::max_element(style_.windows.begin(), style_.windows.end());
    TRY(model.graph, std::move(b_).finish());
    return model;
  }

 private:
  void declare() {
    const int64_t table = (c_.context + kPageTokens - 1) / kPageTokens;
    b_.graph.sizes = {{"tokens", 1, kMaxTokens}, {"rows", 0, kMaxRows}, {"seqs", 1, kMaxSeqs},
                      {"table", 1, table},       {"pages", 1, kMaxPages}, {"embeds", 0, kMaxEmbeds}};
    ids_ = input("ids", "tokens");
    positions_ = input("positions", "tokens");
    seq_ = input("seq", "tokens");
    page_table_ = input("page_table", "seqs", "table");
    logit_rows_ = input("logit_rows", "rows");
    embed_rows_ = input("embed_rows", "embeds");
    const Value angles = b_("angles", {positions_, b_("constant", {}, {{"values", c_.rope_frequencies}})});
    cos_ = b_("cosine", {angles});
    sin_ = b_("sine", {angles});
  }

  Value input(const std::string& name, const std::string& rows, const std::string& columns = "") {
    return b_("input", {}, {{"name", name}, {"dtype", std::string("i32")}, {"rows", rows}, {"columns", columns}});
  }
  Value matrix(const std::string& name, int64_t rows, int64_t columns) {
    return b_("param", {}, {{"name", name + ".weight"},
                            {"shape", std::vector<double>{static_cast<double>(rows), static_cast<double>(columns)}}});
  }
  Value vector(const std::string& name, int64_t size) {
    return b_("param", {}, {{"name", name}, {"shape", std::vector<double>{static_cast<double>(size)}}});
  }
  Value norm(Value x, const std::string& weight, int64_t size) {
    const Value scale = b_("rms_scale", {x}, {{"eps", c_.norm_eps}});
    return b_("mul", {vector(weight, size), b_("mul", {x, scale})});
  }
  Value linear(Value x, const std::string& name, int64_t rows, int64_t columns, bool bias) {
    const Value y = b_("matmul", {x, matrix(name, rows, columns)});
    return bias ? b_("add", {y, vector(name + ".bias", rows)}) : y;
  }

  Value heads_of(Value x, const std::string& name, int64_t heads) {
    Value y = b_("reshape", {linear(x, name + "_proj", heads * c_.head_size, c_.hidden, style_.qkv_bias)}, {{"heads", heads}});
    if (style_.head_norms && !name.ends_with("v")) y = norm(y, name + "_norm.weight", c_.head_size);
    return y;
  }

  Value write(Value x, int64_t layer, const std::string& part) {
    const std::string name = fmt::format("kv.{}.{}", layer, part);
    const std::string elements = (Dim::size("pages") * (c_.kv_heads * c_.head_size * kPageTokens)).text();
    const Value state = b_("state", {}, {{"name", name}, {"dtype", std::string("f16")}, {"elements", elements}});
    const Value written = b_("kv_write", {state, x, positions_, seq_, page_table_}, {{"part", part}});
    states_.push_back({name, written});
    return written;
  }

  Value attention(int64_t layer, const std::string& name, Value x) {
    const std::string self = name + "self_attn.";
    const Value q = b_("rope", {heads_of(x, self + "q", c_.heads), cos_, sin_});
    const Value k = b_("rope", {heads_of(x, self + "k", c_.kv_heads), cos_, sin_});
    const Value v = heads_of(x, self + "v", c_.kv_heads);
    const Value keys = write(k, layer, "key"), values = write(v, layer, "value");
    const int64_t window = style_.windows.empty() ? 0 : style_.windows[static_cast<size_t>(layer)];
    const Attrs attrs{{"kv_heads", c_.kv_heads}, {"window", window}, {"scale", 1.0 / std::sqrt(static_cast<double>(c_.head_size))}};
    std::vector<Value> operands{q, keys, values, positions_, seq_, page_table_};
    operands.push_back(b_("attention_parts", operands, attrs));
    const Value heads = b_("attention", operands, attrs);
    return linear(b_("reshape", {heads}, {{"heads", int64_t{0}}}), self + "o_proj", c_.hidden, c_.heads * c_.head_size,
                  style_.output_bias);
  }

  Value mlp(const std::string& name, Value x) {
    const Value gate = linear(x, name + "gate_proj", c_.ffn, c_.hidden, style_.mlp_bias);
    const Value up = linear(x, name + "up_proj", c_.ffn, c_.hidden, style_.mlp_bias);
    const Value product = b_("mul", {b_(style_.activation, {gate}), up});
    return linear(product, name + "down_proj", c_.hidden, c_.ffn, style_.mlp_bias);
  }

  const DecoderConfig& c_;
  const DecoderStyle& style_;
  Build b_;
  Value ids_ = 0, positions_ = 0, seq_ = 0, page_table_ = 0, logit_rows_ = 0, embed_rows_ = 0, cos_ = 0, sin_ = 0;
  std::vector<Output> states_;
};

}  // namespace

Result<Model> decoder(const DecoderConfig& config, const DecoderStyle& style) {
  return Decoder(config, style).build();
}

}  // namespace hearth
