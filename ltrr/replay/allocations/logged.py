"""What a log of ltrr holds of its requests, as policies see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ltrr.bandits.blocks import FURTHER
from ltrr.bandits.registry import POLICIES
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.features.actions import Slabs
from ltrr.features.arm_columns import FILLED
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import RunLog, RunPart
from ltrr.protocols import Policy
from ltrr.replay.allocations.quota_law import FIXED, LoggedCredit, LoggedSupply
from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import make_policy
from ltrr.types import Float32, Float64, Int32, Int64, Requests, row_of

__all__ = ["LoggedColumns", "known_logging", "logged_probabilities", "requests_of", "scatter", "slabs_of"]


_FURTHER = tuple(f"{block}:" for block in FURTHER)


def requests_of(events: Events, first: Int64, request: Int64) -> Requests:
    """Return one row a request, with the ids that were logged."""
    rows = events.requests.take(first)
    return Requests(
        request[first],
        rows.session,
        rows.user,
        rows.query,
        rows.time,
        rows.context,
        rows.context_names,
        rows.queries,
    )


def scatter(events: Events, values: Float64) -> Float64:
    """Return ragged values by action, (n, A), 0 where an action was not eligible."""
    out = np.zeros((len(events), len(events.space.actions)))
    out[row_of(events.actions.indptr), events.actions.action] = values
    return out


def logged_probabilities(events: Events) -> Float64:
    """Return the logged distributions, (n, A)."""
    if events.probabilities is None:
        raise InputError("a log of ltrr must hold the full distributions; write it again")
    return scatter(events, events.probabilities)


def slabs_of(log: RunLog, part: RunPart) -> Slabs:
    """Return what builds the action set of any slot of a part's requests.

    Raises
    ------
    InputError
        If the log does not hold the features of all arms in every slot, or what the arms had.
    """
    events = part.events
    arms, n, space = tuple(log.parts.about["arms"]), len(events.request_indptr) - 1, log.space
    r = len(arms)
    if not log.parts.slabs:
        return Slabs(arms, log.n_slots, LoggedCredit(np.zeros((n, r), np.float32)))
    none = LoggedCredit(np.zeros((0, r), np.float32))
    plain = Slabs(arms, log.n_slots, none).names
    further = tuple(name for name in space.feature_names if name.startswith(_FURTHER) and name != FILLED)
    columns = LoggedColumns(further, np.zeros((0, r, len(further)), np.float32)) if further else None
    names = Slabs(arms, log.n_slots, none, columns=columns).names
    actions = events.actions
    if names != space.feature_names or not np.array_equal(actions.action, np.tile(np.arange(r), len(events))):
        raise InputError(
            f"{log.name}: every slot must offer all {r} arms in order with the features "
            f"{', '.join(names)}, so that slots that were not logged can be rebuilt; simulate the run again"
        )
    features = actions.features.reshape(n, space.n_slots, r, len(names))[:, 0]
    slabs, slot_size = log.parts.slab_sizes()
    supply = LoggedSupply(slabs=slabs, slot_size=slot_size, logged=_available(log, part))
    credit, own = features[:, :, names.index("credit")], len(further)
    columns = LoggedColumns(further, features[:, :, len(plain) : len(plain) + own]) if further else None
    return Slabs(arms, log.n_slots, LoggedCredit(credit), supply, columns=columns)


@dataclass(frozen=True)
class LoggedColumns:
    """Columns of arms as a log states them, so that action features of unlogged slots can be built.

    Parameters
    ----------
    names : tuple of str
    logged : float32 (B, R, C)

    Examples
    --------
    >>> LoggedColumns(("source:memory",), np.ones((0, 2, 1), np.float32)).value(Requests.empty()).shape
    (0, 2, 1)
    """

    names: tuple[str, ...]
    logged: Float32

    def value(self, requests: Requests) -> Float32:
        """Return the columns (B, R, C); ``requests`` must be those of the log."""
        if len(requests) != len(self.logged):
            raise InputError(f"`requests` must be the {len(self.logged)} of the log, got {len(requests)}")
        return self.logged


def _available(log: RunLog, part: RunPart) -> Int32:
    """Return what each arm had for each request of a part, (n, R)."""
    table = log.parts.read("requests", part.seed, part.part, ("request", "available"))
    known, asked = table.numbers("request", np.int64), part.request[part.events.request_indptr[:-1]]
    order = np.argsort(known)
    at = order[np.searchsorted(known, asked, sorter=order)]
    return table.wide("available", len(log.parts.about["arms"]), np.int32)[at]


def known_logging(log: RunLog) -> Policy | None:
    """Return the logging policy where the log names a fixed one over slabs."""
    arms = tuple(log.parts.about["arms"])
    settings = log.parts.about.get("settings")
    entries = settings.get("policies", []) if isinstance(settings, Mapping) else []
    setting = LoopSetting(arms=arms, n_slots=log.n_slots, fallback=())
    for entry in entries if log.parts.slabs else []:
        if entry["name"] == log.parts.policy and _fixed(entry["kind"]):
            return make_policy(policy_spec(entry, arms), setting)
    return None


def _fixed(kind: str) -> bool:
    """Return whether a kind of policy is one that any log can state."""
    maker = POLICIES.makers.get(kind)
    return isinstance(maker, type) and issubclass(maker, FIXED)
