// The checkpoint's identity: a quick 128-bit hash (not a cryptographic one) over what the artifact is made from.
#include <cstring>

#include "weights/open.h"

namespace hearth {
namespace {

constexpr uint64_t kHashedWhole = uint64_t{64} << 20;
constexpr uint64_t kSampleBytes = 1024;

// Two 64-bit lanes; each word is mixed in by a folded 64x64 -> 128-bit product. Fields are length-prefixed.
class Hash {
 public:
  void add(Bytes bytes) {
    word(bytes.size());
    size_t at = 0;
    for (; at + 8 <= bytes.size(); at += 8) {
      uint64_t value;
      std::memcpy(&value, bytes.data() + at, 8);
      word(value);
    }
    uint64_t tail = 0;
    if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
    word(tail);
  }
  void add(std::string_view text) { add(as_bytes(text)); }
  void add_json(const Json& json) {
    word(static_cast<uint64_t>(json.type()));
    if (json.is_string()) return add(std::string_view(json.get_ref<const std::string&>()));
    if (!json.is_structured()) return add(std::string_view(dump(json)));
    word(json.size());
    for (auto at = json.begin(); at != json.end(); ++at) {
      if (json.is_object()) add(std::string_view(at.key()));
      add_json(*at);
    }
  }

  void word(uint64_t value) {
    a_ = fold(a_ ^ value, 0x9E3779B97F4A7C15u);
    b_ = fold(b_ + value, 0xC2B2AE3D27D4EB4Fu) ^ value;
  }

  std::string hex() {
    for (int i = 0; i < 4; ++i) word(a_ ^ (b_ << 1));
    return fmt::format("{:016x}{:016x}", a_, b_);
  }

 private:
  static uint64_t fold(uint64_t x, uint64_t y) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return (static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) + 0x165667B19E3779F9u;
  }

  uint64_t a_ = 0x243F6A8885A308D3u, b_ = 0x13198A2E03707344u;
};

void add_contents(Hash& hash, Bytes bytes) {
  if (bytes.size() <= 3 * kSampleBytes) return hash.add(bytes);
  hash.add(bytes.first(kSampleBytes));
  hash.add(bytes.subspan(bytes.size() / 2 - kSampleBytes / 2, kSampleBytes));
  hash.add(bytes.last(kSampleBytes));
}

}  // namespace

std::string identify(const Checkpoint& checkpoint) {
  Hash hash;
  for (const Json* json :
       {&checkpoint.config, &checkpoint.tokenizer_config, &checkpoint.generation_config, &checkpoint.vocab})
    hash.add_json(*json);
  hash.add(checkpoint.tokenizer_json);
  hash.add(checkpoint.chat_template);
  hash.add(checkpoint.source_format);
  uint64_t total = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) total += tensor.bytes.size();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    hash.add(name);
    hash.add(tensor.storage.name);
    hash.word(static_cast<uint64_t>(tensor.row_order));
    hash.word(tensor.shape.size());
    for (int64_t axis : tensor.shape) hash.word(static_cast<uint64_t>(axis));
    hash.word(tensor.bytes.size());
    if (total <= kHashedWhole)
      hash.add(tensor.bytes);
    else
      add_contents(hash, tensor.bytes);
  }
  return hash.hex();
}

}  // namespace hearth
