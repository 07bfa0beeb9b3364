#!/usr/bin/env bash
# Checks the Java SDK, builds its jars (with sources and documentation, neither with a warning) and tests the jar: unit
# tests beside the source; then, in a project of its own that has the jar from the local repository, the conformance
# cases, the guide's snippets, the scenarios and the example against the real server. VALETKEY_BIN names the server's
# binary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

if ! command -v mvn >/dev/null 2>&1 || ! command -v javac >/dev/null 2>&1; then
  echo "sdk/java needs a JDK of Java 17 or newer and Maven 3.6 or newer: https://adoptium.net, https://maven.apache.org" >&2
  exit 1
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  for binary in "${CARGO_TARGET_DIR:-$root/target}"/{debug,release}/valetkey; do
    [ -x "$binary" ] && VALETKEY_BIN=$binary
  done
fi
if [ -z "${VALETKEY_BIN:-}" ]; then
  echo "sdk/java: no server to test against. Build one (cargo build -p valetkey-cli) or set VALETKEY_BIN." >&2
  exit 1
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
status=0

# Built in a copy, so that nothing is left in the source tree.
cp -r "$here" "$scratch/java"
cp "$root/LICENSE" "$scratch/java/LICENSE"
rm -rf "$scratch"/java/target "$scratch"/java/*/target "$scratch"/java/examples/*/target
cd "$scratch/java"
version=$(sed -n '0,/<version>/s/.*<version>\(.*\)<\/version>.*/\1/p' pom.xml)

export VALETKEY_BIN VALETKEY_CONFORMANCE="$root/sdk/conformance"
export VALETKEY_EXAMPLE="$scratch/java/examples/assistant/src/main/java/Assistant.java"
export VALETKEY_README="$here/README.md"
export VALETKEY_JAR="$scratch/java/target/valetkey-$version.jar"

mvn -B -ntp install >"$log" 2>&1 || status=1
if [ "$status" = 0 ]; then
  for example in examples/*/; do
    mvn -B -ntp -f "$example/pom.xml" compile >>"$log" 2>&1 || status=1
  done
  mvn -B -ntp -f consumer/pom.xml test >>"$log" 2>&1 || status=1
fi

# The line of each test class, not Maven's sums of them.
ran='Tests run: [0-9]+, Failures: [0-9]+, Errors: [0-9]+, Skipped: [0-9]+, Time elapsed'
count() { { grep -oE "$ran" "$log" || true; } | sed -E "s/.*$1: ([0-9]+).*/\1/" | awk '{n += $1} END {print n + 0}'; }
failed=$(($(count Failures) + $(count Errors)))
skipped=$(count Skipped)
passed=$(($(count 'Tests run') - failed - skipped))
if [ "$status" != 0 ] || [ "$failed" != 0 ] || [ "$skipped" != 0 ]; then
  grep -E '^\[(ERROR|WARNING)\]|^\s+at consumer|FAILURE|Exception' "$log" || cat "$log"
  status=1
fi
[ "$status" != 0 ] && [ "$failed" = 0 ] && failed=1
word=ok
[ "$status" = 0 ] || word=FAILED
echo "test result: $word. $passed passed; $failed failed; sdk/java"
exit "$status"
