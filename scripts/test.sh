#!/usr/bin/env bash
# Set up an environment of its own and pass all tests: kernels compiled, kernels interpreted, notebook.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${VENV:-.venv-test}"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -e '.[test]'
export OMP_NUM_THREADS=1
"$venv/bin/python" -m pytest
kernels=(admit cache careful_memory clusters credit dense diagnostics draw estimators features fresh fusion lexical linucb memory metrics near_memory oracles page popular popular_by propensity_check rank_features replay_intervals rng slate_estimators text
    topic_world union users)
files=("${kernels[@]/#/tests/test_}")
files=("${files[@]/%/.py}")
NUMBA_DISABLE_JIT=1 "$venv/bin/python" -m pytest -m "not soak and not compiled" "${files[@]}"
"$venv/bin/python" -m pytest -o addopts= --nbmake --nbmake-timeout=600 notebooks
