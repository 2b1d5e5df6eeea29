"""What is measured: rewards, and ratios of rewards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.types import Float64

__all__ = ["REWARD", "Metric", "Metrics", "metrics_of"]

REWARD = "reward"
"""The log's reward, as a metric and as a column of one."""


@dataclass(frozen=True)
class Metric:
    """A reward column's mean a request, or the ratio of two such means.

    Parameters
    ----------
    name : str
        In tables.
    column : str
        A column of numbers of the log; "reward" is the log's reward.
    per : str
        The denominator's column; "" for a mean.

    Examples
    --------
    >>> Metric.parsed("rpc=revenue/click")
    Metric(name='rpc', column='revenue', per='click')
    >>> Metric.parsed("revenue")
    Metric(name='revenue', column='revenue', per='')
    """

    name: str
    column: str
    per: str = ""

    @staticmethod
    def parsed(text: str) -> Metric:
        """Return the metric that ``NAME=COLUMN/COLUMN``, ``COLUMN/COLUMN`` or ``COLUMN`` means.

        Raises
        ------
        InputError
            If the text has no column, or more than one slash.
        """
        name, given, formula = text.partition("=")
        column, slash, per = (formula if given else text).partition("/")
        name, column, per = name.strip(), column.strip(), per.strip()
        if not name or not column or "/" in per or bool(slash) != bool(per):
            raise InputError(
                f"`metrics` must be NAME=COLUMN or NAME=COLUMN/COLUMN, for instance revenue or "
                f"rpc=revenue/click, got {text!r}"
            )
        return Metric(name, column, per)

    @property
    def text(self) -> str:
        """The metric as it is written."""
        formula = f"{self.column}/{self.per}" if self.per else self.column
        return formula if formula == self.name else f"{self.name}={formula}"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (self.column, self.per) if self.per else (self.column,)


@dataclass(frozen=True)
class Metrics:
    """All metrics of a replay; the log's reward is always the first.

    Parameters
    ----------
    metrics : tuple of Metric

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> found = metrics_of(["rpc=revenue/reward"])
    >>> found.columns, found.places(found.metrics[1])
    (('reward', 'revenue'), (1, 0))
    >>> events = Events(Space(("a",)), [1], [1], [0], [2.0], numbers={"revenue": [6.0]})
    >>> found.matrix(events).tolist()
    [[2.0, 6.0]]
    """

    metrics: tuple[Metric, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The different columns, the reward first."""
        return tuple(dict.fromkeys([REWARD, *(c for metric in self.metrics for c in metric.columns)]))

    @property
    def numbers(self) -> frozenset[str]:
        """The columns besides the reward."""
        return frozenset(self.columns) - {REWARD}

    def places(self, metric: Metric) -> tuple[int, ...]:
        """Return the places of a metric's columns among `columns`."""
        return tuple(self.columns.index(column) for column in metric.columns)

    def matrix(self, events: Events) -> Float64:
        """Return the columns' values, (n, columns).

        Raises
        ------
        InputError
            If a value is missing: whether that means 0 is not for a program to guess.
        """
        out = np.empty((len(events), len(self.columns)), order="F")
        out[:, 0] = events.reward
        for place, name in enumerate(self.columns[1:], start=1):
            values = events.numbers[name]
            bad = np.flatnonzero(~np.isfinite(values))
            if len(bad):
                raise InputError(
                    f"`{name}` has no number in row {int(events.row[bad[0]])}; write 0 there if nothing was "
                    "counted, or leave the metric out"
                )
            out[:, place] = values
        return out


def metrics_of(asked: Iterable[Any] | Mapping[str, str], more: Sequence[str] = ()) -> Metrics:
    """Return the metrics asked for, the reward first.

    Parameters
    ----------
    asked : sequence of str or Metric, or mapping
        Texts as `Metric.parsed` takes them; a mapping goes from name to ``COLUMN`` or ``COLUMN/COLUMN``.
    more : sequence of str
        Names that guardrails are about: those that are no metric yet are columns.

    Raises
    ------
    InputError
        If a name occurs twice.
    """
    if isinstance(asked, Mapping):
        asked = [f"{name}={formula}" for name, formula in asked.items()]
    found = [metric if isinstance(metric, Metric) else Metric.parsed(str(metric)) for metric in asked]
    names = [metric.name for metric in found]
    if len(set(names)) != len(names) or REWARD in names:
        raise InputError(f"`metrics` must have different names, none of them {REWARD!r}, got {names}")
    found += [Metric(name, name) for name in dict.fromkeys(more) if name not in (*names, REWARD)]
    return Metrics((Metric(REWARD, REWARD), *found))
