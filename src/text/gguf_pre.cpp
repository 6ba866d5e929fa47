// The table of GGUF pre-tokenizer names: families of patterns, then who uses which.
#include "text/gguf_pre.h"

namespace hearth {

namespace {

#define CONTRACTIONS "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define MARKS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"
#define UPPER R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define LOWER R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
// A capitalized or all-capital word; `tail` follows either.
#define CASED(tail)                                                       \
  R"([^\r\n\p{L}\p{N}]?)" UPPER "*" LOWER "+" tail                        \
  R"(|[^\r\n\p{L}\p{N}]?)" UPPER "+" LOWER "*" tail
// The same where only ASCII letters have a case.
#define ASCII_CASED(letters, tail)                                                          \
  R"([^\r\n\p{L}\p{N}]?((?=[)" letters R"(])([^a-z]))*((?=[)" letters R"(])([^A-Z]))+)" tail \
  R"(|[^\r\n\p{L}\p{N}]?((?=[)" letters R"(])([^a-z]))+((?=[)" letters R"(])([^A-Z]))*)" tail
#define SLASH_MARKS R"( ?[^\s\p{L}\p{N}]+[\r\n/]*)"
#define ASCII_MARK_WORD R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"

constexpr std::string_view kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))";
constexpr std::string_view kLlama3 = CONTRACTIONS "|" WORD R"(|\p{N}{1,3}|)" MARKS "|" SPACES;
constexpr std::string_view kQwen2 = CONTRACTIONS "|" WORD R"(|\p{N}|)" MARKS "|" SPACES;
constexpr std::string_view kQwen35 = CONTRACTIONS
    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" SPACES;
constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kThreeDigits = R"(\p{N}{1,3})";
constexpr std::string_view kHanKana = "[一-龥぀-ゟ゠-ヿ]+";
constexpr std::string_view kHanHangul = "[一-龥ࠀ-一가-퟿]+";
constexpr std::string_view kBloom = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅ)"
    R"(ὐ-ὗὙὛὝὟ-\x{1f7d}ᾀ-ᾴᾶ-ᾼ\x{1fbe}ῂ-ῄῆ-ῌῐ-\x{1fd3}ῖ-\x{1fdb}ῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\x{2126}ℨ\x{212a}-ℭ)"
    R"(ℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kDeepseekMarks = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";

constexpr GgufPre kGpt2Pre{{kGpt2}};
constexpr GgufPre kDigitGpt2{{kDigit, kGpt2}};
constexpr GgufPre kLlama3Pre{{kLlama3}};
constexpr GgufPre kLlama3Whole{{kLlama3}, true, true};      // whole pieces, BOS
constexpr GgufPre kQwen2Pre{{kQwen2}};
constexpr GgufPre kDeepseek3{{kThreeDigits, kHanKana, ASCII_MARK_WORD R"(| ?[\p{P}\p{S}]+[\r\n]*|)" SPACES}};
constexpr GgufPre kGpt4o{{ASCII_CASED(R"(\p{L})", CONTRACTIONS "?") R"(|\p{N}{1,3}|)" SLASH_MARKS "|" SPACES}};
constexpr GgufPre kBailing{{R"('(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|)" WORD R"(|\p{N}|)" MARKS
                            R"(|\s*[\r\n]|\s+(?!\S)|\s+)"}};
constexpr GgufPre kBloomPre{{kBloom}};

struct Named {
  std::string_view name;
  GgufPre pre;
};

