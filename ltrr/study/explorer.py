"""The request explorer of a report: some requests of a run, from each policy's choice to the clicks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ltrr.errors import printable
from ltrr.logs.explain import LoggedRequest
from ltrr.logs.tables import Log
from ltrr.study.lookup import cell_table
from ltrr.types.quotas import quota_name

__all__ = ["explorer"]

SEED = 0
"""The seed whose requests are shown."""

MOST = 4
"""Policies that are shown in full."""

HEAD = 5
"""Candidates of each arm that are shown."""

ACTIONS = 6
"""Actions of a slot that are shown."""

LONGEST = 60
"""Letters of a title that are shown; the whole is in an attribute."""

LOSSES = {
    "retrieval": "lost in retrieval",
    "ranking": "lost in ranking",
    "exploration": "lost by explored places",
    "cost": "cost of candidates and calls",
    "noise": "luck of the clicks",
}
"""The parts of the loss, and what they are called."""

ROUND = ("asked", "reward", "clicks", "satisfied_clicks", "candidates", "spilled")

JUDGED = (
    "reward_sampled",
    "reward_ranked",
    "oracle_reward",
    "ideal",
    "ideal_is_exact",
    *(f"loss_{part}" for part in LOSSES),
)


def explorer(folder: Path, policies: Sequence[str], *, n: int = 12) -> dict[str, Any] | None:
    """Return what the template ``explorer.html.j2`` shows of some requests of the first seed.

    Parameters
    ----------
    folder : Path
        A finished run.
    policies : sequence of str
        Policies that are shown in full, the first four that were logged; of all others the request's row.
    n : int
        Requests, evenly spaced after the warm-up among those that oracles judged: half of them repeated
        queries and half first-time ones, as far as there are enough.

    Returns
    -------
    dict or None
        None where the run kept no log of its first seed, or has no requests.
    """
    if not (folder / "log" / "log.json").is_file():
        return None
    log = Log(folder / "log")
    logged = {policy for policy, seed in log.cells() if seed == SEED}
    full = list(dict.fromkeys(policy for policy in policies if policy in logged))[:MOST]
    requests = _sample(folder, full, n, int(log.about["settings"]["loop"]["warmup"]))
    if not requests:
        return None
    tables = _Tables.read(folder, log.about, requests)
    found = [log.find(requests, policy=policy, seed=SEED) for policy in full]
    return {
        "policies": full,
        "judged": bool(tables.judged),
        "shown": [_request(tables, [of_policy[i] for of_policy in found]) for i in range(len(requests))],
    }


def _sample(folder: Path, policies: Sequence[str], n: int, warmup: int) -> list[int]:
    """Return requests after the warm-up, evenly spaced among the repeated and the first-time ones apart."""
    rounds = next(_each(folder, "rounds", policies, ["asked"]), None)
    if rounds is None:
        return []
    rounds = rounds.iloc[warmup:]
    oracles = next(_each(folder, "oracles", policies, []), None)
    if oracles is not None and oracles.index.isin(rounds.index).any():
        rounds = rounds[rounds.index.isin(oracles.index)]
    first = rounds.index[rounds["asked"] == 0].to_numpy()
    again = rounds.index[rounds["asked"] > 0].to_numpy()
    n_first = min(len(first), max(n // 2, n - len(again)))
    chosen = [*_spaced(first, n_first), *_spaced(again, n - n_first)]
    return sorted(int(request) for request in chosen)


def _each(
    folder: Path, table: str, policies: Sequence[str], columns: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Yield a table of each policy that has it: fusion has no oracles."""
    for policy in policies:
        found = cell_table(folder, table, policy, SEED, columns=columns)
        if found is not None:
            yield found


@dataclass(frozen=True)
class _Tables:
    """What the cells of all policies say of the chosen requests."""

    arms: tuple[str, ...]
    rounds: Mapping[str, pd.DataFrame]
    judged: Mapping[str, pd.DataFrame]

    @staticmethod
    def read(folder: Path, about: Mapping[str, Any], requests: Sequence[int]) -> _Tables:
        arms, found = tuple(about["arms"]), []
        for table, columns in (("rounds", (*ROUND, *(f"slots_{arm}" for arm in arms))), ("oracles", JUDGED)):
            cells = {
                policy: cell_table(folder, table, policy, SEED, columns=columns, requests=requests)
                for policy in about["policies"]
            }
            found.append({policy: rows for policy, rows in cells.items() if rows is not None})
        return _Tables(arms, *found)

    def verdict(self, policy: str, request: int) -> dict[str, float] | None:
        """Return what oracles said of a request; None where they did not judge it."""
        rows = self.judged.get(policy)
        return None if rows is None else _numbers(rows, request)


def _numbers(rows: pd.DataFrame, request: int) -> dict[str, float] | None:
    """Return a request's row as numbers by name; None where it has none."""
    if request not in rows.index:
        return None
    row = rows.loc[[request]].astype(float).iloc[0]
    return {str(name): float(row[str(name)]) for name in rows.columns}


