"""How many rows make an estimate, and whether a few of them decide it."""

from __future__ import annotations

from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.denominator import denominator_errors
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.types import Float64

__all__ = ["counted_rows", "effective_rows", "reward_tail"]


def counted_rows(of: Comparison | PolicyJudge, entry: Entry) -> dict[str, float | None]:
    """Return what is known of the rows that make a metric: of a ratio, of the worse of its two columns."""
    if len(of.rewarded) <= max(entry.places):
        return {}
    columns = [{**effective_rows(of.rewarded[place]), **reward_tail(of, place)} for place in entry.places]
    worse: dict[str, float | None] = min(columns, key=lambda column: column["ess_rewarded"] or 0.0)
    for name in ("reward_k", "reward_top_share"):
        worse[name] = max((v for c in columns if (v := c[name]) is not None), default=None)
    return {**worse, "denominator_errors": None if entry.refused else denominator_errors(entry.estimator)}


def reward_tail(of: Comparison | PolicyJudge, place: int) -> dict[str, float | None]:
    """Return how heavy the tail of a column's weighted rewards is, and the largest's share of the squares."""
    largest, (_, squares, rows) = of.tails[place], of.rewarded[place].tolist()
    top = float(largest.values.max()) if len(largest.values) else 0.0
    return {
        "reward_k": largest.tail(int(rows)),
        "reward_top_share": top * top / squares if squares else None,
    }


def effective_rows(rewarded: Float64) -> dict[str, float | None]:
    """Return how many rows have a reward, and how many count, from a row of `Judged.rewarded`."""
    size, squares, rows = rewarded.tolist()
    return {"rewarded": rows, "ess_rewarded": size * size / squares if squares else 0.0}
