"""Ship it? The best policy against the best static allocation and against its rivals, with reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ltrr.errors import InputError
from ltrr.study.findings import MOSTLY_SPILLED, same_as
from ltrr.study.ground_text import FEW_SEEDS
from ltrr.study.tables import ONE_SEED, Tables, difference_text, interval_text, percent_below, topics_text

__all__ = ["Verdict", "verdict"]

YES, PRICE, NOT_SHOWN, NO, CANNOT = "yes", "yes, at a price", "not shown", "no", "cannot answer"

DEARER = 0.01
"""Costs that differ by less than this share of the reference's are called equal."""

MOST_SEEDS = 1000
"""If more seeds than this would be needed to show a difference, no number is given."""

POWER = 0.8
"""Probability that the number of seeds given would show the difference."""

_COSTS = {"calls": "arm calls", "candidates": "candidates"}
"""Measures of cost, in words."""

_SETS = ("repeated", "first-time", "held-out")
"""Sets of requests that are looked at apart."""

_LINES = (
    ("reward, all requests", "all", "reward", 3),
    ("reward, repeated queries", "repeated", "reward", 3),
    ("reward, first-time queries", "first-time", "reward", 3),
    ("reward, held-out queries", "held-out", "reward", 3),
    ("arms called", "all", "calls", 2),
    ("candidates", "all", "candidates", 1),
)
"""Lines of the box: label, set of requests, metric, digits."""


@dataclass(frozen=True)
class Verdict:
    """The answer to the question whether a study's best policy should be shipped.

    Parameters
    ----------
    policy : str
        The policy of the highest mean reward, the best static allocation apart.
    answer : str
        ``yes``: it earns more than the best static allocation, and neither cost nor a set of requests is
        evidence against it. ``yes, at a price``: it earns more, but costs more, or is worse, or looks worse
        before the correction, on a set of requests.
        ``not shown``: the two cannot be told apart, or seeds agree and topics do not. ``no``: it earns
        less. ``cannot answer``: the study cannot say.
    detail : str
        One sentence with the numbers.
    reasons : tuple of str
        What else counts for or against it, a sentence each.
    static, runner_up : str or None
        What it was compared with.
    peers : tuple of str
        Policies that cannot be told apart from it.
    lines : DataFrame
        One row a set of requests or cost: columns ``against static`` and ``against runner-up``, as text.

    Examples
    --------
    A policy earns 0.1 ± 0.02 more than the best static allocation, and costs the same:

    >>> from pathlib import Path
    >>> policies = [{"name": "fixed", "kind": "best-static"}, {"name": "linucb", "kind": "linucb"}]
    >>> levels = [("linucb", "reward", 0.6), ("linucb", "own", 1.0), ("fixed", "reward", 0.5),
    ...           ("fixed", "calls", 2.0), ("fixed", "candidates", 50.0)]
    >>> summary = pd.DataFrame(levels, columns=["policy", "metric", "mean"])
    >>> rows = pd.DataFrame({"policy": "linucb", "reference": "fixed", "set": "all", "n_seeds": 5,
    ...                      "metric": ["reward", "calls", "candidates"], "mean": [0.1, 0, 0]})
    >>> for end, half in (("low", -0.02), ("high", 0.02)):
    ...     rows[end] = rows[f"holm_{end}"] = rows["mean"] + half
    >>> loop = {"warmup": 0, "oracle_every": 20}
    >>> none, study = pd.DataFrame(), {"seeds": 5, "rounds": 20, "loop": loop, "policies": policies}
    >>> found = verdict(Tables(Path(), study, summary, none, none, rows, none, (), ()))
    >>> found.headline, found.reasons
    ('Ship linucb? Yes.', ('It calls no more arms and draws no more candidates, within 1 %.',))
    """

    policy: str
    answer: str
    detail: str
    reasons: tuple[str, ...]
    static: str | None
    runner_up: str | None
    peers: tuple[str, ...]
    lines: pd.DataFrame

    @property
    def headline(self) -> str:
        """Question and answer in a line."""
        return f"Ship {self.policy}? {self.answer.capitalize()}."


