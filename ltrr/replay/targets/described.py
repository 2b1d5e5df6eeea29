"""Actions as policies see them: by the log's features, or by their names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.types import ActionSet, Int64

__all__ = ["blocks", "check_context", "described"]

NAMED = 256
"""Most actions that get a column each."""

_NUMBERS = 1 << 22  # numbers of features at a time: 16 MB


def described(events: Events) -> ActionSet:
    """Return the events' actions with features that a policy can learn from.

    They are the log's action features. A log that has none gets one column an action, ``arm:<name>``, as logs
    of ltrr name their arms, if it has at most `NAMED` actions; with more, actions have no features and only
    policies that know actions by number can distinguish them.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(Space(("a", "b")), row=np.ones(1), key=np.ones(1), action=np.ones(1), reward=np.ones(1))
    >>> described(one).names, described(one).features.tolist()
    (('arm:a', 'arm:b'), [[1.0, 0.0], [0.0, 1.0]])
    """
    actions, space = events.actions, events.space
    if space.feature_names or len(space.actions) > NAMED:
        return actions
    names = tuple(f"arm:{action}" for action in space.actions)
    one = np.eye(len(names), dtype=np.float32)
    return ActionSet(actions.indptr, actions.action, one[actions.action], names, actions.n_actions)


def check_context(policy: str, events: Events) -> None:
    """Raise `InputError` where a context lacks a value: policies of this package cannot leave one out.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one, hours = np.ones(1), np.array([[np.nan]])
    >>> check_context("linucb", Events(Space(("a",), ("hour",)), one, one, one - 1, one, context=hours))
    Traceback (most recent call last):
    ltrr.errors.InputError: policy 'linucb' needs every context column, and `hour` has no value in row 1; ...
    """
    row, column = np.nonzero(np.isnan(events.context))
    if len(row):
        first = events.space.context_names[int(column.min())]
        where = int(events.row[row[column == column.min()][0]])
        raise InputError(
            f"policy {policy!r} needs every context column, and `{first}` has no value in row {where}; fill "
            "it in, leave such rows out, or read the log without that column"
        )


def blocks(events: Events) -> Iterator[Int64]:
    """Yield runs of rows whose described actions fit into memory, in order."""
    space = events.space
    width = max(len(space.actions), 1)
    if events.indptr is not None:
        width = max(int(np.diff(events.indptr).max(initial=1)), 1)
    columns = len(space.feature_names) or min(len(space.actions), NAMED)
    step = max(1, _NUMBERS // (width * max(columns + len(space.context_names), 1)))
    for start in range(0, len(events), step):
        yield np.arange(start, min(start + step, len(events)), dtype=np.int64)
