"""Credit: which slots earned a page's reward, judged by clicks and provenance alone."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from ltrr import _check
from ltrr._kernels import credit as kernels
from ltrr.types import Bool, Float64, UInt32

__all__ = ["SIGNALS", "RULES", "SLOT_RULES", "credit"]

SLOT_RULES: Mapping[str, str] = MappingProxyType(
    {
        "split": "an equal share of the value of each item it drew, among the slots that drew it: "
        'the Shapley value of "any of them sufficed"',
        "marginal": "the value of the items that no other slot drew",
        "sequential": "what the page's reward gains when the slot's items join those of the slots before it, "
        "in a random order; credits sum to the reward",
        "any": "the full value of each item it drew, however many others did",
        "first": "the value of the items that no earlier slot drew",
    }
)
"""Rules that divide a page's reward among several slots, and what a slot earns by each."""

RULES: Mapping[str, str] = MappingProxyType(
    {**SLOT_RULES, "page": "the whole page's reward (for allocations, whose one slot is the page)"}
)
"""The rules of `credit`; ``page`` gives one slot, which chose a whole quota, all of it."""

SIGNALS = ("satisfied", "click", "clicks", "dcg")
"""The kinds of reward; the first two are earned once a page, by whichever item, the others item by item."""

_PER_ITEM = {
    "split": kernels.SPLIT,
    "marginal": kernels.MARGINAL,
    "any": kernels.ANY,
    "first": kernels.FIRST,
    "page": kernels.PAGE,
}


def credit(
    rule: str,
    *,
    value: Float64,
    slots: UInt32,
    n_slots: int,
    reward_kind: int,
    click: Bool,
    satisfied: Bool,
    u: Float64,
) -> Float64:
    """Return what each slot of each request is credited with.

    `RULES` says what a slot earns by each rule.

    A slot draws what its arm delivers to it, and what fallback arms deliver to fill it. Clicks are taken as
    they are: position bias is in them.

    Parameters
    ----------
    rule : str
        One of `RULES`.
    value : float64 (B, K)
        Share of the page's gross reward that each shown item earned; a row sums to the reward.
    slots : uint32 (B, K)
        Bit s is set where slot s drew the item; an item without a bit earns no slot anything.
    n_slots : int in [1, 32]
        Slots a request, S.
    reward_kind : int
        Position in `SIGNALS`. For ``satisfied`` and ``click`` any one such item earns the page's whole
        reward, so that by ``sequential`` the first slot to bring one takes it all.
    click, satisfied : bool (B, K)
        What the user did.
    u : float64 (B, S)
        Uniforms that order the slots under ``sequential``: ascending, ties by slot.

    Returns
    -------
    float64 (B, S)

    Raises
    ------
    InputError
        If a name is unknown or shapes disagree.

    Examples
    --------
    Slots 0 and 1 both drew the clicked item, slot 2 drew another:

    >>> click = np.array([[True, False]])
    >>> page = {
    ...     "value": [[1.0, 0.0]], "slots": [[0b011, 0b100]], "n_slots": 3, "u": [[0.5, 0.1, 0.9]],
    ...     "reward_kind": SIGNALS.index("click"), "click": click, "satisfied": click,
    ... }
    >>> credit("split", **page).tolist(), credit("sequential", **page).tolist()
    ([[0.5, 0.5, 0.0]], [[0.0, 1.0, 0.0]])

    References
    ----------
    Shapley, "A value for n-person games", 1953: ``sequential`` averages to the Shapley value over orders.
    """
    _check.choice("credit rule", rule, tuple(RULES))
    kind = SIGNALS[_check.integer("credit reward_kind", reward_kind, low=0, high=len(SIGNALS) - 1)]
    n_slots = _check.integer("credit n_slots", n_slots, low=1, high=32)
    value = _check.array("credit value", value, np.float64, (None, None))
    slots = _check.array("credit slots", slots, np.uint32, value.shape)
    click = _check.array("credit click", click, np.bool_, value.shape)
    satisfied = _check.array("credit satisfied", satisfied, np.bool_, value.shape)
    u = _check.array("credit u", u, np.float64, (len(value), n_slots))
    out = np.zeros((len(value), n_slots))
    if rule != "sequential":
        kernels.per_item(_PER_ITEM[rule], value, slots, out)
        return out
    order = np.argsort(u, axis=1, kind="stable")
    if kind in ("satisfied", "click"):
        counted = satisfied if kind == "satisfied" else click
        kernels.sequential_once(value, counted, slots, order, out)
    else:
        kernels.sequential(value, slots, order, out)
    return out
