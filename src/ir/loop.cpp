// Loop IR: the builders of expressions and statements, and the typing rule of every node.
#include "ir/loop.h"

#include <algorithm>

#include "base/check.h"
#include "ir/lanes.h"

namespace hearth {

Buffer global_buffer(std::string name, DType dtype) {
  return std::make_shared<BufferNode>(BufferNode{std::move(name), dtype, false, 0});
}

Buffer local_buffer(std::string name, DType dtype, int64_t elements) {
  CHECK(elements > 0, "local buffer '{}' has {} elements", name, elements);
  return std::make_shared<BufferNode>(BufferNode{std::move(name), dtype, true, elements});
}

namespace {

std::string text_of(Type type) {
  return type.lanes == 1 ? std::string(name_of(type.dtype)) : fmt::format("{}x{}", name_of(type.dtype), type.lanes);
}

// Folds a checked node or makes it.
Expr make(ExprNode node) {
  auto type = type_of(node);
  CHECK(type.ok(), "{}", type.message());
  node.type = *type;
  if (Expr simpler = fold(node)) return simpler;
  return Expr(std::make_shared<const ExprNode>(std::move(node)));
}

Expr make(ExprKind kind, std::vector<Expr> args, Type type = {}) {
  ExprNode node;
  node.kind = kind;
  node.type = type;
  node.args = std::move(args);
  return make(std::move(node));
}

Expr make_constant(Type type, int64_t integer, double real) {
  ExprNode node;
  node.type = type;
  char bytes[8];
  write_element(type.dtype, integer, real, bytes);
  read_element(type.dtype, bytes, &node.integer, &node.real);
  auto checked = type_of(node);
  CHECK(checked.ok(), "{}", checked.message());
  return Expr(std::make_shared<const ExprNode>(std::move(node)));
}

Result<Done> want_args(const ExprNode& node, size_t count) {
  if (node.args.size() != count) return error("got {} operands, want {}", node.args.size(), count);
  return Done{};
}

Result<Done> want_same(const Expr& a, const Expr& b) {
  if (a->type == b->type) return Done{};
  return error("got operands of {} and {}, want one type", text_of(a->type), text_of(b->type));
}

Result<Type> type_of_dot4(const Type& acc, const Type& a, const Type& b) {
  bool types = acc.dtype == DType::i32 && (a.dtype == DType::u8 || a.dtype == DType::i8) && b.dtype == DType::i8;
  if (!types || (a.lanes != 4 * acc.lanes && a.lanes != 8 * acc.lanes) || b.lanes != a.lanes) {
    return error("dot4 got {}, {}, {}, want i32 xN, u8 or i8 x4N or x8N, i8 as many", text_of(acc), text_of(a), text_of(b));
  }
  return acc;
}

Result<Type> type_of_dot2(const Type& acc, const Type& a, const Type& b) {
  const bool whole = acc.dtype == DType::i32;
  if ((!whole && acc.dtype != DType::f32) || a != Type{whole ? DType::i16 : DType::bf16, 2 * acc.lanes} || b != a) {
    return error("dot2 got {}, {}, {}, want f32 xN, bf16 x2N, bf16 x2N or i32 xN, i16 x2N, i16 x2N", text_of(acc),
                 text_of(a), text_of(b));
  }
  return acc;
}

Result<Type> type_of_load(const ExprNode& node) {
  if (!node.buffer) return error("a load needs a buffer");
  if (node.args.empty() || node.args.size() > 2)
    return error("a load got {} operands, want index [, mask]", node.args.size());
  Type index = node.args[0]->type;
  if (index.dtype != DType::i64) return error("'{}' is indexed by {}, want i64", node.buffer->name, text_of(index));
  if (index.lanes != 1 && index.lanes != node.type.lanes) {
    return error("'{}': an index of {} lanes loads {}, want as many lanes", node.buffer->name, index.lanes,
                 text_of(node.type));
  }
  if (node.args.size() == 2 && node.args[1]->type != Type{DType::boolean, node.type.lanes}) {
    return error("'{}': got a mask of {}, want bool x{}", node.buffer->name, text_of(node.args[1]->type),
                 node.type.lanes);
  }
  return node.type;
}

Result<Type> type_of_binary(const ExprNode& node) {
  TRY_DONE(want_args(node, 2));
  TRY_DONE(want_same(node.args[0], node.args[1]));
  Type type = node.args[0]->type;
  if (!binary_fn(node.binary, type.dtype)) return error("this operator is not defined for {}", text_of(type));
  return is_comparison(node.binary) ? Type{DType::boolean, type.lanes} : type;
}

Result<Type> type_of_select(const ExprNode& node) {
  TRY_DONE(want_args(node, 3));
  TRY_DONE(want_same(node.args[1], node.args[2]));
  Type type = node.args[1]->type;
  if (node.args[0]->type != Type{DType::boolean, type.lanes}) {
    return error("select got a condition of {}, want bool x{}", text_of(node.args[0]->type), type.lanes);
  }
  return type;
}

Result<Type> type_of_ramp(const ExprNode& node) {
  TRY_DONE(want_args(node, 2));
  TRY_DONE(want_same(node.args[0], node.args[1]));
  Type type = node.args[0]->type;
  if (type.lanes != 1 || is_float(type.dtype) || type.dtype == DType::boolean) {
    return error("ramp got {}, want a scalar integer", text_of(type));
  }
  return type.with_lanes(node.type.lanes);
}

// broadcast, interleave: the factor is the lanes of the result over the lanes of the operand.
Result<Type> type_of_repeat(const ExprNode& node) {
  TRY_DONE(want_args(node, 1));
  Type type = node.args[0]->type;
  if (node.type.lanes % type.lanes != 0) return error("{} lanes cannot repeat to {}", type.lanes, node.type.lanes);
  return type.with_lanes(node.type.lanes);
}

Result<Type> type_of_reduce(const ExprNode& node) {
  TRY_DONE(want_args(node, 1));
  Type type = node.args[0]->type;
  if ((type.lanes & (type.lanes - 1)) != 0) return error("reduce got {} lanes, want a power of two", type.lanes);
  if (!reduce_fn(node.binary, type.dtype)) return error("this reduction is not defined for {}", text_of(type));
  return type.with_lanes(1);
}

Result<Type> type_of_one(const ExprNode& node) {
  TRY_DONE(want_args(node, 1));
  Type type = node.args[0]->type;
  if (node.kind == ExprKind::unary && !unary_fn(node.unary, type.dtype)) {
    return error("this operator is not defined for {}", text_of(type));
  }
  if (node.kind == ExprKind::unary) return type;
  if (node.kind == ExprKind::cast && node.type.lanes != type.lanes) {
    return error("a cast from {} to {}: lanes must agree", text_of(type), text_of(node.type));
  }
  if (node.kind == ExprKind::bitcast &&
      int64_t{node.type.lanes} * bytes_of(node.type.dtype) != int64_t{type.lanes} * bytes_of(type.dtype)) {
    return error("a bitcast from {} to {}: bits must agree", text_of(type), text_of(node.type));
  }
  bool touches_boolean = type.dtype == DType::boolean || node.type.dtype == DType::boolean;
  if (node.kind == ExprKind::bitcast && touches_boolean) return error("a bitcast of booleans has no meaning");
  return node.type;
}

Result<Type> type_of_fma(const ExprNode& node) {
  TRY_DONE(want_args(node, 3));
  TRY_DONE(want_same(node.args[0], node.args[1]));
  TRY_DONE(want_same(node.args[0], node.args[2]));
  if (!is_float(node.args[0]->type.dtype)) return error("fma got {}, want floats", text_of(node.args[0]->type));
  return node.args[0]->type;
}

Result<Type> type_by_kind(const ExprNode& node) {
  switch (node.kind) {
    case ExprKind::constant:
    case ExprKind::var:
      return node.type;
    case ExprKind::size:
      if (node.type != kIndex) return error("size '{}' is {}, want i64", node.name, text_of(node.type));
      return node.type;
    case ExprKind::unary:
    case ExprKind::cast:
    case ExprKind::bitcast:
      return type_of_one(node);
    case ExprKind::binary:
      return type_of_binary(node);
    case ExprKind::fma:
      return type_of_fma(node);
    case ExprKind::select:
      return type_of_select(node);
    case ExprKind::load:
      return type_of_load(node);
    case ExprKind::ramp:
      return type_of_ramp(node);
    case ExprKind::broadcast:
    case ExprKind::interleave:
      return type_of_repeat(node);
    case ExprKind::reduce:
      return type_of_reduce(node);
    case ExprKind::dot4:
      TRY_DONE(want_args(node, 3));
      return type_of_dot4(node.args[0]->type, node.args[1]->type, node.args[2]->type);
    case ExprKind::dot2:
      TRY_DONE(want_args(node, 3));
      return type_of_dot2(node.args[0]->type, node.args[1]->type, node.args[2]->type);
  }
  return error("unknown kind of expression");
}

}  // namespace

Result<Type> type_of(const ExprNode& node) {
  for (const Expr& arg : node.args) {
    if (!arg) return error("an operand is missing");
  }
  if (node.type.lanes < 1 || node.type.lanes > kMaxLanes) {
    return error("got {} lanes, want 1 to {}", node.type.lanes, kMaxLanes);
  }
  return type_by_kind(node);
}

Expr constant(Type type, double value) {
  if (is_float(type.dtype)) return make_constant(type, 0, value);
  int64_t integer = 0;
  cast_fn(DType::f64, DType::i64)(&value, &integer, 1);
  return make_constant(type, integer, 0);
}

Expr constant_int(Type type, int64_t value) { return make_constant(type, value, static_cast<double>(value)); }

Expr::Expr(int value) : Expr(static_cast<int64_t>(value)) {}
Expr::Expr(int64_t value) : Expr(constant_int(kIndex, value)) {}

Expr::Expr(const Dim& dim) {
  switch (dim.kind()) {
    case DimKind::constant:
      *this = Expr(dim.value());
      return;
    case DimKind::size:
      *this = size_expr(dim.name());
      return;
    default:
      break;
  }
  static constexpr BinaryOp kOps[] = {BinaryOp::add, BinaryOp::sub, BinaryOp::mul, BinaryOp::div,
                                      BinaryOp::mod, BinaryOp::min, BinaryOp::max};
  *this =
      binary(kOps[static_cast<int>(dim.kind()) - static_cast<int>(DimKind::add)], Expr(dim.left()), Expr(dim.right()));
}

Expr var(std::string name, Type type) {
  ExprNode node;
  node.kind = ExprKind::var;
  node.type = type;
  node.name = std::move(name);
  return make(std::move(node));
}

Expr size_expr(std::string name) {
  ExprNode node;
  node.kind = ExprKind::size;
  node.type = kIndex;
  node.name = std::move(name);
  return make(std::move(node));
}

Expr unary(UnaryOp op, Expr a) {
  ExprNode node;
  node.kind = ExprKind::unary;
  node.unary = op;
  node.args = {std::move(a)};
  return make(std::move(node));
}

Expr binary(BinaryOp op, Expr a, Expr b) {
  ExprNode node;
  node.kind = ExprKind::binary;
  node.binary = op;
  node.args = {std::move(a), std::move(b)};
  return make(std::move(node));
}

Expr fma(Expr a, Expr b, Expr c) { return make(ExprKind::fma, {std::move(a), std::move(b), std::move(c)}); }

Expr select(Expr condition, Expr a, Expr b) {
  return make(ExprKind::select, {std::move(condition), std::move(a), std::move(b)});
}

Expr cast(Type type, Expr a) { return make(ExprKind::cast, {std::move(a)}, type); }
Expr cast(DType dtype, Expr a) {
  CHECK(a, "a cast of nothing");
  Type type{dtype, a->type.lanes};
  return cast(type, std::move(a));
}
Expr bitcast(Type type, Expr a) { return make(ExprKind::bitcast, {std::move(a)}, type); }

Expr load_as(Type type, Buffer buffer, Expr index, Expr mask) {
  ExprNode node;
  node.kind = ExprKind::load;
  node.type = type;
  node.buffer = std::move(buffer);
  node.args = {std::move(index)};
  if (mask) node.args.push_back(std::move(mask));
  return make(std::move(node));
}

Expr load(Buffer buffer, Expr index, Expr mask) {
  CHECK(buffer && index, "a load needs a buffer and an index");
  Type type{buffer->dtype, index->type.lanes};
  return load_as(type, std::move(buffer), std::move(index), std::move(mask));
}

Expr ramp(Expr base, Expr stride, int lanes) {
  return make(ExprKind::ramp, {std::move(base), std::move(stride)}, Type{DType::i64, lanes});
}

Expr broadcast(Expr a, int factor) {
  CHECK(a && factor >= 1 && factor <= kMaxLanes, "broadcast by {}", factor);
  Type type = a->type.with_lanes(a->type.lanes * factor);
  return make(ExprKind::broadcast, {std::move(a)}, type);
}

Expr interleave(Expr a, int factor) {
  CHECK(a && factor >= 1 && factor <= kMaxLanes, "interleave by {}", factor);
  Type type = a->type.with_lanes(a->type.lanes * factor);
  return make(ExprKind::interleave, {std::move(a)}, type);
}

Expr reduce(BinaryOp op, Expr a) {
  ExprNode node;
  node.kind = ExprKind::reduce;
  node.binary = op;
  node.args = {std::move(a)};
  return make(std::move(node));
}

Expr dot2(Expr acc, Expr a, Expr b) { return make(ExprKind::dot2, {std::move(acc), std::move(a), std::move(b)}); }
Expr dot4(Expr acc, Expr a, Expr b) { return make(ExprKind::dot4, {std::move(acc), std::move(a), std::move(b)}); }

namespace {

// Lane-by-lane nodes: scalar operands take the lanes of the widest, so replacing i by ramp(i, 1, 8) makes a vector of a
// formula.
void widen(const ExprNode& node, std::vector<Expr>* args) {
  bool lane_by_lane = node.kind == ExprKind::binary || node.kind == ExprKind::fma || node.kind == ExprKind::select;
  if (!lane_by_lane) return;
  int widest = 1;
  for (const Expr& arg : *args) widest = std::max(widest, arg ? arg->type.lanes : 1);
  for (Expr& arg : *args) {
    if (arg && arg->type.lanes == 1) arg = broadcast(arg, widest);
  }
}

}  // namespace

Expr rebuild(const ExprNode& node, std::vector<Expr> args) {
  ExprNode copy = node;
  widen(node, &args);
  bool repeats = node.kind == ExprKind::broadcast || node.kind == ExprKind::interleave;
  if (repeats && args.size() == 1 && args[0]) {
    copy.type.lanes = node.type.lanes / node.args[0]->type.lanes * args[0]->type.lanes;  // keeps the factor
  }
  if (node.kind == ExprKind::cast && args.size() == 1 && args[0]) copy.type.lanes = args[0]->type.lanes;
  if (node.kind == ExprKind::load && !args.empty() && args[0] && node.args[0]->type.lanes == node.type.lanes) {
    if (args[0]->type.lanes > 1 || node.type.lanes == 1) copy.type.lanes = args[0]->type.lanes;
  }
  copy.args = std::move(args);
  return make(std::move(copy));
}

void agree(Expr* a, Expr* b) {
  auto take_type = [](Expr* constant_side, const Expr& other) {
    const ExprNode& node = **constant_side;
    if (node.kind != ExprKind::constant || node.type.dtype != DType::i64 || other->type.dtype == DType::i64) return;
    *constant_side = constant_int({other->type.dtype, node.type.lanes}, node.integer);
  };
  CHECK(*a && *b, "an operand is missing");
  take_type(a, *b);
  take_type(b, *a);
  if ((*a)->type.lanes == 1) *a = broadcast(*a, (*b)->type.lanes);
  if ((*b)->type.lanes == 1) *b = broadcast(*b, (*a)->type.lanes);
}

BinaryOp infix_op(BinaryOp op, DType type) {
  if (type != DType::boolean) return op;
  return op == BinaryOp::bit_and ? BinaryOp::logical_and : op == BinaryOp::bit_or ? BinaryOp::logical_or : op;
}

namespace {
Expr infix(BinaryOp op, Expr a, Expr b) {
  agree(&a, &b);
  op = infix_op(op, a->type.dtype);
  return binary(op, std::move(a), std::move(b));
}
}  // namespace

Expr operator+(Expr a, Expr b) { return infix(BinaryOp::add, std::move(a), std::move(b)); }
Expr operator-(Expr a, Expr b) { return infix(BinaryOp::sub, std::move(a), std::move(b)); }
Expr operator*(Expr a, Expr b) { return infix(BinaryOp::mul, std::move(a), std::move(b)); }
Expr operator/(Expr a, Expr b) { return infix(BinaryOp::div, std::move(a), std::move(b)); }
Expr operator%(Expr a, Expr b) { return infix(BinaryOp::mod, std::move(a), std::move(b)); }
Expr operator&(Expr a, Expr b) { return infix(BinaryOp::bit_and, std::move(a), std::move(b)); }
Expr operator|(Expr a, Expr b) { return infix(BinaryOp::bit_or, std::move(a), std::move(b)); }
Expr operator^(Expr a, Expr b) { return infix(BinaryOp::bit_xor, std::move(a), std::move(b)); }
Expr operator<<(Expr a, Expr b) { return infix(BinaryOp::shl, std::move(a), std::move(b)); }
Expr operator>>(Expr a, Expr b) { return infix(BinaryOp::shr, std::move(a), std::move(b)); }
Expr operator<(Expr a, Expr b) { return infix(BinaryOp::lt, std::move(a), std::move(b)); }
Expr operator<=(Expr a, Expr b) { return infix(BinaryOp::le, std::move(a), std::move(b)); }
Expr operator==(Expr a, Expr b) { return infix(BinaryOp::eq, std::move(a), std::move(b)); }
Expr operator!=(Expr a, Expr b) { return infix(BinaryOp::ne, std::move(a), std::move(b)); }
Expr operator-(Expr a) { return unary(UnaryOp::neg, std::move(a)); }
Expr min(Expr a, Expr b) { return infix(BinaryOp::min, std::move(a), std::move(b)); }
Expr max(Expr a, Expr b) { return infix(BinaryOp::max, std::move(a), std::move(b)); }

namespace {
Stmt make_stmt(StmtKind kind, std::string name, std::vector<Expr> args, std::vector<Stmt> children,
               Buffer buffer = nullptr) {
  return std::make_shared<const StmtNode>(
      StmtNode{kind, std::move(name), LoopKind::serial, std::move(args), std::move(children), std::move(buffer)});
}
Stmt or_empty(Stmt body) { return body ? std::move(body) : block({}); }
}  // namespace

Stmt block(std::vector<Stmt> children) {
  std::vector<Stmt> flat;
  for (Stmt& child : children) {
    if (!child) continue;
    if (child->kind == StmtKind::block) {
      flat.insert(flat.end(), child->children.begin(), child->children.end());
    } else {
      flat.push_back(std::move(child));
    }
  }
  if (flat.size() == 1) return flat[0];
  return make_stmt(StmtKind::block, {}, {}, std::move(flat));
}

Stmt loop(std::string var, Expr extent, LoopKind kind, Stmt body) {
  CHECK(extent && extent->type == kIndex, "loop '{}': its extent is no i64", var);
  return std::make_shared<const StmtNode>(
      StmtNode{StmtKind::loop, std::move(var), kind, {std::move(extent)}, {or_empty(std::move(body))}, nullptr});
}

Stmt let(std::string var, Expr value, Stmt body) {
  CHECK(value, "let '{}' has no value", var);
  return make_stmt(StmtKind::let, std::move(var), {std::move(value)}, {or_empty(std::move(body))});
}

Stmt store(Buffer buffer, Expr index, Expr value, Expr mask) {
  CHECK(buffer && index && value, "a store needs a buffer, an index and a value");
  CHECK(index->type.dtype == DType::i64 && (index->type.lanes == 1 || index->type.lanes == value->type.lanes),
        "store to '{}': an index of {} for a value of {}", buffer->name, text_of(index->type), text_of(value->type));
  CHECK(!mask || mask->type == (Type{DType::boolean, value->type.lanes}), "store to '{}': the mask is no bool x{}",
        buffer->name, value->type.lanes);
  std::vector<Expr> args = {std::move(index), std::move(value)};
  if (mask) args.push_back(std::move(mask));
  return make_stmt(StmtKind::store, {}, std::move(args), {}, std::move(buffer));
}

Stmt prefetch(Buffer buffer, Expr index) {
  CHECK(buffer && index && index->type == kIndex, "a prefetch needs a buffer and an index");
  return make_stmt(StmtKind::prefetch, {}, {std::move(index)}, {}, std::move(buffer));
}

Stmt when(Expr condition, Stmt then, Stmt otherwise) {
  CHECK(condition && condition->type == (Type{DType::boolean, 1}), "when: its condition is no bool");
  std::vector<Stmt> children = {or_empty(std::move(then))};
  if (otherwise) children.push_back(std::move(otherwise));
  return make_stmt(StmtKind::when, {}, {std::move(condition)}, std::move(children));
}

Stmt alloc(Buffer buffer, Stmt body) {
  CHECK(buffer && buffer->local, "alloc needs a local buffer");
  return make_stmt(StmtKind::alloc, {}, {}, {or_empty(std::move(body))}, std::move(buffer));
}

const Kernel* Program::find_kernel(std::string_view name) const {
  for (const Kernel& kernel : kernels) {
    if (kernel.name == name) return &kernel;
  }
  return nullptr;
}

const ProgramBuffer* Program::find_buffer(std::string_view name) const {
  for (const ProgramBuffer& buffer : buffers) {
    if (buffer.name == name) return &buffer;
  }
  return nullptr;
}

}  // namespace hearth
