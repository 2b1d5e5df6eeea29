"""The worker processes of a study: started once, for its cells and then for its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import joblib
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ltrr.study.lock import end_with

__all__ = ["spread"]


def spread(calls: Iterable[Any], jobs: int, driver: int) -> Iterator[Any]:
    """Start ``joblib.delayed`` calls on worker processes, and return an iterator of the answers as they come.

    Parameters
    ----------
    calls : iterable of delayed calls
    jobs : int
        Processes; those of an earlier call with the same number and driver serve again.
    driver : int
        The process with which the workers end.

    Examples
    --------
    >>> import os
    >>> sorted(spread([joblib.delayed(abs)(i) for i in (-2, 1)], jobs=1, driver=os.getpid()))
    [1, 2]
    """
    workers = joblib.Parallel(
        n_jobs=jobs,
        batch_size=1,
        backend="loky",
        initializer=end_with,
        initargs=(driver,),
        return_as="generator_unordered",
    )
    return _answers(workers(calls))


def _answers(found: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from found
    except TerminatedWorkerError as error:
        raise MemoryError(
            "a worker was killed, most likely for want of memory; go on with --resume"
        ) from error
    except BaseException:
        # A worker that was being started when an interrupt came would outlive this process.
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        raise
