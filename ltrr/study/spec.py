"""A policy as a study names it: a name, a kind, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.bandits import SingleArm, StaticQuota, VowpalWabbit
from ltrr.errors import InputError, nearest
from ltrr.protocols import Policy
from ltrr.simulation.setting import LoopSetting
from ltrr.study.components import POLICIES, POLICY_KINDS, make
from ltrr.types import ActionSet, Requests

__all__ = ["PolicySpec", "plain", "policy_spec"]


@dataclass(frozen=True)
class PolicySpec:
    """One policy of a study: its name, kind, parameters and, if it has one of its own, ranker.

    Parameters
    ----------
    name : str
    kind : str
        A key of `ltrr.study.components.POLICY_KINDS`, ``best-static`` or ``object`` (given in a call).
    params : mapping
    ranker : mapping
        Settings that replace the study's for this policy.
    given : Policy, optional
        The object, where kind is ``object``.
    """

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    ranker: Mapping[str, Any] = field(default_factory=dict)
    given: Policy | None = None

    def make(self, setting: LoopSetting, quota: Sequence[int] | None = None) -> Policy:
        """Return the policy, unlearned; ``quota`` is the tuning's answer for ``best-static``."""
        if self.given is not None:
            return self.given
        if self.kind == "best-static":
            if quota is None:
                raise InputError(f"policy {self.name!r} is best-static, whose quota only the tuning knows")
            return StaticQuota(quota=tuple(int(q) for q in quota))
        where = f"policies.{self.name}"
        params = dict(self.params)
        if self.kind == "single":
            arm = params.pop("arm", None)
            if params or not isinstance(arm, str):
                given = {"arm": arm, **params}
                raise InputError(
                    f"`{where}` of kind 'single' must name its `arm` and nothing else, got {given}"
                )
            return SingleArm(arm=setting.arms.index(_check.choice(f"{where}.arm", arm, setting.arms)))
        policy: Policy = make(POLICY_KINDS, self.kind, params, where)
        if isinstance(policy, StaticQuota):
            quota = policy.quota
            if len(quota) != len(setting.arms) or sum(quota) != setting.n_slots:
                raise InputError(
                    f"`{where}.quota` must divide {setting.n_slots} slots among {len(setting.arms)} arms "
                    f"({', '.join(setting.arms)}), got {list(quota)}"
                )
        return policy

    def try_engine(self, setting: LoopSetting) -> None:
        """Start the engine of a policy that takes options in the engine's own words, to see that it does."""
        options = str(self.params.get("options", "")).split()
        if self.kind != "vw" or not options:
            return
        if {"-h", "--help", "--version"} & set(options):  # the engine would end the whole process
            raise InputError(f"`policies.{self.name}.options` must not ask for help, got {options}")
        policy = self.make(setting)
        if isinstance(policy, VowpalWabbit):
            none, ids = np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
            no_requests = Requests(ids, ids, ids, ids.astype(np.int32), np.zeros(0), none, ("length",))
            no_actions = ActionSet(np.zeros(1, np.int64), ids.astype(np.int32), none, ("arm:a",), n_actions=1)
            try:
                policy.probabilities(no_requests, no_actions, np.random.default_rng(0))
            except InputError as error:
                raise InputError(f"policies.{self.name}: {error}") from error
            finally:
                policy.close()

    def settings(self) -> dict[str, Any]:
        """Return the spec as a table of a study file."""
        own = {"class": type(self.given).__name__} if self.given is not None else {}
        ranker = {"ranker": dict(self.ranker)} if self.ranker else {}
        return {"name": self.name, "kind": self.kind, **own, **plain(self.params), **ranker}


def plain(value: Any) -> Any:
    """Return mappings and sequences as dicts and lists, for TOML."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def policy_spec(entry: Any, arms: Sequence[str]) -> PolicySpec:
    """Return the spec of a name, of a study file's table, or of a policy object.

    Examples
    --------
    >>> policy_spec("vw-epsilon", ["bm25"]).params
    {'explore': 'epsilon'}
    >>> policy_spec("bm25", ["bm25"])
    PolicySpec(name='bm25', kind='single', params={'arm': 'bm25'}, ranker={}, given=None)
    """
    if isinstance(entry, str):
        if entry in arms:
            return PolicySpec(entry, "single", {"arm": entry})
        if entry not in POLICIES:
            raise InputError(f"`policies` has no {entry!r}{nearest(entry, [*POLICIES, *arms])}")
        entry = {"name": entry, **POLICIES[entry]}
    if isinstance(entry, Mapping):
        table = dict(entry)
        name, kind = table.pop("name", None), table.pop("kind", None)
        if not isinstance(name, str):
            raise InputError(f"each of `policies` must have a `name`, got {entry!r}")
        if kind is None and name in POLICIES:
            table = {**POLICIES[name], **table}
            kind = table.pop("kind")
        if kind is None and name in arms:
            kind, table = "single", {"arm": name, **table}
        kinds = [*POLICY_KINDS, "best-static"]
        if kind is None:
            known = [*POLICIES, *arms]
            raise InputError(
                f"`policies` has no {name!r}{nearest(name, known)}; a name of your own needs a `kind`, "
                f"one of {', '.join(kinds)}"
            )
        if kind == "object":
            raise InputError(f"`policies.{name}` was an object given in a call: it can only go on from there")
        if kind not in kinds:
            raise InputError(
                f"`policies.{name}.kind` must be a known kind, got {kind!r}{nearest(str(kind), kinds)}"
            )
        ranker = table.pop("ranker", {})
        if not isinstance(ranker, Mapping):
            raise InputError(f"`policies.{name}.ranker` must be a table, got {ranker!r}")
        if kind == "best-static" and table:
            raise InputError(
                f"`policies.{name}` of kind 'best-static' takes no settings, got {sorted(table)}"
            )
        return PolicySpec(name, kind, table, ranker)
    if isinstance(entry, Policy):
        name = getattr(entry, "name", None) or type(entry).__name__.lower()
        return PolicySpec(name, "object", given=entry)
    raise InputError(f"`policies` must hold names, tables or policies, got {entry!r}")
