"""Segments: parts of a log by a column's values, each judged as the whole is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ltrr.errors import InputError
from ltrr.replay.judging.chunk import Chunk
from ltrr.replay.judging.comparison import Comparison

__all__ = ["EMPTY", "MISSING", "MOST", "OTHER", "Segments"]

MOST = 50
"""Most segments; rows of later ones are judged together."""

OTHER, MISSING, EMPTY = "(other)", "(missing)", "(empty)"


@dataclass
class Segments:
    """A comparison for every value of a column, in the order in which values are first seen.

    Parameters
    ----------
    by : str
        The column.
    whole : Comparison
        Of the whole log; forked for every segment.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> from ltrr.replay.judging.models import Models
    >>> from ltrr.replay.judging.plan import Plan
    >>> from ltrr.replay.judging.settings import Settings
    >>> from ltrr.replay.targets.always import Always
    >>> rows = {"action": [*"abab"], "reward": [0, 1, 1, 1], "propensity": [0.5] * 4, "on": [*"xxyy"]}
    >>> log = read(pa.table(rows)).only(features=False, targets=frozenset(), labels=frozenset({"on"}))
    >>> plan = Plan.of(log, Settings(estimators=["ips"]))
    >>> whole = Comparison(plan, [plan.judge(Always("a"), Models(logged=True), 2)])
    >>> segments = Segments("on", whole)
    >>> segments.add(whole.chunk(next(log.chunks())))
    >>> segments.finish()
    >>> {name: of.judges[0].entries[0].estimator.value() for name, of in segments.found.items()}
    {'x': 0.0, 'y': 1.0}
    """

    by: str
    whole: Comparison
    found: dict[str, Comparison] = field(default_factory=dict, init=False)

    def add(self, chunk: Chunk) -> None:
        """Take in a chunk, part by part.

        Raises
        ------
        InputError
            If rows of one request have several values: their rewards and weights are judged together.
        """
        label = chunk.events.labels[self.by]
        code = label.code
        lengths = np.diff(np.append(chunk.starts, len(chunk.events)))
        other = np.flatnonzero(code != np.repeat(code[chunk.starts], lengths))
        if len(other):
            raise InputError(
                f"`by` must be the same in all rows of a request, and `{self.by}` differs in row "
                f"{int(chunk.events.row[other[0]])}; take a column of requests"
            )
        order = np.argsort(code, kind="stable")
        codes, first = np.unique(code[order], return_index=True)
        parts = np.split(order, first[1:])
        seen = sorted(zip(codes.tolist(), parts, strict=True), key=lambda pair: int(pair[1][0]))
        rows: dict[str, list[np.ndarray]] = {}
        for number, part in seen:
            name = (label.names[number] or EMPTY) if number >= 0 else MISSING
            known = name in self.found or name in rows or len({*self.found, *rows}) < MOST
            rows.setdefault(name if known else OTHER, []).append(part)
        for name, joined in rows.items():
            if name not in self.found:
                self.found[name] = self.whole.fork()
            self.found[name].take_in(chunk.take(np.sort(np.concatenate(joined))))

    def finish(self) -> None:
        """Finish every segment's comparison."""
        for comparison in self.found.values():
            comparison.finish()
