// The list goes to the player in a file, and its memory comes back in another.
#include "player.h"

#include <cstdlib>
#include <cstring>

namespace hearth::test {
namespace {

constexpr const char* kTools[] = {"qemu-aarch64-static", "aarch64-linux-gnu-gcc"};
constexpr size_t kNameBytes = 64;  // as in player_main.c

bool succeeds(const std::string& command) { return std::system(command.c_str()) == 0; }

void append(std::string& out, size_t value) {
  const auto number = static_cast<int64_t>(value);
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

Result<std::string> list_file(const PlayList& list) {
  std::string out;
  append(out, list.sizes.size());
  for (int64_t size : list.sizes) append(out, static_cast<size_t>(size));
  append(out, list.blocks.size());
  for (const auto& block : list.blocks) {
    append(out, block.size());
    out += as_text(block);
  }
  append(out, list.calls.size());
  for (const PlayCall& call : list.calls) {
    if (call.symbol.size() >= kNameBytes) return error("player: '{}' has too long a name", call.symbol);
    std::string name = call.symbol;
    name.resize(kNameBytes);
    out += name;
    append(out, static_cast<size_t>(call.extent));
    append(out, call.blocks.size());
    for (int64_t block : call.blocks) append(out, static_cast<size_t>(block));
  }
  return out;
}

}  // namespace

std::string player_lacks() {
  for (const char* tool : kTools)
    if (!succeeds(fmt::format("command -v {} >/dev/null 2>&1", tool)))
      return fmt::format("this machine has no {}", tool);
  return "";
}

Result<Done> play(const std::string& prefix, Bytes code, PlayList& list) {
  TRY(const std::string text, list_file(list));
  TRY_DONE(write_file(prefix + ".so", as_text(code)));
  TRY_DONE(write_file(prefix + ".list", text));
  if (!succeeds(fmt::format("{} -O1 {}/tests/bake/player_main.c -o {}.player -ldl", kTools[1], HEARTH_ROOT, prefix)))
    return error("player: cannot be compiled");
  if (!succeeds(fmt::format("{0} -L /usr/aarch64-linux-gnu {1}.player {1}.so {1}.list {1}.out", kTools[0], prefix)))
    return error("player: fails");
  TRY(const std::string results, read_file(prefix + ".out"));
  uint64_t at = 0;
  for (auto& block : list.blocks) {
    TRY(const Bytes bytes, slice(as_bytes(results), at, block.size(), "player's results"));
    std::copy(bytes.begin(), bytes.end(), block.begin());
    at += block.size();
  }
  return Done{};
}

}  // namespace hearth::test
