// Linking: relocatable objects in memory become one ELF shared object in memory, by lld inside this process.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth {

Result<std::vector<std::byte>> link_shared(const std::vector<std::vector<std::byte>>& objects);

}  // namespace hearth
