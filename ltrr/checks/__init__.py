"""Conformance checks: run them on your own component before it takes part in a study.

Pass an instance, in a test or at a prompt; no error means that it keeps its protocol::

    from ltrr.checks import check_policy

    def test_my_policy():
        check_policy(MyPolicy(alpha=0.5))

The first check that fails raises a `CheckError`, an `AssertionError` of one line: the name of the check, what
must hold, what was found. A class, or an object of another kind, raises an `InputError`. A check that does
not apply is skipped with a reason: ``check_policy(MyPolicy(), skip={"draws_match": "states no
distribution"})``. Where an engine is not exact, ``tolerance=1e-9`` allows that difference between numbers
that should be identical bits.

Each check asks only what the protocols promise, on small data of its own, and works on forks or copies, so
that the component stays unchanged.
"""

from ltrr.checks.common import CheckError
from ltrr.checks.encoder import check_encoder
from ltrr.checks.estimator import check_estimator
from ltrr.checks.interval import check_interval
from ltrr.checks.policy import check_policy
from ltrr.checks.ranker import check_ranker
from ltrr.checks.retriever import check_retriever
from ltrr.checks.user_model import check_user_model
from ltrr.checks.world import check_world

__all__ = [
    "CheckError",
    "check_encoder",
    "check_estimator",
    "check_interval",
    "check_policy",
    "check_ranker",
    "check_retriever",
    "check_user_model",
    "check_world",
]
