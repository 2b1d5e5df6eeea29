"""Any scikit-learn regressor as a ranker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from ltrr.errors import InputError
from ltrr.ranking.guarded import GuardedRanker
from ltrr.ranking.training import ClickedPages, page_weights
from ltrr.types import Float32, Float64

__all__ = ["SklearnRanker"]


@dataclass(frozen=True)
class Fitted:
    """A fitted regressor and the rows that it was fitted to."""

    model: Any
    rows: Mapping[str, Any]

    def score(self, features: Float32) -> Float64:
        """Return predictions (N,) for feature rows (N, F)."""
        return np.asarray(self.model.predict(features), np.float64)

    def state(self) -> dict[str, Any]:
        """Return the rows: a regressor is never stored."""
        return {name: values.copy() for name, values in self.rows.items()}


@dataclass
class SklearnRanker(GuardedRanker):
    """Ranks by the label that a scikit-learn regressor expects of a row.

    Labels are 2 for a satisfied click, 1 for another, 0 for none. The regressor is fitted to the shown items
    of pages with a click on a schedule, and guarded (`GuardedRanker`).

    A fitted model is never stored: the state is the rows that it was trained on, and `restore` refits it. So
    it must be a function of rows and seed: ``random_state`` is set wherever the regressor has it.

    Parameters
    ----------
    model : scikit-learn regressor
        Cloned, never fitted itself. It must take ``sample_weight`` if ``weighting`` is "query".
    prior : PriorRanker
        Ranks until the first model serves; without names of columns, which a study fills in (`for_columns`),
        all scores are 0 until then.
    memory_columns : tuple of int
        Columns that lean on a memory of queries.
    first, factor, window, weighting, explore, guard, margin, level, judged, judged_share, least_pages
        As in `GuardedRanker`.
    discount, cap, seed
        As in `GuardedRanker`.

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

    def __post_init__(self) -> None:
        if isinstance(self.model, type) or not (
            hasattr(self.model, "fit") and hasattr(self.model, "predict")
        ):
            raise InputError(
                f"`SklearnRanker.model` must be a scikit-learn regressor such as Ridge(), got {self.model!r}"
            )
        super().__post_init__()

    def _train(self, pages: ClickedPages) -> Fitted:
        return self._restored(training_rows(pages, self.weighting))

    def _restored(self, state: Mapping[str, Any]) -> Fitted:
        model = clone(self.model)
        seeds = {name: self.seed for name in model.get_params() if name.split("__")[-1] == "random_state"}
        model.set_params(**seeds)
        weight = {} if self.weighting == "page" else {"sample_weight": state["weight"]}
        fitted = model.fit(state["features"], state["label"], **weight)
        return Fitted(fitted, {name: values.copy() for name, values in state.items()})


def training_rows(pages: ClickedPages, weighting: str) -> dict[str, Any]:
    """Return features, labels and weights of the shown items."""
    shown = pages.label >= 0
    group, _ = np.nonzero(shown)
    return {
        "features": pages.features[shown],
        "label": pages.label[shown].astype(np.float64),
        "weight": page_weights(pages.query, weighting)[group],
    }
