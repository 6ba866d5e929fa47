// Runs a list of kernel calls over shared blocks of memory and writes every block back.
//
//   player CODE.so LIST OUT
//   list: i64 count, sizes...; i64 count, blocks as i64 bytes, bytes; i64 count, calls as name[64], i64 extent,
//   i64 count, block numbers...
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef void kernel_fn(void* const* buffers, const int64_t* sizes, int64_t first, int64_t last);

#define MOST 4096
static void* blocks[MOST];
static int64_t bytes[MOST], block_count;

static int64_t number(FILE* in) {
  int64_t value = -1;
  return fread(&value, sizeof value, 1, in) == 1 ? value : -1;
}

static int play_one(void* code, const int64_t* sizes, FILE* in) {
  char name[64];
  void* buffers[64];
  if (fread(name, sizeof name, 1, in) != 1) return 0;
  const int64_t extent = number(in), count = number(in);
  if (count < 0 || count > 64) return 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t block = number(in);
    if (block < 0 || block >= block_count) return 0;
    buffers[i] = blocks[block];
  }
  kernel_fn* kernel = (kernel_fn*)dlsym(code, name);
  if (!kernel) return fprintf(stderr, "no kernel %s\n", name), 0;
  kernel(buffers, sizes, 0, extent);
  return 1;
}

int main(int argc, char** argv) {
  int64_t sizes[64];
  if (argc != 4) return 2;
  void* code = dlopen(argv[1], RTLD_NOW);
  if (!code) return fprintf(stderr, "%s\n", dlerror()), 3;
  FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
  if (!in || !out) return 4;
  const int64_t size_count = number(in);
  if (size_count < 0 || size_count > 64 || fread(sizes, 8, size_count, in) != (size_t)size_count) return 5;
  block_count = number(in);
  if (block_count < 0 || block_count > MOST) return 5;
  for (int64_t i = 0; i < block_count; ++i) {
    bytes[i] = number(in);
    if (bytes[i] < 0 || !(blocks[i] = aligned_alloc(64, (bytes[i] + 127) / 64 * 64))) return 6;
    if (fread(blocks[i], 1, bytes[i], in) != (size_t)bytes[i]) return 6;
  }
  for (int64_t i = 0, calls = number(in); i < calls; ++i)
    if (!play_one(code, sizes, in)) return 7;
  for (int64_t i = 0; i < block_count; ++i) fwrite(blocks[i], 1, bytes[i], out);
  return fclose(out) != 0 ? 8 : 0;
}
