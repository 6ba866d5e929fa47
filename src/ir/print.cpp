// Printing of loop programs; the grammar is in docs/IR.md.
#include <charconv>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/check.h"
#include "ir/lanes.h"
#include "ir/syntax.h"
#include "ir/text.h"

namespace hearth {
namespace syntax {

bool is_reserved(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "size",       "buffer",   "kernel",  "launch", "arena", "let",       "alloc",      "if",         "else",
      "barrier",    "prefetch", "call",    "where",  "true",  "false",     "min",        "max",        "fma",
      "select",     "cast",     "bitcast", "bits",   "ramp",  "broadcast", "interleave", "reduce_add", "reduce_min",
      "reduce_max", "dot2",     "dot4",    "extent", "when",  "in",        "offset"};
  for (std::string_view known : kWords) {
    if (known == word) return true;
  }
  for (const auto& row : kCalls) {
    if (row.name == word) return true;
  }
  for (const auto& row : kLoops) {
    if (row.word == word) return true;
  }
  return false;
}

bool is_plain_name(std::string_view name) {
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !letter(name[0]) || is_reserved(name)) return false;
  for (char c : name) {
    if (!letter(c) && !(c >= '0' && c <= '9') && c != '.') return false;
  }
  return true;
}

std::string quoted_if_needed(std::string_view name) {
  if (is_plain_name(name)) return std::string(name);
  std::string out = "\"";
  for (unsigned char c : name) {
    if (c == '"' || c == '\\') {
      out += {'\\', static_cast<char>(c)};
    } else if (c < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", c);
    } else {
      out += static_cast<char>(c);
    }
  }
  return out + "\"";
}

std::string type_text(Type type) {
  return type.lanes == 1 ? std::string(name_of(type.dtype)) : fmt::format("{}x{}", name_of(type.dtype), type.lanes);
}

std::optional<Type> type_from(std::string_view text) {
  size_t cross = text.rfind('x');
  auto dtype = dtype_of(text.substr(0, cross));
  if (!dtype) return std::nullopt;
  if (cross == std::string_view::npos) return Type{*dtype, 1};
  int lanes = 0;
  auto [end, status] = std::from_chars(text.data() + cross + 1, text.data() + text.size(), lanes);
  if (status != std::errc() || end != text.data() + text.size() || lanes < 1 || lanes > kMaxLanes) return std::nullopt;
  return Type{*dtype, lanes};
}

}  // namespace syntax

namespace {

using namespace syntax;

class Printer {
 public:
  // Gives every buffer a name of its own: acc, acc_1, acc_2, ...
  void name_buffer(const Buffer& buffer) {
    if (names_.count(buffer.get())) return;
    std::string name = buffer->name;
    for (int i = 1; taken_.count(name); i++) name = fmt::format("{}_{}", buffer->name, i);
    taken_.insert(name);
    names_[buffer.get()] = name;
  }

  void name_allocs(const Stmt& stmt) {
    if (stmt->kind == StmtKind::alloc) name_buffer(stmt->buffer);
    for (const Stmt& child : stmt->children) name_allocs(child);
  }

  std::string buffer_name(const Buffer& buffer) const {
    if (!buffer) return "<no buffer>";
    auto found = names_.find(buffer.get());
    return quoted_if_needed(found == names_.end() ? buffer->name : found->second);
  }

  std::string expr(const Expr& e, int at_least = 0) const {
    if (!e) return "<nothing>";
    switch (e->kind) {
      case ExprKind::constant:
        return constant_text(*e, at_least);
      case ExprKind::var:
        return quoted_if_needed(e->name);
      case ExprKind::size:
        return "size " + quoted_if_needed(e->name);
      case ExprKind::unary:
        return unary_text(*e, at_least);
      case ExprKind::binary:
        return binary_text(*e, at_least);
      case ExprKind::fma:
        return call("fma", *e);
      case ExprKind::select:
        return call("select", *e);
      case ExprKind::cast:
        return call("cast", *e, type_text(e->type));
      case ExprKind::bitcast:
        return call("bitcast", *e, type_text(e->type));
      case ExprKind::load:
        return load_text(*e);
      case ExprKind::ramp:
        return call("ramp", *e, {}, e->type.lanes);
      case ExprKind::broadcast:
        return call("broadcast", *e, {}, factor(*e));
      case ExprKind::interleave:
        return call("interleave", *e, {}, factor(*e));
      case ExprKind::reduce:
        return call(reduce_name(e->binary), *e);
      case ExprKind::dot4:
        return call("dot4", *e);
      case ExprKind::dot2:
        return call("dot2", *e);
    }
    return "<unknown>";
  }

