// Executable: a loaded artifact on a device; write inputs, run at given sizes, read outputs.
//
// All memory is allocated by load(): one arena for inputs, outputs and scratch, one buffer for each state. run() allocates nothing
// on the device; resolved launch lists are kept for sizes seen before (a decode step costs no formula).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "artifact/artifact.h"
#include "runtime/device.h"

namespace hearth {

using SizeValues = std::map<std::string, int64_t>;

class Executable {
 public:
  // `fixed`: sizes that stay as they are for this executable's life, e.g. {"pages", 64}: they set the size of states.
  static Result<Executable> load(std::shared_ptr<Device> device, const Artifact& artifact, const SizeValues& fixed);

  const Interface& interface() const;
  Device& device() const;
  uint64_t memory_bytes() const;                                  // arena + states, without weights

  // Copies into / out of an input, output or state buffer at a byte offset. Sizes are checked.
  Result<Done> write(const std::string& buffer, Bytes data, uint64_t byte_offset = 0);
  Result<Done> read(const std::string& buffer, std::span<std::byte> data, uint64_t byte_offset = 0);
  // The same bytes where they lie if the host sees the device's memory, else a copy of them: valid until the next run, write or
  // view of this buffer.
  Result<Bytes> view(const std::string& buffer, uint64_t bytes, uint64_t byte_offset = 0);
  // Copies a page of every state that has one for each of `pages`.
  Result<Done> copy_page(int64_t from, int64_t to);
  // Runs every launch. Every size of the interface must be given here or in `fixed`, within its bounds.
  Result<Done> run(const SizeValues& sizes);

  // Counts from now on what kernels take and move: {"runs", "threads", "waiting_ns", "kernels": {symbol: {"calls", "ns",
  // "bytes", "dots", "floats"}}}; the last three where the artifact knows them (interface.h). Times are means over threads:
  // all kernels and the waiting add up to the time of the launches. Ask for it before the executable goes.
  void enable_profile(bool on);
  Json profile() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace hearth
