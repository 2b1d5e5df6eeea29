"""Deadlocks: studies and policies that find only what was clicked before, so that nothing is ever clicked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import Parts, make_policy
from ltrr.study.study import Study

__all__ = ["deadlocks"]


def deadlocks(study: Study, parts: Parts) -> list[str]:
    """Return one sentence for each reason why nothing, or nothing new, can ever be learned.

    An arm that ``memorises`` returns only items that users acted on before. Where it is alone, no page shows
    an item, so nobody acts on one. Where other arms exist, the warm-up shows what these find; a policy that
    gives every slot to such an arm, without a fallback, then knows those queries and no others.

    Parameters
    ----------
    study : Study
    parts : Parts
        The study's arms, and its loop with the fallback filled in.

    Examples
    --------
    >>> from ltrr.bandits.spec import policy_spec
    >>> from ltrr.study.build import build
    >>> alone = Study(loop=LoopSetting(arms=("memory",)), policies=(policy_spec("uniform", ("memory",)),))
    >>> print(deadlocks(alone, build(alone))[0])
    Nothing can be learned: memory returns only items that were acted on before, so that no page ever shows
    one. Add an arm that answers every query, such as popular or bm25, to `loop.arms`.
    """
    loop = parts.loop
    remembers = {name for name, arm in parts.arms.items() if getattr(arm, "memorises", False)}
    if remembers == set(loop.arms):
        verb = "returns" if len(remembers) == 1 else "return"
        return [
            f"Nothing can be learned: {_listed(loop.arms)} {verb} only items that were acted on before, so "
            "that no page ever shows one. Add an arm that answers every query, such as popular or bm25, to "
            "`loop.arms`."
        ]
    if loop.audit > 0 or set(loop.fallback or ()) - remembers:
        return []
    found = [
        (spec.name, sorted(only, key=loop.arms.index))
        for spec in study.policies
        if not spec.static_quota and (only := _choosable(make_policy(spec, loop), loop)) <= remembers
    ]
    return [_sentence(name, arms, loop) for name, arms in found]


def _choosable(policy: Any, loop: LoopSetting) -> set[str]:
    """Return the arms that a policy can choose, as far as its settings say."""
    arm, quota = getattr(policy, "arm", None), getattr(policy, "quota", None)
    if isinstance(arm, (int, str)):
        return {arm if isinstance(arm, str) else loop.arms[arm]}
    if isinstance(quota, tuple) and len(quota) == len(loop.arms):
        return {name for name, slots in zip(loop.arms, quota, strict=True) if slots}
    return set(loop.arms)


def _sentence(policy: str, arms: Sequence[str], loop: LoopSetting) -> str:
    cause = (
        f"Policy {policy} gives every slot to {_listed(arms)}, where only items that were acted on "
        "before are found, and no fallback fills in: "
    )
    remedy = "add an always full arm, such as popular, to `loop.arms`"
    if loop.warmup == 0:
        return f"{cause}it never shows an item and learns nothing; {remedy}, or set `loop.warmup`."
    return f"{cause}queries without a click in the warm-up get empty pages to the end; {remedy}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
