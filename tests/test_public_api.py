"""What the package shows: names, docstrings, and what an import costs."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import pytest

import ltrr

PACKAGE = Path(ltrr.__file__).parent
ROOMS = ["ltrr", *(f"ltrr.{p.parent.name}" for p in sorted(PACKAGE.glob("[a-z]*/__init__.py")))]
MODULES = [
    ".".join(("ltrr", *path.relative_to(PACKAGE).with_suffix("").parts))
    for path in sorted(PACKAGE.rglob("*.py"))
    if not any(part.startswith("_") for part in path.relative_to(PACKAGE).parts)
]
HEAVY = ("numpy", "pandas", "sklearn", "lightgbm", "numba", "matplotlib", "typer", "torch")
"""What `import ltrr` leaves alone: its names are loaded when first used."""

UNNAMED: dict[str, str] = {}
"""By "module.Class", parameters that its docstring does not name, and why."""


def bound_names(module):
    """Return the public names that a room's ``__init__`` binds from within the package, or defines."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = set()
    late = [n for node in tree.body if isinstance(node, ast.If) for n in node.body]  # loaded when first used
    for node in [*tree.body, *late]:
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "ltrr":
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def public_things():
    """Yield (where, thing) for all that a public module lists and defines itself."""
    for name in MODULES:
        module = importlib.import_module(name)
        for key in module.__all__:
            thing = getattr(module, key)
            if getattr(thing, "__module__", None) == name:
                yield f"{name}.{key}", thing


@pytest.mark.parametrize("room", ROOMS)
def test_all_is_what_is_public(room):
    module = importlib.import_module(room)
    assert bound_names(module) == set(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_what_is_there(name):
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    assert not [key for key in module.__all__ if not hasattr(module, key)]


def test_everything_public_has_a_docstring():
    things = dict(public_things())
    bare = [
        where
        for where, thing in things.items()
        if (inspect.isclass(thing) or inspect.isroutine(thing)) and not (inspect.getdoc(thing) or "").strip()
    ]
    methods = [
        f"{where}.{key}"
        for where, thing in things.items()
        if inspect.isclass(thing)
        for key, member in vars(thing).items()
        if not key.startswith("_")
        and isinstance(member, (property, staticmethod, classmethod)) | callable(member)
        if not (inspect.getdoc(member) or "").strip()
    ]
    assert len(things) > 100
    assert bare == []
    assert methods == []


def unnamed_parameters(kind):
    """Return the public init fields of a dataclass that no entry of its docstring names.

    An entry is a line that starts with names, separated by commas, and goes on with ` :` or ends; or a name
    in double backticks.
    """
    lines = [line.strip() for line in (kind.__doc__ or "").splitlines()]
    entries = [line.split(" : ")[0] for line in lines if " : " in line or re.fullmatch(r"[\w, ]+", line)]
    named = {word for entry in entries for word in re.findall(r"\w+", entry)}
    named |= set(re.findall(r"``(\w+)``", kind.__doc__ or ""))
    return [f.name for f in fields(kind) if f.init and not f.name.startswith("_") and f.name not in named]


def test_every_parameter_of_a_dataclass_is_named_in_its_docstring():
    kinds = [
        (where, thing) for where, thing in public_things() if inspect.isclass(thing) and is_dataclass(thing)
    ]
    missing = {where: names for where, kind in kinds if (names := unnamed_parameters(kind))}
    assert len(kinds) > 50
    assert {where: names for where, names in missing.items() if where not in UNNAMED} == {}
    assert set(UNNAMED) <= set(missing)


def test_a_parameter_without_an_entry_is_found():
    @dataclass
    class Half:
        """Has entries for some.

        Parameters
        ----------
        first, second : int
            The ``third`` is said in prose, and fourth is not said to be one.
        """

        first: int
        second: int
        third: int
        fourth: int

    assert unnamed_parameters(Half) == ["fourth"]


def test_import_is_lean():
    code = f"import sys, ltrr; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_version_is_that_of_the_distribution():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{ltrr.__version__}"' in text
