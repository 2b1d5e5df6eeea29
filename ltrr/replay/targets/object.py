"""Policies from elsewhere: any object that states probabilities."""

from __future__ import annotations

import re
import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.bandits.base import level
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.replay.targets.always import action_id
from ltrr.replay.targets.described import blocks
from ltrr.replay.targets.distribution import TOLERANCE, Distribution, checked, kept_mass
from ltrr.replay.targets.policy import listed
from ltrr.replay.targets.reads import FEATURES, Reads
from ltrr.types import Float32, Float64, row_of

__all__ = ["ObjectTarget"]


@dataclass(frozen=True)
class ObjectTarget(Distribution):
    """An object with ``probabilities(events)``, or a fitted classifier of actions over the context.

    A classifier in the style of scikit-learn has ``predict_proba`` and ``classes_``; its classes are matched
    to the actions by name. With temperature T its probabilities p become ``p^(1/T)``, renormalised over the
    eligible actions: 1 takes them as they are, 0 takes the favourite (ties share evenly). Where all its mass
    is on actions that were not eligible, the eligible ones share evenly.

    Parameters
    ----------
    wrapped : object
        The policy. ``probabilities(events)`` returns one number an eligible action, ragged like
        ``events.actions``.
    label : str
        Name in tables; the class's name if empty.
    temperature : float >= 0
        Sharpness of a classifier's choice.

    Raises
    ------
    InputError
        If the object has neither, its classes or columns do not fit the log, or a row is not a distribution.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from ltrr.logs.events import Space
    >>> space = Space(("tea", "latte"), ("hour",))
    >>> one = Events(space, row=np.ones(1), key=np.ones(1), action=np.zeros(1), reward=np.ones(1))
    >>> taste = DummyClassifier().fit([[8], [9], [15]], ["latte", "latte", "tea"])
    >>> ObjectTarget(taste).probabilities(one).round(3).tolist()
    [0.333, 0.667]
    """

    wrapped: Any
    _: KW_ONLY
    label: str = ""
    temperature: float = 1.0

    def __post_init__(self) -> None:
        temperature = _check.number("ObjectTarget.temperature", self.temperature, low=0.0)
        object.__setattr__(self, "temperature", temperature)
        if callable(getattr(self.wrapped, "probabilities", None)):
            return
        if not callable(getattr(self.wrapped, "predict_proba", None)):
            raise InputError(
                f"`{type(self.wrapped).__name__}` must have `probabilities(events)` or `predict_proba` to be "
                "judged"
            )
        if not hasattr(self.wrapped, "classes_"):
            raise InputError(f"`{type(self.wrapped).__name__}` must be fitted before it can be judged")

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label or type(self.wrapped).__name__

    @property
    def reads(self) -> Reads:
        """Everything, as what an object looks at is not known; a classifier sees the context alone."""
        seen = callable(getattr(self.wrapped, "probabilities", None))
        return Reads() if seen else FEATURES

    def probabilities(self, events: Events) -> Float64:
        """Return what the object states."""
        if callable(getattr(self.wrapped, "probabilities", None)):
            return checked(self.name, events, self.wrapped.probabilities(events))
        out = np.empty(len(events.actions.action))
        start = 0
        for rows in blocks(events):
            part = events.take(rows)
            end = start + len(part.actions.action)
            out[start:end] = self._classified(part)
            start = end
        return out

    def _classified(self, events: Events) -> Float64:
        place = self._places(events)
        x = self._context(events)
        with warnings.catch_warnings():
            # columns were matched by name already; an array carries no names
            warnings.filterwarnings("ignore", message=".*feature names")
            try:
                stated = np.asarray(self.wrapped.predict_proba(x), np.float64)
            except ValueError as error:
                detail = " ".join(str(error).split())
                raise InputError(f"`{self.name}` cannot read the log's context: {detail}") from error
        if stated.shape != (len(events), len(place)):
            raise InputError(
                f"`{self.name}.predict_proba` must return one column for each of {len(place)} classes, got "
                f"{stated.shape}"
            )
        good = (np.abs(stated.sum(axis=1) - 1.0) <= TOLERANCE) & (stated >= 0.0).all(axis=1)
        if not good.all():
            bad = int(np.flatnonzero(~good)[0])
            raise InputError(
                f"`{self.name}.predict_proba` must return probabilities >= 0 that sum to 1, got a sum of "
                f"{stated[bad].sum():.6g} in row {int(events.row[bad])}"
            )
        dense = np.zeros((len(events), len(events.space.actions)))
        dense[:, place] = stated
        row = row_of(events.actions.indptr)
        p = dense[row, events.actions.action]
        if self.temperature == 0.0:
            return level(events.actions, p)
        if self.temperature != 1.0:
            with np.errstate(divide="ignore"):
                score = np.log(p) / self.temperature
            best = np.maximum.reduceat(score, events.actions.indptr[:-1])
            p = np.exp(score - np.where(np.isfinite(best), best, 0.0)[row])
        out, empty = kept_mass(events, p)
        return np.where(empty[row], kept_mass(events, np.ones(len(p)))[0], out)

    def _places(self, events: Events) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return the action that each class is."""
        classes = [str(c) for c in np.asarray(self.wrapped.classes_).tolist()]
        where = f"{self.name}.classes_"
        return np.array([action_id(events.space, c, where) for c in classes], np.int64)

    def _context(self, events: Events) -> Float32:
        """Return the columns that the classifier was fitted on."""
        have = events.space.context_names
        wanted = getattr(self.wrapped, "feature_names_in_", None)
        if wanted is not None:
            names = [str(w) for w in wanted]
            missing = [w for w in names if w not in have]
            # LightGBM names the columns of a bare array itself
            if missing and not all(re.fullmatch(r"Column_\d+", w) for w in names):
                raise InputError(
                    f"`{self.name}` was fitted on the column {missing[0]!r}, which the log's context lacks: "
                    f"it has {listed(have)}"
                )
            if not missing:
                return np.ascontiguousarray(events.context[:, [have.index(w) for w in names]])
        n = getattr(self.wrapped, "n_features_in_", len(have))
        if n != len(have):
            raise InputError(f"`{self.name}` was fitted on {n} columns, the log's context has {listed(have)}")
        return events.context
