"""Models that a replay needs in addition to the log: rewards, propensities, densities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
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
        Where the log has no propensities, or no whole distributions and an estimator needs them, or where
        estimates are to replace what was logged.
    logged : bool
        True where the log has propensities.
    replaced : bool
        True where estimated propensities are used even where some were logged.
    reward : mapping of str to RewardModel or StatedRewards
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
    replaced: bool = False
    reward: Mapping[str, nuisance.RewardModel | nuisance.StatedRewards] = field(default_factory=dict)
    mrdr: Mapping[str, nuisance.RewardModel] = field(default_factory=dict)
    balanced: Mapping[str, nuisance.BalancedWeights] = field(default_factory=dict)
    embedding: Int32 | None = None
    sample: Events | None = None
    floor: float | None = None

    def estimated(self, needs: frozenset[str] = frozenset({"weight"})) -> str:
        """Return how the basis of an estimator's weights was estimated, or "" where it was logged.

        Weights rest on propensities, those of categories (``marginal``) on whole distributions.
        """
        if self.propensity is None:
            return ""
        if self.replaced:
            return self.propensity.replacing(logged=self.logged)
        return "" if self.logged and "marginal" not in needs else self.propensity.estimated

    @property
    def trusts_log(self) -> bool:
        """True where weights rest on the log's own propensities."""
        return self.logged and not self.replaced

    def reward_of(self, target: str) -> nuisance.RewardModel | nuisance.StatedRewards | None:
        """Return the reward model that a target's estimates use."""
        return self.reward.get(target, self.reward.get(""))

    def logging(self, events: Events) -> Float64 | None:
        """Return the logging policy's distributions, logged or estimated; None where neither is there."""
        if events.probabilities is not None and not self.replaced:
            return events.probabilities
        return None if self.propensity is None else self.propensity.probabilities(events)

    def propensities(self, events: Events) -> Float64 | None:
        """Return the propensity of each chosen action, logged or estimated."""
        if events.propensity is not None and not self.replaced:
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
    outcome: Callable[[Events], Float64] | None = None,
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
    outcome : callable, optional
        What the reward model is fitted on in place of the reward: (n,), or (n, M) for M outcomes, of which
        the first is the reward. Models of slates and "mrdr" are those of the reward.
    on_chunk : callable, optional
        Called with the rows of each chunk read.

    Raises
    ------
    InputError
        If predicted rewards are given as columns and requests have several slots, or what a model was asked
        to be is not known.
    """
    needs = set(needs)
    models = Models(embedding=embedding_of(settings, len(log.space.actions)) if "marginal" in needs else None)
    first = next(iter(log.chunks()), None)
    if first is None:
        return models
    models.logged, models.replaced = first.propensity is not None, settings.propensity_model is not None
    if "accept" in needs and models.logged and not models.replaced:
        with suppress(InputError):  # a deterministic log: its verdict says so
            models.floor = smallest_propensity(log)
    stated = _stated(settings, log.space) if "q" in needs else None
    if stated is not None:
        models.reward = {"": stated}
        if outcome is None or _width(outcome(first)) == 1:
            needs.discard("q")
    # "marginal" weights need whole distributions, which a log of single propensities does not have
    estimate = not models.logged or ("marginal" in needs and first.probabilities is None) or models.replaced
    if not (sampled or estimate or needs & MODELLED):
        return models
    sample = sample_events(log, max_rows=settings.fit_rows, seed=settings.seed, on_chunk=on_chunk)
    if sample is None:
        return models
    models.sample = sample
    options: dict[str, Any] = {"folds": settings.folds, "seed": settings.seed, "max_rows": settings.fit_rows}
    if estimate:
        models.propensity = nuisance.PropensityModel(
            kind="frequency" if settings.propensity_model is None else settings.propensity_model, **options
        )
        models.propensity.fit(sample)
    if "q" in needs and len(sample.request_indptr) - 1 == len(sample):
        model = nuisance.RewardModel(kind=settings.reward_model, **options)
        y = None if outcome is None else outcome(sample)
        if stated is None or y is None:
            model.fit(sample, outcome=y)
            models.reward = {"": model}
        else:
            model.fit(sample, outcome=y[:, 1:])
            models.reward = {"": nuisance.StatedRewards(stated.pattern, model)}
        needs.discard("q")
    _fit_by_target(models, sample, targets, needs, settings, options)
    return models


def _fit_by_target(
    models: Models,
    sample: Events,
    targets: Sequence[Target],
    needs: set[str],
    settings: Settings,
    options: dict[str, Any],
) -> None:
    """Fit what differs between targets."""
    propensity = models.propensities(sample)
    for target in targets:
        pi = target.probabilities(sample) if needs & MODELLED else None
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


def _stated(settings: Settings, space: Space) -> nuisance.StatedRewards | None:
    """Return predicted rewards that are given as a column for each action, or None."""
    if not (isinstance(settings.q, str) and "*" in settings.q):
        return None
    if space.n_slots > 1:
        raise InputError(
            "`q` must be left out where requests have several slots: their estimators need the reward from "
            "a slot to the end, which a column for each action does not give"
        )
    return nuisance.StatedRewards(settings.q)


def _width(outcome: Float64) -> int:
    return outcome.shape[1] if outcome.ndim == 2 else 1
