#!/usr/bin/env bash
# Runs the rings in order, fast ones first, and ends with one plain summary.
# Usage: scripts/test.sh [lint|unit|fuzz|e2e|sdk]…   (none: all of them)
set -uo pipefail
cd "$(dirname "$0")/.."
rings=("$@")
[ ${#rings[@]} -gt 0 ] || rings=(lint unit fuzz e2e sdk)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
declare -a summary
total_passed=0
total_failed=0

run() { # ring, command…
  local ring=$1 started=$SECONDS status passed failed
  shift
  echo "── $ring"
  "$@" 2>&1 | tee "$logs/$ring"
  status=${PIPESTATUS[0]}
  # cargo test, pytest, node:test and the fuzz script each count in their own words.
  passed=$(awk '
    /^test result:/ { for (i = 1; i <= NF; i++) if ($i == "passed;") n += $(i-1) }
    /^(=+ )?[0-9]+ (passed|failed|error).* in [0-9.]+s/ { for (i = 1; i <= NF; i++) if ($i ~ /^passed/) n += $(i-1) }
    /^(#|ℹ) pass [0-9]+/ { n += $3 }
    /^test fuzz::.* ok$/ { n += 1 }
    END { print n + 0 }' "$logs/$ring")
  failed=$(awk '
    /^test result:/ { for (i = 1; i <= NF; i++) if ($i == "failed;") n += $(i-1) }
    /^(=+ )?[0-9]+ (passed|failed|error).* in [0-9.]+s/ { for (i = 1; i <= NF; i++) if ($i ~ /^(failed|error)/) n += $(i-1) }
    /^(#|ℹ) fail [0-9]+/ { n += $3 }
    END { print n + 0 }' "$logs/$ring")
  if [ "$ring" = lint ]; then
    if [ "$status" = 0 ]; then passed=1 failed=0; else passed=0 failed=1; fi
  fi
  [ "$status" != 0 ] && [ "$failed" = 0 ] && failed=1
  total_passed=$((total_passed + passed))
  total_failed=$((total_failed + failed))
  summary+=("$(printf '%-6s %5d passed %4d failed %6d s' "$ring" "$passed" "$failed" $((SECONDS - started)))")
}

# The tests of the storage on PostgreSQL need a server: one to throw away, unless TEST_POSTGRES_URL names another.
unit() (
  if [ -z "${TEST_POSTGRES_URL:-}" ]; then
    server=$(mktemp -d)
    # The server runs as another user when this runs as root.
    chmod 711 "$server"
    trap 'bash scripts/postgres.sh stop "$server/postgres"; rm -rf "$server"' EXIT
    TEST_POSTGRES_URL=$(bash scripts/postgres.sh start "$server/postgres") || exit 1
    export TEST_POSTGRES_URL
  fi
  cargo test --workspace --locked --no-fail-fast
)

bash scripts/prepare.sh || exit 1
for ring in "${rings[@]}"; do
  case $ring in
    lint) run lint bash scripts/lint.sh ;;
    unit) run unit unit ;;
    fuzz) run fuzz bash scripts/fuzz.sh ;;
    e2e) run e2e bash e2e/run.sh ;;
    sdk) run sdk bash scripts/sdk.sh ;;
    *) echo "unknown ring \"$ring\": lint, unit, fuzz, e2e or sdk" >&2; exit 2 ;;
  esac
done

echo
printf '%s\n' "${summary[@]}"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" = 0 ]
