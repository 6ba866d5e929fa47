#!/bin/bash
# What ctest runs of the page, on a copy in the build folder: run.sh BUILD install|check|logic|fresh|browser|served. 77 means skipped.
set -u
source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$1/web-test
what=$2

. "$source/../../tools/npm.sh"

install() {
  mkdir -p "$build"
  find "$build" -mindepth 1 -maxdepth 1 ! -name node_modules ! -name stamp -exec rm -rf {} +
  tar -C "$source" --exclude=./node_modules --exclude=./dist -cf - . | tar -C "$build" -xf -
  cd "$build" || exit 1
  install_modules
}

ready() { enter_modules "$build" web.install; }

case $what in
  install) install ;;
  check) ready && npm run check ;;
  logic) ready && npm test ;;
  fresh)
    ready
    rm -rf dist
    npm run build || exit 1
    diff -r "$source/dist" dist > difference && exit 0
    cut -c1-300 difference | head -20
    echo "apps/web/dist is not what apps/web/src builds; run: (cd apps/web && npm ci && npm run build) and commit dist"
    exit 1
    ;;
  browser)
    ready
    chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
    [ -n "$chromium" ] || skip "no Chromium (Debian package: chromium)"
    [ -d dist ] || cp -r "$source/dist" dist
    CHROMIUM=$chromium node test/browser.mjs --shots "$build/shots"
    ;;
  served)
    ready
    chromium=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}
    [ -n "$chromium" ] || skip "no Chromium (Debian package: chromium)"
    XDG_CACHE_HOME=$build/cache "$1/hearth" serve "$source/../../models/ember" --port 0 > served.log 2>&1 &
    server=$!
    trap 'kill $server 2> /dev/null' EXIT
    for _ in $(seq 100); do
      url=$(grep -o 'http://127.0.0.1:[0-9]*' served.log) && break
      sleep 0.2
    done
    [ -n "$url" ] || { cat served.log; exit 1; }
    BASE_URL=$url/ CHROMIUM=$chromium node test/browser.mjs --shots "$build/shots-served" || exit 1
    kill $server
    wait $server || { cat served.log; exit 1; }          # it ends in order, or a sanitizer says why not
    ;;
  *) echo "run.sh BUILD install|check|logic|fresh|browser|served" && exit 1 ;;
esac
