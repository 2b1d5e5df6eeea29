"""Print the tables of closed-loop.md and draw its figures: ``simulations/closed_loop_tables.py RUN``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from ltrr.replay.closed_loop.run import by_verdict, score
from ltrr.report.canvas import COLOURS, new_axes, save_png, stamp
from ltrr.study.files import read_study

FIGURES = Path(__file__).resolve().parent / "figures"
WEIGHTED = ("ips", "snips", "dr", "sndr")
"""Estimators whose expectation is the truth, or goes to it."""


def grid(frame: pd.DataFrame, row: str, column: str, cell) -> str:  # noqa: ANN001 - a function of a row
    """Return a table in Markdown with one cell a pair."""
    columns = list(dict.fromkeys(frame[column]))
    lines = [f"| {row} | " + " | ".join(f"{c:,}" if isinstance(c, int) else f"{c}" for c in columns) + " |"]
    lines.append("|---|" + "--:|" * len(columns))
    for name, own in frame.groupby(row, sort=False):
        by = own.set_index(column)
        cells = [cell(by.loc[c]) if c in by.index else "–" for c in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plain(frame: pd.DataFrame) -> str:
    """Return a table in Markdown as it stands."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + "---|" * len(frame.columns)]
    lines += ["| " + " | ".join(str(v) for v in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def quality(row: pd.Series) -> str:
    """Return bias, RMSE, coverage and the share of logs with an answer, if not all have one."""
    if row.answered == 0:
        return "no answer"
    share = f" ({row.answered / row.logs:.0%} answered)" if row.answered < row.logs else ""
    return f"{row.bias:+.3f} · {row.rmse:.3f} · {row.coverage:.0%}{share}"


def covered(row: pd.Series) -> str:
    """Return coverage with its interval."""
    return f"{row.coverage:.1%} [{row.coverage_low:.1%}, {row.coverage_high:.1%}]"


def verdicts(frame: pd.DataFrame, by: list[str]) -> str:
    """Return the table of answers given the verdict."""
    verdicts = by_verdict(frame, by)
    return plain(
        pd.DataFrame(
            {
                **{name: verdicts[name] for name in [*by, "verdict"]},
                "answers": verdicts.answered.map("{:,}".format),
                "coverage of 95 %": verdicts.apply(covered, axis=1),
                "RMSE": verdicts.rmse.map("{:.3f}".format),
                "mean half-width": verdicts.half_width.map("{:.3f}".format),
                "mean ESS": verdicts.ess.map("{:,.0f}".format),
            }
        )
    )


def single(frame: pd.DataFrame) -> None:
    """Print what single decisions show."""
    scores = score(frame, ["policy", "n", "epsilon", "estimator"])
    print("## Effective sample size and verdicts (ips)\n")
    ips = scores[scores.estimator == "ips"]
    for policy, own in ips.groupby("policy", sort=False):
        print(f"target {policy}: mean ESS; supported / weak / cannot answer\n")
        print(
            grid(
                own,
                "n",
                "epsilon",
                lambda r: f"{r.ess:,.0f}; {r.supported:.0%} / {r.weak:.0%} / {r.cannot:.0%}",
            )
        )
    for n in (1_000, 10_000):
        for policy, own in scores[scores.n == n].groupby("policy", sort=False):
            print(f"## Target {policy}, n = {n:,}: bias · RMSE · coverage, by exploration\n")
            print(grid(own, "estimator", "epsilon", quality))
    sizes = scores[(scores.epsilon == 0.1) & (scores.policy == "greedy")]
    print("## Target greedy, epsilon = 0.1, by size\n")
    print(grid(sizes, "estimator", "n", quality))
    weighted = frame[frame.estimator.isin(WEIGHTED)]
    print("## Coverage given the verdict, all logs\n")
    print(verdicts(weighted.sort_values("ess", ascending=False, kind="stable"), ["estimator"]))
    weak = weighted[weighted.verdict == "weak"].copy()
    edges = [0, 10, 30, 100, 300, 1_000, np.inf]
    weak["weak, ESS"] = pd.cut(weak.ess, edges, right=False).astype(str)
    print("## Within weak, by effective sample size\n")
    print(
        grid(
            score(weak.sort_values("ess", kind="stable"), ["estimator", "weak, ESS"]),
            "estimator",
            "weak, ESS",
            covered,
        )
    )


def omissions(frame: pd.DataFrame) -> None:
    """Print what omissions cost."""
    scores = score(frame, ["policy", "estimator", "omitted"])
    for policy, own in scores.groupby("policy", sort=False):
        print(f"## Left out, target {policy}: bias · RMSE · coverage\n")
        print(grid(own, "omitted", "estimator", quality))
    shares = score(frame[frame.estimator == "snips"], ["omitted"])
    print("## Verdicts on snips, all targets: supported / weak / cannot\n")
    for row in shares.itertuples():
        print(f"* {row.omitted}: {row.supported:.0%} / {row.weak:.0%} / {row.cannot:.0%}")
    print()


def two_stage(frame: pd.DataFrame) -> None:
    """Print what whole runs show."""
    frame = frame.assign(level=frame.estimator.str.split("-").str[0])
    largest = frame.n.max()
    ess = score(
        frame[frame.estimator.str.endswith("-ips") & (frame.n == largest)], ["logger", "policy", "level"]
    )
    for logger, own in ess.groupby("logger", sort=False):
        print(f"## Logged by {logger}, n = {largest:,}: mean ESS (share of seeds with an answer)\n")
        print(grid(own, "policy", "level", lambda r: f"{r.ess:,.0f} ({1 - r.cannot:.0%})"))
    for logger, rows in frame[frame.n == largest].groupby("logger", sort=False):
        scores = score(rows, ["policy", "estimator"])
        print(f"## Logged by {logger}, n = {largest:,}: bias · RMSE · coverage, against the real run\n")
        print(grid(scores, "estimator", "policy", quality))
    print("## RMSE over all targets by size, answered at all levels\n")
    size = ["logger", "policy", "n", "seed"]
    frame = frame.sort_values("n", kind="stable")
    asked = frame[frame.groupby(size).verdict.transform(lambda v: (v != "cannot answer").all())]
    for logger, rows in asked.groupby("logger", sort=False):
        print(f"{logger}:\n")
        print(
            grid(
                score(rows, ["estimator", "n"]),
                "estimator",
                "n",
                lambda r: f"{r.rmse:.3f} ({r.answered:.0f})",
            )
        )
    print("## Coverage given the verdict: truth of the same requests\n")
    print(verdicts(frame, ["estimator"]))
    print("## Coverage given the verdict: truth of a longer run\n")
    print(verdicts(frame.assign(truth=frame.long_truth), ["estimator"]))


def worlds(frame: pd.DataFrame) -> None:
    """Print what the log's world says against the target's own."""
    frame = frame.assign(gap=frame.oracle - frame.real)
    frozen = frame[frame.design == "frozen"]
    print(f"## Frozen: largest difference in one request {frozen.largest.max():.2g}\n")
    rows = []
    for (logger, policy), own in frame[frame.design == "learning"].groupby(["logger", "policy"], sort=False):
        half = stats.t.ppf(0.975, len(own) - 1) * own.gap.std() / np.sqrt(len(own)) if len(own) > 1 else 0.0
        rows.append(
            {
                "log's traffic": logger,
                "policy": policy,
                "cell": f"{own.gap.mean():+.4f} ± {half:.4f}",
            }
        )
    print("## Learning: value in the log's world − value of the real run\n")
    print(grid(pd.DataFrame(rows), "log's traffic", "policy", lambda r: r.cell))


def figures(run: Path, note: str) -> None:
    """Draw what the tables say."""
    frame = pd.read_csv(run / "single.csv")
    axes = new_axes(
        "Error of a greedy policy's value by logging exploration, n = 1,000",
        "share of random actions in the log",
        "root mean squared error (all answers)",
    )
    shown = all_scores(frame[(frame.n == 1_000) & (frame.policy == "greedy")])
    for colour, name in zip(COLOURS, ("ips", "snips", "dr", "dm", "clipped-ips"), strict=False):
        own = shown[shown.estimator == name]
        axes.plot(own.epsilon, own.rmse, marker="o", color=colour, label=name)
    logarithmic(axes, x=[0.02, 0.1, 0.3, 1.0], y=[0.05, 0.1, 0.2, 0.4, 0.8])
    axes.legend(frameon=False, fontsize=8)
    stamp(axes, note)
    drawn = [("closed_loop_exploration", axes, "")]

    axes = new_axes(
        "Coverage of 95 % intervals by effective sample size, refused answers included",
        "mean effective sample size of the logs",
        "share of intervals that hold the truth",
    )
    every = all_scores(frame[frame.estimator.isin(WEIGHTED)])
    for colour, name in zip(COLOURS, WEIGHTED, strict=False):
        own = every[every.estimator == name]
        axes.scatter(own.ess, own.coverage, s=18, color=colour, label=name)
    axes.axhline(0.95, color="#777777", linewidth=0.8)
    for edge in (10, 1_000):
        axes.axvline(edge, color="#777777", linewidth=0.8, linestyle=":")
    axes.set_xscale("log")
    axes.legend(frameon=False, fontsize=8)
    stamp(axes, note)
    drawn.append(("closed_loop_coverage", axes, ""))

    runs = pd.read_csv(run / "two-stage.csv")
    axes = new_axes(
        "Error by what the weights compare, log of random slots, all targets",
        "requests in the log",
        "root mean squared error (all answers)",
    )
    runs = runs[runs.logger == "random"]
    for colour, name in zip(
        COLOURS, ("sequence-snips", "quota-snips", "quota-dr", "page-snips", "page-dr"), strict=False
    ):
        own = score(runs[runs.estimator == name].assign(verdict="weak"), ["n"])
        axes.plot(own.n, own.rmse, marker="o", color=colour, label=name)
    logarithmic(axes, x=sorted(set(runs.n)), y=[0.05, 0.1, 0.15])
    axes.legend(frameon=False, fontsize=8)
    version = note.rsplit(", ", 1)[1]
    stamp(axes, f"closed loop, study seed {read_study('default').seed}, {version}")  # whole runs draw from it
    drawn.append(("closed_loop_levels", axes, ""))
    save_png(FIGURES, drawn)


def logarithmic(axes: Axes, *, x: list[float], y: list[float]) -> None:
    """Scale both axes by logarithms, with ticks in plain numbers."""
    for axis, ticks in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
        axis.set_ticks(ticks, [f"{t:,g}" for t in ticks])
        axis.set_ticks([], minor=True)


def all_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return scores that count every number, also those that the verdict keeps back."""
    return score(frame.assign(verdict="weak"), ["policy", "n", "epsilon", "estimator"])


def main() -> None:
    """Print all tables of a run and draw its figures."""
    run = Path(sys.argv[1])
    note = ""
    for name, part in (("single", single), ("omissions", omissions), ("two-stage", two_stage)):
        file = run / f"{name}.csv"
        if not file.exists():
            continue
        own = run / f"about-{name}.json"
        about = json.loads((own if own.exists() else run / "about-all.json").read_text(encoding="utf-8"))
        note = f"closed loop, seed {about['seed']}, ltrr {about['ltrr']}"
        print(f"# {name}\n\n{json.dumps(about)}\n")
        part(pd.read_csv(file))
    if (run / "worlds.csv").exists():
        worlds(pd.read_csv(run / "worlds.csv"))
        if (run / "single.csv").exists():
            figures(run, note)


if __name__ == "__main__":
    main()
