"""From a study's settings to components: the one place where they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from ltrr.bandits import StaticQuota
from ltrr.bandits.blocks import uses
from ltrr.bandits.spec import PolicySpec
from ltrr.errors import InputError
from ltrr.metrics.measures import STANDARD, Measure
from ltrr.protocols import FeatureProvider, Policy, Ranker, Retriever, UserModel, World
from ltrr.ranking import provenance_names
from ltrr.registry import add_import_path, registry_of
from ltrr.rng import Streams
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared, System, fresh, providers_of
from ltrr.study.study import Study
from ltrr.types.component import Component
from ltrr.users import Reward

__all__ = [
    "Parts",
    "build",
    "make_measures",
    "make_policy",
    "make_ranker",
    "make_user",
    "make_world",
    "prepare",
    "settled",
    "system_of",
]


@dataclass(frozen=True)
class Parts:
    """What is made of a study before any work: all but the world.

    Parameters
    ----------
    arms : mapping of str to Retriever
        In the order of their indices, not yet indexed.
    providers : mapping of str to FeatureProvider
        What rankers see, arms among them.
    loop : LoopSetting
        With its fallback filled in.
    unseen : tuple of str
        Arms whose scores no ranker sees.

    Examples
    --------
    A memory answers few requests, so popular items fill the slots that it leaves empty:

    >>> from ltrr.bandits.spec import policy_spec
    >>> arms = ("memory", "popular")
    >>> parts = build(Study(loop=LoopSetting(arms=arms), policies=(policy_spec("uniform", arms),)))
    >>> [type(arm).__name__ for arm in parts.arms.values()], parts.loop.fallback
    (['Memory', 'Popular'], ('popular',))
    """

    arms: Mapping[str, Retriever]
    providers: Mapping[str, FeatureProvider]
    loop: LoopSetting
    unseen: tuple[str, ...]


def build(study: Study) -> Parts:
    """Make every component but the world, so that a wrong setting is found before work begins.

    Raises
    ------
    InputError
        Naming the setting, what it must be and what it is. What only the world's files can tell is left.
    """
    for folder in study.import_path:
        add_import_path(folder)
    arms = {name: _made("arms", component, f"arms.{name}") for name, component in study.arms.items()}
    providers = providers_of(arms) if study.shown is None else _providers(study.shown, arms)
    loop = study.loop.for_arms(list(arms.values()))
    grade = _try_world(study)
    if grade is None:
        _made("users", study.user, "user")
    else:
        make_user(study, grade)
    _made("rewards", study.reward, "reward")
    make_measures(study)
    for spec in study.policies:
        make_policy(spec, loop, quota=[loop.n_slots, *[0] * (len(arms) - 1)])
        make_ranker(study, spec)
    unseen = tuple(name for name, arm in arms.items() if not any(arm is p for p in providers.values()))
    return Parts(arms, providers, loop, unseen)


def settled(study: Study, parts: Parts) -> Study:
    """Return the study with what its arms decide filled in, as it is written down."""
    return replace(study, loop=parts.loop)


def make_world(study: Study) -> World:
    """Return the world at its beginning."""
    world: World = (
        study.world.given if study.world.given is not None else _made("worlds", study.world, "world")
    )
    _check_width(world, study)
    if study.loop.held_out > 0 and not getattr(world, "holds_out", True):
        world.held_out(study.loop.held_out)  # says what it lacks, before any work
    make_user(study, world.max_grade)
    return world


def make_user(study: Study, max_grade: int) -> UserModel:
    """Return the user model, once it is known to fit the world's grades."""
    user: UserModel = _made("users", study.user, "user")
    user.tables(study.loop.page_size, max_grade)
    return user


def make_measures(study: Study) -> tuple[Measure, ...]:
    """Return the measures of the study's own."""
    made: list[Measure] = [_made("measures", c, "measures") for c in study.measures]
    taken = {measure.name for measure in STANDARD}
    for measure in made:
        if measure.name in taken:
            raise InputError(f"`measures` must have names of their own, got {measure.name!r} twice")
        taken.add(measure.name)
    return tuple(made)


def make_policy(spec: PolicySpec, loop: LoopSetting, quota: Sequence[int] | None = None) -> Policy:
    """Return a policy that has learned nothing; ``quota`` is the tuning's answer for the best static one."""
    if spec.static_quota:
        if quota is None:
            raise InputError(f"policy {spec.name!r} is best-static, whose quota only the tuning knows")
        return StaticQuota(quota=tuple(int(q) for q in quota))
    where = f"policies.{spec.name}"
    policy: Policy = _made("policies", spec.component, where)
    if loop.preview == 0 and uses(policy, "evidence"):
        raise InputError(
            f"`{where}.blocks` names 'evidence', which needs previews of the arms; "
            "set `loop.preview`, for instance to 10"
        )
    fits = getattr(policy, "fits", None)
    if fits is not None:
        try:
            fits(loop.arms, loop.n_slots)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    return policy


