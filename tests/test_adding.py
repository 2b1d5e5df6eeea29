"""Adding a component inside the package touches three files: its own, its registry, the ``__init__``."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OWN = ROOT / "docs" / "bring_your_own"

ADDED = {
    # group: (room, file, object, name, a piece of the registry, and what it becomes)
    "arms": ("retrieval", "my_arm", "Prefix", "prefix", "TrecRun,", 'TrecRun, "prefix": Prefix,'),
    "policies": (
        "bandits",
        "my_policy",
        "Softmax",
        "softmax",
        '"uniform":',
        '"softmax": Softmax, "uniform":',
    ),
    "rankers": (
        "ranking",
        "my_ranker",
        "Perceptron",
        "perceptron",
        '"prior":',
        '"perceptron": Perceptron, "prior":',
    ),
    "users": ("users", "my_user", "Glance", "glance", '"pbm":', '"glance": Glance, "pbm":'),
    "measures": ("metrics", "my_measure", "TOP_CLICK", "top_click", "STANDARD}", "(*STANDARD, TOP_CLICK)}"),
    "estimators": (
        "replay/estimators",
        "my_estimator",
        "CappedIPS",
        "capped-ips",
        " IPS,",
        " IPS, CappedIPS,",
    ),
}


def add(package, group):
    """Add a component of the page to a copy of the package, and return the files that were touched."""
    room, file, thing, _, piece, becomes = ADDED[group]
    folder = package / room
    module = f"ltrr.{room.replace('/', '.')}"
    own, registry, front = folder / f"{file}.py", folder / "registry.py", folder / "__init__.py"
    text = (OWN / own.name).read_text(encoding="utf-8")
    # a module of a room names what it needs by the module that holds it
    for outside, inside in {
        "from ltrr.retrieval import Arm": "from ltrr.retrieval.base import Arm",
        "from ltrr.bandits import BasePolicy": "from ltrr.bandits.base import BasePolicy",
        "from ltrr.users import TableUser, UserTables": "from ltrr.users.tables import TableUser, UserTables",
        "from ltrr.metrics import Measure": "from ltrr.metrics.measures import Measure",
    }.items():
        text = text.replace(outside, inside)
    own.write_text(text + f'\n\n__all__ = ["{thing}"]\n', encoding="utf-8")
    line = f"from {module}.{file} import {thing}\n"
    listed = registry.read_text(encoding="utf-8")
    assert piece in listed, f"{registry}: {piece}"
    listed = listed.replace(piece, becomes, 1).replace("\n__all__", f"{line}\n__all__", 1)
    registry.write_text(listed, encoding="utf-8")
    shown = front.read_text(encoding="utf-8")
    shown = shown.replace("\n__all__", f"{line}\n__all__", 1).replace(
        "__all__ = [", f'__all__ = ["{thing}", ', 1
    )
    front.write_text(shown, encoding="utf-8")
    return {own, registry, front}


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of package and tests with one more of each kind; and a function that runs Python there."""
    root = tmp_path_factory.mktemp("copy")
    for part in ("ltrr", "tests", "simulations"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
    shutil.copy(ROOT / "pyproject.toml", root)
    touched = {group: add(root / "ltrr", group) for group in ADDED}
    assert {len(files) for files in touched.values()} == {3}

    def run(*words):
        # interpreted, since compiling the kernels of a copy takes longer than this small work
        env = {**os.environ, "PYTHONPATH": str(root), "NUMBA_DISABLE_JIT": "1"}
        done = subprocess.run(
            [sys.executable, *words], cwd=root, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run


LIST = """
import ltrr
from ltrr.registry import registry_of
for group in {groups}:
    for name in registry_of(group).names:
        print(group, name)
once = ltrr.study.Tuning(shares=(0.05,), keep=(1,), seeds=(1,))
equal = ltrr.bandits.policy_spec("equal", ())
study = ltrr.Study(tuning=once, policies=(equal,), rounds=60, loop=ltrr.LoopSetting(warmup=20))
result = ltrr.simulate(
    {{"kind": "music", "n_items": 300, "n_queries": 60}},
    arms=["prefix", "bm25", "popular"], policies=["softmax"],
    ranker="perceptron", user="glance", measures=["top_click"], rounds=60, seeds=1, warmup=20,
    loop={{"held_out": 20, "slot_size": 5, "feedback_every": 20}}, quiet=True, study=study,
)
print("measured", "top_click" in set(result.summary().metric))
log = ltrr.replay.read(result.folder, policy="softmax")
table = ltrr.replay.evaluate(log, "uniform", estimators=["capped-ips"])
print("estimated", table.estimator.tolist())
"""


def test_three_files_and_it_is_listed_and_runs(copied):
    out = copied("-c", LIST.format(groups=list(ADDED)))
    lines = out.splitlines()
    for group, (_, _, _, name, *_) in ADDED.items():
        assert f"{group} {name}" in lines
    assert "measured True" in lines
    assert any(line.startswith("estimated") and "capped-ips" in line for line in lines)
    assert "prefix" in copied("-m", "ltrr", "list", "arms")


def test_the_conformance_tests_take_it_from_the_registry(copied):
    words = "prefix or softmax or perceptron or glance or capped or is_checked"
    out = copied(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", words, "-rA", "tests/test_checks_all.py"
    )
    for name in ("prefix", "softmax", "perceptron", "glance", "capped-ips"):
        assert f"[{name}]" in out, name