def verdict(tables: Tables) -> Verdict | None:
    """Return the verdict of a finished run, None where it has a single policy.

    A difference counts as found where Holm's test over all reward differences of ``differences.csv`` finds
    it, and its interval over seeds and topics in ``two_way.csv`` excludes zero too. All numbers
    are those of these tables: expected reward a request after the warm-up, net of costs, paired by seed.

    Parameters
    ----------
    tables : Tables
    """
    rivals = [str(name) for name in tables.means.index if name != tables.best_static]
    static = tables.best_static
    if not rivals or (static is None and len(rivals) == 1):
        return None
    policy = _best(tables, rivals)
    others = [name for name in rivals if name != policy]
    runner_up = others[0] if others else None
    peers = tuple(n for n in others if not _better(tables, policy, n))
    reference = static or str(runner_up)
    blind = _blind(tables, policy, reference)
    answer, detail = _against(tables, policy, reference, blind=bool(blind))
    if blind:
        reasons: tuple[str, ...] = (blind,)
    elif static is None:
        reasons = ("The study has no best static allocation to compare with.",)
        named = tuple(name for name in peers if name != runner_up)
        reasons = (*reasons, *_of_peers(tables, policy, named, answer))
    else:
        price = tuple(_price(tables, policy, static)) if answer == YES else ()
        answer = PRICE if price else answer
        more = _besides(tables, policy, static, answer)
        reasons = (*price, *more, *_of_peers(tables, policy, peers, answer))
    lines = _lines(tables, policy, static, runner_up)
    return Verdict(policy, answer, detail, reasons, static, runner_up, peers, lines)


def _best(tables: Tables, rivals: list[str]) -> str:
    """Return the policy that ``differences.csv`` compares with all others, or the only one."""
    against_rivals = tables.differences[tables.differences.reference != tables.best_static]
    return str(against_rivals.policy.iloc[0]) if len(against_rivals) else rivals[0]


def _row(tables: Tables, policy: str, reference: str, of: str = "all", metric: str = "reward") -> Any:
    """Return a row of differences, None where there is none."""
    rows = tables.pairs(policy, reference, metric)
    return rows.loc[of] if of in rows.index else None


def _overall(tables: Tables, policy: str, reference: str) -> Any:
    """Return the difference of rewards on all requests, which every finished run has."""
    row = _row(tables, policy, reference)
    if row is None:
        raise InputError(
            f"{tables.folder}/differences.csv is not complete: {policy} against {reference} is missing; "
            "simulate it again"
        )
    return row


def _better(tables: Tables, policy: str, reference: str) -> bool:
    above = bool(_overall(tables, policy, reference)["holm_low"] > 0.0)
    return above and _topics_agree(tables, policy, reference)


def _topics_agree(tables: Tables, policy: str, reference: str, of: str = "all") -> bool:
    """Say whether the interval over seeds and topics excludes zero, as far as the run has one."""
    row = tables.over_topics(policy, reference, of)
    return row is None or bool(row["low"] > 0.0 or row["high"] < 0.0)


def _against(tables: Tables, policy: str, reference: str, *, blind: bool) -> tuple[str, str]:
    """Return what the overall difference says, and the sentence with its numbers."""
    row = _overall(tables, policy, reference)
    if row["n_seeds"] == 1:
        return CANNOT, f"It earns {difference_text(row)} a request against {reference}."
    both = tables.over_topics(policy, reference)
    more = "" if both is None else f"; over seeds and topics {topics_text(both)}"
    sentence = (
        f"It earns {difference_text(row)} a request against {reference} ({tables.seeds} paired seeds, after "
        f"the warm-up, 95 % after Holm's correction{more})"
    )
    if blind:
        return CANNOT, f"{sentence}."
    found = bool(row["holm_low"] > 0.0 or row["holm_high"] < 0.0)
    if found and not _topics_agree(tables, policy, reference):
        return NOT_SHOWN, f"{sentence}: seeds agree, but topics do not; other topics could reverse it."
    if found:
        return (YES if row["holm_low"] > 0.0 else NO), f"{sentence}."
    return NOT_SHOWN, f"{sentence}: the two cannot be told apart.{_seeds_needed(tables, row)}"


def _seeds_needed(tables: Tables, row: Any) -> str:
    """Say how many seeds would show a difference of the size that was seen, four times in five."""
    n, size, p = int(row["n_seeds"]), float(row["mean"]), float(row["p"])
    if n < FEW_SEEDS or size <= 0.0 or p >= 1.0:  # too few to know the spread, or nothing to hope for
        return ""
    rivals = len(tables.means) - (tables.best_static is not None)
    tests = int(
        (tables.differences.metric == "reward").sum()
    )  # all weights together, as `difference_rows` sets them
    level = 0.025 / tests * (1.0 if row["reference"] == tables.best_static else 2.0 / rivals)
    spread = size / stdtrit(n - 1, 1.0 - p / 2.0) * np.sqrt(n)
    seeds = np.arange(n + 1, MOST_SEEDS + 1)
    needed = stdtrit(seeds - 1, 1.0 - level) + stdtrit(seeds - 1, POWER)
    shown = seeds[needed * spread / np.sqrt(seeds) < size]
    return (
        f" If this is its size, about {shown[0]} seeds would show it four times in five."
        if len(shown)
        else ""
    )


