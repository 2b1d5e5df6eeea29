"""What a reader must know before the numbers: dead arms, spilled policies, studies that cannot differ."""

from __future__ import annotations

import pandas as pd

from ltrr.study.tables import Tables, percent_below

__all__ = ["SAME", "findings", "same_as_static"]

SAME = 0.98
"""From this overlap on, policies draw or show the same: what they earn cannot be laid to their choices."""

FEW_SEEDS = 5
"""With fewer, Student's intervals after the correction are too wide to find anything but the obvious."""

MOSTLY_SPILLED = 0.5
"""Below this share of own candidates a policy is mostly its fallback."""


def findings(tables: Tables) -> tuple[str, ...]:
    """Return one sentence or two for each thing that would mislead a reader of the tables.

    Parameters
    ----------
    tables : Tables
    """
    out = [*_dead_arms(tables), *_spilled(tables)]
    same = same_as_static(tables)
    if same and _cannot_differ(tables):
        out.append(
            "This study cannot tell its policies apart: all draw nearly the same candidates "
            f"as {tables.best_static} ({_shared(tables, same)} in common or more). Differences between them "
            "come from how their rankers happened to train, not from what was retrieved."
        )
    elif same:
        out.append(
            f"{_and(same)} {'draws' if len(same) == 1 else 'draw'} nearly the same candidates as "
            f"{tables.best_static} ({_shared(tables, same)} in common or more) and cannot be told "
            "apart from it."
        )
    if tables.seeds == 1:
        out.append("One seed: no interval. Nothing here says how far another seed would differ.")
    elif tables.seeds < FEW_SEEDS:
        out.append(f"{tables.seeds} seeds: intervals are very wide. Five or more can show something.")
    return tuple(out)


def same_as_static(tables: Tables) -> tuple[str, ...]:
    """Return the policies that draw or show nearly what the best static allocation does.

    Those with a ranker of their own are left out: what they earn does differ by something chosen.
    """
    means = tables.means
    own_ranker = {p["name"] for p in tables.study["policies"] if p.get("ranker")}
    names = [n for n in means.index if n != tables.best_static and n not in own_ranker]
    shared = [c for c in ("candidates_shared", "page_shared") if c in means]
    return tuple(name for name in names if any(means.loc[name, c] >= SAME for c in shared))


def _cannot_differ(tables: Tables) -> bool:
    """Say whether all policies that share the study's ranker draw nearly the same."""
    own_ranker = {p["name"] for p in tables.study["policies"] if p.get("ranker")}
    others = [n for n in tables.means.index if n != tables.best_static and n not in own_ranker]
    return len(same_as_static(tables)) == len(others)


def _shared(tables: Tables, names: tuple[str, ...]) -> str:
    return percent_below(min(tables.mean(name, "candidates_shared") for name in names))


def _dead_arms(tables: Tables) -> list[str]:
    total = tables.arms.assign(found=tables.arms.answered.fillna(0.0) * tables.arms.requests)
    by_arm = total.groupby("arm", sort=False)[["requests", "found"]].sum()
    return [
        f"Arm {arm} found nothing on any of the {int(row.requests):,} requests that gave it a slot: every "
        f"candidate of its slots came from the fallback ({tables.fallback})."
        for arm, row in by_arm.iterrows()
        if row.requests > 0 and row.found == 0
    ]


def _spilled(tables: Tables) -> list[str]:
    """Say in a sentence whose candidates came mostly from the fallback."""
    means = tables.means
    names = [str(name) for name in means.index[means.own < MOSTLY_SPILLED]] if "own" in means else []
    if not names:
        return []
    own = {name: f"{tables.mean(name, 'own'):.0%}" for name in names}
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


def _single_arm(tables: Tables, policy: str) -> str | None:
    """Return the arm to which a policy gave every slot, if there is one."""
    rows: pd.DataFrame = tables.arms[(tables.arms.policy == policy)]
    slots = tables.means.loc[policy]
    used = [arm for arm in rows.arm if slots.get(f"slots_{arm}", 0.0) > 0.0]
    return str(used[0]) if len(used) == 1 else None


def _and(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
