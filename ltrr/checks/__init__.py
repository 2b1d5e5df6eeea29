"""Conformance checks: run them on a class of your own before it takes part in a study.

Each check asks only what the protocols promise, on small data of its own, and works on forks or copies, so
that what is checked stays as it was.
"""

from ltrr.checks.error import CheckError
from ltrr.checks.estimator import check_estimator
from ltrr.checks.interval import check_interval
from ltrr.checks.policy import check_policy
from ltrr.checks.ranker import check_ranker
from ltrr.checks.retriever import check_retriever
from ltrr.checks.user_model import check_user_model
from ltrr.checks.world import check_world

__all__ = [
    "CheckError",
    "check_estimator",
    "check_interval",
    "check_policy",
    "check_ranker",
    "check_retriever",
    "check_user_model",
    "check_world",
]
