"""The loop's settings: budget, batches, delay, exploration, what is sampled and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.bandits.credit import SLOT_RULES
from ltrr.errors import InputError
from ltrr.types import Int32

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
    slab_size : mapping of str to int, optional
        At most how many candidates a slot asks of an arm, by the arm's name; ``slot_size`` of an arm that is
        not named, and never more. ``{ memory = 5 }`` asks memory for its best five, and the fallback for the
        rest of the slot.
    catalogue : int >= 1
        At most how many whole quotas a policy over allocations chooses among: every arm alone, and those
        that the tuning found best.
    preview : int >= 0
        Items of each arm that are looked at before the choice: the evidence that policies may use
        (`ltrr.features.Evidence`) and that is logged; 0 for none.
    fallback : tuple of str, optional
        Arms that fill up slots that came back short, in this order; by default those of ``arms`` that are
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
    >>> LoopSetting(arms=("bm25", "memory"), slab_size={"memory": 5}).slabs.tolist()
    [20, 5]
    """

    arms: tuple[str, ...] = ("bm25", "dense", "memory", "popular")
    n_slots: int = 3
    slot_size: int = 20
    page_size: int = 10
    slab_size: Mapping[str, int] | None = None
    catalogue: int = 40
    preview: int = 0
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
        if len(set(self.fallback or ())) < len(self.fallback or ()):
            raise InputError(f"`loop.fallback` must not name an arm twice, got {list(self.fallback or ())}")
        _check.integer("loop.n_slots", self.n_slots, low=1, high=30)
        for name in (
            "slot_size",
            "page_size",
            "catalogue",
            "feedback_every",
            "oracle_every",
            "held_out_oracle_every",
            "checkpoint_every",
        ):
            _check.integer(f"loop.{name}", getattr(self, name), low=1)
        self._check_slab_size()
        _check.integer("loop.preview", self.preview, low=0)
        if self.preview > self.budget:
            raise InputError(
                f"`loop.preview` must be at most the {self.budget} candidates of a request, "
                f"got {self.preview}"
            )
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

    def _check_slab_size(self) -> None:
        if self.slab_size is None:
            return
        if not isinstance(self.slab_size, Mapping):
            raise InputError(f"`loop.slab_size` must be a table as {{ memory = 5 }}, got {self.slab_size!r}")
        for name, size in self.slab_size.items():
            _check.choice("loop.slab_size", name, self.arms)
            _check.integer(f"loop.slab_size.{name}", size, low=1)
        # in the order of the arms: the order in which they were named means nothing
        own = {name: int(self.slab_size[name]) for name in self.arms if name in self.slab_size}
        object.__setattr__(self, "slab_size", own or None)

    @cached_property
    def slabs(self) -> Int32:
        """Candidates that a slot asks of each arm, (R,)."""
        own = self.slab_size or {}
        return np.array([min(own.get(a, self.slot_size), self.slot_size) for a in self.arms], np.int32)

    @property
    def budget(self) -> int:
        """Candidates a request: slots times slot size."""
        return self.n_slots * self.slot_size

    @cached_property
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
