"""One line of decision-service JSON, read by Python's json: what the kernel leaves to it.

Slow and exact: kernels send here what is wrong or rare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ltrr._kernels.dsjson_columns import CB, CCB, DANGLING, SLATES
from ltrr._kernels.json_bytes import hash_bytes
from ltrr._kernels.json_time import read_time
from ltrr.logs.formats.dsjson_names import elements_of, known_by
from ltrr.logs.formats.dsjson_values import (
    Unreadable,
    label_field,
    load,
    number,
    several,
    short,
    text_of,
    utf8,
    whole,
)

__all__ = ["Line", "Row", "dangling_reason", "read_line"]


@dataclass
class Row:
    """A slot's decision.

    Parameters
    ----------
    slot, chosen : int
        ``chosen`` is a place in `_multi`, −1 where none is named.
    cost, original, propensity : float
        NaN where they are missing.
    places : list of int or None
        The places that could be chosen; None where the line does not say.
    probabilities : list of float
        As ``places``; NaN where they are missing.
    """

    slot: int
    chosen: int
    cost: float
    original: float
    propensity: float
    places: list[int] | None
    probabilities: list[float]


@dataclass
class Line:
    """What a line says of its decision, without its features.

    Parameters
    ----------
    kind : int
        One of CB, CCB, SLATES, DANGLING.
    rows : list of Row
    event : int
        Hash of the event id, 0 where there is none.
    drop, time : float
        Share of such events dropped; seconds, NaN where there is no time.
    idents : list of (int, int)
        What the actions are known by, and its hash.
    """

    kind: int
    rows: list[Row] = field(default_factory=list)
    event: int = 0
    drop: float = 0.0
    time: float = math.nan
    idents: list[tuple[int, int]] = field(default_factory=list)


def dangling_reason(line: dict[str, Any]) -> str:
    """Say why a line is no decision with an outcome."""
    if line.get("_skipLearn"):
        return "_skipLearn: the decision was never shown"
    if not {"a", "p", "c", "_multi", "_outcomes"} & set(line):
        return f"an outcome without its decision, event {short(line.get('EventId'))}"
    return "a decision without an outcome"


def _slots(line: dict[str, Any], elements: list[dict[str, Any]]) -> tuple[int, list[Row]]:
    """Return the kind and the rows of a line with outcomes."""
    outcomes = line["_outcomes"]
    if not isinstance(outcomes, list) or not all(isinstance(outcome, dict) for outcome in outcomes):
        raise Unreadable("`_outcomes` is no list of objects")
    if not outcomes:
        return DANGLING, []
    cost = number("_label_cost", label_field(line, "cost"))
    costs = [number("_label_cost", label_field(outcome, "cost")) for outcome in outcomes]
    own_slot = [whole("_slot_id", element.get("_slot_id"), -1) for element in elements]
    missing = sum(math.isnan(c) for c in costs)
    slates = any(s >= 0 for s in own_slot) or (missing == len(costs) and not math.isnan(cost))
    if slates and missing < len(costs):
        raise Unreadable("slates have one cost for all slots, but a slot has a cost of its own")
    if slates and not elements:
        raise Unreadable("slates need `_multi` with `_slot_id`")
    if missing and (not slates or math.isnan(cost)):
        return DANGLING, []
    rows = []
    taken: set[int] = set()
    for s, outcome in enumerate(outcomes):
        places = [whole("_a", a, -1) for a in several(outcome.get("_a"))]
        probabilities = [number("_p", p) for p in several(outcome.get("_p"))]
        if not places or (probabilities and len(probabilities) != len(places)):
            raise Unreadable(f"slot {s}: `_a` has {len(places)} entries, `_p` {len(probabilities)}")
        own = [j for j, slot in enumerate(own_slot) if slot == s] if slates else list(range(len(elements)))
        if min(places) < 0 or ((slates or elements) and max(places) >= len(own)):
            raise Unreadable(f"slot {s}: `_a` names action {max(places)} of {len(own)}")
        if slates or elements:
            places = [own[a] for a in places]
        probabilities = probabilities or [math.nan] * len(places)
        chosen, propensity = places[0], probabilities[0]
        taken.add(chosen)
        if len(places) == 1 and len(elements) > 1 and not propensity > 0.999:
            # only the chosen action is listed: the others that were free could have been chosen too
            places = [chosen, *(j for j in own if j not in taken)]
            probabilities = [math.nan] * len(places)
        last = s == len(outcomes) - 1
        original = number("_original_label_cost", (line if slates else outcome).get("_original_label_cost"))
        rows.append(
            Row(
                s,
                chosen,
                (cost if last else 0.0) if slates else costs[s],
                original if last or not slates else 0.0,
                propensity,
                places,
                probabilities,
            )
        )
    return SLATES if slates else CCB, rows


def _single(line: dict[str, Any], elements: list[dict[str, Any]]) -> Row:
    """Return the row of a line with one decision."""
    action = whole("_label_Action", label_field(line, "action"), 0)
    index = whole("_labelIndex", line.get("_labelIndex"), -1)
    if index >= 0 and 0 < action != index + 1:
        raise Unreadable(f"`_labelIndex` {index} and `_label_Action` {action} name different actions")
    listed = [whole("a", a, -1) for a in several(line.get("a"))]
    probabilities = [number("p", p) for p in several(line.get("p"))]
    if listed and probabilities and len(listed) != len(probabilities):
        raise Unreadable(f"`a` has {len(listed)} entries, `p` {len(probabilities)}")
    n = len(elements) or max(len(listed), len(probabilities))
    base = 0 if 0 in listed else 1
    places = [a - base for a in listed] or list(range(n))
    if len(set(places)) != len(places) or (places and not 0 <= min(places) <= max(places) < n):
        raise Unreadable(f"`a` is no order of {n} actions: {short(listed)}")
    if probabilities and len(probabilities) != len(places):
        raise Unreadable(f"`p` has {len(probabilities)} entries for {len(places)} actions")
    chosen = index if index >= 0 else action - 1
    if chosen < 0 and listed:
        chosen = places[0]
    if chosen >= n > 0:
        raise Unreadable(f"the label names action {chosen + 1} of {n}")
    entries = sorted(zip(places, probabilities or [math.nan] * len(places), strict=True))
    return Row(
        0,
        chosen,
        number("_label_cost", label_field(line, "cost")),
        number("_original_label_cost", line.get("_original_label_cost")),
        number("_label_probability", label_field(line, "probability")),
        [place for place, _ in entries] if n else None,
        [p for _, p in entries],
    )


def read_line(text: bytes) -> Line:
    """Read a line's labels.

    Raises
    ------
    Unreadable
        If the line says nothing that can be understood.
    """
    line = load(text)
    elements = elements_of(line)
    idents = [(kind, hash_bytes(utf8(name))) for kind, name in map(known_by, elements)]
    event = text_of("EventId", line.get("EventId"))
    skipped = line.get("_skipLearn")
    if skipped is not None and not isinstance(skipped, (bool, int, float)):
        raise Unreadable(f"`_skipLearn` is neither true nor false: {short(skipped)}")
    drop = number("pdrop", line.get("pdrop"))
    out = Line(
        DANGLING,
        event=0 if event is None else max(1, hash_bytes(utf8(event))),
        drop=0.0 if line.get("pdrop") is None else drop,
        time=_seconds(text_of("Timestamp", line.get("Timestamp"))),
        idents=idents,
    )
    if skipped:
        return out
    if line.get("_outcomes") is not None:
        out.kind, out.rows = _slots(line, elements)
    elif label_field(line, "cost") is not None:
        out.kind, out.rows = CB, [_single(line, elements)]
    return out


def _seconds(text: str | None) -> float:
    if text is None:
        return math.nan
    raw = np.frombuffer(utf8(text) + b"\n", np.uint8)
    return float(read_time(raw, 0, len(raw) - 1))
