#!/usr/bin/env bash
# Every SDK: built, packed, installed from its package and tested against the real binary.
set -uo pipefail
cd "$(dirname "$0")/.."
cargo build --locked -p valetkey-cli || exit 1
export VALETKEY_BIN="${VALETKEY_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/valetkey}"
status=0
for suite in sdk/*/test.sh; do
  echo "── $(basename "$(dirname "$suite")")"
  bash "$suite" || status=1
done
exit $status
