"""Imports follow the order of the packages, without circles."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "ltrr"

LAYERS = (
    ("errors", "_lazy", "_check", "_state", "types", "rng", "_kernels", "protocols", "registry"),
    ("logs", "logs.formats", "report"),
    ("worlds", "worlds.music", "features", "embeddings"),
    ("retrieval",),
    ("bandits", "ranking", "users"),
    ("metrics",),
    ("simulation",),
    ("study",),
    ("replay",),
    ("replay.report",),
    ("checks",),
    ("cli", "__main__"),
)
"""From the bottom up; a package may import from its own layer and from those below."""

LATE = {
    ("cli.init", "_state"): "the command line answers `--help` without loading the engines",
    ("cli.init", "study.annotate"): "the command line answers `--help` without loading the engines",
    ("cli.arms", "study.ask"): "the command line answers `--help` without loading the engines",
    ("cli.arms", "study.lookup"): "the command line answers `--help` without loading the engines",
    ("cli.explain", "study.lookup"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "bandits.credit"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "registry"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "study.files"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "study.settings"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "types.docstring"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "logs.format"): "the command line answers `--help` without loading the engines",
    ("cli.listing", "types.settings"): "the command line answers `--help` without loading the engines",
    ("cli.log_options", "logs"): "the command line answers `--help` without loading the engines",
    ("cli.log_options", "logs.detect"): "the command line answers `--help` without loading the engines",
    ("cli.reading", "_kernels.compiling"): "the command line answers `--help` without loading the engines",
    ("cli.replay", "_check"): "the command line answers `--help` without loading the engines",
    ("cli.replay", "cli.replay_text"): "the command line answers `--help` without loading the engines",
    ("cli.replay", "replay"): "the command line answers `--help` without loading the engines",
    ("cli.replay", "replay.report"): "the command line answers `--help` without loading the engines",
    ("cli.validate", "replay"): "the command line answers `--help` without loading the engines",
    ("logs.tables", "logs.explain"): "requests are explained with pandas, which reading a log does not need",
    ("replay.judging.evaluation", "replay.report"): "the folder of a replay lies above its tables",
    ("cli.report", "study.report"): "the command line answers `--help` without loading the engines",
    ("cli.report", "replay.report.folder"): "the command line answers `--help` without loading the engines",
    ("cli.report", "study.trec"): "the command line answers `--help` without loading the engines",
    ("cli.report", "study.comparison"): "the command line answers `--help` without loading the engines",
    ("cli.run_table", "metrics.measures"): "the command line answers `--help` without loading the engines",
    ("cli.run_table", "study.findings"): "the command line answers `--help` without loading the engines",
    ("cli.run_table", "study.ground_text"): "the command line answers `--help` without loading the engines",
    ("cli.run_table", "study.tables"): "the command line answers `--help` without loading the engines",
    ("cli.run_table", "study.verdict"): "the command line answers `--help` without loading the engines",
    ("cli.simulate", "study.call"): "the command line answers `--help` without loading the engines",
    ("cli.simulate", "study.simulate"): "the command line answers `--help` without loading the engines",
    ("cli.simulate", "study.files"): "the command line answers `--help` without loading the engines",
    ("cli.simulate", "worlds.ir_datasets"): "the command line answers `--help` without loading the engines",
    ("study.result", "study.figures"): "figures load matplotlib, which a run does not need",
    ("study.result", "study.report"): "figures load matplotlib, which a run does not need",
}
"""Imports inside functions, which may go upwards, and why."""


def name_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def resolve(node):
    """Return the modules of the package, without its name, that an import statement names."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        # `from ltrr.package import name` means the module `package.name` where there is one
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [n if n.removeprefix("ltrr.") in MODULES else str(node.module) for n in names]
    return {n.removeprefix("ltrr.") for n in names if n.startswith("ltrr.")}


