"""The loop's settings: budget, batches, delay, exploration, what is sampled and kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ltrr import _check
from ltrr.bandits.credit import SLOT_RULES
from ltrr.errors import InputError

__all__ = ["LoopSetting"]


@dataclass(frozen=True, kw_only=True)
class LoopSetting:
    """How a run proceeds; the same for all policies of a study.

    Parameters
    ----------
    arms : tuple of str
        Names of the arms; the position is the arm's index.
    n_slots : int >= 1
        Slots a request: how often a policy draws an arm.
    slot_size : int >= 1
        Candidates a slot.
    page_size : int >= 1
        Places on the page.
    fallback : tuple of str, optional
        Arms that fill up slabs that came back short, in this order; by default those of ``arms`` that are
        always full.
    feedback_every : int
        Requests between two learning updates; 1 is the textbook online loop.
    warmup : int
        First requests, decided uniformly at random by the declared logging policy; all learn from them.
    audit : float in [0, 1)
        Share of slots filled at random after the warm-up.
    credit : str
        Rule that divides a page's reward among slots (`ltrr.bandits.credit`).
    delay_seconds : float
        Mean of the exponential delay after which feedback arrives; 0 is at once.
    attribution_seconds : float
        Actions that arrive later than this are lost (censored).
    oracle_every : int
        The oracles judge one request in this many, evenly spaced.
    held_out : int
        Requests on held-out queries on which the frozen policy is judged at the end.
    held_out_oracle_every : int
        The oracles judge one of these in this many too.
    checkpoint_every : int
        Requests between two checkpoints.
    log_shadow : bool
        Shadow retrieval: in cells that are logged, all arms are retrieved at the whole budget for every
        request, and what was not drawn is scored by the ranker and logged too (``slots`` 0 in the table of
        candidates). The log then determines the page that any other quota would have shown. Nothing else
        changes: not what is drawn, shown, learned or counted as cost. Every request then takes its deepest
        retrieval, and the table of candidates grows several times.

    Examples
    --------
    >>> setting = LoopSetting(arms=("bm25", "popular"), n_slots=3, slot_size=20, fallback=("popular",))
    >>> setting.budget, setting.fallback_index
    (60, (1,))
    """

    arms: tuple[str, ...] = ("bm25", "dense", "memory", "popular")
    n_slots: int = 3
    slot_size: int = 20
    page_size: int = 10
    fallback: tuple[str, ...] | None = None
    feedback_every: int = 50
    warmup: int = 300
    audit: float = 0.0
    credit: str = "split"
    delay_seconds: float = 0.0
    attribution_seconds: float = math.inf
    oracle_every: int = 20
    held_out: int = 400
    held_out_oracle_every: int = 4
    checkpoint_every: int = 1000
    log_shadow: bool = False

    def __post_init__(self) -> None:
        for name in ("arms", "fallback"):
            value = getattr(self, name)
            if name == "fallback" and value is None:
                continue
            if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
                raise InputError(f"`loop.{name}` must be a list of names, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        if not self.arms:
            raise InputError("`loop.arms` must name at least one arm, got none")
        if len(set(self.arms)) < len(self.arms):
            raise InputError(f"`loop.arms` must not name an arm twice, got {list(self.arms)}")
        for name in self.fallback or ():
            _check.choice("loop.fallback", name, self.arms)
        _check.integer("loop.n_slots", self.n_slots, low=1, high=30)
        for name in (
            "slot_size",
            "page_size",
            "feedback_every",
            "oracle_every",
            "held_out_oracle_every",
            "checkpoint_every",
        ):
            _check.integer(f"loop.{name}", getattr(self, name), low=1)
        for name in ("warmup", "held_out"):
            _check.integer(f"loop.{name}", getattr(self, name), low=0)
        if _check.fraction("loop.audit", self.audit) == 1.0:
            raise InputError("`loop.audit` must be below 1, got 1: nothing would be left to the policy")
        if not isinstance(self.log_shadow, bool):
            raise InputError(f"`loop.log_shadow` must be true or false, got {self.log_shadow!r}")
        _check.choice("loop.credit", self.credit, tuple(SLOT_RULES))
        _check.number("loop.delay_seconds", self.delay_seconds, low=0.0)
        if self.attribution_seconds != math.inf:
            _check.number("loop.attribution_seconds", self.attribution_seconds, low=0.0, open_low=True)

    @property
    def budget(self) -> int:
        """Candidates a request: slots times slot size."""
        return self.n_slots * self.slot_size

    @property
    def fallback_index(self) -> tuple[int, ...]:
        """Arm indices of the fallback, in order."""
        return tuple(self.arms.index(a) for a in self.fallback or ())

    def for_arms(self, arms: Sequence[Any]) -> LoopSetting:
        """Return the setting with its fallback filled in: the arms, by index, that are always full."""
        if self.fallback is not None:
            return self
        pairs = zip(self.arms, arms, strict=True)
        return replace(
            self, fallback=tuple(name for name, arm in pairs if getattr(arm, "always_full", False))
        )
