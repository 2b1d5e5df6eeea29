"""Columns of a chunk as a reader parsed them: not yet checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Space
from ltrr.logs.labels import Labels
from ltrr.types import Bool, Float32, Float64, Int16, Int32, Int64, Queries

__all__ = ["Raw", "frozen"]


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view: kernels are compiled once, for such columns only."""
    view = values.view()
    view.flags.writeable = False
    return view


@dataclass
class Raw:
    """What a reader makes of n rows, for `ltrr.logs.admit` to check and turn into `Events`.

    Parameters
    ----------
    row : int64 (n,)
        Row number in the log, from 1.
    action : int32 (n,)
        Chosen action's id; −1 where it is missing or unknown.
    reward : float64 (n,)
        NaN where it is missing.
    event : int64, uint64 or str (n,), or None
        Event ids; rows with the same id and slot are duplicates, rows with the same id and other slots are
        slots of one request. None where the log has no ids: every row is an event.
    propensity : float64 (n,) or None
        NaN where it is missing.
    slot : int16 (n,) or None
    position : int32 (n,) or None
    time : float64 (n,) or None
        NaN where it is missing.
    context : float32 (n, D) or None
    count : float64 (n,) or None
        1 / the share of such events that the log kept.
    indptr, eligible, probabilities, features
        As in `Events`, but unchecked.
    targets : mapping of str to float64 (n,)
    session, user, query : int64, int64, int32 (n,) or None
    queries : Queries
    faults : list of (str, int64 array, list of str)
        What was found while parsing: kind (of `ltrr.logs.faults.FAULTS`), local positions 0…n−1 of the
        rows, and what was found there. Rows that cannot be parsed at all keep their place, with action −1 and
        reward NaN; no further fault of such a row is reported.
    named : bool (n,) or None
        Of rows that are "unreadable", whether their id was read nevertheless; None where it never is.
    numbers, labels, ids : mapping
        As in `Events`.
    stated : (int32 (n,), float64 (n,)) or None
        Actions and rewards of all rows, also of those whose own are void because of a fault; None where
        there are no others.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> raw = Raw(row=[1, 2], action=[0, -1], reward=[1.0, 0.5], propensity=[0.5, None])
    >>> raw.typed(Space(("tea", "latte"))).propensity.tolist()
    [0.5, nan]
    """

    row: Int64
    action: Int32
    reward: Float64
    event: Any = None
    propensity: Float64 | None = None
    slot: Int16 | None = None
    position: Int32 | None = None
    time: Float64 | None = None
    context: Float32 | None = None
    count: Float64 | None = None
    indptr: Int64 | None = None
    eligible: Int32 | None = None
    probabilities: Float64 | None = None
    features: Float32 | None = None
    targets: Mapping[str, Float64] = field(default_factory=dict)
    session: Int64 | None = None
    user: Int64 | None = None
    query: Int32 | None = None
    queries: Queries = field(default_factory=Queries)
    faults: list[tuple[str, Int64, list[str]]] = field(default_factory=list)
    named: Bool | None = None
    numbers: Mapping[str, Float64] = field(default_factory=dict)
    labels: Mapping[str, Labels] = field(default_factory=dict)
    ids: Mapping[str, Int64] = field(default_factory=dict)
    stated: tuple[Int32, Float64] | None = None

    def typed(self, space: Space) -> Raw:
        """Return the columns in their types, read-only.

        Raises
        ------
        InputError
            If a column has the wrong length, which is the reader's fault.
        """
        n = len(self.row)
        shapes: dict[str, tuple[Any, tuple[int | None, ...]]] = {
            "row": (np.int64, (n,)),
            "action": (np.int32, (n,)),
            "reward": (np.float64, (n,)),
            "propensity": (np.float64, (n,)),
            "slot": (np.int16, (n,)),
            "time": (np.float64, (n,)),
            "context": (np.float32, (n, len(space.context_names))),
            "count": (np.float64, (n,)),
            "eligible": (np.int32, (None,)),
        }
        if (self.indptr is None) != (self.eligible is None):
            raise InputError("`Raw.indptr` and `Raw.eligible` must be given together")
        size = n * len(space.actions) if self.eligible is None else len(self.eligible)
        shapes["probabilities"] = (np.float64, (size,))
        shapes["features"] = (np.float32, (size, len(space.feature_names)))
        typed: dict[str, Any] = {}
        for name, (dtype, shape) in shapes.items():
            value = getattr(self, name)
            if value is not None:
                typed[name] = frozen(_check.array(f"Raw.{name}", value, dtype, shape))
        if self.indptr is not None:
            typed["indptr"] = frozen(_check.indptr("Raw.indptr", self.indptr, n, size))
        typed["targets"] = {
            name: frozen(_check.array(f"Raw.targets[{name!r}]", values, np.float64, (n,)))
            for name, values in self.targets.items()
        }
        return replace(self, **typed)
