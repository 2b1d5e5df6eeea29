"""Predicted rewards, by models that have not seen the event they predict for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.nuisance._design import Design, blocks, indptr_of
from ltrr.replay.nuisance._members import Member, fit_members
from ltrr.replay.nuisance._regressors import check_kind
from ltrr.replay.nuisance.folds import fold_of, sample_rows
from ltrr.types import Float64

__all__ = ["RewardModel"]


@dataclass
class RewardModel:
    """Regression of rewards on context, action, action features, position and slot, cross-fitted by key.

    An event's fold is a hash of its key. The predictions for an event, whether it was fitted on or not, come
    from its fold's model, which has seen no event of that fold: so doubly robust estimates stay unbiased
    however flexible the models are. Each model is trained on the other folds but one, and calibrated on that
    one by a least-squares line (slope in [0, 2]), which makes predictions right on average; it predicts
    within the range of the rewards it has seen. Where a model has too little to learn from (under 20 rows, or
    one reward only) it predicts the mean of the other folds' rewards; `notes` says so. An action that was
    never logged is predicted from context and features alone.

    Parameters
    ----------
    kind : "lightgbm", "ridge", "logistic" or a scikit-learn regressor or classifier
        The regression. Linear ones have slopes by action while those fit 128 columns. Classifiers predict the
        mean of their classes. Estimators are cloned, and seeded where they take a ``random_state``.
    folds : int >= 2
        Folds of cross-fitting; with two, nothing is left to calibrate on.
    seed : int
        Of folds, sample and models: the same seed gives the same predictions.
    max_rows : int
        Models are fitted on a random part of the requests of at most this many rows.
    calibrate : bool
        False for the regression's own predictions, trained on all other folds.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.logs.events import Events, Space
    >>> rng = np.random.default_rng(0)
    >>> n, action = 2000, rng.integers(0, 2, 2000)
    >>> reward = action + rng.normal(size=n)
    >>> events = Events(Space(("a", "b")), np.arange(1, n + 1), np.arange(n), action, reward)
    >>> model = RewardModel("ridge")
    >>> model.fit(events)
    >>> q = model.predict(events).reshape(n, 2)
    >>> bool(np.all(np.abs(q.mean(axis=0) - [0.0, 1.0]) < 0.1))
    True

    References
    ----------
    Chernozhukov, Chetverikov, Demirer, Duflo, Hansen, Newey, Robins, "Double/debiased machine learning for
    treatment and structural parameters", Econometrics Journal 21, 2018, definition 3.1.
    """

    kind: Any = "lightgbm"
    folds: int = 5
    seed: int = 0
    max_rows: int = 200_000
    calibrate: bool = True

    notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _design: Design = field(init=False, repr=False)
    _members: list[Member] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        check_kind("RewardModel.kind", self.kind)
        _check.integer("RewardModel.folds", self.folds, low=2)
        _check.integer("RewardModel.seed", self.seed, low=0)
        _check.integer("RewardModel.max_rows", self.max_rows, low=1)

    def fit(self, events: Events, weight: Float64 | None = None, *, outcome: Float64 | None = None) -> None:
        """Fit the models of all folds.

        Parameters
        ----------
        events : Events
            At least one; beyond ``max_rows`` a random sample is used.
        weight : float64 (n,), optional
            Weight of each row's error, >= 0, such as `mrdr_weights`; it multiplies the number of events that
            a row stands for.
        outcome : float64 (n,), optional
            What to predict in place of ``events.reward``, such as `rewards_to_go`.

        Raises
        ------
        InputError
            If there is no row, or weights, outcomes and the kind of regression do not fit together.
        """
        if len(events) == 0:
            raise InputError("`RewardModel.fit` needs at least one event, got none")
        n = len(events)
        y = events.reward if outcome is None else _check.array("outcome", outcome, np.float64, (n,))
        w = np.ones(n) if weight is None else _check.array("weight", weight, np.float64, (n,))
        if not np.all((w >= 0) & (w < np.inf)):
            raise InputError(f"`weight` must be >= 0 and finite, got {w[~((w >= 0) & (w < np.inf))][0]:g}")
        if not np.all(np.isfinite(y)):
            raise InputError(f"`outcome` must be finite, got {y[~np.isfinite(y)][0]:g}")
        if events.count is not None:
            w = w * events.count
        rows = sample_rows(events.key, max_rows=self.max_rows, seed=self.seed)
        notes = []
        part, y, w = (events, y, w) if len(rows) == n else (events.take(rows), y[rows], w[rows])
        if not w.any():
            notes.append("all weights are 0: every row counts the same")
            w = np.ones(len(part))
        self._design = Design(trees=isinstance(self.kind, str) and self.kind == "lightgbm")
        self._design.fit(part)
        x = self._design.matrix(part, np.arange(len(part)), part.place)
        fold = fold_of(part.key, folds=self.folds, seed=self.seed)
        self._members, constants = fit_members(
            self.kind, x, y, w, fold, self.folds, calibrate=self.calibrate, seed=self.seed
        )
        if constants:
            notes.append(
                f"{constants} of {self.folds} folds have too few rows or one reward only: the mean is "
                "predicted"
            )
        unseen = int((self._design.seen == 0).sum())
        if unseen:
            notes.append(
                f"{unseen} of {len(self._design.seen)} actions are not among the fitted rows: predicted from "
                "context and features alone"
            )
        if self.calibrate and self.folds == 2:
            notes.append("with two folds none is left to calibrate on: predictions are not calibrated")
        self.notes = tuple(notes)

    def predict(self, events: Events) -> Float64:
        """Return q̂(x, a) for every eligible action, (N,), ragged like ``events.actions``.

        Raises
        ------
        InputError
            If the model was not fitted.
        """
        self._fitted()
        fold = fold_of(events.key, folds=self.folds, seed=self.seed)
        out = np.empty(int(indptr_of(events)[-1]))
        for row, flat in blocks(events):
            self._fill(events, row, flat, fold[row], out[flat[0] : flat[-1] + 1] if len(flat) else out[:0])
        return out

    def predict_chosen(self, events: Events) -> Float64:
        """Return q̂(x, a) of the chosen actions, (n,): the entries of `predict` at ``events.place``."""
        self._fitted()
        out = np.empty(len(events))
        fold = fold_of(events.key, folds=self.folds, seed=self.seed)
        self._fill(events, np.arange(len(events)), events.place, fold, out)
        return out

    def _fill(self, events: Events, row: Any, flat: Any, fold: Any, out: Float64) -> None:
        x = self._design.matrix(events, row, flat)
        for k, member in enumerate(self._members):
            mine = np.flatnonzero(fold == k)
            if len(mine):
                out[mine] = member(x[mine])

    def _fitted(self) -> None:
        if not self._members:
            raise InputError("`RewardModel` was not fitted: call `fit` first")
