// Expressions of a template, by precedence: conditional, or, and, not, comparison, + -, ~, * / // %, **, sign, filters.
#include <algorithm>

#include "text/jinja_builtins.h"
#include "text/jinja_parser.h"

namespace hearth::jinja {
namespace {

constexpr int kMaxNesting = 200;

struct Nesting {
  int& depth;
  explicit Nesting(int& depth) : depth(depth) { ++depth; }
  ~Nesting() { --depth; }
  bool too_deep() const { return depth > kMaxNesting; }
};

struct ComparisonSymbol {
  std::string_view symbol;
  Comparison comparison;
};
constexpr ComparisonSymbol kComparisons[] = {{"==", Comparison::equal},  {"!=", Comparison::not_equal},
                                             {"<", Comparison::less},    {"<=", Comparison::less_equal},
                                             {">", Comparison::greater}, {">=", Comparison::greater_equal}};

// Binary operators from loose to tight; "~" stands for concatenation, which takes all its operands at once.
constexpr std::string_view kLevels[][4] = {{"+", "-"}, {"~"}, {"*", "/", "//", "%"}, {"**"}};
constexpr int kConcatLevel = 1, kLastLevel = 3;

}  // namespace

Result<NodePtr> Parser::parse_expression() { return parse_conditional(); }

Result<NodePtr> Parser::parse_conditional() {
  const Nesting nesting(depth_);
  if (nesting.too_deep()) return error("line {}: got an expression nested deeper than {}", now().line, kMaxNesting);
  const size_t since = unknown_.size();
  TRY(NodePtr value, parse_logic(0));
  while (now().is_name("if")) {
    NodePtr node = make(NodeKind::conditional);
    advance();
    TRY(NodePtr test, parse_logic(0));
    NodePtr other;
    if (skip_name("else")) {
      TRY(other, parse_conditional());
    }
    node->kids.push_back(std::move(value));
    node->kids.push_back(std::move(test));
    node->kids.push_back(std::move(other));
    forgive_unknown(since);
    TRY(value, seal(std::move(node)));
  }
  return value;
}

// Level 0: or; 1: and.
Result<NodePtr> Parser::parse_logic(int level) {
  TRY(NodePtr left, level == 0 ? parse_logic(1) : parse_not());
  while (now().is_name(level == 0 ? "or" : "and")) {
    NodePtr node = make(level == 0 ? NodeKind::logic_or : NodeKind::logic_and);
    advance();
    TRY(NodePtr right, level == 0 ? parse_logic(1) : parse_not());
    node->kids.push_back(std::move(left));
    node->kids.push_back(std::move(right));
    TRY(left, seal(std::move(node)));
  }
  return left;
}

Result<NodePtr> Parser::parse_not() {
  if (!now().is_name("not")) return parse_compare();
  const Nesting nesting(depth_);
  if (nesting.too_deep()) return error("line {}: got an expression nested deeper than {}", now().line, kMaxNesting);
  NodePtr node = make(NodeKind::logic_not);
  advance();
  TRY(NodePtr value, parse_not());
  node->kids.push_back(std::move(value));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_compare() {
  NodePtr node = make(NodeKind::compare);
  TRY(NodePtr first, parse_binary(0));
  node->kids.push_back(std::move(first));
  while (true) {
    const auto* found = std::find_if(std::begin(kComparisons), std::end(kComparisons),
                                     [&](const auto& one) { return now().is_symbol(one.symbol); });
    if (found != std::end(kComparisons))
      node->comparisons.push_back(found->comparison);
    else if (now().is_name("in"))
      node->comparisons.push_back(Comparison::in);
    else if (now().is_name("not") && after().is_name("in"))
      node->comparisons.push_back(Comparison::not_in), advance();
    else
      break;
    advance();
    TRY(NodePtr next, parse_binary(0));
    node->kids.push_back(std::move(next));
  }
  if (node->comparisons.empty()) return std::move(node->kids[0]);
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_binary(int level) {
  if (level == kConcatLevel) return parse_concat(level);
  const auto operand = [&] { return level == kLastLevel ? parse_unary(true) : parse_binary(level + 1); };
  TRY(NodePtr left, operand());
  while (now().is(TokenKind::symbol)) {
    if (std::find(std::begin(kLevels[level]), std::end(kLevels[level]), now().text) == std::end(kLevels[level])) break;
    NodePtr node = make(NodeKind::binary);
    node->op = find_binary(now().text);
    advance();
    TRY(NodePtr right, operand());
    node->kids.push_back(std::move(left));
    node->kids.push_back(std::move(right));
    TRY(left, seal(std::move(node)));
  }
  return left;
}

Result<NodePtr> Parser::parse_concat(int level) {
  NodePtr node = make(NodeKind::concat);
  do {
    TRY(NodePtr part, parse_binary(level + 1));
    node->kids.push_back(std::move(part));
  } while (skip_symbol("~"));
  if (node->kids.size() == 1) return std::move(node->kids[0]);
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_unary(bool with_filter) {
  const Nesting nesting(depth_);
  if (nesting.too_deep()) return error("line {}: got an expression nested deeper than {}", now().line, kMaxNesting);
  NodePtr node;
  if (now().is_symbol("-") || now().is_symbol("+")) {
    node = make(NodeKind::unary);
    node->op = find_unary(now().text);
    advance();
    TRY(NodePtr operand, parse_unary(false));
    node->kids.push_back(std::move(operand));
    TRY(node, seal(std::move(node)));
  } else {
    TRY(node, parse_primary());
  }
  TRY(node, parse_postfix(std::move(node)));
  if (!with_filter) return node;
  return parse_filters(std::move(node));
}

Result<NodePtr> Parser::parse_primary() {
  NodePtr node = make(NodeKind::constant);
  const Token& token = now();
  switch (token.kind) {
    case TokenKind::name:
      if (token.text == "true" || token.text == "True")
        node->value = make_boolean(true);
      else if (token.text == "false" || token.text == "False")
        node->value = make_boolean(false);
      else if (token.text == "none" || token.text == "None")
        node->value = make_none();
      else {
        node->kind = NodeKind::name;
        node->names.push_back(intern(token.text));
        use_name(token.text);
      }
      break;
    case TokenKind::string: {
      std::string text = token.text;
      for (; after().is(TokenKind::string); advance()) text += after().text;
      node->value = make_text(std::move(text));
      break;
    }
    case TokenKind::integer:
      node->value = make_integer(token.integer);
      break;
    case TokenKind::real:
      node->value = make_real(token.real);
      break;
    default:
      if (skip_symbol("(")) {
        TRY(NodePtr tuple, parse_tuple(true, true));
        TRY_DONE(expect_symbol(")"));
        return tuple;
      }
      if (token.is_symbol("[")) return parse_list();
      if (token.is_symbol("{")) return parse_dict();
      return wrong("an expression");
  }
  advance();
  return node;
}

Result<NodePtr> Parser::parse_list() {
  NodePtr node = make(NodeKind::list);
  advance();
  while (!now().is_symbol("]")) {
    if (!node->kids.empty()) TRY_DONE(expect_symbol(","));
    if (now().is_symbol("]")) break;
    TRY(NodePtr item, parse_expression());
    node->kids.push_back(std::move(item));
  }
  TRY_DONE(expect_symbol("]"));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_dict() {
  NodePtr node = make(NodeKind::dict);
  advance();
  while (!now().is_symbol("}")) {
    if (!node->kids.empty()) TRY_DONE(expect_symbol(","));
    if (now().is_symbol("}")) break;
    TRY(NodePtr key, parse_expression());
    TRY_DONE(expect_symbol(":"));
    TRY(NodePtr value, parse_expression());
    node->kids.push_back(std::move(key));
    node->kids.push_back(std::move(value));
  }
  TRY_DONE(expect_symbol("}"));
  return seal(std::move(node));
}

bool Parser::ends_tuple(std::string_view end_word) const {
  return now().is(TokenKind::variable_end) || now().is(TokenKind::block_end) || now().is_symbol(")") ||
         (!end_word.empty() && now().is_name(end_word));
}

// Expressions with commas between: a tuple when there is a comma; nothing at all only between parentheses.
Result<NodePtr> Parser::parse_tuple(bool conditional, bool parentheses, std::string_view end_word) {
  const Nesting nesting(depth_);
  NodePtr node = make(NodeKind::tuple);
  bool is_tuple = false;
  while (true) {
    if (!node->kids.empty()) TRY_DONE(expect_symbol(","));
    if (ends_tuple(end_word)) break;
    TRY(NodePtr item, conditional ? parse_expression() : parse_logic(0));
    node->kids.push_back(std::move(item));
    if (!now().is_symbol(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && !node->kids.empty()) return std::move(node->kids[0]);
  if (!is_tuple && !parentheses) return wrong("an expression");
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_postfix(NodePtr node) {
  while (true) {
    if (now().is_symbol(".")) {
      TRY(node, parse_dot(std::move(node)));
    } else if (now().is_symbol("[")) {
      TRY(node, parse_subscript(std::move(node)));
    } else if (now().is_symbol("(")) {
      TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

Result<NodePtr> Parser::parse_filters(NodePtr node) {
  while (true) {
    if (now().is_symbol("|")) {
      TRY(node, parse_filter(std::move(node)));
    } else if (now().is_name("is")) {
      TRY(node, parse_test(std::move(node)));
    } else if (now().is_symbol("(")) {
      TRY(node, parse_call(std::move(node)));
    } else {
      return node;
    }
  }
}

// object.name, or object.0
Result<NodePtr> Parser::parse_dot(NodePtr object) {
  NodePtr node = make(NodeKind::attribute);
  advance();
  node->kids.push_back(std::move(object));
  if (now().is(TokenKind::integer)) {
    NodePtr index = make(NodeKind::constant);
    index->value = make_integer(now().integer);
    advance();
    node->kind = NodeKind::item;
    node->kids.push_back(std::move(index));
    return seal(std::move(node));
  }
  TRY(node->text, take_name("the name of an attribute"));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_subscript(NodePtr object) {
  NodePtr node = make(NodeKind::item);
  advance();
  if (now().is_symbol(":")) return parse_slice(std::move(object), nullptr);
  TRY(NodePtr first, parse_expression());
  if (now().is_symbol(":")) return parse_slice(std::move(object), std::move(first));
  if (now().is_symbol(",")) {
    NodePtr tuple = make(NodeKind::tuple);
    tuple->kids.push_back(std::move(first));
    while (skip_symbol(",")) {
      TRY(NodePtr next, parse_expression());
      tuple->kids.push_back(std::move(next));
    }
    TRY(first, seal(std::move(tuple)));
  }
  TRY_DONE(expect_symbol("]"));
  node->kids.push_back(std::move(object));
  node->kids.push_back(std::move(first));
  return seal(std::move(node));
}

// At the ':' of object[first:last:step].
Result<NodePtr> Parser::parse_slice(NodePtr object, NodePtr first) {
  NodePtr node = make(NodeKind::slice);
  node->kids.push_back(std::move(object));
  node->kids.push_back(std::move(first));
  for (int part = 0; part < 2; ++part) {
    NodePtr bound;
    if (skip_symbol(":") && !now().is_symbol(":") && !now().is_symbol("]")) {
      TRY(bound, parse_expression());
    }
    node->kids.push_back(std::move(bound));
  }
  TRY_DONE(expect_symbol("]"));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_call(NodePtr callee) {
  NodePtr node = make(NodeKind::call);
  node->kids.push_back(std::move(callee));
  TRY_DONE(parse_arguments(*node));
  return seal(std::move(node));
}

Result<Done> Parser::parse_arguments(Node& node) {
  TRY_DONE(expect_symbol("("));
  for (bool first = true; !now().is_symbol(")"); first = false) {
    if (!first) TRY_DONE(expect_symbol(","));
    if (now().is_symbol(")")) break;
    if (!node.spread_named && !node.spread && skip_symbol("*")) {
      TRY(node.spread, parse_expression());
    } else if (!node.spread_named && skip_symbol("**")) {
      TRY(node.spread_named, parse_expression());
    } else if (!node.spread_named && now().is(TokenKind::name) && after().is_symbol("=")) {
      std::string name = now().text;
      advance();
      advance();
      TRY(NodePtr value, parse_expression());
      node.named.emplace_back(std::move(name), std::move(value));
    } else if (node.spread || node.spread_named || !node.named.empty()) {
      return wrong("named arguments after the first named one");
    } else {
      TRY(NodePtr value, parse_expression());
      node.arguments.push_back(std::move(value));
    }
  }
  return expect_symbol(")");
}

// At '|', or at the first name of a filter block.
Result<NodePtr> Parser::parse_filter(NodePtr value) {
  NodePtr node = make(NodeKind::filter);
  skip_symbol("|");
  TRY(node->text, take_dotted_name("the name of a filter"));
  node->builtin = find_filter(node->text);
  if (!node->builtin) unknown_.push_back({"filter '" + node->text + "'", node->line});
  node->kids.push_back(std::move(value));
  if (now().is_symbol("(")) TRY_DONE(parse_arguments(*node));
  return seal(std::move(node));
}

// value is [not] name, name(arguments) or name argument.
Result<NodePtr> Parser::parse_test(NodePtr value) {
  constexpr TokenKind kArguments[] = {TokenKind::name, TokenKind::string, TokenKind::integer, TokenKind::real};
  NodePtr node = make(NodeKind::test);
  NodePtr negation = make(NodeKind::logic_not);
  advance();
  const bool negated = skip_name("not");
  TRY(node->text, take_dotted_name("the name of a test"));
  node->builtin = find_test(node->text);
  if (!node->builtin) unknown_.push_back({"test '" + node->text + "'", node->line});
  node->kids.push_back(std::move(value));
  const bool is_word = now().is_name("else") || now().is_name("or") || now().is_name("and");
  if (now().is_symbol("(")) {
    TRY_DONE(parse_arguments(*node));
  } else if (!is_word && (std::find(std::begin(kArguments), std::end(kArguments), now().kind) != std::end(kArguments) ||
                          now().is_symbol("[") || now().is_symbol("{"))) {
    if (now().is_name("is")) return wrong("one test only");
    TRY(NodePtr argument, parse_primary());
    TRY(argument, parse_postfix(std::move(argument)));
    node->arguments.push_back(std::move(argument));
  }
  TRY(node, seal(std::move(node)));
  if (!negated) return node;
  negation->kids.push_back(std::move(node));
  return seal(std::move(negation));
}

}  // namespace hearth::jinja
