"""The checks of replay logs in the plainest way: dictionaries, lists and loops."""

import math

TOLERANCE = 1e-3


def high(p):
    """Say whether a probability is above 1 by more than rounding."""
    return p > 1 + 1e-6


def clipped(p):
    """Return a probability that rounding may have left above 1."""
    return 1.0 if 1 < p <= 1 + 1e-6 else p


def row_warnings(row):
    """Return what is reported of a row without excluding it."""
    stated = [row.get("propensity"), row.get("target"), *(row.get("probabilities") or ())]
    return ["propensity just above 1"] if any(p is not None and 1 < p <= 1 + 1e-6 for p in stated) else []


def alike(one, other):
    """Say whether two copies agree."""
    return all(
        one.get(name) == other.get(name) or (one[name] != one[name] and other[name] != other[name])
        for name in ("reward", "action", "propensity")
    )


def naive_copies(rows, ids, slots):
    """Return copies {row: (first row, agree)} and rows apart {row: row where their request begins}.

    Rows are dictionaries in the order of the log; those with "unattached" belong to no request by their id.
    """
    by_pair, begins, copies, apart = {}, {}, {}, {}
    runs, before = {}, None
    if not ids:
        return copies, apart
    for row in rows:
        event, slot = row["event"], row["slot"] if slots else 0
        if event in ("", None) or row["unattached"]:
            continue
        begins.setdefault(event, row["row"])
        if event != before:
            runs[event] = runs.get(event, 0) + 1
        before = event
        seen = by_pair.setdefault((event, slot), [])
        if seen and slot >= 0:
            copies[row["row"]] = seen[0]["row"]
        elif runs[event] > 1:
            apart[row["row"]] = begins[event]
        seen.append(row)
    agree = {
        seen[0]["row"]: all(alike(seen[0], row) for row in seen)
        for (_, slot), seen in by_pair.items()
        if slot >= 0
    }
    return {row: (first, agree[first]) for row, first in copies.items()}, apart


def row_faults(row, space):
    """Return the kinds of fault of one row alone."""
    out, n = [], len(space.actions)
    action, reward, p = row["action"], row["reward"], row.get("propensity")
    if action < 0:
        out.append("missing value")
    elif action >= n:
        out.append("unseen category")
    if math.isnan(reward):
        out.append("missing value")
    elif math.isinf(reward):
        out.append("reward not finite")
    fits = p is None
    if p is not None:
        p = clipped(p)
        if math.isnan(p):
            out.append("propensity missing")
        elif math.isinf(p):
            out.append("propensity not finite")
        elif p <= 0:
            out.append("propensity not positive")
        elif high(p):
            out.append("propensity above 1")
        else:
            fits = True
    if "count" in row and not (math.isfinite(row["count"]) and row["count"] >= 1 - 1e-6):
        out.append("count not positive")
    if "target" in row and math.isnan(row["target"]):
        out.append("missing value")
    elif "target" in row and not 0 <= clipped(row["target"]) <= 1:
        out.append("target outside [0, 1]")
    if "context" in row and any(math.isinf(x) for x in row["context"]):
        out.append("context not finite")
    eligible = row.get("eligible")
    probabilities = row.get("probabilities")
    if eligible is None and probabilities is None:
        return out
    if eligible is None:
        eligible = list(range(n))
    if not eligible:
        return [*out, "no eligible action"]
    if any(not 0 <= a < n for a in eligible):
        out.append("unseen category")
    known = [a for a in eligible if 0 <= a < n]
    if len(set(known)) < len(known):
        out.append("action repeated")
    if 0 <= action < n and action not in eligible:
        out.append("action not eligible")
    if probabilities is None:
        return out
    probabilities = [clipped(q) for q in probabilities]
    if any(not 0 <= q <= 1 for q in probabilities):
        out.append("probability outside [0, 1]")
        return out
    if abs(sum(probabilities) - 1) > TOLERANCE:
        out.append("probabilities do not sum to 1")
    if action in eligible:
        q = probabilities[eligible.index(action)]
        if p is None and q == 0:
            out.append("propensity not positive")
        if p is not None and fits and abs(p - q) > TOLERANCE * max(p, q):
            out.append("propensity differs from distribution")
    return out


