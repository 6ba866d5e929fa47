# What ./start and ./check share: packages of Debian 12, and a quiet build of build/. Sourced by bash; `root` is the checkout.
# shellcheck shell=bash disable=SC2034,SC2086,SC2154

# What the binary needs to build. ccache is used where it is there and not asked for.
build_packages="cmake ninja-build g++ pkg-config llvm-19-dev liblld-19-dev zlib1g-dev libzstd-dev libfmt-dev libcli11-dev
  nlohmann-json3-dev libsimdjson-dev libpcre2-dev libutf8proc-dev libboost-dev libspdlog-dev"
# What the tests need beside it: aarch64 code runs under emulation, the checks of the tree are Python.
test_packages="libgtest-dev python3 qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
# The chat page is built anew and driven in a browser; npm and Chromium from elsewhere are as good as Debian's.
command -v npm > /dev/null || test_packages+=" nodejs npm"
command -v chromium > /dev/null || test_packages+=" chromium"

trap 'exit 130' INT                      # Ctrl-C is no failed build

say() { echo "hearth: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# missing_packages NAME...: those not installed; nothing where there is no dpkg.
missing_packages() {
  command -v dpkg-query > /dev/null || return 0
  local installed name
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2> /dev/null | sed -n 's/^installed //p')
  for name in "$@"; do
    case $'\n'"$installed"$'\n' in
      *$'\n'"$name"$'\n'*) ;;
      *) echo "$name" ;;
    esac
  done
}

# install_packages NAME...: asks the registry only for what is missing.
install_packages() {
  local missing log asroot=""
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  missing=${missing//$'\n'/ }
  command -v apt-get > /dev/null || die "no apt-get here; install what these Debian packages hold: $missing"
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null || die "not root and no sudo; as root: apt-get install $missing"
    asroot="sudo"
  fi
  say "installing $missing"
  log=$(mktemp)
  apt_get() {
    $asroot env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
      < /dev/null >> "$log" 2>&1
  }
  # Lists that are absent or too old make the first try fail; lists of others' archives may fail and do not matter.
  if ! apt_get install --no-install-recommends $missing; then
    apt_get update || true
    if ! apt_get install --no-install-recommends $missing; then
      cat "$log" >&2
      rm -f "$log"
      die "the packages could not be installed; by hand: apt-get update && apt-get install $missing"
    fi
  fi
  rm -f "$log"
}

# As many compilers as there are cores, and no more than memory holds (the largest takes about 1 GB).
job_count() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1000000) }' /proc/meminfo 2> /dev/null)
  [ -n "$memory" ] && [ "$memory" -lt "$cores" ] && cores=$memory
  [ "$cores" -ge 1 ] && echo "$cores" || echo 1
}

# quietly LOG COMMAND...: its output goes to LOG; a terminal sees the last `[12/340]`, a failure the log (of ninja's, from
# what failed).
quietly() {
  local log=$1 status=0
  shift
  if [ -t 2 ]; then
    "$@" < /dev/null 2>&1 | tee "$log" | awk '
      /^\[[0-9]+\/[0-9]+\]/ { printf "\r\033[Khearth: building %s", $1 > "/dev/stderr"; shown = 1 }
      END { if (shown) printf "\r\033[K" > "/dev/stderr" }'
    status=${PIPESTATUS[0]}
  else
    "$@" < /dev/null > "$log" 2>&1 || status=$?
  fi
  [ "$status" = 0 ] && return 0
  if grep -q '^FAILED' "$log"; then sed -n '/^FAILED/,$p' "$log" >&2; else cat "$log" >&2; fi
  die "'$*' failed with $status; all of the log is in $log"
}

# configure FLAG...: a build folder made for another checkout or by a broken run is made anew.
configure() {
  local fresh="--fresh"
  if [ -f "$root/build/build.ninja" ] && grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$root/build/CMakeCache.txt"; then
    fresh=""
  fi
  mkdir -p "$root/build"
  (cd "$root" && quietly build/configure.log cmake --preset release $fresh "$@")
}

# build TARGET...
build() {
  quietly "$root/build/build.log" ninja -C "$root/build" -j "$(job_count)" "$@"
}
