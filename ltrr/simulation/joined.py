"""Small batches joined, so that what is done once a batch is done once for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from ltrr.logs.writer import Shadow
from ltrr.simulation.batch import Batch
from ltrr.types import Feedback, Page
from ltrr.types.ragged import concat_indptr
from ltrr.types.trusted import trusted
from ltrr.users.tables import Outcome

__all__ = ["Waiting", "joined"]

ENOUGH = 64
"""Requests that are measured and logged together; batches of more than half as many stay as they are."""

T = TypeVar("T")


def joined(parts: Sequence[Batch]) -> Batch:
    """Return batches of one model as one; what is sampled of them is left out.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> loop = small_example()
    >>> batch = joined([loop.step(1) for _ in range(3)])
    >>> batch.feedback.requests.request.tolist(), len(batch.union), batch.page.item.shape
    ([0, 1, 2], 3, (3, 10))
    """
    if len(parts) == 1:
        return parts[0]
    outcomes = [p.outcome for p in parts]
    outcome = [np.concatenate([getattr(o, key) for o in outcomes]) for key in _OUTCOME]
    whole: dict[str, Any] = {
        "feedback": Feedback.concat([p.feedback for p in parts]),
        "union": _stacked([p.union for p in parts]),
        "page": _pages(parts),
        "outcome": Outcome(*outcome),
        "truth_page": _stacked([p.truth_page for p in parts]),
        "truth_union": _stacked([p.truth_union for p in parts]),
    }
    plain: dict[str, Any] = {
        f.name: np.concatenate([getattr(p, f.name) for p in parts])
        for f in fields(Batch)
        if isinstance(getattr(parts[0], f.name), np.ndarray) and f.name != "sampled_rows"
    }
    none = np.zeros(0, np.int64)
    shadow = _shadows([p.shadow for p in parts if p.shadow is not None])
    return replace(parts[0], **whole, **plain, sampled_rows=none, pool=None, shadow=shadow)


def _shadows(parts: Sequence[Shadow]) -> Shadow | None:
    """Return the shadows of batches that all have them, or none has."""
    if not parts:
        return None
    score = [part.score for part in parts if part.score is not None]
    return Shadow(_stacked([part.union for part in parts]), np.concatenate(score) if score else None)


_OUTCOME = ("click", "satisfied", "abandoned")


def _stacked(parts: Sequence[T]) -> T:
    """Return frozen dataclasses of arrays as one; what is no array is the same in all."""
    columns: dict[str, Any] = {}
    for name, first in vars(parts[0]).items():
        own = [getattr(part, name) for part in parts]
        if name.endswith("indptr"):
            columns[name] = concat_indptr(own)
        else:
            columns[name] = np.concatenate(own) if isinstance(first, np.ndarray) else first
    return trusted(type(parts[0]), **columns)


def _pages(parts: Sequence[Batch]) -> Page:
    """Return the pages as one, whose candidates point into the joined union."""
    page = _stacked([p.page for p in parts])
    start = np.cumsum([0, *(len(p.union.item) for p in parts[:-1])])
    shift = np.repeat(start, [len(p.page) for p in parts])[:, None]
    return replace(page, candidate=np.where(page.candidate >= 0, page.candidate + shift, page.candidate))


class Waiting:
    """Batches that wait to be joined with those that follow.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> loop, waiting = small_example(), Waiting()
    >>> done = [whole for _ in range(70) for whole in waiting.add(loop.step(1))]
    >>> len(done[0].feedback), len(waiting.rest()[0].feedback)
    (64, 6)
    """

    def __init__(self) -> None:
        self._parts: list[Batch] = []
        self._size = 0

    def add(self, batch: Batch) -> list[Batch]:
        """Take in a batch and return what need not wait any longer, in order."""
        alone = 2 * len(batch.feedback) > ENOUGH
        other = bool(self._parts) and self._parts[0].model_version != batch.model_version
        out = self.rest() if alone or other else []
        self._parts.append(batch)
        self._size += len(batch.feedback)
        return out + self.rest() if alone or self._size >= ENOUGH else out

    def rest(self) -> list[Batch]:
        """Return what still waits, as one batch; nothing if there is none."""
        parts, self._parts, self._size = self._parts, [], 0
        return [joined(parts)] if parts else []
