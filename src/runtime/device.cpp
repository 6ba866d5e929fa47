// Devices by name: the table is the folder devices/.
#include "runtime/device.h"

#include <functional>

namespace hearth {

#define HEARTH_MEMBER(name) Result<std::unique_ptr<Device>> name##_device(const DeviceOptions& options);
#include "sets/runtime_devices.inc"
#undef HEARTH_MEMBER

namespace {

struct Row {
  const char* name;
  Result<std::unique_ptr<Device>> (*open)(const DeviceOptions& options);
};

constexpr Row kDevices[] = {
#define HEARTH_MEMBER(name) {#name, name##_device},
#include "sets/runtime_devices.inc"
#undef HEARTH_MEMBER
};

}  // namespace

Result<std::unique_ptr<Device>> open_device(const std::string& name, const DeviceOptions& options) {
  for (const Row& row : kDevices)
    if (name == row.name) return row.open(options);
  return error("device: got '{}', want one of: {}", name, fmt::join(device_names(), ", "));
}

std::vector<std::string> device_names() {
  std::vector<std::string> names;
  for (const Row& row : kDevices) names.push_back(row.name);
  return names;
}

}  // namespace hearth
