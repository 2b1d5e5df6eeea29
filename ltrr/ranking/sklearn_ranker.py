"""Any scikit-learn regressor as a ranker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone

from ltrr import _check
from ltrr.errors import InputError
from ltrr.ranking.training import ClickedPages, Schedule, page_weights
from ltrr.types import Feedback, Float32, Float64

__all__ = ["SklearnRanker"]


@dataclass
class SklearnRanker:
    """Ranks by the label that a scikit-learn regressor expects of a row.

    Labels are 2 for a satisfied click, 1 for another, 0 for none. The regressor is fitted to the shown items
    of pages with a click, each distinct query weighing the same, at declared numbers of matured rows. Until
    then all scores are 0, so that items are ranked by their id.

    A fitted model is never stored: the state is the rows that it was trained on, and `restore` refits it. So
    it must be a function of rows and seed: ``random_state`` is set wherever the regressor has it.

    Parameters
    ----------
    model : scikit-learn regressor
        Cloned, never fitted itself. It must take ``sample_weight`` if ``weighting`` is "query".
    first : int >= 1
        Number of matured rows at which to train first.
    factor : float > 1
        Ratio of each later training point to the one before.
    window : int >= 1
        The newest pages with a click that are trained on.
    weighting : {"query", "page"}
        Whether each distinct query or each page weighs the same.
    seed : int >= 0
        Random state of the regressor.

    Raises
    ------
    InputError
        If a parameter is out of range or the model is no regressor.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> ranker = SklearnRanker(Ridge(alpha=2.0), first=100)
    >>> ranker.score(np.ones((2, 3), np.float32)).tolist(), ranker.version
    ([0.0, 0.0], 0)

    Notes
    -----
    Predictions of linear models go through BLAS, whose last digit may depend on the size of the batch: check
    such a ranker with ``check_ranker(..., tolerance=1e-9)``.
    """

    model: Any
    _: KW_ONLY
    first: int = 250
    factor: float = 2.0
    window: int = 20_000
    weighting: str = "query"
    seed: int = 0
    version: int = field(init=False, repr=False, default=0)
    _fitted: Any = field(init=False, repr=False, default=None)
    _rows: dict[str, Any] = field(init=False, repr=False, default_factory=dict)
    _schedule: Schedule = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.model, type) or not (
            hasattr(self.model, "fit") and hasattr(self.model, "predict")
        ):
            raise InputError(
                f"`SklearnRanker.model` must be a scikit-learn regressor such as Ridge(), got {self.model!r}"
            )
        for name, low in (("first", 1), ("window", 1), ("seed", 0)):
            _check.integer(f"SklearnRanker.{name}", getattr(self, name), low=low)
        _check.number("SklearnRanker.factor", self.factor, low=1.0, open_low=True)
        _check.choice("SklearnRanker.weighting", self.weighting, ("query", "page"))
        self._schedule = Schedule(self.first, self.factor, self.window)

    def fork(self) -> SklearnRanker:
        """Return a ranker with the same parameters that has learned nothing."""
        return replace(self)

    def score(self, features: Float32) -> Float64:
        """Return scores (N,) of feature rows (N, F); higher is better."""
        if self._fitted is None or len(features) == 0:
            return np.zeros(len(features))
        return np.asarray(self._fitted.predict(features), np.float64)

    def learn(self, feedback: Feedback) -> None:
        """Keep the pages with a click, and train at each training point that is reached on the way."""
        for pages in self._schedule.due(feedback):
            self._rows = _rows(pages, self.weighting)
            self._fit()
            self.version += 1

    def _fit(self) -> None:
        model = clone(self.model)
        seeds = {name: self.seed for name in model.get_params() if name.split("__")[-1] == "random_state"}
        model.set_params(**seeds)
        weight = {} if self.weighting == "page" else {"sample_weight": self._rows["weight"]}
        self._fitted = model.fit(self._rows["features"], self._rows["label"], **weight)

    def state(self) -> dict[str, Any]:
        """Return the rows of the last training, the pages in the window and the counters."""
        return {"version": self.version, "rows": dict(self._rows), **self._schedule.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue exactly from ``state``: the regressor is refitted to the same rows."""
        self.version = int(state["version"])
        self._rows = {name: values.copy() for name, values in state["rows"].items()}
        self._fitted = None
        if self._rows:
            self._fit()
        self._schedule.restore(state)


def _rows(pages: ClickedPages, weighting: str) -> dict[str, Any]:
    """Return features, labels and weights of the shown items."""
    shown = pages.label >= 0
    group, _ = np.nonzero(shown)
    return {
        "features": pages.features[shown],
        "label": pages.label[shown].astype(np.float64),
        "weight": page_weights(pages.query, weighting)[group],
    }
