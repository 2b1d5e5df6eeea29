"""The checks of replay logs in the plainest way: dictionaries, lists and loops."""

import math

TOLERANCE = 1e-3


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
        if math.isnan(p):
            out.append("propensity missing")
        elif math.isinf(p):
            out.append("propensity not finite")
        elif p <= 0:
            out.append("propensity not positive")
        elif p > 1:
            out.append("propensity above 1")
        else:
            fits = True
    if "count" in row and not (math.isfinite(row["count"]) and row["count"] >= 1 - 1e-6):
        out.append("count not positive")
    if "target" in row and not 0 <= row["target"] <= 1:
        out.append("target outside [0, 1]")
    if "context" in row and not all(math.isfinite(x) for x in row["context"]):
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


def requests_of(chunk, space, ids, slots):
    """Group the rows of a chunk into requests."""
    groups = []
    for row in chunk:
        told = row.get("told", [])
        alone = "dangling event" in told
        attached = not alone and ("unreadable" in told or (ids and row["event"] in ("", None)))
        row["unattached"] = alone or attached
        group = groups[-1] if groups else None
        join = False
        if group is not None:
            known = [r for r in group if not r["unattached"]]
            if attached:
                join = slots and not group[0]["unattached"] and len(group) < space.n_slots
            elif not alone and known:
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
    kept, found, seen = [], set(), {}
    last_time = None
    for chunk in chunks:
        ids, slots = bool(chunk) and "event" in chunk[0], bool(chunk) and "slot" in chunk[0]
        for group in requests_of(chunk, space, ids, slots):
            spoiled, out = False, set()
            before = set(seen.get(group[0].get("event"), ())) if ids else set()
            here, expected, counts, total = set(), 0, [], 0.0
            faults = {}
            for row in group:
                mine = row_faults(row, space)
                if ids and row["event"] in ("", None):
                    mine.append("missing value")
                faults[row["row"]] = mine
                slot = row["slot"] if slots else 0
                if row["unattached"]:
                    expected += 1
                    continue
                if before:
                    again = slot in before
                    mine.append("duplicate event" if again else "slots out of order")
                    if again:
                        out.add(row["row"])
                        continue
                elif slot in here and slot < 62:  # the kernel has one bit for all later slots
                    mine.append("duplicate event")
                    out.add(row["row"])
                    continue
                else:
                    here |= {slot} if slot >= 0 else set()
                    if slot != expected or slot >= space.n_slots:
                        mine.append("slots out of order")
                    expected += 1
                if "count" in row and "count not positive" not in mine:
                    counts.append(row["count"])
                    if row["count"] != counts[0]:
                        mine.append("counts differ")
                total += row["reward"]
            some = [r for r in group if not r["unattached"]]
            if ids and some:
                places = {r["slot"] if slots else 0 for r in some}
                seen.setdefault(some[0]["event"], set()).update(p for p in places if p >= 0)
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
                    found |= {(kind, row["row"]) for kind in faults[row["row"]]}
                if spoiled and not row["hushed"] and not faults[row["row"]]:
                    found.add(("slot of a faulty request", row["row"]))
                if not spoiled and row["row"] not in out and not row["hushed"]:
                    kept.append(row)
        for row in chunk:
            if "time" not in row:
                continue
            if not math.isfinite(row["time"]):
                if not row["hushed"]:
                    found.add(("time missing", row["row"]))
            elif not row["unattached"]:
                if last_time is not None and row["time"] < last_time and not row["hushed"]:
                    found.add(("time runs backwards", row["row"]))
                last_time = row["time"]
    return kept, found
