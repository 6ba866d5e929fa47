// The tree of a parsed template: one kind of node, its parts by place.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_value.h"

namespace hearth::jinja {

struct Builtin;
struct Operator;
struct Node;
using NodePtr = std::unique_ptr<Node>;
using Block = std::vector<NodePtr>;

enum class NodeKind : uint8_t {
  // expressions; kids in order of evaluation
  constant,  // value
  name,      // names[0]
  list,
  tuple,      // kids
  dict,       // key, value, key, value, ...
  attribute,  // kids[0].text
  item,       // kids[0][kids[1]]
  slice,      // kids[0][kids[1]:kids[2]:kids[3]]; an absent bound is null
  call,       // kids[0](arguments)
  filter,     // kids[0]|text(arguments)
  test,       // kids[0] is text(arguments)
  unary,      // operator kids[0]
  binary,     // kids[0] operator kids[1]
  logic_not,
  logic_and,
  logic_or,
  compare,      // kids[0] comparisons[0] kids[1] comparisons[1] kids[2] ...
  concat,       // kids[0] ~ kids[1] ~ ...
  conditional,  // kids[0] if kids[1] else kids[2]; kids[2] may be null
  captured,     // the text of the block whose filter runs
  // statements
  data,          // value: text to print
  output,        // kids[0]: print
  branch,        // if kids[i] then blocks[i]; one block more is the else
  loop,          // for kids[0] in kids[1] if kids[2] (or null): blocks[0], else blocks[1]
  set,           // kids[0] = kids[1]
  set_block,     // kids[0] = text of blocks[0], through the filter kids[1] (or null)
  macro,         // text(names[i] = kids[i] or null): blocks[0]
  call_block,    // kids[0] is the call, kids[1] the macro that is its caller
  filter_block,  // blocks[0] through kids[0]
  scope,         // with names: kids = target, value, target, value, ...; blocks[0]
  loop_break,
  loop_continue,
  refused,  // text says why; an error when reached
};

enum class Comparison : uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, in, not_in };

// Which special names a macro's body mentions.
struct MacroUses {
  bool varargs = false, kwargs = false, caller = false;
};

struct Node {
  NodeKind kind;
  int line = 0;
  int height = 1;  // of the tree below; bounded by the parser
  std::string text;
  Value value;
  std::vector<int> names;  // numbers of interned names
  std::vector<NodePtr> kids;
  std::vector<Block> blocks;
  std::vector<Comparison> comparisons;
  std::vector<NodePtr> arguments;  // of call, filter, test
  std::vector<std::pair<std::string, NodePtr>> named;
  NodePtr spread, spread_named;      // *args, **kwargs
  const Builtin* builtin = nullptr;  // of filter, test; null: unknown, an error when reached
  const Operator* op = nullptr;      // of unary, binary
  MacroUses uses;                    // of macro
  bool recursive = false;            // of loop
};

// A parsed template.
struct Program {
  Block body;
  std::vector<std::string> names;  // number -> name
};

}  // namespace hearth::jinja
