"""Two models of which action was chosen: counts by cell, and classifiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr.errors import InputError, nearest
from ltrr.logs.events import Events
from ltrr.replay.nuisance._design import Places, action_of, blocks, indptr_of
from ltrr.replay.nuisance._filled import Filled
from ltrr.replay.nuisance._members import parts_of
from ltrr.replay.nuisance._regressors import Predict, tree_options
from ltrr.types import Bool, Float64, Int64

__all__ = ["ChoiceTable", "Choices"]

_TABLE = 50_000_000
"""Most entries of the table of cells, folds and actions (400 MB)."""

_ACTIONS = 256
"""Most actions a classifier is trained on: it has as many trees as actions."""

_POWERS = np.geomspace(0.25, 4.0, 41)
"""Powers of the probabilities that calibration chooses from."""

_FEWEST = 20
"""Fewest rows that a classifier is trained or calibrated on."""


def _counted(events: Events) -> Float64:
    return np.ones(len(events)) if events.count is None else events.count


@dataclass
class ChoiceTable:
    """Shares of the actions by cell, for each fold counted on all other folds."""

    cells: tuple[str, ...]
    prior: float
    notes: tuple[str, ...] = field(default=(), init=False)
    _values: list[Any] = field(default_factory=list, init=False, repr=False)
    _codes: Int64 = field(init=False, repr=False)
    _table: Float64 = field(init=False, repr=False)

    def fit(self, events: Events, fold: Int64, folds: int) -> None:
        """Count choices and chances by cell, fold and action."""
        columns = self._columns(events)
        self._values = [np.unique(c) for c in columns]
        if np.prod([float(len(v)) for v in self._values]) > 2.0**62:
            raise InputError(
                "`PropensityModel.cells` must name fewer columns: their values cannot be numbered"
            )
        combined, _ = self._combine(columns, len(events))
        self._codes, cell = np.unique(combined, return_inverse=True)
        n_cells, n_actions = len(self._codes), len(events.space.actions)
        if folds * (n_cells + 1) * n_actions > _TABLE:
            raise InputError(
                f"`PropensityModel.cells` make {n_cells} cells of {n_actions} actions, more than can be "
                "counted; name fewer columns"
            )
        shape = (folds, n_cells, n_actions)
        count = _counted(events)
        chosen = _tally((fold, cell, events.action), count, shape)
        if events.eligible is None:
            met = _tally((fold, cell), count, shape[:2])[:, :, None] * np.ones(n_actions)
        else:
            row = np.repeat(np.arange(len(events)), np.diff(indptr_of(events)))
            met = _tally((fold[row], cell[row], events.eligible), count[row], shape)
        chosen, met = chosen.sum(axis=0) - chosen, met.sum(axis=0) - met
        overall_chosen, overall_met = chosen.sum(axis=1), met.sum(axis=1)
        overall = (overall_chosen + 1.0 / n_actions) / (overall_met + 1.0)
        self._table = np.empty((folds, n_cells + 1, n_actions))
        self._table[:, :-1] = (chosen + self.prior * overall[:, None]) / (met + self.prior)
        # the last cell is for what was not met: the shares over all cells
        self._table[:, -1] = overall
        never = int((chosen.sum(axis=(0, 1)) == 0).sum())
        if never:
            self.notes = (f"{never} of {n_actions} actions were hardly or never chosen: near the floor",)

    def scores(self, events: Events, fold: Int64) -> Float64:
        """Return each eligible action's share, not normalised, (N,)."""
        combined, known = self._combine(self._columns(events), len(events))
        cell = np.searchsorted(self._codes, combined)
        cell = np.minimum(cell, len(self._codes) - 1)
        cell = np.where(known & (self._codes[cell] == combined), cell, len(self._codes))
        out = np.empty(int(indptr_of(events)[-1]))
        for row, flat in blocks(events):
            out[flat] = self._table[fold[row], cell[row], action_of(events, flat)]
        return out

    def _columns(self, events: Events) -> list[Any]:
        names = events.space.context_names
        out = []
        for name in self.cells:
            if name in ("position", "slot"):
                out.append(getattr(events, name))
            elif name in names:
                out.append(events.context[:, names.index(name)])
            else:
                hint = nearest(name, ("position", "slot", *names))
                raise InputError(f"`PropensityModel.cells` must be columns of the log, got {name!r}{hint}")
        return out

    def _combine(self, columns: list[Any], n: int) -> tuple[Int64, Bool]:
        """Return one code a row for the values of all columns, and whether all values are known."""
        code, known = np.zeros(n, np.int64), np.ones(n, np.bool_)
        for values, column in zip(self._values, columns, strict=True):
            at = np.minimum(np.searchsorted(values, column), len(values) - 1)
            # a missing value is a value of its own
            known &= (values[at] == column) | (np.isnan(values[at]) & np.isnan(column))
            code = code * len(values) + at
        return code, known


def _tally(index: tuple[Any, ...], weight: Float64, shape: tuple[int, ...]) -> Float64:
    """Return sums of weights by index, in an array of the shape."""
    flat = np.ravel_multi_index(index, shape)
    sums = np.bincount(flat, weights=weight, minlength=int(np.prod(shape)))
    return np.asarray(sums.reshape(shape), np.float64)


