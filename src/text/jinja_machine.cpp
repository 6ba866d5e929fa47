// Statements at run time: scopes, loops, macros, captured blocks.
#include "text/jinja_machine.h"

#include <algorithm>

namespace hearth::jinja {
namespace {

constexpr int64_t kBytesPerStep = 128, kItemsPerStep = 4;

template <class T>
class Restore {
 public:
  Restore(T& place, T value) : place_(place), old_(std::exchange(place, std::move(value))) {}
  ~Restore() { place_ = std::move(old_); }

 private:
  T& place_;
  T old_;
};

}  // namespace

const Value* Scope::find(int name) const {
  for (const Scope* scope = this; scope; scope = scope->parent.get())
    for (const auto& [number, value] : scope->names)
      if (number == name) return &value;
  return nullptr;
}

void Scope::set(int name, Value value) {
  for (auto& [number, old] : names)
    if (number == name) return void(old = std::move(value));
  names.emplace_back(name, std::move(value));
}

Machine::Machine(const Program& program, const OrderedJson& globals, int64_t now, const TemplateLimits& limits)
    : program_(program), globals_(globals), now_(now), limits_(limits), scope_(std::make_shared<Scope>()) {}

// Macros hold scopes that hold macros, namespaces may hold themselves: emptying all of them ends every cycle.
Machine::~Machine() {
  for (const ScopePtr& scope : kept_scopes_) scope->names.clear();
  for (const Value& value : kept_values_) {
    if (value.is(Kind::space)) value.as<SpaceObject>().fields = {};
    if (value.is(Kind::loop)) {
      auto& loop = value.as<LoopObject>();
      loop.changed.reset();
      loop.recurse = nullptr;
    }
  }
}

Result<std::string> Machine::run() {
  for (size_t i = 0; i < program_.names.size(); ++i) {
    if (!globals_.is_object()) break;
    const auto it = globals_.find(program_.names[i]);
    if (it == globals_.end()) continue;
    const auto value = value_of_json(*it);
    if (!value.ok()) return error("template: '{}': {}", program_.names[i], value.message());
    scope_->set(static_cast<int>(i), *value);
  }
  std::string text;
  out_ = &text;
  kept_scopes_.push_back(scope_);
  const auto flow = execute(program_.body);
  if (flow.ok()) return text;
  std::string why = flow.message();
  std::replace(why.begin(), why.end(), '\n', ' ');
  if (raised_ || error_line_ == 0) return error("template: {}", why);
  return error("template: line {}: {}", error_line_, why);
}

Result<Done> Machine::spend(int64_t steps) {
  steps_ += std::max<int64_t>(steps, 0);
  if (steps_ > limits_.steps)
    return error("got a template that needs over {} steps, want it to end sooner", limits_.steps);
  return Done{};
}

Result<Value> Machine::new_text(std::string text, bool markup) {
  const auto size = static_cast<int64_t>(text.size());
  if (size > limits_.output_bytes) return error("got a text of {} bytes, want at most {}", size, limits_.output_bytes);
  TRY_DONE(spend(size / kBytesPerStep));
  return make_text(std::move(text), markup);
}

Result<Value> Machine::new_list(std::vector<Value> items, Kind kind, std::string_view name) {
  TRY_DONE(spend(static_cast<int64_t>(items.size()) / kItemsPerStep));
  return make_list(std::move(items), kind, name);
}

Result<Value> Machine::new_dict(std::shared_ptr<DictObject> dict) {
  TRY_DONE(spend(static_cast<int64_t>(dict->items.size())));
  return make_dict(std::move(dict));
}

Value Machine::adopt(Value value) {
  kept_values_.push_back(value);
  return value;
}

Error Machine::raise(std::string text) {
  raised_ = true;
  return Error{std::move(text)};
}

Result<Done> Machine::append(std::string_view text) {
  if (static_cast<int64_t>(out_->size() + text.size()) > limits_.output_bytes)
    return error("got over {} bytes of output, want at most that", limits_.output_bytes);
  TRY_DONE(spend(static_cast<int64_t>(text.size()) / kBytesPerStep));
  out_->append(text);
  return Done{};
}

int Machine::name_of(std::string_view name) const {
  const auto it = std::find(program_.names.begin(), program_.names.end(), name);
  return it == program_.names.end() ? -1 : static_cast<int>(it - program_.names.begin());
}

Result<Machine::Flow> Machine::execute(const Block& block) {
  for (const NodePtr& node : block) {
    ++depth_;
    auto flow = depth_ > limits_.depth * kNodesPerCall ? error("got blocks nested too deep") : execute_one(*node);
    --depth_;
    if (!flow.ok() && error_line_ == 0) error_line_ = node->line;
    if (!flow.ok() || *flow != Flow::next) return flow;
  }
  return Flow::next;
}

Result<Machine::Flow> Machine::execute_one(const Node& node) {
  TRY_DONE(spend(1));
  switch (node.kind) {
    case NodeKind::data:
      TRY_DONE(append(node.value.text()));
      break;
    case NodeKind::output: {
      TRY(const Value value, evaluate(*node.kids[0]));
      TRY_DONE(spend(weight_of(value)));
      TRY_DONE(append(print(value)));
      break;
    }
    case NodeKind::branch:
      return execute_branch(node);
    case NodeKind::loop:
      return execute_loop(node);
    case NodeKind::scope:
      return execute_scope(node);
    case NodeKind::set:
      TRY_DONE(execute_set(node));
      break;
    case NodeKind::set_block:
      TRY_DONE(execute_set_block(node));
      break;
    case NodeKind::macro:
      scope_->set(name_of(node.text), make_macro(node));
      break;
    case NodeKind::call_block:
      TRY_DONE(execute_call_block(node));
      break;
    case NodeKind::filter_block:
      TRY_DONE(execute_filter_block(node));
      break;
    case NodeKind::loop_break:
      return Flow::loop_break;
    case NodeKind::loop_continue:
      return Flow::loop_continue;
    default:
      return Error{node.text};
  }
  return Flow::next;
}

Result<Machine::Flow> Machine::execute_branch(const Node& node) {
  for (size_t i = 0; i < node.kids.size(); ++i) {
    TRY(const Value test, evaluate(*node.kids[i]));
    if (is_truthy(test)) return execute(node.blocks[i]);
  }
  if (node.blocks.size() > node.kids.size()) return execute(node.blocks.back());
  return Flow::next;
}

Result<Machine::Flow> Machine::execute_loop(const Node& node) {
  TRY(const Value source, evaluate(*node.kids[1]));
  TRY(std::vector<Value> items, elements_of(*this, source));
  TRY_DONE(run_loop(node, std::move(items), 1));
  return Flow::next;
}

// The items that pass the loop's own `if`.
Result<std::vector<Value>> Machine::filter_items(const Node& node, std::vector<Value> items) {
  if (!node.kids[2]) return items;
  std::vector<Value> kept;
  const ScopePtr outer = scope_;
  for (Value& item : items) {
    const Restore<ScopePtr> restore(scope_, std::make_shared<Scope>(Scope{outer, {}}));
    TRY_DONE(assign(*node.kids[0], item));
    TRY(const Value test, evaluate(*node.kids[2]));
    if (is_truthy(test)) kept.push_back(std::move(item));
  }
  return kept;
}

// Each round has a scope of its own: what it sets is gone in the next.
Result<Done> Machine::run_loop(const Node& node, std::vector<Value> items, int depth) {
  const ScopePtr outer = scope_;
  TRY(items, filter_items(node, std::move(items)));
  auto loop = std::make_shared<LoopObject>();
  loop->items = std::move(items);
  loop->depth = depth;
  Value self;
  self.kind = Kind::loop;
  self.object = loop;
  if (node.recursive) {
    kept_scopes_.push_back(outer);
    loop->recurse = [&node, outer, depth](Machine& machine, Value inner) {
      return machine.loop_again(node, outer, std::move(inner), depth + 1);
    };
    adopt(self);
  }
  const int loop_name = name_of("loop");
  bool completed = false;  // Jinja's law: the else runs unless some round reached its end
  for (; loop->at < loop->items.size(); ++loop->at) {
    TRY_DONE(spend(1));
    const Restore<ScopePtr> restore(scope_, std::make_shared<Scope>(Scope{outer, {}}));
    if (loop_name >= 0) scope_->set(loop_name, self);
    TRY_DONE(assign(*node.kids[0], loop->items[loop->at]));
    TRY(const Flow flow, execute(node.blocks[0]));
    completed |= flow == Flow::next;
    if (flow == Flow::loop_break) break;
  }
  if (completed || node.blocks.size() < 2) return Done{};
  const Restore<ScopePtr> restore(scope_, std::make_shared<Scope>(Scope{outer, {}}));
  TRY_DONE(execute(node.blocks[1]));
  return Done{};
}

// loop(items): the same loop over inner items, as text.
Result<Value> Machine::loop_again(const Node& node, ScopePtr scope, Value items, int depth) {
  if (calls_ >= limits_.depth) return error("got loops nested deeper than {} calls", limits_.depth);
  const Restore<int> calls(calls_, calls_ + 1);
  const Restore<ScopePtr> restore(scope_, std::move(scope));
  std::string text;
  const Restore<std::string*> out(out_, &text);
  TRY(std::vector<Value> elements, elements_of(*this, items));
  TRY_DONE(run_loop(node, std::move(elements), depth));
  return new_text(std::move(text));
}

Result<Done> Machine::execute_set(const Node& node) {
  TRY(const Value value, evaluate(*node.kids[1]));
  return assign(*node.kids[0], value);
}

Result<std::string> Machine::capture(const Block& block) {
  std::string text;
  const Restore<ScopePtr> restore(scope_, std::make_shared<Scope>(Scope{scope_, {}}));
  const Restore<std::string*> out(out_, &text);
  TRY_DONE(execute(block));
  return text;
}

Result<Done> Machine::execute_set_block(const Node& node) {
  TRY(std::string text, capture(node.blocks[0]));
  TRY(Value value, new_text(std::move(text)));
  if (node.kids[1]) {
    captured_ = std::move(value);
    TRY(value, evaluate(*node.kids[1]));
  }
  return assign(*node.kids[0], value);
}

Result<Done> Machine::execute_filter_block(const Node& node) {
  TRY(std::string text, capture(node.blocks[0]));
  TRY(captured_, new_text(std::move(text)));
  TRY(const Value value, evaluate(*node.kids[0]));
  return append(print(value));
}

Result<Machine::Flow> Machine::execute_scope(const Node& node) {
  auto inner = std::make_shared<Scope>(Scope{scope_, {}});
  for (size_t i = 0; i + 1 < node.kids.size(); i += 2) {
    TRY(Value value, evaluate(*node.kids[i + 1]));
    inner->set(node.kids[i]->names[0], std::move(value));
  }
  const Restore<ScopePtr> restore(scope_, std::move(inner));
  return execute(node.blocks[0]);
}

Result<Done> Machine::execute_call_block(const Node& node) {
  const Node& call_node = *node.kids[0];
  TRY(const Value callee, evaluate(*call_node.kids[0]));
  TRY(Arguments arguments, evaluate_arguments(call_node, {}));
  arguments.named.emplace_back("caller", make_macro(*node.kids[1]));
  TRY(const Value value, call(callee, std::move(arguments)));
  return append(print(value));
}

Value Machine::make_macro(const Node& node) {
  kept_scopes_.push_back(scope_);
  return make_function(node.text, [&node, scope = scope_](Machine& machine, Arguments arguments) {
    return machine.call_macro(node, scope, std::move(arguments));
  });
}

Result<Value> Machine::call_macro(const Node& node, ScopePtr scope, Arguments arguments) {
  if (calls_ >= limits_.depth) return error("got macros nested deeper than {} calls", limits_.depth);
  const Restore<int> calls(calls_, calls_ + 1);
  const Restore<ScopePtr> restore(scope_, std::make_shared<Scope>(Scope{std::move(scope), {}}));
  std::string text;
  const Restore<std::string*> out(out_, &text);
  TRY_DONE(bind_macro(node, *scope_, std::move(arguments)));
  TRY_DONE(execute(node.blocks[0]));
  return new_text(std::move(text));
}

// Gives each parameter its argument, its default, or undefined; what is left over goes to varargs and kwargs.
Result<Done> Machine::bind_macro(const Node& node, Scope& scope, Arguments arguments) {
  auto& named = arguments.named;
  const auto take = [&](std::string_view name) -> std::optional<Value> {
    const auto it = std::find_if(named.begin(), named.end(), [&](const auto& one) { return one.first == name; });
    if (it == named.end()) return std::nullopt;
    Value value = std::move(it->second);
    named.erase(it);
    return value;
  };
  const size_t count = node.names.size();
  if (arguments.list.size() > count && !node.uses.varargs)
    return error("TypeError: macro '{}' takes not more than {} argument(s)", node.text, count);
  for (size_t i = 0; i < count; ++i) {
    const std::string& name = program_.names[static_cast<size_t>(node.names[i])];
    if (i < arguments.list.size()) {
      scope.set(node.names[i], arguments.list[i]);
    } else if (auto value = take(name)) {
      scope.set(node.names[i], std::move(*value));
    } else if (node.kids[i]) {
      TRY(Value standard, evaluate(*node.kids[i]));
      scope.set(node.names[i], std::move(standard));
    } else {
      scope.set(node.names[i], make_undefined(fmt::format("UndefinedError: parameter '{}' was not provided", name)));
    }
  }
  const int caller_name = name_of("caller");
  const bool has_caller = std::find(node.names.begin(), node.names.end(), caller_name) != node.names.end();
  if (node.uses.caller && !has_caller)
    scope.set(caller_name, take("caller").value_or(make_undefined("UndefinedError: No caller defined")));
  if (node.uses.kwargs) {
    auto rest = std::make_shared<DictObject>();
    for (auto& [name, value] : named) rest->set(make_text(name), std::move(value));
    TRY(Value dict, new_dict(std::move(rest)));
    scope.set(name_of("kwargs"), std::move(dict));
  } else if (!named.empty()) {
    return error("TypeError: macro '{}' takes no keyword argument '{}'", node.text, named[0].first);
  }
  if (!node.uses.varargs) return Done{};
  const size_t taken = std::min(count, arguments.list.size());
  TRY(Value rest,
      new_list({arguments.list.begin() + static_cast<std::ptrdiff_t>(taken), arguments.list.end()}, Kind::tuple));
  scope.set(name_of("varargs"), std::move(rest));
  return Done{};
}

Result<Done> Machine::assign(const Node& target, const Value& value) {
  if (target.kind == NodeKind::name) return scope_->set(target.names[0], value), Done{};
  if (target.kind == NodeKind::attribute) {
    TRY(const Value space, evaluate(*target.kids[0]));
    if (!space.is(Kind::space))
      return error("TypeError: cannot assign the attribute '{}' to '{}', want a namespace", target.text,
                   type_name(space));
    space.as<SpaceObject>().fields.set(make_text(target.text), value);
    return Done{};
  }
  TRY(const std::vector<Value> parts, elements_of(*this, value));
  if (parts.size() != target.kids.size())
    return error("ValueError: got {} values to unpack, want {}", parts.size(), target.kids.size());
  for (size_t i = 0; i < parts.size(); ++i) TRY_DONE(assign(*target.kids[i], parts[i]));
  return Done{};
}

}  // namespace hearth::jinja
