"""Propensities estimated from what was chosen, where the log has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.nuisance._choices import Choices, ChoiceTable
from ltrr.replay.nuisance._design import indptr_of
from ltrr.replay.nuisance._regressors import check_kind
from ltrr.replay.nuisance.folds import fold_of, sample_rows
from ltrr.types import Float64

__all__ = ["PropensityModel"]


@dataclass
class PropensityModel:
    """Estimated probabilities of the logging policy, ``π̂_b(a | x)``, cross-fitted by key.

    "frequency" counts: in a cell (decisions that agree in all columns of ``cells``) an action's share of the
    decisions that could have chosen it, shrunk towards its share over all cells as if by ``prior`` more
    decisions. Other kinds are classifiers of the chosen action by context, position and slot, whose
    probabilities are made sharper or flatter (a power of them) to fit a separate fold. Either way
    probabilities are normalised over the eligible actions and mixed with the uniform distribution, so that
    none lies below ``floor``. An event's probabilities come from its fold's model, which has seen no event of
    that fold.

    Estimated propensities are right as far as the choice depended on nothing but what the model sees;
    `estimated` says so wherever results are shown.

    Parameters
    ----------
    kind : "frequency", "lightgbm", "logistic" or a scikit-learn classifier
        How choices are modelled; classifiers take up to 256 actions.
    cells : tuple of str
        Columns that make the cells of "frequency": "position", "slot" or names of context columns. Empty for
        one cell.
    folds : int >= 2
        Folds of cross-fitting; with two, classifiers are not calibrated.
    seed : int
        Of folds, sample and models.
    max_rows : int
        Models are fitted on a random part of the requests of at most this many rows.
    floor : float in (0, 1)
        Least probability of an eligible action; half the uniform probability where that is less. Bounds the
        weights.
    prior : float > 0
        How many decisions the overall shares are worth in a cell.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.logs.events import Events, Space
    >>> n, action = 4000, np.resize([0, 0, 0, 1], 4000)
    >>> events = Events(Space(("a", "b")), np.arange(1, n + 1), np.arange(n), action, np.zeros(n))
    >>> model = PropensityModel()
    >>> model.fit(events)
    >>> bool(abs(model.propensity(events)[0] - 0.75) < 0.02)
    True

    References
    ----------
    Rosenbaum, Rubin, "The central role of the propensity score in observational studies for causal effects",
    Biometrika 70, 1983; calibration: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural
    networks", ICML 2017 (temperature scaling).
    """

    kind: Any = "frequency"
    cells: tuple[str, ...] = ("position",)
    folds: int = 5
    seed: int = 0
    max_rows: int = 200_000
    floor: float = 1e-3
    prior: float = 10.0

    notes: tuple[str, ...] = field(default=(), init=False, repr=False)
    _rows: int = field(default=0, init=False, repr=False)
    _model: Choices | ChoiceTable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_kind("PropensityModel.kind", self.kind, ("frequency", "lightgbm", "logistic"))
        cells: Any = self.cells
        if isinstance(cells, str):
            raise InputError(f"`PropensityModel.cells` must be names of columns, got one text: {cells!r}")
        _check.integer("PropensityModel.folds", self.folds, low=2)
        _check.integer("PropensityModel.seed", self.seed, low=0)
        _check.integer("PropensityModel.max_rows", self.max_rows, low=1)
        _check.number("PropensityModel.floor", self.floor, low=0.0, high=1.0, open_low=True)
        _check.number("PropensityModel.prior", self.prior, low=0.0, open_low=True)

    @property
    def estimated(self) -> str:
        """How the probabilities were estimated, as one clause."""
        return f"propensities ESTIMATED, not logged: {self._how}, {self._limits}"

    def replacing(self, *, logged: bool) -> str:
        """Return the same where a model was asked for, whether or not the log's propensities were read."""
        instead = "in place of those logged" if logged else "(the log's, if any, are not used)"
        return f"propensities ESTIMATED by {self._how} {instead}: {self._limits}"

    @property
    def _how(self) -> str:
        if isinstance(self.kind, str) and self.kind == "frequency":
            return "frequencies" + (f" by {', '.join(self.cells)}" if self.cells else "")
        kind = self.kind if isinstance(self.kind, str) else type(self.kind).__name__
        return f"a {kind} model of the choice"

    @property
    def _limits(self) -> str:
        return (
            f"{self.folds} folds on {self._rows:,} rows, floor {self.floor:g}; wrong where the choice "
            "depended on anything else"
        )

    def fit(self, events: Events) -> None:
        """Fit the models of all folds; rewards are not used.

        Raises
        ------
        InputError
            If there is no row, a column of ``cells`` is not there, or a classifier has too many actions.
        """
        if len(events) == 0:
            raise InputError("`PropensityModel.fit` needs at least one event, got none")
        rows = sample_rows(events.key, max_rows=self.max_rows, seed=self.seed)
        part = events if len(rows) == len(events) else events.take(rows)
        fold = fold_of(part.key, folds=self.folds, seed=self.seed)
        if isinstance(self.kind, str) and self.kind == "frequency":
            self._model = ChoiceTable(self.cells, self.prior)
            self._model.fit(part, fold, self.folds)
        else:
            self._model = Choices(self.kind)
            self._model.fit(part, fold, self.folds, seed=self.seed)
        self.notes = self._model.notes
        self._rows = len(part)

    def probabilities(self, events: Events) -> Float64:
        """Return π̂_b(a | x) for every eligible action, (N,), ragged like ``events.actions``.

        Raises
        ------
        InputError
            If the model was not fitted.
        """
        if self._rows == 0:
            raise InputError("`PropensityModel` was not fitted: call `fit` first")
        fold = fold_of(events.key, folds=self.folds, seed=self.seed)
        raw = self._model.scores(events, fold)
        indptr = indptr_of(events)
        length = np.diff(indptr)
        row = np.repeat(np.arange(len(events)), length)
        total = np.bincount(row, weights=raw, minlength=len(events))
        each = 1.0 / np.maximum(length, 1)
        # where nothing eligible was ever chosen, all that is left to say is "any of them"
        share = np.where(total[row] > 0, raw / np.where(total > 0, total, 1.0)[row], each[row])
        floor = np.minimum(self.floor, each / 2)
        return np.asarray((1.0 - floor * length)[row] * share + floor[row])

    def propensity(self, events: Events) -> Float64:
        """Return π̂_b of the chosen actions, (n,), all > 0."""
        return self.probabilities(events)[events.place]
