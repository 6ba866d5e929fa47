// Running lld: inputs are files in memory, the output is a pipe, so no disk is touched.
#include "codegen/llvm/link.h"

#include <fcntl.h>
#include <lld/Common/Driver.h>
#include <llvm/Support/raw_ostream.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

LLD_HAS_DRIVER(elf)

namespace hearth {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

Result<Descriptor> memory_file(const std::vector<std::byte>& bytes) {
  Descriptor file(::memfd_create("hearth-object", MFD_CLOEXEC));
  if (file.get() < 0) return error("codegen: link: cannot make a file in memory: {}", std::strerror(errno));
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return error("codegen: link: cannot write {} bytes to memory: {}", bytes.size(), std::strerror(errno));
    done += static_cast<size_t>(n);
  }
  return file;
}

std::vector<std::byte> read_to_end(int fd) {
  std::vector<std::byte> bytes;
  std::byte block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return bytes;
    bytes.insert(bytes.end(), block, block + n);
  }
}

// lld keeps its state in globals: one link at a time.
Result<Done> run_lld(const std::vector<std::string>& arguments) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  std::vector<const char*> raw;
  for (const std::string& argument : arguments) raw.push_back(argument.c_str());
  std::string said;
  llvm::raw_string_ostream out(said);
  const lld::Result result = lld::lldMain(raw, out, out, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode == 0) return Done{};
  out.flush();
  while (!said.empty() && said.back() == '\n') said.pop_back();
  for (char& c : said)
    if (c == '\n') c = ' ';
  return error("codegen: link: {}", said);
}

}  // namespace

Result<std::vector<std::byte>> link_shared(const std::vector<std::vector<std::byte>>& objects) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return error("codegen: link: cannot make a pipe: {}", std::strerror(errno));
  Descriptor reader(ends[0]), writer(ends[1]);
  std::vector<std::string> arguments = {
      "ld.lld",      "-shared",    "--no-undefined",   "--gc-sections", "-s", "--build-id=none",
      "--threads=1", "-Bsymbolic", "--hash-style=gnu", "-znoexecstack", "-o", writer.path()};
  std::vector<Descriptor> files;
  for (const std::vector<std::byte>& object : objects) {
    TRY(Descriptor file, memory_file(object));
    arguments.push_back(file.path());
    files.push_back(std::move(file));
  }
  std::vector<std::byte> image;
  std::thread drain([&] { image = read_to_end(reader.get()); });
  const Result<Done> linked = run_lld(arguments);
  writer.close();
  drain.join();
  TRY_DONE(linked);
  return image;
}

}  // namespace hearth