def make_ranker(study: Study, spec: PolicySpec, tuned: Mapping[str, Any] | None = None) -> Ranker:
    """Return a ranker that has learned nothing.

    Settings that were ``tuned`` win over the policy's own, and these over the study's.
    """
    own = spec.ranker
    component: Component = study.ranker
    where = f"policies.{spec.name}.ranker" if own else "ranker"
    if isinstance(own, Component):
        component = own
    elif own:
        table = dict(own)
        kind = table.pop("kind", component.kind)
        same = kind == component.kind
        if same and component.given is not None:
            component = replace(component, given=_with_settings(component.given, table, where))
        else:
            component = Component(kind, {**(component.params if same else {}), **table})
    ranker: Ranker = _made("rankers", component, where)
    if tuned:
        ranker = _with_settings(ranker, tuned, where)
    if getattr(ranker, "allocation_dependent", False) and hasattr(ranker, "for_columns"):
        ranker.for_columns(provenance_names(study.loop.arms), ())  # weights of arms that do not exist
    if spec.tune and not hasattr(ranker, "search"):
        raise InputError(
            f"`policies.{spec.name}.tune` needs a ranker with `search(arms, rng, n)`, such as rrf or convex, "
            f"got {type(ranker).__name__}"
        )
    return ranker


def _with_settings(ranker: Any, settings: Mapping[str, Any], where: str) -> Any:
    """Return an object like another with some settings changed."""
    known = [f.name for f in fields(ranker) if f.init] if is_dataclass(ranker) else []
    for name in settings:
        if name not in known:
            raise InputError(f"`{where}`: the given {type(ranker).__name__} has no setting {name!r}")
    return replace(ranker, **settings)


def prepare(parts: Parts, world: World) -> Prepared:
    """Return what the cells of a study share."""
    return Prepared.build(world, parts.arms, parts.loop, parts.providers)


def system_of(
    study: Study,
    prepared: Prepared,
    spec: PolicySpec,
    streams: Streams,
    *,
    quota: Sequence[int] | None = None,
    tuned: Mapping[str, Any] | None = None,
    catalogue: Sequence[int] | None = None,
    logged: bool = True,
) -> System:
    """Return the system of one policy on one replicate, with the tuning's answers.

    These are the best quota, the settings of the ranker, and the quotas that are offered as allocations.
    Where the ranker's rows are not ``logged``, they hold no more than it reads.
    """
    reward: Reward = _made("rewards", study.reward, "reward")
    return System.fork(
        prepared,
        study.loop,
        streams,
        policy=make_policy(spec, study.loop, quota),
        ranker=make_ranker(study, spec, tuned),
        user=make_user(study, prepared.world.max_grade),
        reward=reward,
        catalogue=catalogue,
        logged=logged,
    )


def _made(group: str, component: Component, where: str) -> Any:
    """Return what a component stands for: made from its settings, or a fresh copy of the given object."""
    if component.given is not None:
        return fresh(component.given)
    return registry_of(group).make(component.kind, component.params, where)


def _providers(
    features: Mapping[str, Component | None], arms: Mapping[str, Retriever]
) -> dict[str, FeatureProvider]:
    """Return the listed providers of features; a name alone is an arm."""
    out: dict[str, FeatureProvider] = {}
    for name, component in features.items():
        where = f"ranker.features.{name}"
        provider: Any
        if component is None:
            provider = arms[name]
        elif component.given is not None:
            provider = fresh(component.given)
        elif ":" in component.kind:
            provider = registry_of("arms").make_any(component.kind, component.params, where)
        else:
            provider = _made("arms", component, where)
        if not isinstance(provider, FeatureProvider):
            raise InputError(
                f"`{where}` must have `features(requests, items)`, got {type(provider).__name__}"
            )
        out[name] = provider
    return out


def _try_world(study: Study) -> int | None:
    """Check the settings of a world before the real one is made, which takes time; return its highest grade.

    Names and types are checked, and ranges too where the class says at which sizes (its ``trial``) making one
    takes no time; where the grades are in files yet to be read, the answer is None.
    """
    component = study.world
    if component.given is not None:
        _check_width(component.given, study)
        given: World = component.given
        return given.max_grade
    registry = registry_of("worlds")
    registry.check(component.kind, component.params, "world")
    maker = registry.maker(component.kind, "world")
    _check_width(maker, study)
    trial: Mapping[str, int] = getattr(maker, "trial", {})
    if not trial:
        return None
    small = {key: min(component.params.get(key, value), value) for key, value in trial.items()}
    with np.errstate(divide="raise", over="raise", invalid="raise"):  # probabilities that are no numbers
        made: World = registry.make(component.kind, {**component.params, **small}, "world")
    return made.max_grade


def _check_width(world: Any, study: Study) -> None:
    """Refuse pages longer than the ideal pages that the world can tell of."""
    width = getattr(world, "ideal_width", None)
    if width is not None and study.loop.page_size > width:
        raise InputError(
            f"`loop.page_size` must be at most {width}, the length of the ideal pages that it is compared "
            f"with, got {study.loop.page_size}"
        )
