// Parsing loop programs: statements, kernels, launches; the grammar is in docs/IR.md.
#include <algorithm>

#include "base/check.h"
#include "ir/parse_expr.h"
#include "ir/syntax.h"
#include "ir/text.h"

namespace hearth {
namespace {

using namespace syntax;

class Parser {
 public:
  Parser(std::string_view source, std::vector<Token> tokens) : in_(source, std::move(tokens)) {}

  Result<Program> parse_program() {
    Program program;
    while (in_.peek().kind != TokenKind::end) TRY_DONE(parse_item(&program));
    return program;
  }

  Result<Kernel> parse_one_kernel() {
    TRY_DONE(in_.want("kernel"));
    TRY(Kernel kernel, parse_kernel());
    if (in_.peek().kind != TokenKind::end) return in_.fail("the end");
    return kernel;
  }

 private:
  static constexpr int kMaxNesting = 100;                 // braces
  static constexpr size_t kMaxBindings = 1000;            // variables and buffers in scope at one place
  static constexpr int64_t kMaxLocal = int64_t{1} << 24;  // elements of a local buffer

  Result<Done> parse_item(Program* program) {
    if (in_.accept("size")) return parse_size(program);
    if (in_.accept("buffer")) return parse_program_buffer(program);
    if (in_.accept("launch")) return parse_launch(program);
    if (in_.accept("arena")) {
      TRY(program->arena_bytes, in_.want_integer("a number of bytes"));
      return Done{};
    }
    if (!in_.accept("kernel")) return in_.fail("size, buffer, arena, kernel or launch");
    TRY(Kernel kernel, parse_kernel());
    program->kernels.push_back(std::move(kernel));
    return Done{};
  }

  // in [low, high]
  Result<Done> parse_range(int64_t* low, int64_t* high) {
    TRY_DONE(in_.want("in"));
    TRY_DONE(in_.want("["));
    TRY(*low, in_.want_integer("the least value"));
    TRY_DONE(in_.want(","));
    TRY(*high, in_.want_integer("the largest value"));
    return in_.want("]");
  }

  Result<Done> parse_size(Program* program) {
    SizeDecl size;
    TRY(size.name, in_.want_name("the name of a size"));
    TRY_DONE(parse_range(&size.at_least, &size.at_most));
    program->sizes.push_back(std::move(size));
    return Done{};
  }

  Result<DType> want_dtype() {
    size_t offset = in_.peek().offset;
    TRY(Type type, in_.want_type());
    if (type.lanes != 1) return in_.fail_at(offset, "a buffer's type has one lane");
    return type.dtype;
  }

  // One of the words of a table, as its index.
  template <size_t n>
  Result<int> want_word(const std::string_view (&words)[n], std::string_view what) {
    for (size_t i = 0; i < n; i++) {
      if (in_.accept(words[i])) return static_cast<int>(i);
    }
    return in_.fail(what);
  }

  Result<Done> parse_program_buffer(Program* program) {
    ProgramBuffer buffer;
    TRY(buffer.name, in_.want_name("the name of a buffer"));
    TRY(buffer.dtype, want_dtype());
    TRY_DONE(in_.want("["));
    TRY(buffer.elements, in_.want_dim("]"));
    TRY_DONE(in_.want("]"));
    TRY(int role, want_word(kRoles, "input, output, state, weight or scratch"));
    buffer.role = static_cast<Role>(role);
    if (in_.accept("offset")) {
      size_t at = in_.peek().offset;
      TRY(buffer.offset, in_.want_integer("a number of bytes"));
      if (buffer.offset < 0) return in_.fail_at(at, "an offset is at least 0");
    }
    program->buffers.push_back(std::move(buffer));
    return Done{};
  }

  // launch a when tokens in [1, 1] else b (x, y)
  Result<Done> parse_launch(Program* program) {
    Launch launch;
    do {
      Variant variant;
      TRY(variant.kernel, in_.want_name("the name of a kernel"));
      if (in_.accept("when")) {
        TRY(variant.size, in_.want_dim("in"));
        TRY_DONE(parse_range(&variant.at_least, &variant.at_most));
      }
      launch.variants.push_back(std::move(variant));
    } while (in_.accept("else"));
    TRY_DONE(in_.want("("));
    while (!in_.accept(")")) {
      if (!launch.buffers.empty()) TRY_DONE(in_.want(","));
      TRY(std::string name, in_.want_name("the name of a buffer"));
      launch.buffers.push_back(std::move(name));
    }
    program->launches.push_back(std::move(launch));
    return Done{};
  }

