#!/usr/bin/env bash
# Builds wheel and sdist, checks them, installs the wheel into a fresh environment, and runs everything against it.
# The last line counts the tests.
#
#   VALETKEY_BIN           the server's binary; left out: that of `./x build` or a debug build; none: without a server
#   VALETKEY_TEST_PYTHONS  further interpreters ("python3.9 python3.13") that run the tests without frameworks and server
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
root=$(cd ../.. && pwd)
work=$root/.tools/sdk-python
tools=$work/tools/bin
started=$SECONDS
mkdir -p "$work"

if [ -z "${VALETKEY_BIN:-}" ]; then
  target=${CARGO_TARGET_DIR:-$root/target}
  for candidate in "$target/release/valetkey" "$target/debug/valetkey"; do
    [ -x "$candidate" ] && VALETKEY_BIN=$candidate && break
  done
fi
case "${VALETKEY_BIN:-}" in
  "") echo "There is no server to test against. Run ./x build first, or name one: VALETKEY_BIN=PATH (none: without)." >&2; exit 1 ;;
  none) unset VALETKEY_BIN ;;
  *) export VALETKEY_BIN ;;
esac

# What the checks need, pinned; kept as long as the list stays the same.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "The checks need Python 3.10 or newer as python3." >&2; exit 1; }
if ! cmp -s tests/requirements.txt "$work/tools/.stamp"; then
  rm -rf "$work/tools"
  python3 -m venv "$work/tools"
  "$tools/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt "$work/tools/.stamp"
fi

echo "── lint"
"$tools/python" scripts/sync.py --check
"$tools/ruff" format --quiet --no-cache --check src tests scripts examples
"$tools/ruff" check --quiet --no-cache src tests scripts examples
"$tools/mypy" --cache-dir "$work/mypy"

echo "── build"
rm -rf "$work/dist"
"$tools/python" -m build --no-isolation --outdir "$work/dist" . >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
"$tools/twine" check --strict "$work"/dist/* >"$work/build.log" || { cat "$work/build.log"; exit 1; }
wheel=$(echo "$work"/dist/*.whl)
basename -a "$work"/dist/*

passed=0 failed=0 skipped=0
count() { # word, line
  sed -nE "s/.*[^0-9]([0-9]+) $1.*/\1/p" <<<" $2" | head -n1
}
# Runs pytest and adds up what it counts; its own last line is left to the end.
run() { # name, python, arguments…
  local name=$1 python=$2 line status=0
  shift 2
  echo "── $name"
  # Nothing of the source tree may be imported: tests see the installed package alone.
  (cd tests && env -u PYTHONPATH "$python" -c 'import sys, valetkey; sys.exit("site-packages" not in valetkey.__file__)')
  (cd tests && env -u PYTHONPATH "$python" -B -m pytest -q --timeout 120 -c "$here/pyproject.toml" --rootdir "$here" "$@") >"$work/out" 2>&1 || status=$?
  line=$(tail -n1 "$work/out")
  sed '$d' "$work/out"
  passed=$((passed + $(count passed "$line" || true)+0))
  failed=$((failed + $(count failed "$line" || true)+0 + $(count 'errors?' "$line" || true)+0))
  skipped=$((skipped + $(count skipped "$line" || true)+0))
  if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
    failed=1
    echo "$line"
  fi
}

# A fresh environment with the wheel, what it depends on, and pytest.
fresh() { # python, folder, constraints…
  local python=$1 folder=$2
  shift 2
  "$python" -m venv --clear "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" "$wheel" pytest pytest-timeout
}

fresh python3 "$work/fresh" -c tests/requirements.txt
run "wheel in a fresh environment" "$work/fresh/bin/python" --ignore test_adapters.py

"$tools/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$wheel"
VALETKEY_TEST_ALL_ADAPTERS=1 run "wheel beside the frameworks" "$tools/python" test_adapters.py

for python in ${VALETKEY_TEST_PYTHONS:-}; do
  fresh "$python" "$work/fresh-$(basename "$python")"
  run "wheel with $("$python" -V)" "$work/fresh-$(basename "$python")/bin/python" test_conformance.py test_network.py test_package.py
done

line="$passed passed"
[ "$failed" = 0 ] || line="$failed failed, $line"
[ "$skipped" = 0 ] || line="$line, $skipped skipped"
echo "$line in $((SECONDS - started)).0s"
[ "$failed" = 0 ]
