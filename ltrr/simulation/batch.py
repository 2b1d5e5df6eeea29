"""What happened to a batch of requests, truth included."""

from __future__ import annotations

from dataclasses import dataclass

from ltrr.logs.writer import Shadow
from ltrr.protocols import PageOutcome
from ltrr.types import Bool, Decision, Feedback, Float32, Float64, Int32, Int64, Page, Requests, Truth, Union

__all__ = ["Answer", "Batch", "Pool"]


@dataclass(frozen=True)
class Pool:
    """The pool of all arms at the whole budget, for the rows that oracles judge.

    Parameters
    ----------
    rows : int64 (b,)
        Rows of the batch.
    union : Union
        Everything every arm has for them.
    score : float64 (n,)
        Scores by the same ranker at the same moment.
    truth : Truth

    Examples
    --------
    The last of twenty requests is judged. Each of four arms has up to 15 items for it, the whole budget:

    >>> from ltrr.simulation.example import small_example
    >>> pool = small_example().step(20).pool
    >>> pool.rows.tolist(), 15 <= len(pool.score) <= 60
    ([19], True)
    """

    rows: Int64
    union: Union
    score: Float64
    truth: Truth


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What happened to B requests, truth included.

    Parameters
    ----------
    feedback : Feedback
        What will be observed.
    union : Union
        Candidates that were drawn.
    score : float64 (N,)
        Their scores by the ranker.
    page : Page
    outcome : PageOutcome
        What the user did, whether it arrives in time or not.
    truth_page, truth_union : Truth
        Grades of what was shown and of what was drawn.
    asked : int32 (B,)
        Earlier requests with the same query text, before this batch.
    calls : int32 (B,)
        Arms called.
    available : int32 (B, R)
        Items that each arm had, as far as it was known before the choice; −1 where it was not.
    own : int32 (B, R)
        Candidates that each arm delivered to its own slots, before any spill.
    n_candidates : int64 (B,)
        Distinct candidates.
    sampled_rows : int64 (b,)
        Rows of the evenly spaced requests whose page and candidates are kept, and that oracles judge.
    expected : float64 (B,)
        Latent mean reward given the page, net of costs.
    sampled : float64 (B,)
        Reward of what the user did, net of costs.
    censored : bool (B,)
        Rows whose actions came too late to be observed.
    pool : Pool or None
        What oracles need of the judged rows; None where there are none, or scores depend on the allocation.
    model_version : int
        Number of the ranker's trainings.
    evidence : float32 (B, R · C) or None
        What the previews of all arms said, where the setting asks for them.
    shadow : Shadow or None
        Everything every arm has, where the setting asks for it.

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> batch = small_example().step(20)
    >>> len(batch.feedback), batch.page.item.shape, batch.expected.shape
    (20, (20, 10), (20,))

    A request has three slots of five candidates each:

    >>> int(batch.n_candidates.max()), bool((batch.own.sum(axis=1) <= 15).all())
    (15, True)
    """

    feedback: Feedback
    union: Union
    score: Float64
    page: Page
    outcome: PageOutcome
    truth_page: Truth
    truth_union: Truth
    asked: Int32
    calls: Int32
    available: Int32
    own: Int32
    n_candidates: Int64
    sampled_rows: Int64
    expected: Float64
    sampled: Float64
    censored: Bool
    pool: Pool | None
    model_version: int
    evidence: Float32 | None = None
    shadow: Shadow | None = None


@dataclass(frozen=True)
class Answer:
    """What a frozen system does with B requests that no user makes.

    Parameters
    ----------
    requests : Requests
        With the context that the policy saw.
    decision : Decision
    union : Union
    score : float64 (N,)
        Scores of the union's candidates by the ranker.
    page : Page

    Examples
    --------
    >>> from ltrr.simulation.example import small_example
    >>> loop = small_example()
    >>> answer = loop.answer(loop.system.world.held_out(2))
    >>> answer.decision.quota.sum(axis=1).tolist(), answer.page.item.shape
    ([3, 3], (2, 10))
    """

    requests: Requests
    decision: Decision
    union: Union
    score: Float64
    page: Page
