#!/usr/bin/env bash
# Builds the package, installs its tarball in an empty folder and runs the tests there: what is published is what is tested.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund --silent
npx --no-install tsc -p tsconfig.json
npx --no-install biome check --error-on-warnings .

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
npm pack --silent --pack-destination "$scratch" >/dev/null
cp test/*.mjs "$scratch/"
cd "$scratch"
echo '{"private": true, "type": "module"}' >package.json
npm install --no-audit --no-fund --silent --save-exact ./valetkey-*.tgz ai@6.0.325 zod@4.1.13
CONFORMANCE="$OLDPWD/../conformance/cases" node --test --test-reporter=tap ./*.test.mjs
