#!/usr/bin/env bash
# Set up an environment of its own and run the main job: the default study, its figures and report.
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${VENV:-.venv}"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check .
exec "$venv/bin/ltrr" simulate "$@"
