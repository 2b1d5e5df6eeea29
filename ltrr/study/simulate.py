"""Simulating: from a call or a study to a finished run."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from ltrr import _check
from ltrr._kernels.compiling import COMPILING, compiling
from ltrr.errors import InputError
from ltrr.report.progress import ProgressBar
from ltrr.study.build import Parts, build, make_measures, make_world, prepare, settled
from ltrr.study.call import study_of
from ltrr.study.deadlock import deadlocks
from ltrr.study.examples import write_examples
from ltrr.study.folder import run_folder, write_about, write_study
from ltrr.study.lock import SHARED_PREFIX
from ltrr.study.notes import notes_of, write_notes
from ltrr.study.result import Result
from ltrr.study.runner import Job, Runner
from ltrr.study.study import Study
from ltrr.study.summary import summarise
from ltrr.study.tuning import Tuned, tuned

__all__ = ["run_study", "simulate"]

_log = logging.getLogger(__name__)


def simulate(
    world: Any = None,
    *,
    arms: Mapping[str, Any] | Sequence[str] | None = None,
    policies: Sequence[Any] | None = None,
    ranker: Any = None,
    user: Any = None,
    reward: Any = None,
    measures: Sequence[Any] | None = None,
    rounds: int | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    warmup: int | None = None,
    study: str | Path | Study = "default",
    out: str | Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    quiet: bool = False,
    loop: Mapping[str, Any] | None = None,
) -> Result:
    """Simulate policies in a world and return their curves, logs and trained states.

    Every component is given by name (``ltrr list``), by import path ``module:Class``, as a table with
    ``kind`` and settings, or as an object. A table without ``kind`` changes settings of the study's own.

    Parameters
    ----------
    world : World, name, table or path of a collection, optional
        Where to simulate, for instance ``ltrr.worlds.Music()`` or ``"path/to/beir-folder"``; by default the
        study's own.
    arms : mapping of name to component, or sequence of names, optional
        Replaces the study's arms, whose settings stay where only names are given; fallback are those that are
        always full.
    policies : sequence, optional
        Names (of the study's own policies, or of ``ltrr list policies``), tables or policy objects; by
        default those of the study's own that suit arms and ranker, and one for each arm that is new. The
        best static allocation, against which regret is counted, is added if missing.
    ranker, user, reward : component, optional
    measures : sequence of Measure, names or import paths, optional
        Kept besides those of every study.
    rounds, seeds : int, optional
        Requests a replicate, and replicates.
    seed : int, optional
        Root of all random streams.
    warmup : int, optional
        First requests, decided at random.
    study : str, path or Study
        Settings of everything else: the name of a shipped study, a file, or a study.
    out : path, optional
        Folder of the run; by default a temporary one that goes when the result does.
    jobs : int
        Worker processes; results do not depend on their number.
    resume : bool
        Continue a run that was interrupted in ``out``; start it where there is none.
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
    >>> result = ltrr.simulate(world, policies=["equal", "linucb"], rounds=200, seeds=2, warmup=50,
    ...                        loop={"held_out": 50})
    >>> frame = result.summary()
    >>> sorted(frame.policy.unique())
    ['best-static', 'equal', 'linucb']
    """
    called = study_of(
        world,
        arms=arms,
        policies=policies,
        ranker=ranker,
        user=user,
        reward=reward,
        measures=measures,
        rounds=rounds,
        seeds=seeds,
        seed=seed,
        warmup=warmup,
        study=study,
        loop=loop,
    )
    return run_study(called, out=out, jobs=jobs, resume=resume, quiet=quiet)


def run_study(
    study: Study,
    *,
    out: str | Path | None = None,
    jobs: int = 1,
    resume: bool = False,
    quiet: bool = False,
) -> Result:
    """Run all cells of a study into a folder, then write summary, curves and comparators."""
    _check.integer("jobs", jobs, low=1)
    if not isinstance(study, Study):
        raise InputError(
            f"`study` must be a Study, got {study!r}; `ltrr.simulate(study=…)` takes names and files"
        )
    parts = build(study)
    study = settled(study, parts)
    if out is not None:
        _run(study, parts, Path(out), jobs, resume=resume, quiet=quiet)
        return Result(Path(out))
    folder = Path(tempfile.mkdtemp(prefix="ltrr-"))
    try:
        _run(study, parts, folder, jobs, resume=resume, quiet=quiet)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    result = Result(folder)
    weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


def _run(study: Study, parts: Parts, folder: Path, jobs: int, *, resume: bool, quiet: bool) -> None:
    """Run a study into a folder that is locked from before the world is built to the end."""
    with (
        ProgressBar(quiet=quiet) as bar,
        compiling(lambda: _compiling(bar)),
        tempfile.TemporaryDirectory(prefix=SHARED_PREFIX) as shared,
        run_folder(folder, study, resume=resume, shared=Path(shared), note=bar.note) as driver,
    ):
        stuck = deadlocks(study, parts)
        for sentence in stuck:
            bar.remark(sentence)
        bar.note(f"Preparing the world and indexing {len(study.loop.arms)} arms")
        begun = time.monotonic()
        with threadpool_limits(1):
            world = make_world(study)
            _log.info("world %r: %s", study.world.kind, _took(begun, f"{len(world.catalogue):,} items"))
            prepared = prepare(parts, world)
        _log.info("arms indexed: %s", _took(begun, ", ".join(study.loop.arms)))
        write_study(folder, study)
        write_about(folder, study, prepared)
        lost = [where for where, component in study.components.items() if component.unnamed]
        notes = stuck + notes_of(world, parts.unseen, lost, budget=study.loop.budget, arms=prepared.arms)
        for note in notes:
            _log.warning(note)
        write_notes(folder, notes, make_measures(study))
        runner = Runner(study, prepared, driver, jobs, bar, Path(shared))
        tuning = tuned(runner)
        cells = _jobs(study, tuning)
        runner.run(runner.folder, cells, _title(study))
        bar.note("Summarising")
        begun = time.monotonic()
        shutil.rmtree(folder / "cells", ignore_errors=True)
        # on small matrices threads wait for each other, and sums would depend on how many there are
        with threadpool_limits(1):
            summarise(folder, study, world)
            write_examples(folder, study, prepared, tuning)
        _log.info("summarised: %s", _took(begun, f"{len(cells)} cells"))


def _title(study: Study) -> str:
    """Return what the cells of a study are, in a few words."""
    first, *others = [spec.name for spec in study.policies]
    more = f" and {len(others)} more" if len(others) > 1 else "".join(f" and {name}" for name in others)
    return f"{first}{more} × {study.seeds} seed{'s' * (study.seeds > 1)}"


def _took(begun: float, what: str) -> str:
    return f"{what} in {time.monotonic() - begun:.1f} s"


def _compiling(bar: ProgressBar) -> None:
    """Say why the first run takes longer."""
    _log.info(COMPILING)
    bar.remark(COMPILING)


def _jobs(study: Study, found: Tuned) -> list[Job]:
    """Return the cells of a study, seed by seed so that interrupted runs have whole seeds."""
    return [
        Job(
            spec.name,
            seed,
            study.rounds,
            logged=seed < study.log_seeds,
            quota=found.quota if spec.static_quota else None,
            ranker=found.rankers.get(spec.name),
            catalogue=found.catalogue,
        )
        for seed in range(study.seeds)
        for spec in study.policies
    ]
