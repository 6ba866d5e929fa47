// The interpreter: runs the steps of a tape, checking every access, and whole programs launch by launch.
#include "ir/interpret.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "ir/tape.h"

namespace hearth {
namespace {

class Machine {
 public:
  Machine(Tape* tape, int64_t first, int64_t last)
      : tape_(*tape), frame_(tape->frame.data()), first_(first), last_(last) {}

  Result<Done> run() {
    if (!run(tape_.items)) return error("kernel '{}': {}", tape_.kernel, fault_);
    return Done{};
  }

 private:
  template <class T>
  T& at(int32_t offset) {
    return *reinterpret_cast<T*>(frame_ + offset);
  }
  int64_t read_index(int32_t slot) {
    int64_t value = 0;
    std::memcpy(&value, frame_ + slot, 8);
    return value;
  }

  bool fail(std::string why) {
    fault_ = std::move(why);
    return false;
  }

  bool run(const std::vector<TapeItem>& items) {
    for (const TapeItem& item : items) {
      bool ok = true;
      switch (item.kind) {
        case TapeItem::Kind::steps:
          ok = run(item.steps);
          break;
        case TapeItem::Kind::loop:
          ok = run_loop(item, 0, read_index(item.value));
          break;
        case TapeItem::Kind::top_loop:
          ok = run_top(item);
          break;
        case TapeItem::Kind::branch:
          ok = run(at<uint8_t>(item.value) != 0 ? item.body : item.otherwise);
          break;
      }
      if (!ok) return false;
    }
    return true;
  }

  bool run_top(const TapeItem& item) {
    int64_t extent = read_index(item.value);
    if (first_ < 0 || last_ > extent) {
      return fail(fmt::format("got iterations [{}, {}) of a parallel loop of {}", first_, last_, extent));
    }
    return run_loop(item, first_, last_);
  }

  bool run_loop(const TapeItem& item, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      std::memcpy(frame_ + item.var, &i, 8);
      if (!run(item.body)) return false;
    }
    return true;
  }

  bool run(const std::vector<TapeStep>& steps) {
    for (const TapeStep& s : steps) {
      switch (s.kind) {
        case StepKind::one:
          s.one(frame_ + s.a, frame_ + s.out, s.lanes);
          break;
        case StepKind::two:
          if (!s.two(frame_ + s.a, frame_ + s.b, frame_ + s.out, s.lanes)) {
            return fail("a division by zero, or a shift by a negative or too large amount");
          }
          break;
        case StepKind::fma:
          s.fma(frame_ + s.a, frame_ + s.b, frame_ + s.c, frame_ + s.out, s.lanes);
          break;
        case StepKind::reduce:
          s.reduce(frame_ + s.a, frame_ + s.out, s.lanes);
          break;
        case StepKind::load:
          if (!load(s)) return false;
          break;
        case StepKind::store:
          if (!store(s)) return false;
          break;
        case StepKind::fail:
          return fail(tape_.failures[static_cast<size_t>(s.buffer)]);
        default:
          if (!run_rare(s)) return false;
      }
    }
    return true;
  }

  bool run_rare(const TapeStep& s) {
    size_t bytes = static_cast<size_t>(s.bytes);
    switch (s.kind) {
      case StepKind::select:
        for (int i = 0; i < s.lanes; i++) {
          int32_t from = at<uint8_t>(s.a + i) != 0 ? s.b : s.c;
          std::memcpy(frame_ + s.out + i * bytes, frame_ + from + i * bytes, bytes);
        }
        return true;
      case StepKind::broadcast:
        for (int i = 0; i < s.lanes; i += s.b) std::memcpy(frame_ + s.out + i * bytes, frame_ + s.a, s.b * bytes);
        return true;
      case StepKind::interleave: {
        int factor = s.lanes / s.b;
        for (int i = 0; i < s.lanes; i++)
          std::memcpy(frame_ + s.out + i * bytes, frame_ + s.a + i / factor * bytes, bytes);
        return true;
      }
      case StepKind::dot4:
        dot4(s);
        return true;
      case StepKind::dot2:
        dot2_lanes(&at<float>(s.a), &at<uint16_t>(s.b), &at<uint16_t>(s.c), &at<float>(s.out), s.lanes);
        return true;
      case StepKind::dot2_i16:
        dot2_lanes(&at<uint32_t>(s.a), &at<int16_t>(s.b), &at<int16_t>(s.c), &at<uint32_t>(s.out), s.lanes);
        return true;
      case StepKind::gather:
        return gather(s);
      case StepKind::scatter:
        return scatter(s);
      case StepKind::fill: {
        // Nobody may count on what a fresh buffer holds: NaN for floats.
        TapeBuffer& buffer = tape_.buffers[static_cast<size_t>(s.buffer)];
        std::memset(buffer.data, 0xff, static_cast<size_t>(buffer.bytes));
        return true;
      }
      default:
        CHECK(false, "unknown step {}", static_cast<int>(s.kind));
    }
  }

