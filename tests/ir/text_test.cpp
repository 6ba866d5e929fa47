// The text form: round trips, errors with line and column, hostile input.
#include "ir/text.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "base/file.h"
#include "ir/interpret.h"
#include "ir/rewrite.h"

namespace hearth {
namespace {

constexpr const char* kProgram = R"(size tokens in [1, 512]
size pages in [0, 64]
buffer x f32 [tokens * 2048] input
buffer "layers.0.w q" u8 [1024] weight
buffer y f32 [(tokens + 7) / 8 * 2048] output offset 64
buffer cache f16 [pages * 16] state
arena 8388672
kernel scale(read a f32, write y f32, read w u8) extent tokens {
  let first i64 = size tokens - 1;
  parallel t < size tokens {
    alloc acc f32 [16];
    {
      let r f32 = fma(a[t * 4], 1.5f32, -2f32);
      acc[0] = r;
    }
    vector l < 16 {
      if l < first && !(l == 3) {
        acc[l] = cast(f32, w:f16[l * 2]) * a[t] + 1e-20f32;
      } else {
        acc[l] = bits(f32, 0x7f800000);
      }
    }
    let i i32x4 = dot4(7i32x4, w:u8x16[0], bitcast(i8x16, w[ramp(t, 2, 16)]));
    let d f32x2 = dot2(a:f32x2[t], w:bf16x4[0], bitcast(bf16x4, w:u16x4[4]));
    let whole i32x2 = dot2(7i32x2, w:i16x4[0], bitcast(i16x4, w:u16x4[4]));
    y[ramp(t * 16, 1, 4) where cast(boolx4, i)] = cast(f32x4, i - 3i32x4) * broadcast(a:f32x2[t], 2);
    y[t where true] = reduce_add(interleave(a:f32x2[0 where 1boolx2], 2));
    prefetch w[t * 36 + 36];
    serial k < min(t, 8) {
      y[k] = select(k < 4, sqrt(a[k]), -abs(a[k]));
    }
  }
}
kernel none() extent 1 {
  group g < 1 {
    thread i < 32 {
      barrier;
      call "lib sgemm"(i, 1.5f32);
    }
  }
}
launch scale when tokens in [1, 1] else scale (x, y, "layers.0.w q")
launch none ()
)";

TEST(Text, AProgramComesBackAsItWasPrinted) {
  auto program = parse_program(kProgram);
  ASSERT_TRUE(program.ok()) << program.message();
  EXPECT_EQ(print(*program), kProgram);
  EXPECT_EQ(program->sizes[1].at_most, 64);
  EXPECT_EQ(program->buffers[2].offset, 64);
  EXPECT_EQ(program->launches[0].variants.size(), 2u);
  EXPECT_EQ(program->find_kernel("none")->params.size(), 0u);
  EXPECT_EQ(program->find_buffer("cache")->dtype, DType::f16);
  auto verified = verify(*program);
  EXPECT_TRUE(verified.ok()) << verified.message();
}

// The example of docs/IR.md parses, verifies and computes what the page says.
TEST(Text, TheExampleOfTheDocumentationHolds) {
  auto page = read_file(HEARTH_ROOT "/docs/IR.md");
  ASSERT_TRUE(page.ok()) << page.message();
  size_t start = page->find("### A worked example"), open = page->find("```\n", start) + 4;
  ASSERT_NE(start, std::string::npos);
  auto program = parse_program(std::string_view(*page).substr(open, page->find("```", open) - open));
  ASSERT_TRUE(program.ok()) << program.message();
  auto verified = verify(*program);
  ASSERT_TRUE(verified.ok()) << verified.message();
  for (int64_t rows : {1, 3}) {
    std::map<std::string, std::vector<std::byte>> memory;
    auto append = [](std::vector<std::byte>& to, auto value) {
      auto* from = reinterpret_cast<const std::byte*>(&value);
      to.insert(to.end(), from, from + sizeof value);
    };
    for (int i = 0; i < rows * 16; i++) append(memory["x"], static_cast<float>(i));
    for (int i = 0; i < 16; i++) append(memory["scale"], f32_to_f16(0.5f));
    auto done = interpret(*program, {{"rows", rows}}, memory);
    ASSERT_TRUE(done.ok()) << done.message();
    std::vector<float> sums(static_cast<size_t>(rows));
    std::memcpy(sums.data(), memory["sums"].data(), sums.size() * 4);
    for (int r = 0; r < rows; r++) EXPECT_EQ(sums[static_cast<size_t>(r)], 0.5f * static_cast<float>(16 * 16 * r + 120));
  }
}

TEST(Text, LocalBuffersOfOneNameAreNumbered) {
  Buffer a = local_buffer("acc", DType::f32, 4), b = local_buffer("acc", DType::f32, 8),
         y = global_buffer("y", DType::f32);
  Stmt inner = alloc(b, block({store(b, 0, load(a, 1)), store(y, 0, load(b, 0))}));
  Kernel kernel{"k", {{y, Access::write}}, 1, loop("t", 1, LoopKind::parallel, alloc(a, inner))};
  std::string text = print(kernel);
  EXPECT_NE(text.find("alloc acc_1 f32 [8];"), std::string::npos) << text;
  EXPECT_NE(text.find("acc_1[0] = acc[1];"), std::string::npos) << text;
  auto again = parse_kernel(text);
  ASSERT_TRUE(again.ok()) << again.message();
  EXPECT_EQ(print(*again), text);
}

std::string parse_error(const std::string& body) {
  auto kernel =
      parse_kernel("kernel k(read a f32, write y f32) extent 4 {\n  parallel t < 4 {\n    " + body + "\n  }\n}\n");
  return kernel.ok() ? "fine" : kernel.message();
}

TEST(Text, ErrorsSayWhereAndWhat) {
  EXPECT_EQ(parse_error("y[t] = a[t];"), "fine");
  EXPECT_EQ(parse_error("y[t] = b[t];"), "loops: line 3, column 12: there is no buffer 'b' here");
  EXPECT_EQ(parse_error("y[t] = u;"),
            "loops: line 3, column 12: there is no variable 'u' here (sizes are written: size u)");
  EXPECT_EQ(parse_error("y[t] = a[t]"), "loops: line 4, column 3: got '}', want ';'");
  EXPECT_EQ(parse_error("y[t] = 1.5;"),
            "loops: line 3, column 12: '1.5' is no integer of 64 bits (floats carry their type: 1.5f32)");
  EXPECT_EQ(parse_error("y[t] = 300i8;"),
            "loops: line 3, column 12: '300i8' is no integer of 8 bits (floats carry their type: 1.5f32)");
  EXPECT_EQ(parse_error("y[t] = a[t] % a[t];"), "loops: line 3, column 17: this operator is not defined for f32");
  EXPECT_EQ(parse_error("y[t] = a[t] + 1i32;"), "loops: line 3, column 17: got operands of f32 and i32, want one type");
  EXPECT_EQ(parse_error("y[a[t]] = 1f32;"), "loops: line 3, column 5: an index of f32 for a value of f32");
  EXPECT_EQ(parse_error("let r i32 = a[t];"), "loops: line 3, column 11: 'r' is given a value of f32, want i32");
  EXPECT_EQ(parse_error("y[t] = ramp(t, 1, 9999);"), "loops: line 3, column 23: got 9999, want 1 to 1024 lanes in all");
  EXPECT_EQ(parse_error("alloc z f32 [99999999999];"),
            "loops: line 3, column 13: got 99999999999 elements, want 1 to 16777216");
  EXPECT_EQ(parse_error("if t { }"), "loops: line 3, column 8: a condition of i64, want bool");
  EXPECT_EQ(parse_error("y[t] = \"a[t];"), "loops: line 3, column 12: got a name without its closing quote");
  EXPECT_EQ(parse_error("y[t] = \xff;"), "loops: line 3, column 12: got a character that begins no word");
}

TEST(Text, DeepOrLongTextIsAnErrorNotACrash) {
  auto repeat = [](const std::string& s, int n) {
    std::string out;
    for (int i = 0; i < n; i++) out += s;
    return out;
  };
  EXPECT_NE(parse_error("y[t] = " + repeat("(", 100000)).find("levels of nesting"), std::string::npos);
  EXPECT_NE(parse_error("y[t] = " + repeat("-", 100000)).find("levels of nesting"), std::string::npos);
  EXPECT_NE(parse_error("y[t] = " + repeat("a[", 100000)).find("there is no"), std::string::npos + 1);
  EXPECT_NE(parse_error("y[t] = a[t]" + repeat(" + a[t]", 100000) + ";").find("deeper than"), std::string::npos);
  EXPECT_NE(parse_error(repeat("{", 100000)).find("levels of braces"), std::string::npos);
  EXPECT_NE(parse_error(repeat("if true {", 100000)).find("levels of braces"), std::string::npos);
  EXPECT_NE(parse_error(repeat("let r i64 = t;\n", 100000)).find("names in scope"), std::string::npos);
  EXPECT_FALSE(parse_program("buffer x f32 [" + repeat("(", 100000) + "] input").ok());
  EXPECT_FALSE(parse_program("buffer x f32 [a" + repeat("+ a", 100000) + "] input").ok());
}

TEST(Text, DamagedTextNeverCrashes) {
  std::mt19937 random(7);
  std::string source = kProgram;
  int good = 0;
  for (int round = 0; round < 5000; round++) {
    std::string text = source;
    for (int i = 0; i < 1 + round % 3; i++) {
      size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
          break;
        default:
          text[at] = source[random() % source.size()];
          break;
      }
    }
    auto program = parse_program(text);
    if (!program.ok()) {
      EXPECT_EQ(program.message().find("loops: line "), 0u) << program.message();
      continue;
    }
    good++;
    (void)verify(*program);
    std::string once = print(*program);
    auto again = parse_program(once);
    ASSERT_TRUE(again.ok()) << again.message() << "\n" << once;
    EXPECT_EQ(print(*again), once);
  }
  EXPECT_GT(good, 50);
}

