#!/bin/sh
# Builds every fuzzer with clang and runs each on its corpus: tools/fuzz.sh [seconds each, 60] [reader...]; non-zero on a finding.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
clang=${CLANG:-clang++-19}
build=build-fuzz
jobs=${JOBS:-$(nproc)}

cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="$(echo "$clang" | sed 's/clang++/clang/')" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS="-fno-sanitize-recover=all" -DHEARTH_FUZZ=ON \
  -DHEARTH_SANITIZE=address,undefined,fuzzer-no-link > "$build.log" 2>&1 || { cat "$build.log"; exit 1; }
mv "$build.log" "$build/configure.log"
readers=${*:-$(ls tests/fuzz/fuzz_*.cpp | sed 's|.*/fuzz_\(.*\)\.cpp|\1|')}
ninja -C "$build" -j "$jobs" $(for reader in $readers; do echo "fuzz_$reader"; done)

# What a run discovers goes to the build folder; a finding is kept under findings/ to become a corpus file with its fix.
mkdir -p "$build/findings"
failed=""
for reader in $readers; do
  grown="$build/corpus/$reader"
  seeds="tests/fuzz/corpus/$reader"
  mkdir -p "$grown"
  [ -d "$seeds" ] || seeds=""
  dict="tests/fuzz/dict/$reader.dict"
  [ -f "$dict" ] && dict="-dict=$dict" || dict=""
  echo "fuzz: $reader for $seconds s"
  if ! "$build/fuzz_$reader" $dict -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=65536 \
      -print_final_stats=1 -artifact_prefix="$build/findings/$reader-" "$grown" $seeds > "$build/fuzz_$reader.log" 2>&1; then
    failed="$failed $reader"
    tail -n 60 "$build/fuzz_$reader.log"
  else
    grep -E "number_of_executed_units|peak_rss_mb" "$build/fuzz_$reader.log" | sed "s/^/fuzz: $reader: /"
  fi
done
if [ -n "$failed" ]; then
  echo "fuzz: findings in$failed; see $build/findings"
  exit 1
fi
echo "fuzz: no findings in $(echo $readers)"
