"""Estimates with their verdicts as rows of tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ltrr.errors import InputError
from ltrr.replay.estimators import Estimator
from ltrr.replay.estimators.part import fed_by
from ltrr.replay.intervals.p_value import two_sided
from ltrr.replay.judging.asked_intervals import AskedIntervals
from ltrr.replay.judging.comparison import Comparison
from ltrr.replay.judging.counted import counted_rows, reward_tail
from ltrr.replay.judging.entry import Entry
from ltrr.replay.judging.metrics import REWARD
from ltrr.replay.judging.models import Models
from ltrr.replay.judging.policy_judge import PolicyJudge
from ltrr.replay.judging.settings import Settings
from ltrr.replay.judging.verdict import CANNOT, Verdict, judge, rows_needed

__all__ = ["AS_LOGGED", "Answers", "Summary"]

Rows = list[dict[str, Any]]
Summary = Mapping[str, float | None]

AS_LOGGED = "as logged"
"""The policy that wrote the log, in the tables."""


@dataclass(frozen=True)
class Answers:
    """Rows of the table of estimates, from one comparison: of the whole log or of a segment.

    Parameters
    ----------
    comparison : Comparison
        Finished.
    models : Models
    settings : Settings
    shared : mapping
        Diagnostics of the log rather than of a policy: what was left out, whether propensities fit.
    placeholder, misfit : str
        Why propensities are none, and where they differ most from the actions taken, or "".
    segment : str
        The segment, "" for the whole log.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from ltrr.logs import read
    >>> from ltrr.replay.judging.plan import Plan
    >>> from ltrr.replay.targets.always import Always
    >>> log = read(pa.table({"action": [*"ab"] * 50, "reward": [0, 1] * 50, "propensity": [0.5] * 100}))
    >>> plan = Plan.of(log, Settings(estimators=["ips"]))
    >>> comparison = Comparison(plan, [plan.judge(Always("b"), Models(logged=True), 2)])
    >>> comparison.add(next(log.chunks()))
    >>> comparison.finish()
    >>> answers = Answers(comparison, Models(logged=True), plan.settings)
    >>> [(row["policy"], row["value"]) for row in answers.logged() + answers.of(comparison.judges[0])]
    [('as logged', 0.5), ('always:b', 1.0)]
    """

    comparison: Comparison
    models: Models
    settings: Settings
    shared: Summary = field(default_factory=dict)
    placeholder: str = ""
    misfit: str = ""
    segment: str = ""

    @property
    def intervals(self) -> AskedIntervals:
        """The intervals of the estimates."""
        return AskedIntervals(self.comparison, self.settings)

    def summary(self, one: PolicyJudge) -> dict[str, float | None]:
        """Return all diagnostics of a policy, those it shares with others included."""
        return {
            **one.diagnostics.summary(),
            **reward_tail(one, 0),
            **self.shared,
            **self._clustered(one),
            "gap_p": self._gap_p(one),
        }

    def _clustered(self, owner: Any) -> dict[str, float | None]:
        """Return the number of clusters, and how many count by an owner's weights."""
        sums = self.comparison.sums
        if sums is None:
            return {}
        number = float(self._number(self.comparison.logged[0].estimator) or 0)
        known = owner is self.comparison or owner in self.comparison.judges
        own: dict[str, float | None] = {
            "clusters": number,
            "ess_clusters": sums.effective(owner) if known else number,
        }
        return {**own, **self._dependent(owner)} if known else own

    def _number(self, estimator: Estimator) -> int | None:
        """Return the number of clusters that an estimate rests on, None where rows are independent.

        Of more than have sums of their own a segment's number is that of its sums.
        """
        sums, found = self.comparison.sums, estimator.clusters
        if sums is None or found is None:
            return None
        return found.n if self.segment else max(found.n, sums.shared)

    def _dependent(self, owner: Comparison | PolicyJudge) -> dict[str, float | None]:
        """Return tests of drift and errors of mean weights, with the variance that rows of a cluster have."""
        logged, seen = self.comparison.logged[0].estimator, owner.diagnostics
        if not logged.moments.n or self.comparison.sums is None:
            return {}
        single = fed_by(logged, logged, 0)
        single.clusters = None
        error = single.standard_error()
        reward = (logged.standard_error() / error) ** 2 if error else 1.0
        found = {"drift_reward_p": seen.drift_p("reward", reward)}
        if owner is not self.comparison and seen.weighted:
            by_cluster, events = (self.comparison.sums.of(of)[:, 0] for of in (owner, self.comparison))
            rest = by_cluster - seen.mean_weight * events
            alone = seen.weight_variance
            more = float(rest @ rest) / alone if alone else 1.0
            found["drift_weight_p"] = seen.drift_p("weight", more)
            found["mean_weight_se"] = seen.mean_weight_se * math.sqrt(more)
            # 1/p varies between clusters and within them about as weights do
            single_error = seen.summary()["mean_inverse_propensity_se"]
            found["mean_inverse_propensity_se"] = (
                None if single_error is None else single_error * math.sqrt(more)
            )
        return found

    def _gap_p(self, one: PolicyJudge) -> float | None:
        """Return the p-value of equal doubly robust and weighted estimates: the smaller of two, doubled."""
        found = []
        for gap in self.comparison.gaps:
            if self.comparison.judges[gap.first[0]] is one:
                p = two_sided(gap.difference)
                found += [] if p is None else [p]
        return min(1.0, len(found) * min(found)) if found else None

    def logged(self) -> Rows:
        """Return the rows of the values as logged, one a metric and interval."""
        rows: Rows = []
        for entry in self.comparison.logged:
            summary = self.logged_summary(entry)
            exact = self.intervals.shows_exact(entry)
            verdict = judge(summary, weighting=False, exact=exact)
            n = entry.estimator.moments.n
            rows += self._rows(AS_LOGGED, entry, verdict, "", n, 1.0, logged=entry)
        return rows

    def logged_summary(self, entry: Entry) -> dict[str, float | None]:
        """Return the diagnostics of a value as logged."""
        n = entry.estimator.moments.n
        own: dict[str, float | None] = {"n": float(n), "ess": float(n)}
        own |= counted_rows(self.comparison, entry)
        drift = self.comparison.diagnostics.drift_p("reward")
        shared = {name: self.shared.get(name) for name in ("left_out", "repeat_p", "repeat_share")}
        return {**own, **shared, "drift_reward_p": drift, **self._clustered(self.comparison)}

    def of(self, one: PolicyJudge) -> Rows:
        """Return the rows of one policy's estimates."""
        rows: Rows = []
        n = self.comparison.logged[0].estimator.moments.n
        summary = self.summary(one)
        for entry in one.entries:
            logged = self._same(one, entry, summary)
            exact = self.intervals.shows_exact(logged or entry)
            counted = counted_rows(one, entry)
            # a policy that learns has diagnostics alone
            own = {**counted, **summary} if entry.metric == REWARD else {**summary, **counted}
            verdict = self._verdict(one, entry, own, exact=exact)
            ess = {**summary, **entry.own_weights()}.get("ess")
            rows += self._rows(
                one.target.name,
                entry,
                verdict,
                _estimated(one, self.models, entry.estimator),
                float(n) if ess is None else ess,
                summary.get("max_weight"),
                logged=logged or entry,
            )
        return rows

    def _same(self, one: PolicyJudge, entry: Entry, summary: Summary) -> Entry | None:
        """Return the entry of the value as logged where an estimate is the same number by construction."""
        ones = summary.get("max_weight") == 1.0 and summary.get("mean_weight") == 1.0
        weights_alone = entry.estimator.needs == {"weight"} and entry.estimator.weight == "weight"
        if not (one.diagnostics.weighted and ones and weights_alone):
            return None
        return next(own for own in self.comparison.logged if own.metric == entry.metric)

    def _verdict(self, one: PolicyJudge, entry: Entry, summary: Summary, *, exact: bool) -> Verdict:
        """Return the verdict on one estimate."""
        estimator = entry.estimator
        weighting = bool(estimator.weight)
        # weights of exactly 1 do not reweight: the target is the logging policy
        same = summary.get("max_weight") == 1.0 and summary.get("mean_weight") == 1.0
        deterministic = one.diagnostics.deterministic and not (one.diagnostics.weighted and same)
        if summary.get("n") and entry.refused and not (weighting and deterministic):
            return Verdict(CANNOT, _lack(one, entry, self.models))
        verdict = judge(
            {**summary, **entry.own_weights()},
            weighting=weighting,
            deterministic=deterministic,
            estimated=_estimated(one, self.models, estimator),
            biased=estimator.bias,
            modelled=not weighting,
            exact=exact,
            placeholder=self.placeholder,
            misfit=self.misfit,
        )
        if verdict.label == CANNOT:
            return verdict
        try:
            estimator.value()
        except InputError as error:
            return Verdict(CANNOT, str(error))
        return verdict

    def _rows(
        self,
        policy: str,
        entry: Entry,
        verdict: Verdict,
        estimated: str,
        ess: float,
        largest_weight: float | None,
        *,
        logged: Entry,
    ) -> Rows:
        """Return the table's rows of one estimate, one for each interval."""
        estimator = entry.estimator
        common = {
            "policy": policy,
            "estimator": entry.name,
            "parameter": estimator.parameter,
            "level": self.settings.level,
            "n": estimator.moments.n,
            "ess": ess,
            "verdict": verdict.label,
            "reason": verdict.reason,
            "estimated": estimated,
            "bias": estimator.bias,
            "metric": entry.metric,
            "segment": self.segment,
            "clusters": self._number(estimator),
        }
        if verdict.label == CANNOT:
            return [{**common, "interval": "none"}]
        value, out = estimator.value(), []
        for name, interval, note in self.intervals.of(entry, largest_weight, logged=logged):
            row = {**common, "value": value, "interval": name, "note": note}
            if interval is not None:
                row |= {"low": interval.low, "high": interval.high}
                if estimator.weight or not estimator.bias:  # more rows do not remove a model's error
                    wanted = self.settings.half_width or abs(value) / 10.0
                    row["rows_needed"] = rows_needed(interval.n, interval.low, interval.high, wanted)
            out.append(row)
        return out


def _estimated(one: PolicyJudge, models: Models, estimator: Estimator) -> str:
    """Say which probabilities are estimates."""
    parts = []
    if one.target.estimated:
        parts.append(f"target probabilities estimated {one.target.estimated}")
    propensities = models.estimated(estimator.needs)
    if propensities and estimator.weight:
        parts.append(propensities)
    return "; ".join(parts)


def _lack(one: PolicyJudge, entry: Entry, models: Models) -> str:
    """Say which input an estimator lacks, as the user would name it."""
    estimator = entry.estimator
    if one.chosen_only and estimator.whole_target and entry.metric == REWARD:
        return (
            f"`{entry.name}` needs the policy's probabilities of all eligible actions, and this policy "
            "states those of the chosen ones only; give them as columns (columns:PREFIX*), or your own "
            "predictions (q)."
        )
    if "marginal" in estimator.needs and models.embedding is None:
        return f"`{entry.name}` needs `embedding`, the category of each action, which was not given."
    return entry.refused
