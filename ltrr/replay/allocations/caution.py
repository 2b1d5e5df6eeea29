"""What must be stated with an allocation's estimate, from what its log says of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltrr.logs.formats.run_log import RunLog
from ltrr.retrieval.registry import ARMS

__all__ = ["doubt", "notes"]


def notes(log: RunLog, level: str, own: float) -> tuple[str, ...]:
    """Return what must be stated with an estimate, `doubt` first.

    Parameters
    ----------
    log : RunLog
    level : "sequence", "quota" or "page"
    own : float
        Share of requests whose weights are those of the level itself.
    """
    found = [because] if (because := doubt(log, level)) else []
    if own < 1.0:
        found.append(
            f"{own:.1%} of the weights are the {level}'s own, the rest the sequence's: the logging "
            "policy's probabilities of other orders are not known"
        )
    if level == "page":
        found.append("rewards are assumed to depend on a quota only through its page")
    if learning := _learning(log):
        found.append(
            f"the value is that in the logged run: its traffic trained {' and '.join(learning)}, and the "
            "target's own would train them differently"
        )
    return tuple(found)


def doubt(log: RunLog, level: str) -> str:
    """Return why an estimate is biased, whatever its weights, or ""."""
    reward = _settings(log).get("reward", {})
    if level == "page" and (reward.get("arm_cost") or reward.get("candidate_cost")):
        return "costs are those of the logged quotas, not of the target's"
    return ""


def _settings(log: RunLog) -> Mapping[str, Any]:
    found = log.parts.about.get("settings")
    return found if isinstance(found, Mapping) else {}


def _learning(log: RunLog) -> list[str]:
    """Return the arms of kinds that learn from the traffic."""
    arms = _settings(log).get("arms")
    kinds = {name: one.get("kind") for name, one in arms.items()} if isinstance(arms, Mapping) else {}
    return [str(name) for name, kind in kinds.items() if not getattr(ARMS.makers.get(kind), "static", True)]
