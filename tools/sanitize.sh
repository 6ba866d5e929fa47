#!/bin/sh
# Runs the server whole under a sanitizer: tools/sanitize.sh [address|thread] [flags of ctest]; non-zero on a finding.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-address}
[ $# -gt 0 ] && shift
clang=${CLANG:-clang++-19}
build=build-sanitize-$kind
jobs=${JOBS:-$(nproc)}

case $kind in
  address) flags="address,undefined" ;;
  thread) flags="thread" ;;
  *) echo "sanitize: got '$kind', want address or thread" >&2 && exit 2 ;;
esac
cmake -S . -B "$build" -G Ninja -DCMAKE_CXX_COMPILER="$clang" -DCMAKE_C_COMPILER="$(echo "$clang" | sed 's/clang++/clang/')" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS="-fno-sanitize-recover=all" -DHEARTH_SANITIZE="$flags" \
  > "$build.log" 2>&1 || { cat "$build.log"; exit 1; }
mv "$build.log" "$build/configure.log"
ninja -C "$build" -j "$jobs" hearth test_runtime test_engine test_server

# A finding ends the program with a code of its own, so that the test fails; leaks are looked for when the server has ended.
# Code that models are compiled to is as it always is; how quick things are is not asked here.
export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1"
export UBSAN_OPTIONS="print_stacktrace=1"
export TSAN_OPTIONS="second_deadlock_stack=1:history_size=4"
ctest --test-dir "$build" -R '^(runtime|engine|server|clients)\.' -E 'is_quick' --output-on-failure --no-tests=error "$@"
