"""Running the cells of a study on one process or several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
from joblib.externals.loky import get_reusable_executor
from threadpoolctl import threadpool_limits

from ltrr.bandits.spec import PolicySpec
from ltrr.report.progress import Counter, ProgressBar
from ltrr.rng import Streams
from ltrr.simulation.cell import Cell
from ltrr.simulation.loop import Loop
from ltrr.simulation.system import Prepared
from ltrr.study.build import make_measures, system_of
from ltrr.study.folder import versions
from ltrr.study.study import Study

__all__ = ["Job", "Runner"]


@dataclass(frozen=True)
class Job:
    """What a worker needs to run one cell.

    Parameters
    ----------
    spec : PolicySpec
    replicate, rounds : int
    logged : bool
        Write the four log tables.
    quota : tuple of int, optional
        The tuning's answer, for the best static allocation.
    """

    spec: PolicySpec
    replicate: int
    rounds: int
    logged: bool
    quota: tuple[int, ...] | None = None


@dataclass
class Runner:
    """Runs jobs on one process or several; workers map the prepared arrays instead of copying them.

    Parameters
    ----------
    study : Study
    prepared : Prepared
        What all cells share.
    folder : Path
        The run's folder.
    jobs : int
        Processes.
    bar : ProgressBar
    shared : Path
        Temporary folder for what travels to workers.
    """

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
        study = self.study
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
        system = system_of(study, prepared, job.spec, streams, job.quota)
        loop = replace(study.loop, log_shadow=study.loop.log_shadow and job.logged)
        Cell(
            Loop(system, loop, streams),
            folder,
            job.spec.name,
            job.replicate,
            job.rounds,
            logged=job.logged,
            metadata=versions(study),
            measures=make_measures(study),
            progress=lambda done: counter.put(index, done),
        ).run()
    counter.put(index, job.rounds)