// A random well-typed expression over a few variables and buffers.
class RandomExpr {
 public:
  RandomExpr(uint32_t seed, Buffer f, Buffer b) : random_(seed), f_(std::move(f)), b_(std::move(b)) {}

  Expr of(Type type, int depth) {
    if (depth == 0) return leaf(type);
    if (type.dtype == DType::boolean) return truth(type, depth);
    switch (random_() % 8) {
      case 0:
        return select(of({DType::boolean, type.lanes}, depth - 1), of(type, depth - 1), of(type, depth - 1));
      case 1:
        return cast(type, of({random_() % 2 ? DType::i64 : DType::f16, type.lanes}, depth - 1));
      case 2:
        return is_float(type.dtype) ? fma(of(type, depth - 1), of(type, depth - 1), of(type, depth - 1))
                                    : of(type, depth - 1) * of(type, depth - 1) - 5;
      case 3:
        return unary(random_() % 2 ? UnaryOp::neg : UnaryOp::abs, of(type, depth - 1));
      case 4:
        return type.lanes == 1 ? reduce(BinaryOp::add, of(type.with_lanes(4), depth - 1))
                               : broadcast(of(type.with_lanes(1), depth - 1), type.lanes);
      case 5:
        return type.lanes == 4 ? interleave(of(type.with_lanes(2), depth - 1), 2) : leaf(type);
      default:
        return binary(op_for(type.dtype), of(type, depth - 1), of(type, depth - 1));
    }
  }

