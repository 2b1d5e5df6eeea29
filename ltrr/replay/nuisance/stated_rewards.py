"""Rewards predicted by a model of the user's own, given as columns of the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events, Space
from ltrr.replay.nuisance._design import action_of, indptr_of
from ltrr.replay.nuisance.reward_model import RewardModel
from ltrr.types import Float64, Int64

__all__ = ["StatedRewards", "check_named"]

LOGGED = "logged"
"""What the column of the chosen actions' predictions is given by."""


@dataclass
class StatedRewards:
    """Predicted rewards q̂(x, a) as columns of the log, one for each action.

    Nothing is fitted. Doubly robust estimates stay unbiased where a row's predictions did not use its own
    reward: that the columns come from other data, or were cross-fitted, is for the user to see to.

    Parameters
    ----------
    pattern : str
        Name of the columns, in which ``*`` stands for the action's name: "q_*".
    others : RewardModel or None
        A fitted model of further outcomes, whose predictions become further columns.

    Examples
    --------
    >>> StatedRewards("q_*").columns(Space(("tea", "latte")))
    ('q_tea', 'q_latte')
    """

    pattern: str
    others: RewardModel | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.pattern, str) or self.pattern.count("*") != 1:
            raise InputError(
                "`StatedRewards.pattern` must be a text with one `*`, which stands for the action's name, "
                f"got {self.pattern!r}"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes of the model of further outcomes; none without it."""
        return () if self.others is None else self.others.notes

    def columns(self, space: Space) -> tuple[str, ...]:
        """Return the names of the columns, one an action."""
        return tuple(self.pattern.replace("*", action) for action in space.actions)

    def predict(self, events: Events) -> Float64:
        """Return q̂(x, a) for every eligible action, (N,) or with further outcomes (N, M).

        Raises
        ------
        InputError
            If a column was not read, or has no finite number where its action was eligible.
        """
        indptr, q = indptr_of(events), self._values(events)
        if events.eligible is None:
            q = q.reshape(-1)
        else:
            q = q[np.repeat(np.arange(len(events)), np.diff(indptr)), events.eligible]
        self._check(events, q, np.arange(indptr[-1]))
        return q if self.others is None else _joined(q, self.others.predict(events))

    def predict_chosen(self, events: Events) -> Float64:
        """Return q̂(x, a) of the chosen actions, (n,) or (n, M): entries of `predict` at ``events.place``."""
        q = self._values(events)[np.arange(len(events)), events.action]
        self._check(events, q, events.place)
        return q if self.others is None else _joined(q, self.others.predict_chosen(events))

    def _values(self, events: Events) -> Float64:
        """Return the columns side by side, (n, A)."""
        names = self.columns(events.space)
        for name in names:
            if name not in events.numbers:
                raise InputError(
                    f"`q` must name a column for every action, and {name!r} was not read; give the log such "
                    "a column or change the pattern"
                )
        out = np.empty((len(events), len(names)))
        for a, name in enumerate(names):
            out[:, a] = events.numbers[name]
        return out

    def _check(self, events: Events, q: Float64, flat: Int64) -> None:
        bad = np.flatnonzero(~np.isfinite(q))
        if len(bad):
            at = flat[bad[:1]]
            row = int(np.searchsorted(indptr_of(events), at[0], side="right")) - 1
            name = self.columns(events.space)[int(action_of(events, at)[0])]
            raise InputError(
                f"`{name}` must be a finite number wherever its action could be chosen, got {q[bad[0]]:g} in "
                f"row {int(events.row[row])} of the log; fill it in or leave the row out"
            )


def check_named(q: Any, targets: Iterable[Any]) -> None:
    """Check that predictions given by policy are of policies that are judged, and of the chosen actions.

    Parameters
    ----------
    q : mapping or anything else
        As of `ltrr.replay.judging.settings.Settings`; only a mapping is checked.
    targets : iterable of Target
        By their names, or by the column that holds their probabilities.

    Raises
    ------
    InputError
        If "logged" or a policy is absent, or a name is of no policy.

    Examples
    --------
    >>> from ltrr.replay.targets.column import ColumnTarget
    >>> check_named({"logged": "q", "newer": "q_new"}, [ColumnTarget("new")])
    Traceback (most recent call last):
    ltrr.errors.InputError: `q` names no policy that is judged, got 'newer'; did you mean 'new'?
    """
    if not isinstance(q, Mapping):
        return
    known: list[str] = []
    for target in targets:
        known += [name for name in (target.name, getattr(target, "column", "")) if name]
    for name in q:
        if name != LOGGED and name not in known:
            raise InputError(f"`q` names no policy that is judged, got {name!r}{nearest(name, known)}")
    if LOGGED not in q or len(q) < 2:
        raise InputError(
            "`q` must name a column for the chosen actions (logged=COLUMN) and one for a policy "
            f"(POLICY=COLUMN), got {', '.join(f'{name}={column}' for name, column in q.items())}"
        )


def _joined(first: Float64, others: Float64) -> Float64:
    # as of `RewardModel.predict`, an outcome's predictions are adjacent
    rows = others.T if others.ndim == 2 else others[None]
    return np.concatenate([first[None], rows]).T
