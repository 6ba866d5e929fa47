// Probe: three small programs (stream, dot4 in registers, fma in registers), compiled and run for short slices.
#include "bake/probe.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <numeric>
#include <thread>

#include "base/native_code.h"
#include "base/thread_pool.h"
#include "codegen/code.h"
#include "ir/loop.h"

namespace hearth {
namespace {

constexpr int64_t kStreamBytes = int64_t{256} << 20;     // several times a large cache
constexpr int64_t kPieceBytes = int64_t{1} << 20;        // one iteration of the stream
constexpr int64_t kRounds = 2048;                        // of one iteration in registers
constexpr int64_t kMostLanes = 64;
constexpr int kSlices = 7;
constexpr auto kSlice = std::chrono::milliseconds(12);

using Clock = std::chrono::steady_clock;
using KernelFn = void(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

// Enough sums at once to hide the latency of any multiply-add, with room for its operands.
int sums_of(const Target& target) { return std::min(12, target.vector_registers - 4); }

Kernel kernel_of(const char* name, const Buffer& in, const Buffer& out, Stmt body) {
  return {name, {{in, Access::read}, {out, Access::write}}, Dim::size("pieces"),
          loop("piece", size_expr("pieces"), LoopKind::parallel, std::move(body))};
}

// `sums` vectors in registers; `step(i, sum)` is what each becomes in every round.
Stmt accumulate(const Buffer& sum, Type type, int sums, Stmt rounds, const Buffer& out) {
  std::vector<Stmt> all;
  for (int i = 0; i < sums; ++i) all.push_back(store(sum, i * type.lanes, broadcast(constant(type.with_lanes(1), 0), type.lanes)));
  all.push_back(std::move(rounds));
  Expr total = load_as(type, sum, 0);
  for (int i = 1; i < sums; ++i) total = total + load_as(type, sum, i * type.lanes);
  all.push_back(store(out, var("piece") * type.lanes, total));
  return alloc(sum, block(std::move(all)));
}

Kernel stream_kernel(const Target& target) {
  const Type type{DType::i32, target.lanes_f32()};
  const int sums = 8;
  const Buffer in = global_buffer("in", DType::u8), out = global_buffer("out", DType::i32);
  const Buffer sum = local_buffer("sum", DType::i32, int64_t{sums} * type.lanes);
  const int64_t words = kPieceBytes / 4, step = int64_t{sums} * type.lanes;
  std::vector<Stmt> adds;
  for (int i = 0; i < sums; ++i) {
    const Expr read = load_as(type, in, var("piece") * words + var("at") * step + i * type.lanes);
    adds.push_back(store(sum, i * type.lanes, load_as(type, sum, i * type.lanes) + read));
  }
  return kernel_of("stream", in, out,
                   accumulate(sum, type, sums, loop("at", words / step, LoopKind::serial, block(std::move(adds))), out));
}

Kernel dot_kernel(const Target& target) {
  const int lanes = target.lanes_f32(), sums = sums_of(target);
  const Type type{DType::i32, lanes};
  const DType left = target.dot4 == Dot4::signed_signed ? DType::i8 : DType::u8;
  const Buffer in = global_buffer("in", DType::u8), out = global_buffer("out", DType::i32);
  const Buffer sum = local_buffer("sum", DType::i32, int64_t{sums} * lanes);
  // One operand changes every round, so that no product can be kept from the round before.
  const Expr changed = bitcast({DType::i8, 4 * lanes}, load_as(type, in, 16) ^ broadcast(cast(DType::i32, var("round")), lanes));
  std::vector<Stmt> dots;
  for (int i = 0; i < sums; ++i)
    dots.push_back(store(sum, i * lanes, dot4(load_as(type, sum, i * lanes), var("a", {left, 4 * lanes}), var("b", {DType::i8, 4 * lanes}))));
  Stmt rounds = let("a", load_as({left, 4 * lanes}, in, 0),
                    loop("round", kRounds, LoopKind::serial, let("b", changed, block(std::move(dots)))));
  return kernel_of("dot", in, out, accumulate(sum, type, sums, std::move(rounds), out));
}

Kernel fma_kernel(const Target& target) {
  const int lanes = target.lanes_f32(), sums = sums_of(target);
  const Type type{DType::f32, lanes};
  const Buffer in = global_buffer("in", DType::u8), out = global_buffer("out", DType::f32);
  const Buffer sum = local_buffer("sum", DType::f32, int64_t{sums} * lanes);
  std::vector<Stmt> steps;
  for (int i = 0; i < sums; ++i)
    steps.push_back(store(sum, i * lanes, fma(var("a", type), var("b", type), load_as(type, sum, i * lanes))));
  Stmt rounds = let("a", load_as(type, in, 0), let("b", load_as(type, in, lanes),
                    loop("round", kRounds, LoopKind::serial, block(std::move(steps)))));
  return kernel_of("fma", in, out, accumulate(sum, type, sums, std::move(rounds), out));
}

struct Unmap {
  void operator()(std::byte* at) const { ::munmap(at, kStreamBytes); }
};

class Prober {
 public:
  Prober(NativeCode code, int threads) : code_(std::move(code)), pool_(threads) {}

  Result<Done> make_memory() {
    auto* at = static_cast<std::byte*>(::mmap(nullptr, kStreamBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (static_cast<void*>(at) == MAP_FAILED) return error("probe: got no memory, want {} MiB", kStreamBytes >> 20);
#ifdef MADV_HUGEPAGE
    ::madvise(at, kStreamBytes, MADV_HUGEPAGE);
#endif
    in_.reset(at);
    pool_.parallel_for(kStreamBytes, kPieceBytes, [&](int64_t first, int64_t last) { std::memset(at + first, 1, last - first); });
    out_.resize(static_cast<size_t>(kStreamBytes / kPieceBytes * kMostLanes));
    return Done{};
  }

  // Units a second, `units` an iteration: the median of the slices. Threads do not wait for each other: what is asked is
  // what the machine gives, not how evenly.
  double rate(const char* kernel, double units) {
    auto* call = code_.find_as<KernelFn>(kernel);
    std::vector<double> rates;
    for (int i = 0; i < kSlices; ++i) {
      std::vector<double> of_thread(static_cast<size_t>(pool_.threads()));
      pool_.run([&](int thread) { of_thread[static_cast<size_t>(thread)] = units * pieces_a_second(call, thread); });
      rates.push_back(std::accumulate(of_thread.begin(), of_thread.end(), 0.0));
    }
    std::nth_element(rates.begin(), rates.begin() + kSlices / 2, rates.end());
    return rates[kSlices / 2];
  }

 private:
  // One thread over its own share of the memory, again and again until the slice has passed.
  double pieces_a_second(KernelFn* call, int thread) {
    const int64_t pieces = kStreamBytes / kPieceBytes, first = pieces * thread / pool_.threads();
    const int64_t last = std::max(first + 1, pieces * (thread + 1) / pool_.threads());
    void* buffers[] = {in_.get(), out_.data()};
    const auto start = Clock::now();
    int64_t done = 0;
    for (int64_t at = first; done == 0 || Clock::now() - start < kSlice; ++done, at = at + 1 < last ? at + 1 : first)
      call(buffers, &pieces, at, at + 1);
    return static_cast<double>(done) / std::chrono::duration<double>(Clock::now() - start).count();
  }

  NativeCode code_;
  ThreadPool pool_;
  std::unique_ptr<std::byte, Unmap> in_;
  std::vector<float> out_;
};

}  // namespace

Result<Probe> probe_machine(const Target& target, int threads) {
  if (threads == 0) threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  Program program;
  program.sizes = {{"pieces", 1, 1 << 20}};
  program.kernels = {stream_kernel(target), dot_kernel(target), fma_kernel(target)};
  TRY(const Code code, emit(program, target, threads));
  TRY(NativeCode native, NativeCode::load(code.bytes));
  Prober prober(std::move(native), threads);
  TRY_DONE(prober.make_memory());
  const double a_round = static_cast<double>(kRounds) * sums_of(target) * target.lanes_f32() * 2;
  Probe probe{.threads = threads};
  probe.read_bytes = prober.rate("stream", static_cast<double>(kPieceBytes));
  probe.dots = prober.rate("dot", a_round * 4);
  probe.floats = prober.rate("fma", a_round);
  return probe;
}

}  // namespace hearth
