// Memory of this machine: how much there is, and huge pages for bytes that are read over and over.
#pragma once

#include <cstdint>
#include <functional>

#include "base/file.h"

namespace hearth {

inline constexpr uint64_t kHugePage = uint64_t{2} << 20;  // bytes; of x86-64, and of aarch64 with small pages of 4 KiB

// Bytes that the machine has.
uint64_t machine_memory();
// Bytes that this process may still take before others must give way: what the machine has left, or its control group. 0: not known.
uint64_t available_memory();

// How many of these bytes lie on huge pages now. 0 where the system does not tell.
uint64_t bytes_on_huge_pages(Bytes mapped);

// Moves bytes of a mapping that nobody writes onto huge pages that are this process' own, piece by piece: addresses and contents
// stay, and who reads them meanwhile goes on reading. What begins or ends inside a huge page stays where it is. Ends early when
// the system will not or `go_on` says false. Returns how many bytes it moved.
uint64_t move_to_huge_pages(Bytes mapped, const std::function<bool()>& go_on);

}  // namespace hearth
