"""What a log holds, what is wrong with it, and what it can answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ltrr.logs.faults import FAULTS
from ltrr.logs.propensity_tests import doubtful
from ltrr.logs.reading import read
from ltrr.logs.replay_log import ReplayLog
from ltrr.logs.tally import Tally
from ltrr.logs.validation_answer import answer_of
from ltrr.logs.validation_text import text_of

__all__ = ["FaultCount", "Validation", "validate"]

_FIRST_ROWS = 5


@dataclass(frozen=True)
class FaultCount:
    """How often a fault occurs.

    Parameters
    ----------
    kind : str
        One of `ltrr.logs.faults.FAULTS`.
    count : int
        Rows that have it.
    rows : tuple of int
        Numbers of the first of them, at most five; empty for a fault of the whole log.
    detail : str
        What was found in the first; for a fault of the whole log everything that was found.
    meaning : str
        What the kind means.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = validate(pa.table({"action": ["a", "b"], "reward": [0, 1], "propensity": [0.5, 1.5]}))
    >>> found.faults[0].kind, found.faults[0].count, found.faults[0].rows
    ('propensity above 1', 1, (2,))
    """

    kind: str
    count: int
    rows: tuple[int, ...]
    detail: str
    meaning: str


@dataclass(frozen=True)
class Validation:
    """What one pass over a log found; figures are of usable rows, None where the log has no such column.

    Parameters
    ----------
    name, format : str
        The log and its format.
    rows, usable : int
        Rows read, and rows without a fault that excludes them.
    requests, slots : int
        Requests among the usable rows, and most slots that one of them has.
    actions, actions_taken : int
        Size of the action space, and actions that were chosen at least once.
    eligible_min, eligible_mean, eligible_max : float or None
        Actions to choose from, by row; None where no row is usable.
    reward_mean, reward_min, reward_max : float or None
        Of the slots' rewards; None where no row is usable.
    reward_nonzero : int
        Rows with a reward other than 0.
    slot_rewards : bool
        True where every slot has its own reward.
    first_time, last_time : float or None
        Seconds.
    propensity_min, propensity_median, propensity_max : float or None
        The median to a tenth of a per cent.
    certain_share : float or None
        Share of rows with propensity 1.
    mean_inverse_propensity, mean_inverse_propensity_se : float or None
        Mean of 1 / (propensity · number of eligible actions), weighted by ``count``, and its standard error:
        1 in expectation if propensities are right and every eligible action could be chosen.
    propensity_p, propensity_mean, propensity_bits : float or None
        Whether propensities fit the actions taken: p-value, largest mean of 1/p that chance does not explain
        (of an action, or of one in half of the contexts), and log2 of the mean, at least, of the
        actions' shares in earlier rows over their propensities.
    misfit : str
        Where propensities and actions differ most; empty where they do not.
    placeholder : str
        Why propensities are no probabilities; empty where they may be.
    has_propensities, has_distributions, has_ids, has_times, has_context, has_features : bool
        What the log states; ids are event ids other than row numbers.
    sampled : bool
        True where rows stand for more than one event each.
    targets : tuple of str
        Columns of target probabilities.
    constant_columns : tuple of str
        Columns with one value only, and that value.
    selected : str
        Which part of the log was read; empty where that is all of it.
    columns : str
        Which columns the log was read by, and which are not used; empty where a format has its own.
    faults : tuple of FaultCount
        The most frequent first.
    supports : "weighting", "model" or "nothing"
        The kind of evaluation that the log can support: estimators that weight by propensities (and all
        others), only those that model the reward (or estimate propensities first), none.
    answer : str
        The same in one sentence.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = validate(pa.table({"action": ["a", "b"], "reward": [0, 1], "propensity": [0.5, 0.5]}))
    >>> found.usable, found.has_propensities, found.supports
    (2, True, 'weighting')
    """

    name: str
    format: str
    rows: int
    usable: int
    requests: int
    slots: int
    actions: int
    actions_taken: int
    eligible_min: float | None
    eligible_mean: float | None
    eligible_max: float | None
    reward_mean: float | None
    reward_min: float | None
    reward_max: float | None
    reward_nonzero: int
    slot_rewards: bool
    first_time: float | None
    last_time: float | None
    propensity_min: float | None
    propensity_median: float | None
    propensity_max: float | None
    certain_share: float | None
    mean_inverse_propensity: float | None
    mean_inverse_propensity_se: float | None
    propensity_p: float | None
    propensity_mean: float | None
    propensity_bits: float | None
    misfit: str
    placeholder: str
    has_propensities: bool
    has_distributions: bool
    has_ids: bool
    has_times: bool
    has_context: bool
    has_features: bool
    sampled: bool
    targets: tuple[str, ...]
    constant_columns: tuple[str, ...]
    selected: str
    columns: str
    faults: tuple[FaultCount, ...]
    supports: str
    answer: str

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON can hold them."""
        return asdict(self) | {
            "targets": list(self.targets),
            "constant_columns": list(self.constant_columns),
            "faults": [asdict(f) | {"rows": list(f.rows)} for f in self.faults],
        }

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """Return the findings as plain lines."""
        return text_of(self)


