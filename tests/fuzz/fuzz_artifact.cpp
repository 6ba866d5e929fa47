// Fuzzes the artifact's reader: any bytes, loaded and run on the null device, end in one line or in a program that
// stays inside.
//
// Input that begins with '{' is an interface; it is put into a well-formed file, so that the records are reached often.
#include <cstdlib>
#include <memory>
#include <vector>

#include "artifact/artifact.h"
#include "runtime/executable.h"

namespace hearth {
namespace {

std::string wrapped(std::string_view interface) {
  Json header = {{"__metadata__", {{"hearth", std::string(interface)}}},
                 {"w", {{"dtype", "U8"}, {"shape", {48}}, {"data_offsets", {0, 48}}}},
                 {"__pad.0", {{"dtype", "U8"}, {"shape", {16}}, {"data_offsets", {48, 64}}}},
                 {"code/test", {{"dtype", "U8"}, {"shape", {3}}, {"data_offsets", {64, 67}}}}};
  std::string text = dump(header);
  while ((text.size() + 8) % 64 != 0) text += ' ';
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(text.size() >> (8 * i));
  return file + text + std::string(67, 'x');
}

void one_line(const Error& failure) {
  if (failure.text.empty() || failure.text.find('\n') != std::string::npos) std::abort();
}

// What a run may touch: every buffer of every call lies in mapped memory at the sizes given.
void run_at(const Artifact& artifact, const SizeValues& sizes) {
  std::shared_ptr<Device> device = std::move(*open_device("null", {}));
  auto loaded = Executable::load(device, artifact, {});
  if (!loaded) return one_line(loaded.failure());
  for (const BufferRecord& buffer : artifact.interface().buffers) {
    std::byte bytes[16] = {};
    (void)loaded->write(buffer.name, bytes).ok();
    (void)loaded->read(buffer.name, bytes, 64).ok();
  }
  for (int twice = 0; twice < 2; ++twice)
    if (const auto ran = loaded->run(sizes); !ran) one_line(ran.failure());
}

}  // namespace
}  // namespace hearth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  std::string file(reinterpret_cast<const char*>(data), size);
  if (!file.empty() && file[0] == '{') file = wrapped(file);
  const auto artifact = Artifact::from_bytes(as_bytes(file), "f");
  if (!artifact) {
    one_line(artifact.failure());
    return 0;
  }
  SizeValues least, middle, most;
  for (const SizeRecord& size : artifact->interface().sizes) {
    least[size.name] = size.at_least;
    middle[size.name] = size.at_least + (size.at_most - size.at_least) / 2;
    most[size.name] = size.at_most;
  }
  for (const SizeValues& sizes : {least, middle, most}) run_at(*artifact, sizes);
  if (!interface_from_json(to_json(artifact->interface())))
    std::abort();  // what was read can be written and read again
  return 0;
}
