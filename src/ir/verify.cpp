// The verifier of loop programs: the first broken law, with the offending node printed.
#include <map>
#include <set>

#include "base/check.h"
#include "ir/lanes.h"
#include "ir/rewrite.h"
#include "ir/syntax.h"
#include "ir/text.h"

namespace hearth {
namespace {

using syntax::type_text;

std::string shortened(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.size() <= 200 ? text : text.substr(0, 200) + "...";
}

// May a buffer of one type be accessed as another? As itself; and a buffer of bytes as anything.
bool may_access(DType buffer, DType element) { return buffer == element || buffer == DType::u8 || buffer == DType::i8; }

class KernelVerifier {
 public:
  explicit KernelVerifier(const Kernel& kernel) : kernel_(kernel) {}

  Result<Done> run() {
    if (kernel_.name.empty()) return error("a kernel has no name");
    for (const KernelParam& param : kernel_.params) TRY_DONE(check_param(param));
    if (!kernel_.body) return fail("it has no body");
    TRY_DONE(check_top(kernel_.body));
    return check(kernel_.body);
  }

 private:
  struct Rights {
    bool read = false, write = false;
  };

  template <class... Args>
  Error fail(fmt::format_string<Args...> format, Args&&... args) const {
    return error("kernel '{}': {}", kernel_.name, fmt::format(format, std::forward<Args>(args)...));
  }
  Error fail_at(const Expr& e, const std::string& why) const { return fail("{}: in `{}`", why, shortened(print(e))); }
  Error fail_at(const Stmt& s, const std::string& why) const { return fail("{}: in `{}`", why, shortened(print(s))); }

  Result<Done> check_param(const KernelParam& param) {
    if (!param.buffer) return fail("a parameter has no buffer");
    if (param.buffer->local) return fail("parameter '{}' is a local buffer, want a global one", param.buffer->name);
    if (!names_.insert(param.buffer->name).second) return fail("two parameters are named '{}'", param.buffer->name);
    rights_[param.buffer.get()] = {param.access != Access::write, param.access != Access::read};
    return Done{};
  }

  // One parallel (or GPU group) loop, perhaps under lets.
  Result<Done> check_top(const Stmt& s) const {
    if (s->kind == StmtKind::let && s->children.size() == 1) return check_top(s->children[0]);
    bool good = s->kind == StmtKind::loop && (s->loop == LoopKind::parallel || s->loop == LoopKind::group);
    return good ? Result<Done>(Done{}) : fail_at(s, "the body must be one parallel loop, perhaps under lets");
  }

  // ---- expressions ----

  Result<Done> check(const Expr& e) {
    if (!e) return fail("an expression is missing");
    if (!checked_.insert(e.id()).second) return Done{};
    for (const Expr& arg : e->args) TRY_DONE(check(arg));
    auto type = type_of(*e);
    if (!type.ok()) return fail_at(e, type.message());
    if (*type != e->type) return fail_at(e, fmt::format("it is {}, marked {}", type_text(*type), type_text(e->type)));
    if (e->kind == ExprKind::constant) return check_constant(e);
    if (e->kind == ExprKind::var) return check_var(e);
    if (e->kind == ExprKind::load)
      return check_access(e->buffer, e->args[0], e->type, Access::read,
                          [&](std::string why) { return fail_at(e, why); });
    return Done{};
  }

  Result<Done> check_constant(const Expr& e) const {
    if (is_float(e->type.dtype)) return Done{};
    char bytes[8];
    int64_t back = 0;
    double unused = 0;
    write_element(e->type.dtype, e->integer, 0, bytes);
    read_element(e->type.dtype, bytes, &back, &unused);
    return back == e->integer ? Result<Done>(Done{})
                              : fail_at(e, fmt::format("constant {} does not fit its type", e->integer));
  }

  Result<Done> check_var(const Expr& e) const {
    auto found = scope_.find(e->name);
    if (found == scope_.end()) return fail_at(e, fmt::format("'{}' is not bound here", e->name));
    if (found->second == e->type) return Done{};
    return fail_at(e, fmt::format("'{}' is {} here, marked {}", e->name, type_text(found->second), type_text(e->type)));
  }