  void stmt(const Stmt& s, int indent, std::string* out) const {
    if (!s) return;
    std::string pad(2 * static_cast<size_t>(indent), ' ');
    switch (s->kind) {
      case StmtKind::block:
        return block_text(s, indent, out);
      case StmtKind::loop:
        *out += fmt::format("{}{} {} < {} {{\n", pad, loop_word(s->loop), quoted_if_needed(s->name), expr(s->args[0]));
        return body(s->children[0], indent, pad + "}\n", out);
      case StmtKind::let:
        *out += fmt::format("{}let {} {} = {};\n", pad, quoted_if_needed(s->name), type_text(s->args[0]->type),
                            expr(s->args[0]));
        return stmt(s->children[0], indent, out);
      case StmtKind::alloc:
        *out += fmt::format("{}alloc {} {} [{}];\n", pad, buffer_name(s->buffer), name_of(s->buffer->dtype),
                            s->buffer->local_size);
        return stmt(s->children[0], indent, out);
      case StmtKind::store:
        *out += fmt::format("{}{}[{}{}] = {};\n", pad, buffer_name(s->buffer), expr(s->args[0]),
                            s->args.size() > 2 ? " where " + expr(s->args[2]) : "", expr(s->args[1]));
        return;
      case StmtKind::when:
        *out += fmt::format("{}if {} {{\n", pad, expr(s->args[0]));
        if (s->children.size() == 1) return body(s->children[0], indent, pad + "}\n", out);
        body(s->children[0], indent, pad + "} else {\n", out);
        return body(s->children[1], indent, pad + "}\n", out);
      case StmtKind::prefetch:
        *out += fmt::format("{}prefetch {}[{}];\n", pad, buffer_name(s->buffer), expr(s->args[0]));
        return;
      case StmtKind::barrier:
        *out += pad + "barrier;\n";
        return;
      case StmtKind::extern_call:
        *out += fmt::format("{}call {}({});\n", pad, quoted_if_needed(s->name), list(s->args));
        return;
    }
  }

 private:
  static int factor(const ExprNode& node) { return node.args[0] ? node.type.lanes / node.args[0]->type.lanes : 0; }

  static std::string_view loop_word(LoopKind kind) {
    for (const auto& row : kLoops) {
      if (row.kind == kind) return row.word;
    }
    return "<loop>";
  }

  static std::string_view reduce_name(BinaryOp op) {
    return op == BinaryOp::add   ? "reduce_add"
           : op == BinaryOp::min ? "reduce_min"
           : op == BinaryOp::max ? "reduce_max"
                                 : "<reduce>";
  }

  void body(const Stmt& s, int indent, const std::string& end, std::string* out) const {
    stmt(s, indent + 1, out);
    *out += end;
  }

  // A let or an alloc holds to the end of its braces: one that ends before its block does gets braces of its own.
  void block_text(const Stmt& s, int indent, std::string* out) const {
    std::string pad(2 * static_cast<size_t>(indent), ' ');
    for (size_t i = 0; i < s->children.size(); i++) {
      const Stmt& child = s->children[i];
      bool scoped = child && (child->kind == StmtKind::let || child->kind == StmtKind::alloc);
      if (!scoped || i + 1 == s->children.size()) {
        stmt(child, indent, out);
        continue;
      }
      *out += pad + "{\n";
      body(child, indent, pad + "}\n", out);
    }
  }

  std::string list(const std::vector<Expr>& args) const {
    std::string out;
    for (const Expr& arg : args) out += (out.empty() ? "" : ", ") + expr(arg);
    return out;
  }

  std::string call(std::string_view name, const ExprNode& node, const std::string& first = {}, int last = 0) const {
    std::string out =
        fmt::format("{}({}{}{}", name, first, first.empty() || node.args.empty() ? "" : ", ", list(node.args));
    return out + (last > 0 ? fmt::format(", {})", last) : ")");
  }

  static std::string bits_text(const ExprNode& node) {
    char bytes[8] = {};
    uint64_t bits = 0;
    write_element(node.type.dtype, 0, node.real, bytes);
    std::memcpy(&bits, bytes, static_cast<size_t>(bytes_of(node.type.dtype)));
    return fmt::format("bits({}, 0x{:x})", type_text(node.type), bits);
  }

  static std::string constant_text(const ExprNode& node, int at_least) {
    DType dtype = node.type.dtype;
    std::string number;
    if (is_float(dtype)) {
      if (!std::isfinite(node.real)) return bits_text(node);
      number = dtype == DType::f64 ? fmt::format("{}", node.real) : fmt::format("{}", static_cast<float>(node.real));
    } else if (dtype == DType::boolean && node.type.lanes == 1) {
      return node.integer != 0 ? "true" : "false";
    } else {
      number = dtype == DType::u64 ? fmt::format("{}", static_cast<uint64_t>(node.integer))
                                   : fmt::format("{}", node.integer);
    }
    if (node.type != kIndex) number += type_text(node.type);
    return number[0] == '-' && at_least > kPrefixPrecedence ? "(" + number + ")" : number;
  }

