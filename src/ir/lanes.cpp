// The arithmetic of one lane, instantiated for every type and operation, and the tables that find it.
#include "ir/lanes.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/check.h"

namespace hearth {
namespace {

constexpr int kTypes = 13, kUnaryOps = 12, kBinaryOps = 18;
static_assert(static_cast<int>(DType::boolean) == kTypes - 1 &&
              static_cast<int>(UnaryOp::logical_not) == kUnaryOps - 1 &&
              static_cast<int>(BinaryOp::logical_or) == kBinaryOps - 1);

// How a type lies in memory (Store) and is computed with (Math).
template <class T>
struct Plain {
  using Store = T;
  using Math = T;
  static T get(T value) { return value; }
  static T put(T value) { return value; }
};
struct Half {
  using Store = uint16_t;
  using Math = float;
  static float get(uint16_t bits) { return f16_to_f32(bits); }
  static uint16_t put(float value) { return f32_to_f16(value); }
};
struct BrainHalf {
  using Store = uint16_t;
  using Math = float;
  static float get(uint16_t bits) { return bf16_to_f32(bits); }
  static uint16_t put(float value) { return f32_to_bf16(value); }
};
struct Boolean {
  using Store = uint8_t;
  using Math = bool;
  static bool get(uint8_t value) { return value != 0; }
  static uint8_t put(bool value) { return value ? 1 : 0; }
};

template <int type>
using Lane = std::tuple_element_t<
    type, std::tuple<Plain<float>, Half, BrainHalf, Plain<double>, Plain<int8_t>, Plain<uint8_t>, Plain<int16_t>,
                     Plain<uint16_t>, Plain<int32_t>, Plain<uint32_t>, Plain<int64_t>, Plain<uint64_t>, Boolean>>;

template <class T>
constexpr bool is_int = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class T>
T add(T a, T b) {
  if constexpr (is_int<T>)
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  else
    return a + b;
}
template <class T>
T sub(T a, T b) {
  if constexpr (is_int<T>)
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  else
    return a - b;
}
template <class T>
T mul(T a, T b) {
  if constexpr (is_int<T>)
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  else
    return a * b;
}
template <class T>
T div_floor(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return sub<T>(0, a);
    T q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? T(q - 1) : q;
  }
  return a / b;
}
template <class T>
T mod_floor(T a, T b) {
  if constexpr (std::is_signed_v<T>) {
    if (b == T(-1)) return 0;
    T rest = a % b;
    return rest != 0 && (rest < 0) != (b < 0) ? T(rest + b) : rest;
  }
  return a % b;
}

template <BinaryOp op, class T>
constexpr bool defined_for() {
  using B = BinaryOp;
  constexpr bool on_bits =
      op == B::mod || op == B::bit_and || op == B::bit_or || op == B::bit_xor || op == B::shl || op == B::shr;
  constexpr bool logical = op == B::logical_and || op == B::logical_or;
  if (std::is_same_v<T, bool>) return logical || op == B::eq || op == B::ne;
  if (logical) return false;
  return is_int<T> || !on_bits;
}

template <BinaryOp op, class T>
auto compute(T a, T b) {
  using B = BinaryOp;
  if constexpr (op == B::add)
    return add<T>(a, b);
  else if constexpr (op == B::sub)
    return sub<T>(a, b);
  else if constexpr (op == B::mul)
    return mul<T>(a, b);
  else if constexpr (op == B::div && is_int<T>)
    return div_floor<T>(a, b);
  else if constexpr (op == B::div)
    return static_cast<T>(a / b);
  else if constexpr (op == B::mod)
    return mod_floor<T>(a, b);
  else if constexpr (op == B::min)
    return a < b ? a : b;
  else if constexpr (op == B::max)
    return a > b ? a : b;
  else if constexpr (op == B::bit_and)
    return static_cast<T>(a & b);
  else if constexpr (op == B::bit_or)
    return static_cast<T>(a | b);
  else if constexpr (op == B::bit_xor)
    return static_cast<T>(a ^ b);
  else if constexpr (op == B::shl)
    return static_cast<T>(static_cast<uint64_t>(a) << b);
  else if constexpr (op == B::shr)
    return static_cast<T>(a >> b);
  else if constexpr (op == B::lt)
    return a < b;
  else if constexpr (op == B::le)
    return a <= b;
  else if constexpr (op == B::eq)
    return a == b;
  else if constexpr (op == B::ne)
    return a != b;
  else if constexpr (op == B::logical_and)
    return a && b;
  else
    return a || b;
}

template <BinaryOp op, class T>
bool has_value(T b) {
  if constexpr (is_int<T> && (op == BinaryOp::div || op == BinaryOp::mod)) return b != 0;
  if constexpr (op == BinaryOp::shl || op == BinaryOp::shr) return b >= 0 && static_cast<uint64_t>(b) < sizeof(T) * 8;
  return true;
}

constexpr bool compares(BinaryOp op) {
  return op == BinaryOp::lt || op == BinaryOp::le || op == BinaryOp::eq || op == BinaryOp::ne;
}

template <int type, BinaryOp op>
bool run_binary(const void* a, const void* b, void* out, int lanes) {
  using L = Lane<type>;
  using T = typename L::Math;
  auto* x = static_cast<const typename L::Store*>(a);
  auto* y = static_cast<const typename L::Store*>(b);
  for (int i = 0; i < lanes; i++) {
    if (!has_value<op, T>(L::get(y[i]))) return false;
    auto value = compute<op, T>(L::get(x[i]), L::get(y[i]));
    if constexpr (compares(op))
      static_cast<uint8_t*>(out)[i] = value ? 1 : 0;
    else
      static_cast<typename L::Store*>(out)[i] = L::put(value);
  }
  return true;
}

template <UnaryOp op, class T>
constexpr bool unary_defined_for() {
  if (op == UnaryOp::logical_not) return std::is_same_v<T, bool>;
  if (op == UnaryOp::neg || op == UnaryOp::abs) return !std::is_same_v<T, bool>;
  return std::is_floating_point_v<T>;
}

template <UnaryOp op, class T>
T compute(T a) {
  using U = UnaryOp;
  if constexpr (op == U::logical_not)
    return !a;
  else if constexpr (op == U::neg && is_int<T>)
    return sub<T>(0, a);
  else if constexpr (op == U::neg)
    return -a;
  else if constexpr (op == U::abs && is_int<T>)
    return a < T(0) ? sub<T>(0, a) : a;
  else if constexpr (op == U::abs)
    return std::fabs(a);
  else if constexpr (op == U::sqrt)
    return std::sqrt(a);
  else if constexpr (op == U::exp)
    return std::exp(a);
  else if constexpr (op == U::log)
    return std::log(a);
  else if constexpr (op == U::sin)
    return std::sin(a);
  else if constexpr (op == U::cos)
    return std::cos(a);
  else if constexpr (op == U::tanh)
    return std::tanh(a);
  else if constexpr (op == U::erf)
    return std::erf(a);
  else if constexpr (op == U::floor)
    return std::floor(a);
  else
    return std::nearbyint(a);
}

template <int type, UnaryOp op>
void run_unary(const void* a, void* out, int lanes) {
  using L = Lane<type>;
  auto* x = static_cast<const typename L::Store*>(a);
  for (int i = 0; i < lanes; i++) {
    static_cast<typename L::Store*>(out)[i] = L::put(compute<op, typename L::Math>(L::get(x[i])));
  }
}

// Float to integer: toward zero, saturating, NaN is 0. Integer to integer wraps.
template <class To, class From>
To convert(From value) {
  if constexpr (std::is_floating_point_v<From> && is_int<To>) {
    if (value != value) return 0;
    // max()+1 is a power of two, so both bounds are exact in From.
    constexpr From above = static_cast<From>(std::numeric_limits<To>::max() / 2 + 1) * 2;
    if (value >= above) return std::numeric_limits<To>::max();
    if (value <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    return static_cast<To>(value);
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else {
    return static_cast<To>(value);
  }
}

template <int from, int to>
void run_cast(const void* a, void* out, int lanes) {
  using F = Lane<from>;
  using T = Lane<to>;
  auto* x = static_cast<const typename F::Store*>(a);
  for (int i = 0; i < lanes; i++) {
    static_cast<typename T::Store*>(out)[i] = T::put(convert<typename T::Math, typename F::Math>(F::get(x[i])));
  }
}

template <int type>
void run_fma(const void* a, const void* b, const void* c, void* out, int lanes) {
  using L = Lane<type>;
  using S = typename L::Store;
  for (int i = 0; i < lanes; i++) {
    auto value = std::fma(L::get(static_cast<const S*>(a)[i]), L::get(static_cast<const S*>(b)[i]),
                          L::get(static_cast<const S*>(c)[i]));
    static_cast<S*>(out)[i] = L::put(value);
  }
}

template <int type, BinaryOp op>
void run_reduce(const void* a, void* out, int lanes) {
  using L = Lane<type>;
  using S = typename L::Store;
  S values[kMaxLanes];
  std::memcpy(values, a, sizeof(S) * lanes);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) {
      values[i] = L::put(compute<op, typename L::Math>(L::get(values[i]), L::get(values[i + half])));
    }
  }
  std::memcpy(out, values, sizeof(S));
}

template <int type, int op>
constexpr BinaryFn binary_entry() {
  constexpr auto o = static_cast<BinaryOp>(op);
  if constexpr (defined_for<o, typename Lane<type>::Math>())
    return &run_binary<type, o>;
  else
    return nullptr;
}

template <int type, int op>
constexpr UnaryFn unary_entry() {
  constexpr auto o = static_cast<UnaryOp>(op);
  if constexpr (unary_defined_for<o, typename Lane<type>::Math>())
    return &run_unary<type, o>;
  else
    return nullptr;
}

template <int type, int... op>
constexpr std::array<BinaryFn, kBinaryOps> binary_row(std::integer_sequence<int, op...>) {
  return {binary_entry<type, op>()...};
}
template <int... type>
constexpr auto binary_table(std::integer_sequence<int, type...>) {
  return std::array{binary_row<type>(std::make_integer_sequence<int, kBinaryOps>())...};
}
template <int type, int... op>
constexpr std::array<UnaryFn, kUnaryOps> unary_row(std::integer_sequence<int, op...>) {
  return {unary_entry<type, op>()...};
}
template <int... type>
constexpr auto unary_table(std::integer_sequence<int, type...>) {
  return std::array{unary_row<type>(std::make_integer_sequence<int, kUnaryOps>())...};
}
template <int from, int... to>
constexpr std::array<UnaryFn, kTypes> cast_row(std::integer_sequence<int, to...>) {
  return {&run_cast<from, to>...};
}
template <int... from>
constexpr auto cast_table(std::integer_sequence<int, from...>) {
  return std::array{cast_row<from>(std::make_integer_sequence<int, kTypes>())...};
}

template <int type>
ReduceFn reduce_entry(BinaryOp op) {
  if constexpr (std::is_same_v<typename Lane<type>::Math, bool>)
    return nullptr;
  else if (op == BinaryOp::add)
    return &run_reduce<type, BinaryOp::add>;
  else if (op == BinaryOp::min)
    return &run_reduce<type, BinaryOp::min>;
  else if (op == BinaryOp::max)
    return &run_reduce<type, BinaryOp::max>;
  return nullptr;
}
template <int... type>
ReduceFn find_reduce(BinaryOp op, int wanted, std::integer_sequence<int, type...>) {
  ReduceFn rows[] = {reduce_entry<type>(op)...};
  return rows[wanted];
}

constexpr auto kAllTypes = std::make_integer_sequence<int, kTypes>();
constexpr auto kBinary = binary_table(kAllTypes);
constexpr auto kUnary = unary_table(kAllTypes);
constexpr auto kCast = cast_table(kAllTypes);

float without_denormal(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// Tiny is what rounds to less than 2^-126 with 24 bits; f64 holds such sums of a bf16 product and an f32 well enough to tell.
float fma_without_denormals(float a, float b, float c) {
  const float sum = std::fma(a, b, c);
  const bool tiny = std::fabs(std::fma(double{a}, double{b}, double{c})) < 0x1.ffffffp-127;
  return tiny ? std::copysign(0.0f, sum) : sum;
}

}  // namespace

void dot2_lanes(const float* acc, const uint16_t* a, const uint16_t* b, float* out, int lanes) {
  const auto wide = [](uint16_t bits) { return without_denormal(bf16_to_f32(bits)); };
  for (int i = 0; i < lanes; i++) {
    const float odd = fma_without_denormals(wide(a[2 * i + 1]), wide(b[2 * i + 1]), without_denormal(acc[i]));
    out[i] = fma_without_denormals(wide(a[2 * i]), wide(b[2 * i]), odd);
  }
}

void dot2_lanes(const uint32_t* acc, const int16_t* a, const int16_t* b, uint32_t* out, int lanes) {
  for (int i = 0; i < lanes; i++) {
    const int32_t even = a[2 * i] * b[2 * i], odd = a[2 * i + 1] * b[2 * i + 1];
    out[i] = acc[i] + static_cast<uint32_t>(even) + static_cast<uint32_t>(odd);
  }
}

UnaryFn unary_fn(UnaryOp op, DType type) { return kUnary[static_cast<int>(type)][static_cast<int>(op)]; }
BinaryFn binary_fn(BinaryOp op, DType type) { return kBinary[static_cast<int>(type)][static_cast<int>(op)]; }
UnaryFn cast_fn(DType from, DType to) { return kCast[static_cast<int>(from)][static_cast<int>(to)]; }
ReduceFn reduce_fn(BinaryOp op, DType type) { return find_reduce(op, static_cast<int>(type), kAllTypes); }
bool is_comparison(BinaryOp op) { return compares(op); }

FmaFn fma_fn(DType type) {
  switch (type) {
    case DType::f32:
      return &run_fma<static_cast<int>(DType::f32)>;
    case DType::f16:
      return &run_fma<static_cast<int>(DType::f16)>;
    case DType::bf16:
      return &run_fma<static_cast<int>(DType::bf16)>;
    case DType::f64:
      return &run_fma<static_cast<int>(DType::f64)>;
    default:
      return nullptr;
  }
}

void write_element(DType type, int64_t integer, double real, void* out) {
  DType from = is_float(type) ? DType::f64 : DType::i64;
  if (is_float(type)) {
    cast_fn(from, type)(&real, out, 1);
  } else {
    cast_fn(from, type)(&integer, out, 1);
  }
}

void read_element(DType type, const void* from, int64_t* integer, double* real) {
  if (is_float(type)) {
    cast_fn(type, DType::f64)(from, real, 1);
  } else {
    cast_fn(type, DType::i64)(from, integer, 1);
  }
}

}  // namespace hearth
