#!/usr/bin/env bash
# Checks the Go SDK, packs the module as a proxy serves it, and tests that zip: unit tests of the source with the race
# detector; then, in a module of its own that has nothing but the zip, the conformance cases, the guide's snippets, the
# scenarios and the example against the real server. VALETKEY_BIN names the server's binary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=v$(sed -n 's/^const Version = "\(.*\)"$/\1/p' "$here/client.go")

if ! command -v go >/dev/null 2>&1; then
  echo "sdk/go needs Go 1.24 or newer: https://go.dev/doc/install" >&2
  exit 1
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  for binary in "${CARGO_TARGET_DIR:-$root/target}"/{debug,release}/valetkey; do
    [ -x "$binary" ] && VALETKEY_BIN=$binary
  done
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  echo "sdk/go: no server to test against. Build one (cargo build -p valetkey-cli) or set VALETKEY_BIN." >&2
  exit 1
fi
export VALETKEY_BIN VALETKEY_CONFORMANCE="$root/sdk/conformance"
# A workspace around the checkout is nobody's business here.
export GOWORK=off

scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
log=$scratch/log
status=0

cd "$here"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
  printf 'not formatted:\n%s\n' "$unformatted"
  status=1
fi
go vet ./... || status=1
go test -race -count=1 -v . >"$log" 2>&1 || status=1

(cd pack && go vet . && go run . "$here" "$version" "$scratch/proxy")
cp -r consumer examples "$scratch/"
cp "$root/LICENSE" "$scratch/"
# From here on the module comes from its zip; a cache of its own keeps an older zip of the same version out.
export GOPROXY="file://$scratch/proxy" GOSUMDB=off GOFLAGS=-mod=mod GOMODCACHE="$scratch/modules"
for module in "$scratch"/examples/*; do
  (cd "$module" && go mod edit -dropreplace github.com/valetkey/valetkey/sdk/go && go vet .) || status=1
done
export VALETKEY_EXAMPLES="$scratch/examples" VALETKEY_README="$here/README.md"
(cd "$scratch/consumer" && go vet . && go test -race -count=1 -timeout 10m -v . >>"$log" 2>&1) || status=1

grep -qF "$GOMODCACHE" <(cd "$scratch/consumer" && go list -m -f '{{.Dir}}' github.com/valetkey/valetkey/sdk/go) || {
  echo "the tests did not use the packed module"
  status=1
}
passed=$(grep -cE '^ *--- PASS' "$log" || true)
failed=$(grep -cE '^ *--- FAIL' "$log" || true)
skipped=$(grep -cE '^ *--- SKIP' "$log" || true)
if [ "$status" != 0 ] || [ "$failed" != 0 ] || [ "$skipped" != 0 ]; then
  grep -vE '^(=== |ok )|^ *--- PASS' "$log" || true
  status=1
fi
[ "$status" != 0 ] && [ "$failed" = 0 ] && failed=1
word=ok
[ "$status" = 0 ] || word=FAILED
echo "test result: $word. $passed passed; $failed failed; sdk/go"
exit "$status"
