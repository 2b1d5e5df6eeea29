"""Importance weights of another allocation policy in logs of ltrr: by sequence, quota and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.features.actions import Allocations
from ltrr.logs.formats.run_log import RunLog, RunPart
from ltrr.protocols import Policy
from ltrr.replay.allocations.batch import LEVELS, TwoStageBatch
from ltrr.replay.allocations.logged import (
    known_logging,
    logged_probabilities,
    requests_of,
    scatter,
    slabs_of,
)
from ltrr.replay.allocations.quota_law import FIXED, LoggedCredit, QuotaLaw, QuotaTree, quota_distribution
from ltrr.replay.allocations.ratios import Level, by_page, sequence_level
from ltrr.replay.allocations.shadow_pages import ShadowPages
from ltrr.types import ActionSet, Bool, Float64, Int32, Int64, Requests

__all__ = ["TwoStage"]

_AGREES = 1e-9
"""Largest difference between a logged distribution and one restated; float64 logs agree to 1e-15."""


@dataclass
class TwoStage:
    """Importance weights of an allocation policy in a log of ltrr, by sequence, quota and page.

    The candidates that slots draw pass through a ranker, so a page depends on the quota (slots per arm) and
    not on the order of slots; many quotas show the same page. Coarser levels have the same expectation and
    smaller variance::

        sequence  Π_s π(a_s | x, quota so far) / π_b(a_s | x, quota so far)
        quota     P_π(quota | x) / P_b(quota | x), each summed over the orders of slots
        page      Σ_{q showing the page} P_π(q | x) / Σ_{q showing the page} P_b(q | x)

    Probabilities of orders that were not logged need the logging policy: known exactly for allocation logs
    (one slot), for the random warm-up, for fixed policies (named in the log, mixed with the audit share) and
    for a policy given as ``logging``. What is restated must agree with every logged distribution. Requests of
    other policies keep the sequence's weight. Pages need shadow retrieval
    (`ltrr.LoopSetting.log_shadow`).

    The value is that of the target's choices in the states that the logged run was in (its memory, ranker,
    credits), not of a run that the target controlled from its beginning. At the level of pages the rewards
    are net of the costs of the logged quotas, so that with costs only sequence and quota are exact.

    Parameters
    ----------
    log : RunLog
    target : str, mapping of str to float, or Policy
        One quota ("2 bm25 + 1 memory"), quotas with probabilities (in sequences, every order of a quota's
        slots counts as likely as any other), or a policy as it is. What a policy over slabs sees in unlogged
        slots is rebuilt from the logged context and credits; policies of the other action space than the
        log's must be fixed ones.
    logging : Policy, optional
        The policy that wrote the log, as it was then, if it learned nothing while it logged.

    Raises
    ------
    InputError
        If the target cannot be stated on this log, or the logging policy is not the one that wrote it.

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.logs.formats.run_log import open_run_log
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> batch = next(TwoStage(log, "2 bm25 + 1 dense").batches())
    >>> bool(batch.weight["page"].max() <= batch.weight["quota"].max() <= batch.weight["sequence"].max())
    True
    """

    log: RunLog
    target: str | Mapping[str, float] | Policy
    logging: Policy | None = None
    pages: ShadowPages = field(init=False, repr=False)
    _tree: QuotaTree = field(init=False, repr=False)
    _arms: tuple[str, ...] = field(init=False, repr=False)
    _audit: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._arms = tuple(self.log.parts.about["arms"])
        self._tree = QuotaTree(self.log.n_slots, len(self._arms))
        self.pages = ShadowPages(self.log.parts, self.log.n_slots)
        if isinstance(self.target, (str, Mapping)):
            quota_distribution(self.target, self._arms, self.log.n_slots)
        elif not isinstance(self.target, Policy):
            raise InputError(f"`target` must be a quota, quotas with shares or a policy, got {self.target!r}")
        elif (self.target.space == "slabs") != self.log.parts.slabs and not isinstance(self.target, FIXED):
            here = "slabs" if self.log.parts.slabs else "allocations"
            raise InputError(
                f"`target` must be a policy over {here}, as the log is, or a fixed one, got "
                f"{type(self.target).__name__} over {self.target.space}: its action features were not logged"
            )
        self._audit = _check.fraction("loop.audit", self.log.parts.loop.get("audit", 0.0))
        if self.logging is None:
            self.logging = known_logging(self.log)

    @property
    def quotas(self) -> Int32:
        """All quotas, int32 (Q, R), in the order of laws."""
        return self._tree.nodes[-1]

    def batches(self) -> Iterator[TwoStageBatch]:
        """Yield the log part by part; each pass reads it again."""
        for part in self.log.read():
            if len(part.events):
                yield self.batch(part)

    def batch(self, part: RunPart) -> TwoStageBatch:
        """Return a part's requests with their weights; the part must hold some."""
        events = part.events
        first = events.request_indptr[:-1]
        requests = requests_of(events, first, part.request)
        slots = self.log.space.n_slots
        target = self._target_law(part, requests)
        logged = logged_probabilities(events)
        if slots == 1 and not self.log.parts.slabs:
            path = np.zeros((len(first), 2), np.int64)
            path[:, 1] = events.action
            law, known = QuotaLaw(logged, ()), np.ones(len(first), np.bool_)
            sequence = Level.of(target.quota, logged, path[:, 1])
        else:
            action = events.action.reshape(-1, slots)
            path, logged = self._tree.path(action), logged.reshape(len(first), slots, len(self._arms))
            law, known = self._logging_law(part, requests, path, logged)
            sequence = sequence_level(target, path, action, logged)
            square = np.where(known, self._tree.mean_square(target, law), sequence.square)
            sequence = replace(sequence, square=square)
        quota = path[:, -1]
        levels = {
            "sequence": sequence,
            "quota": Level.of(target.quota, law.quota, quota).where(known, sequence),
        }
        seen = dict.fromkeys(LEVELS, np.eye(len(self.quotas))[quota])
        group = None
        if self.pages.logged:
            group = self.pages.groups(part.seed, part.part, part.request[first], quota)
        if group is None:
            levels["page"] = replace(levels["quota"], own=np.zeros(len(first), np.bool_))
        else:
            at = group[np.arange(len(first)), quota]
            pages = Level.of(by_page(target.quota, group), by_page(law.quota, group), at)
            levels["page"] = pages.where(known, sequence)
            seen["page"] = _seen(target.quota, (group == at[:, None]) & known[:, None], seen["quota"])
        return TwoStageBatch(
            events.key[first],
            np.add.reduceat(events.reward, first),
            requests.context,
            quota,
            target.quota,
            weight={name: level.weight for name, level in levels.items()},
            own={name: level.own for name, level in levels.items()},
            outside={name: level.outside for name, level in levels.items()},
            square={name: level.square for name, level in levels.items()},
            seen=seen,
        )

    def _target_law(self, part: RunPart, requests: Requests) -> QuotaLaw:
        """Return what the target does, of quotas and, in a log of slabs, slot by slot."""
        n, target = len(requests), self.target
        if isinstance(target, (str, Mapping)):
            law = quota_distribution(target, self._arms, self.log.n_slots)
            return self._tree.exchangeable(np.tile(law, (n, 1)))
        rng = np.random.default_rng(0)
        if target.space == "slabs":
            return self._tree.policy_law(target, requests, slabs_of(self.log, part), rng)
        if self.log.parts.slabs:
            none = LoggedCredit(np.zeros((n, len(self.quotas)), np.float32))
            actions = Allocations(self._arms, self.log.n_slots, none).build(
                requests, np.zeros((n, len(self._arms)), np.int32)
            )
            stated = target.probabilities(requests, actions, rng)
            return self._tree.exchangeable(stated.reshape(n, len(self.quotas)))
        logged = part.events.actions
        actions = ActionSet(
            logged.indptr,
            logged.action,
            logged.features,
            logged.names,
            logged.n_actions,
            self.quotas[logged.action],
        )
        return QuotaLaw(scatter(part.events, target.probabilities(requests, actions, rng)), ())

    def _logging_law(
        self, part: RunPart, requests: Requests, path: Int64, logged: Float64
    ) -> tuple[QuotaLaw, Bool]:
        """Return the logging policy's law and where it is known."""
        n, version = len(requests), part.version[part.events.request_indptr[:-1]]
        law, known = self._tree.uniform(n), version == -1
        if self.logging is not None:
            builder = slabs_of(self.log, part)
            rng = np.random.default_rng(0)
            own = self._tree.policy_law(self.logging, requests, builder, rng, audit=self._audit)
            law, known = QuotaLaw.where(known, law, own), np.ones(n, np.bool_)
        rows = np.arange(n)
        restated = np.stack([p[rows, path[:, s]] for s, p in enumerate(law.step)], axis=1)
        # to believe it only where it agrees would choose requests by what was drawn, which is a bias
        wrong = np.flatnonzero(known & (np.abs(restated - logged) > _AGREES).any(axis=(1, 2)))
        if len(wrong):
            row = int(wrong[0])
            policy = "the random warm-up" if version[row] == -1 else type(self.logging).__name__
            raise InputError(
                f"{self.log.name}: {policy} must restate the logged distributions, and differs from those of "
                f"request {int(requests.request[row])}; give the policy that wrote the log as `logging`"
            )
        return law, np.asarray(known)


def _seen(target: Float64, shows: Bool, logged: Float64) -> Float64:
    """Return the target's law (B, Q) given that one of the marked quotas was drawn.

    A page that the target never shows has weight 0: any prediction will do, and the logged quota's is used.
    """
    mass = np.where(shows, target, 0.0)
    total = mass.sum(axis=1, keepdims=True)
    return np.where(total > 0.0, mass / np.where(total > 0.0, total, 1.0), logged)