  template <class FailAt>
  Result<Done> check_access(const Buffer& buffer, const Expr& index, Type type, Access access, FailAt fail_here) const {
    auto found = rights_.find(buffer.get());
    if (found == rights_.end())
      return fail_here(fmt::format("'{}' is no parameter and not allocated here", buffer->name));
    if (access == Access::read && !found->second.read)
      return fail_here(fmt::format("'{}' is only written", buffer->name));
    if (access == Access::write && !found->second.write)
      return fail_here(fmt::format("'{}' is only read", buffer->name));
    if (!may_access(buffer->dtype, type.dtype)) {
      return fail_here(fmt::format("'{}' holds {}, not {}", buffer->name, name_of(buffer->dtype), name_of(type.dtype)));
    }
    if (!buffer->local || index->kind != ExprKind::constant) return Done{};
    int64_t elements = buffer->local_size * bytes_of(buffer->dtype) / bytes_of(type.dtype);
    int64_t reach = index->type.lanes > 1 ? 1 : type.lanes;
    if (index->integer >= 0 && index->integer <= elements - reach) return Done{};
    return fail_here(fmt::format("'{}' has {} elements, index {} is outside", buffer->name, elements, index->integer));
  }

  // ---- statements ----

  Result<Done> check(const Stmt& s) {
    if (!s) return fail("a statement is missing");
    checked_.clear();  // what holds for an expression depends on the scope
    switch (s->kind) {
      case StmtKind::block:
        for (const Stmt& child : s->children) TRY_DONE(check(child));
        return Done{};
      case StmtKind::loop:
        return check_loop(s);
      case StmtKind::let:
        TRY_DONE(want(s, 1, 1));
        TRY_DONE(check(s->args[0]));
        return check_bound(s, s->args[0]->type);
      case StmtKind::store:
        return check_store(s);
      case StmtKind::when:
        return check_when(s);
      case StmtKind::alloc:
        return check_alloc(s);
      case StmtKind::prefetch:
        return check_prefetch(s);
      case StmtKind::barrier:
        return inside_group_ ? Result<Done>(Done{}) : fail_at(s, "a barrier outside a group loop");
      case StmtKind::extern_call:
        for (const Expr& arg : s->args) TRY_DONE(check(arg));
        return s->name.empty() ? Result<Done>(fail_at(s, "a call has no symbol")) : Done{};
    }
    return fail("an unknown kind of statement");
  }

  Result<Done> want(const Stmt& s, size_t args, size_t children) const {
    for (const Expr& arg : s->args) {
      if (!arg) return fail("a statement lacks an operand");
    }
    for (const Stmt& child : s->children) {
      if (!child) return fail("a statement lacks its body");
    }
    if (s->args.size() == args && s->children.size() == children) return Done{};
    return fail("a statement has {} operands and {} bodies, want {} and {}", s->args.size(), s->children.size(), args,
                children);
  }

  Result<Done> check_prefetch(const Stmt& s) {
    TRY_DONE(want(s, 1, 0));
    TRY_DONE(check(s->args[0]));
    if (s->args[0]->type != kIndex)
      return fail_at(s, fmt::format("an index of {}, want i64", type_text(s->args[0]->type)));
    if (rights_.find(s->buffer.get()) != rights_.end()) return Done{};
    return fail_at(s, fmt::format("'{}' is no parameter and not allocated here", s->buffer ? s->buffer->name : ""));
  }

  Result<Done> check_bound(const Stmt& s, Type type) {
    if (s->name.empty()) return fail_at(s, "a variable has no name");
    auto outer = scope_.find(s->name);
    bool shadows = outer != scope_.end();
    Type kept = shadows ? outer->second : Type{};
    scope_[s->name] = type;
    TRY_DONE(check(s->children[0]));
    if (shadows) {
      scope_[s->name] = kept;
    } else {
      scope_.erase(s->name);
    }
    return Done{};
  }

