"""A policy as a study names it: a name, a component, and optionally its own ranker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ltrr.bandits.registry import BEST_STATIC, POLICIES, PRESETS
from ltrr.errors import InputError, nearest
from ltrr.registry import registry_of
from ltrr.types.component import Component, plain

__all__ = ["PolicySpec", "policy_spec"]


@dataclass(frozen=True)
class PolicySpec:
    """One policy of a study.

    Parameters
    ----------
    name : str
    component : Component
        Kind and settings; the kind is a name of `POLICIES`, `BEST_STATIC`, or an import path.
    ranker : mapping or Component
        Replaces the study's for this policy; a table without ``kind`` changes single settings.
    tune : bool
        Search the settings of the policy's ranker on tuning seeds.

    Examples
    --------
    >>> spec = PolicySpec("eager", Component("linucb", {"alpha": 2.0}), ranker={"kind": "prior"})
    >>> spec.settings()
    {'name': 'eager', 'kind': 'linucb', 'alpha': 2.0, 'ranker': {'kind': 'prior'}}
    >>> best = PolicySpec("best", Component("best-static"))
    >>> fused = PolicySpec("fused", Component("best-static"), ranker={"kind": "rrf"}, tune=True)
    >>> (best.best_static, best.static_quota), (fused.best_static, fused.static_quota)
    ((True, True), (False, True))
    """

    name: str
    component: Component
    ranker: Mapping[str, Any] | Component = field(default_factory=dict)
    tune: bool = False

    @property
    def static_quota(self) -> bool:
        """True where the policy follows the best static allocation, whose quota only the tuning knows."""
        return self.component.kind == BEST_STATIC

    @property
    def best_static(self) -> bool:
        """True for the best static allocation with the study's ranker: the reference of all regrets."""
        return self.static_quota and not self.ranker and not self.tune

    def settings(self) -> dict[str, Any]:
        """Return the spec as a table of a study file."""
        own = self.ranker.settings() if isinstance(self.ranker, Component) else plain(self.ranker)
        return {
            "name": self.name,
            **self.component.settings(),
            **({"ranker": own} if own else {}),
            **({"tune": True} if self.tune else {}),
        }


def policy_spec(entry: Any, arms: Sequence[str]) -> PolicySpec:
    """Return the spec of a name, of a study file's table, or of a policy object.

    A name is that of an arm (which then gets every slot), of `PRESETS`, of a kind of policy, or an import
    path. A table has a ``name``; its ``kind`` may be an object too, which is how two of one class get names.

    Examples
    --------
    >>> policy_spec("vw-epsilon", ["bm25"]).component
    Component(kind='vw', params={'explore': 'epsilon'}, given=None, unnamed='')
    >>> policy_spec("bm25", ["bm25"]).component.params
    {'arm': 'bm25'}
    """
    if isinstance(entry, str):
        return _from_table({"name": entry}, arms)
    if isinstance(entry, Mapping):
        return _from_table(dict(entry), arms)
    component = POLICIES.component(entry, "policies")
    return PolicySpec(str(getattr(entry, "name", None) or type(entry).__name__.lower()), component)


def _from_table(table: dict[str, Any], arms: Sequence[str]) -> PolicySpec:
    name, kind = table.pop("name", None), table.pop("kind", None)
    if not isinstance(name, str):
        raise InputError(f"each of `policies` must have a `name`, got { ({**table, 'name': name})!r}")
    if kind is None and ":" in name:
        name, kind = name.rpartition(":")[2].rpartition(".")[2].lower(), name
    if kind is None and name in arms:
        kind, table = "single", {"arm": name, **table}
    elif kind is None and name in PRESETS:
        table = {**PRESETS[name], **table}
        kind = table.pop("kind")
    elif kind is None and name in POLICIES.names:
        kind = name
    if kind is None:
        known = list(dict.fromkeys([*PRESETS, *POLICIES.names, *arms]))
        raise InputError(
            f"`policies` has no {name!r}{nearest(name, known)} (a name of your own needs a `kind`, "
            f"one of {', '.join([*POLICIES.names, BEST_STATIC])}, or an import path `module:Class`)"
        )
    where = f"policies.{name}"
    ranker, tune = table.pop("ranker", {}), table.pop("tune", False)
    if not isinstance(tune, bool):
        raise InputError(f"`{where}.tune` must be true or false, got {tune!r}")
    if isinstance(kind, str) and kind == BEST_STATIC:
        if table:
            raise InputError(
                f"`{where}` of kind {BEST_STATIC!r} takes no settings but `ranker` and `tune`, "
                f"got {sorted(table)}"
            )
        component = Component(BEST_STATIC)
    else:
        component = POLICIES.component({"kind": kind, **table}, where)
        if component.given is None and ":" not in component.kind and component.kind not in POLICIES.names:
            hint = nearest(component.kind, [*POLICIES.names, BEST_STATIC])
            raise InputError(f"`{where}.kind` must be a known kind, got {component.kind!r}{hint}")
    return PolicySpec(name, component, _ranker(ranker, where), tune)


def _ranker(value: Any, where: str) -> Mapping[str, Any] | Component:
    """Return a policy's own ranker: settings that change the study's, or an object."""
    if isinstance(value, str):
        return {"kind": value}
    if isinstance(value, Mapping) and isinstance(value.get("kind", ""), str):
        return value
    return registry_of("rankers").component(value, f"{where}.ranker")
