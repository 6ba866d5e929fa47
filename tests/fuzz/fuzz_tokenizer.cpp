// Fuzzes the tokenizer: `tokenizer.json \0 text` is loaded, the text encoded, its ids decoded and streamed.
// LINK: hearth_text
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  size_t cut = input.find('\0');
  std::string_view text = cut == input.npos ? "a <s> \xF0\x9F\x98\x80" : input.substr(cut + 1);
  auto tokenizer = hearth::Tokenizer::from_json(input.substr(0, cut));
  if (!tokenizer.ok()) {
    CHECK(tokenizer.message().find('\n') == std::string::npos, "an error of two lines: {}", tokenizer.message());
    return 0;
  }
  std::vector<int32_t> ids = tokenizer->encode(text, hearth::Specials::add);
  for (hearth::Show show : {hearth::Show::all, hearth::Show::text_only}) {
    std::string whole = tokenizer->decode(ids, show), streamed;
    hearth::TextStream stream(*tokenizer, show);
    for (int32_t id : ids) streamed += stream.add(id);
    streamed += stream.finish();
    CHECK(whole == streamed, "a stream gave other text than decode()");
  }
  for (size_t i = 0; i < size; ++i) tokenizer->piece(static_cast<int32_t>(data[i]) - 3);
  return 0;
}
