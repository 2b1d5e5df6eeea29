"""Simulating: from a call or a study to a finished run."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ltrr.errors import InputError
from ltrr.protocols import World
from ltrr.report.progress import ProgressBar
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared
from ltrr.study.files import read_study
from ltrr.study.folder import run_folder, write_about, write_study
from ltrr.study.lock import SHARED_PREFIX
from ltrr.study.result import Result
from ltrr.study.runner import Job, Runner
from ltrr.study.spec import policy_spec
from ltrr.study.study import Study
from ltrr.study.summary import summarise
from ltrr.study.tuning import tuned

__all__ = ["run_study", "simulate"]


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
    if out is not None:
        _run(study, Path(out), jobs, resume=resume, quiet=quiet)
        return Result(Path(out))
    folder = Path(tempfile.mkdtemp(prefix="ltrr-"))
    try:
        _run(study, folder, jobs, resume=resume, quiet=quiet)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    result = Result(folder)
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def _run(study: Study, folder: Path, jobs: int, *, resume: bool, quiet: bool) -> None:
    """Run a study into a folder that is locked from before the world is built to the end."""
    with (
        ProgressBar(quiet=quiet) as bar,
        tempfile.TemporaryDirectory(prefix=SHARED_PREFIX) as shared,
        run_folder(folder, study, resume=resume, shared=Path(shared), note=bar.note) as driver,
    ):
        bar.note(f"Preparing the world and indexing {len(study.loop.arms)} arms")
        with threadpool_limits(1):
            world = study.make_world()
            study.make_user(world.max_grade)
            prepared = Prepared.build(world, study.make_arms(), study.loop)
        write_study(folder, study)
        write_about(folder, study, prepared)
        runner = Runner(study, prepared, driver, jobs, bar, Path(shared))
        cells = _jobs(study, tuned(runner))
        runner.run(runner.folder, cells, f"{len(study.policies)} policies × {study.seeds} seeds")
        bar.note("Summarising")
        shutil.rmtree(folder / "cells", ignore_errors=True)
        summarise(folder, study)


def _jobs(study: Study, quota: tuple[int, ...] | None) -> list[Job]:
    """Return the cells of a study, seed by seed so that interrupted runs have whole seeds."""
    return [
        Job(
            spec.name,
            seed,
            study.rounds,
            logged=seed < study.log_seeds,
            quota=quota if spec.kind == "best-static" else None,
        )
        for seed in range(study.seeds)
        for spec in study.policies
    ]
