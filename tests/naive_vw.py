"""Vowpal Wabbit's text the obvious way: strings, one line at a time."""

import math
import re

VALUE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def naive_label(line):
    """Return ([action], (action, cost, probability) or None) of a line's label, or None where it is wrong."""
    label, bar, _ = line.partition("|")
    words = label.split()
    if bar and words and not label[-1].isspace():
        words.pop()
    actions, chosen = [], []
    for word in words:
        if word.startswith("'"):
            continue
        try:
            parts = [float(part) for part in word.split(":")]
        except ValueError:
            return None
        if len(parts) > 3 or not 0 <= parts[0] <= 1e9 or parts[0] != int(parts[0]):
            return None
        actions.append(int(parts[0]))
        if len(parts) > 1:
            chosen.append((*parts, math.nan)[:3])
    return (actions, chosen[0] if chosen else None) if len(chosen) < 2 else None


def naive_features(line):
    """Return {name: value} of a line; values under one name add up."""
    out = {}
    for group in line.split("|")[1:]:
        words = group.split()
        space, weight = "", 1.0
        if words and not group[:1].isspace():
            head = words.pop(0).split(":")
            space = head[0] + "." if head[0] else ""
            weight = naive_number(":".join(head[1:])) if len(head) > 1 else 1.0
        for word in words:
            name, *value = word.split(":")
            number = naive_number(":".join(value)) if value else 1.0
            out[space + name] = out.get(space + name, 0.0) + weight * number
    return out


def naive_number(text):
    """Return a number, NaN where a text is none."""
    return float(text) if VALUE.fullmatch(text) else math.nan