def attach(row, ids):
    """Note whether a row's request is known: by place only, or not at all."""
    told = row.get("told", [])
    row["alone"] = "dangling event" in told
    row["attached"] = not row["alone"] and ("unreadable" in told or (ids and row["event"] in ("", None)))
    row["unattached"] = row["alone"] or row["attached"]


def requests_of(chunk, space, ids, slots):
    """Group the rows of a chunk into requests."""
    groups = []
    for row in chunk:
        group = groups[-1] if groups else None
        join = False
        if group is not None:
            known = [r for r in group if not r["unattached"]]
            if row["attached"]:
                join = slots and not group[0]["unattached"] and len(group) < space.n_slots
            elif not row["alone"] and known:
                join = row["event"] == known[-1]["event"] if ids else row.get("slot", 0) != 0
        if join:
            group.append(row)
        else:
            groups.append([row])
    return groups


def naive_admit(chunks, space, *, reward_range=None):
    """Return the rows kept, in order, the set of (kind, row), and the key row of each row kept.

    Rows are dictionaries that share their keys: row, action, reward and, where the log has them, event, slot,
    propensity, count, time, target, context, eligible, probabilities, told.
    """
    kept, found = [], set()
    last_time = None
    everything = [row for chunk in chunks for row in chunk]
    ids, slots = ("event" in everything[0], "slot" in everything[0]) if everything else (False, False)
    for row in everything:
        attach(row, ids)
    copies, apart = naive_copies(everything, ids, slots)
    disputed = {first for first, agree in copies.values() if not agree}
    for chunk in chunks:
        for group in requests_of(chunk, space, ids, slots):
            spoiled, out = False, set()
            expected, counts, total = 0, [], 0.0
            faults, warnings = {}, {}
            for row in group:
                number, mine = row["row"], row_faults(row, space)
                warnings[number] = row_warnings(row)
                if ids and row["event"] in ("", None):
                    mine.append("missing value")
                faults[number] = mine
                slot = row["slot"] if slots else 0
                if row["unattached"]:
                    expected += 1
                    continue
                if number in copies:
                    mine[:] = ["duplicate event" if copies[number][1] else "copies disagree"]
                    warnings[number] = []
                    out.add(number)
                    continue
                if number in disputed:
                    mine.append("copies disagree")
                if number in apart or number in apart.values():
                    mine.append("request not adjacent")
                elif slot != expected or slot >= space.n_slots:
                    mine.append("slots out of order")
                expected += 1
                if "count" in row and "count not positive" not in mine:
                    counts.append(row["count"])
                    if row["count"] != counts[0]:
                        mine.append("counts differ")
                total += row["reward"]
            some = [r for r in group if not r["unattached"] and r["row"] not in out]
            if reward_range and some and math.isfinite(total):
                low, high = reward_range
                slack = 1e-6 * max(abs(low), abs(high))
                if not low - slack <= total <= high + slack:
                    faults[some[-1]["row"]].append("reward out of range")
            for row in group:
                row["hushed"] = any(kind != "time missing" for kind in row.get("told", []))
                if (row["hushed"] or faults[row["row"]]) and row["row"] not in out:
                    spoiled = True
            for row in group:
                found |= {(kind, row["row"]) for kind in row.get("told", [])}
                if not row["hushed"]:
                    found |= {(kind, row["row"]) for kind in faults[row["row"]] + warnings[row["row"]]}
                if spoiled and not row["hushed"] and not faults[row["row"]]:
                    found.add(("slot of a faulty request", row["row"]))
                if not spoiled and row["row"] not in out and not row["hushed"]:
                    kept.append(row)
        for row in chunk:
            if "time" not in row:
                continue
            quiet = row["hushed"] or row["row"] in copies
            if not math.isfinite(row["time"]):
                if not quiet:
                    found.add(("time missing", row["row"]))
            elif not row["unattached"]:
                if last_time is not None and row["time"] < last_time and not quiet:
                    found.add(("time runs backwards", row["row"]))
                last_time = row["time"]
    return kept, found