  Result<Kernel> parse_kernel() {
    Kernel kernel;
    in_.vars.clear();
    in_.buffers.clear();
    TRY(kernel.name, in_.want_name("the name of a kernel"));
    TRY_DONE(in_.want("("));
    while (!in_.accept(")")) {
      if (!kernel.params.empty()) TRY_DONE(in_.want(","));
      TRY(int access, want_word(kAccess, "read, write or read_write"));
      TRY(std::string name, in_.want_name("the name of a parameter"));
      TRY(DType dtype, want_dtype());
      kernel.params.push_back({global_buffer(name, dtype), static_cast<Access>(access)});
      in_.buffers.emplace_back(name, kernel.params.back().buffer);
    }
    TRY_DONE(in_.want("extent"));
    TRY(kernel.extent, in_.want_dim("{"));
    TRY(kernel.body, parse_braces(0));
    return kernel;
  }

  // A let or an alloc and what follows it, until the closing brace.
  struct Scope {
    std::string name;  // let
    Expr value;
    Buffer buffer;  // alloc
    std::vector<Stmt> statements;
  };

  Result<Stmt> parse_braces(int nesting) {
    if (nesting > kMaxNesting) return in_.fail(fmt::format("at most {} levels of braces", kMaxNesting));
    size_t vars = in_.vars.size(), buffers = in_.buffers.size();
    std::vector<Scope> scopes(1);
    TRY_DONE(in_.want("{"));
    while (!in_.accept("}")) {
      if (in_.peek().is("let") || in_.peek().is("alloc")) {
        TRY(Scope scope, parse_binding());
        scopes.push_back(std::move(scope));
      } else {
        TRY(Stmt statement, parse_statement(nesting));
        scopes.back().statements.push_back(std::move(statement));
      }
    }
    in_.vars.resize(vars);
    in_.buffers.resize(buffers);
    for (; scopes.size() > 1; scopes.pop_back()) {
      Scope& inner = scopes.back();
      Stmt body = block(std::move(inner.statements));
      Stmt whole = inner.buffer ? alloc(inner.buffer, body) : let(inner.name, inner.value, body);
      scopes[scopes.size() - 2].statements.push_back(std::move(whole));
    }
    return block(std::move(scopes[0].statements));
  }

  Result<Scope> parse_binding() {
    if (in_.vars.size() + in_.buffers.size() >= kMaxBindings) {
      return in_.fail(fmt::format("at most {} names in scope at one place", kMaxBindings));
    }
    Scope scope;
    bool is_let = in_.take().text == "let";
    TRY(std::string name, in_.want_name("a name"));
    size_t offset = in_.peek().offset;
    if (is_let) {
      TRY(Type type, in_.want_type());
      TRY_DONE(in_.want("="));
      TRY(scope.value, in_.parse());
      if (scope.value->type != type) {
        return in_.fail_at(offset, fmt::format("'{}' is given a value of {}, want {}", name,
                                               type_text(scope.value->type), type_text(type)));
      }
      in_.vars.emplace_back(name, type);
      scope.name = std::move(name);
    } else {
      TRY(DType dtype, want_dtype());
      TRY_DONE(in_.want("["));
      TRY(int64_t elements, in_.want_integer("a number of elements"));
      if (elements < 1 || elements > kMaxLocal)
        return in_.fail_at(offset, fmt::format("got {} elements, want 1 to {}", elements, kMaxLocal));
      TRY_DONE(in_.want("]"));
      scope.buffer = local_buffer(name, dtype, elements);
      in_.buffers.emplace_back(name, scope.buffer);
    }
    TRY_DONE(in_.want(";"));
    return scope;
  }

