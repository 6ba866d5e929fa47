// Expressions at run time.
#include <algorithm>

#include "text/jinja_machine.h"

namespace hearth::jinja {

// Every nested node passes here or through execute(), so this bounds both the steps and the stack.
Result<Value> Machine::evaluate(const Node& node) {
  TRY_DONE(spend(1));
  if (depth_ >= limits_.depth * kNodesPerCall) {
    if (error_line_ == 0) error_line_ = node.line;
    return error("got calls and expressions nested too deep, want at most {} calls", limits_.depth);
  }
  ++depth_;
  Result<Value> value = dispatch(node);
  --depth_;
  if (!value.ok() && error_line_ == 0) error_line_ = node.line;
  return value;
}

Result<Value> Machine::dispatch(const Node& node) {
  switch (node.kind) {
    case NodeKind::constant:
      return node.value;
    case NodeKind::captured:
      return captured_;
    case NodeKind::name:
      return evaluate_name(node);
    case NodeKind::list:
    case NodeKind::tuple:
      return evaluate_list(node);
    case NodeKind::dict:
      return evaluate_dict(node);
    case NodeKind::slice:
      return evaluate_slice(node);
    case NodeKind::call:
      return evaluate_call(node);
    case NodeKind::filter:
    case NodeKind::test:
      return evaluate_filter(node);
    case NodeKind::logic_not:
    case NodeKind::logic_and:
    case NodeKind::logic_or:
      return evaluate_logic(node);
    case NodeKind::compare:
      return evaluate_compare(node);
    case NodeKind::concat:
      return evaluate_concat(node);
    case NodeKind::conditional:
      return evaluate_conditional(node);
    case NodeKind::attribute: {
      TRY(const Value object, evaluate(*node.kids[0]));
      return get_attribute(*this, object, node.text);
    }
    case NodeKind::item: {
      TRY(const Value object, evaluate(*node.kids[0]));
      TRY(const Value key, evaluate(*node.kids[1]));
      return get_item(*this, object, key);
    }
    case NodeKind::unary: {
      TRY(const Value operand, evaluate(*node.kids[0]));
      return node.op->run(*this, operand, operand);
    }
    case NodeKind::binary: {
      TRY(const Value left, evaluate(*node.kids[0]));
      TRY(const Value right, evaluate(*node.kids[1]));
      return node.op->run(*this, left, right);
    }
    default:
      return Error{node.text};
  }
}

Result<Value> Machine::evaluate_name(const Node& node) {
  if (const Value* value = scope_->find(node.names[0])) return *value;
  const std::string& name = program_.names[static_cast<size_t>(node.names[0])];
  if (const Builtin* builtin = find_global(name)) {
    return make_function(name, [builtin](Machine& machine, Arguments arguments) {
      return machine.run_builtin(*builtin, std::move(arguments));
    });
  }
  return make_undefined(fmt::format("UndefinedError: '{}' is undefined", name));
}

Result<Value> Machine::evaluate_list(const Node& node) {
  std::vector<Value> items;
  items.reserve(node.kids.size());
  for (const NodePtr& kid : node.kids) {
    TRY(Value item, evaluate(*kid));
    items.push_back(std::move(item));
  }
  return new_list(std::move(items), node.kind == NodeKind::list ? Kind::list : Kind::tuple);
}

Result<Value> Machine::evaluate_dict(const Node& node) {
  auto dict = std::make_shared<DictObject>();
  for (size_t i = 0; i + 1 < node.kids.size(); i += 2) {
    TRY(Value key, evaluate(*node.kids[i]));
    TRY(Value value, evaluate(*node.kids[i + 1]));
    if (!is_hashable(key)) return error("TypeError: unhashable type: '{}'", type_name(key));
    dict->set(std::move(key), std::move(value));
  }
  return new_dict(std::move(dict));
}

Result<Value> Machine::evaluate_slice(const Node& node) {
  Value parts[4];
  for (int i = 0; i < 4; ++i) {
    parts[i] = make_none();
    if (node.kids[static_cast<size_t>(i)]) {
      TRY(parts[i], evaluate(*node.kids[static_cast<size_t>(i)]));
    }
  }
  return get_slice(*this, parts[0], parts[1], parts[2], parts[3]);
}

Result<Arguments> Machine::evaluate_arguments(const Node& node, std::vector<Value> first) {
  Arguments arguments{std::move(first), {}};
  for (const NodePtr& kid : node.arguments) {
    TRY(Value value, evaluate(*kid));
    arguments.list.push_back(std::move(value));
  }
  for (const auto& [name, kid] : node.named) {
    TRY(Value value, evaluate(*kid));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (node.spread) {
    TRY(const Value spread, evaluate(*node.spread));
    TRY(const std::vector<Value> more, elements_of(*this, spread));
    arguments.list.insert(arguments.list.end(), more.begin(), more.end());
  }
  if (node.spread_named) {
    TRY(const Value spread, evaluate(*node.spread_named));
    if (!spread.is(Kind::dict))
      return error("TypeError: argument after ** must be a mapping, not {}", type_name(spread));
    for (const auto& [name, value] : spread.as<DictObject>().items) {
      TRY(const std::string_view text, take_text(name, "keywords"));
      arguments.named.emplace_back(text, value);
    }
  }
  return arguments;
}

Result<Value> Machine::evaluate_call(const Node& node) {
  TRY(const Value callee, evaluate(*node.kids[0]));
  TRY(Arguments arguments, evaluate_arguments(node, {}));
  return call(callee, std::move(arguments));
}

Result<Value> Machine::call(const Value& callee, Arguments arguments) {
  if (callee.is(Kind::undefined)) return undefined_error(callee);
  if (callee.is(Kind::function)) return callee.as<FunctionObject>().run(*this, std::move(arguments));
  if (callee.is(Kind::loop) && callee.as<LoopObject>().recurse) {
    if (arguments.list.size() != 1 || !arguments.named.empty()) return error("TypeError: loop() takes one argument");
    return callee.as<LoopObject>().recurse(*this, std::move(arguments.list[0]));
  }
  return error("TypeError: '{}' object is not callable", type_name(callee));
}

Result<Value> Machine::run_builtin(const Builtin& builtin, Arguments arguments) {
  TRY(Bound bound, bind(builtin.name, builtin.parameters, std::move(arguments)));
  return builtin.run(*this, bound);
}

Result<Value> Machine::evaluate_filter(const Node& node) {
  TRY(Value value, evaluate(*node.kids[0]));
  if (!node.builtin) return error("No {} named '{}'.", node.kind == NodeKind::filter ? "filter" : "test", node.text);
  TRY(Arguments arguments, evaluate_arguments(node, {std::move(value)}));
  return run_builtin(*node.builtin, std::move(arguments));
}

Result<Value> Machine::evaluate_logic(const Node& node) {
  TRY(Value value, evaluate(*node.kids[0]));
  if (node.kind == NodeKind::logic_not) return make_boolean(!is_truthy(value));
  if (is_truthy(value) == (node.kind == NodeKind::logic_or)) return value;
  return evaluate(*node.kids[1]);
}

// a < b < c: each operand once, ends at the first that fails.
Result<Value> Machine::evaluate_compare(const Node& node) {
  TRY(Value left, evaluate(*node.kids[0]));
  for (size_t i = 0; i < node.comparisons.size(); ++i) {
    TRY(Value right, evaluate(*node.kids[i + 1]));
    TRY_DONE(spend((weight_of(left) + weight_of(right)) / 4));
    TRY(const bool holds, compare(*this, left, static_cast<int>(node.comparisons[i]), right));
    if (!holds) return make_boolean(false);
    left = std::move(right);
  }
  return make_boolean(true);
}

Result<Value> Machine::evaluate_concat(const Node& node) {
  std::string text;
  for (const NodePtr& kid : node.kids) {
    TRY(const Value value, evaluate(*kid));
    TRY_DONE(spend(weight_of(value)));
    text += print(value);
  }
  return new_text(std::move(text));
}

Result<Value> Machine::evaluate_conditional(const Node& node) {
  TRY(const Value test, evaluate(*node.kids[1]));
  if (is_truthy(test)) return evaluate(*node.kids[0]);
  if (node.kids[2]) return evaluate(*node.kids[2]);
  return make_undefined("UndefinedError: the inline if-expression evaluated to false and no else section was defined.");
}

}  // namespace hearth::jinja
