"""Learning a policy from a log that another policy made."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import vowpalwabbit
from sklearn.base import clone

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.reading import read
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay.nuisance.sample import sample_events
from ltrr.replay.targets.base import Target
from ltrr.replay.targets.distribution import Distribution
from ltrr.replay.targets.examples import vw_examples
from ltrr.replay.targets.exploration import Exploration
from ltrr.replay.targets.regression import RegressionTarget, design
from ltrr.replay.targets.vw import VWTarget
from ltrr.rng import Streams
from ltrr.types import Float64, Int64

__all__ = ["METHODS", "learn_policy"]

METHODS = ("dm", "ips", "dr")
"""What the learned policy maximises: predicted rewards, weighted rewards, or both together."""

_NUMBERS = 1 << 26
"""Most entries of the table that a model is fitted to, 256 MB."""


def learn_policy(
    log: Any,
    *,
    method: str = "dr",
    model: Any = "lightgbm",
    epsilon: float = 0.0,
    folds: int = 3,
    max_rows: int = 200_000,
    seed: int = 0,
    options: str = "",
) -> Target:
    """Learn a policy from logged decisions and return it as a target, to be judged on *another* part.

    The policy chooses ``argmax_a f(x, a)``, f a regression of what each eligible action would have earned:

    ====== ============================================================================================
    method f is fitted to
    ====== ============================================================================================
    dm     r on the chosen actions alone: no propensities are needed; wrong where the model is
    ips    ``1{a = a_i} r / p`` on all eligible actions: right on average for any model, but noisy
    dr     ``q̂(x, a) + 1{a = a_i} (r − q̂(x, a)) / p`` on all eligible actions, q̂ a first regression that
           did not see the request (cross-fitted): the noise of ips shrinks by what q̂ explains
    ====== ============================================================================================

    With ``model="vw"`` Vowpal Wabbit does the same in one pass over the whole log (``--cb_type ips`` or
    ``dr``; for dm ``mtr`` with weights of 1), on the examples of `vw_examples` with context–action products.

    Parameters
    ----------
    log : ReplayLog, path, or table in memory
        The early part, as of `split`: a policy judged on its own training data looks better than it is.
    method : "dm", "ips" or "dr"
    model : "lightgbm", "vw", or a scikit-learn regressor
        A regressor is cloned and gets rows as of `design` (action id, action features, context) and sample
        weights.
    epsilon : float in [0, 1]
        Exploration of the learned policy.
    folds : int >= 2
        Folds of cross-fitting (dr), by the requests' keys.
    max_rows : int >= 1
        Models other than VW are fitted on a sample of at most this many rows, fewer where actions are many.
    seed : int
        Seeds sample, folds and model; the same seed gives the same policy.
    options : str
        Further options as VW takes them (``model="vw"`` only).

    Raises
    ------
    InputError
        If the log lacks what the method needs, or VW does not take the options.

    References
    ----------
    Dudík, Langford, Li, "Doubly robust policy evaluation and learning", ICML 2011, section 4; Bietti,
    Agarwal, Langford, "A contextual bandit bake-off", JMLR 22 (2021), section 2.
    """
    _check.choice("learn_policy method", method, METHODS)
    _check.fraction("learn_policy epsilon", epsilon)
    _check.integer("learn_policy folds", folds, low=2)
    _check.integer("learn_policy seed", seed, low=0)
    log = read(log)
    if log.space.n_slots > 1:
        raise InputError(
            f"{log.name} has several slots a request: policies are learned from single decisions"
        )
    label = f"learned:{method}"
    if isinstance(model, str) and model == "vw":
        return _by_vw(log, method, epsilon, seed, options, label)
    if options:
        raise InputError(f'`learn_policy options` are for model="vw" only, got {options!r}')
    events = sample_events(log, max_rows=max_rows, seed=seed)
    if events is None or len(events) < 2 * folds:
        raise InputError(f"{log.name} must have at least {2 * folds} usable rows to learn from")
    if method != "dm":
        events = _fewer(events, seed)
    fresh = _regressor(model, len(events), seed)
    target = RegressionTarget(_fit(fresh, events, method, folds, seed), label=label)
    return Exploration(epsilon, of=target) if epsilon else target


def _regressor(model: Any, rows: int, seed: int) -> Any:
    if isinstance(model, str):
        _check.choice("learn_policy model", model, ("lightgbm", "vw"))
        return lightgbm.LGBMRegressor(
            n_estimators=100,
            learning_rate=0.05,
            num_leaves=15,
            # weighted rewards are noisy: small leaves learn the noise, and the favourite is where it peaks
            min_child_samples=int(np.clip(rows // 50, 20, 200)),
            random_state=seed,
            n_jobs=1,
            deterministic=True,
            force_row_wise=True,
            verbosity=-1,
        )
    if not (callable(getattr(model, "fit", None)) and callable(getattr(model, "predict", None))):
        raise InputError(
            "`learn_policy model` must be lightgbm, vw or a scikit-learn regressor, got "
            f"{type(model).__name__}"
        )
    return model


def _fewer(events: Events, seed: int) -> Events:
    """Return events whose table over all eligible actions fits into memory."""
    space = events.space
    columns = 1 + len(space.feature_names or space.actions) + len(space.context_names)
    share = _NUMBERS / (len(events.actions.action) * columns)
    if share >= 1.0:
        return events
    return events.take(np.flatnonzero(Streams(seed).uniform("learn-sample", events.key) < share))


def _counts(events: Events) -> Float64:
    return np.ones(len(events)) if events.count is None else events.count


def _of_chosen(fresh: Any, events: Events) -> Any:
    """Return a regression of rewards on the chosen actions."""
    table = np.concatenate([design(events.take(rows))[events.take(rows).place] for rows in _runs(events)])
    return clone(fresh).fit(table, events.reward, sample_weight=_counts(events))


def _runs(events: Events) -> list[Int64]:
    return [np.arange(i, min(i + 4096, len(events)), dtype=np.int64) for i in range(0, len(events), 4096)]


def _fit(fresh: Any, events: Events, method: str, folds: int, seed: int) -> Any:
    """Return the regression whose favourite is the policy."""
    if method == "dm":
        return _of_chosen(fresh, events)
    if events.propensity is None:
        raise InputError(f'the log has no propensities, which method "{method}" needs; "dm" does without')
    worth = np.zeros(len(events.actions.action))
    if method == "dr":
        worth = _cross_fitted(fresh, events, folds, seed)
    place = events.place
    worth[place] += (events.reward - worth[place]) / events.propensity
    weight = np.repeat(_counts(events), np.diff(events.actions.indptr))
    return clone(fresh).fit(design(events), worth, sample_weight=weight)


def _cross_fitted(fresh: Any, events: Events, folds: int, seed: int) -> Float64:
    """Return q̂ of every eligible action from regressions that did not see the action's request."""
    fold = (Streams(seed).uniform("learn-folds", events.key) * folds).astype(np.int64)
    indptr = events.actions.indptr
    out = np.zeros(len(events.actions.action))
    for k in range(folds):
        inside, others = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        if len(inside) == 0 or len(others) == 0:
            continue
        mine = np.repeat(fold == k, np.diff(indptr))
        model = RegressionTarget(_of_chosen(fresh, events.take(others)))
        out[mine] = model.predict(events.take(inside))
    return out