@dataclass
class Choices:
    """A classifier of the chosen action for each fold."""

    kind: Any
    notes: tuple[str, ...] = field(default=(), init=False)
    _places: Places = field(init=False, repr=False)
    _filled: Filled | None = field(default=None, init=False, repr=False)
    _members: list[tuple[Predict | None, Float64, float]] = field(
        default_factory=list, init=False, repr=False
    )

    def fit(self, events: Events, fold: Int64, folds: int, *, seed: int) -> None:
        """Train on all other folds but one, choose the power of the probabilities on that one."""
        n_actions = len(events.space.actions)
        if n_actions > _ACTIONS:
            raise InputError(
                f'`PropensityModel.kind` must be "frequency" for more than {_ACTIONS} actions, got '
                f"{n_actions}"
            )
        trees = isinstance(self.kind, str) and self.kind == "lightgbm"
        self._places = Places(trees)
        self._places.fit(events)
        if not trees:
            self._filled = Filled()
            self._filled.fit(events.context)
        x, y, count = self._rows_of(events), events.action, _counted(events)
        self._members, constants = [], 0
        for k in range(folds):
            train, apart = parts_of(fold, k, folds, calibrate=True)
            others = train | apart
            share = np.bincount(y[others], weights=count[others], minlength=n_actions)
            share = (share + 1.0 / n_actions) / (share.sum() + 1.0)
            if train.sum() < _FEWEST or np.ptp(y[train]) == 0 or not x.shape[1]:
                self._members.append((None, share, 1.0))
                constants += 1
                continue
            predict = self._train(x[train], y[train], count[train], n_actions, seed)
            power = 1.0
            if apart.sum() >= _FEWEST:
                power = _power(events, np.flatnonzero(apart), predict(x[apart]), count[apart])
            self._members.append((predict, share, power))
        if not x.shape[1]:
            self.notes = ("the log has no context, positions or slots: overall shares are used",)
        elif constants:
            self.notes = (f"{constants} of {folds} folds have too few rows: overall shares are used",)

    def scores(self, events: Events, fold: Int64) -> Float64:
        """Return each eligible action's probability to the power, not normalised, (N,)."""
        x = self._rows_of(events)
        n_actions = len(events.space.actions)
        out = np.empty(int(indptr_of(events)[-1]))
        every = np.empty((len(events), n_actions))
        for k, (predict, share, power) in enumerate(self._members):
            mine = np.flatnonzero(fold == k)
            if predict is None:
                every[mine] = share
            elif len(mine):
                every[mine] = predict(x[mine]) ** power
        for row, flat in blocks(events):
            out[flat] = every[row, action_of(events, flat)]
        return out

    def _rows_of(self, events: Events) -> Float64:
        context = events.context if self._filled is None else self._filled(events.context)
        columns = (context, self._places.matrix(events, np.arange(len(events))))
        return np.concatenate(columns, axis=1).astype(np.float64)

    def _train(self, x: Float64, y: Any, weight: Float64, n_actions: int, seed: int) -> Predict:
        """Return a function to probabilities (m, n_actions) of all actions, 0 for those not seen."""
        known, label = np.unique(y, return_inverse=True)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        if isinstance(self.kind, str) and self.kind == "lightgbm":
            options = tree_options(len(y), seed) | {"objective": "multiclass", "num_class": len(known)}
            import lightgbm

            data = lightgbm.Dataset(x, label, weight=weight, params=options)
            booster = lightgbm.train(options, data, num_boost_round=50)

            def inner(rows: Any) -> Float64:
                return np.asarray(booster.predict(rows, num_threads=1), np.float64)
        else:
            from sklearn.base import clone
            from sklearn.linear_model import LogisticRegression
            from threadpoolctl import threadpool_limits

            model = LogisticRegression(max_iter=1000) if isinstance(self.kind, str) else clone(self.kind)
            if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
                model.set_params(random_state=seed)
            # matrices are so narrow that threads only wait for each other, most of all on a busy machine
            with threadpool_limits(1):
                model.fit((x - mean) / scale, label, sample_weight=weight)

            def inner(rows: Any) -> Float64:
                return np.asarray(model.predict_proba((rows - mean) / scale), np.float64)

        def predict(rows: Any) -> Float64:
            out = np.zeros((len(rows), n_actions))
            out[:, known] = inner(rows)
            return out

        return predict


def _power(events: Events, rows: Int64, p: Float64, count: Float64) -> float:
    """Return the power of the probabilities under which the choices of some rows are likeliest."""
    part = events.take(rows)
    indptr, n = indptr_of(part), len(rows)
    row = np.repeat(np.arange(n), np.diff(indptr))
    log = np.log(np.maximum(p[row, action_of(part, np.arange(indptr[-1]))], 1e-12))
    mine = log[part.place]
    losses = []
    for power in _POWERS:
        total = np.bincount(row, weights=np.exp(power * log), minlength=n)
        losses.append(float(np.sum(count * (np.log(total) - power * mine))))
    return float(_POWERS[int(np.argmin(losses))])
