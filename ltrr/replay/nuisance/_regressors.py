"""Regressions behind the models: features and outcomes in, a function that predicts means out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Float64

__all__ = ["check_kind", "fit_means", "tree_options"]

MODELS = ("lightgbm", "ridge", "logistic")

_N_TREES = 100

Predict = Callable[[Any], Float64]


def check_kind(name: str, kind: Any, known: tuple[str, ...] = MODELS) -> None:
    """Refuse what is neither a known name nor a scikit-learn estimator."""
    if isinstance(kind, str) or not (hasattr(kind, "fit") and hasattr(kind, "predict")):
        _check.choice(name, kind, known)
        return
    from sklearn.base import is_classifier, is_regressor

    if not (is_classifier(kind) or is_regressor(kind)):
        raise InputError(f"`{name}` must be a regressor or a classifier, got {type(kind).__name__}")


def tree_options(n: int, seed: int) -> dict[str, Any]:
    """Return LightGBM's options for n rows: small trees, one thread, the same result every time."""
    return {
        "num_leaves": 15,
        "learning_rate": 0.1,
        "min_data_in_leaf": min(20, max(1, n // 20)),
        # actions met fewer times than `cat_smooth` would be left out of all splits: logs have many such
        "cat_smooth": 2.0,
        "min_data_per_group": 5,
        "lambda_l2": 1.0,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }


def fit_means(kind: Any, x: Any, y: Float64, weight: Float64, *, seed: int) -> Predict:
    """Return a function that predicts E[y | x]; y must take at least two values."""
    binary = bool(np.all((y == 0.0) | (y == 1.0)))
    if isinstance(kind, str) and kind == "lightgbm":
        return _trees(x, y, weight, binary=binary, seed=seed)
    from sklearn.base import clone, is_classifier
    from sklearn.linear_model import LogisticRegression, Ridge

    if isinstance(kind, str) and kind == "ridge":
        model = Ridge(alpha=1.0).fit(x, y, sample_weight=weight)
        return lambda rows: np.asarray(model.predict(rows), np.float64)
    if isinstance(kind, str):
        if not binary:
            raise InputError(
                'a "logistic" reward model needs rewards of 0 and 1, got others; use "ridge" or "lightgbm"'
            )
        return _classes(LogisticRegression(C=1.0, max_iter=1000), x, y, weight)
    model = clone(kind)
    if "random_state" in model.get_params() and model.get_params()["random_state"] is None:
        model.set_params(random_state=seed)
    if is_classifier(model):
        return _classes(model, x, y, weight)
    model.fit(x, y, **_weights(model, weight))
    return lambda rows: np.asarray(model.predict(rows), np.float64)


def _weights(model: Any, weight: Float64) -> dict[str, Float64]:
    from sklearn.utils.validation import has_fit_parameter

    if has_fit_parameter(model, "sample_weight"):
        return {"sample_weight": weight}
    if np.ptp(weight) > 0:
        raise InputError(
            f"`{type(model).__name__}` cannot weight rows (its `fit` takes no `sample_weight`), which this "
            "fit needs; use another model"
        )
    return {}


def _trees(x: Any, y: Float64, weight: Float64, *, binary: bool, seed: int) -> Predict:
    import lightgbm

    options = tree_options(len(y), seed) | {"objective": "binary" if binary else "regression"}
    action = x.shape[1] - 1
    data = lightgbm.Dataset(x, y, weight=weight, categorical_feature=[action], params=options)
    booster = lightgbm.train(options, data, num_boost_round=_N_TREES)
    return lambda rows: np.asarray(booster.predict(rows, num_threads=1), np.float64)


def _classes(model: Any, x: Any, y: Float64, weight: Float64) -> Predict:
    """Return the mean of the classes' values under a classifier's probabilities."""
    values, label = np.unique(y, return_inverse=True)
    if not hasattr(model, "predict_proba"):
        raise InputError(f"`{type(model).__name__}` must have `predict_proba`: means are computed from it")
    model.fit(x, label, **_weights(model, weight))
    known = values[np.asarray(model.classes_, np.int64)]
    return lambda rows: np.asarray(model.predict_proba(rows) @ known, np.float64)
