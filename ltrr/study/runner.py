"""Running the cells of a study on one process or several."""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
from threadpoolctl import threadpool_limits

from ltrr.bandits.blocks import uses
from ltrr.bandits.spec import PolicySpec
from ltrr.report.progress import ProgressBar
from ltrr.rng import Streams
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from ltrr.simulation.system import Prepared
from ltrr.study.build import make_measures, make_policy, system_of
from ltrr.study.counter import Counter
from ltrr.study.folder import versions
from ltrr.study.lock import Driver, working
from ltrr.study.study import Study
from ltrr.study.transport import put, take
from ltrr.study.workers import spread
from ltrr.types.component import Component

__all__ = ["Job", "Runner"]

_log = logging.getLogger(__name__)

TUNING_CHECKPOINT = 10_000
"""Requests between two checkpoints of a candidate of the tuning, at least."""


@dataclass(frozen=True)
class Job:
    """One cell: small plain values, because it is sent to a worker; objects travel once, with the study.

    Parameters
    ----------
    policy : str
        Name of a policy of the study, or of a candidate of the tuning.
    replicate, rounds : int
    logged : bool
        Write the four log tables.
    quota : tuple of int, optional
        The tuning's answer, for the best static allocation; or the candidate's.
    ranker : mapping, optional
        Settings of the ranker that the tuning found; or the candidate's.
    catalogue : tuple of int, optional
        The quotas that are offered as allocations.
    of : str
        Name of the policy of the study that a candidate would be; empty for a policy and for a quota alone.
    tuning : bool
        A candidate of the tuning, which is judged by its rewards alone.

    Examples
    --------
    >>> from ltrr.study.files import read_study
    >>> Job("linucb", replicate=0, rounds=200).spec(read_study("default")).component.kind
    'linucb'
    """

    policy: str
    replicate: int
    rounds: int
    logged: bool = False
    quota: tuple[int, ...] | None = None
    ranker: Mapping[str, Any] | None = None
    catalogue: tuple[int, ...] | None = None
    of: str = ""
    tuning: bool = False

    def spec(self, study: Study) -> PolicySpec:
        """Return the policy as a study names it."""
        if self.tuning and not self.of:
            return PolicySpec(self.policy, Component("static", {"quota": list(self.quota or ())}))
        return next(spec for spec in study.policies if spec.name == (self.of or self.policy))

    def study(self, study: Study) -> Study:
        """Return the study with what this cell leaves out: a tuning needs no oracles, logs or audits."""
        loop = replace(study.loop, log_shadow=study.loop.log_shadow and self.logged)
        if self.tuning:
            # its runs are short and many, so that their checkpoints would cost more than running one again
            rare = max(loop.checkpoint_every, TUNING_CHECKPOINT)
            loop = replace(loop, held_out=0, oracle_every=study.rounds + 1, audit=0.0, checkpoint_every=rare)
            # nobody looks at the previews of a candidate that decides without them
            spec = self.spec(study)
            if spec.static_quota or not uses(make_policy(spec, loop), "evidence"):
                loop = replace(loop, preview=0)
        return replace(study, loop=loop)


