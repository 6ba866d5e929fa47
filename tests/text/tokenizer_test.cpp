// Tokenizer's parts, one law a test: splits, spaces, added tokens, models, decoders, streams, and hostile files.
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/json.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"
#include "text/utf8.h"

namespace hearth {
namespace {

using Strings = std::vector<std::string>;
using Ids = std::vector<int32_t>;

// Parses `json` and hands its root to `read`.
template <class Read>
auto with_json(const std::string& json, Read read) {
  simdjson::dom::parser parser;
  JsonElement root;
  EXPECT_EQ(parser.parse(json).get(root), simdjson::SUCCESS) << json;
  return read(root);
}

Strings cut(const std::string& pre_tokenizer, const std::string& text) {
  auto built = with_json(pre_tokenizer, [](JsonElement root) { return PreTokenizer::from_json(root); });
  EXPECT_TRUE(built.ok()) << built.message();
  Pieces all = built->split(text, true);
  Strings pieces;
  for (const auto& [span, first] : all.pieces) pieces.push_back(all.text.substr(span.begin, span.end - span.begin));
  return pieces;
}

std::string normalized(const std::string& normalizer, const std::string& text) {
  auto built = with_json(normalizer, [](JsonElement root) { return Normalizer::from_json(root); });
  EXPECT_TRUE(built.ok()) << built.message();
  return built->apply(text);
}

std::string split_json(const std::string& behavior, bool invert) {
  return R"({"type":"Split","pattern":{"String":"-"},"behavior":")" + behavior + R"(","invert":)" +
         (invert ? "true}" : "false}");
}

TEST(PreTokenizer, SplitsByEveryBehavior) {
  const std::string text = "the-final--countdown";
  EXPECT_EQ(cut(split_json("Removed", false), text), (Strings{"the", "final", "countdown"}));
  EXPECT_EQ(cut(split_json("Isolated", false), text), (Strings{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut(split_json("MergedWithPrevious", false), text), (Strings{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut(split_json("MergedWithNext", false), text), (Strings{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut(split_json("Contiguous", false), text), (Strings{"the", "-", "final", "--", "countdown"}));
  EXPECT_EQ(cut(split_json("Removed", true), text), (Strings{"-", "-", "-"}));
}

TEST(PreTokenizer, MetaspacePrependsAndSplits) {
  auto metaspace = [](const std::string& rest) { return R"({"type":"Metaspace","replacement":"▁")" + rest + "}"; };
  EXPECT_EQ(cut(metaspace(""), "Hey my  friend"), (Strings{"▁Hey", "▁my", "▁", "▁friend"}));
  EXPECT_EQ(cut(metaspace(R"(,"prepend_scheme":"never")"), "Hey you"), (Strings{"Hey", "▁you"}));
  EXPECT_EQ(cut(metaspace(R"(,"add_prefix_space":false)"), "Hey you"), (Strings{"Hey", "▁you"}));
  EXPECT_EQ(cut(metaspace(R"(,"prepend_scheme":"first","split":false)"), "Hey you"), (Strings{"▁Hey▁you"}));
  EXPECT_EQ(cut(metaspace(R"(,"prepend_scheme":"always")"), " Hey"), (Strings{"▁Hey"}));
}

TEST(PreTokenizer, CharacterClassesCut) {
  EXPECT_EQ(cut(R"({"type":"Digits","individual_digits":true})", "a12²b"), (Strings{"a", "1", "2", "²", "b"}));
  EXPECT_EQ(cut(R"({"type":"Digits"})", "a12²b"), (Strings{"a", "12²", "b"}));
  EXPECT_EQ(cut(R"({"type":"Punctuation"})", "Hey, you…?"), (Strings{"Hey", ",", " you", "…", "?"}));
  EXPECT_EQ(cut(R"({"type":"Whitespace"})", "Hey man!? é1"), (Strings{"Hey", "man", "!?", "é1"}));
  EXPECT_EQ(cut(R"({"type":"WhitespaceSplit"})", " Hey, \u3000man "), (Strings{"Hey,", "man"}));
  EXPECT_EQ(cut(R"({"type":"CharDelimiterSplit","delimiter":"x"})", "axxb"), (Strings{"a", "b"}));
  EXPECT_EQ(cut(R"({"type":"BertPreTokenizer"})", "Hey friend!"), (Strings{"Hey", "friend", "!"}));
  EXPECT_EQ(cut(R"({"type":"FixedLength","length":2})", "añcde"), (Strings{"añ", "cd", "e"}));
}

TEST(PreTokenizer, ByteLevelWritesBytesAsCharacters) {
  EXPECT_EQ(cut(R"({"type":"ByteLevel","add_prefix_space":true})", "How are\nyou's é"),
            (Strings{"ĠHow", "Ġare", "Ċ", "you", "'s", "ĠÃ©"}));
  EXPECT_EQ(cut(R"({"type":"ByteLevel","add_prefix_space":false,"use_regex":false})", "a b"), (Strings{"aĠb"}));
}

TEST(Normalizer, DoesWhatItsNameSays) {
  EXPECT_EQ(normalized(R"({"type":"NFC"})", "e\u0301"), "é");
  EXPECT_EQ(normalized(R"({"type":"NFD"})", "é각"), "e\u0301\u1100\u1161\u11a8");
  EXPECT_EQ(normalized(R"({"type":"NFKC"})", "ﬁ①Å"), "fi1Å");
  EXPECT_EQ(normalized(R"({"type":"NFKD"})", "ﬁé"), "fie\u0301");
  EXPECT_EQ(normalized(R"({"type":"NFC"})", "a\u0323\u0307 \u0061\u0307\u0323"), "ạ\u0307 ạ\u0307");
  EXPECT_EQ(normalized(R"({"type":"Lowercase"})", "ÀÉİ"), "àéi\u0307");
  EXPECT_EQ(normalized(R"({"type":"Strip","strip_left":true,"strip_right":true})", " \u3000a b\n "), "a b");
  EXPECT_EQ(normalized(R"({"type":"StripAccents"})", "e\u0301x"), "ex");
  EXPECT_EQ(normalized(R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":"_"})", "a   b c"), "a_b c");
  EXPECT_EQ(normalized(R"({"type":"Prepend","prepend":"▁"})", ""), "");
  EXPECT_EQ(normalized(R"({"type":"BertNormalizer","lowercase":true})", "É\u0001漢\t"), "e 漢  ");
}

TEST(Normalizer, ManyMarksTakeNoSquareOfTime) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += "\u0301\u0323";
  EXPECT_EQ(normalized(R"({"type":"NFC"})", text).size(), text.size());
}

Strings matches(const char* pattern, const std::string& text) {
  auto regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.message();
  Strings found;
  for (Span span : regex->find_all(text)) found.push_back(text.substr(span.begin, span.end - span.begin));
  return found;
}

TEST(Regex, SpeaksOnigurumasDialect) {
  EXPECT_EQ(matches(R"([\p{L}&&[^\p{Han}]]+)", "ab漢c"), (Strings{"ab", "c"}));
  EXPECT_EQ(matches(R"( ?[^(\s|[.,!?])]+)", "hey, you(x)"), (Strings{"hey", " you", "x"}));
  EXPECT_EQ(matches(R"(\d{1,2}+)", "12345"), (Strings{"12345"}));
  EXPECT_EQ(matches(R"(\h+)", "beef zap"), (Strings{"beef", "a"}));
  EXPECT_EQ(matches(R"(\s)", "\u180e\u3000\x1c"), (Strings{"\u3000"}));
  EXPECT_EQ(matches(R"([^\S\n]+)", " \n\t"), (Strings{" ", "\t"}));
  EXPECT_EQ(matches(R"(\p{Letter}+)", "a1é"), (Strings{"a", "é"}));
  EXPECT_EQ(matches(R"((?i:'s|'t))", "'S'ſ't"), (Strings{"'S", "'ſ", "'t"}));
  EXPECT_EQ(matches(R"(^a$)", "a\nb\na"), (Strings{"a", "a"}));
  EXPECT_EQ(matches(R"([\w-]+)", "a-b_é c"), (Strings{"a-b_é", "c"}));
  EXPECT_EQ(matches(R"((?=(\d{3})+(?!\d)))", "1234567").size(), 2u);
}

TEST(Regex, EndsWhereBacktrackingExplodes) {
  EXPECT_EQ(matches("(a*)*b", std::string(40, 'a')), Strings{});
  EXPECT_EQ(matches("(?:x+x+)+y", std::string(3000, 'x')), Strings{});
}

// A small BPE model: `rest` replaces or adds members of the model, `top` of the file.
Result<Tokenizer> build(const std::string& rest, const std::string& top = "") {
  return Tokenizer::from_json(R"({"model":{"type":"BPE",)" + rest + "}" + (top.empty() ? "" : "," + top) + "}");
}

Ids ids_of(const Result<Tokenizer>& tokenizer, std::string_view text) {
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.message();
  return tokenizer.ok() ? tokenizer->encode(text) : Ids{};
}

const std::string kAb = R"("vocab":{"a":0,"b":1,"ab":2,"aba":3,"?":4},"merges":["a b",["ab","a"]])";

TEST(Bpe, MergesBestRankFirstThenLeftmost) {
  EXPECT_EQ(ids_of(build(kAb), "abab"), (Ids{2, 2}));
  EXPECT_EQ(ids_of(build(kAb), "abaab"), (Ids{3, 2}));
  EXPECT_EQ(ids_of(build(kAb), "axb"), (Ids{2}));      // no unknown token: what is unknown is dropped
}

TEST(Bpe, UnknownCharactersFuseIfAsked) {
  EXPECT_EQ(ids_of(build(kAb + R"(,"unk_token":"?")"), "xyaz"), (Ids{4, 4, 0, 4}));
  EXPECT_EQ(ids_of(build(kAb + R"(,"unk_token":"?","fuse_unk":true)"), "xyaz"), (Ids{4, 0, 4}));
}

TEST(Bpe, FallsBackToBytesOnlyWhereAllAreThere) {
  std::string vocab = R"("vocab":{"a":0,"<0xC3>":1,"<0xA9>":2,"?":3},"merges":[],"byte_fallback":true,"unk_token":"?")";
  EXPECT_EQ(ids_of(build(vocab), "aé"), (Ids{0, 1, 2}));
  EXPECT_EQ(ids_of(build(vocab), "ñ"), (Ids{3}));
}

TEST(Bpe, PrefixAndSuffixMarkThePlaceInAWord) {
  auto tokenizer = build(R"("vocab":{"a":0,"##b":1,"##b</w>":2,"ab</w>":3,"ab":4},"merges":["a ##b</w>","a ##b"],)"
                         R"("continuing_subword_prefix":"##","end_of_word_suffix":"</w>")");
  EXPECT_EQ(ids_of(tokenizer, "ab"), (Ids{3}));
  EXPECT_EQ(ids_of(tokenizer, "abb"), (Ids{4, 2}));
}

TEST(Bpe, IgnoreMergesTakesWholePieces) {
  std::string vocab = R"("vocab":{"a":0,"b":1,"ba":2},"merges":[])";
  EXPECT_EQ(ids_of(build(vocab), "ba"), (Ids{1, 0}));
  EXPECT_EQ(ids_of(build(vocab + R"(,"ignore_merges":true)"), "ba"), (Ids{2}));
}

// The slow truth: look for the best pair again after every merge.
Ids merged_slowly(const Strings& merges, const Strings& vocab, const std::string& word) {
  Strings symbols;
  for (char c : word) symbols.emplace_back(1, c);
  auto rank = [&](size_t i) {
    auto at = std::find(merges.begin(), merges.end(), symbols[i] + " " + symbols[i + 1]);
    return at - merges.begin();
  };
  while (symbols.size() > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < symbols.size(); ++i) {
      if (rank(i) < rank(best)) best = i;
    }
    if (rank(best) == static_cast<ptrdiff_t>(merges.size())) break;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& symbol : symbols) {
    ids.push_back(static_cast<int32_t>(std::find(vocab.begin(), vocab.end(), symbol) - vocab.begin()));
  }
  return ids;
}

TEST(Bpe, ShortAndLongPiecesMergeAsTheSlowTruth) {
  const Strings vocab = {"a", "b", "ab", "ba", "abab", "aa", "aab", "bb", "bba"};
  const Strings merges = {"b a", "a b", "ab ab", "a a", "aa b", "b b", "bb a", "b ba"};
  auto tokenizer = build(R"("vocab":)" + dump(Json(vocab)) + R"(,"merges":)" + dump(Json(merges)));
  uint32_t seed = 7;
  for (size_t size = 1; size < 160; ++size) {
    std::string word;
    for (size_t i = 0; i < size; ++i) word += (seed = seed * 1664525 + 1013904223) >> 30 & 1 ? 'a' : 'b';
    EXPECT_EQ(ids_of(tokenizer, word), merged_slowly(merges, vocab, word)) << word;
  }
}

TEST(Bpe, AMillionBytesOfOneWordTakeNoSquareOfTime) {
  std::string word;
  uint32_t seed = 7;
  for (int i = 0; i < 1'000'000; ++i) word += (seed = seed * 1664525 + 1013904223) >> 30 & 1 ? 'a' : 'b';
  EXPECT_FALSE(ids_of(build(kAb), word).empty());
  auto scored = build(R"("vocab":["a","b","ab","aba"],"scores":[0,0,-1,-2])");
  EXPECT_FALSE(ids_of(scored, word).empty());
}

std::string added(const char* flags) {
  return R"("added_tokens":[{"id":9,"content":"<m>","special":true)" + std::string(flags) + "}]";
}

TEST(AddedTokens, FlagsTakeSpacesAndAskForWords) {
  std::string vocab = R"("vocab":{"a":0," ":1},"merges":[])";
  EXPECT_EQ(ids_of(build(vocab, added("")), "a <m> a"), (Ids{0, 1, 9, 1, 0}));
  EXPECT_EQ(ids_of(build(vocab, added(R"(,"lstrip":true)")), "a <m> a"), (Ids{0, 9, 1, 0}));
  EXPECT_EQ(ids_of(build(vocab, added(R"(,"rstrip":true)")), "a <m>  a"), (Ids{0, 1, 9, 0}));
  EXPECT_EQ(ids_of(build(vocab, added(R"(,"single_word":true)")), "a<m> <m> <m>"), (Ids{0, 1, 9, 1, 9}));
}

TEST(AddedTokens, NormalizedOnesAreFoundAfterNormalizing) {
  std::string vocab = R"("vocab":{"a":0},"merges":[])";
  std::string lower = R"(,"normalizer":{"type":"Lowercase"})";
  EXPECT_EQ(ids_of(build(vocab, R"("added_tokens":[{"id":5,"content":"Hi","normalized":true}])" + lower), "ahIa"),
            (Ids{0, 5, 0}));
  EXPECT_EQ(ids_of(build(vocab, R"("added_tokens":[{"id":5,"content":"Hi","normalized":false}])" + lower), "hiHi"),
            (Ids{5}));
}

TEST(AddedTokens, TheLongestOneAtAPlaceWins) {
  auto tokenizer = build(R"("vocab":{"a":0},"merges":[])",
                         R"("added_tokens":[{"id":1,"content":"<a"},{"id":2,"content":"<a>"}])");
  EXPECT_EQ(ids_of(tokenizer, "<a<a>a"), (Ids{1, 2, 0}));
}

std::string decoded(const std::string& decoder, const Strings& pieces) {
  Json vocab = Json::object();
  Ids ids;
  for (const std::string& piece : pieces) {
    if (!vocab.contains(piece)) vocab[piece] = vocab.size();
    ids.push_back(vocab[piece].get<int32_t>());
  }
  auto tokenizer = build(R"("merges":[],"vocab":)" + dump(vocab), R"("decoder":)" + decoder);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.message();
  std::string whole = tokenizer->decode(ids), streamed;
  TextStream stream(*tokenizer, Show::all);
  for (int32_t id : ids) {
    std::string more = stream.add(id);
    EXPECT_TRUE(is_utf8(more));
    streamed += more;
  }
  EXPECT_EQ(streamed + stream.finish(), whole);
  return whole;
}

TEST(Decoder, EveryStepDecodesAndStreams) {
  EXPECT_EQ(decoded("null", {"a", "b"}), "a b");
  EXPECT_EQ(decoded(R"({"type":"ByteLevel"})", {"ĠH", "Ã", "©", "ð", "x漢"}), " Hé\uFFFDx漢");
  EXPECT_EQ(decoded(R"({"type":"ByteFallback"})", {"<0xC3>", "<0xA9>", "a", "<0xC3>", "<0x41>"}), "éa\uFFFD\uFFFD");
  EXPECT_EQ(decoded(R"({"type":"Metaspace","replacement":"▁"})", {"▁a", "▁b", "▁"}), "a b ");
  EXPECT_EQ(decoded(R"({"type":"BPEDecoder"})", {"a</w>", "b", "c</w>"}), "a bc");
  EXPECT_EQ(decoded(R"({"type":"Strip","content":" ","start":1,"stop":1})", {"  a  ", "b "}), " a b");
  std::string fused = R"({"type":"Sequence","decoders":[{"type":"Fuse"},)";
  EXPECT_EQ(decoded(fused + R"({"type":"Strip","content":" ","start":1,"stop":2}]})", {"  a ", " b ", "  "}), " a  b ");
  EXPECT_EQ(decoded(fused + R"({"type":"Replace","pattern":{"String":"aab"},"content":"X"}]})", {"a", "aa", "b", "aa"}),
            "aXaa");
  EXPECT_EQ(decoded(fused + R"({"type":"Replace","pattern":{"Regex":"a+"},"content":"X"}]})", {"a", "aa", "b", "a"}),
            "XbX");
}

TEST(Tokenizer, TextThatIsNoUtf8BecomesReplacementCharacters) {
  auto tokenizer = build(R"("vocab":{"a":0,"\uFFFD":1},"merges":[])");
  EXPECT_EQ(ids_of(tokenizer, "a\xFF\xE2\x82 a\xF0\x9F"), (Ids{0, 1, 1, 0, 1}));
  EXPECT_EQ(ids_of(tokenizer, "\xED\xA0\x80"), (Ids{1, 1, 1}));
}

TEST(Tokenizer, IdsOutsideTheVocabularyDecodeToNothing) {
  auto tokenizer = build(kAb, R"("added_tokens":[{"id":9,"content":"<e>","special":true}])");
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_EQ(tokenizer->decode(Ids{0, -1, 8, 1 << 30, 9}), "a <e>");
  EXPECT_EQ(tokenizer->decode(Ids{0, 9, 1}, Show::text_only), "a b");
  EXPECT_EQ(tokenizer->size(), 10);
  EXPECT_EQ(tokenizer->piece(7), "");
  EXPECT_EQ(tokenizer->id_of("<e>"), 9);
  EXPECT_TRUE(tokenizer->is_special(9));
  EXPECT_FALSE(tokenizer->is_special(0));
}

TEST(Tokenizer, HostileFilesEndInOneLine) {
  std::string deep = R"({"model":{"vocab":{},"merges":[]},"normalizer":)";
  for (int i = 0; i < 100; ++i) deep += R"({"type":"Sequence","normalizers":[)";
  deep += R"({"type":"NFC"})";
  for (int i = 0; i < 100; ++i) deep += "]}";
  const Strings files = {
      "", "{", "[]", "null", "{}", R"({"model":7})", R"({"model":{"type":"BPE"}})", deep + "}",
      R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":99999999999},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":"b"},"merges":[]}})",
      R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a z"]}})",
      R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})",
      R"({"model":{"type":"BPE","vocab":{"a":0},"merges":{}}})",
      R"({"model":{"type":"WordPiece","vocab":{}}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"Nothing"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"Strip","content":"ab"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(("}}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"normalizer":{"type":"Precompiled"}})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"added_tokens":[{"id":4294967295,"content":"x"}]})",
      R"({"model":{"type":"BPE","vocab":{},"merges":[]},"post_processor":{"type":"TemplateProcessing","single":[{}]}})"};
  for (const std::string& file : files) {
    auto tokenizer = Tokenizer::from_json(file);
    EXPECT_FALSE(tokenizer.ok()) << file;
    if (tokenizer.ok()) continue;
    EXPECT_EQ(tokenizer.message().find('\n'), std::string::npos) << tokenizer.message();
  }
}