  Result<Done> check_loop(const Stmt& s) {
    TRY_DONE(want(s, 1, 1));
    TRY_DONE(check(s->args[0]));
    if (s->args[0]->type != kIndex)
      return fail_at(s, fmt::format("an extent of {}, want i64", type_text(s->args[0]->type)));
    bool parallel = s->loop == LoopKind::parallel, group = s->loop == LoopKind::group;
    if (parallel && inside_parallel_) return fail_at(s, "a parallel loop inside a parallel loop");
    if (s->loop == LoopKind::thread && !inside_group_) return fail_at(s, "a thread loop outside a group loop");
    bool kept_parallel = inside_parallel_, kept_group = inside_group_;
    inside_parallel_ = inside_parallel_ || parallel || group;
    inside_group_ = inside_group_ || group;
    TRY_DONE(check_bound(s, kIndex));
    inside_parallel_ = kept_parallel;
    inside_group_ = kept_group;
    return Done{};
  }

  Result<Done> check_store(const Stmt& s) {
    TRY_DONE(want(s, s->args.size() == 3 ? 3 : 2, 0));
    if (!s->buffer) return fail("a store has no buffer");
    for (const Expr& arg : s->args) TRY_DONE(check(arg));
    Type index = s->args[0]->type, value = s->args[1]->type;
    if (index.dtype != DType::i64 || (index.lanes != 1 && index.lanes != value.lanes)) {
      return fail_at(s, fmt::format("an index of {} for a value of {}", type_text(index), type_text(value)));
    }
    if (s->args.size() == 3 && s->args[2]->type != Type{DType::boolean, value.lanes}) {
      return fail_at(s, fmt::format("a mask of {}, want bool x{}", type_text(s->args[2]->type), value.lanes));
    }
    return check_access(s->buffer, s->args[0], value, Access::write, [&](std::string why) { return fail_at(s, why); });
  }

  Result<Done> check_when(const Stmt& s) {
    TRY_DONE(want(s, 1, s->children.size() == 2 ? 2 : 1));
    TRY_DONE(check(s->args[0]));
    Type type = s->args[0]->type;
    if (type != Type{DType::boolean, 1})
      return fail_at(s, fmt::format("a condition of {}, want bool", type_text(type)));
    for (const Stmt& child : s->children) TRY_DONE(check(child));
    return Done{};
  }

  Result<Done> check_alloc(const Stmt& s) {
    TRY_DONE(want(s, 0, 1));
    if (!s->buffer || !s->buffer->local) return fail("an alloc needs a local buffer");
    if (s->buffer->local_size < 1)
      return fail("local buffer '{}' has {} elements", s->buffer->name, s->buffer->local_size);
    if (!rights_.emplace(s->buffer.get(), Rights{true, true}).second) {
      return fail("local buffer '{}' is allocated inside itself", s->buffer->name);
    }
    TRY_DONE(check(s->children[0]));
    rights_.erase(s->buffer.get());
    return Done{};
  }

  const Kernel& kernel_;
  std::set<std::string> names_;
  std::map<const BufferNode*, Rights> rights_;
  std::map<std::string, Type> scope_;
  std::set<const ExprNode*> checked_;
  bool inside_parallel_ = false, inside_group_ = false;
};

class ProgramVerifier {
 public:
  explicit ProgramVerifier(const Program& program) : program_(program) {}

  Result<Done> run() {
    for (const SizeDecl& size : program_.sizes) TRY_DONE(check(size));
    for (const ProgramBuffer& buffer : program_.buffers) TRY_DONE(check(buffer));
    std::set<std::string> names;
    for (const Kernel& kernel : program_.kernels) {
      if (!names.insert(kernel.name).second) return error("program: two kernels are named '{}'", kernel.name);
      TRY_DONE(verify(kernel));
      TRY_DONE(check_dim(kernel.extent, fmt::format("kernel '{}'", kernel.name)));
      for (const std::string& size : sizes_used(kernel.body)) {
        if (!sizes_.count(size)) return error("kernel '{}': size '{}' is not declared", kernel.name, size);
      }
    }
    for (const Launch& launch : program_.launches) TRY_DONE(check(launch));
    return Done{};
  }

