"""Predicted rewards, by models that have not seen the event they predict for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.nuisance._design import indptr_of
from ltrr.replay.nuisance._regressions import MatrixRegression, RidgeRegression
from ltrr.replay.nuisance._regressors import check_kind
from ltrr.replay.nuisance.folds import fold_of, sample_rows
from ltrr.types import Float64

__all__ = ["RewardModel"]


@dataclass
class RewardModel:
    """Regression of rewards on context, action, action features, position and slot, cross-fitted by key.

    Several outcomes are fitted at once where `fit` is given them as columns; they share what depends on
    contexts and actions alone.

    An event's fold is a hash of its key. The predictions for an event, whether it was fitted on or not, come
    from its fold's model, which has seen no event of that fold: so doubly robust estimates stay unbiased
    however flexible the models are. Each model is trained on the other folds but one, and calibrated on that
    one by a least-squares line (slope in [0, 2]), which makes predictions right on average. Then every action
    seen in these folds gets an intercept of its own: the sum of its residuals over their number plus one (a
    penalty of 1 on it), so that a rare action is not predicted as the frequent ones are. Predictions stay
    within the range of the rewards that the model has seen. Where a model has too little to learn from (under
    20 rows, or one reward only) it predicts the mean of the other folds' rewards; `notes` says so. An action
    that was never logged is predicted from context and features alone.

    Parameters
    ----------
    kind : "ridge", "lightgbm", "logistic" or a scikit-learn regressor or classifier
        The regression. Ridge has penalty 1, an intercept for each action, and slopes for each action where
        these are at most 128 columns or there are 100 rows a column; the slopes of an action weigh as much as
        its intercept (penalty: their number). Other linear ones have slopes by action while those fit 128
        columns. Classifiers predict the mean of their classes. Estimators are cloned, and seeded where they
        take a ``random_state``.
    folds : int >= 2
        Folds of cross-fitting; with two, nothing is left to calibrate on.
    seed : int
        Of folds, sample and models: the same seed gives the same predictions.
    max_rows : int
        Models are fitted on a random part of the requests of at most this many rows.
    calibrate : bool
        False for the regression's own predictions, trained on all other folds: no line, no intercepts.

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

    kind: Any = "ridge"
    folds: int = 5
    seed: int = 0
    max_rows: int = 200_000
    calibrate: bool = True

    notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _regression: MatrixRegression | RidgeRegression | None = field(default=None, init=False, repr=False)
    _shape: tuple[int, ...] = field(default=(), init=False, repr=False)

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
        outcome : float64 (n,) or (n, M), optional
            What to predict in place of ``events.reward``, such as `rewards_to_go`: one outcome, or M columns
            for M of them.

        Raises
        ------
        InputError
            If there is no row, or weights, outcomes and the kind of regression do not fit together.
        """
        if len(events) == 0:
            raise InputError("`RewardModel.fit` needs at least one event, got none")
        n = len(events)
        y = events.reward if outcome is None else np.asarray(outcome)
        self._shape = y.shape[1:]
        y = _check.array("outcome", y, np.float64, (n, None) if y.ndim == 2 else (n,)).reshape(n, -1)
        w = np.ones(n) if weight is None else _check.array("weight", weight, np.float64, (n,))
        if not np.all((w >= 0) & (w < np.inf)):
            raise InputError(f"`weight` must be >= 0 and finite, got {w[~((w >= 0) & (w < np.inf))][0]:g}")
        if not np.all(np.isfinite(y)):
            raise InputError(f"`outcome` must be finite, got {y[~np.isfinite(y)][0]:g}")
        count = np.ones(n) if events.count is None else events.count
        rows = sample_rows(events.key, max_rows=self.max_rows, seed=self.seed)
        notes = []
        part = events
        if len(rows) < n:
            part, y, w, count = events.take(rows), y[rows], w[rows], count[rows]
        if not w.any():
            notes.append("all weights are 0: every row counts the same")
            w = np.ones(len(part))
        # an event's mean weight is the unit of what is penalised
        w = w * count / np.average(w[w > 0], weights=count[w > 0])
        ridge = isinstance(self.kind, str) and self.kind == "ridge"
        model = RidgeRegression(self.folds) if ridge else MatrixRegression(self.kind, self.folds, self.seed)
        fold = fold_of(part.key, folds=self.folds, seed=self.seed)
        self._regression = model
        for m, constants in enumerate(model.fit(part, y, w, fold, calibrate=self.calibrate)):
            if constants:
                which = f" for outcome {m + 1}" if y.shape[1] > 1 else ""
                notes.append(
                    f"{constants} of {self.folds} folds have too few rows or one reward only{which}: the "
                    "mean is predicted"
                )
        unseen = int((model.design.seen == 0).sum())
        if unseen:
            notes.append(
                f"{unseen} of {len(model.design.seen)} actions are not among the fitted rows: predicted from "
                "context and features alone"
            )
        if self.calibrate and self.folds == 2:
            notes.append("with two folds none is left to calibrate on: predictions are not calibrated")
        self.notes = tuple(notes)

    def predict(self, events: Events) -> Float64:
        """Return q̂(x, a) for every eligible action, (N,) or (N, M), ragged like ``events.actions``.

        Raises
        ------
        InputError
            If the model was not fitted.
        """
        model, out = self._fitted(), self._empty(int(indptr_of(events)[-1]))
        model.predict(events, fold_of(events.key, folds=self.folds, seed=self.seed), out)
        return out.T if self._shape else out[0]

    def predict_chosen(self, events: Events) -> Float64:
        """Return q̂(x, a) of the chosen actions, (n,) or (n, M): entries of `predict` at ``events.place``."""
        model, out = self._fitted(), self._empty(len(events))
        fold = fold_of(events.key, folds=self.folds, seed=self.seed)
        model.pairs(events, np.arange(len(events)), events.place, fold, out)
        return out.T if self._shape else out[0]

    def _empty(self, size: int) -> Float64:
        # an outcome's predictions are adjacent, since they are used one outcome at a time
        return np.empty((*(self._shape or (1,)), size))

    def _fitted(self) -> MatrixRegression | RidgeRegression:
        if self._regression is None:
            raise InputError("`RewardModel` was not fitted: call `fit` first")
        return self._regression