constexpr Named kTable[] = {
    {"default", {{R"([\p{P}\$\+<=>\^~\|]+)", kGpt2, R"(\p{N}+)", "[0-9][0-9][0-9]"}}},
    {"llama3", kLlama3Whole},
    {"llama-v3", kLlama3Whole},
    {"llama-bpe", kLlama3Whole},
    {"falcon3", kLlama3Whole},
    {"falcon-h1", kLlama3Whole},
    {"pixtral", kLlama3Whole},
    {"midm-2.0", kLlama3Whole},
    {"lfm2", kLlama3Whole},
    {"dbrx", kLlama3Pre},
    {"smaug-bpe", kLlama3Pre},
    {"glm4", kLlama3Pre},
    {"chatglm-bpe", kLlama3Pre},
    {"deepseek-llm", {{R"([\r\n])", kDeepseekLetters, kDeepseekMarks, R"(\s+$)", kHanHangul, R"(\p{N}+)"}}},
    {"deepseek-coder", {{R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kHanHangul, kDigit}}},
    {"deepseek-v3", kDeepseek3},
    {"hunyuan-dense", kDeepseek3},
    {"joyai-llm", kDeepseek3},
    {"youtu", {{"[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+",
                CASED(CONTRACTIONS "?") R"(|\p{N}|)" SLASH_MARKS "|" SPACES}, true}},
    {"falcon", {{R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2, "[0-9][0-9][0-9]"}}},
    {"starcoder", kDigitGpt2},
    {"refact", kDigitGpt2},
    {"command-r", kDigitGpt2},
    {"smollm", kDigitGpt2},
    {"codeshell", kDigitGpt2},
    {"exaone", kDigitGpt2},
    {"minerva-7b", kDigitGpt2},
    {"gpt-2", kGpt2Pre},
    {"phi-2", kGpt2Pre},
    {"jina-es", kGpt2Pre},
    {"jina-de", kGpt2Pre},
    {"jina-v1-en", kGpt2Pre},
    {"jina-v2-es", kGpt2Pre},
    {"jina-v2-de", kGpt2Pre},
    {"jina-v2-code", kGpt2Pre},
    {"roberta-bpe", kGpt2Pre},
    {"gigachat", kGpt2Pre},
    {"a.x-4.0", kGpt2Pre},
    {"mellum", kGpt2Pre},
    {"exaone4", kGpt2Pre},
    {"mpt", kGpt2Pre},
    {"olmo", kGpt2Pre},
    {"jais", kGpt2Pre},
    {"trillion", kGpt2Pre},
    {"granite-docling", kGpt2Pre},
    {"qwen2", kQwen2Pre},
    {"deepseek-r1-qwen", kQwen2Pre},
    {"kormo", kQwen2Pre},
    {"megrez", kQwen2Pre},
    {"stablelm2", kQwen2Pre},
    {"hunyuan", kQwen2Pre},
    {"solar-open", kQwen2Pre},
    {"grok-2", kQwen2Pre},
    {"qwen35", {{kQwen35}}},
    {"poro-chat", kBloomPre},
    {"bloom", kBloomPre},
    {"gpt3-finnish", kBloomPre},
    {"viking", {{kBloom, kDigit}}},
    {"tekken", {{ASCII_CASED(R"(\p{L})", "") R"(|\p{N}|)" SLASH_MARKS "|" SPACES}, true, true}},
    {"chameleon", {{"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", kDigit,
                    R"([\p{P}!-/:-@\[-`{-~])", kGpt2}, false, true}},
    {"gpt-4o", kGpt4o},
    {"llama4", kGpt4o},
    {"minimax-m2", kGpt4o},
    {"superbpe", {{R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}}},
    {"bailingmoe", kBailing},
    {"bailingmoe2", kBailing},
    {"llada-moe", kBailing},
    {"seed-coder", {{CONTRACTIONS "|" WORD R"(|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|)" SPACES}}},
    {"exaone-moe", {{CONTRACTIONS R"(|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?)"
                     R"(|\s*[\r\n]|\s+(?!\S)|\s+)"}}},
    {"kimi-k2", {{R"([\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*)"
                  R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
                  R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+)"
                  R"([\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}|)" MARKS "|" SPACES}}},
};

}  // namespace

const GgufPre* find_gguf_pre(std::string_view name) {
  for (const Named& known : kTable) {
    if (known.name == name) return &known.pre;
  }
  return nullptr;
}

}  // namespace hearth
