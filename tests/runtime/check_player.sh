#!/bin/sh
# Proves that hearth-player holds nothing of the compiler tower: check_player.sh PLAYER. Prints its stripped size.
set -eu
player=$1
fail() {
  echo "check_player: $1" >&2
  exit 1
}

# Libraries it needs, and what those need in turn.
needed=$(readelf -d "$player" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $needed $(ldd "$player" | awk '{print $1}'); do
  case $library in
    *LLVM* | *lld* | *clang* | *glslang*) fail "got $library, want no library of the compiler" ;;
  esac
done

# Symbols, defined or wanted: LLVM's and lld's namespaces, LLVM's C API, and the compiler tower's own entry points.
symbols=$(nm -C "$player" 2> /dev/null; nm -DC "$player")
[ -n "$symbols" ] || fail "$player has no symbols to look at, want one that is not stripped"
for pattern in 'llvm::' 'lld::' ' LLVMCreate' ' LLVMInit' 'hearth::emit(' 'hearth::lower' 'hearth::Target' 'hearth::Dim' 'hearth::Graph' \
  'hearth::bake(' 'hearth::open_checkpoint'; do
  if found=$(printf '%s\n' "$symbols" | grep -F -e "$pattern" | head -n 1) && [ -n "$found" ]; then
    fail "got the symbol '$found', want nothing of the compiler"
  fi
done
printf '%s\n' "$symbols" | grep -q 'hearth::Engine::' || fail "no symbol of the engine, want the runtime tower inside"

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$player"
echo "check_player: $(wc -c < "$stripped") bytes stripped, needs: $(echo $needed)"
