"""What context can earn: routers fitted with full information on the logged context.

A large gap between the best static quota and the per-request oracle can be pure noise. The learnable gap is
the part of it that a supervised router, trained on the rewards of *all* quotas, closes on topics it has not
seen. It is a reference for learners, which see one quota's reward a request, not a policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm
import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval, paired_ratio
from ltrr.types import Float32, Float64, Int64

__all__ = ["LearnableGap", "best_in_class", "learnable_gap"]

_N_TREES = (4, 10, 25, 60)
_PENALTIES = (10.0, 1.0, 0.1, 0.01)
"""Ridge penalties a row, on standardised context."""

_N_COMPONENTS = 12
"""Rewards of quotas are nearly collinear: beyond this many directions trees would fit noise and cost time."""

_TREE_PARAMETERS = {
    "objective": "regression",
    "learning_rate": 0.15,
    "num_leaves": 15,
    "max_bin": 63,
    "min_data_in_leaf": 20,
    "lambda_l2": 1.0,
    "seed": 0,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class LearnableGap:
    """Mean rewards of routers on held-out topics, and how much of the oracle gap they close.

    Parameters
    ----------
    static : float
        The best single quota of the training folds, on the held-out folds.
    oracle : float
        The best quota of each request.
    trees, linear : float
        Boosted trees and ridge regression on the context.
    trees_closed, linear_closed : Interval or None
        ``(router − static) / (oracle − static)`` with a bootstrap interval over topics; None where the
        oracle's lead over the static quota is not clearly above zero.
    n_rows, n_groups : int
        Numbers of requests and of topics.

    Examples
    --------
    Here the routers close half of what lies between the best static quota and the best quota of each request.

    >>> half = Interval(mean=0.5, low=0.3, high=0.7, n=50)
    >>> gap = LearnableGap(0.2, 0.6, 0.4, 0.4, trees_closed=half, linear_closed=half, n_rows=500, n_groups=50)
    >>> round((gap.trees - gap.static) / (gap.oracle - gap.static), 3), gap.trees_closed.mean
    (0.5, 0.5)
    """

    static: float
    oracle: float
    trees: float
    linear: float
    trees_closed: Interval | None
    linear_closed: Interval | None
    n_rows: int
    n_groups: int


def _check_data(context: Float32, rewards: Float64) -> tuple[Float64, Float64]:
    """Return finite context (n, D) and rewards (n, Q)."""
    wide = _check.array("context", context, np.float64, (None, None))
    rewards = _check.array("rewards", rewards, np.float64, (len(wide), None))
    if not rewards.size or not (np.isfinite(wide).all() and np.isfinite(rewards).all()):
        raise InputError(
            "`context` and `rewards` must be finite, with at least one row and one quota, got "
            f"{wide.shape} and {rewards.shape}"
        )
    return wide, rewards


def _standardised(train: Float64, test: Float64) -> tuple[Float64, Float64]:
    """Return both contexts in units of the training rows' spread; a constant column becomes 0."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    scale = np.where(spread > 1e-12 * (1.0 + np.abs(mean)), spread, np.inf)
    return (train - mean) / scale, (test - mean) / scale


def _linear_path(train: Float64, target: Float64, test: Float64) -> list[Float64]:
    """Return ridge predictions (n_test, Q) of centred rewards, one for each penalty, strongest first."""
    x, z = _standardised(train, test)
    mean = target.mean(axis=0)
    values, vectors = np.linalg.eigh(x.T @ x)
    inner = vectors.T @ (x.T @ (target - mean))
    turned = z @ vectors
    return [turned @ (inner / (values + penalty * len(x))[:, None]) + mean for penalty in _PENALTIES]


def _tree_path(train: Float64, target: Float64, test: Float64) -> list[Float64]:
    """Return predictions (n_test, Q) of trees on the rewards' principal components, fewest first."""
    mean = target.mean(axis=0)
    _, spread, directions = np.linalg.svd(target - mean, full_matrices=False)
    directions = directions[:_N_COMPONENTS][spread[:_N_COMPONENTS] > 1e-9 * (1e-300 + spread[0])]
    out = [np.tile(mean, (len(test), 1)) for _ in _N_TREES]
    data = lightgbm.Dataset(train, label=np.zeros(len(train)), params=_TREE_PARAMETERS, free_raw_data=False)
    for direction in directions:
        # one data set for all components: the context is binned once
        data.set_label((target - mean) @ direction)
        # otherwise it would be written out and read back once more
        booster = lightgbm.train(
            _TREE_PARAMETERS, data, num_boost_round=_N_TREES[-1], keep_training_booster=True
        )
        for prediction, n_trees in zip(out, _N_TREES, strict=True):
            prediction += np.outer(booster.predict(test, num_iteration=n_trees), direction)
    return out


