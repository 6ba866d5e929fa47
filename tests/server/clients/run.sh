#!/bin/bash
# Official clients against the binary, in a copy in the build folder: run.sh BUILD install|test FILE. 77 means skipped.
set -u
source=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$source/../../.." && pwd -P)
build=$1/clients
what=$2

. "$root/tools/npm.sh"

case $what in
  install)
    mkdir -p "$build"
    cp "$source"/*.mjs "$source"/package*.json "$source"/.npmrc "$build"
    cd "$build" || exit 1
    install_modules
    ;;
  test)
    enter_modules "$build" clients.install
    XDG_CACHE_HOME=$build/cache HEARTH=$1/hearth HEARTH_ROOT=$root node --test "$3"
    ;;
  *) echo "run.sh BUILD install|test FILE" && exit 1 ;;
esac