  Result<Stmt> parse_statement(int nesting) {
    if (in_.peek().is("{")) return parse_braces(nesting + 1);
    if (in_.peek().is("if")) return parse_when(nesting);
    if (in_.peek().is("call")) return parse_extern();
    if (in_.accept("prefetch")) return parse_prefetch();
    if (in_.accept("barrier")) {
      TRY_DONE(in_.want(";"));
      StmtNode node;
      node.kind = StmtKind::barrier;
      return Stmt(std::make_shared<const StmtNode>(std::move(node)));
    }
    for (const auto& row : kLoops) {
      if (in_.accept(row.word)) return parse_loop(row.kind, nesting);
    }
    if (!in_.peek(1).is("[")) return in_.fail("a statement or '}'");
    return parse_store();
  }

  Result<Stmt> parse_loop(LoopKind kind, int nesting) {
    TRY(std::string name, in_.want_name("the name of a loop variable"));
    TRY_DONE(in_.want("<"));
    size_t offset = in_.peek().offset;
    TRY(Expr extent, in_.parse());
    if (extent->type != kIndex)
      return in_.fail_at(offset, fmt::format("an extent of {}, want i64", type_text(extent->type)));
    in_.vars.emplace_back(name, kIndex);
    TRY(Stmt body, parse_braces(nesting + 1));
    in_.vars.pop_back();
    return loop(std::move(name), std::move(extent), kind, std::move(body));
  }

  Result<Stmt> parse_when(int nesting) {
    in_.take();
    size_t offset = in_.peek().offset;
    TRY(Expr condition, in_.parse());
    Type type = condition->type;
    if (type != Type{DType::boolean, 1})
      return in_.fail_at(offset, fmt::format("a condition of {}, want bool", type_text(type)));
    TRY(Stmt then, parse_braces(nesting + 1));
    if (!in_.accept("else")) return when(std::move(condition), std::move(then));
    TRY(Stmt otherwise, parse_braces(nesting + 1));
    return when(std::move(condition), std::move(then), std::move(otherwise));
  }

  Result<Stmt> parse_extern() {
    in_.take();
    StmtNode node;
    node.kind = StmtKind::extern_call;
    TRY(node.name, in_.want_name("a symbol"));
    TRY_DONE(in_.want("("));
    while (!in_.accept(")")) {
      if (!node.args.empty()) TRY_DONE(in_.want(","));
      TRY(Expr arg, in_.parse());
      node.args.push_back(std::move(arg));
    }
    TRY_DONE(in_.want(";"));
    return Stmt(std::make_shared<const StmtNode>(std::move(node)));
  }

  Result<Stmt> parse_prefetch() {
    size_t offset = in_.peek().offset;
    TRY(Buffer buffer, in_.parse_buffer());
    TRY(std::vector<Expr> parts, in_.parse_index());
    TRY_DONE(in_.want(";"));
    if (parts.size() != 1 || parts[0]->type != kIndex)
      return in_.fail_at(offset, fmt::format("an index of {}, want i64 and no mask", type_text(parts[0]->type)));
    return prefetch(std::move(buffer), parts[0]);
  }

  Result<Stmt> parse_store() {
    size_t offset = in_.peek().offset;
    TRY(Buffer buffer, in_.parse_buffer());
    TRY(std::vector<Expr> parts, in_.parse_index());
    TRY_DONE(in_.want("="));
    TRY(Expr value, in_.parse());
    TRY_DONE(in_.want(";"));
    Type index = parts[0]->type;
    if (index.dtype != DType::i64 || (index.lanes != 1 && index.lanes != value->type.lanes)) {
      return in_.fail_at(offset,
                         fmt::format("an index of {} for a value of {}", type_text(index), type_text(value->type)));
    }
    Expr mask = parts.size() > 1 ? parts[1] : Expr();
    if (mask && mask->type != Type{DType::boolean, value->type.lanes}) {
      return in_.fail_at(offset, fmt::format("a mask of {}, want bool x{}", type_text(mask->type), value->type.lanes));
    }
    return store(std::move(buffer), parts[0], std::move(value), std::move(mask));
  }

  ExprParser in_;
};

}  // namespace

Result<Program> parse_program(std::string_view text) {
  TRY(std::vector<Token> tokens, tokenize_ir(text));
  return Parser(text, std::move(tokens)).parse_program();
}

Result<Kernel> parse_kernel(std::string_view text) {
  TRY(std::vector<Token> tokens, tokenize_ir(text));
  return Parser(text, std::move(tokens)).parse_one_kernel();
}

}  // namespace hearth
