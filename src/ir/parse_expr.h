// The parser of expressions, the lower half of the parser of loop programs.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ir/lexer.h"
#include "ir/loop.h"

namespace hearth {

// Reads tokens; knows the variables and buffers in scope. Trees deeper than kMaxDepth are refused, so that whoever
// walks a parsed program may recurse.
class ExprParser {
 public:
  static constexpr int kMaxNesting = 200;  // parentheses, calls, indices
  static constexpr int kMaxDepth = 1000;   // of a tree: a long sum is deep too

  ExprParser(std::string_view source, std::vector<Token> tokens) : source_(source), tokens_(std::move(tokens)) {}

  Result<Expr> parse();
  Result<Buffer> parse_buffer();  // a name in scope
  // The inside of [index] or [index where mask], brackets included.
  Result<std::vector<Expr>> parse_index();

  // Tokens.
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_.back(); }
  bool accept(std::string_view word);
  Result<Done> want(std::string_view word);
  Result<std::string> want_name(std::string_view what);
  Result<int64_t> want_integer(std::string_view what);  // may be negative
  Result<Type> want_type();
  Result<Dim> want_dim(std::string_view until);  // everything before the token `until`
  Error fail(std::string_view wanted) const;     // got <this token>, want <wanted>
  Error fail_at(size_t offset, std::string_view what) const { return syntax_error(source_, offset, what); }

  std::vector<std::pair<std::string, Type>> vars;  // innermost last
  std::vector<std::pair<std::string, Buffer>> buffers;

 private:
  struct Tree {
    Expr expr;
    int depth = 1;
  };
  Result<Tree> finish(ExprNode node, int depth, size_t offset);
  Result<Tree> parse_infix(int precedence, int nesting);
  Result<Tree> parse_prefix(int nesting);
  Result<Tree> parse_atom(int nesting);
  Result<Tree> parse_number();
  Result<Tree> parse_integer(const Token& token, std::string_view digits, Type type);
  Result<Tree> parse_bits();
  Result<Tree> parse_name(int nesting);
  Result<Tree> parse_load(int nesting);
  Result<Tree> parse_call(const Token& word, int nesting);
  Result<Tree> parse_call_args(ExprNode node, size_t args, int nesting, size_t offset);
  Result<std::vector<Tree>> parse_index(int nesting);

  std::string_view source_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace hearth
