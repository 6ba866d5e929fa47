// POST /v1/embeddings: a vector of unit length for each input.
#include <cmath>
#include <cstring>

#include "server/chat_call.h"
#include "server/endpoint.h"
#include "server/openai_words.h"
#include "server/prompt_fields.h"

namespace hearth {

HEARTH_SET_MEMBER(endpoint, embeddings)

namespace {

constexpr char kPath[] = "/v1/embeddings";
constexpr size_t kMostInputs = 2048;
constexpr double kMostDimensions = 1 << 20;

enum class Encoding { numbers, base64 };

std::string base64(std::span<const float> values) {
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<unsigned char> bytes(values.size_bytes());
  std::memcpy(bytes.data(), values.data(), bytes.size());  // little-endian, as every machine we run on is
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t word = 0;
    for (size_t k = 0; k < 3; ++k) word = word << 8 | (k < count ? bytes[i + k] : 0);
    for (size_t k = 0; k < 4; ++k) text += k <= count ? kLetters[word >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

// The first `dimensions` numbers, brought to unit length.
std::vector<float> unit(std::vector<float> values, size_t dimensions) {
  if (dimensions > 0 && dimensions < values.size()) values.resize(dimensions);
  double square = 0;
  for (const float value : values) square += static_cast<double>(value) * value;
  const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
  for (float& value : values) value = static_cast<float>(value * scale);
  return values;
}

class EmbeddingDialect : public ApiDialect {
 public:
  EmbeddingDialect(Encoding encoding, size_t dimensions) : encoding_(encoding), dimensions_(dimensions) {}
  std::string begin(const Answer&) override { return ""; }
  std::string delta(const Answer&, const AnswerDelta&) override { return ""; }
  std::string end(const Answer&) override { return ""; }
  OrderedJson whole(const Answer& answer) override {
    OrderedJson data = OrderedJson::array();
    for (size_t i = 0; i < answer.choices.size(); ++i) {
      const std::vector<float> values = unit(answer.choices[i].embedding, dimensions_);
      const OrderedJson words = encoding_ == Encoding::base64 ? OrderedJson(base64(values)) : OrderedJson(values);
      data.push_back({{"object", "embedding"}, {"index", i}, {"embedding", words}});
    }
    return {{"object", "list"},
            {"data", std::move(data)},
            {"model", answer.model},
            {"usage", {{"prompt_tokens", answer.prompt_tokens}, {"total_tokens", answer.prompt_tokens}}}};
  }

 private:
  Encoding encoding_;
  size_t dimensions_;
};

struct EmbeddingBody {
  std::string model, client;
  std::vector<PromptAsked> inputs;
  Encoding encoding = Encoding::numbers;
  size_t dimensions = 0;
  Pooling pooling = Pooling::mean;
};

ApiResult<EmbeddingBody> read_embedding(const OrderedJson& body) {
  Fields fields(body);
  EmbeddingBody read;
  read.model = fields.text("model");
  read.inputs = read_prompts(fields, "input", kMostInputs);
  read.encoding =
      fields.one_of("encoding_format", "float", {"float", "base64"}) == "base64" ? Encoding::base64 : Encoding::numbers;
  read.dimensions = static_cast<size_t>(fields.integer("dimensions", 0, {1, kMostDimensions}));
  const std::string pooling = fields.one_of("pooling", "mean", {"mean", "last", "cls"});
  read.pooling = pooling == "last" ? Pooling::last : pooling == "cls" ? Pooling::cls : Pooling::mean;
  fields.ignore({"user"});
  if (auto failure = fields.done()) return *failure;
  return read;
}

ApiResult<AnswerOrder> prepare(const EmbeddingBody& read, Chosen chosen) {
  TRY(auto inputs, prompt_ids(read.inputs, chosen.model->loop->engine(), "input"));
  AnswerOrder order{.chosen = chosen, .answer = {.id = new_id("embd-"), .created = unix_now()}};
  for (std::vector<int32_t>& input : inputs) {
    Request request;
    request.prompt = std::move(input);
    request.max_new = 0;
    request.pooling = read.pooling;
    request.adapter = chosen.adapter;
    request.client = read.client;
    order.requests.push_back(std::move(request));
  }
  order.answer.model = read.model.empty() ? chosen.model->id : read.model;
  order.path = kPath;
  order.dialect = std::make_unique<EmbeddingDialect>(read.encoding, read.dimensions);
  return order;
}

void answer(Services& services, HttpRequest request, std::shared_ptr<HttpReply> reply) {
  auto body = read_body(request);
  if (!body) return send_error(*reply, body.failure());
  auto read = read_embedding(*body);
  if (!read) return send_error(*reply, read.failure());
  read->client = client_of(request);
  const std::string model = read->model;
  choose_and_run(
      services, model, [read = *read](Chosen chosen) { return prepare(read, std::move(chosen)); }, std::move(reply));
}

}  // namespace

Endpoint embeddings() { return {.method = "POST", .path = kPath, .answer = answer}; }

}  // namespace hearth
