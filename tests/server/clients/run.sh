#!/bin/bash
# Official clients against the binary, in a copy in the build folder: run.sh BUILD install|test FILE. 77 means skipped.
set -u
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$source/../../.." && pwd -P)
build=$1/clients
what=$2

skip() {
  echo "skipped: $*"
  exit 77
}

command -v npm > /dev/null || skip "npm is not installed (Debian packages: nodejs npm)"

case $what in
  install)
    mkdir -p "$build"
    cp "$source"/*.mjs "$source"/package*.json "$source"/.npmrc "$build"
    cd "$build" || exit 1
    sha256sum package.json package-lock.json .npmrc > stamp.new
    if ! cmp -s stamp stamp.new; then
      rm -f stamp
      if ! npm ci --no-audit --no-fund; then
        npm ping > /dev/null 2>&1 || skip "the npm registry cannot be reached"
        exit 1
      fi
    fi
    mv stamp.new stamp
    ;;
  test)
    [ -f "$build/stamp" ] || skip "test clients.install did not run"
    cd "$build" || exit 1
    XDG_CACHE_HOME=$build/cache HEARTH=$1/hearth HEARTH_ROOT=$root node --test "$3"
    ;;
  *) echo "run.sh BUILD install|test FILE" && exit 1 ;;
esac
