"""Faults of a log of ltrr that show only across its tables."""

from __future__ import annotations

import numpy as np

from ltrr.logs.faults import Faults
from ltrr.logs.formats.run_parts import RunParts
from ltrr.types import Bool, Int64

__all__ = ["faults_of_rows", "note_undecided", "unseen_clicks"]

_SHOWN = 20
"""Requests of a fault whose text is made."""


def unseen_clicks(parts: RunParts, seed: int, number: int, known: Int64) -> Int64:
    """Return the requests, ascending, with a click on an item that was not a candidate."""
    shown = parts.read("impressions", seed, number, ("request", "item", "click"))
    drawn = parts.read("candidates", seed, number, ("request", "item"))
    click = shown.numbers("click", np.bool_)
    request = shown.numbers("request", np.int64)[click]
    clicked = request << 32 | shown.numbers("item", np.int64)[click]
    pairs = drawn.numbers("request", np.int64) << 32 | drawn.numbers("item", np.int64)
    good = np.isin(clicked, pairs) & np.isin(request, known)
    return np.unique(request[~good])


def faults_of_rows(
    request: Int64, known: Int64, found: Bool, unseen: Int64, n_slots: int
) -> list[tuple[str, Int64, list[str]]]:
    """Return the faults of decisions: kind, rows, and what was found there.

    Parameters
    ----------
    request : int64 (n,)
        Each decision's request, ascending.
    known : int64 (m,)
        The table of requests.
    found : bool (n,)
        Whether a decision's request is among them.
    unseen : int64 (k,)
        Requests with a click on what was not a candidate.
    n_slots : int
        Slots that every request has.
    """
    ids, count = np.unique(known, return_counts=True)
    start = np.flatnonzero(np.append(True, request[1:] != request[:-1])[: len(request)])
    size = np.diff(np.append(start, len(request)))
    faults = [
        ("missing value", np.flatnonzero(~found), "request {} is not in the table of requests"),
        (
            "duplicate event",
            np.flatnonzero(np.isin(request, ids[count > 1])),
            "request {} occurs twice in the table of requests",
        ),
        ("slots out of order", start[size < n_slots], f"request {{}} has fewer than {n_slots} slots"),
        (
            "click without impression",
            start[np.isin(request[start], unseen)],
            "a click of request {} is on an item that was not its candidate",
        ),
    ]
    return [(kind, rows, _texts(say, request[rows])) for kind, rows, say in faults if len(rows)]


def note_undecided(faults: Faults, request: Int64, known: Int64, unseen: Int64) -> None:
    """Report requests without a decision, which have no row."""
    for kind, requests, say in (
        ("click without impression", unseen, "a click of request {}, which nothing decided"),
        ("dangling event", known, "request {} is not in the table of decisions"),
    ):
        lost = np.setdiff1d(requests, request)
        faults.note(kind, np.zeros(len(lost), np.int64), _texts(say, lost))


def _texts(say: str, requests: Int64) -> list[str]:
    return [say.format(int(r)) for r in requests[:_SHOWN]]
