"""Importance weights of another allocation policy in logs of ltrr: by sequence, quota and page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ltrr import _check
from ltrr.bandits.registry import POLICIES
from ltrr.bandits.spec import policy_spec
from ltrr.errors import InputError
from ltrr.features.actions import Allocations, Slabs
from ltrr.logs.events import Events
from ltrr.logs.formats.run_log import RunLog, RunPart
from ltrr.protocols import Policy
from ltrr.replay.allocations.quota_law import FIXED, LoggedCredit, QuotaLaw, QuotaTree, quota_distribution
from ltrr.replay.allocations.shadow_pages import ShadowPages
from ltrr.simulation.setting import LoopSetting
from ltrr.study.build import make_policy
from ltrr.types import ActionSet, Bool, Float32, Float64, Int32, Int64, Requests, row_of

__all__ = ["LEVELS", "TwoStage", "TwoStageBatch"]

LEVELS = ("sequence", "quota", "page")
"""What weights compare: the sequence of arms, its quota, or the page that the ranker makes of it."""

_AGREES = 1e-9
"""Largest difference between a logged distribution and one restated; float64 logs agree to 1e-15."""


@dataclass(frozen=True)
class TwoStageBatch:
    """B requests under one target policy, at every level.

    Parameters
    ----------
    key : int64 (B,)
        Keys of the requests.
    reward : float64 (B,)
        Observed rewards.
    context : float32 (B, D)
        What the policy saw.
    quota : int64 (B,)
        The logged quota's place among all quotas.
    target : float64 (B, Q)
        The target's law of the quota.
    weight : mapping of level to float64 (B,)
        Target probability over logging probability of what was logged. Where a level's own weight is not
        known, the next lower level's is used, which is also right and varies more.
    own : mapping of level to bool (B,)
        Where the weight is the level's own.
    outside : mapping of level to float64 (B,)
        Target mass on what the logging policy could not have done; at the level of sequences an unbiased
        estimate of it from the logged sequence.
    seen : mapping of level to float64 (B, Q)
        The target's law of the quota given what was logged, at the levels of quota (the logged quota alone)
        and page (the quotas that show it); what a model of quotas predicts for the logged row is its mean
        over this law, or the doubly robust residual does not average 0.

    Examples
    --------
    >>> import ltrr
    >>> from ltrr.logs.formats.run_log import open_run_log
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> loop = {"warmup": 40, "log_shadow": True}
    >>> run = ltrr.simulate(world, policies=["random"], rounds=80, seeds=1, loop=loop, quiet=True)
    >>> log = open_run_log(run.folder, policy="random")
    >>> batch = next(TwoStage(log, "2 bm25 + 1 dense").batches())
    >>> len(batch), list(batch.weight), batch.target.shape
    (80, ['sequence', 'quota', 'page'], (80, 20))
    """

    key: Int64
    reward: Float64
    context: Float32
    quota: Int64
    target: Float64
    weight: Mapping[str, Float64]
    own: Mapping[str, Bool]
    outside: Mapping[str, Float64]
    seen: Mapping[str, Float64]

    def __len__(self) -> int:
        return len(self.key)


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
            self.logging = self._known_logging()

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
        requests = _requests(events, first, part.request)
        slots = self.log.space.n_slots
        target = self._target_law(events, requests, first)
        logged = _full(events)
        if slots == 1 and not self.log.parts.slabs:
            path = np.zeros((len(first), 2), np.int64)
            path[:, 1] = events.action
            law, known = QuotaLaw(logged, ()), np.ones(len(first), np.bool_)
            sequence, outside = _ratio(target.quota, logged, path[:, 1]), _outside(target.quota, logged)
        else:
            path = self._tree.path(events.action.reshape(-1, slots))
            logged = logged.reshape(len(first), slots, len(self._arms))
            law, known = self._logging_law(events, requests, part.version[first], path, logged)
            sequence, outside = _sequence(target, path, events, logged)
        quota = path[:, -1]
        weight = {
            "sequence": sequence,
            "quota": np.where(known, _ratio(target.quota, law.quota, quota), sequence),
        }
        own = {"sequence": np.ones(len(first), np.bool_), "quota": known}
        mass = {"sequence": outside, "quota": np.where(known, _outside(target.quota, law.quota), outside)}
        group = None
        one = np.eye(len(self.quotas))[quota]
        seen = dict.fromkeys(LEVELS, one)
        if self.pages.logged:
            group = self.pages.groups(part.seed, part.part, part.request[first], quota)
        if group is None:
            weight["page"], mass["page"] = weight["quota"], mass["quota"]
            own["page"] = np.zeros(len(first), np.bool_)
        else:
            pages = _by_page(target.quota, group), _by_page(law.quota, group)
            at = group[np.arange(len(first)), quota]
            weight["page"] = np.where(known, _ratio(*pages, at), sequence)
            mass["page"] = np.where(known, _outside(*pages), outside)
            own["page"] = known
            shows = np.where(known[:, None], target.quota * (group == at[:, None]), 0.0)
            total = shows.sum(axis=1, keepdims=True)
            # a page that the target never shows has weight 0: any prediction will do
            seen["page"] = np.where(total > 0.0, shows / np.where(total > 0.0, total, 1.0), one)
        reward = np.add.reduceat(events.reward, first)
        return TwoStageBatch(
            events.key[first], reward, requests.context, quota, target.quota, weight, own, mass, seen
        )

    def _target_law(self, events: Events, requests: Requests, first: Int64) -> QuotaLaw:
        """Return what the target does, of quotas and, in a log of slabs, slot by slot."""
        n, target = len(requests), self.target
        if isinstance(target, (str, Mapping)):
            law = quota_distribution(target, self._arms, self.log.n_slots)
            return self._tree.exchangeable(np.tile(law, (n, 1)))
        rng = np.random.default_rng(0)
        if target.space == "slabs":
            return self._tree.policy_law(target, requests, self._slabs(events, first), rng)
        if self.log.parts.slabs:
            none = LoggedCredit(np.zeros((n, len(self.quotas)), np.float32))
            actions = Allocations(self._arms, self.log.n_slots, none).build(
                requests, np.zeros((n, len(self._arms)), np.int32)
            )
            stated = target.probabilities(requests, actions, rng)
            return self._tree.exchangeable(stated.reshape(n, len(self.quotas)))
        logged = events.actions
        actions = ActionSet(
            logged.indptr,
            logged.action,
            logged.features,
            logged.names,
            logged.n_actions,
            self.quotas[logged.action],
        )
        return QuotaLaw(_scatter(events, target.probabilities(requests, actions, rng)), ())

    def _slabs(self, events: Events, first: Int64) -> Slabs:
        """Return what builds the action set of any slot of the logged requests."""
        n, r, space = len(first), len(self._arms), self.log.space
        if not self.log.parts.slabs:
            return Slabs(self._arms, self.log.n_slots, LoggedCredit(np.zeros((n, r), np.float32)))
        names = Slabs(self._arms, self.log.n_slots, LoggedCredit(np.zeros((0, r), np.float32))).names
        actions = events.actions
        if names != space.feature_names or not np.array_equal(
            actions.action, np.tile(np.arange(r), len(events))
        ):
            raise InputError(
                f"{self.log.name}: every slot must offer all {r} arms in order with the features "
                f"{', '.join(names)}, so that slots that were not logged can be rebuilt"
            )
        features = actions.features.reshape(n, space.n_slots, r, len(names))
        return Slabs(self._arms, self.log.n_slots, LoggedCredit(features[:, 0, :, -1]))

    def _logging_law(
        self, events: Events, requests: Requests, version: Int32, path: Int64, logged: Float64
    ) -> tuple[QuotaLaw, Bool]:
        """Return the logging policy's law and where it is known."""
        n = len(requests)
        law, known = self._tree.uniform(n), version == -1
        if self.logging is not None:
            builder = self._slabs(events, events.request_indptr[:-1])
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

    def _known_logging(self) -> Policy | None:
        """Return the logging policy where the log names a fixed one over slabs."""
        settings = self.log.parts.about.get("settings")
        entries = settings.get("policies", []) if isinstance(settings, Mapping) else []
        setting = LoopSetting(arms=self._arms, n_slots=self.log.n_slots, fallback=())
        for entry in entries if self.log.parts.slabs else []:
            if entry["name"] == self.log.parts.policy and _fixed(entry["kind"]):
                return make_policy(policy_spec(entry, self._arms), setting)
        return None