  void dot4(const TapeStep& s) {
    for (int i = 0; i < s.lanes; i++) {
      uint32_t sum = at<uint32_t>(s.a + 4 * i);
      for (int k = s.products * i; k < s.products * (i + 1); k++) {
        int32_t x = s.unsigned_a ? int32_t{at<uint8_t>(s.b + k)} : int32_t{at<int8_t>(s.b + k)};
        sum += static_cast<uint32_t>(x * int32_t{at<int8_t>(s.c + k)});
      }
      at<uint32_t>(s.out + 4 * i) = sum;
    }
  }

  bool out_of_range(const TapeStep& s, int64_t index, int lanes) {
    const TapeBuffer& buffer = tape_.buffers[static_cast<size_t>(s.buffer)];
    return fail(fmt::format("'{}': got index {}{}, want less than {} elements of {} bytes", buffer.name, index,
                            lanes > 1 ? fmt::format(" and {} lanes from there", lanes) : "", buffer.bytes / s.bytes,
                            s.bytes));
  }

  // The bytes of `lanes` elements from `index`, or nullptr.
  std::byte* find(const TapeStep& s, int64_t index, int lanes) {
    const TapeBuffer& buffer = tape_.buffers[static_cast<size_t>(s.buffer)];
    int64_t elements = static_cast<int64_t>(static_cast<uint64_t>(buffer.bytes) / static_cast<uint32_t>(s.bytes));
    if (index >= 0 && index <= elements - lanes) return buffer.data + index * s.bytes;
    out_of_range(s, index, lanes);
    return nullptr;
  }

  bool load(const TapeStep& s) {
    int64_t index = read_index(s.a);
    if (s.mask >= 0) return load_masked(s, index);
    std::byte* from = find(s, index, s.lanes);
    if (!from) return false;
    std::memcpy(frame_ + s.out, from, static_cast<size_t>(s.lanes) * s.bytes);
    return true;
  }

  bool load_masked(const TapeStep& s, int64_t index) {
    size_t bytes = static_cast<size_t>(s.bytes);
    std::memset(frame_ + s.out, 0, s.lanes * bytes);
    for (int i = 0; i < s.lanes; i++) {
      if (at<uint8_t>(s.mask + i) == 0) continue;
      std::byte* from = find(s, add_wrapping(index, i), 1);
      if (!from) return false;
      std::memcpy(frame_ + s.out + i * bytes, from, bytes);
    }
    return true;
  }

  static int64_t add_wrapping(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }

  bool gather(const TapeStep& s) {
    size_t bytes = static_cast<size_t>(s.bytes);
    std::memset(frame_ + s.out, 0, s.lanes * bytes);
    for (int i = 0; i < s.lanes; i++) {
      if (s.mask >= 0 && at<uint8_t>(s.mask + i) == 0) continue;
      std::byte* from = find(s, read_index(s.a + 8 * i), 1);
      if (!from) return false;
      std::memcpy(frame_ + s.out + i * bytes, from, bytes);
    }
    return true;
  }

  bool store(const TapeStep& s) {
    int64_t index = read_index(s.a);
    size_t bytes = static_cast<size_t>(s.bytes);
    if (s.mask < 0) {
      std::byte* to = find(s, index, s.lanes);
      if (to) std::memcpy(to, frame_ + s.b, s.lanes * bytes);
      return to != nullptr;
    }
    for (int i = 0; i < s.lanes; i++) {
      if (at<uint8_t>(s.mask + i) == 0) continue;
      std::byte* to = find(s, add_wrapping(index, i), 1);
      if (!to) return false;
      std::memcpy(to, frame_ + s.b + i * bytes, bytes);
    }
    return true;
  }

  bool scatter(const TapeStep& s) {
    size_t bytes = static_cast<size_t>(s.bytes);
    for (int i = 0; i < s.lanes; i++) {
      if (s.mask >= 0 && at<uint8_t>(s.mask + i) == 0) continue;
      std::byte* to = find(s, read_index(s.a + 8 * i), 1);
      if (!to) return false;
      std::memcpy(to, frame_ + s.b + i * bytes, bytes);
    }
    return true;
  }

