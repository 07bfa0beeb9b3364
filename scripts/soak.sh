#!/usr/bin/env bash
# The trials of the refresh ledger at full length, and ten thousand simulations. Takes hours; SOAK names single trials.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/prepare.sh
server=$(mktemp -d)
chmod 711 "$server"
trap 'bash scripts/postgres.sh stop "$server/postgres"; rm -rf "$server"' EXIT
TEST_POSTGRES_URL=$(bash scripts/postgres.sh start "$server/postgres")
export TEST_POSTGRES_URL VALETKEY_SOAK=1
# shellcheck disable=SC2086
cargo test --locked -p valetkey-cli --test trials -- --nocapture --test-threads=1 ${SOAK:-}
SIMULATION_SEEDS=${SIMULATION_SEEDS:-10000} cargo test --locked -p valetkey-engine --test simulation -- --nocapture
cargo test --locked -p valetkey-engine --test rush -- --nocapture
