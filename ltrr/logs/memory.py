"""Logs in memory: tables of other libraries, and events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.logs.extra import Extra
from ltrr.logs.faults import Faults
from ltrr.logs.own_columns import extra_log, with_extra
from ltrr.logs.replay_log import ReplayLog

__all__ = ["EventsLog", "as_table"]


def as_table(value: Any) -> pa.Table:
    """Return a table in memory as an Arrow table, structs flattened to dotted names.

    Parameters
    ----------
    value : pyarrow Table or RecordBatch, pandas or polars DataFrame
        Or any object that offers its columns by the Arrow PyCapsule interface (``__arrow_c_stream__``).

    Raises
    ------
    InputError
        If it is none of these, or its columns cannot be Arrow's.

    Examples
    --------
    >>> import pandas as pd
    >>> as_table(pd.DataFrame({"action": ["a"], "reward": [1.0]})).column_names
    ['action', 'reward']
    """
    pandas = sys.modules.get("pandas")  # who has a DataFrame has loaded it
    of_pandas = pandas is not None and isinstance(value, pandas.DataFrame)
    is_series = pandas is not None and isinstance(value, pandas.Series)
    known = of_pandas or isinstance(value, (pa.RecordBatch, pa.Table)) or hasattr(value, "__arrow_c_stream__")
    if not known or is_series:
        hint = "; give it as .collect()" if hasattr(value, "collect") else ""
        raise InputError(
            "a log must be a path, a DataFrame of pandas or polars, a pyarrow Table, or a ReplayLog, got "
            f"{type(value).__name__}{hint}"
        )
    try:
        if isinstance(value, pa.RecordBatch):
            table = pa.Table.from_batches([value])
        elif isinstance(value, pa.Table):
            table = value
        elif of_pandas:
            table = pa.Table.from_pandas(value, preserve_index=False)
        else:
            table = pa.table(value)
    except (pa.ArrowException, TypeError, ValueError) as error:
        detail = " ".join(str(error).split())[:200]
        raise InputError(
            f"the table cannot be read as columns of one type each: {detail}; give each column one type, for "
            "example labels as text by .astype(str)"
        ) from error
    while any(pa.types.is_struct(f.type) for f in table.schema):
        table = table.flatten()
    return table


@dataclass
class EventsLog:
    """Events in memory as a log, in chunks.

    Parameters
    ----------
    events : Events
    chunk_rows : int >= 1
        Rows a chunk; events of several slots must fit their requests into it.
    name : str
        Name of the log in tables.

    Examples
    --------
    >>> one = Events(Space(("a", "b")), np.arange(1, 6), np.arange(5), np.zeros(5), np.zeros(5))
    >>> [len(events) for events in EventsLog(one, chunk_rows=2).chunks()]
    [2, 2, 1]
    """

    events: Events
    chunk_rows: int = 50_000
    name: str = "memory"
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("EventsLog.chunk_rows", self.chunk_rows, low=1)
        self.faults = Faults()

    @property
    def format(self) -> str:
        """The format's name."""
        return "memory"

    @property
    def space(self) -> Space:
        """What the ids mean."""
        return self.events.space

    def only(
        self,
        *,
        features: bool,
        targets: frozenset[str] | None,
        numbers: frozenset[str] = frozenset(),
        labels: frozenset[str] = frozenset(),
        ids: frozenset[str] = frozenset(),
        propensity: bool = True,
    ) -> ReplayLog:
        """Return the log with further columns by name; what is in memory anyway is not left out.

        Raises
        ------
        InputError
            If a further column is not known.
        """
        del features, targets
        asked = Extra(numbers, labels, ids)
        with_extra(self.events.take(np.zeros(0, np.int64)), asked, self.name)
        return extra_log(self, asked, propensity=propensity)

    def chunks(self) -> Iterator[Events]:
        """Yield the events chunk by chunk."""
        self.faults = Faults()
        for start in range(0, len(self.events), self.chunk_rows):
            rows = np.arange(start, min(start + self.chunk_rows, len(self.events)))
            self.faults.seen(len(rows), len(rows))
            yield self.events.take(rows)
