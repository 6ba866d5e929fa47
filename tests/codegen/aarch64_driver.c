// Runs kernels of a shared object under emulation: reads trials from a file, calls each, writes their buffers back.
//
//   aarch64_driver CODE.so TRIALS RESULTS
//   trial: name[64], i64 first, last, size count, buffer count, sizes..., then for each buffer: i64 bytes, bytes.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void kernel_fn(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

struct head {
  char name[64];
  int64_t first, last, sizes, buffers;
};

static int run_one(void* code, FILE* in, FILE* out) {
  struct head head;
  int64_t sizes[64], bytes[64];
  void* buffers[64];
  if (fread(&head, sizeof head, 1, in) != 1) return 0;
  if (head.sizes > 64 || head.buffers > 64 || fread(sizes, 8, head.sizes, in) != (size_t)head.sizes) return -1;
  for (int64_t i = 0; i < head.buffers; ++i) {
    if (fread(&bytes[i], 8, 1, in) != 1 || !(buffers[i] = malloc(bytes[i] + 1))) return -1;
    if (fread(buffers[i], 1, bytes[i], in) != (size_t)bytes[i]) return -1;
  }
  kernel_fn* kernel = (kernel_fn*)dlsym(code, head.name);
  if (!kernel) return -1;
  kernel(buffers, sizes, head.first, head.last);
  for (int64_t i = 0; i < head.buffers; ++i) {
    fwrite(buffers[i], 1, bytes[i], out);
    free(buffers[i]);
  }
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  void* code = dlopen(argv[1], RTLD_NOW);
  if (!code) return fprintf(stderr, "%s\n", dlerror()), 3;
  FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
  if (!in || !out) return 4;
  int state = 1;
  while (state == 1) state = run_one(code, in, out);
  return fclose(out) != 0 || state != 0 ? 5 : 0;
}
