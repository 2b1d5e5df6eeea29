"""Running a study: prepare what cells share, tune, run cells on some workers, summarise."""

from __future__ import annotations

import functools
import json
import platform
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pyarrow as pa
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from ltrr._state import write_aside
from ltrr.cell import Cell, latent_mean
from ltrr.errors import InputError
from ltrr.features.quotas import all_quotas
from ltrr.log import FORMAT_VERSION, write_table
from ltrr.loop import Loop
from ltrr.metrics.halving import successive_halving
from ltrr.policy_spec import PolicySpec, policy_spec
from ltrr.progress import Counter, ProgressBar
from ltrr.protocols import World
from ltrr.result import Result
from ltrr.rng import Streams
from ltrr.setting import LoopSetting
from ltrr.study import Study
from ltrr.study_files import read_study
from ltrr.summary import summarise
from ltrr.system import Prepared, System
from ltrr.types import Float64, Int64

__all__ = ["run_study", "simulate", "write_about"]

TUNING_REPLICATE = 10_000
"""Tuning seeds are replicates from here on, which no study reaches."""

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "numba", "scikit-learn", "lightgbm", "vowpalwabbit")


@dataclass(frozen=True)
class Job:
    """What a worker needs to run one cell."""

    spec: PolicySpec
    replicate: int
    rounds: int
    logged: bool
    quota: tuple[int, ...] | None = None


def simulate(
    world: World | None = None,
    *,
    policies: Sequence[Any] | None = None,
    rounds: int | None = None,
    seeds: int | None = None,
    study: str | Path | Study = "default",
    out: str | Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    quiet: bool = False,
    loop: Mapping[str, Any] | None = None,
) -> Result:
    """Simulate policies in a world and return their curves, logs and trained states.

    Parameters
    ----------
    world : World, optional
        Where to simulate, for instance ``ltrr.worlds.Music()`` or ``ltrr.worlds.Collection(path)``; by
        default the study's own.
    policies : sequence, optional
        Names (see ``ltrr list policies``), tables as in a study file, or policy objects; by default the
        study's own. The best static allocation, against which regret is counted, is added if missing.
    rounds, seeds : int, optional
        Requests a replicate, and replicates.
    study : str, path or Study
        Settings of everything else: the name of a shipped study, a file, or a study.
    out : path, optional
        Folder of the run; by default a temporary one that goes when the result does.
    jobs : int
        Worker processes; results do not depend on their number.
    resume : bool
        Continue a run that was interrupted in ``out``.
    quiet : bool
        Show no progress.
    loop : mapping, optional
        Settings of `LoopSetting` that replace the study's.

    Returns
    -------
    Result

    Raises
    ------
    InputError
        If a name or value is unknown or wrong, or ``out`` cannot be written or holds another run.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=400, n_queries=200, seed=7)
    >>> result = ltrr.simulate(world, policies=["equal", "linucb"], rounds=200, seeds=2,
    ...                        loop={"warmup": 50, "held_out": 50})
    >>> frame = result.summary()
    >>> sorted(frame.policy.unique())
    ['best-static', 'equal', 'linucb']
    """
    base = study if isinstance(study, Study) else read_study(study)
    changes: dict[str, Any] = {}
    if loop is not None:
        setting = {**{f: getattr(base.loop, f) for f in base.loop.__dataclass_fields__}, **loop}
        unknown = [key for key in loop if key not in base.loop.__dataclass_fields__]
        if unknown:
            raise InputError(f"`loop` has no setting {unknown[0]!r}")
        changes["loop"] = LoopSetting(**setting)
    if world is not None:
        changes["given_world"] = world
        changes["name"] = f"{base.name} on {type(world).__name__}"
    if policies is not None:
        arms = changes.get("loop", base.loop).arms
        specs = tuple(policy_spec(p, arms) for p in policies)
        if not any(s.kind == "best-static" for s in specs):
            specs = (policy_spec("best-static", arms), *specs)
        changes["policies"] = specs
    if rounds is not None:
        changes["rounds"] = rounds
    if seeds is not None:
        changes["seeds"] = seeds
    return run_study(replace(base, **changes), out=out, jobs=jobs, resume=resume, quiet=quiet)


