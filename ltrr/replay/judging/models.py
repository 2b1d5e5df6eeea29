"""Models that a replay needs in addition to the log: rewards, propensities, densities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.replay_log import ReplayLog
from ltrr.replay import nuisance
from ltrr.replay.judging.settings import Settings
from ltrr.replay.nuisance.acceptance import smallest_propensity
from ltrr.replay.nuisance.sample import sample_events
from ltrr.replay.targets.base import Target
from ltrr.types import Float64, Int32

__all__ = ["Models", "fit_models"]

MODELLED = frozenset({"q", "mrdr", "balanced"})
"""Needs of estimators that take a model fitted on the log."""


@dataclass
class Models:
    """What was fitted on a sample of the log, for all target policies.

    Parameters
    ----------
    propensity : PropensityModel or None
        Where the log has no propensities, or no whole distributions and an estimator needs them.
    logged : bool
        True where the log has propensities.
    reward : mapping of str to RewardModel
        Predicts the reward of an action, for all targets under the name ""; for slates, by target, the
        target's reward from the action's slot to the end.
    mrdr : mapping of target name to RewardModel
    balanced : mapping of target name to BalancedWeights
    embedding : int32 (A,) or None
        Category of each action.
    sample : Events or None
        What the models were fitted on.
    floor : float or None
        Smallest propensity of the log, for rejection replay.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> events = Events(Space(("a", "b")), [1, 2], [1, 2], [0, 1], [0.0, 1.0], propensity=[0.5, 0.25])
    >>> Models(logged=True).propensities(events).tolist()
    [0.5, 0.25]
    """

    propensity: nuisance.PropensityModel | None = None
    logged: bool = False
    reward: Mapping[str, nuisance.RewardModel] = field(default_factory=dict)
    mrdr: Mapping[str, nuisance.RewardModel] = field(default_factory=dict)
    balanced: Mapping[str, nuisance.BalancedWeights] = field(default_factory=dict)
    embedding: Int32 | None = None
    sample: Events | None = None
    floor: float | None = None

    def estimated(self, needs: frozenset[str] = frozenset({"weight"})) -> str:
        """Return how the basis of an estimator's weights was estimated, or "" where it was logged.

        Weights rest on propensities, those of categories (``marginal``) on whole distributions.
        """
        if self.propensity is None or (self.logged and "marginal" not in needs):
            return ""
        return self.propensity.estimated

    def reward_of(self, target: str) -> nuisance.RewardModel | None:
        """Return the reward model that a target's estimates use."""
        return self.reward.get(target, self.reward.get(""))

    def logging(self, events: Events) -> Float64 | None:
        """Return the logging policy's distributions, logged or estimated; None where neither is there."""
        if events.probabilities is not None:
            return events.probabilities
        return None if self.propensity is None else self.propensity.probabilities(events)

    def propensities(self, events: Events) -> Float64 | None:
        """Return the propensity of each chosen action, logged or estimated."""
        if events.propensity is not None:
            return events.propensity
        if self.propensity is None:
            return None
        return np.asarray(self.propensity.probabilities(events)[events.place])


def embedding_of(settings: Settings, n_actions: int) -> Int32 | None:
    """Return the declared categories of the actions, checked."""
    if settings.embedding is None:
        return None
    out = _check.array("embedding", settings.embedding, np.int32, (n_actions,))
    if len(out) and out.min() < 0:
        raise InputError("`embedding` must hold categories >= 0, one an action")
    return np.asarray(out)


def fit_models(
    log: ReplayLog,
    targets: Sequence[Target],
    needs: Iterable[str],
    settings: Settings,
    *,
    sampled: bool,
    on_chunk: Callable[[int], None] | None = None,
) -> Models:
    """Fit what is needed on a sample of the log (one pass), or return empty models where nothing is.

    Parameters
    ----------
    log : ReplayLog
    targets : sequence of Target
    needs : iterable of str
        Of all estimators.
    settings : Settings
    sampled : bool
        True to take the sample even where no model needs it (hyper-parameters are chosen from it).
    on_chunk : callable, optional
        Called with the rows of each chunk read.
    """
    needs = set(needs)
    models = Models(embedding=embedding_of(settings, len(log.space.actions)) if "marginal" in needs else None)
    first = next(iter(log.chunks()), None)
    if first is None:
        return models
    if "accept" in needs and first.propensity is not None:
        with suppress(InputError):  # a deterministic log: its verdict says so
            models.floor = smallest_propensity(log)
    models.logged = first.propensity is not None
    # "marginal" weights need whole distributions, which a log of single propensities does not have
    estimate = not models.logged or ("marginal" in needs and first.probabilities is None)
    if not (sampled or estimate or needs & MODELLED):
        return models
    sample = sample_events(log, max_rows=settings.fit_rows, seed=settings.seed, on_chunk=on_chunk)
    if sample is None:
        return models
    models.sample = sample
    options: dict[str, Any] = {"folds": settings.folds, "seed": settings.seed, "max_rows": settings.fit_rows}
    if estimate:
        models.propensity = nuisance.PropensityModel(kind=settings.propensity_model, **options)
        models.propensity.fit(sample)
    propensity = models.propensities(sample)
    if "q" in needs and len(sample.request_indptr) - 1 == len(sample):
        model = nuisance.RewardModel(kind=settings.reward_model, **options)
        model.fit(sample)
        models.reward = {"": model}
        needs.discard("q")
    for target in targets:
        pi = target.probabilities(sample)
        if pi is None or propensity is None:
            continue
        weight = pi[sample.place] / propensity
        if "q" in needs:
            model = nuisance.RewardModel(kind=settings.reward_model, **options)
            model.fit(sample, outcome=nuisance.rewards_to_go(sample, weight))
            models.reward = {**models.reward, target.name: model}
        if "mrdr" in needs:
            model = nuisance.RewardModel(kind=settings.reward_model, **options)
            model.fit(sample, weight=nuisance.mrdr_weights(weight, propensity))
            models.mrdr = {**models.mrdr, target.name: model}
        if "balanced" in needs:
            density = nuisance.BalancedWeights(**options)
            density.fit(sample, pi)
            models.balanced = {**models.balanced, target.name: density}
    return models
