"""The folder of a run: who may write it, and what it says of itself."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr._state import is_aside, write_aside
from ltrr.bandits.spec import PolicySpec
from ltrr.errors import InputError
from ltrr.logs.tables import FORMAT_VERSION
from ltrr.logs.writer import write_table
from ltrr.rng import Streams
from ltrr.simulation.system import Prepared, System
from ltrr.study.build import system_of
from ltrr.study.lock import LOCK_FILES, Driver, driving
from ltrr.study.study import Study
from ltrr.types.catalogue import Catalogue
from ltrr.types.quotas import all_quotas

__all__ = ["run_folder", "versions", "write_about", "write_study"]

STUDY_FILE = "study.toml"

LONGEST_TITLE = 100
"""Letters of an item's text that stand for a title."""

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "numba", "scikit-learn", "lightgbm", "vowpalwabbit")


def versions(study: Study) -> dict[str, str]:
    """Return what every written file names: study, seed, versions."""
    return {
        "study": study.name,
        "study_seed": str(study.seed),
        "ltrr": metadata.version("ltrr"),
        "format_version": str(FORMAT_VERSION),
    }


@contextmanager
def run_folder(
    folder: Path, study: Study, *, resume: bool, shared: Path, note: Callable[[str], None]
) -> Iterator[Driver]:
    """Hold the folder of a run for its driver; take it back where an input error comes before any cell.

    Parameters
    ----------
    folder : Path
        Made if absent. Resuming in an empty or absent folder starts there.
    study : Study
    resume : bool
        Continue the run that the folder holds.
    shared : Path
        The driver's temporary folder.
    note : callable
        Called with a line about what is being waited for.

    Raises
    ------
    InputError
        If the folder cannot be written, holds something else, or is being written by another driver.
    """
    missing = _missing(folder)
    with ExitStack() as stack:
        stack.callback(_remove_empty, missing)
        try:
            _refuse_foreign(folder)
            driver = stack.enter_context(driving(folder, shared=shared, note=note))
            _refuse_other_run(folder, study, resume=resume)
        except OSError as error:
            raise _unwritable(folder, error) from error
        fresh = not (folder / STUDY_FILE).exists()
        try:
            yield driver
        except InputError:
            if fresh and not _has_cells(folder):
                _empty(folder)
            raise


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder that holds something, but no run; nothing is written yet."""
    if not folder.exists() or (folder / STUDY_FILE).exists():
        return
    if not all(path.name in LOCK_FILES or is_aside(path) for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no run; choose another place")


def _refuse_other_run(folder: Path, study: Study, *, resume: bool) -> None:
    """Refuse to write over a run, or to resume one of other settings."""
    place = folder / STUDY_FILE
    if not place.exists():
        return
    if not resume:
        raise InputError(
            f"{folder} holds a run already; add --resume to continue it, or choose another place"
        )
    if place.read_bytes() != study.to_toml().encode():
        raise InputError(
            f"{folder} holds a run of other settings (see {place}); resume with the same, "
            "or choose another place"
        )


def _missing(folder: Path) -> list[Path]:
    """Return a folder and those above it, as far as they are absent, the innermost first."""
    try:
        return [place for place in (folder, *folder.parents) if not place.exists()]
    except OSError:
        return []


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders from the innermost on, up to one that holds something."""
    with suppress(OSError):
        for place in folders:
            place.rmdir()


def _has_cells(folder: Path) -> bool:
    """Say whether a folder holds a finished cell, of the study or of the tuning."""
    return (folder / "tuning.json").exists() or any(folder.rglob("rounds"))


def _empty(folder: Path) -> None:
    """Remove all but the lock."""
    for path in folder.iterdir():
        if path.name in LOCK_FILES:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_study(folder: Path, study: Study) -> None:
    """Write the study into the run's folder, once all that it names could be made."""
    try:
        write_aside(folder / STUDY_FILE, study.to_toml().encode())
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"{folder} cannot be written: {error.strerror or error}; choose another place")


def write_about(folder: Path, study: Study, prepared: Prepared) -> None:
    """Write environment.json, and what the log needs to be read."""
    environment = {
        **versions(study),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    write_aside(folder / "environment.json", json.dumps(environment, indent=1).encode())
    if study.log_seeds == 0:
        return
    log = folder / "log"
    log.mkdir(exist_ok=True)
    world, loop = prepared.world, study.loop
    systems = {spec.name: _example(study, prepared, spec) for spec in study.policies}
    first = next(iter(systems.values()))
    context = first.context.names(first.world.next(1))
    about = {
        **versions(study),
        "format_version": FORMAT_VERSION,
        "policies": [spec.name for spec in study.policies],
        "seeds": list(range(min(study.log_seeds, study.seeds))),
        "arms": list(loop.arms),
        "context": list(context),
        "action_features": {name: list(system.actions.names) for name, system in systems.items()},
        "rank_features": {name: list(system.rank_columns) for name, system in systems.items()},
        "quotas": all_quotas(loop.n_slots, len(loop.arms)).tolist(),
        "settings": study.settings(),
    }
    catalogue = world.catalogue
    items = pa.table(
        {
            "item": np.arange(len(catalogue), dtype=np.int32),
            "name": list(catalogue.name),
            "title": item_titles(catalogue),
        }
    )
    write_table(log / "items.parquet", items)
    texts = pa.table(
        {"query": np.arange(len(world.queries), dtype=np.int32), "text": list(world.queries.text)}
    )
    write_table(log / "queries.parquet", texts)
    write_aside(log / "log.json", json.dumps(about, indent=1, default=_json).encode())


def item_titles(catalogue: Catalogue) -> list[str]:
    """Return what people call each item: its ``title``, or the beginning of its first text where it has none.

    Examples
    --------
    >>> fields = {"title": ("Blue", ""), "text": ("a song", "word " * 40)}
    >>> item_titles(Catalogue(("a", "b"), fields))[0]
    'Blue'
    >>> len(item_titles(Catalogue(("a", "b"), fields))[1])
    100
    """
    named = catalogue.fields.get("title", ("",) * len(catalogue))
    texts = zip(*catalogue.fields.values(), strict=True)
    return [title if title.strip() else _beginning(own) for title, own in zip(named, texts, strict=True)]


def _beginning(texts: Sequence[str]) -> str:
    """Return the first words of the first text that has any, cut within a word that is too long."""
    text = " ".join(next((t for t in texts if t.strip()), "")[: 4 * LONGEST_TITLE].split())
    if len(text) <= LONGEST_TITLE:
        return text
    return f"{text[: LONGEST_TITLE - 1].rstrip()}…"


def _example(study: Study, prepared: Prepared, spec: PolicySpec) -> System:
    """Return a policy's system at its beginning, to read names from."""
    quota = (study.loop.n_slots, *[0] * (len(study.loop.arms) - 1))
    return system_of(study, prepared, spec, Streams(study.seed), quota=quota)


def _json(value: Any) -> Any:
    """Return what JSON cannot hold as what it can."""
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