def run_study(
    study: Study,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Run all cells of a study into a folder, then write summary, curves and comparators."""
    if jobs < 1:
        raise InputError(f"`jobs` must be an integer >= 1, got {jobs}")
    study.check()
    folder = Path(tempfile.mkdtemp(prefix="ltrr-")) if out is None else Path(out)
    _check_folder(folder, study, resume=resume)
    with ProgressBar(quiet=quiet) as bar, tempfile.TemporaryDirectory(prefix="ltrr-shared-") as shared:
        bar.note(f"Preparing the world and indexing {len(study.loop.arms)} arms")
        with threadpool_limits(1):
            world = study.make_world()
            study.make_user(world.max_grade)
            prepared = Prepared.build(world, study.make_arms(), study.loop)
        _open_folder(folder, study)
        runner = _Runner(study, prepared, folder, jobs, bar, Path(shared))
        write_about(folder, study, prepared)
        quota = _tuned(runner)
        runner.run(folder, _jobs(study, quota), f"{len(study.policies)} policies × {study.seeds} seeds")
        bar.note("Summarising")
        shutil.rmtree(folder / "cells", ignore_errors=True)
        summarise(folder, study)
    result = Result(folder)
    if out is None:
        weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def _jobs(study: Study, quota: tuple[int, ...] | None) -> list[Job]:
    """Return the cells of a study, seed by seed so that interrupted runs have whole seeds."""
    return [
        Job(spec, seed, study.rounds, seed < study.log_seeds, quota if spec.kind == "best-static" else None)
        for seed in range(study.seeds)
        for spec in study.policies
    ]


@dataclass
class _Runner:
    """Runs jobs on one process or several; workers map the prepared arrays instead of copying them."""

    study: Study
    prepared: Prepared
    folder: Path
    jobs: int
    bar: ProgressBar
    shared: Path

    def run(self, folder: Path, jobs: Sequence[Job], title: str) -> None:
        """Run all jobs whose cell is not finished."""
        counter = Counter(self.shared / f"counter-{title}".replace(" ", "-"), len(jobs))
        total = sum(job.rounds for job in jobs)
        study = replace(self.study, given_world=None) if self.jobs > 1 else self.study
        with self.bar.watch(title, counter, total):
            if self.jobs == 1:
                for i, job in enumerate(jobs):
                    _run_cell(study, self.prepared, job, folder, counter, i)
                return
            # Not a file format: objects for the workers of this run, gone with the temporary folder.
            place = self.shared / "prepared.joblib"
            if not place.exists():
                joblib.dump(self.prepared, place)
            calls = (
                joblib.delayed(_run_shared)(study, place, job, folder, counter.path, i)
                for i, job in enumerate(jobs)
            )
            try:
                joblib.Parallel(n_jobs=self.jobs, batch_size=1)(calls)
            except BaseException:
                # A worker that was being started when an interrupt came would outlive this process.
                get_reusable_executor().shutdown(wait=True, kill_workers=True)
                raise


@functools.lru_cache(maxsize=1)
def _load_shared(place: Path) -> Prepared:
    """Map the prepared arrays, copy on write, once a worker."""
    loaded: Prepared = joblib.load(place, mmap_mode="c")
    return loaded


def _run_shared(study: Study, place: Path, job: Job, folder: Path, counter: Path, index: int) -> None:
    _run_cell(study, _load_shared(place), job, folder, Counter(counter), index)


def _run_cell(study: Study, prepared: Prepared, job: Job, folder: Path, counter: Counter, index: int) -> None:
    """Run one cell on one thread."""
    with threadpool_limits(1):
        streams = Streams(study.seed, job.replicate)
        system = study.system(prepared, job.spec, streams, job.quota)
        loop = replace(study.loop, log_shadow=study.loop.log_shadow and job.logged)
        Cell(
            Loop(system, loop, streams),
            folder,
            job.spec.name,
            job.replicate,
            job.rounds,
            logged=job.logged,
            metadata=versions(study),
            progress=lambda done: counter.put(index, done),
        ).run()
    counter.put(index, job.rounds)


def _tuned(runner: _Runner) -> tuple[int, ...] | None:
    """Return the best static allocation: every quota on its own trajectory, halved on tuning seeds."""
    study = runner.study
    if not any(spec.kind == "best-static" for spec in study.policies):
        return None
    place = runner.folder / "tuning.json"
    if place.exists():
        found: list[int] = json.loads(place.read_text(encoding="utf-8"))["quota"]
        return tuple(found)
    tuning, loop = study.tuning, study.loop
    quotas = all_quotas(loop.n_slots, len(loop.arms))
    quiet_loop = replace(loop, held_out=0, oracle_every=study.rounds + 1, audit=0.0)
    inner = replace(study, loop=quiet_loop, log_seeds=0)
    rungs: list[dict[str, Any]] = []

    def evaluate(indices: Int64, rung: int) -> Float64:
        rounds = loop.warmup + max(1, round((study.rounds - loop.warmup) * tuning.shares[rung]))
        seeds = [TUNING_REPLICATE + s for s in range(tuning.seeds[rung])]
        folder = runner.folder / "tuning" / f"rung-{rung}"
        jobs = [
            Job(PolicySpec(f"quota-{i:04d}", "static", {"quota": quotas[i].tolist()}), seed, rounds, False)
            for i in indices
            for seed in seeds
        ]
        title = f"Tuning the best static allocation, {len(indices)} left"
        replace(runner, study=inner).run(folder, jobs, title)
        values = np.array(
            [[latent_mean(folder, f"quota-{i:04d}-{s:03d}", loop.warmup) for s in seeds] for i in indices]
        ).mean(axis=1)
        rungs.append(
            {
                "rounds": rounds,
                "seeds": seeds,
                "values": {str(quotas[i].tolist()): float(v) for i, v in zip(indices, values, strict=True)},
            }
        )
        return np.asarray(values)

    keep = [min(k, len(quotas)) for k in tuning.keep]
    halving = successive_halving(len(quotas), evaluate, budgets=tuple(range(len(keep))), keep=keep)
    quota = tuple(int(q) for q in quotas[halving.survivors[0]])
    report = {"arms": list(loop.arms), "quota": quota, "rungs": rungs}
    write_aside(place, json.dumps(report, indent=1).encode())
    shutil.rmtree(runner.folder / "tuning", ignore_errors=True)
    return quota


def versions(study: Study) -> dict[str, str]:
    """Return what every written file names: study, seed, versions."""
    return {
        "study": study.name,
        "study_seed": str(study.seed),
        "ltrr": metadata.version("ltrr"),
        "format_version": str(FORMAT_VERSION),
    }


def _check_folder(folder: Path, study: Study, *, resume: bool) -> None:
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


def _open_folder(folder: Path, study: Study) -> None:
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
        "rank_features": list(prepared.features.names),
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
    return study.system(prepared, spec, Streams(study.seed), quota)


def _json(value: Any) -> Any:
    """Return what JSON cannot hold as what it can."""
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
