"""Decision-service JSON the obvious way: json.loads a line at a time."""

import json
import math
import re
from datetime import datetime, timedelta

import numpy as np

NAN = math.nan
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


class WrongError(Exception):
    pass


def number(value):
    if value is None or (isinstance(value, str) and value.lower() == "nan"):
        return NAN
    if type(value) not in (int, float):
        raise WrongError
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def whole(value, default):
    if value is None:
        return default
    value = number(value)
    if not (0 <= value <= 1e9 and value == math.floor(value)):
        raise WrongError
    return int(value)


def listed(value):
    return value if isinstance(value, list) else ([] if value is None else [value])


def either(line, *names):
    value = None
    for key in line:
        if key in names:
            value = line[key]
    return value


def seconds(text):
    if text is None:
        return NAN
    if type(text) in (int, float):
        text = json.dumps(text)
    if not isinstance(text, str):
        raise WrongError
    match = TIME.fullmatch(text)
    if not match:
        return NAN
    day, clock, decimals, zone = match.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError:
        return NAN
    whole_seconds = (at - datetime(1970, 1, 1)) // timedelta(seconds=1)
    if zone and zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[4:])
        if hours > 23 or minutes > 59:
            return NAN
        whole_seconds -= (hours * 60 + minutes) * 60 * (1 if zone[0] == "+" else -1)
    return float(whole_seconds) + (int(decimals) / 10.0 ** len(decimals) if decimals else 0.0)


def names_of(elements):
    out = []
    for element in elements:
        inner = element.get("i")
        if isinstance(element.get("_tag"), str):
            out.append(("tag", element["_tag"]))
        elif isinstance(inner, dict) and isinstance(inner.get("id"), str):
            out.append(("id", inner["id"]))
        else:
            out.append(("content", ""))
    return out


def slot_rows(line, elements):
    outcomes = line["_outcomes"]
    if not isinstance(outcomes, list) or any(not isinstance(o, dict) for o in outcomes):
        raise WrongError
    if not outcomes:
        return "dangling", []
    top = number(either(line, "_label_cost", "_label_Cost"))
    costs = [number(either(o, "_label_cost", "_label_Cost")) for o in outcomes]
    slot_ids = [whole(e.get("_slot_id"), -1) for e in elements]
    without = [c for c in costs if math.isnan(c)]
    slates = any(s >= 0 for s in slot_ids) or (len(without) == len(costs) and not math.isnan(top))
    if slates and (len(without) < len(costs) or not elements):
        raise WrongError
    if without and (not slates or math.isnan(top)):
        return "dangling", []
    rows, gone = [], []
    for s, outcome in enumerate(outcomes):
        a = [whole(x, -1) for x in listed(outcome.get("_a"))]
        p = [number(x) for x in listed(outcome.get("_p"))]
        if not a or (p and len(p) != len(a)) or -1 in a:
            raise WrongError
        mine = list(range(len(elements)))
        if slates:
            mine = [j for j in mine if slot_ids[j] == s]
        if elements:
            if any(x >= len(mine) for x in a):
                raise WrongError
            a = [mine[x] for x in a]
        p = p or [NAN] * len(a)
        chosen, propensity = a[0], p[0]
        gone.append(chosen)
        if len(a) == 1 and len(elements) > 1 and not propensity > 0.999:
            a += [j for j in mine if j not in gone]
            p = [NAN] * len(a)
        final = s == len(outcomes) - 1
        original = number((line if slates else outcome).get("_original_label_cost"))
        if slates:
            cost, original = (top, original) if final else (0.0, 0.0)
        else:
            cost = costs[s]
        rows.append((s, chosen, cost, original, propensity, list(zip(a, p, strict=True))))
    return "slates" if slates else "ccb", rows


