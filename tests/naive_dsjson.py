"""Decision-service JSON the obvious way: json.loads a line at a time."""

import hashlib
import json
import math
import re
from datetime import datetime, timedelta

NAN = math.nan
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)
LABEL = {"a", "p", "o", "pdf", "pdrop", "Version", "EventId", "Timestamp", "EnqueuedTimeUtc"}
LABEL |= {"RewardValue", "DeferredAction", "VWState"}


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


def whole(value, *default):
    if value is None and default:
        return default[0]
    value = number(value)
    if not (0 <= value <= 1e9 and value == math.floor(value)):
        raise WrongError
    return int(value)


def listed(value):
    return value if isinstance(value, list) else ([] if value is None else [value])


def wholes(value):
    return [whole(x) for x in listed(value)]


def either(line, *names):
    value = None
    for key in line:
        if key in names and line[key] is not None:
            value = line[key]
    return value


def text(value):
    if value is None or isinstance(value, str):
        return value
    if type(value) not in (int, float):
        raise WrongError
    return json.dumps(value)


def seconds(value):
    if value is None:
        return NAN
    match = TIME.fullmatch(value)
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


def walk(name, value):
    """Return the features of a value as pairs."""
    if isinstance(value, dict):
        return [pair for k, inner in value.items() if k[:1] != "_" for pair in walk(f"{name}.{k}", inner)]
    if isinstance(value, list):
        out = []
        for j, inner in enumerate(value):
            if type(inner) in (int, float):
                out.append((f"{name}[{j}]", number(inner)))
            elif not isinstance(inner, bool):
                out += walk(name, inner)
        return out
    if isinstance(value, str):
        return [(f"{name}={value}", 1.0)]
    if value is None or value is False:
        return []
    return [(name, 1.0 if value is True else number(value))]


def members(value, hidden=frozenset()):
    return [pair for k, inner in value.items() if k[:1] != "_" and k not in hidden for pair in walk(k, inner)]


def name_of(element):
    inner = element.get("i")
    if isinstance(element.get("_tag"), str):
        name = element["_tag"]
    elif isinstance(inner, dict) and isinstance(inner.get("id"), str):
        name = inner["id"]
    else:
        name = ", ".join(sorted(n if v == 1 else f"{n}={v:g}" for n, v in members(element)))
    if len(name) > 120:
        name = f"{name[:100]}… {hashlib.blake2b(name.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
    return name


def elements_of(line):
    elements = (line.get("c") or {}).get("_multi", line.get("_multi"))
    elements = [] if elements is None else elements
    if not isinstance(elements, list) or any(not isinstance(e, dict) for e in elements):
        raise WrongError
    for element in elements:
        whole(element.get("_slot_id"), -1)
    return elements


def slot_rows(line):
    outcomes = line["_outcomes"]
    top = number(either(line, "_label_cost", "_label_Cost"))
    top_original = number(line.get("_original_label_cost"))
    costs = [number(either(o, "_label_cost", "_label_Cost")) for o in outcomes]
    originals = [number(o.get("_original_label_cost")) for o in outcomes]
    shown = [wholes(o.get("_a")) for o in outcomes]
    odds = [[number(x) for x in listed(o.get("_p"))] for o in outcomes]
    if not outcomes:
        return "dangling", []
    elements = elements_of(line)
    slot_ids = [whole(e.get("_slot_id"), -1) for e in elements]
    without = [c for c in costs if math.isnan(c)]
    slates = any(s >= 0 for s in slot_ids) or (len(without) == len(costs) and not math.isnan(top))
    if slates and (len(without) < len(costs) or not elements):
        raise WrongError
    if without and (not slates or math.isnan(top)):
        return "dangling", []
    rows, gone = [], []
    for s, (a, p) in enumerate(zip(shown, odds, strict=True)):
        if not a or (p and len(p) != len(a)):
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
            a = a + [j for j in mine if j not in gone]
            p = [NAN] * len(a)
        final = s == len(outcomes) - 1
        cost, original = costs[s], originals[s]
        if slates:
            cost, original = (top, top_original) if final else (0.0, 0.0)
        rows.append((s, chosen, cost, original, propensity, list(zip(a, p, strict=True))))
    return "slates" if slates else "ccb", rows