 private:
  Result<Done> check(const SizeDecl& size) {
    if (!syntax::is_plain_name(size.name)) return error("program: '{}' is no name for a size", size.name);
    if (!sizes_.insert(size.name).second) return error("program: size '{}' is declared twice", size.name);
    if (size.at_least < 0 || size.at_least > size.at_most) {
      return error("program: size '{}' got bounds [{}, {}]", size.name, size.at_least, size.at_most);
    }
    return Done{};
  }

  Result<Done> check_dim(const Dim& dim, const std::string& whose) const {
    if (dim.is_constant()) return Done{};
    if (dim.kind() == DimKind::size) {
      if (sizes_.count(dim.name())) return Done{};
      return error("{}: size '{}' is not declared", whose, dim.name());
    }
    TRY_DONE(check_dim(dim.left(), whose));
    return check_dim(dim.right(), whose);
  }

  Result<Done> check(const ProgramBuffer& buffer) {
    std::string whose = fmt::format("program: buffer '{}'", buffer.name);
    if (!buffers_.emplace(buffer.name, &buffer).second) return error("{} is declared twice", whose);
    TRY_DONE(check_dim(buffer.elements, whose));
    int64_t elements = buffer.elements.upper_bound(program_.sizes), bytes = 0;
    if (elements < 0 || __builtin_mul_overflow(elements, int64_t{bytes_of(buffer.dtype)}, &bytes)) {
      return error("{} may have {} elements", whose, elements);
    }
    if (buffer.offset < 0) return Done{};
    if (buffer.role == Role::weight || buffer.role == Role::state)
      return error("{} has a place in the arena, but is no scratch, input or output", whose);
    if (bytes > program_.arena_bytes || buffer.offset > program_.arena_bytes - bytes) {
      return error("{} lies at {} + {} bytes, the arena has {}", whose, buffer.offset, bytes, program_.arena_bytes);
    }
    return Done{};
  }

  Result<Done> check(const Launch& launch) const {
    if (launch.variants.empty()) return error("program: a launch has no variants");
    for (const Variant& variant : launch.variants) {
      const Kernel* kernel = program_.find_kernel(variant.kernel);
      if (!kernel) return error("program: a launch of '{}', which does not exist", variant.kernel);
      TRY_DONE(check_dim(variant.size, fmt::format("launch of '{}'", variant.kernel)));
      if (variant.at_least > variant.at_most)
        return error("launch of '{}': its guard [{}, {}] never holds", variant.kernel, variant.at_least,
                     variant.at_most);
      if (kernel->params.size() != launch.buffers.size()) {
        return error("launch of '{}': got {} buffers, want {}", variant.kernel, launch.buffers.size(),
                     kernel->params.size());
      }
      for (size_t i = 0; i < launch.buffers.size(); i++) TRY_DONE(check_argument(*kernel, i, launch.buffers[i]));
    }
    return Done{};
  }

  Result<Done> check_argument(const Kernel& kernel, size_t i, const std::string& name) const {
    auto found = buffers_.find(name);
    if (found == buffers_.end()) return error("launch of '{}': buffer '{}' does not exist", kernel.name, name);
    const KernelParam& param = kernel.params[i];
    DType given = found->second->dtype;
    if (!may_access(given, param.buffer->dtype) && !may_access(param.buffer->dtype, given)) {
      return error("launch of '{}': buffer '{}' holds {}, parameter '{}' wants {}", kernel.name, name, name_of(given),
                   param.buffer->name, name_of(param.buffer->dtype));
    }
    if (found->second->role == Role::weight && param.access != Access::read) {
      return error("launch of '{}': weight '{}' would be written", kernel.name, name);
    }
    return Done{};
  }

  const Program& program_;
  std::set<std::string> sizes_;
  std::map<std::string, const ProgramBuffer*> buffers_;
};

}  // namespace

Result<Done> verify(const Kernel& kernel) { return KernelVerifier(kernel).run(); }
Result<Done> verify(const Program& program) { return ProgramVerifier(program).run(); }

}  // namespace hearth