def validate(log: Any) -> Validation:
    """Read a log once and return what it holds, what is wrong with it and what it can answer.

    Parameters
    ----------
    log : ReplayLog, path, or table in memory
        Read with ``on_error="report"``, so that faults are listed and nothing stops; what is not yet open is
        read so.

    Raises
    ------
    InputError
        If the log is read with ``on_error="fail"`` and has a faulty row.

    Examples
    --------
    >>> from ltrr.replay import Events, Faults, Space
    >>> class Two:
    ...     name, format, space, faults = "two rows", "memory", Space(("a", "b")), Faults(on_error="report")
    ...     def chunks(self):
    ...         self.faults.seen(2, 2)
    ...         yield Events(self.space, np.arange(1, 3), np.arange(1, 3), np.array([0, 1]),
    ...             np.array([0.0, 1.0]), propensity=np.full(2, 0.5))
    >>> found = validate(Two())
    >>> found.usable, found.mean_inverse_propensity, found.supports
    (2, 1.0, 'weighting')
    """
    log = read(log, on_error="report")
    tally: Tally | None = None
    for events in log.chunks():
        if tally is None:
            tally = Tally(events.space)
        tally.add(events)
    if tally is None:
        tally = Tally(log.space)
    faults, space, known = log.faults, tally.space, tally.ranges.get
    inverse, inverse_error = tally.inverse_mean()
    counts = _fault_counts(log)
    constant = tuple(f.detail for f in faults.kept if f.kind == "constant column")
    certain_share = tally.certain / tally.n if "propensities" in tally.has else None
    supports, answer = answer_of(tally, certain_share, inverse, inverse_error)
    none, fit = (None, None), tally.check.summary()
    return Validation(
        name=log.name,
        format=log.format,
        rows=faults.rows,
        usable=tally.n,
        requests=tally.requests,
        slots=tally.slots,
        actions=len(space.actions),
        actions_taken=int(np.count_nonzero(tally.taken)),
        eligible_min=known("eligible", none)[0],
        eligible_mean=tally.mean("eligible"),
        eligible_max=known("eligible", none)[1],
        reward_mean=tally.mean("reward"),
        reward_min=known("reward", none)[0],
        reward_max=known("reward", none)[1],
        reward_nonzero=tally.nonzero,
        slot_rewards=space.slot_rewards,
        first_time=known("time", none)[0],
        last_time=known("time", none)[1],
        propensity_min=known("propensity", none)[0],
        propensity_median=tally.median(),
        propensity_max=known("propensity", none)[1],
        certain_share=certain_share,
        mean_inverse_propensity=inverse,
        mean_inverse_propensity_se=inverse_error,
        propensity_p=fit["propensity_p"],
        propensity_mean=fit["propensity_mean"],
        propensity_bits=fit["propensity_bits"],
        misfit=tally.check.worst(space.actions) if doubtful(fit) else "",
        placeholder=tally.check.placeholder,
        has_propensities="propensities" in tally.has,
        has_distributions="distributions" in tally.has,
        has_ids="ids" in tally.has,
        has_times=space.timed,
        has_context=bool(space.context_names),
        has_features="features" in tally.has,
        sampled="sampled" in tally.has,
        targets=tuple(sorted(tally.targets)),
        constant_columns=constant,
        selected=getattr(log, "selected", ""),
        columns=getattr(log, "columns_line", ""),
        faults=counts,
        supports=supports,
        answer=answer,
    )


def _fault_counts(log: ReplayLog) -> tuple[FaultCount, ...]:
    """Return the kinds of fault, the most frequent first."""
    faults, first = log.faults, log.faults.first
    out = []
    for kind, n in sorted(faults.counts.items(), key=lambda pair: (-pair[1], pair[0])):
        rows = faults.rows_of(kind)
        whole = [f.detail for f in faults.kept if f.kind == kind] if len(rows) and not rows[0] else []
        detail = ", ".join(whole) if whole else first[kind].detail if kind in first else ""
        numbers = tuple(r for r in rows[:_FIRST_ROWS].tolist() if r)
        out.append(FaultCount(kind, n, numbers, detail, FAULTS[kind]))
    return tuple(out)