def check(line):
    """Check every field of a label, whatever the line is."""
    for names in (("_label_cost", "_label_Cost"), ("_label_probability", "_label_Probability")):
        number(either(line, *names))
    whole(either(line, "_label_action", "_label_Action"), 0)
    whole(line.get("_labelIndex"), -1)
    for value in (line.get("_original_label_cost"), *listed(line.get("p"))):
        number(value)
    outcomes = line.get("_outcomes")
    if outcomes is None:
        return
    if not isinstance(outcomes, list) or any(not isinstance(o, dict) for o in outcomes):
        raise WrongError
    for o in outcomes:
        wholes(o.get("_a"))
        for value in (
            *listed(o.get("_p")),
            either(o, "_label_cost", "_label_Cost"),
            o.get("_original_label_cost"),
        ):
            number(value)


def single_row(line):
    action = whole(either(line, "_label_action", "_label_Action"), 0)
    index = whole(line.get("_labelIndex"), -1)
    a = wholes(line.get("a"))
    p = [number(x) for x in listed(line.get("p"))]
    elements = elements_of(line)
    if index >= 0 and action > 0 and action != index + 1:
        raise WrongError
    if a and p and len(a) != len(p):
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


def read(data):
    """Return (kind, rows, event, drop, time, elements) of a line's bytes."""
    try:
        line = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return ("unreadable",)
    try:
        if not isinstance(line, dict):
            raise WrongError
        context = line.get("c")
        if context is not None and not isinstance(context, dict):
            raise WrongError
        event, time = text(line.get("EventId")), seconds(text(line.get("Timestamp")))
        skip = line.get("_skipLearn")
        if skip is not None and not isinstance(skip, (bool, int, float)):
            raise WrongError
        check(line)
        drop = None if line.get("pdrop") is None else number(line["pdrop"])
        if skip:
            kind, rows = "dangling", []
        elif line.get("_outcomes") is not None:
            kind, rows = slot_rows(line)
        elif either(line, "_label_cost", "_label_Cost") is not None:
            kind, rows = "cb", [single_row(line)]
        else:
            kind, rows = "dangling", []
        elements = elements_of(line) if rows else []
    except WrongError:
        return ("unreadable",)
    return kind, rows, event, drop, time, elements


def some(value):
    return None if value is None or math.isnan(value) else value


def summed(pairs):
    out = {}
    for name, value in pairs:
        name = name.encode("utf-8", "replace").decode()
        out[name] = out.get(name, 0.0) + value
    return out


def line_rows(data, by_place):
    """Return the rows of a line as dictionaries."""
    kind, *found = read(data)
    if kind == "unreadable":
        return [{"fault": "unreadable"}]
    rows, event, drop, time, elements = found
    common = {"event": event, "timestamp": some(time), "fault": None}
    if not rows:
        return [common | {"fault": "dangling event"}]
    line = json.loads(data)
    root = line if line.get("c") is None else line["c"]
    shared = members(root, LABEL if line.get("c") is None else frozenset())
    slots = root.get("_slots")
    slots = slots if isinstance(slots, list) else []
    out = []
    for slot, chosen, cost, original, propensity, entries in rows:
        places = [place for place, _ in entries or []]
        name = (lambda j: str(j + 1)) if by_place else (lambda j: name_of(elements[j]))
        named = {chosen, *places} - {-1}
        if not by_place and named and (not elements or len({name(j) for j in named}) < len(named)):
            return [common | {"fault": "unreadable"}]
        p = [v for _, v in entries or []]
        own = members(slots[slot]) if slot < len(slots) and isinstance(slots[slot], dict) else []
        per_action = [summed(members(elements[j]) if elements else []) for j in places]
        row = {
            "slot": slot,
            "action": None if chosen < 0 else name(chosen),
            "cost": some(cost),
            "original": some(original),
            "propensity": some(propensity),
            "count": None if drop is None else 1 / (1 - drop) if 0 <= drop < 1 else 0.0,
            "eligible": None if entries is None else [name(j) for j in places],
            "probabilities": None if not p or any(map(math.isnan, p)) else p,
            "context": summed(shared + own),
            "features": None if entries is None else per_action,
            "whole": kind == "slates",
        }
        out.append(common | row)
    return out
