"""Studies in TOML files: those of a user and those that ship with the package."""

from __future__ import annotations

import importlib.util
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import Any

import ltrr
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError, nearest
from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import build
from ltrr.study.study import Study, Tuning

__all__ = ["check_integers", "import_path_of", "read_study", "study_from", "study_names"]


def study_from(settings: Mapping[str, Any], where: str = "study", folder: Path | None = None) -> Study:
    """Return the study that settings describe; unknown keys and wrong values are one clear line.

    Parameters
    ----------
    settings : mapping
        The tables of a study file.
    where : str
        Names the source in messages.
    folder : Path, optional
        Where import paths are looked for besides, if the settings name any.
    """
    table = dict(settings)
    if folder is not None and "import_path" not in table and any(_modules(table)):
        table["import_path"] = [str(folder.resolve())]
    check_integers(table, where)
    known = [f.name for f in fields(Study) if f.name != "features"]
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    parts: dict[str, Any] = {}
    for key, cls in (("loop", LoopSetting), ("tuning", Tuning)):
        given = table.pop(key, {})
        if not isinstance(given, Mapping):
            raise InputError(f"{where}: `{key}` must be a table, got {given!r}")
        names = [f.name for f in fields(cls)]
        for name in given:
            if name not in names:
                raise InputError(f"{where}: `{key}` has no setting {name!r}{nearest(name, names)}")
        try:
            parts[key] = cls(**given)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    entries = table.pop("policies", [])
    if not isinstance(entries, list):
        raise InputError(f"{where}: `policies` must be a list, got {entries!r}")
    for key in ("world", "user", "ranker", "reward", "arms"):
        if not isinstance(table.get(key, {}), Mapping):
            raise InputError(f"{where}: `{key}` must be a table, got {table[key]!r}")
    for name, arm in table.get("arms", {}).items():
        if not isinstance(arm, (Mapping, str)):
            raise InputError(f"{where}: `arms.{name}` must be a table, got {arm!r}")
    try:
        parts["policies"] = tuple(policy_spec(e, parts["loop"].arms) for e in entries)
        study = Study(**table, **parts)
        build(study)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return study


def _modules(value: Any) -> Iterator[str]:
    """Yield the modules of all import paths in settings."""
    if isinstance(value, (Mapping, list)):
        for part in value.values() if isinstance(value, Mapping) else value:
            yield from _modules(part)
    elif isinstance(value, str) and re.fullmatch(r"[\w.]+:[\w.]+", value):
        yield value.partition(":")[0]


def import_path_of(study: Study) -> tuple[str, ...]:
    """Return the folders that hold the modules a study names, those of installed packages apart."""
    known = {Path(place).resolve() for place in sysconfig.get_paths().values()}
    known.add(Path(ltrr.__file__).resolve().parents[1])
    found = dict.fromkeys(study.import_path)
    for name in _modules(study.settings()):
        file = _file_of(name.partition(".")[0])
        if file is None or name == "__main__":
            continue
        place = Path(file).resolve()
        folder = place.parents[1] if place.name == "__init__.py" else place.parent
        if folder not in known:
            found[str(folder)] = None
    return tuple(found)


def _file_of(name: str) -> str | None:
    """Return the file of a module that may not be loaded yet."""
    if name in sys.modules:
        return getattr(sys.modules[name], "__file__", None)
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return spec.origin if spec is not None and spec.has_location else None


def check_integers(value: Any, where: str, key: str = "") -> None:
    """Refuse integers beyond 64 bits, which TOML does not promise and arrays do not hold.

    Parameters
    ----------
    value : object
        Settings of a study.
    where : str
        Names the source in messages.
    key : str
        Dotted name of the value.

    Raises
    ------
    InputError
        Naming the setting.

    Examples
    --------
    >>> check_integers({"seed": 2**70}, "study")
    Traceback (most recent call last):
    ltrr.errors.InputError: study: `seed` must be an integer of at most 64 bits, got 1.18e+21
    """
    if isinstance(value, (Mapping, list)):
        inner = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, part in inner:
            check_integers(part, where, f"{key}.{name}" if key else str(name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError(f"{where}: `{key}` must be an integer of at most 64 bits, got {value:.3g}")


def study_names() -> list[str]:
    """Return the studies that ship with the package."""
    return sorted(f.name.removesuffix(".toml") for f in _shipped().iterdir() if f.name.endswith(".toml"))


def _shipped() -> Any:
    """Return the folder of shipped studies: inside the wheel, or next to the package in a checkout."""
    inside = resources.files("ltrr") / "studies"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / "simulations"


def read_study(source: str | Path) -> Study:
    """Read a study from a file, or by the name of one that ships with the package.

    Raises
    ------
    InputError
        If there is no such file, it is not UTF-8 or not TOML, or says something that is no study.
    """
    path = Path(source)
    if path.suffix != ".toml" and str(source) in study_names():
        path = _shipped() / f"{source}.toml"
    elif not _is_file(path):
        hint = nearest(str(source), study_names())
        raise InputError(f"no study at {source}: give a .toml file or the name of a shipped study{hint}")
    try:
        settings = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # besides TOML's own errors: numbers or nesting without end
        raise InputError(f"{source} is not TOML: {error}") from error
    return study_from(settings, str(source), folder=path.parent)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or one that no file can have
        return False
