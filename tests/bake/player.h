// Playing a step's kernel calls under emulation of another architecture, where this machine has qemu and a cross
// compiler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/file.h"

namespace hearth::test {

struct PlayCall {
  std::string symbol;
  int64_t extent = 0;
  std::vector<int64_t> blocks;  // its buffers: indices into PlayList::blocks
};

struct PlayList {
  std::vector<int64_t> sizes;
  std::vector<std::vector<std::byte>> blocks;  // memory, before and after
  std::vector<PlayCall> calls;
};

// Why nothing can be played here; empty when it can.
std::string player_lacks();

// Runs every call in order over the list's memory; `prefix` begins the names of files made on the way.
Result<Done> play(const std::string& prefix, Bytes code, PlayList& list);

}  // namespace hearth::test
