// KV pages: 16 positions each; where an element of a key or a value lies in its state, and how it is read.
//
// Keys:   [page][head][d][slot]   so that 16 scores are computed side by side
// Values: [page][head][slot][d]   so that a row of output is summed side by side
//
// A state of f16 holds the elements alone. A state of bytes (q8_0) holds int8 codes in the same order and, after the codes of
// each page and head, an f16 scale [group of d][slot] for every up to 32 neighbours in d: x is within scale / 2 of scale * code.
#pragma once

#include "ir/loop.h"

namespace hearth {

inline constexpr int kPageTokens = 16;
inline constexpr int kMostGroup = 32;    // elements that share a scale

enum class KvPart { key, value };

struct KvPages {
  KvPart part = KvPart::key;
  DType dtype = DType::f16;              // of the state: f16, f32 or u8
  int64_t heads = 0, size = 0;           // size: D

  bool has_scales() const { return dtype == DType::u8; }
  // The largest power of two up to 32 that divides a row.
  int64_t group() const {
    int64_t group = kMostGroup;
    while (size % group != 0) group /= 2;
    return group;
  }
  int64_t codes() const { return size * kPageTokens; }                                   // elements of a page and head
  int64_t scales() const { return has_scales() ? size / group() * kPageTokens : 0; }     // f16
  int64_t page_elements() const { return heads * head_elements(); }                      // of the state's type

  Expr index(const Expr& page, const Expr& head, const Expr& slot, const Expr& d) const {
    const Expr base = (page * Expr(heads) + head) * Expr(head_elements());
    if (part == KvPart::key) return base + d * Expr(kPageTokens) + slot;
    return base + slot * Expr(size) + d;
  }
  // Bytes of a page and head, which lie together.
  int64_t head_bytes() const { return head_elements() * bytes_of(dtype); }
  // In units of f16.
  Expr scale_index(const Expr& page, const Expr& head, const Expr& slot, const Expr& d) const {
    return (page * Expr(heads) + head) * Expr(head_elements() / 2) + Expr(codes() / 2) + d / Expr(group()) * Expr(kPageTokens) + slot;
  }
  // f32 [16]: element d of the page's keys.
  Expr keys(const Buffer& state, const Expr& page, const Expr& head, const Expr& d) const {
    const Type numbers{DType::f32, kPageTokens};
    const Expr codes = load_as({stored(), kPageTokens}, state, index(page, head, Expr(0), d));
    if (!has_scales()) return cast(numbers, codes);
    return cast(numbers, codes) * cast(numbers, load_as({DType::f16, kPageTokens}, state, scale_index(page, head, Expr(0), d)));
  }
  // f32 [lanes]: elements d .. d + lanes of one position's value; lanes divide the group.
  Expr values(const Buffer& state, const Expr& page, const Expr& head, const Expr& slot, const Expr& d, int lanes) const {
    const Type numbers{DType::f32, lanes};
    const Expr codes = load_as({stored(), lanes}, state, index(page, head, slot, d));
    if (!has_scales()) return cast(numbers, codes);
    const Expr scale = cast(DType::f32, load_as({DType::f16, 1}, state, scale_index(page, head, slot, d)));
    return cast(numbers, codes) * broadcast(scale, lanes);
  }

 private:
  int64_t head_elements() const { return codes() + scales() * 2; }
  DType stored() const { return has_scales() ? DType::i8 : dtype; }
};

}  // namespace hearth
