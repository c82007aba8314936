#!/usr/bin/env bash
# What a newcomer meets: `npm start` and `npm test` in a Debian that has Node, Rust and a C linker and nothing else.
#
#   sudo scripts/fresh-machine.sh               on Node 20, 22, 24 and 26
#   sudo scripts/fresh-machine.sh 24            on these majors
#   sudo FRESH_USER=root scripts/fresh-machine.sh    as root; as a user without rights otherwise
#   sudo FRESH_HOME=none scripts/fresh-machine.sh    without a home, and with a folder for temporary files of an odd name
#
# It takes what is committed, by `git clone`. It needs root, debootstrap, the Rust toolchain of this machine, which it
# borrows, and npm, whose configuration and whose certificates it copies, as it copies cargo's. All of it is in
# FRESH_FOLDER, /var/tmp/rs-memusage-fresh by default, and stays there for the next time. It ends with one line for each
# Node, and with status 1 where one of them failed.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
folder=${FRESH_FOLDER:-/var/tmp/rs-memusage-fresh}
user=${FRESH_USER:-newcomer}
base=$folder/debian

main() {
  make_debian
  local majors=("$@") failed=0 outcomes=()
  [ ${#majors[@]} -gt 0 ] || majors=(20 22 24 26)
  for major in "${majors[@]}"; do
    make_node "$major"
    make_clone
    if inside "$major" start_and_test && is_clean; then outcomes+=("Node $major: good"); else
      outcomes+=("Node $major: FAILED")
      failed=1
    fi
  done
  printf '%s\n' "${outcomes[@]}"
  exit $failed
}

make_debian() {
  if [ ! -e "$base/.complete" ]; then
    rm -rf "$base"
    debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev bookworm "$base"
    chroot "$base" useradd --create-home newcomer
    touch "$base/.complete"
  fi
  mkdir -p "$base/opt/rust"
  cp /etc/resolv.conf /etc/hosts "$base/etc/"
  cp /etc/ssl/certs/ca-certificates.crt "$base/etc/ssl/certs/"
  cp "$(npm config get userconfig)" "$base/opt/npmrc" 2>/dev/null || : >"$base/opt/npmrc"
  cat "$(npm config get globalconfig)" >>"$base/opt/npmrc" 2>/dev/null || true
  mkdir -p "$base/opt/cargo"
  cp "${CARGO_HOME:-$HOME/.cargo}"/config.toml "$base/opt/cargo/" 2>/dev/null || true
  chroot "$base" chown -R "$user" /opt/cargo
}

# The npm package `node` holds the binary alone; npm comes beside it.
make_node() {
  local prefix=$base/opt/node-$1
  if [ ! -x "$prefix/node_modules/.bin/npm" ]; then
    mkdir -p "$prefix"
    echo '{ "private": true }' >"$prefix/package.json"
    npm install --prefix "$prefix" --no-audit --no-fund --save "node@$1" npm@11
  fi
}

make_clone() {
  local clone=$base/home/newcomer/rs-memusage
  rm -rf "$clone"
  git clone --quiet --no-hardlinks "$source" "$clone"
  chroot "$base" chown -R "$user" /home/newcomer/rs-memusage
}

# Runs a function of this script in there, with mounts that end with it, and no terminal.
inside() {
  local home=/home/newcomer temporary=/tmp
  if [ "${FRESH_HOME:-}" = none ]; then
    home=/nowhere temporary="/tmp/an odd 'näme"
  fi
  # Variables that tell npm, cargo and TLS how this machine reaches the network.
  local network
  mapfile -t network < <(env | grep -iE '^((https?|all|no)_proxy|npm_config_registry|CARGO_(HTTP|NET|REGISTRIES|SOURCE)_.*)=')
  env -i unshare --mount --pid --fork --propagation private bash -euc '
    base=$1 rust=$2; shift 2
    mount --bind "$rust" "$base/opt/rust"
    mount -t proc proc "$base/proc"
    mount --rbind /sys "$base/sys"
    mount --rbind /dev "$base/dev"
    exec chroot "$base" "$@" </dev/null
  ' - "$base" "$(rustc --print sysroot)" \
    setpriv --reuid="$user" --regid="$user" --init-groups \
    env -i "${network[@]}" HOME="$home" TMPDIR="$temporary" LANG=C.UTF-8 \
    PATH="/opt/node-$1/node_modules/.bin:/opt/rust/bin:/usr/bin:/bin" \
    CARGO_HOME=/opt/cargo npm_config_userconfig=/opt/npmrc npm_config_cache=/tmp/npm-cache \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    bash -euc "$(declare -f "$2"); cd /home/newcomer/rs-memusage; $2"
}

# As it stands in README.md.
start_and_test() {
  mkdir -p "$TMPDIR"
  node --version
  PORT=0 npm start >"$TMPDIR/start.log" 2>&1 &
  local server=$! address=
  while [ -z "$address" ]; do
    sleep 1
    address=$(sed -n 's/^Memory metrics server on //p' "$TMPDIR/start.log")
    kill -0 $server 2>/dev/null || { cat "$TMPDIR/start.log"; echo 'npm start: FAILED'; return 1; }
  done
  node -e 'fetch(process.argv[1] + "/status").then(async (answer) => {
    console.log(answer.status, (await answer.text()).slice(0, 200))
    process.exit(answer.ok ? 0 : 1)
  })' "$address"
  kill $server
  wait $server || { echo "npm start: ended with status $?"; return 1; }
  npm test
}

# Nothing that git knows has changed, package-lock.json above all.
is_clean() {
  local changed
  changed=$(git -c safe.directory='*' -C "$base/home/newcomer/rs-memusage" status --porcelain)
  [ -z "$changed" ] || { echo "changed by npm start and npm test: $changed"; return 1; }
}

main "$@"
