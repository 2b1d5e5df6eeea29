"""The parts of a run's page: figures and tables under a title, in the order in which they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from matplotlib.axes import Axes

from ltrr.metrics.measures import label_of
from ltrr.report.canvas import Size
from ltrr.study import figures
from ltrr.study.figures.roles import looks
from ltrr.study.figures.slots import adaptive
from ltrr.study.page_ground import checks_part, disagreements, ground_part, segments_part
from ltrr.study.page_tables import (
    arms_table,
    comparator_lines,
    comparator_table,
    difference_table,
    own_columns,
    policy_table,
)
from ltrr.study.tables import Tables

__all__ = ["PARTS", "loss_note", "policies_part"]

MAIN = (
    *("reward", "difference_static", "reward_seen", "reward_first", "reward_held_out", "reward_reserved"),
    "oracle_gap_closed",
)
QUALITY = (
    *("ndcg", "mrr", "recall_page", "recall_budget", "recall_budget_first", "recall_budget_held_out"),
    *("satisfied_clicks", "unjudged"),
)
LOSS = (
    *(
        "ideal",
        "loss_retrieval",
        "loss_ranking",
        "loss_exploration",
        "loss_cost",
        "loss_noise",
        "oracle_reward",
        "oracle_recall",
    ),
)
REGRET = (
    *("regret_static", "regret_oracle", "regret_class"),
    *("excess_class_early", "excess_class_late", "excess_class_fall"),
)
COST = ("calls", "candidates", "own", "spilled", "candidates_shared")

NARROW = 4.3
"""Inches of a figure on a narrow screen: its letters are then as large as those of the text."""


@dataclass(frozen=True)
class _Figure:
    """A figure of the page: file name, what draws it in a size, caption, and what it shows in words."""

    name: str
    draw: Callable[[Size | None], Axes]
    caption: str
    alternative: str

    @cached_property
    def axes(self) -> Axes:
        """The figure in its own size."""
        return self.draw(None)

    @cached_property
    def narrow(self) -> Axes:
        """The figure as wide as a narrow screen."""
        return self.draw((NARROW, None))


def _if_seeds(tables: Tables, words: str) -> str:
    """Return what is said of intervals, which one seed does not have."""
    return "One seed: no intervals." if tables.seeds == 1 else words


Part = dict[str, Any]


def _part(
    title: str, figures_: Sequence[_Figure | None], tables_: Sequence[Any], lines: Sequence[str] = ()
) -> Part:
    return {
        "title": title,
        "lines": list(lines),
        "figures": [f for f in figures_ if f is not None],
        "tables": [t for t in tables_ if t is not None],
    }


def _differences(tables: Tables) -> Iterator[Part]:
    table = difference_table(tables)
    if table is None:
        return
    ends = (
        "Thick: 95 % interval of the difference alone. Thin: corrected by Holm over all differences; where "
        "it excludes zero, the difference is found."
    )
    caption = f"{_if_seeds(tables, ends)} Blue: best policy; orange: runner-up; pink: random."
    words = [f"{row['name']} {' '.join(row['cells'][0].values())}" for row in table["rows"]]
    text = f"Difference of reward to {tables.best_static}, all requests: {'; '.join(words)}."
    figure = _Figure("differences", lambda size: figures.differences(tables, figsize=size), caption, text)
    yield _part(f"Differences to {tables.best_static}", [figure], [table], disagreements(tables))


def policies_part(tables: Tables) -> Iterator[Part]:
    """Yield the part with the table of policies."""
    ends = (
        "" if tables.seeds == 1 else " ± is half of the 95 % interval; [ ] is 95 % after Holm's correction."
    )
    note = f"Expected reward a request after the warm-up, best first (★).{ends}"
    yield _part("Policies", [], [policy_table(tables, MAIN, note, star=True)])


def _learning(tables: Tables) -> Iterator[Part]:
    has, drawn = set(tables.curves.metric), []
    if "difference_static" in has and len(tables.means) > 1:
        caption = "Above zero: better than the best fixed allocation. Means of windows of equal length."
        drawn.append(_lines(tables, "learning", figures.learning, "difference_static", caption))
        caption = "Below zero: better than the best fixed allocation. Counted from the end of the warm-up."
        drawn.append(_lines(tables, "regret", figures.regret, "regret_static", caption))
    if "regret_oracle" in has:
        caption = "The oracle knows what no policy can see: it bounds what context could earn."
        drawn.append(
            _lines(
                tables,
                "regret_oracle" if drawn else "regret",
                partial(figures.regret, against="oracle"),
                "regret_oracle",
                caption,
            )
        )
    names = adaptive(tables)
    if names:
        text = "; ".join(f"{name}: {_mix(tables, name)}" for name in names)
        caption = "Policies whose slots change over time; the dotted line ends the warm-up."
        alternative = f"Shares of slots by arm. {text}."
        drawn.append(_Figure("slots", lambda size: figures.slots(tables, figsize=size), caption, alternative))
    if drawn:
        yield _part("Learning", drawn, [])


def _mix(tables: Tables, name: str) -> str:
    """Say how a policy shared its slots after the warm-up."""
    loop = tables.study["loop"]
    shares = {arm: tables.mean(name, f"slots_{arm}") / loop["n_slots"] for arm in loop["arms"]}
    return ", ".join(f"{arm} {share:.0%}" for arm, share in shares.items())


def _lines(tables: Tables, name: str, draw: Callable[..., Axes], metric: str, caption: str) -> _Figure:
    """Return a figure of lines, with their last values in words."""
    rows = tables.curves[tables.curves.metric == metric]
    last = rows.groupby("policy", sort=False).last()["mean"].sort_values(ascending=False)
    words = "; ".join(f"{policy} {value:.3g}" for policy, value in last.items())
    text = f"{label_of(metric)} over time, at the end: {words}."
    return _Figure(name, lambda size: draw(tables, figsize=size), caption, text)


def _cost(tables: Tables) -> Iterator[Part]:
    arms = tuple(f"slots_{a}" for a in tables.study["loop"]["arms"])
    note = "A request. Own candidates came from the arms that the policy chose; the rest spilled."
    words = "; ".join(
        f"{n} {tables.mean(n, 'reward'):.3f} at {tables.mean(n, 'calls'):.2f} arm calls"
        for n in looks(tables)
    )
    ends = _if_seeds(tables, "Lines are 95 % intervals.")
    caption = f"Dotted: the policies that none beats in both. {ends}"
    figure = _Figure(
        "cost",
        lambda size: figures.cost(tables, figsize=size),
        caption,
        f"Reward against arm calls. {words}.",
    )
    yield _part(
        "Reward against cost", [figure], [policy_table(tables, (*COST, *arms), note), arms_table(tables)]
    )


def _loss(tables: Tables) -> Iterator[Part]:
    table = policy_table(tables, LOSS, loss_note(tables))
    if len(table["head"]) == 1:
        return
    drawn = None
    if "loss_retrieval" in set(tables.summary.metric):
        names = tables.means[["loss_retrieval", "loss_ranking"]].dropna()
        words = "; ".join(
            f"{name} {row.loss_retrieval:.3f} by retrieval, {row.loss_ranking:.3f} by ranking"
            for name, row in names.iterrows()
        )
        caption = _if_seeds(tables, "Whiskers: 95 % intervals of each part over seeds.")
        text = f"Loss against the ideal page. {words}."
        drawn = _Figure("loss_split", lambda size: figures.loss(tables, figsize=size), caption, text)
    regrets = policy_table(tables, REGRET, "Regret, summed over the rounds after the warm-up.")
    yield _part("Where reward is lost", [drawn], [table, regrets if len(regrets["head"]) > 1 else None])


def loss_note(tables: Tables) -> str:
    """Say how the losses add up, and where the ideal is no upper bound."""
    note = "On evenly spaced requests: ideal − received = retrieval + ranking + exploration + cost + noise."
    if tables.means.get("ideal", tables.means.reward).isna().any():
        note += " A dash: the order of fused lists depends on the quota, so no oracle can judge it."
    exact = tables.summary.loc[tables.summary.metric == "ideal_is_exact", "mean"]
    if (exact < 1).any():
        note += (
            " Under this user and reward grade order is not the best order of a page: ideal and losses are "
            "those of the page in grade order, which oracle and policies may exceed."
        )
    return note


def _quality(tables: Tables) -> Iterator[Part]:
    caption = "How many of the right items the candidates hold."
    figure = _lines(tables, "recall", figures.recall, "recall_budget", caption)
    table = policy_table(tables, QUALITY, "Means over requests after the warm-up.")
    yield _part("Retrieval and ranking", [figure], [table])
    own = own_columns(tables)
    if own:
        table = policy_table(tables, own, "Means over requests after the warm-up.")
        yield _part("Measures of this study's own", [], [table])


def _world(tables: Tables) -> Iterator[Part]:
    table = comparator_table(tables)
    if table is not None:
        yield _part("What context could earn", [], [table], comparator_lines(tables.comparators))


PARTS = (
    ground_part,
    _differences,
    policies_part,
    segments_part,
    _learning,
    _cost,
    _loss,
    _quality,
    checks_part,
    _world,
)
"""The parts of the page, in order."""
