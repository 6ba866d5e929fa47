// Tokenizer and TextStream: the way from text to ids and back, on one page.
#include "text/tokenizer.h"

#include <simdjson.h>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace hearth {

struct Tokenizer::Impl {
  Bpe bpe;
  Normalizer normalizer;
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  PostProcessor post_processor;
  Decoder decoder;

  void encode_plain(std::string text, bool first, Bpe::Cache& cache, std::vector<int32_t>& ids) const {
    Pieces all = pre_tokenizer.split(std::move(text), first);
    for (const Pieces::Piece& piece : all.pieces) {
      bpe.encode(std::string_view(all.text).substr(piece.span.begin, piece.span.end - piece.span.begin), cache, ids);
    }
  }

  // The spelling of `id`, nothing if it has none or is left out.
  std::optional<std::string_view> shown(int32_t id, Show show) const {
    const AddedToken* token = added.find(id);
    if (!token && !bpe.vocabulary().has(id)) return std::nullopt;
    std::string_view text = token ? std::string_view(token->text) : bpe.vocabulary().piece(id);
    if (show == Show::text_only && added.is_special(text)) return std::nullopt;
    return text;
  }
};

Result<Tokenizer> Tokenizer::from_json(std::string_view json) {
  simdjson::dom::parser parser;
  JsonElement root;
  auto failure = parser.parse(json.data(), json.size()).get(root);
  if (failure != simdjson::SUCCESS) return error("tokenizer.json: {}", simdjson::error_message(failure));
  if (!is_object(root)) return error("tokenizer.json: got {}, want an object", kind_of(root));
  auto model = field(root, "model");
  if (!model) return error("tokenizer.json: 'model' is missing");
  auto impl = std::make_shared<Impl>();
  TRY(impl->bpe, Bpe::from_json(*model));
  TRY(impl->normalizer, Normalizer::from_json(field(root, "normalizer")));
  TRY(impl->added, AddedTokens::from_json(root, impl->bpe.vocabulary(), impl->normalizer));
  TRY(impl->pre_tokenizer, PreTokenizer::from_json(field(root, "pre_tokenizer")));
  TRY(impl->post_processor, PostProcessor::from_json(field(root, "post_processor")));
  TRY(impl->decoder, Decoder::from_json(field(root, "decoder")));
  Tokenizer tokenizer;
  tokenizer.impl_ = std::move(impl);
  return tokenizer;
}

// Added tokens in the text as it is; the rest is normalized; added tokens in that; the rest is cut and merged.
std::vector<int32_t> Tokenizer::encode(std::string_view text, Specials specials) const {
  std::string repaired;
  if (!is_utf8(text)) text = repaired = repaired_utf8(text);
  std::vector<int32_t> ids;
  Bpe::Cache cache;
  for (const auto& outer : impl_->added.split(text, AddedTokens::In::text)) {
    if (outer.id >= 0) {
      ids.push_back(outer.id);
      continue;
    }
    std::string normal = impl_->normalizer.apply(text.substr(outer.span.begin, outer.span.end - outer.span.begin));
    for (const auto& inner : impl_->added.split(normal, AddedTokens::In::normalized)) {
      if (inner.id >= 0) {
        ids.push_back(inner.id);
        continue;
      }
      bool first = outer.span.begin == 0 && inner.span.begin == 0;
      impl_->encode_plain(normal.substr(inner.span.begin, inner.span.end - inner.span.begin), first, cache, ids);
    }
  }
  return specials == Specials::add ? impl_->post_processor.apply(std::move(ids)) : ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, Show show) const {
  DecodePipeline pipeline(impl_->decoder);
  for (int32_t id : ids) {
    if (auto token = impl_->shown(id, show)) pipeline.add(*token);
  }
  pipeline.finish();
  return pipeline.take();
}

int32_t Tokenizer::size() const { return std::max(impl_->bpe.vocabulary().size(), impl_->added.size()); }

std::string_view Tokenizer::piece(int32_t id) const { return impl_->shown(id, Show::all).value_or(""); }

std::optional<int32_t> Tokenizer::id_of(std::string_view piece) const {
  if (const AddedToken* token = impl_->added.find(piece)) return token->id;
  int32_t id = impl_->bpe.vocabulary().find(piece);
  return id >= 0 ? std::optional(id) : std::nullopt;
}

bool Tokenizer::is_special(int32_t id) const {
  auto token = impl_->shown(id, Show::all);
  return token && impl_->added.is_special(*token);
}

std::string Tokenizer::bytes_of(int32_t id) const {
  const auto token = impl_->shown(id, Show::text_only);
  return token ? token_bytes(impl_->decoder, *token) : "";
}

struct TextStream::State {
  Tokenizer tokenizer;
  Show show;
  DecodePipeline pipeline;
};

TextStream::TextStream(const Tokenizer& tokenizer, Show show)
    : state_(new State{tokenizer, show, DecodePipeline(tokenizer.impl_->decoder)}) {}
TextStream::TextStream(TextStream&&) noexcept = default;
TextStream& TextStream::operator=(TextStream&&) noexcept = default;
TextStream::~TextStream() = default;

std::string TextStream::add(int32_t id) {
  if (auto token = state_->tokenizer.impl_->shown(id, state_->show)) state_->pipeline.add(*token);
  return state_->pipeline.take();
}

std::string TextStream::add_shown(int32_t id) {
  if (auto token = state_->tokenizer.impl_->shown(id, Show::all)) state_->pipeline.add(*token);
  return state_->pipeline.take();
}

std::string TextStream::finish() {
  state_->pipeline.finish();
  std::string rest = state_->pipeline.take();
  state_->pipeline = DecodePipeline(state_->tokenizer.impl_->decoder);
  return rest;
}

}  // namespace hearth