TEST(GgufVocab, SentencePieceMergesByScore) {
  GgufVocab vocab{.model = "llama",
                  .tokens = {"<unk>", "<s>", "</s>", "<0x41>", "▁", "a", "b", "ab", "▁a"},
                  .scores = {0, 0, 0, 0, -9, -9, -9, -2, -1}, .types = {2, 3, 3, 6, 1, 1, 1, 1, 1}};
  auto json = gguf_vocab_to_tokenizer_json(vocab);
  ASSERT_TRUE(json.ok()) << json.message();
  auto tokenizer = Tokenizer::from_json(*json);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.message();
  EXPECT_EQ(tokenizer->encode("ab ab"), (Ids{8, 6, 8, 6}));
  EXPECT_EQ(tokenizer->encode("bab", Specials::add), (Ids{1, 4, 6, 7}));
  EXPECT_EQ(tokenizer->encode("A</s>b"), (Ids{4, 3, 2, 4, 6}));
  EXPECT_EQ(tokenizer->decode(Ids{8, 6, 8, 6}), "ab ab");
}

TEST(GgufVocab, UnknownNamesAreErrors) {
  GgufVocab vocab{.model = "gpt2", .pre = "nobody", .tokens = {"a"}};
  auto json = gguf_vocab_to_tokenizer_json(vocab);
  ASSERT_FALSE(json.ok());
  EXPECT_NE(json.message().find("nobody"), std::string::npos);
  vocab.model = "bert";
  EXPECT_NE(gguf_vocab_to_tokenizer_json(vocab).message().find("bert"), std::string::npos);
}

TEST(GgufVocab, EveryKnownPreTokenizerCompiles) {
  for (const char* pre : {"",           "default",   "llama-bpe", "deepseek-llm", "deepseek-coder", "deepseek-v3", "youtu",
                          "falcon",     "starcoder", "refact",    "command-r",    "smollm",         "gpt-2",       "mpt",
                          "olmo",       "qwen2",     "qwen35",    "stablelm2",    "bloom",          "viking",      "tekken",
                          "chameleon",  "gpt-4o",    "superbpe",  "bailingmoe",   "seed-coder",     "exaone-moe",
                          "kimi-k2",    "glm4",      "dbrx"}) {
    GgufVocab vocab{.model = "gpt2", .pre = pre, .tokens = {"a", "b", "ab", "Ġ"}, .merges = {"a b", "a missing"}};
    auto json = gguf_vocab_to_tokenizer_json(vocab);
    ASSERT_TRUE(json.ok()) << json.message();
    EXPECT_EQ(ids_of(Tokenizer::from_json(*json), "ab ab"), (Ids{2, 3, 2})) << pre;
  }
}

}  // namespace
}  // namespace hearth