  std::string unary_text(const ExprNode& node, int at_least) const {
    for (const auto& row : kCalls) {
      if (row.op == node.unary) return call(row.name, node);
    }
    std::string out = (node.unary == UnaryOp::neg ? "-" : "!") + expr(node.args[0], kPrefixPrecedence);
    return at_least > kPrefixPrecedence ? "(" + out + ")" : out;
  }

  std::string binary_text(const ExprNode& node, int at_least) const {
    if (node.binary == BinaryOp::min) return call("min", node);
    if (node.binary == BinaryOp::max) return call("max", node);
    for (const auto& row : kInfix) {
      if (row.op != node.binary) continue;
      std::string out = fmt::format("{} {} {}", expr(node.args[0], row.precedence), row.symbol,
                                    expr(node.args[1], row.precedence + 1));
      const Expr& right = node.args[1];
      bool subtracts = row.op == BinaryOp::add && right->kind == ExprKind::constant && !is_float(right->type.dtype) &&
                       right->integer < 0 && right->integer != INT64_MIN && right->type.dtype != DType::u64;
      if (subtracts) {  // x + -3 reads x - 3
        ExprNode positive = *right;
        positive.integer = -right->integer;
        out = fmt::format("{} - {}", expr(node.args[0], row.precedence), constant_text(positive, 0));
      }
      return row.precedence < at_least ? "(" + out + ")" : out;
    }
    return "<operator>";
  }

  std::string load_text(const ExprNode& node) const {
    const Expr& index = node.args[0];
    bool plain = node.buffer && index && node.type == Type{node.buffer->dtype, index->type.lanes};
    return fmt::format("{}{}[{}{}]", buffer_name(node.buffer), plain ? "" : ":" + type_text(node.type), expr(index),
                       node.args.size() > 1 ? " where " + expr(node.args[1]) : "");
  }

  std::map<const BufferNode*, std::string> names_;
  std::set<std::string> taken_;
};

std::string launch_text(const Launch& launch) {
  std::string out = "launch ", buffers;
  for (size_t i = 0; i < launch.variants.size(); i++) {
    const Variant& v = launch.variants[i];
    bool always = v.size == Dim(0) && v.at_least == 0 && v.at_most == 0;
    out += (i > 0 ? " else " : "") + quoted_if_needed(v.kernel);
    if (!always) out += fmt::format(" when {} in [{}, {}]", v.size.text(), v.at_least, v.at_most);
  }
  for (const std::string& name : launch.buffers) buffers += (buffers.empty() ? "" : ", ") + quoted_if_needed(name);
  return fmt::format("{} ({})\n", out, buffers);
}

}  // namespace

std::string print(const Expr& expr) { return Printer().expr(expr); }

std::string print(const Stmt& stmt, int indent) {
  CHECK(stmt, "nothing to print");
  Printer printer;
  printer.name_allocs(stmt);
  std::string out;
  printer.stmt(stmt, indent, &out);
  return out;
}

std::string print(const Kernel& kernel) {
  Printer printer;
  std::string params, body;
  for (const KernelParam& param : kernel.params) {
    printer.name_buffer(param.buffer);
    params += fmt::format("{}{} {} {}", params.empty() ? "" : ", ", kAccess[static_cast<int>(param.access)],
                          printer.buffer_name(param.buffer), name_of(param.buffer->dtype));
  }
  if (kernel.body) {
    printer.name_allocs(kernel.body);
    printer.stmt(kernel.body, 1, &body);
  }
  return fmt::format("kernel {}({}) extent {} {{\n{}}}\n", quoted_if_needed(kernel.name), params, kernel.extent.text(),
                     body);
}

std::string print(const Program& program) {
  std::string out;
  for (const SizeDecl& size : program.sizes) {
    out += fmt::format("size {} in [{}, {}]\n", quoted_if_needed(size.name), size.at_least, size.at_most);
  }
  for (const ProgramBuffer& buffer : program.buffers) {
    out += fmt::format("buffer {} {} [{}] {}{}\n", quoted_if_needed(buffer.name), name_of(buffer.dtype),
                       buffer.elements.text(), kRoles[static_cast<int>(buffer.role)],
                       buffer.offset >= 0 ? fmt::format(" offset {}", buffer.offset) : "");
  }
  if (program.arena_bytes != 0) out += fmt::format("arena {}\n", program.arena_bytes);
  for (const Kernel& kernel : program.kernels) out += print(kernel);
  for (const Launch& launch : program.launches) out += launch_text(launch);
  return out;
}

}  // namespace hearth
