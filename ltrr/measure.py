"""What is kept of a batch: one row a request, and one row a request that oracles judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ltrr.features.quotas import all_quotas
from ltrr.loop import Batch, Loop, Pool
from ltrr.metrics.oracles import LossSplit, best_order_value, ideal_value, quota_walk
from ltrr.metrics.ranking import candidate_recall, ndcg, recall, reciprocal_rank, unjudged_share
from ltrr.types import Float64, Int32, Truth
from ltrr.types.ragged import take_flat

__all__ = ["Measures", "round_columns"]


def round_columns(arms: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the measures of a round, in order."""
    return (
        "reward",
        "reward_sampled",
        "reward_observed",
        "satisfied_clicks",
        "clicks",
        "ndcg",
        "mrr",
        "recall_page",
        "recall_budget",
        "unjudged",
        "calls",
        "candidates",
        "spilled",
        *(f"slots_{a}" for a in arms),
    )


@dataclass
class Measures:
    """Turns batches into rows of the result tables.

    Parameters
    ----------
    loop : Loop
        The loop whose batches are measured.
    """

    loop: Loop

    def rounds(self, batch: Batch) -> pa.Table:
        """Return one row a request: latent, sampled and observed reward, recall, cost, slots per arm."""
        page, union = batch.truth_page, batch.truth_union
        grade, feedback = page.rectangle(), batch.feedback
        k = grade.shape[1]
        columns: dict[str, object] = {
            "request": feedback.requests.request,
            "query": feedback.requests.query,
            "asked": batch.asked,
            "reward": batch.expected,
            "reward_sampled": batch.sampled,
            "reward_observed": feedback.reward,
            "satisfied_clicks": batch.outcome.satisfied.sum(axis=1, dtype=np.int32),
            "clicks": batch.outcome.click.sum(axis=1, dtype=np.int32),
            "ndcg": ndcg(grade, page.ideal, k=k),
            "mrr": reciprocal_rank(grade),
            "recall_page": recall(grade, page.n_relevant, k=k),
            "recall_budget": candidate_recall(union),
            "unjudged": unjudged_share(page),
            "calls": batch.calls,
            "candidates": batch.n_candidates.astype(np.int32),
            "spilled": batch.union.spilled,
        }
        for a, name in enumerate(self.loop.setting.arms):
            columns[f"slots_{name}"] = feedback.decision.quota[:, a]
        return pa.table(columns)

    def oracles(self, batch: Batch) -> pa.Table | None:
        """Return one row a judged request: ideal, best order, every quota's value, the loss split."""
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
        )
        rewards = values.reward - self._costs(quotas, values.n_candidates)
        rows = pool.rows
        drawn = _rows_of(batch.truth_union, rows)
        split = LossSplit.of(
            ideal=ideal_value(pool.truth, page_size=k, tables=tables, reward_code=code),
            best_order=best_order_value(drawn, page_size=k, tables=tables, reward_code=code),
            expected=batch.expected[rows],
            sampled=batch.sampled[rows],
        )
        requests = batch.feedback.requests
        return pa.table(
            {
                "request": requests.request[rows],
                "topic": pool.truth.topic,
                "asked": batch.asked[rows],
                "reward": batch.expected[rows],
                "reward_sampled": batch.sampled[rows],
                "ideal": split.retrieval + split.ranking + batch.expected[rows],
                "loss_retrieval": split.retrieval,
                "loss_ranking": split.ranking,
                "loss_noise": split.noise,
                "oracle_reward": rewards.max(axis=1),
                "oracle_ndcg": values.ndcg.max(axis=1),
                "oracle_recall": values.recall.max(axis=1),
                "quota_reward": _wide(rewards),
                "quota_ndcg": _wide(values.ndcg),
                "quota_recall": _wide(values.recall),
                "context": _wide(requests.context[rows]),
            }
        )

    def _costs(self, quotas: Int32, n_candidates: Int32) -> Float64:
        calls = np.broadcast_to((quotas > 0).sum(axis=1), n_candidates.shape)
        flat = self.loop.system.reward.cost(calls.reshape(-1), n_candidates.reshape(-1))
        return flat.reshape(n_candidates.shape)


def _wide(values: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(values, np.float32).reshape(-1)), values.shape[1]
    )


def _rows_of(truth: Truth, rows: np.ndarray) -> Truth:  # type: ignore[type-arg]
    indptr, flat = take_flat(truth.indptr, rows)
    return Truth(
        indptr,
        truth.item[flat],
        truth.grade[flat],
        truth.judged[flat],
        truth.n_relevant[rows],
        truth.ideal[rows],
        truth.topic[rows],
        truth.max_grade,
    )
