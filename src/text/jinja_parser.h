// Words -> tree: Jinja's grammar by recursive descent.
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_lexer.h"

namespace hearth::jinja {

struct Dialect {
  bool generation_tag = false;  // `{% generation %}`: prints its body
};

Result<Program> parse_program(std::string_view source, const Dialect& dialect);

// The parser's state; jinja_parser.cpp reads statements, jinja_parse_expression.cpp expressions.
class Parser {
 public:
  Parser(std::vector<Token> tokens, const Dialect& dialect);
  Result<Program> run();

 private:
  using Parsed = Result<NodePtr>;
  using Words = std::initializer_list<std::string_view>;

  // statements
  Result<Block> parse_body(Words ends);
  Parsed parse_statement();
  Result<Block> parse_block(Words ends);
  Parsed parse_output();
  Parsed parse_if();
  Parsed parse_for();
  Parsed parse_set();
  Parsed parse_macro();
  Parsed parse_call_block();
  Parsed parse_filter_block();
  Parsed parse_with();
  Parsed parse_named_block();
  Parsed parse_generation();
  Parsed parse_refused();
  Parsed parse_jump();
  Result<Done> parse_signature(Node& macro);
  Parsed parse_target(bool with_attribute);
  Parsed parse_one_target(bool with_attribute);

  // expressions
  Parsed parse_expression();
  Parsed parse_conditional();
  Parsed parse_logic(int level);
  Parsed parse_not();
  Parsed parse_compare();
  Parsed parse_binary(int level);
  Parsed parse_concat(int level);
  Parsed parse_unary(bool with_filter);
  Parsed parse_primary();
  Parsed parse_list();
  Parsed parse_dict();
  Parsed parse_tuple(bool conditional, bool parentheses, std::string_view end_word = {});
  Parsed parse_postfix(NodePtr node);
  Parsed parse_filters(NodePtr node);
  Parsed parse_dot(NodePtr node);
  Parsed parse_subscript(NodePtr node);
  Parsed parse_slice(NodePtr node, NodePtr first);
  Parsed parse_call(NodePtr node);
  Parsed parse_filter(NodePtr node);
  Parsed parse_test(NodePtr node);
  Result<Done> parse_arguments(Node& node);

  // words
  const Token& now() const { return tokens_[at_]; }
  const Token& after() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  void advance();
  bool skip_symbol(std::string_view symbol);
  bool skip_name(std::string_view name);
  Result<Done> expect_symbol(std::string_view symbol);
  Result<Done> expect_name(std::string_view name);
  Result<std::string> take_name(std::string_view what);
  Result<std::string> take_dotted_name(std::string_view what);
  bool ends_tuple(std::string_view end_word) const;
  Error wrong(std::string_view want) const;

  NodePtr make(NodeKind kind) const;
  Parsed seal(NodePtr node) const;  // computes the height; refuses what is too deep
  int intern(const std::string& name);
  void use_name(const std::string& name);
  void forgive_unknown(size_t since);               // unknown filters inside a branch are errors when reached
  Result<Done> refuse_unknown(size_t since) const;  // elsewhere at once

  struct Unknown {
    std::string what;
    int line;
  };

  std::vector<Token> tokens_;
  size_t at_ = 0;
  Dialect dialect_;
  int depth_ = 0;
  int loops_ = 0;  // loops around, within the macro
  Program program_;
  std::vector<Unknown> unknown_;
  std::vector<MacroUses> macros_;  // macros around
};

}  // namespace hearth::jinja
