// The words of the text form, shared by the printer and the parser; docs/IR.md is their grammar.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ir/loop.h"

namespace hearth::syntax {

struct InfixRow {
  BinaryOp op;
  std::string_view symbol;
  int precedence;  // larger binds tighter; all are left associative
};
// logical_and, logical_or on booleans only; min and max are calls.
inline constexpr InfixRow kInfix[] = {
    {BinaryOp::logical_or, "||", 1}, {BinaryOp::logical_and, "&&", 2}, {BinaryOp::bit_or, "|", 3},
    {BinaryOp::bit_xor, "^", 4},     {BinaryOp::bit_and, "&", 5},      {BinaryOp::eq, "==", 6},
    {BinaryOp::ne, "!=", 6},         {BinaryOp::lt, "<", 7},           {BinaryOp::le, "<=", 7},
    {BinaryOp::shl, "<<", 8},        {BinaryOp::shr, ">>", 8},         {BinaryOp::add, "+", 9},
    {BinaryOp::sub, "-", 9},         {BinaryOp::mul, "*", 10},         {BinaryOp::div, "/", 10},
    {BinaryOp::mod, "%", 10},
};
inline constexpr int kPrefixPrecedence = 11;  // - and !
inline constexpr int kAtomPrecedence = 12;

struct UnaryRow {
  UnaryOp op;
  std::string_view name;
};
inline constexpr UnaryRow kCalls[] = {
    {UnaryOp::abs, "abs"},     {UnaryOp::sqrt, "sqrt"},
    {UnaryOp::exp, "exp"},     {UnaryOp::log, "log"},
    {UnaryOp::sin, "sin"},     {UnaryOp::cos, "cos"},
    {UnaryOp::tanh, "tanh"},   {UnaryOp::erf, "erf"},
    {UnaryOp::floor, "floor"}, {UnaryOp::round_even, "round_even"},
};

struct LoopRow {
  LoopKind kind;
  std::string_view word;
};
inline constexpr LoopRow kLoops[] = {
    {LoopKind::serial, "serial"}, {LoopKind::parallel, "parallel"}, {LoopKind::independent, "independent"},
    {LoopKind::vector, "vector"}, {LoopKind::unrolled, "unrolled"}, {LoopKind::group, "group"},
    {LoopKind::thread, "thread"},
};

inline constexpr std::string_view kAccess[] = {"read", "write", "read_write"};                   // by Access
inline constexpr std::string_view kRoles[] = {"input", "output", "state", "weight", "scratch"};  // by Role

// Words that are no names unless quoted.
bool is_reserved(std::string_view word);
// Can `name` stand without quotes? Letters, digits, '_', '.'; no digit or dot first; not reserved.
bool is_plain_name(std::string_view name);
std::string quoted_if_needed(std::string_view name);
std::string type_text(Type type);
std::optional<Type> type_from(std::string_view text);  // "f32x8"

}  // namespace hearth::syntax
