"""What is kept of a batch: one row a request, and one row a request that oracles judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from ltrr.errors import InputError
from ltrr.metrics.measures import STANDARD, Measure
from ltrr.metrics.oracles import LossSplit, best_order_value, ideal_value, quota_walk
from ltrr.simulation.batch import Batch, Pool
from ltrr.simulation.loop import Loop
from ltrr.types import Bool, Float32, Float64, Int32, Int64, Truth
from ltrr.types.quotas import all_quotas
from ltrr.types.ragged import indptr_of, take_flat
from ltrr.users.rewards import grade_order_is_best

__all__ = ["Measures", "reserved_among", "round_columns"]


def round_columns(arms: Sequence[str], measures: Sequence[Measure] = ()) -> tuple[str, ...]:
    """Return the measures of a round in order: the standard ones, a study's own, slots and own candidates."""
    by_arm = (f"{kind}_{arm}" for kind in ("slots", "own") for arm in arms)
    return (*(m.name for m in (*STANDARD, *measures)), *by_arm)


@dataclass
class Measures:
    """Turns batches into rows of the result tables.

    Parameters
    ----------
    loop : Loop
        The loop whose batches are measured.
    measures : tuple of Measure
        Kept besides the standard ones.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> loop = small_example()
    >>> measures = Measures(loop)
    >>> batch = loop.step(20)
    >>> measures.rounds(batch).num_rows, measures.oracles(batch).num_rows
    (20, 1)
    >>> measures.pages(batch).column_names
    ['request', 'page', 'candidates']
    """

    loop: Loop
    measures: tuple[Measure, ...] = ()
    _exact: bool = field(init=False, repr=False)

    def __post_init__(self) -> None:
        system = self.loop.system
        self._exact = grade_order_is_best(system.user, system.reward, system.world.max_grade)

    def rounds(self, batch: Batch) -> pa.Table:
        """Return one row a request: latent, sampled and observed reward, recall, cost, slots per arm.

        ``topic``, ``intent``, ``band`` and ``reserved`` say what is asked, as far as the world tells: −1, and
        False, where it does not.
        """
        feedback = batch.feedback
        columns: dict[str, object] = {
            "request": feedback.requests.request,
            "query": feedback.requests.query,
            "asked": batch.asked,
            **self._asked_about(batch),
            **{m.name: m.values(batch) for m in (*STANDARD, *self.measures)},
        }
        for a, name in enumerate(self.loop.setting.arms):
            columns[f"slots_{name}"] = feedback.decision.quota[:, a]
        for a, name in enumerate(self.loop.setting.arms):
            columns[f"own_{name}"] = batch.own[:, a]
        return pa.table(columns)

    def _asked_about(self, batch: Batch) -> dict[str, object]:
        """Return the hidden topic of each request, its kind, and its place in the traffic."""
        world, requests = self.loop.system.world, batch.feedback.requests
        topic, n = batch.truth_page.topic, len(requests)
        kinds = {"intent": ("hidden_intent", np.int16), "band": ("band", np.int8)}
        columns: dict[str, object] = {"topic": topic.astype(np.int32)}
        for column, (member, dtype) in kinds.items():
            of = getattr(world, member, None)
            columns[column] = np.full(n, -1, dtype) if of is None else np.asarray(of(requests), dtype)
        columns["reserved"] = reserved_among(getattr(world, "reserved", None), topic)
        return columns

    def pages(self, batch: Batch) -> pa.Table | None:
        """Return one row an evenly spaced request: items of the page, and candidates by ascending id."""
        rows = batch.sampled_rows
        if len(rows) == 0:
            return None
        indptr, flat = take_flat(batch.union.indptr, rows)
        page = batch.page.item[rows]
        shown = page >= 0
        return pa.table(
            {
                "request": batch.feedback.requests.request[rows],
                "page": _lists(indptr_of(shown.sum(axis=1)), page[shown]),
                "candidates": _lists(indptr, batch.union.item[flat]),
            }
        )

    def oracles(self, batch: Batch) -> pa.Table | None:
        """Return one row a judged request: the ideal, every quota's value, the loss split, the context.

        ``ideal − reward_sampled`` is the sum of ``loss_retrieval``, ``loss_ranking``, ``loss_exploration``,
        ``loss_cost`` and ``loss_noise``: rewards are net of costs, the ideal page costs nothing. Values of
        quotas are net of what they would have cost, arms that took over from short ones included, and of
        pages as the ranker orders them: ``reward_ranked`` is that of the quota that was drawn, and
        ``loss_exploration`` what the page lost by its explored places. Where ``ideal_is_exact`` is false,
        another order than that of grades can earn more under this user and reward: the ideal and the losses
        that lean on it are then those of the page in grade order, which oracle and policy may exceed.
        """
        pool = batch.pool
        if pool is None or len(pool.rows) == 0:
            return None
        system, setting = self.loop.system, self.loop.setting
        quotas = all_quotas(setting.n_slots, len(setting.arms))
        tables = system.user.tables(setting.page_size, system.world.max_grade)
        code, k = system.reward.code, setting.page_size
        values = quota_walk(
            pool.union,
            pool.score,
            pool.truth,
            quotas,
            slot_size=setting.slot_size,
            fallback=np.array(setting.fallback_index, np.int32),
            page_size=k,
            tables=tables,
            reward_code=code,
            slabs=setting.slabs,
        )
        rewards = values.reward - self._costs(pool, quotas, values.n_candidates)
        rows = pool.rows
        own = (quotas == batch.feedback.decision.quota[rows, None]).all(axis=2).argmax(axis=1)
        ranked = rewards[np.arange(len(rows)), own]
        explored = ranked - batch.expected[rows]
        drawn = _rows_of(batch.truth_union, rows)
        cost = system.cost(batch.calls[rows], batch.n_candidates[rows])
        ideal = ideal_value(pool.truth, page_size=k, tables=tables, reward_code=code)
        split = LossSplit.of(
            ideal=ideal,
            best_order=best_order_value(drawn, page_size=k, tables=tables, reward_code=code),
            expected=batch.expected[rows] + cost,
            sampled=batch.sampled[rows] + cost,
        )
        requests = batch.feedback.requests
        seen = {} if batch.evidence is None else {"evidence": _wide(batch.evidence[rows])}
        return pa.table(
            {
                "request": requests.request[rows],
                "query": requests.query[rows],
                "topic": pool.truth.topic,
                "asked": batch.asked[rows],
                "reward": batch.expected[rows],
                "reward_sampled": batch.sampled[rows],
                "ideal": ideal,
                "ideal_is_exact": np.full(len(rows), self._exact),
                "loss_retrieval": split.retrieval,
                "reward_ranked": ranked,
                "loss_ranking": split.ranking - explored,
                "loss_exploration": explored,
                "loss_cost": cost,
                "loss_noise": split.noise,
                "oracle_reward": rewards.max(axis=1),
                "oracle_ndcg": values.ndcg.max(axis=1),
                "oracle_recall": values.recall.max(axis=1),
                "quota_reward": _wide(rewards),
                "quota_ndcg": _wide(values.ndcg),
                "quota_recall": _wide(values.recall),
                "context": _wide(requests.context[rows]),
                **seen,
            }
        )

    def _costs(self, pool: Pool, quotas: Int32, n_candidates: Int32) -> Float64:
        """Return what each quota would have cost, (b, Q)."""
        setting = self.loop.setting
        available = _available(pool, quotas.shape[1])
        calls = _calls(available, quotas, setting.slabs, setting.slot_size, setting.fallback_index)
        flat = self.loop.system.cost(calls.reshape(-1), n_candidates.reshape(-1))
        return flat.reshape(n_candidates.shape)


