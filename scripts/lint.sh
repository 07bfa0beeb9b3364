#!/usr/bin/env bash
# Formatting, clippy, and what cargo-deny says of the dependencies.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --workspace --all-targets --locked -- -D warnings
export PATH="$PWD/.tools/venv/bin:$PATH"
if ! command -v cargo-deny >/dev/null 2>&1; then
  echo "cargo-deny is missing: run scripts/prepare.sh" >&2
  exit 1
fi
cargo deny --log-level error check bans licenses sources
# The advisory database is a git repository; where it cannot be reached, say so instead of passing silently.
if cargo deny --log-level error fetch db >/dev/null 2>&1; then
  cargo deny --log-level error check advisories
else
  echo "advisories: NOT CHECKED, the advisory database cannot be reached from here"
fi
bash scripts/house.sh
