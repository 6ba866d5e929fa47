# What the scripts of the JavaScript tests share: when they skip, and modules installed once. Sourced by bash.
# shellcheck shell=bash

skip() {
  echo "skipped: $*"
  exit 77
}

command -v npm > /dev/null || skip "npm is not installed (Debian packages: nodejs npm)"

# install_modules: node_modules of this folder, made anew only when what it is made from has changed.
install_modules() {
  sha256sum package.json package-lock.json .npmrc > stamp.new
  if ! cmp -s stamp stamp.new; then
    rm -f stamp
    if ! npm ci --no-audit --no-fund; then
      npm ping > /dev/null 2>&1 || skip "the npm registry cannot be reached"
      exit 1
    fi
  fi
  mv stamp.new stamp
}

# enter_modules FOLDER TEST: into a folder whose modules that test has installed.
enter_modules() {
  [ -f "$1/stamp" ] || skip "test $2 did not run"
  cd "$1" || exit 1
}