def single_row(line, elements):
    action = whole(either(line, "_label_action", "_label_Action"), 0)
    index = whole(line.get("_labelIndex"), -1)
    a = [whole(x, -1) for x in listed(line.get("a"))]
    p = [number(x) for x in listed(line.get("p"))]
    if index >= 0 and action > 0 and action != index + 1:
        raise WrongError
    if (a and p and len(a) != len(p)) or -1 in a:
        raise WrongError
    n = len(elements) if elements else max(len(a), len(p))
    first = 0 if 0 in a else 1
    order = [x - first for x in a] if a else list(range(n))
    if len(set(order)) < len(order) or any(x >= n for x in order) or (p and len(p) != len(order)):
        raise WrongError
    chosen = index if index >= 0 else action - 1
    if chosen < 0 and a:
        chosen = order[0]
    if n and chosen >= n:
        raise WrongError
    entries = sorted(zip(order, p or [NAN] * len(order), strict=True), key=lambda entry: entry[0])
    cost = number(either(line, "_label_cost", "_label_Cost"))
    original = number(line.get("_original_label_cost"))
    propensity = number(either(line, "_label_probability", "_label_Probability"))
    return (0, chosen, cost, original, propensity, entries if n else None)


def read(text):
    """Return (kind, rows, event, drop, time, names) of a line's bytes."""
    try:
        line = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return ("unreadable",)
    try:
        if not isinstance(line, dict):
            raise WrongError
        context = line.get("c")
        if context is not None and not isinstance(context, dict):
            raise WrongError
        elements = (context or {}).get("_multi", line.get("_multi"))
        elements = [] if elements is None else elements
        if not isinstance(elements, list) or any(not isinstance(e, dict) for e in elements):
            raise WrongError
        event = line.get("EventId")
        if event is not None and not isinstance(event, str):
            if type(event) not in (int, float):
                raise WrongError
            event = json.dumps(event)
        skip = line.get("_skipLearn")
        if skip is not None and not isinstance(skip, (bool, int, float)):
            raise WrongError
        drop = 0.0 if line.get("pdrop") is None else number(line["pdrop"])
        time = seconds(line.get("Timestamp"))
        if skip:
            kind, rows = "dangling", []
        elif line.get("_outcomes") is not None:
            kind, rows = slot_rows(line, elements)
        elif either(line, "_label_cost", "_label_Cost") is not None:
            kind, rows = "cb", [single_row(line, elements)]
        else:
            kind, rows = "dangling", []
    except WrongError:
        return ("unreadable",)
    return kind, rows, event, drop, time, names_of(elements)


def features(text):
    """Return {(owner, name): float32 sum} of a line; repeated names add up."""
    line = json.loads(text, object_pairs_hook=list)
    top = dict(line)
    root = dict(top["c"]) if "c" in top else top
    out = {}
    label = {"a", "p", "o", "pdf", "pdrop", "Version", "EventId", "Timestamp", "EnqueuedTimeUtc"}
    label |= {"RewardValue", "DeferredAction", "VWState"}

    def put(owner, name, value):
        out[owner, name] = np.float32(out.get((owner, name), np.float32(0)) + value)

    def is_object(value):
        return isinstance(value, list) and all(isinstance(v, tuple) for v in value) and value != []

    def walk(owner, name, value):
        if is_object(value):
            for key, inner in value:
                if not key.startswith("_"):
                    walk(owner, f"{name}.{key}", inner)
        elif isinstance(value, list):
            for j, inner in enumerate(value):
                if type(inner) in (int, float):
                    put(owner, f"{name}[{j}]", inner)
                elif not isinstance(inner, bool):
                    walk(owner, name, inner)
        elif isinstance(value, str):
            put(owner, f"{name}={value}", 1)
        elif value is True:
            put(owner, name, 1)
        elif value is not None and value is not False:
            put(owner, name, value)

    def members(owner, pairs, hidden=frozenset()):
        for key, value in pairs:
            if not key.startswith("_") and key not in hidden:
                walk(owner, key, value)

    members(-1, top.get("c", line), set() if "c" in top else label)
    for j, element in enumerate(root.get("_multi", [])):
        members(j, element)
    for j, element in enumerate(root.get("_slots", [])):
        members(-2 - j, element)
    return out
