"""What a reader must know first: dead arms, spilled policies, studies and worlds that cannot differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ltrr.study.ground_text import FEW_SEEDS, saturated
from ltrr.study.tables import Tables, percent_below

__all__ = ["MOSTLY_SPILLED", "SAME", "Same", "findings", "same_as"]

SAME = 0.98
"""From this overlap on, two policies draw or show the same: their choices explain no difference."""

_SAME = {
    "candidates": "draws nearly the same candidates",
    "page": "shows nearly the same pages",
}
"""What may be the same, by the column of ``shared.csv`` that says so."""

RARELY = 0.05
"""An arm that finds something on a smaller share of the requests that ask it is as good as dead."""

FEW_PAGES = 20
"""From fewer pages it is not concluded that two policies are the same."""

MOSTLY_SPILLED = 0.5
"""Below this share of own candidates a policy is mostly its fallback."""


def findings(tables: Tables) -> tuple[str, ...]:
    """Return one sentence or two for each thing that would mislead a reader of the tables.

    Parameters
    ----------
    tables : Tables
    """
    out = [*_dead_arms(tables), *_spilled(tables)]
    out += _same(tables)
    out += [sentence for sentence in (saturated(tables),) if sentence]
    if len(tables.means) == 1:
        out.append("One policy: there is nothing to compare it with.")
    if tables.seeds == 1:
        out.append("One seed: no interval. Nothing here says how far another seed would differ.")
    elif tables.seeds < FEW_SEEDS:
        out.append(f"{tables.seeds} seeds: intervals are very wide. Five or more can show something.")
    return tuple(out)


@dataclass(frozen=True)
class Same:
    """What a policy has in common with another.

    Parameters
    ----------
    words : str
        What is the same, after the policy's name.
    share : float
        How much of it, in [0, 1].

    Examples
    --------
    >>> Same("draws nearly the same candidates", 0.99).share
    0.99
    """

    words: str
    share: float


def same_as(tables: Tables, policy: str, reference: str) -> Same | None:
    """Return what a policy draws, or at least shows, nearly as another does; None where they differ.

    Policies of different rankers always differ: what they earn comes from something chosen. Nothing is said
    of runs that kept fewer than 20 pages, nor of pairs that ``shared.csv`` does not hold.
    """
    own, other = (tables.entry(name).get("ranker") for name in (policy, reference))
    if tables.pages < FEW_PAGES or own != other:
        return None
    rows = tables.shared
    found = rows[(rows.policy == policy) & (rows.reference == reference)]
    for column, words in _SAME.items():
        if len(found) and float(found[column].iloc[0]) >= SAME:
            return Same(words, float(found[column].iloc[0]))
    return None


def _same(tables: Tables) -> list[str]:
    """Say which policies draw or show the same as the best static allocation, or as the best policy."""
    names = [str(name) for name in tables.means.index]
    reference = tables.best_static or next(iter(tables.shared.policy), None)
    if reference is None:
        return []
    others = [name for name in names if name != reference]
    pairs = {n: (n, reference) if tables.best_static else (reference, n) for n in others}
    same = {n: found for n, pair in pairs.items() if (found := same_as(tables, *pair)) is not None}
    if not same:
        return []
    if len(same) == len(others):
        return [
            f"This study cannot tell its policies apart: each {_words(same)} as {reference} ({_least(same)} "
            "in common or more)."
        ]
    return [
        f"{_and(tuple(same))} cannot be told apart from {reference}: each {_words(same)} ({_least(same)} in "
        "common or more)."
    ]


def _words(same: Mapping[str, Same]) -> str:
    return " or ".join(dict.fromkeys(found.words for found in same.values()))


def _least(same: Mapping[str, Same]) -> str:
    return percent_below(min(found.share for found in same.values()))


def _dead_arms(tables: Tables) -> list[str]:
    total = tables.arms.assign(found=tables.arms.answered.fillna(0.0) * tables.arms.requests)
    by_arm = total.groupby("arm", sort=False)[["requests", "found"]].sum()
    out = []
    for arm, row in by_arm.iterrows():
        if row.requests == 0 or row.found >= RARELY * row.requests:
            continue
        rest = f"filled by the fallback ({tables.fallback})" if tables.fallback else "left empty"
        if row.found == 0:
            out.append(
                f"Arm {arm} found nothing on any of the {int(row.requests):,} requests that gave it a slot: "
                f"its slots were {rest}."
            )
        else:
            out.append(
                f"Arm {arm} found something on only {row.found / row.requests:.1%} of the requests that gave "
                f"it a slot: its slots were mostly {rest}."
            )
    return out


def _spilled(tables: Tables) -> list[str]:
    """Say in a sentence whose candidates came mostly from the fallback."""
    means = tables.means
    names = [str(name) for name in means.index if _mostly_spilled(tables, str(name))]
    if not names:
        return []
    shares = {name: tables.mean(name, "own") for name in names}
    own = {name: f"{share:.1%}" if 0.0 < share < 0.01 else f"{share:.0%}" for name, share in shares.items()}
    rest = f"the rest spilled to the fallback ({tables.fallback})"
    if len(names) > 1:
        listed = _and(tuple(f"{name} ({share})" for name, share in own.items()))
        return [
            "Of these policies less than half of the candidates come from the arms that they chose: "
            f"{listed}; {rest}. Read their rows mostly as the fallback's."
        ]
    name = names[0]
    arm = _single_arm(tables, name)
    what = f"gives every slot to arm {arm}" if arm else "chooses arms"
    return [
        f"Policy {name} {what}, but only {own[name]} of its candidates come from there; {rest}: read its row "
        "mostly as the fallback's."
    ]


def _mostly_spilled(tables: Tables, name: str) -> bool:
    """Say whether most candidates of a policy spilled; of a single arm, whether it left most places empty.

    Audit slots are chosen at random, and would hide an arm that finds nothing.
    """
    if not tables.fallback:
        return False
    arm = _single_arm(tables, name) if tables.entry(name)["kind"] == "single" else None
    rows = tables.arms[(tables.arms.policy == name) & (tables.arms.arm == arm)]
    filled = float(rows.filled.iloc[0]) if len(rows) else 1.0
    return min(tables.mean(name, "own"), filled) < MOSTLY_SPILLED


def _single_arm(tables: Tables, policy: str) -> str | None:
    """Return the arm to which a policy gave every slot, if there is one."""
    arm = tables.entry(policy).get("arm")
    if arm is not None:
        return str(arm)
    slots = tables.means.loc[policy]
    used = [arm for arm in dict.fromkeys(tables.arms.arm) if slots.get(f"slots_{arm}", 0.0) > 0.0]
    return str(used[0]) if len(used) == 1 else None


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
