"""Evidence: what a preview of each arm says before the policy chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ltrr._kernels.previews import overlaps
from ltrr.protocols import State
from ltrr.types import Bool, Candidates, Catalogue, Float32, Float64, Int32, Int64, Requests

__all__ = ["Evidence", "Retrieve"]

Retrieve = Callable[[int, Requests, Int32], Candidates]
"""Returns the candidates of an arm, by its index, down to a depth for each request."""

LIMIT = 2.0
"""Relative measures of score shape are cut off here: beyond it a list's scores all but cancel out."""

_DEVIATIONS = 3.0
_TOP_PART = 4
_TENTH = 0.9
_OWN = ("results", "top", "margin", "spread", "nqc", "wig", "new", "popular", "kinds", "main_kind", "overlap")


class Evidence:
    """What the first ``depth`` items of each arm look like, a row an arm.

    Scores of arms have different scales. All columns but ``top`` are shares, or ratios within one list, so
    they need no scale. ``top`` is compared with the arm's own top scores in earlier batches; their mean and
    deviation are part of the state. An arm that returns nothing has 0 in every column.

    ===============  ==================================================================  ========
    column           value                                                               range
    ===============  ==================================================================  ========
    ``results``      items of the preview / ``depth``                                    [0, 1]
    ``top``          first score in deviations from the arm's mean, cut at ±3, / 3       [−1, 1]
    ``margin``       (first − second score) / abs(first)                                 [0, 2]
    ``spread``       (first − last score) / abs(first)                                   [0, 2]
    ``nqc``          deviation of the scores / abs(mean)                                 [0, 2]
    ``wig``          (mean of the first quarter − mean of the rest) / abs(mean)          [0, 2]
    ``new``          share among the tenth of the whole catalogue released last          [0, 1]
    ``popular``      share among the most popular tenth                                  [0, 1]
    ``kinds``        entropy of the kinds of entities / log(number of kinds)             [0, 1]
    ``main_kind``    share of the most frequent kind                                     [0, 1]
    ``overlap``      share that at least one other arm previews too                      [0, 1]
    ``with_<arm>``   share that this arm previews too; 0 for the arm itself              [0, 1]
    ===============  ==================================================================  ========

    Where the catalogue does not say when items were released, how popular they are, or of what kind, its
    column is constant.

    Parameters
    ----------
    arms : tuple of str
    depth : int >= 1
        Items of a preview.
    catalogue : Catalogue

    Examples
    --------
    Two arms show their best two. They share item 1, half of either preview.

    >>> catalogue = Catalogue(("a", "b", "c"), {"title": ("x", "y", "z")})
    >>> evidence = Evidence(("bm25", "dense"), 2, catalogue)
    >>> lists = {0: ([[0, 1]], [[4.0, 1.0]]), 1: ([[1, 2]], [[1.0, 0.5]])}
    >>> retrieve = lambda arm, requests, depth: Candidates.from_lists(
    ...     lists[arm][0], depth=depth, scores=lists[arm][1]
    ... )
    >>> one = Requests(*(np.zeros(1),) * 3, np.array([-1]), np.zeros(1), np.zeros((1, 0)))
    >>> seen = evidence.build(one, retrieve)
    >>> margin, overlap = evidence.names.index("margin"), evidence.names.index("overlap")
    >>> seen[0, :, margin].tolist(), seen[0, :, overlap].tolist()
    ([0.75, 0.5], [0.5, 0.5])

    References
    ----------
    NQC: Shtok, Kurland, Carmel, Raiber, Markovits, "Predicting query performance by query-drift estimation",
    TOIS 30 (2012). WIG: Zhou and Croft, "Query performance prediction in web search environments", SIGIR
    2007. Both normalise by the score of the whole collection, which few arms have; here the list's own mean
    stands in for it.
    """

    def __init__(self, arms: tuple[str, ...], depth: int, catalogue: Catalogue) -> None:
        self.depth = depth
        self.names: tuple[str, ...] = (*_OWN, *(f"with_{arm}" for arm in arms))
        self._n_arms = len(arms)
        self._new = _upper_tenth(catalogue.released)
        self._popular = _upper_tenth(catalogue.popularity)
        self._kind = catalogue.kind.astype(np.int64)
        self._n_kinds = max(len(catalogue.kind_names), int(self._kind.max()) + 1)
        self._count = np.zeros(self._n_arms)
        self._mean = np.zeros(self._n_arms)
        self._square = np.zeros(self._n_arms)
        self._first = np.zeros((0, self._n_arms))
        self._some = np.zeros((0, self._n_arms), np.bool_)

    def build(self, requests: Requests, retrieve: Retrieve) -> Float32:
        """Return the columns (B, R, C) for each request and arm, with the scale as it is."""
        asked = np.full(len(requests), self.depth, np.int32)
        lists = [retrieve(arm, requests, asked) for arm in range(self._n_arms)]
        item, score = _padded(lists, len(requests), self.depth)
        some = item >= 0
        n = some.sum(axis=2)
        self._first, self._some = np.where(n > 0, score[:, :, 0], 0.0), n > 0
        pair = np.empty((len(requests), self._n_arms, self._n_arms), np.float32)
        rest = np.empty((len(requests), self._n_arms), np.float32)
        overlaps(item, pair, rest)
        columns = [n / self.depth, self._top(), *_shape(score, some, n), *self._kept(item, some, n), rest]
        out: Float32 = np.concatenate([np.stack(columns, axis=2), pair], axis=2, dtype=np.float32)
        return out

    def count(self) -> None:
        """Add the first scores of the batch that was built last to the scale of ``top``."""
        n = self._some.sum(axis=0).astype(np.float64)
        mean = self._first.sum(axis=0, where=self._some) / np.maximum(n, 1)
        square = np.where(self._some, (self._first - mean) ** 2, 0.0).sum(axis=0)
        total = self._count + n
        step = mean - self._mean
        self._square = self._square + square + step**2 * self._count * n / np.maximum(total, 1)
        self._mean = self._mean + step * n / np.maximum(total, 1)
        self._count = total
        self._first, self._some = self._first[:0], self._some[:0]

    def state(self) -> State:
        """Return number, mean and squared deviation of the first scores of each arm."""
        return {"count": self._count.copy(), "mean": self._mean.copy(), "square": self._square.copy()}

    def restore(self, state: State) -> None:
        """Continue from a scale."""
        self._count, self._mean = np.array(state["count"]), np.array(state["mean"])
        self._square = np.array(state["square"])
        self._first, self._some = self._first[:0], self._some[:0]

    def _top(self) -> Float64:
        """Return the first scores in units of their scale, (B, R)."""
        deviation = np.sqrt(self._square / np.maximum(self._count, 1))
        # scores that never differed have no scale yet
        scale = np.where(deviation > 1e-9 * (1.0 + np.abs(self._mean)), deviation, np.inf)
        far = np.clip((self._first - self._mean) / scale, -_DEVIATIONS, _DEVIATIONS)
        return np.where(self._some, far / _DEVIATIONS, 0.0)

    def _kept(self, item: Int32, some: Bool, n: Int64) -> list[Float64]:
        """Return the shares of new and of popular items, entropy of kinds, and share of the main kind."""
        total = np.maximum(n, 1)
        new, popular = ((some & mark[item]).sum(axis=2) / total for mark in (self._new, self._popular))
        cell = np.arange(n.size).reshape(*n.shape, 1) * self._n_kinds + self._kind[item]
        number = np.bincount(cell[some], minlength=n.size * self._n_kinds).reshape(*n.shape, self._n_kinds)
        share = number / total[:, :, None]
        entropy = -(share * np.log(np.where(number > 0, share, 1.0))).sum(axis=2)
        return [new, popular, entropy / np.log(max(self._n_kinds, 2)), share.max(axis=2)]


