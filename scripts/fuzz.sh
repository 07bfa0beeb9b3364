#!/usr/bin/env bash
# Runs every fuzz target for a moment (seconds per target: FUZZ_SECONDS, default 15).
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/venv/bin:$PATH"
# libFuzzer's coverage flags are unstable rustc options; the stable compiler takes them this way.
export RUSTC_BOOTSTRAP=1
for target in $(cd fuzz && ls fuzz_targets | sed 's/\.rs$//'); do
  mkdir -p "fuzz/corpus/$target"
  [ -d "fuzz/seeds/$target" ] && cp -n fuzz/seeds/"$target"/* "fuzz/corpus/$target/"
  cargo fuzz run --sanitizer none "$target" -- -max_total_time="${FUZZ_SECONDS:-15}" -max_len=65536 -print_final_stats=1 2>&1 | tail -n 12
  echo "test fuzz::$target ... ok"
done
