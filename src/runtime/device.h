// Device: where a program runs. About ten functions; one file a device in devices/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/result.h"

namespace hearth {

// A piece of device memory. On a CPU `address` is an ordinary pointer.
struct Memory {
  void* address = nullptr;
  uint64_t bytes = 0;
};

// One kernel call with everything resolved: which kernel, its buffers, how many iterations of its parallel loop.
struct Call {
  int kernel = 0;                        // index into the symbols given to load_code
  int64_t extent = 0;
  std::vector<void*> buffers;
  double bytes = 0, operations = 0;      // what it must move and compute, roughly; 0: not known
};

// Where the time of launches went, in nanoseconds of all threads together: kernels at work, and threads that waited for each
// other (between phases, for a job to start and to end). Their sum is the time of the launches times `threads`; a launch on
// fewer threads counts as much.
struct Measured {
  int threads = 1;
  std::vector<int64_t> kernel_ns;        // by kernel
  int64_t waiting_ns = 0;
};

class Device {
 public:
  virtual ~Device() = default;
  virtual Result<Memory> allocate(uint64_t bytes) = 0;            // 64-byte aligned, zeroed, huge pages where given
  virtual void free(Memory memory) = 0;
  virtual Result<Memory> adopt(Bytes weights) = 0;                // makes mapped host bytes readable (CPU: no copy)
  virtual Result<Done> upload(Memory to, uint64_t offset, Bytes from) = 0;
  virtual Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) = 0;
  // Where the host reads this memory itself, once launches have ended; null: it cannot, only download() tells.
  virtual const std::byte* host_address(Memory /*memory*/) const { return nullptr; }
  virtual Result<Done> copy(Memory memory, uint64_t from, uint64_t to, uint64_t bytes) = 0;      // inside it, not overlapping
  // Can this machine run code that needs these? An error names what is missing.
  virtual Result<Done> can_run(const std::string& /*arch*/, const std::string& /*features*/) { return Done{}; }
  virtual Result<Done> load_code(Bytes code, const std::vector<std::string>& symbols) = 0;
  // Runs the calls in order, each after the one before has ended everywhere. `sizes` goes to every kernel.
  virtual Result<Done> launch(std::span<const Call> calls, std::span<const int64_t> sizes) = 0;
  virtual Result<Done> synchronize() = 0;
  // From now on launches add to `into` (null: no more). A device that cannot look inside a launch leaves it as it is.
  virtual void measure(Measured* /*into*/) {}
  virtual Json describe() const = 0;                              // {name, threads, memory_bytes, ...}
};

struct DeviceOptions {
  int threads = 0;               // 0: as many as the machine has cores for us
  int threads_decode = 0;        // for work bound by memory, such as steps of few rows; 0: chosen by measuring, at most `threads`
};

// "cpu" or "null" (accepts everything, computes nothing). Errors list the known names.
Result<std::unique_ptr<Device>> open_device(const std::string& name, const DeviceOptions& options);
std::vector<std::string> device_names();

}  // namespace hearth
