"""Labels of a line of Vowpal Wabbit's text: ``action:cost:probability``."""

from __future__ import annotations

import math
from typing import NamedTuple

__all__ = ["VwLabel", "vw_label"]

_MOST_ACTIONS = 10**9


class VwLabel(NamedTuple):
    """What a line says before its features.

    ``actions`` are all actions that are named; of those with a cost, ``n_costs`` in number, the last is in
    ``action, cost, propensity``. ``wrong`` is the word that is not a label.

    Examples
    --------
    >>> label = vw_label(b"2:-1:0.5 3 | hour:8")
    >>> label.actions, label.cost, label.propensity
    ((2, 3), -1.0, 0.5)
    """

    shared: bool = False
    actions: tuple[int, ...] = ()
    n_costs: int = 0
    action: float = math.nan
    cost: float = math.nan
    propensity: float = math.nan
    wrong: str = ""


_NO_LABEL = VwLabel()


def vw_label(line: bytes) -> VwLabel:
    """Return what a line says before its bar, tags aside.

    Examples
    --------
    >>> vw_label(b"2:-1:0.5 3 'tag | x")
    VwLabel(shared=False, actions=(2, 3), n_costs=1, action=2.0, cost=-1.0, propensity=0.5, wrong='')
    >>> vw_label(b"shared tag| x").shared, vw_label(b"two:-1:0.5 | x").wrong
    (True, 'two:-1:0.5')
    """
    head, bar, _ = line.partition(b"|")
    words = head.split()
    if bar and words and not head[-1:].isspace():
        words.pop()  # a tag
    if not words:
        return _NO_LABEL
    shared = words[0] == b"shared"
    named, costs = [], []
    for word in words[shared:]:
        if word.startswith(b"'"):
            continue
        label = None if shared else _parts(word)
        if label is None:
            return VwLabel(wrong=word.decode("utf-8", "replace"))
        named.append(int(label[0]))
        if len(label) > 1:
            costs.append(label)
    action, cost, propensity = [*(costs[-1] if costs else (math.nan,)), math.nan, math.nan][:3]
    return VwLabel(shared, tuple(named), len(costs), action, cost, propensity)


def _parts(word: bytes) -> list[float] | None:
    """Return (action[, cost[, probability]]), or None where the word is not a label."""
    try:
        parts = [float(part) for part in word.split(b":")]
    except ValueError:
        return None
    good = len(parts) <= 3 and 0 <= parts[0] <= _MOST_ACTIONS and parts[0].is_integer()
    return parts if good else None
