// Running kernels of another architecture under qemu, where the machine has it and a cross compiler.
#pragma once

#include "native_run.h"

namespace hearth {

// Why emulation cannot be had; empty when it can.
std::string emulation_lacks();

// The memory after each trial, or what went wrong.
Result<std::vector<Memory>> run_emulated(const Code& code, const Trials& trials, const std::vector<Memory>& before);

}  // namespace hearth
