// Statements of a template: text, output, and the block tags.
#include "text/jinja_parser.h"

#include <algorithm>

#include "text/jinja_builtins.h"

namespace hearth::jinja {
namespace {

constexpr int kMaxNesting = 100;  // blocks or brackets open at once
constexpr int kMaxHeight = 400;   // of a tree: a + b + c + ... is one level a term

int height_of(const NodePtr& node) { return node ? node->height : 0; }

}  // namespace

Parser::Parser(std::vector<Token> tokens, const Dialect& dialect) : tokens_(std::move(tokens)), dialect_(dialect) {}

Result<Program> parse_program(std::string_view source, const Dialect& dialect) {
  TRY(std::vector<Token> tokens, tokenize(source));
  return Parser(std::move(tokens), dialect).run();
}

Result<Program> Parser::run() {
  TRY(program_.body, parse_body({}));
  TRY_DONE(refuse_unknown(0));
  return std::move(program_);
}

void Parser::advance() { at_ = std::min(at_ + 1, tokens_.size() - 1); }

bool Parser::skip_symbol(std::string_view symbol) {
  if (!now().is_symbol(symbol)) return false;
  advance();
  return true;
}

bool Parser::skip_name(std::string_view name) {
  if (!now().is_name(name)) return false;
  advance();
  return true;
}

Error Parser::wrong(std::string_view want) const {
  return error("line {}: got {}, want {}", now().line, describe(now()), want);
}

Result<Done> Parser::expect_symbol(std::string_view symbol) {
  if (!skip_symbol(symbol)) return wrong(fmt::format("'{}'", symbol));
  return Done{};
}

Result<Done> Parser::expect_name(std::string_view name) {
  if (!skip_name(name)) return wrong(fmt::format("'{}'", name));
  return Done{};
}

Result<std::string> Parser::take_name(std::string_view what) {
  if (!now().is(TokenKind::name)) return wrong(what);
  std::string name = now().text;
  advance();
  return name;
}

Result<std::string> Parser::take_dotted_name(std::string_view what) {
  TRY(std::string name, take_name(what));
  while (skip_symbol(".")) {
    TRY(const std::string part, take_name(what));
    name += "." + part;
  }
  return name;
}

NodePtr Parser::make(NodeKind kind) const {
  auto node = std::make_unique<Node>();
  node->kind = kind;
  node->line = now().line;
  return node;
}

Result<NodePtr> Parser::seal(NodePtr node) const {
  int below = std::max(height_of(node->spread), height_of(node->spread_named));
  for (const NodePtr& kid : node->kids) below = std::max(below, height_of(kid));
  for (const NodePtr& kid : node->arguments) below = std::max(below, height_of(kid));
  for (const auto& [name, kid] : node->named) below = std::max(below, height_of(kid));
  for (const Block& block : node->blocks)
    for (const NodePtr& kid : block) below = std::max(below, height_of(kid));
  node->height = below + 1;
  if (node->height > kMaxHeight) return error("line {}: got an expression of over {} levels", node->line, kMaxHeight);
  return node;
}

int Parser::intern(const std::string& name) {
  const auto it = std::find(program_.names.begin(), program_.names.end(), name);
  const auto number = static_cast<int>(it - program_.names.begin());
  if (it == program_.names.end()) program_.names.push_back(name);
  return number;
}

void Parser::use_name(const std::string& name) {
  for (MacroUses& uses : macros_) {
    uses.varargs |= name == "varargs";
    uses.kwargs |= name == "kwargs";
    uses.caller |= name == "caller";
  }
}

void Parser::forgive_unknown(size_t since) { unknown_.resize(std::min(since, unknown_.size())); }

Result<Done> Parser::refuse_unknown(size_t since) const {
  if (unknown_.size() <= since) return Done{};
  return error("line {}: got the unknown {}", unknown_[since].line, unknown_[since].what);
}

// Statements up to a tag of `ends`, which stays the current word; without ends, to the end of the template.
Result<Block> Parser::parse_body(Words ends) {
  Block block;
  const int line = now().line;
  while (!now().is(TokenKind::end)) {
    if (now().is(TokenKind::data)) {
      NodePtr node = make(NodeKind::data);
      node->value = make_text(now().text);
      advance();
      block.push_back(std::move(node));
      continue;
    }
    const bool tag = now().is(TokenKind::block_begin);
    advance();
    if (tag && now().is(TokenKind::name) && std::find(ends.begin(), ends.end(), now().text) != ends.end()) return block;
    if (++depth_ > kMaxNesting) return error("line {}: got blocks nested deeper than {}", now().line, kMaxNesting);
    TRY(NodePtr node, tag ? parse_statement() : parse_output());
    --depth_;
    block.push_back(std::move(node));
    if (!now().is(tag ? TokenKind::block_end : TokenKind::variable_end)) return wrong(tag ? "'%}'" : "'}}'");
    advance();
  }
  if (ends.size() > 0) return error("line {}: got a block without its end, want '{}'", line, *(ends.end() - 1));
  return block;
}

// The body of a block tag whose head has been read.
Result<Block> Parser::parse_block(Words ends) {
  skip_symbol(":");
  if (!now().is(TokenKind::block_end)) return wrong("'%}'");
  advance();
  return parse_body(ends);
}

Result<NodePtr> Parser::parse_statement() {
  struct Statement {
    std::string_view tag;
    Parsed (Parser::*parse)();
  };
  constexpr Statement kStatements[] = {
      {"if", &Parser::parse_if},         {"for", &Parser::parse_for},           {"set", &Parser::parse_set},
      {"macro", &Parser::parse_macro},   {"call", &Parser::parse_call_block},   {"filter", &Parser::parse_filter_block},
      {"with", &Parser::parse_with},     {"block", &Parser::parse_named_block}, {"break", &Parser::parse_jump},
      {"continue", &Parser::parse_jump}, {"include", &Parser::parse_refused},   {"import", &Parser::parse_refused},
      {"from", &Parser::parse_refused},  {"extends", &Parser::parse_refused},   {"autoescape", &Parser::parse_refused}};
  if (!now().is(TokenKind::name)) return wrong("the name of a tag");
  if (dialect_.generation_tag && now().is_name("generation")) return parse_generation();
  for (const Statement& one : kStatements)
    if (now().is_name(one.tag)) return (this->*one.parse)();
  return error("line {}: got the unknown tag '{}'", now().line, now().text);
}

Result<NodePtr> Parser::parse_output() {
  NodePtr node = make(NodeKind::output);
  TRY(NodePtr value, parse_tuple(true, false));
  node->kids.push_back(std::move(value));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_if() {
  NodePtr node = make(NodeKind::branch);
  const size_t since = unknown_.size();
  do {
    advance();  // if, elif
    TRY(NodePtr test, parse_tuple(false, false));
    node->kids.push_back(std::move(test));
    TRY(Block block, parse_block({"elif", "else", "endif"}));
    node->blocks.push_back(std::move(block));
  } while (now().is_name("elif"));
  if (skip_name("else")) {
    TRY(Block block, parse_block({"endif"}));
    node->blocks.push_back(std::move(block));
  }
  TRY_DONE(expect_name("endif"));
  forgive_unknown(since);
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_for() {
  NodePtr node = make(NodeKind::loop);
  advance();
  TRY(NodePtr target, parse_target(false));
  TRY_DONE(expect_name("in"));
  TRY(NodePtr items, parse_tuple(false, false, "recursive"));
  const size_t since = unknown_.size();
  NodePtr test;
  if (skip_name("if")) {
    TRY(test, parse_expression());
  }
  node->recursive = skip_name("recursive");
  node->kids.push_back(std::move(target));
  node->kids.push_back(std::move(items));
  node->kids.push_back(std::move(test));
  ++loops_;
  TRY(Block body, parse_block({"else", "endfor"}));
  --loops_;
  node->blocks.push_back(std::move(body));
  if (skip_name("else")) {
    TRY(Block other, parse_block({"endfor"}));
    node->blocks.push_back(std::move(other));
  }
  TRY_DONE(expect_name("endfor"));
  TRY_DONE(refuse_unknown(since));
  return seal(std::move(node));
}

// x = value, a, b = value, space.name = value, or the block form without '='.
Result<NodePtr> Parser::parse_set() {
  NodePtr node = make(NodeKind::set);
  advance();
  TRY(NodePtr target, parse_target(true));
  node->kids.push_back(std::move(target));
  if (skip_symbol("=")) {
    TRY(NodePtr value, parse_tuple(true, false));
    node->kids.push_back(std::move(value));
    return seal(std::move(node));
  }
  node->kind = NodeKind::set_block;
  NodePtr filters;
  while (now().is_symbol("|")) {
    TRY(filters, parse_filter(filters ? std::move(filters) : make(NodeKind::captured)));
  }
  node->kids.push_back(std::move(filters));
  TRY(Block body, parse_block({"endset"}));
  TRY_DONE(expect_name("endset"));
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_one_target(bool with_attribute) {
  constexpr std::string_view kConstants[] = {"true", "false", "none", "True", "False", "None"};
  NodePtr node = make(NodeKind::name);
  TRY(const std::string name, take_name("a name to assign to"));
  if (with_attribute && now().is_symbol(".")) {
    advance();
    NodePtr attribute = make(NodeKind::attribute);
    TRY(attribute->text, take_name("the name of an attribute"));
    node->names.push_back(intern(name));
    attribute->kids.push_back(std::move(node));
    return seal(std::move(attribute));
  }
  for (const std::string_view constant : kConstants)
    if (name == constant) return error("line {}: cannot assign to '{}'", node->line, name);
  node->names.push_back(intern(name));
  return seal(std::move(node));
}

// One target, or several with commas between (also in parentheses).
Result<NodePtr> Parser::parse_target(bool with_attribute) {
  NodePtr tuple = make(NodeKind::tuple);
  bool is_tuple = false;
  while (now().is(TokenKind::name) || now().is_symbol("(")) {
    if (!tuple->kids.empty() && now().is_name("in")) break;
    if (skip_symbol("(")) {
      if (++depth_ > kMaxNesting) return error("line {}: got targets nested deeper than {}", now().line, kMaxNesting);
      TRY(NodePtr inner, parse_target(with_attribute));
      --depth_;
      TRY_DONE(expect_symbol(")"));
      tuple->kids.push_back(std::move(inner));
    } else {
      TRY(NodePtr target, parse_one_target(with_attribute));
      tuple->kids.push_back(std::move(target));
    }
    if (!skip_symbol(",")) break;
    is_tuple = true;
  }
  if (tuple->kids.empty()) return wrong("a name to assign to");
  if (!is_tuple) return std::move(tuple->kids[0]);
  return seal(std::move(tuple));
}

Result<Done> Parser::parse_signature(Node& macro) {
  TRY_DONE(expect_symbol("("));
  bool defaults = false;
  while (!now().is_symbol(")")) {
    if (!macro.names.empty()) TRY_DONE(expect_symbol(","));
    TRY(const std::string name, take_name("the name of a parameter"));
    NodePtr value;
    if (skip_symbol("=")) {
      TRY(value, parse_expression());
      defaults = true;
    } else if (defaults) {
      return error("line {}: got '{}' without a default after parameters with one", now().line, name);
    }
    macro.names.push_back(intern(name));
    macro.kids.push_back(std::move(value));
  }
  return expect_symbol(")");
}

Result<NodePtr> Parser::parse_macro() {
  NodePtr node = make(NodeKind::macro);
  advance();
  TRY(node->text, take_name("the name of a macro"));
  intern(node->text);
  const size_t since = unknown_.size();
  const int loops = std::exchange(loops_, 0);
  macros_.emplace_back();
  TRY_DONE(parse_signature(*node));
  TRY(Block body, parse_block({"endmacro"}));
  TRY_DONE(expect_name("endmacro"));
  TRY_DONE(refuse_unknown(since));
  node->uses = macros_.back();
  macros_.pop_back();
  loops_ = loops;
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_call_block() {
  NodePtr node = make(NodeKind::call_block);
  NodePtr macro = make(NodeKind::macro);
  macro->text = "caller";
  advance();
  const size_t since = unknown_.size();
  const int loops = std::exchange(loops_, 0);
  if (now().is_symbol("(")) TRY_DONE(parse_signature(*macro));
  TRY(NodePtr call, parse_expression());
  if (call->kind != NodeKind::call) return error("line {}: got no call, want {{% call macro(...) %}}", node->line);
  macros_.emplace_back();
  TRY(Block body, parse_block({"endcall"}));
  TRY_DONE(expect_name("endcall"));
  TRY_DONE(refuse_unknown(since));
  macro->uses = macros_.back();
  macros_.pop_back();
  loops_ = loops;
  macro->blocks.push_back(std::move(body));
  TRY(macro, seal(std::move(macro)));
  node->kids.push_back(std::move(call));
  node->kids.push_back(std::move(macro));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_filter_block() {
  NodePtr node = make(NodeKind::filter_block);
  advance();
  const size_t since = unknown_.size();
  TRY(NodePtr filters, parse_filter(make(NodeKind::captured)));
  while (now().is_symbol("|")) {
    TRY(filters, parse_filter(std::move(filters)));
  }
  node->kids.push_back(std::move(filters));
  TRY(Block body, parse_block({"endfilter"}));
  TRY_DONE(expect_name("endfilter"));
  TRY_DONE(refuse_unknown(since));
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_with() {
  NodePtr node = make(NodeKind::scope);
  advance();
  while (!now().is(TokenKind::block_end) && !now().is(TokenKind::end)) {
    if (!node->kids.empty()) TRY_DONE(expect_symbol(","));
    TRY(NodePtr target, parse_one_target(false));
    TRY_DONE(expect_symbol("="));
    TRY(NodePtr value, parse_expression());
    node->kids.push_back(std::move(target));
    node->kids.push_back(std::move(value));
  }
  TRY(Block body, parse_block({"endwith"}));
  TRY_DONE(expect_name("endwith"));
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

// `{% block name %}`: nothing can override it here, so it is a scope.
Result<NodePtr> Parser::parse_named_block() {
  NodePtr node = make(NodeKind::scope);
  advance();
  TRY(const std::string name, take_name("the name of a block"));
  while (skip_name("scoped") || skip_name("required")) {
  }
  TRY(Block body, parse_block({"endblock"}));
  TRY_DONE(expect_name("endblock"));
  skip_name(name);
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_generation() {
  NodePtr node = make(NodeKind::scope);
  advance();
  TRY(Block body, parse_block({"endgeneration"}));
  TRY_DONE(expect_name("endgeneration"));
  node->blocks.push_back(std::move(body));
  return seal(std::move(node));
}

// Tags that would reach other templates: an error only when reached, as in Jinja.
Result<NodePtr> Parser::parse_refused() {
  NodePtr node = make(NodeKind::refused);
  node->text = fmt::format("the tag '{}' is refused: a chat template is one file", now().text);
  while (!now().is(TokenKind::block_end) && !now().is(TokenKind::end)) advance();
  return seal(std::move(node));
}

Result<NodePtr> Parser::parse_jump() {
  NodePtr node = make(now().is_name("break") ? NodeKind::loop_break : NodeKind::loop_continue);
  if (loops_ == 0) return error("line {}: got '{}' outside of a loop", now().line, now().text);
  advance();
  return seal(std::move(node));
}

}  // namespace hearth::jinja