def _fixed(kind: str) -> bool:
    """Return whether a kind of policy is one that any log can state."""
    maker = POLICIES.makers.get(kind)
    return isinstance(maker, type) and issubclass(maker, FIXED)


def _requests(events: Events, first: Int64, request: Int64) -> Requests:
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


def _scatter(events: Events, values: Float64) -> Float64:
    """Return ragged values by action, (n, A), 0 where an action was not eligible."""
    out = np.zeros((len(events), len(events.space.actions)))
    out[row_of(events.actions.indptr), events.actions.action] = values
    return out


def _full(events: Events) -> Float64:
    """Return the logged distributions, (n, A)."""
    if events.probabilities is None:
        raise InputError("a log of ltrr must hold the full distributions; write it again")
    return _scatter(events, events.probabilities)


def _ratio(target: Float64, logged: Float64, at: Int64 | Int32) -> Float64:
    """Return target over logging probability of what was logged, (B,)."""
    rows = np.arange(len(at))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(target[rows, at] / logged[rows, at], posinf=0.0))


def _outside(target: Float64, logged: Float64) -> Float64:
    """Return the target's mass where the logging policy has none, (B,)."""
    return np.asarray((target * (logged <= 0.0)).sum(axis=1))


def _by_page(law: Float64, group: Int64) -> Float64:
    """Return the mass of each page, at the place of its lowest quota, (B, Q)."""
    n, q = law.shape
    flat = (np.arange(n)[:, None] * q + group).reshape(-1)
    return np.asarray(np.bincount(flat, law.reshape(-1), n * q), np.float64).reshape(n, q)


def _sequence(target: QuotaLaw, path: Int64, events: Events, logged: Float64) -> tuple[Float64, Float64]:
    """Return weights of the logged sequences and what the target would have done outside the support."""
    n, slots, _ = logged.shape
    action = events.action.reshape(n, slots)
    rows, weight, outside = np.arange(n), np.ones(n), np.zeros(n)
    for s in range(slots):
        step = target.step[s][rows, path[:, s]]
        outside += weight * _outside(step, logged[:, s])
        weight = weight * _ratio(step, logged[:, s], action[:, s])
    return weight, outside