def _folds(groups: Int64, n_folds: int, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """Return each row's fold and each row's group number; groups stay whole and folds are of similar size."""
    _, group, size = np.unique(groups, return_inverse=True, return_counts=True)
    shuffled = rng.permutation(len(size))
    by_size = shuffled[np.argsort(-size[shuffled], kind="stable")]
    fold = np.empty(len(size), np.int64)
    # back and forth, so that no fold gets the larger group of every round
    step = np.arange(len(size))
    lap, seat = np.divmod(step, n_folds)
    fold[by_size] = np.where(lap % 2 == 0, seat, n_folds - 1 - seat)
    return fold[group], group.astype(np.int64)


def _pick(values: Sequence[Float64], fold: Int64) -> Float64:
    """Return the values (n,) of the strength that does best on the *other* folds, fold by fold.

    ``values`` holds (n,) held-out values for each strength, weakest first; ties go to the weaker.
    """
    table = np.stack(values)
    out = np.empty(table.shape[1], np.float64)
    for f in range(int(fold.max()) + 1):
        mine = fold == f
        out[mine] = table[int(np.argmax(table[:, ~mine].mean(axis=1))), mine]
    return out


def learnable_gap(
    context: Float32,
    rewards: Float64,
    groups: Int64,
    *,
    rng: np.random.Generator,
    n_folds: int = 5,
    level: float = 0.95,
) -> LearnableGap:
    """Return what supervised routers with full information earn on held-out topics.

    Each router predicts every quota's reward, less the request's mean over quotas (which no choice changes),
    and takes the highest. Its strength (number of trees, or penalty; the weakest is the static quota itself)
    is the one that does best on the other folds, so a router without evidence stays with the static quota.

    Parameters
    ----------
    context : float32 (n, D)
        What a policy saw of each request.
    rewards : float64 (n, Q)
        Expected reward of every quota for each request.
    groups : int64 (n,)
        Topic of each request; a topic is never in training and held-out rows at once.
    rng : numpy Generator
        For the folds and the bootstrap.
    n_folds : int
        Number of folds, at least 2; no more are used than there are topics.
    level : float
        Confidence level of the intervals.

    Raises
    ------
    InputError
        If there are fewer than two topics, no quota, or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> intent = rng.integers(0, 2, 400)
    >>> gap = learnable_gap(np.eye(2)[intent], np.eye(2)[intent], np.arange(400), rng=rng)
    >>> gap.trees, gap.linear, gap.oracle
    (1.0, 1.0, 1.0)
    """
    wide, rewards = _check_data(context, rewards)
    groups = _check.array("groups", groups, np.int64, (len(wide),))
    _check.integer("n_folds", n_folds, low=2)
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise InputError(f"`groups` must hold at least two topics to hold one out, got {n_groups}")
    fold, group = _folds(groups, min(n_folds, n_groups), rng)
    n = len(wide)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    static = np.empty(n, np.float64)
    linear, trees = np.empty((len(_PENALTIES), n)), np.empty((len(_N_TREES), n))
    for f in range(min(n_folds, n_groups)):
        test, train = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        static[test] = rewards[test, int(np.argmax(rewards[train].mean(axis=0)))]
        for path, out in ((_linear_path, linear), (_tree_path, trees)):
            predictions = path(wide[train], centred[train], wide[test])
            out[:, test] = [rewards[test, prediction.argmax(axis=1)] for prediction in predictions]
    oracle = rewards.max(axis=1)

    def over_groups(values: Float64) -> Float64:
        # a ratio of sums over requests is the ratio of mean group sums, whose groups are independent
        return np.bincount(group, weights=values - static, minlength=n_groups).astype(np.float64)

    by_trees, by_linear = _pick([static, *trees], fold), _pick([static, *linear], fold)
    room = over_groups(oracle)
    return LearnableGap(
        static=float(static.mean()),
        oracle=float(oracle.mean()),
        trees=float(by_trees.mean()),
        linear=float(by_linear.mean()),
        trees_closed=paired_ratio(over_groups(by_trees), room, level=level, rng=rng),
        linear_closed=paired_ratio(over_groups(by_linear), room, level=level, rng=rng),
        n_rows=n,
        n_groups=n_groups,
    )


def best_in_class(context: Float32, rewards: Float64) -> Float64:
    """Return the reward (n,) of the best linear policy in hindsight: what a linear learner must approach.

    A ridge regression for each quota on full information, judged on its own rows; of the penalties and of
    the static quota, the policy with the highest mean is taken, so it is never below the best static quota.
    Being a least-squares fit, it can lie below the optimal linear policy where rewards are far from linear in
    the context.

    Parameters
    ----------
    context : float32 (n, D)
        What a policy saw of each request.
    rewards : float64 (n, Q)
        Expected reward of every quota for each request.

    Raises
    ------
    InputError
        If there is no row or no quota, or a value is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> best_in_class(np.array([[0.], [1.]]), np.array([[1., 0.], [0., 1.]])).tolist()
    [1.0, 1.0]
    """
    wide, rewards = _check_data(context, rewards)
    rows = np.arange(len(rewards))
    policies = [rewards[:, int(np.argmax(rewards.mean(axis=0)))]]
    policies += [rewards[rows, p.argmax(axis=1)] for p in _linear_path(wide, rewards, wide)]
    return np.array(policies[int(np.argmax([p.mean() for p in policies]))])