 private:
  BinaryOp op_for(DType type) {
    static constexpr BinaryOp kOps[] = {BinaryOp::add,    BinaryOp::sub,     BinaryOp::mul, BinaryOp::min,
                                        BinaryOp::max,    BinaryOp::div,     BinaryOp::mod, BinaryOp::bit_and,
                                        BinaryOp::bit_or, BinaryOp::bit_xor, BinaryOp::shl, BinaryOp::shr};
    return kOps[random_() % (is_float(type) ? 6 : 12)];
  }
  Expr truth(Type type, int depth) {
    Type inner{random_() % 2 ? DType::f32 : DType::u8, type.lanes};
    if (random_() % 3 == 0) return of(type, depth - 1) & unary(UnaryOp::logical_not, of(type, depth - 1));
    return of(inner, depth - 1) < of(inner, depth - 1);
  }
  Expr leaf(Type type) {
    if (type.dtype == DType::f32 && random_() % 2) return load_as(type, f_, type.lanes == 1 ? var("i") : Expr(3));
    if (type == kIndex && random_() % 2) return random_() % 2 ? var("i") : size_expr("n");
    if (type.dtype == DType::f16 && random_() % 2) return load_as(type, b_, var("i"));
    double value = static_cast<double>(static_cast<int>(random_() % 512) - 256) / (is_float(type.dtype) ? 7.0 : 1.0);
    return constant(type, value);
  }

  std::mt19937 random_;
  Buffer f_, b_;
};

TEST(Text, RandomExpressionsComeBack) {
  Buffer f = global_buffer("f", DType::f32), b = global_buffer("b", DType::u8), y = global_buffer("y", DType::u8);
  const DType types[] = {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i8,
                         DType::u16, DType::i32, DType::u64,  DType::i64, DType::boolean};
  for (uint32_t seed = 0; seed < 3000; seed++) {
    Type type{types[seed % 10], 1 << (seed / 10 % 3)};
    Expr value = RandomExpr(seed, f, b).of(type, 1 + static_cast<int>(seed % 5));
    Kernel kernel{"k",
                  {{f, Access::read}, {b, Access::read}, {y, Access::write}},
                  4,
                  loop("i", 4, LoopKind::parallel, store(y, 0, value))};
    auto verified = verify(kernel);
    ASSERT_TRUE(verified.ok()) << verified.message();
    std::string text = print(kernel);
    auto again = parse_kernel(text);
    ASSERT_TRUE(again.ok()) << again.message() << "\n" << text;
    ASSERT_EQ(print(*again), text);
  }
}

}  // namespace
}  // namespace hearth