def _price(tables: Tables, policy: str, static: str) -> Iterator[str]:
    """Yield what speaks against a policy that earns more: costs, and sets of requests where it is worse."""
    for metric, words in _COSTS.items():
        row, level = _row(tables, policy, static, metric=metric), tables.mean(static, metric)
        if row["low"] > DEARER * level:
            net = " (rewards are net of it)" if _has_cost(tables, metric) else ""
            yield f"It is dearer: {interval_text(row, 2, sign=True)} {words} a request on {level:.2f}{net}."
    for name in _SETS:
        row = _row(tables, policy, static, name)
        if row is not None and row["holm_high"] < 0.0:
            yield f"It is worse on {name} queries: {difference_text(row)}."
        elif row is not None and row["high"] < 0.0:
            yield f"It looks worse on {name} queries: {interval_text(row, sign=True)} before the correction."


def _besides(tables: Tables, policy: str, static: str, answer: str) -> Iterator[str]:
    """Yield what else a reader should know of a policy that earns more: costs, sets of requests, spill."""
    if answer in (YES, PRICE):
        cheap = True
        for metric, words in _COSTS.items():
            row, level = _row(tables, policy, static, metric=metric), tables.mean(static, metric)
            cheap = cheap and row["high"] <= DEARER * level
            if row["low"] <= DEARER * level < row["high"]:
                ends = interval_text(row, 2, sign=True)
                yield f"Whether it needs over 1 % more {words} is not shown: {ends} a request on {level:.2f}."
        if cheap:
            yield "It calls no more arms and draws no more candidates, within 1 %."
        rows = {name: _row(tables, policy, static, name) for name in _SETS}
        open_sets = [
            n
            for n, row in rows.items()
            if row is not None
            and row["high"] >= 0.0
            and (row["holm_low"] <= 0.0 or not _topics_agree(tables, policy, static, n))
        ]
        if open_sets:
            yield f"On {' and '.join(open_sets)} queries no difference is shown."
    if tables.mean(policy, "own") < MOSTLY_SPILLED:
        yield "Most of its candidates did not come from the arms that it chose."


def _has_cost(tables: Tables, metric: str) -> bool:
    key = "arm_cost" if metric == "calls" else "candidate_cost"
    return bool(tables.study["reward"].get(key, 0.0))


def _blind(tables: Tables, policy: str, reference: str) -> str:
    """Return why the study cannot judge a policy, an empty text where it can."""
    if tables.seeds == 1:
        return "One seed: no interval. Run several, for instance with --seeds 5."
    same = same_as(tables, policy, reference)
    if same is not None:
        return (
            f"It {same.words} as {reference} ({percent_below(same.share)} in common): the study cannot say "
            "what its choices are worth."
        )
    return ""


def _of_peers(tables: Tables, policy: str, peers: tuple[str, ...], answer: str) -> Iterator[str]:
    """Say which policies cannot be told apart from the best, and which of the good ones is the cheapest."""
    if not peers:
        return
    word = "Nor can it" if answer == NOT_SHOWN else "It cannot"
    yield f"{word} be told apart from {', '.join(peers)}."
    static = tables.best_static
    if static is None or answer not in (YES, PRICE):
        return
    good = [name for name in peers if _better(tables, name, static)]
    calls = {name: tables.mean(name, "calls") for name in (policy, *good)}
    cheapest = min(calls, key=lambda name: calls[name])
    if cheapest != policy:
        yield (
            f"Of those that earn more than {static}, {cheapest} calls the fewest arms: {calls[cheapest]:.2f} "
            f"a request, {policy} {calls[policy]:.2f}."
        )


def _lines(tables: Tables, policy: str, static: str | None, runner_up: str | None) -> pd.DataFrame:
    """Return the box's table: rewards by set of requests, then costs."""
    columns = {"against static": static, "against runner-up": runner_up}
    out: dict[str, dict[str, str]] = {}
    for label, name, metric, digits in _LINES:
        for column, reference in columns.items():
            row = None if reference is None else _row(tables, policy, reference, name, metric)
            if row is not None:
                text = interval_text(row, digits, holm=metric == "reward", sign=True)
                text = text.removesuffix(ONE_SEED)  # said once, in words
                out.setdefault(label, {})[column] = text
            both = None if reference is None or metric != "reward" else tables.over_topics(policy, reference)
            if name == "all" and both is not None and row is not None and row["n_seeds"] > 1:
                text = f"{both['mean']:+.{digits}f} {topics_text(both, digits)}"
                out.setdefault("… over seeds and topics", {})[column] = text
    return pd.DataFrame.from_dict(out, orient="index", columns=[c for c, r in columns.items() if r]).fillna(
        "–"
    )