def _by_vw(log: ReplayLog, method: str, epsilon: float, seed: int, options: str, label: str) -> Distribution:
    """Return VW's policy after one pass over the log."""
    if {"-h", "--help", "--version"} & set(options.split()):  # the engine would end the whole process
        raise InputError(f"`learn_policy options` must not ask for help, got {options!r}")
    # with a weight of 1 everywhere, importance-weighted regression is plain regression
    kind = "mtr" if method == "dm" else method
    fixed = f"--cb_explore_adf --cb_type {kind} -q ca --random_seed {seed} --quiet"
    command = f"{fixed} --epsilon {epsilon!r} {options}"
    try:
        workspace = vowpalwabbit.Workspace(command)
    except RuntimeError as error:
        cause = " ".join(str(error).split())
        raise InputError(
            f"`learn_policy options` must be options VW takes, got {options!r}: {cause}"
        ) from error
    try:
        rows = 0
        for events in log.chunks():
            if method == "dm":
                events = replace(events, propensity=np.ones(len(events)))
            for example in vw_examples(events, labelled=True):
                workspace.learn(example)
            rows += len(events)
        if rows == 0:
            raise InputError(f"{log.name} has no usable rows to learn from")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.vw"
            workspace.save(path)
            return VWTarget(path, label=label)
    finally:
        workspace.finish()
