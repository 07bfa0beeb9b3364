#!/usr/bin/env bash
# Checks types and style, builds the package, installs its tarball in an empty folder and runs every test there: what is
# published is what is tested. VALETKEY_BIN names the server's binary. The last line counts the tests.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

if ! command -v npm >/dev/null 2>&1 || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 18) ? 0 : 1)'; then
  echo "sdk/javascript needs Node 20.18.1 or newer, and npm: https://nodejs.org" >&2
  exit 1
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  for binary in "${CARGO_TARGET_DIR:-$root/target}"/{debug,release}/valetkey; do
    [ -x "$binary" ] && VALETKEY_BIN=$binary
  done
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  echo "sdk/javascript: no server to test against. Build one (cargo build -p valetkey-cli) or set VALETKEY_BIN." >&2
  exit 1
fi
export VALETKEY_BIN CONFORMANCE="$root/sdk/conformance/cases"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# What tests put down while they are ended from outside goes with the rest.
mkdir "$scratch/tmp"
export TMPDIR=$scratch/tmp
status=0

cd "$here"
npm ci --no-audit --no-fund --silent
npx --no-install tsc -p tsconfig.json || status=1
npx --no-install biome check --error-on-warnings . || status=1
npm pack --silent --pack-destination "$scratch" >/dev/null
# The same versions as the lock file's, beside the package.
locked() {
  for name in "$@"; do
    echo "$name@$(node -p 'require("./package-lock.json").packages["node_modules/" + process.argv[1]].version' "$name")"
  done
}
mapfile -t beside < <(locked undici ai zod typescript @types/node)

cp -r test/. examples README.md "$scratch/"
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
# First alone, as most will: nothing else is needed to load it.
npm install --no-audit --no-fund --silent ./valetkey-*.tgz
node -e 'require("valetkey"); import("valetkey").then(({ VERSION }) => console.log(`valetkey ${VERSION} loads without peers`))' || status=1
npm install --no-audit --no-fund --silent --save-exact "${beside[@]}"
node --test --test-reporter=tap ./*.test.mjs >log 2>&1 || status=1

count() { sed -nE "s/^# $1 ([0-9]+)$/\1/p" log | tail -n 1; }
passed=$(count pass) failed=$(count fail) skipped=$(count skipped)
if [ "$status" != 0 ] || [ "${failed:-1}" != 0 ] || [ "${skipped:-1}" != 0 ]; then
  grep -A 40 '^not ok' log || tail -n 50 log
  status=1
fi
[ "$status" != 0 ] && [ "${failed:-0}" = 0 ] && failed=1
word=ok
[ "$status" = 0 ] || word=FAILED
echo "test result: $word. ${passed:-0} passed; $failed failed; sdk/javascript"
exit "$status"
