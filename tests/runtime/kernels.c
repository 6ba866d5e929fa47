// Kernels in C with the signature that the code generator gives its own; the tests load them as a shared object.
#include <stdint.h>

#define KERNEL(name) \
  __attribute__((visibility("default"))) void name(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last)

// buffers: x, w, t: t = x * w[0..3] + 1, one row of 4 an iteration
KERNEL(scale) {
  (void)sizes;
  const float* x = buffers[0];
  const float* w = buffers[1];
  float* t = buffers[2];
  for (int64_t row = first; row < last; ++row)
    for (int64_t i = 0; i < 4; ++i) t[row * 4 + i] = x[row * 4 + i] * w[i] + 1.0f;
}

// buffers: t, k, y: y = t + k[0]; the first iteration counts the runs in k[0]. sizes[0] is the number of rows.
KERNEL(add_count) {
  const float* t = buffers[0];
  int32_t* k = buffers[1];
  float* y = buffers[2];
  for (int64_t part = first; part < last; ++part) {
    (void)part;
    k[0] += 1;
    for (int64_t i = 0; i < sizes[0] * 4; ++i) y[i] = t[i] + (float)k[0];
  }
}

// buffers: from, to: to[i] = from[(i + 1) % n] + 1, n = sizes[0]: wrong as soon as one call overtakes another
KERNEL(shift) {
  const int64_t* from = buffers[0];
  int64_t* to = buffers[1];
  const int64_t n = sizes[0];
  for (int64_t i = first; i < last; ++i) to[i] = from[(i + 1) % n] + 1;
}

// buffers: from, to: all of `shift` in one iteration
KERNEL(shift_whole) {
  const int64_t* from = buffers[0];
  int64_t* to = buffers[1];
  const int64_t n = sizes[0];
  for (int64_t part = first; part < last; ++part)
    for (int64_t i = 0; i < n; ++i) to[i] = from[(i + 1) % n] + 1;
}

KERNEL(nothing) { (void)buffers, (void)sizes, (void)first, (void)last; }