  Tape& tape_;
  std::byte* frame_;
  int64_t first_, last_;
  std::string fault_;
};

using Sizes = std::map<std::string, int64_t>;
using Memory = std::map<std::string, std::vector<std::byte>>;

Result<int64_t> evaluate(const Dim& dim, const Sizes& sizes, const std::string& whose) {
  auto value = dim.evaluate(sizes);
  if (!value) return error("{}: '{}' has no value (a size is missing, or it overflows)", whose, dim.text());
  return *value;
}

Result<Done> prepare_memory(const Program& program, const Sizes& sizes, Memory* memory) {
  for (const SizeDecl& size : program.sizes) {
    auto found = sizes.find(size.name);
    if (found == sizes.end()) return error("program: size '{}' has no value", size.name);
    if (found->second < size.at_least || found->second > size.at_most) {
      return error("program: size '{}' is {}, want {} to {}", size.name, found->second, size.at_least, size.at_most);
    }
  }
  for (const ProgramBuffer& buffer : program.buffers) {
    TRY(int64_t elements, evaluate(buffer.elements, sizes, fmt::format("program: buffer '{}'", buffer.name)));
    int64_t bytes = 0;
    if (elements < 0 || __builtin_mul_overflow(elements, int64_t{bytes_of(buffer.dtype)}, &bytes)) {
      return error("program: buffer '{}' has {} elements", buffer.name, elements);
    }
    auto found = memory->find(buffer.name);
    bool makes = buffer.role == Role::scratch || buffer.role == Role::output;
    if (found == memory->end() && makes) {
      memory->emplace(buffer.name, std::vector<std::byte>(static_cast<size_t>(bytes)));
    } else if (found == memory->end()) {
      return error("program: buffer '{}' was not given ({} bytes)", buffer.name, bytes);
    } else if (static_cast<int64_t>(found->second.size()) < bytes) {
      return error("program: buffer '{}' got {} bytes, want {}", buffer.name, found->second.size(), bytes);
    }
  }
  return Done{};
}

Result<const Kernel*> choose_variant(const Program& program, const Launch& launch, const Sizes& sizes) {
  for (const Variant& variant : launch.variants) {
    TRY(int64_t value, evaluate(variant.size, sizes, fmt::format("launch of '{}'", variant.kernel)));
    if (value < variant.at_least || value > variant.at_most) continue;
    const Kernel* kernel = program.find_kernel(variant.kernel);
    if (!kernel) return error("program: kernel '{}' does not exist", variant.kernel);
    return kernel;
  }
  return error("program: no variant of a launch holds (the first is '{}')",
               launch.variants.empty() ? "none" : launch.variants[0].kernel);
}

// The outermost parallel loop must run as often as the kernel says, or a runtime would leave iterations out.
Result<Done> check_extent(const Kernel& kernel, const Tape& tape, int64_t extent) {
  for (const TapeItem& item : tape.items) {
    if (item.kind == TapeItem::Kind::top_loop) {
      int64_t actual = 0;
      std::memcpy(&actual, tape.frame.data() + item.value, 8);
      if (actual != extent)
        return error("kernel '{}': its parallel loop runs to {}, its extent says {}", kernel.name, actual, extent);
    }
  }
  return Done{};
}

Result<Done> bind_buffers(const Kernel& kernel, std::span<const std::span<std::byte>> buffers, Tape* tape) {
  if (buffers.size() != kernel.params.size()) {
    return error("kernel '{}': got {} buffers, want {}", kernel.name, buffers.size(), kernel.params.size());
  }
  for (size_t i = 0; i < buffers.size(); i++) {
    tape->buffers[i].data = buffers[i].data();
    tape->buffers[i].bytes = static_cast<int64_t>(buffers[i].size());
  }
  return Done{};
}

}  // namespace

Result<Done> interpret(const Kernel& kernel, std::span<const std::span<std::byte>> buffers, const Sizes& sizes,
                       int64_t first, int64_t last) {
  TRY(Tape tape, compile_tape(kernel, sizes));
  TRY_DONE(bind_buffers(kernel, buffers, &tape));
  return Machine(&tape, first, last).run();
}

Result<Done> interpret(const Program& program, const Sizes& sizes, Memory& memory) {
  TRY_DONE(prepare_memory(program, sizes, &memory));
  for (const Launch& launch : program.launches) {
    TRY(const Kernel* kernel, choose_variant(program, launch, sizes));
    std::vector<std::span<std::byte>> buffers;
    for (const std::string& name : launch.buffers) {
      auto found = memory.find(name);
      if (found == memory.end()) return error("kernel '{}': buffer '{}' does not exist", kernel->name, name);
      buffers.emplace_back(found->second);
    }
    TRY(int64_t extent, evaluate(kernel->extent, sizes, fmt::format("kernel '{}'", kernel->name)));
    TRY(Tape tape, compile_tape(*kernel, sizes));
    TRY_DONE(bind_buffers(*kernel, buffers, &tape));
    TRY_DONE(Machine(&tape, 0, extent).run());
    TRY_DONE(check_extent(*kernel, tape, extent));
  }
  return Done{};
}

}  // namespace hearth
