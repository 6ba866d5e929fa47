// null: a device that accepts everything and computes nothing; what is written can be read back.
#include "base/set.h"
#include "runtime/devices/host_memory.h"

namespace hearth {
namespace {

class NullDevice : public Device {
 public:
  Result<Memory> allocate(uint64_t bytes) override { return allocate_host(bytes, "null"); }
  void free(Memory memory) override { free_host(memory); }
  Result<Memory> adopt(Bytes weights) override {
    return Memory{const_cast<std::byte*>(weights.data()), weights.size()};
  }
  Result<Done> upload(Memory to, uint64_t offset, Bytes from) override { return copy_in(to, offset, from, "null"); }
  Result<Done> download(Memory from, uint64_t offset, std::span<std::byte> to) override {
    return copy_out(from, offset, to, "null");
  }
  const std::byte* host_address(Memory memory) const override { return static_cast<const std::byte*>(memory.address); }
  Result<Done> copy(Memory memory, uint64_t from, uint64_t to, uint64_t bytes) override {
    return copy_inside(memory, from, to, bytes, "null");
  }
  Result<Done> load_code(Bytes, const std::vector<std::string>&) override { return Done{}; }
  Result<Done> launch(std::span<const Call>, std::span<const int64_t>) override { return Done{}; }
  Result<Done> synchronize() override { return Done{}; }
  Json describe() const override { return {{"name", "null"}, {"threads", 0}, {"memory_bytes", 0}}; }
};

}  // namespace

HEARTH_SET_MEMBER(device, null)
Result<std::unique_ptr<Device>> null_device(const DeviceOptions&) {
  return std::unique_ptr<Device>(std::make_unique<NullDevice>());
}

}  // namespace hearth
