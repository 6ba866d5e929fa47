// hearth-player FILE.hearth PROMPT: opens a baked file and continues the prompt, with nothing of the compiler in it.
//
// It stands for the phone, the browser and the small server: only the runtime tower is linked
// (tests/runtime/check_player.sh proves it). The prompt goes in as it is, without a chat template; the most likely
// token is taken each time.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "artifact/artifact.h"
#include "engine/engine.h"
#include "runtime/device.h"

namespace hearth {
namespace {

Result<Done> play(const std::string& path, const std::string& prompt, int64_t max_new) {
  TRY(const Artifact artifact, Artifact::open(path));
  TRY(std::unique_ptr<Device> device, open_device("cpu", {}));
  TRY(Engine engine, Engine::open(artifact, std::move(device), {}));
  Request request;
  request.prompt = engine.tokenizer().encode(prompt, Specials::add);
  if (request.prompt.empty()) return error("player: the prompt has no tokens, want some text");
  request.sampler.temperature = 0;
  request.max_new = max_new;
  const auto print = [](const Event& event) {
    std::fwrite(event.text.data(), 1, event.text.size(), stdout);
    std::fflush(stdout);
  };
  TRY(const Timing timing, engine.generate(request, print));
  std::printf("\n");
  std::fprintf(stderr, "player: %lld prompt tokens in %.1f ms, %lld new tokens in %.1f ms\n",
               static_cast<long long>(timing.prompt_tokens), timing.prefill_ms,
               static_cast<long long>(timing.new_tokens), timing.decode_ms);
  return Done{};
}

}  // namespace
}  // namespace hearth

int main(int count, char** words) {
  if (count < 3 || count > 4) {
    std::fprintf(stderr, "usage: hearth-player FILE.hearth PROMPT [NEW_TOKENS]\n");
    return 2;
  }
  char* end = nullptr;
  const long long max_new = count == 4 ? std::strtoll(words[3], &end, 10) : 64;
  if (end && (*end != '\0' || max_new < 1)) {
    std::fprintf(stderr, "player: got '%s' new tokens, want a number of 1 or more\n", words[3]);
    return 2;
  }
  const auto played = hearth::play(words[1], words[2], max_new);
  if (played) return 0;
  std::fprintf(stderr, "%s\n", played.message().c_str());
  return 1;
}