def _spaced(values: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """Return ``n`` of some values, evenly spaced, both ends among them; all where there are fewer.

    Examples
    --------
    >>> _spaced(np.arange(10), 4).tolist(), _spaced(np.arange(2), 4).tolist()
    ([0, 3, 6, 9], [0, 1])
    """
    return values[np.linspace(0, len(values) - 1, min(n, len(values))).round().astype(np.int64)]


def _request(tables: _Tables, full: Sequence[LoggedRequest]) -> dict[str, Any]:
    """Return one request: its query, a row a policy, and some policies in full."""
    request, query = full[0].request, _text(full[0].query)
    lines = {policy: _numbers(rows, request) for policy, rows in tables.rounds.items()}
    known = {policy: line for policy, line in lines.items() if line is not None}
    asked = int(known[full[0].policy]["asked"])
    return {
        "number": request,
        "query": query,
        "label": f"{request}: {query['text']} ({'repeated' if asked else 'first time'})",
        "asked": f"asked {asked} time{'s' if asked > 1 else ''} before" if asked else "first time",
        "rows": [
            _row(policy, line, tables.verdict(policy, request), tables.arms) for policy, line in known.items()
        ],
        "choices": [_choice(found, tables.verdict(found.policy, request)) for found in full],
    }


def _row(
    policy: str, line: Mapping[str, float], verdict: Mapping[str, float] | None, arms: Sequence[str]
) -> dict[str, Any]:
    """Return what one policy chose and what came of it."""
    quota = quota_name([int(line[f"slots_{arm}"]) for arm in arms], arms)
    return {
        "policy": policy,
        "quota": quota.replace(" + ", " · "),
        "numbers": [f"{line[name]:.0f}" for name in ("candidates", "spilled", "clicks", "satisfied_clicks")],
        "reward": f"{line['reward']:.3f}",
        "regret": "–" if verdict is None else _plain(verdict["oracle_reward"] - verdict["reward_ranked"]),
    }


def _plain(value: float) -> str:
    """Return a number of three digits, with a true minus and never a negative zero."""
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def _choice(found: LoggedRequest, verdict: Mapping[str, float] | None) -> dict[str, Any]:
    """Return one policy's decision, what the arms delivered for it, and the page."""
    return {
        "policy": found.policy,
        "slots": [_slot(rows) for _, rows in found.slots.groupby("number")],
        "arms": [_arm(found, row) for row in found.arms.to_dict("records")],
        "places": [_place(row) for row in found.places.to_dict("records")],
        "reward": f"{found.reward:g}",
        "losses": _losses(verdict) if verdict is not None else [],
    }


def _slot(rows: pd.DataFrame) -> dict[str, Any]:
    """Return a slot: the chosen action and the most likely others."""
    chosen = rows[rows["chosen"]].iloc[0]
    # what was chosen stands first; what could not be chosen is counted, not named
    order = rows.sort_values(["chosen", "probability"], ascending=False, kind="stable")
    head = order[order["probability"] > 0].head(ACTIONS)
    rest = float(rows["probability"].sum() - head["probability"].sum())
    return {
        "number": chosen["number"],
        "chosen": chosen["name"],
        "audit": bool(chosen["audit"]),
        "actions": [
            {"name": name, "probability": f"{p:.2f}", "width": round(100 * p), "chosen": bool(drawn)}
            for name, p, drawn in zip(head["name"], head["probability"], head["chosen"], strict=True)
        ],
        "rest": f"{len(rows) - len(head)} more: {abs(rest):.2f}" if len(rows) > len(head) else "",
    }


def _arm(found: LoggedRequest, arm: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what an arm delivered: how much, and the head of its list."""
    rows = found.candidates[(found.candidates["arm"] == arm["arm"]) & ~found.candidates["logged_only"]]
    shown = set(found.places["item"])
    return {
        "name": arm["arm"],
        "slots": arm["slots"],
        "delivered": arm["delivered"],
        "spilled": arm["spilled"],
        "shown": arm["shown"],
        "logged_only": arm["logged_only"],
        "head": [
            {**_text(_title(row)), "rank": row["rank"], "on_page": row["item"] in shown}
            for row in rows.head(HEAD).to_dict("records")
        ],
    }


def _place(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a place of the page."""
    marks = [word for word in ("spilled", "explored", "censored") if row[word]]
    act = "satisfied" if row["satisfied"] else "clicked" if row["click"] else ""
    return {**_text(_title(row)), "number": row["number"], "arms": row["arms"], "marks": marks, "act": act}


def _losses(verdict: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the way from the ideal to what was received, with bars relative to the longest."""
    steps = [
        ("ideal page" if verdict["ideal_is_exact"] else "page in grade order", verdict["ideal"], "whole")
    ]
    for part, name in LOSSES.items():
        loss = verdict[f"loss_{part}"]
        steps.append((name, -loss, "gain" if loss < 0 else "loss"))
    steps.append(("received", verdict["reward_sampled"], "whole"))
    longest = max(1.0, *(abs(value) for _, value, _ in steps))
    return [
        {
            "name": name,
            "value": f"{'+' if kind == 'gain' and round(value, 3) else ''}{_plain(value)}",
            "width": round(100 * abs(value) / longest),
            "kind": kind,
        }
        for name, value, kind in steps
    ]


def _title(row: Mapping[Any, Any]) -> str:
    """Return an item's title, or its external name where it has none."""
    return str(row["title"] if row["title"].strip() else row["name"])


def _text(text: str) -> dict[str, str]:
    """Return a text as it is shown, and the whole of it where that is longer."""
    # characters that are spelled out make a text longer: it is cut as it will be shown
    whole = printable(text)
    if len(whole) <= LONGEST:
        return {"text": whole, "whole": ""}
    return {"text": f"{whole[: LONGEST - 1].rstrip()}…", "whole": whole}
