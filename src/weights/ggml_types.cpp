// ggml's tensor types by id: which ones Hearth reads, and the names of the others for the error that refuses them.
#include "weights/gguf.h"

namespace hearth {
namespace {

const GgmlType kTypes[] = {
    {0, "F32", {"f32", 1, 4}},
    {1, "F16", {"f16", 1, 2}},
    {2, "Q4_0", {"q4_0", 32, 18}},
    {3, "Q4_1", {}},
    {4, "Q4_2 (removed from ggml)", {}},
    {5, "Q4_3 (removed from ggml)", {}},
    {6, "Q5_0", {}},
    {7, "Q5_1", {}},
    {8, "Q8_0", {"q8_0", 32, 34}},
    {9, "Q8_1", {}},
    {10, "Q2_K", {}},
    {11, "Q3_K", {}},
    {12, "Q4_K", {"q4_k", 256, 144}},
    {13, "Q5_K", {"q5_k", 256, 176}},
    {14, "Q6_K", {"q6_k", 256, 210}},
    {15, "Q8_K", {}},
    {16, "IQ2_XXS", {}},
    {17, "IQ2_XS", {}},
    {18, "IQ3_XXS", {}},
    {19, "IQ1_S", {}},
    {20, "IQ4_NL", {}},
    {21, "IQ3_S", {}},
    {22, "IQ2_S", {}},
    {23, "IQ4_XS", {}},
    {24, "I8", {}},
    {25, "I16", {}},
    {26, "I32", {}},
    {27, "I64", {}},
    {28, "F64", {}},
    {29, "IQ1_M", {}},
    {30, "BF16", {"bf16", 1, 2}},
    {31, "Q4_0_4_4 (removed from ggml)", {}},
    {32, "Q4_0_4_8 (removed from ggml)", {}},
    {33, "Q4_0_8_8 (removed from ggml)", {}},
    {34, "TQ1_0", {}},
    {35, "TQ2_0", {}},
    {36, "IQ4_NL_4_4 (removed from ggml)", {}},
    {37, "IQ4_NL_4_8 (removed from ggml)", {}},
    {38, "IQ4_NL_8_8 (removed from ggml)", {}},
    {39, "MXFP4", {}},
    {40, "NVFP4", {}},
    {41, "Q1_0", {}},
    {42, "Q2_0", {}},
};

}  // namespace

const GgmlType* ggml_type(uint32_t id) {
  for (const GgmlType& type : kTypes)
    if (type.id == id) return &type;
  return nullptr;
}

}  // namespace hearth
