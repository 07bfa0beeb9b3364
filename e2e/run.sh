#!/usr/bin/env bash
# The outermost ring: the real binary with official SDKs, emulated and strict third-party providers, and a browser.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --locked -p valetkey-cli
export VALETKEY_BIN="${VALETKEY_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/valetkey}"
cd e2e
exec ../.tools/venv/bin/python -m pytest -q --timeout 300 -p no:cacheprovider tests "$@"
