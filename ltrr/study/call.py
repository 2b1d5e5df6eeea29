"""From the words of a call, or of the command line, to a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ltrr.bandits.registry import BEST_STATIC
from ltrr.bandits.spec import PolicySpec, policy_spec
from ltrr.errors import InputError, nearest
from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import make_policy, make_ranker
from ltrr.study.files import check_integers, import_path_of, read_study
from ltrr.study.study import Study
from ltrr.types.component import Component

__all__ = ["merged", "study_of"]

_PLAIN = ("name", "question", "seed", "seeds", "rounds", "log_seeds", "measures", "import_path")


def study_of(
    world: Any = None,
    *,
    arms: Mapping[str, Any] | Sequence[str] | None = None,
    policies: Sequence[Any] | None = None,
    ranker: Any = None,
    user: Any = None,
    reward: Any = None,
    measures: Sequence[Any] | None = None,
    rounds: int | None = None,
    seeds: int | None = None,
    seed: int | None = None,
    warmup: int | None = None,
    study: str | Path | Study = "default",
    loop: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Study:
    """Return a study with what a call changes.

    Parameters
    ----------
    world, arms, policies, ranker, user, reward, measures, rounds, seeds, seed, warmup, study, loop
        As in `ltrr.simulate`.
    settings : mapping, optional
        Tables as in a study file, laid over all else; ``policies`` may be a table of tables by name.

    Raises
    ------
    InputError
        If a name or value is unknown or wrong. What only making the components can tell is left.

    Examples
    --------
    >>> study = study_of(policies=["linucb"], rounds=200, warmup=50,
    ...                  settings={"policies": {"linucb": {"alpha": 0.3}}, "world": {"n_items": 500}})
    >>> [spec.settings() for spec in study.policies]
    [{'name': 'best-static', 'kind': 'best-static'}, {'name': 'linucb', 'kind': 'linucb', 'alpha': 0.3}]
    >>> study.loop.warmup, study.world.params
    (50, {'n_items': 500})
    """
    base = study if isinstance(study, Study) else read_study(study)
    own = _known(settings or {}, [f.name for f in fields(Study) if f.name != "features"], "unknown key")
    listed = own.get("policies")
    policies = policies if listed is None or isinstance(listed, Mapping) else listed
    setting = _loop(base, {**(loop or {}), **_table(own, "loop")}, arms, warmup)
    changes: dict[str, Any] = {"measures": measures, "seed": seed, "rounds": rounds, "seeds": seeds}
    changes |= {name: own[name] for name in _PLAIN if name in own}
    changes |= {"loop": setting, "arms": _arms(base, setting, arms, _table(own, "arms"))}
    changes |= _components(base, own, {"world": world, "ranker": ranker, "user": user, "reward": reward})
    if world is not None and (not isinstance(world, Mapping) or "kind" in world):
        # what was asked was about another world
        changes |= {"name": f"{base.name} on {_called(world)}", "question": ""}
    if "tuning" in own:
        tuning = _known(_table(own, "tuning"), base.tuning.__dataclass_fields__, "`tuning` has no setting")
        changes["tuning"] = replace(base.tuning, **tuning)
    if policies is not None:
        changes["policies"] = _specs(policies, base, setting)
    whole = replace(base, **{name: value for name, value in changes.items() if value is not None})
    if policies is None and (setting.arms != base.loop.arms or arms is not None or ranker is not None):
        whole = replace(whole, policies=_suited(whole))
    if isinstance(listed, Mapping):
        whole = replace(whole, policies=_with_settings(whole.policies, listed, setting.arms))
    check_integers(whole.settings(), "study")
    return replace(whole, import_path=import_path_of(whole))


def merged(table: Any, changes: Any) -> Any:
    """Return a table with changes laid over it, table by table; a new ``kind`` begins afresh.

    Examples
    --------
    >>> merged({"kind": "dense", "encoder": {"kind": "lsa", "dim": 64}}, {"encoder": {"dim": 32}})
    {'kind': 'dense', 'encoder': {'kind': 'lsa', 'dim': 32}}
    >>> merged({"kind": "pbm", "eta": 2.0}, {"kind": "dbn"})
    {'kind': 'dbn'}
    """
    if not isinstance(changes, Mapping):
        return changes
    below = {"kind": table} if isinstance(table, str) else table
    if not isinstance(below, Mapping) or changes.get("kind", below.get("kind")) != below.get("kind"):
        return dict(changes)
    return {**below, **{key: merged(below.get(key), value) for key, value in changes.items()}}


def _known(table: Mapping[str, Any], names: Any, what: str) -> Mapping[str, Any]:
    """Return a table whose keys are all known."""
    for key in table:
        if key not in names:
            raise InputError(f"{what} {key!r}{nearest(str(key), names)}")
    return table


def _table(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = settings.get(key, {})
    if not isinstance(found, Mapping):
        raise InputError(f"`{key}` must be a table, got {found!r}")
    return found


def _loop(
    base: Study,
    loop: Mapping[str, Any],
    arms: Mapping[str, Any] | Sequence[str] | None,
    warmup: int | None,
) -> LoopSetting:
    """Return the loop's settings with what a call changes."""
    changes = dict(_known(loop, base.loop.__dataclass_fields__, "`loop` has no setting"))
    if warmup is not None:
        changes["warmup"] = warmup
    if arms is not None:
        if isinstance(arms, str) or not isinstance(arms, (Mapping, Sequence)):
            raise InputError(
                f"`arms` must be a table by name or a list of names, got {arms!r}; write [{arms!r}]"
            )
        if not isinstance(arms, Mapping) and not all(isinstance(arm, str) for arm in arms):
            raise InputError(f'`arms` must give objects a name: {{"mine": {arms[0]!r}}}, got {arms!r}')
        changes = {"arms": tuple(arms)} | changes
    if "arms" in changes:  # the study's own fallback is of its own arms
        changes = {"fallback": None} | changes
    if base.loop.slab_size is not None and {"arms", "slot_size"} & changes.keys():
        changes = {"slab_size": _slab_size(base.loop, **changes)} | changes
    return replace(base.loop, **changes)


