// The weight operand of a product as its readers see it: a quantization scheme's formulas over a layout.
#pragma once

#include "ops/op.h"

namespace hearth {

// `decode`: the node over the weight; `bytes`: its memory, u8.
WeightView weight_view(const Node& decode, Buffer bytes);

}  // namespace hearth
