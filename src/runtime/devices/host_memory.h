// Host memory: zeroed pages from the system, and checked copies; what devices that compute in this process share.
#pragma once

#include "runtime/device.h"

namespace hearth {

Result<Memory> allocate_host(uint64_t bytes, const std::string& who);
void free_host(Memory memory);
Result<Done> copy_in(Memory to, uint64_t offset, Bytes from, const std::string& who);
Result<Done> copy_inside(Memory memory, uint64_t from, uint64_t to, uint64_t bytes, const std::string& who);
Result<Done> copy_out(Memory from, uint64_t offset, std::span<std::byte> to, const std::string& who);

}  // namespace hearth
