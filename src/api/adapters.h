// LoRA adapters from PEFT folders, as the engine takes them.
#pragma once

#include <string>

#include "base/result.h"
#include "engine/adapter.h"

namespace hearth {

// Errors name the adapter, and the file, key or tensor that does not fit.
Result<Adapter> read_adapter(const std::string& name, const std::string& folder);

}  // namespace hearth
