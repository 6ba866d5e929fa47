// The machine that runs a parsed template: scopes, limits, and the walk over its tree.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_builtins.h"
#include "text/template.h"

namespace hearth::jinja {

// Nested nodes allowed for each nested call: with TemplateLimits::depth it bounds the stack.
constexpr int kNodesPerCall = 12;

// Names of one block; a loop round, a macro call and a block open one each.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<int, Value>> names;

  const Value* find(int name) const;
  void set(int name, Value value);
};

class Machine {
 public:
  Machine(const Program& program, const OrderedJson& globals, int64_t now, const TemplateLimits& limits);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Renders the whole template. A failure is `template: ...`, with the line where it happened.
  Result<std::string> run();

  // For builtins.
  Result<Done> spend(int64_t steps);                              // an error once the steps are used up
  Result<Value> new_text(std::string text, bool markup = false);  // pays for its size
  Result<Value> new_list(std::vector<Value> items, Kind kind = Kind::list, std::string_view name = {});
  Result<Value> new_dict(std::shared_ptr<DictObject> dict);
  Result<Value> call(const Value& callee, Arguments arguments);
  Result<Value> run_builtin(const Builtin& builtin, Arguments arguments);
  Value adopt(Value value);       // a value that can change: emptied at the end
  Error raise(std::string text);  // the template's own error: no line is added
  int64_t now() const { return now_; }
  const TemplateLimits& limits() const { return limits_; }

 private:
  enum class Flow : uint8_t { next, loop_break, loop_continue };
  using ScopePtr = std::shared_ptr<Scope>;

  // expressions
  Result<Value> evaluate(const Node& node);
  Result<Value> dispatch(const Node& node);
  Result<Value> evaluate_name(const Node& node);
  Result<Value> evaluate_list(const Node& node);
  Result<Value> evaluate_dict(const Node& node);
  Result<Value> evaluate_slice(const Node& node);
  Result<Value> evaluate_call(const Node& node);
  Result<Value> evaluate_filter(const Node& node);
  Result<Value> evaluate_logic(const Node& node);
  Result<Value> evaluate_compare(const Node& node);
  Result<Value> evaluate_concat(const Node& node);
  Result<Value> evaluate_conditional(const Node& node);
  Result<Arguments> evaluate_arguments(const Node& node, std::vector<Value> first);

  // statements
  Result<Flow> execute(const Block& block);
  Result<Flow> execute_one(const Node& node);
  Result<Flow> execute_branch(const Node& node);
  Result<Flow> execute_loop(const Node& node);
  Result<Done> execute_set(const Node& node);
  Result<Done> execute_set_block(const Node& node);
  Result<Flow> execute_scope(const Node& node);
  Result<Done> execute_call_block(const Node& node);
  Result<Done> execute_filter_block(const Node& node);
  Result<Done> run_loop(const Node& node, std::vector<Value> items, int depth);
  Result<std::vector<Value>> filter_items(const Node& node, std::vector<Value> items);
  Result<Value> loop_again(const Node& node, ScopePtr scope, Value items, int depth);
  Result<std::string> capture(const Block& block);  // in a scope of its own
  Value make_macro(const Node& node);
  Result<Value> call_macro(const Node& node, ScopePtr scope, Arguments arguments);
  Result<Done> bind_macro(const Node& node, Scope& scope, Arguments arguments);
  Result<Done> assign(const Node& target, const Value& value);
  Result<Done> append(std::string_view text);

  int name_of(std::string_view name) const;  // its number, -1 when the template never says it

  const Program& program_;
  const OrderedJson& globals_;
  const int64_t now_;
  const TemplateLimits limits_;
  int64_t steps_ = 0;
  int depth_ = 0;  // nested nodes, to bound the stack
  int calls_ = 0;  // nested macro calls
  int error_line_ = 0;
  bool raised_ = false;
  std::string* out_ = nullptr;
  ScopePtr scope_;
  Value captured_;
  std::vector<ScopePtr> kept_scopes_;  // those that a macro or loop holds
  std::vector<Value> kept_values_;
};

}  // namespace hearth::jinja