def reserved_among(reserved: ArrayLike | None, topic: Int64) -> Bool:
    """Return whether each topic (B,) is reserved; unknown ones (−1) are not."""
    marks = np.zeros(0, np.bool_) if reserved is None else np.asarray(reserved, np.bool_)
    if reserved is not None and len(topic) and int(topic.max()) >= len(marks):
        raise InputError(
            f"`world.reserved` must have a place for each topic, got {len(marks)} places and topic "
            f"{topic.max()}"
        )
    return np.asarray(np.append(marks, False)[np.where(topic < len(marks), topic, -1)])


def _available(pool: Pool, n_arms: int) -> Int32:
    """Return how many candidates each arm has within the budget, (b, R)."""
    union = pool.union
    out = np.zeros((len(union), n_arms), np.int32)
    row = np.repeat(np.arange(len(union)), np.diff(union.source_indptr[union.indptr]))
    np.maximum.at(out, (row, union.arm), union.rank + 1)
    return out


def _calls(available: Int32, quotas: Int32, slabs: Int32, slot_size: int, fallback: tuple[int, ...]) -> Int64:
    """Return how many arms each quota calls, (b, Q): those with slots, and those that take over, in order.

    Examples
    --------
    The second arm has nothing: the first takes over its slab, or the third what is still missing then.

    >>> one_slab_each, full = np.array([[1, 1, 0], [0, 2, 0]]), np.full(3, 2)
    >>> _calls(np.array([[4, 0, 4]]), one_slab_each, full, 2, (0, 2)).tolist()
    [[2, 2]]
    >>> _calls(np.array([[3, 0, 4]]), one_slab_each, full, 2, (0, 2)).tolist()
    [[3, 3]]
    """
    delivered = np.minimum(quotas * slabs, available[:, None, :])
    missing = quotas.sum(axis=1) * slot_size - delivered.sum(axis=2)
    called = np.broadcast_to(quotas > 0, delivered.shape).copy()
    for a in fallback:
        called[:, :, a] |= missing > 0
        missing = missing - np.minimum(missing, available[:, None, a] - delivered[:, :, a])
    return np.asarray(called.sum(axis=2))


def _wide(values: Float32 | Float64) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(values, np.float32).reshape(-1)), values.shape[1]
    )


def _lists(indptr: Int64, values: Int32) -> pa.Array:
    return pa.ListArray.from_arrays(pa.array(indptr.astype(np.int32)), pa.array(values))


def _rows_of(truth: Truth, rows: Int64) -> Truth:
    indptr, flat = take_flat(truth.indptr, rows)
    return Truth(
        indptr=indptr,
        item=truth.item[flat],
        grade=truth.grade[flat],
        judged=truth.judged[flat],
        n_relevant=truth.n_relevant[rows],
        ideal=truth.ideal[rows],
        topic=truth.topic[rows],
        max_grade=truth.max_grade,
    )