def _slab_size(loop: LoopSetting, *, arms: Any = None, slot_size: Any = None, **_: Any) -> Any:
    """Return the study's slab sizes of the arms that remain, at most the slot's new size."""
    kept = arms if isinstance(arms, (list, tuple)) else loop.arms  # what is neither is refused later
    most = slot_size if isinstance(slot_size, int) else loop.slot_size
    return {name: min(size, most) for name, size in (loop.slab_size or {}).items() if name in kept} or None


def _components(base: Study, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call gives in place of a study's components, with settings laid over it."""
    found = {name: _changed(getattr(base, name), value) for name, value in given.items() if value is not None}
    laid = {name: own[name] for name in given if name in own}
    return found | {
        name: _laid_over(found.get(name, getattr(base, name)), value, name) for name, value in laid.items()
    }


def _arms(
    base: Study, setting: LoopSetting, arms: Mapping[str, Any] | Sequence[str] | None, own: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arms by name: those of a call, or the study's own, with settings laid over them."""
    kept = {name: arm for name, arm in base.arms.items() if name in setting.arms}
    found: dict[str, Any] = dict(arms) if isinstance(arms, Mapping) else kept
    return found | {
        name: _laid_over(found.get(name, {}), value, f"arms.{name}") for name, value in own.items()
    }


def _laid_over(own: Any, changes: Any, where: str) -> Any:
    """Return a component with settings laid over its own."""
    if isinstance(own, Component):
        if own.given is not None and isinstance(changes, Mapping) and "kind" not in changes:
            raise InputError(f"`{where}` is an object already: it takes no settings, got {sorted(changes)}")
        own = own.settings()
    return merged(own, changes)


def _specs(policies: Any, base: Study, setting: LoopSetting) -> tuple[PolicySpec, ...]:
    """Return the policies that a call names, the study's own by name, and the best static allocation."""
    if isinstance(policies, (str, Mapping)) or not isinstance(policies, Sequence):
        raise InputError(f"`policies` must be a list, got {policies!r}; write [{policies!r}]")
    own = {spec.name: spec for spec in base.policies}
    specs = tuple(
        own[p] if isinstance(p, str) and p in own else policy_spec(p, setting.arms) for p in policies
    )
    if not any(spec.best_static for spec in specs):
        specs = (policy_spec(BEST_STATIC, setting.arms), *specs)
    return specs


def _with_settings(
    specs: Sequence[PolicySpec], tables: Mapping[str, Any], arms: Sequence[str]
) -> tuple[PolicySpec, ...]:
    """Return policies with settings laid over those that tables name."""
    _known(tables, [spec.name for spec in specs], "`policies` has no")
    return tuple(
        policy_spec({**merged(spec.settings(), _table(tables, spec.name)), "name": spec.name}, arms)
        if spec.name in tables
        else spec
        for spec in specs
    )


def _suited(study: Study) -> tuple[PolicySpec, ...]:
    """Return the policies that suit a study's arms and ranker, and one for each arm that is new."""
    loop = study.loop
    kept = []
    for spec in study.policies:
        with suppress(InputError):
            make_policy(spec, loop, [loop.n_slots, *[0] * (len(loop.arms) - 1)])
            if spec.ranker:
                make_ranker(study, spec)
            kept.append(spec)
    names = {spec.name for spec in kept}
    return (*kept, *(policy_spec(arm, loop.arms) for arm in loop.arms if arm not in names))


def _changed(own: Component, given: Any) -> Any:
    """Return what replaces a study's component: a table without ``kind`` changes single settings of it."""
    if isinstance(given, Mapping) and "kind" not in given and own.given is None:
        return {**own.settings(), **given}
    return given


def _called(world: Any) -> str:
    """Return what a world is called in a study's name."""
    if isinstance(world, (str, Path)):
        return Path(world).name
    kind = world.get("kind", "music") if isinstance(world, Mapping) else world
    return kind if isinstance(kind, str) else type(kind).__name__