def _upper_tenth(value: Float32 | Float64) -> Bool:
    """Return which items lie in the upper tenth of a column; none where all are alike."""
    return np.asarray((value >= np.quantile(value, _TENTH)) & (value > value.min()))


def _padded(lists: Sequence[Candidates], n_requests: int, depth: int) -> tuple[Int32, Float64]:
    """Return items (B, R, p), −1 where a list has ended, and their scores, 0 there."""
    item = np.full((n_requests, len(lists), depth), -1, np.int32)
    score = np.zeros(item.shape)
    for arm, found in enumerate(lists):
        length = found.indptr[1:] - found.indptr[:-1]
        row = np.repeat(np.arange(n_requests), length)
        rank = np.arange(len(found.item)) - found.indptr[row]
        item[row, arm, rank], score[row, arm, rank] = found.item, found.score
    return item, score


def _shape(score: Float64, some: Bool, n: Int64) -> list[Float64]:
    """Return margin, spread, NQC and WIG of descending scores (B, R, p), each (B, R)."""
    total = np.maximum(n, 1)
    first = score[:, :, 0]
    last = np.take_along_axis(score, np.maximum(n - 1, 0)[:, :, None], axis=2)[:, :, 0]
    second = np.where(n > 1, score[:, :, min(1, score.shape[2] - 1)], first)
    mean = score.sum(axis=2) / total
    deviation = np.sqrt(np.where(some, (score - mean[:, :, None]) ** 2, 0.0).sum(axis=2) / total)
    top = -(-n // _TOP_PART)
    head = np.where(np.arange(score.shape[2]) < top[:, :, None], score, 0.0).sum(axis=2)
    rest = (score.sum(axis=2) - head) / np.maximum(n - top, 1)
    wig = np.where(n > top, head / np.maximum(top, 1) - rest, 0.0)
    return [
        _relative(first - second, first),
        _relative(first - last, first),
        _relative(deviation, mean),
        _relative(wig, mean),
    ]


def _relative(value: Float64, scale: Float64) -> Float64:
    """Return values >= 0 in units of the size of ``scale``, cut off at `LIMIT`; 0 where both are 0."""
    return np.minimum(value / np.maximum(np.abs(scale), np.maximum(value / LIMIT, 1e-12)), LIMIT)
