#!/usr/bin/env bash
# Every SDK: built, packed, installed from its package and tested against the real binary, one after the other.
# Usage: scripts/sdk.sh [go|java|javascript|python]…   (none: all of them)
set -uo pipefail
cd "$(dirname "$0")/.."
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(go java javascript python)
cargo build --locked -p valetkey-cli || exit 1
export VALETKEY_BIN="${VALETKEY_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/valetkey}"
# What prepare.sh brings where the machine's own is missing or too old.
[ -x .tools/go/bin/go ] && PATH=$PWD/.tools/go/bin:$PATH
node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 18) ? 0 : 1)' 2>/dev/null ||
  PATH=$PWD/e2e/node_modules/.bin:$PATH
export PATH
status=0
for suite in "${suites[@]}"; do
  started=$SECONDS
  echo "── $suite"
  bash "sdk/$suite/test.sh" || status=1
  echo "   $suite took $((SECONDS - started)) s"
done
exit $status
