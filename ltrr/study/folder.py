"""The folder of a run: who may write it, and what it says of itself."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr._state import write_aside
from ltrr.bandits.spec import PolicySpec
from ltrr.errors import InputError
from ltrr.features.quotas import all_quotas
from ltrr.logs.tables import FORMAT_VERSION, write_table
from ltrr.rng import Streams
from ltrr.simulation.system import Prepared, System
from ltrr.study.build import system_of
from ltrr.study.study import Study

__all__ = ["check_folder", "open_folder", "versions", "write_about"]

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "numba", "scikit-learn", "lightgbm", "vowpalwabbit")


def versions(study: Study) -> dict[str, str]:
    """Return what every written file names: study, seed, versions."""
    return {
        "study": study.name,
        "study_seed": str(study.seed),
        "ltrr": metadata.version("ltrr"),
        "format_version": str(FORMAT_VERSION),
    }


def check_folder(folder: Path, study: Study, *, resume: bool) -> None:
    """Refuse a folder that holds something else; nothing is written yet."""
    place = folder / "study.toml"
    try:
        if place.exists():
            if not resume:
                raise InputError(
                    f"{folder} holds a run already; add --resume to continue it, or choose another place"
                )
            if place.read_text(encoding="utf-8") != study.to_toml():
                raise InputError(
                    f"{folder} holds a run of other settings (see {place}); resume with the same, "
                    "or choose another place"
                )
        elif resume:
            raise InputError(
                f"{folder} holds no run to resume: study.toml is missing; start without --resume"
            )
        elif folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty and holds no run; choose another place")
    except OSError as error:
        raise _unwritable(folder, error) from error


def open_folder(folder: Path, study: Study) -> None:
    """Make the run's folder, once all that the study names could be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_aside(folder / "study.toml", study.to_toml().encode())
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
    items = pa.table(
        {"item": np.arange(len(world.catalogue), dtype=np.int32), "name": list(world.catalogue.name)}
    )
    write_table(log / "items.parquet", items)
    texts = pa.table(
        {"query": np.arange(len(world.queries), dtype=np.int32), "text": list(world.queries.text)}
    )
    write_table(log / "queries.parquet", texts)
    write_aside(log / "log.json", json.dumps(about, indent=1, default=_json).encode())


def _example(study: Study, prepared: Prepared, spec: PolicySpec) -> System:
    """Return a policy's system at its beginning, to read names from."""
    quota = (study.loop.n_slots, *[0] * (len(study.loop.arms) - 1))
    return system_of(study, prepared, spec, Streams(study.seed), quota)


def _json(value: Any) -> Any:
    """Return what JSON cannot hold as what it can."""
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
