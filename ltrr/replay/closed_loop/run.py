"""The closed loop: estimates from logs compared with the truth, which a simulation knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from ltrr.errors import InputError
from ltrr.logs.replay_log import ReplayLog
from ltrr.metrics.intervals import Interval
from ltrr.replay.intervals import Asymptotic
from ltrr.replay.judging.answers import Answers
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.models import fit_models
from ltrr.replay.judging.plan import Plan
from ltrr.replay.judging.settings import Settings
from ltrr.replay.judging.verdict import CANNOT, SUPPORTED, WEAK
from ltrr.replay.targets import Target

__all__ = ["answers", "by_verdict", "score"]


def answers(
    log: ReplayLog, targets: Sequence[Target], truth: Mapping[str, float], **options: Any
) -> pd.DataFrame:
    """Return what a replay says about policies whose value is known, refused answers included.

    `ltrr.replay.evaluate` withholds the number where its verdict is *cannot answer*. Whether it is right to
    do so can only be judged with the number at hand, so it is given here, with its asymptotic interval.

    Parameters
    ----------
    log : ReplayLog
    targets : sequence of Target
    truth : mapping of str to float
        Value of each target by name.
    **options
        Fields of `ltrr.replay.judging.settings.Settings`.

    Returns
    -------
    DataFrame
        Columns policy, estimator, value, low, high, ess, verdict, reason, truth; value, low and high are
        empty only where there is no number at all.

    Raises
    ------
    InputError
        If a target's truth is missing, or the options do not fit the log.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> from ltrr.replay.closed_loop.known_world import KnownTarget, KnownWorld
    >>> from ltrr.rng import Streams
    >>> world = KnownWorld(np.zeros((1, 0)), np.array([[0.2, 0.8]]), Space(("a", "b")))
    >>> log = world.log(np.array([[0.9, 0.1]]), n=50, streams=Streams(1))
    >>> second = KnownTarget("second", np.array([[0.0, 1.0]]))
    >>> table = answers(log, [second], {"second": 0.8}, estimators=["snips"])
    >>> table.verdict.item(), bool(table.value.notna().item())
    ('cannot answer', True)
    """
    missing = [target.name for target in targets if target.name not in truth]
    if missing:
        raise InputError(f"`truth` must name the value of every target, {missing[0]!r} is missing")
    settings = Settings(pairs=False, **options)
    plan = Plan.of(log, settings)
    models = fit_models(log, targets, plan.needs, settings, sampled=plan.sampled)
    judges = [plan.judge(target, models, len(log.space.actions)) for target in targets]
    comparison = Comparison(plan, judges)
    for events in log.chunks():
        comparison.add(events)
    comparison.finish()
    rows: list[dict[str, Any]] = []
    for one in judges:
        verdicts = {row["estimator"]: row for row in Answers(comparison, models, settings).of(one)}
        for entry in one.entries:
            row = verdicts[entry.name]
            interval = _interval(entry, settings.level)
            rows.append(
                {
                    "policy": one.target.name,
                    "estimator": entry.name,
                    "value": np.nan if interval is None else interval.mean,
                    "low": np.nan if interval is None else interval.low,
                    "high": np.nan if interval is None else interval.high,
                    "ess": row["ess"],
                    "verdict": row["verdict"],
                    "reason": row["reason"],
                    "truth": truth[one.target.name],
                }
            )
    return pd.DataFrame(rows)


def _interval(entry: Entry, level: float) -> Interval | None:
    """Return the asymptotic interval whatever the verdict; None where there is no number."""
    if entry.refused:
        return None
    try:
        return Asymptotic().interval(entry.estimator, level)
    except InputError:
        return None


def score(frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return how estimates compare with the truth, one row a group.

    ``bias = mean(value − truth)``, ``rmse = sqrt(mean((value − truth)²))``, ``coverage`` the share of
    intervals with ``low <= truth <= high``; all over the logs that were answered. An interval of no width
    covers only the truth itself.

    Parameters
    ----------
    frame : DataFrame
        Columns value, low, high, ess, verdict, truth, one row a log, as from `answers`.
    by : sequence of str
        Columns to group by.

    Returns
    -------
    DataFrame
        The columns ``by``, then ``logs`` (all), ``answered``, ``bias``, ``bias_se``, ``rmse``, ``coverage``,
        ``coverage_low`` and ``coverage_high`` (Clopper–Pearson, 95 %), ``half_width`` (mean), ``ess``
        (mean over all logs), ``supported``, ``weak`` and ``cannot`` (shares of all logs).

    Examples
    --------
    >>> estimates = pd.DataFrame({"estimator": "ips", "value": [0.4, 0.7], "low": [0.3, 0.6],
    ...                      "high": [0.5, 0.8], "ess": 50.0, "verdict": "weak", "truth": 0.5})
    >>> score(estimates, ["estimator"])[["bias", "rmse", "coverage", "weak"]].round(3).iloc[0].tolist()
    [0.05, 0.158, 0.5, 1.0]
    """
    rows = []
    for group, own in _groups(frame, by):
        answered = own[own.verdict != CANNOT]
        rows.append(
            {
                **group,
                "logs": len(own),
                **_quality(answered),
                "ess": own.ess.mean(),
                "supported": (own.verdict == SUPPORTED).mean(),
                "weak": (own.verdict == WEAK).mean(),
                "cannot": (own.verdict == CANNOT).mean(),
            }
        )
    return pd.DataFrame(rows)


def by_verdict(frame: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how good the answers are for each verdict: the test of the verdict.

    Where the verdict is *cannot answer* the number is the one that was withheld, so that the row shows what
    withholding it prevented.

    Parameters
    ----------
    frame : DataFrame
        As for `score`.
    by : sequence of str
        Further columns to group by.

    Returns
    -------
    DataFrame
        The columns ``by``, ``verdict``, ``logs``, then as in `score` from ``answered`` to ``half_width`` and
        ``ess``; ``answered`` counts the logs with a number.
    """
    rows = [
        {**group, "logs": len(own), **_quality(own), "ess": own.ess.mean()}
        for group, own in _groups(frame, [*by, "verdict"])
    ]
    return pd.DataFrame(rows)


def _groups(frame: pd.DataFrame, by: Sequence[str]) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """Return the groups in the order in which they first appear."""
    grouped = frame.groupby(list(by), sort=False, observed=True)
    return [(dict(zip(by, key, strict=True)), own) for key, own in grouped]


def _quality(own: pd.DataFrame) -> dict[str, float]:
    """Return bias, RMSE and coverage of the rows that have a number."""
    own = own[own.value.notna()]
    n = len(own)
    if n == 0:
        names = ("bias", "bias_se", "rmse", "coverage", "coverage_low", "coverage_high", "half_width")
        return {"answered": 0, **dict.fromkeys(names, np.nan)}
    error = (own.value - own.truth).to_numpy(np.float64)
    hits = int(((own.low <= own.truth) & (own.truth <= own.high)).sum())
    return {
        "answered": n,
        "bias": float(error.mean()),
        "bias_se": float(error.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
        "rmse": float(np.sqrt((error**2).mean())),
        "coverage": hits / n,
        "coverage_low": float(stats.beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0,
        "coverage_high": float(stats.beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0,
        "half_width": float(((own.high - own.low) / 2.0).mean()),
    }
