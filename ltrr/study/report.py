"""report.html: one file that opens offline, with question, verdict, figures, tables and sampled requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.metrics.measures import label_of
from ltrr.report.canvas import Size, as_svg, save_png, stamp
from ltrr.report.glossary import GLOSSARY
from ltrr.report.page import drawing, render
from ltrr.study import figures
from ltrr.study.explorer import explorer
from ltrr.study.figures.roles import looks
from ltrr.study.figures.slots import adaptive
from ltrr.study.findings import findings
from ltrr.study.page_tables import (
    arms_table,
    comparator_lines,
    comparator_table,
    difference_table,
    own_columns,
    policy_table,
)
from ltrr.study.tables import ONE_SEED, Tables
from ltrr.study.verdict import Verdict, verdict

__all__ = ["notebook_view", "section", "write_report"]

MAIN = ("reward", "difference_static", "reward_seen", "reward_first", "reward_held_out", "oracle_gap_closed")
QUALITY = (
    *("ndcg", "mrr", "recall_page", "recall_budget", "recall_budget_first", "recall_budget_held_out"),
    *("satisfied_clicks", "unjudged"),
)
LOSS = (
    *("ideal", "loss_retrieval", "loss_ranking", "loss_cost", "loss_noise", "oracle_reward", "oracle_recall"),
)
REGRET = (
    *("regret_static", "regret_oracle", "regret_class"),
    *("excess_class_early", "excess_class_late", "excess_class_fall"),
)
COST = ("calls", "candidates", "own", "spilled", "candidates_shared")


def write_report(folder: str | Path) -> Path:
    """Draw a run's figures and its ``report.html`` again.

    Parameters
    ----------
    folder : path
        Folder of a finished run; figures and page are written into it.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        Where the folder holds no finished run or cannot be written.
    """
    tables = Tables.read(folder)
    with drawing():
        page = render(
            "report.html.j2",
            title=tables.study["name"],
            run=section(tables, save=True),
            explorer=explorer(tables.folder, _in_full(tables)),
            glossary=GLOSSARY,
        )
    place = tables.folder / "report.html"
    try:
        write_aside(place, page.encode())
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}") from error
    return place


def notebook_view(tables: Tables) -> str:
    """Return verdict, findings and the table of policies as HTML for a notebook."""
    part = next(_policies(tables))
    values = {"verdict": _box(verdict(tables)), "findings": findings(tables), "table": part["tables"][0]}
    return render("notebook.html.j2", **values)


def _in_full(tables: Tables) -> list[str]:
    """Return the policies whose requests are shown in full: winner, runner-up, best static, random."""
    style = looks(tables)
    return [name for name in style if style[name].marked] or list(style)


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


def section(tables: Tables, *, save: bool) -> dict[str, Any]:
    """Return what the template shows of one run; ``save`` also writes the PNG files."""
    found = verdict(tables)
    parts = [part for make in _PARTS for part in make(tables)]
    drawn = [figure for part in parts for figure in part["figures"]]
    for figure in drawn:
        for axes in (figure.axes, figure.narrow):
            stamp(axes, tables.stamp)
    if save:
        save_png(tables.folder, [(f.name, f.axes, f.caption) for f in drawn])
    for part in parts:
        part["figures"] = [
            {
                "wide": as_svg(f.axes, f.alternative),
                "narrow": as_svg(f.narrow, f.alternative),
                "caption": f.caption,
            }
            for f in part["figures"]
        ]
    tuning = tables.folder / "tuning.json"
    return {
        "name": tables.study["name"],
        "question": tables.study["question"],
        "verdict": _box(found),
        "findings": findings(tables),
        "notes": tables.notes,
        "setting": _setting(tables),
        "parts": parts,
        "study": (tables.folder / "study.toml").read_text(encoding="utf-8"),
        "tuning": tuning.read_text(encoding="utf-8") if tuning.exists() else "none",
        "environment": (tables.folder / "environment.json").read_text(encoding="utf-8"),
    }


NOTE = "Rewards: 95 % after Holm's correction over all differences. Costs: 95 % intervals, each on its own."
"""Said below the box's table."""

_KINDS = {"yes": "supported", "yes, at a price": "weak", "not shown": "weak", "no": "cannot"}
"""How answers are coloured."""


def _box(found: Verdict | None) -> dict[str, Any] | None:
    """Return the box at the head of the page."""
    if found is None:
        return None
    heads = {"against static": f"against {found.static}", "against runner-up": f"against {found.runner_up}"}
    return {
        "question": f"Ship {found.policy}?",
        "answer": f"{found.answer.capitalize()}.",
        "kind": _KINDS.get(found.answer, "cannot"),
        "detail": found.detail,
        "note": "" if ONE_SEED in found.detail else NOTE,
        "reasons": found.reasons,
        "head": ["policy minus reference", *(heads[c] for c in found.lines.columns)],
        "rows": [[str(line[0]), *line[1:]] for line in found.lines.itertuples()],
    }


def _setting(tables: Tables) -> str:
    study, loop = tables.study, tables.study["loop"]
    warm = f"the first {loop['warmup']} are a warm-up at random, which no mean counts"
    warm = warm if loop["warmup"] else "no warm-up"
    return (
        f"{study['seeds']} {'seed' if tables.seeds == 1 else 'seeds'} × {study['rounds']} requests; "
        f"{len(loop['arms'])} arms ({', '.join(loop['arms'])}); "
        f"budget {loop['n_slots']} slots × {loop['slot_size']} candidates; page of {loop['page_size']}; "
        f"learning updates every {loop['feedback_every']} requests; "
        f"{warm}; "
        f"users: {study['user'].get('kind')}; reward: {study['reward']['kind']}; "
        f"{'one seed: no intervals' if tables.seeds == 1 else 'intervals are 95 % over seeds'}."
    )


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
    yield _part(f"Differences to {tables.best_static}", [figure], [table])


def _policies(tables: Tables) -> Iterator[Part]:
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
    table = policy_table(tables, LOSS, _loss_note(tables))
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


def _loss_note(tables: Tables) -> str:
    """Say how the losses add up, and where the ideal is no upper bound."""
    note = "On evenly spaced requests: ideal − got = retrieval + ranking + cost + noise."
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


_PARTS = (_differences, _policies, _learning, _cost, _loss, _quality, _world)
"""The parts of the page, in order."""