def imports(path):
    """Yield (module, line, kind) of imports: kind is "top", "late" (in a function) or "typing"."""

    def walk(node, kind):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                for name in sorted(resolve(child)):
                    yield name, child.lineno, kind
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from walk(child, "late")
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from walk(child, "typing")
            else:
                yield from walk(child, kind)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "top")


def layer(module):
    """Return the layer of the innermost room that a module lies in."""
    parts = module.split(".")
    inside = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((i for room in inside for i, rooms in enumerate(LAYERS) if room in rooms), None)


def against_the_order(modules):
    """Return "file:line imports module" for each import at the top that goes upwards."""
    return [
        f"{path.relative_to(PACKAGE.parent)}:{line} imports ltrr.{other}"
        for name, path in modules.items()
        if name != "__init__"
        for other, line, kind in imports(path)
        if kind == "top" and layer(other) > layer(name)
    ]


def circle(edges):
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_every_room_has_a_layer():
    rooms = {name.split(".")[0] for name in MODULES} - {"__init__"}
    named = {room for layer in LAYERS for room in layer}
    assert rooms == {room for room in named if "." not in room}
    assert not [room for room in named if not (PACKAGE / room.replace(".", "/")).is_dir() and "." in room]


def test_only_what_everything_imports_is_at_the_top():
    unattached = {name for name in MODULES if "." not in name and not (PACKAGE / name).is_dir()}
    assert unattached == {
        "__init__",
        "__main__",
        "_lazy",
        "errors",
        "protocols",
        "registry",
        "rng",
        "_check",
        "_state",
    }


def test_imports_go_down():
    assert against_the_order(MODULES) == []


def test_imports_make_no_circle():
    """Imports inside functions count too: what is put off is a circle all the same."""
    edges = {
        name: {other for other, _, kind in imports(path) if kind != "typing"} - {name}
        for name, path in MODULES.items()
    }
    assert circle(edges) is None


def room(module):
    """Return the room of a module: its package, and within `replay`, which is large, the folder there."""
    parts = module.split(".")
    return ".".join(parts[: 2 if parts[0] == "replay" else 1])


def test_rooms_make_no_circle():
    """Of two folders at most one imports from the other."""
    edges = {}
    for name, path in MODULES.items():
        mine = edges.setdefault(room(name), set())
        mine |= {room(other) for other, _, kind in imports(path) if kind == "top"} - {room(name)}
    assert circle(edges) is None


def test_late_imports_are_known():
    late = {
        (name, other) for name, path in MODULES.items() for other, _, kind in imports(path) if kind == "late"
    }
    assert late == set(LATE)


def test_imports_are_absolute():
    for path in MODULES.values():
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        assert not [n.lineno for n in nodes if isinstance(n, ast.ImportFrom) and n.level]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import ltrr.cli", [("cli", 1, "top")]),
        ("from ltrr import errors, _check", [("_check", 1, "top"), ("errors", 1, "top")]),
        ("from ltrr.types import Truth", [("types", 1, "top")]),
        ("from ltrr.retrieval.union import union", [("retrieval.union", 1, "top")]),
        ("def f():\n    from ltrr.simulation.loop import Loop", [("simulation.loop", 2, "late")]),
        ("class A:\n    def f(self):\n        import ltrr.rng", [("rng", 3, "late")]),
        ("if TYPE_CHECKING:\n    from ltrr.rng import Streams", [("rng", 2, "typing")]),
        ("try:\n    from ltrr.rng import Streams\nexcept ImportError:\n    pass", [("rng", 2, "top")]),
    ],
)
def test_imports_are_read(text, found, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(text)
    assert list(imports(path)) == found


def test_a_wrong_import_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.test_layers.PACKAGE", tmp_path / "ltrr")
    path = tmp_path / "ltrr" / "rng.py"
    path.parent.mkdir()
    path.write_text('"""A room of the lowest layer."""\n\nfrom ltrr.logs.tables import Log\n')
    assert against_the_order({"rng": path}) == ["ltrr/rng.py:3 imports ltrr.logs.tables"]


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) is None
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}