@dataclass(frozen=True)
class Runner:
    """Runs jobs on one process or several; workers map the prepared arrays instead of copying them.

    Parameters
    ----------
    study : Study
    prepared : Prepared
        What all cells share.
    driver : Driver
        Who holds the run's folder.
    jobs : int
        Processes.
    bar : ProgressBar
    shared : Path
        Temporary folder for what travels to workers.

    Examples
    --------
    >>> import tempfile
    >>> from ltrr.study.build import build, make_world, prepare, settled
    >>> from ltrr.study.call import study_of
    >>> from ltrr.study.lock import driving
    >>> study = study_of({"kind": "music", "n_items": 200, "n_queries": 40}, policies=["uniform"], warmup=5,
    ...                  arms=["bm25", "popular"], ranker={"kind": "rrf", "features": ["bm25"]}, rounds=10)
    >>> parts = build(study)
    >>> study = settled(study, parts)
    >>> prepared = prepare(parts, make_world(study))
    >>> with tempfile.TemporaryDirectory() as place, ProgressBar(quiet=True) as bar:
    ...     folder = Path(place)
    ...     with driving(folder, shared=folder, note=print) as driver:
    ...         runner = Runner(study, prepared, driver, jobs=1, bar=bar, shared=folder)
    ...         runner.run(folder, [Job("uniform", seed, rounds=10) for seed in (0, 1)], "two cells")
    ...     sorted(path.name for path in (folder / "rounds").iterdir())
    ['uniform-000.parquet', 'uniform-001.parquet']
    """

    study: Study
    prepared: Prepared
    driver: Driver
    jobs: int
    bar: ProgressBar
    shared: Path

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.driver.folder

    def run(self, folder: Path, jobs: Sequence[Job], title: str) -> None:
        """Run all jobs whose cell is not finished; ``folder`` is the run's, or one in it."""
        counter = Counter(self.shared / f"counter-{title}".replace(" ", "-"), len(jobs))
        total = sum(job.rounds for job in jobs)
        with self.bar.watch(title, counter.total, total):
            if self.jobs == 1:
                for i, job in enumerate(jobs):
                    _finished(job, _run_cell(self.study, self.prepared, job, folder, counter, i))
            else:
                self._spread(folder, jobs, counter)

    def _spread(self, folder: Path, jobs: Sequence[Job], counter: Counter) -> None:
        """Run jobs on worker processes."""
        place = self.shared / "prepared"
        if not place.exists():
            put(place, (self.study, self.prepared))
        parcel = _Parcel(place, tuple(map(os.path.abspath, sys.path)))
        calls = (
            joblib.delayed(_run_in_worker)(self.driver, parcel, job, folder, counter.path, i)
            for i, job in enumerate(jobs)
        )
        for job, seconds in spread(calls, self.jobs, self.driver.pid):
            _finished(job, seconds)


@dataclass(frozen=True)
class _Parcel:
    """What travels to the workers once.

    Parameters
    ----------
    place : Path
        File with the study and what its cells share.
    import_path : tuple of str
        Where the driver finds modules: folders may have been added since the workers were started.
    """

    place: Path
    import_path: tuple[str, ...]


@functools.lru_cache(maxsize=1)
def _unpacked(parcel: _Parcel) -> tuple[Study, Prepared]:
    """Return what a parcel holds, once a worker."""
    sys.path[:] = [*parcel.import_path, *(p for p in sys.path if p not in parcel.import_path)]
    importlib.invalidate_caches()
    found: tuple[Study, Prepared] = take(parcel.place)
    return found


def _run_in_worker(
    driver: Driver, parcel: _Parcel, job: Job, folder: Path, counter: Path, index: int
) -> tuple[Job, float]:
    """Run one cell as a worker of a driver; return the job and the seconds that it took."""
    with working(driver):
        study, prepared = _unpacked(parcel)
        return job, _run_cell(study, prepared, job, folder, Counter(counter), index)


def _finished(job: Job, seconds: float) -> None:
    """Say that a cell is finished."""
    level = logging.DEBUG if job.tuning else logging.INFO  # a tuning has hundreds, and a line for each rung
    _log.log(level, "%s, seed %d: %s rounds in %.1f s", job.policy, job.replicate, f"{job.rounds:,}", seconds)


def _run_cell(
    study: Study, prepared: Prepared, job: Job, folder: Path, counter: Counter, index: int
) -> float:
    """Run one cell on one thread; return the seconds that it took."""
    begun = time.monotonic()
    with threadpool_limits(1):
        study, spec, streams = job.study(study), job.spec(study), Streams(study.seed, job.replicate)
        system = system_of(
            study,
            prepared,
            spec,
            streams,
            quota=job.quota,
            tuned=job.ranker,
            catalogue=job.catalogue,
            logged=job.logged,
        )
        Cell(
            Loop(system, study.loop, streams),
            folder,
            job.policy,
            job.replicate,
            job.rounds,
            logged=job.logged,
            metadata=versions(study),
            measures=make_measures(study),
            progress=lambda done: counter.put(index, done),
        ).run()
    counter.put(index, job.rounds)
    return time.monotonic() - begun
