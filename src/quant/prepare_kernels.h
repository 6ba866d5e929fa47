// Kernels that run while a model is baked: weights in, weights as the serving kernels want them out.
//
// All are parallel over rows, panels or chunks, hold one tensor at a time, and are compiled like any other kernel.
#pragma once

#include "ir/loop.h"
#include "quant/layout.h"
#include "quant/scheme.h"

namespace hearth {

inline constexpr int kWidenChunk = 4096;                 // elements an iteration of widen_kernel

// source [rows * columns] of `source` type (read), bytes u8 (write): blocks in GGUF's row order. Sizes rows, columns
// (a multiple of the scheme's block). Extent: rows.
Kernel encode_kernel(const Scheme& scheme, DType source);

// source u8 (read): blocks in row order; row_map i64 [panels * layout.rows] (read): the source row of each packed row,
// -1 for a row of zero bytes; packed u8 (write): the layout's order. Sizes panels, blocks_per_row. Extent: panels.
Kernel pack_kernel(const Storage2D& storage, const Layout& layout);

// bytes u8 (read): blocks in row order; values f32 [rows * columns] (write). Sizes rows, columns. Extent: rows.
Kernel decode_kernel(const Scheme& scheme);

// source [elements] (read), values f32 [elements] (write). Size elements. Extent: ceil_div(elements, kWidenChunk).
Kernel widen_kernel(DType source);

}  // namespace hearth
