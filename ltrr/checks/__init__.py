"""Conformance checks: run them on a component of your own before it takes part in a study.

Give an instance, in a test of yours or at a prompt; silence means that it keeps its protocol::

    from ltrr.checks import check_policy

    def test_my_policy():
        check_policy(MyPolicy(alpha=0.5))

The first check that fails raises a `CheckError`, an `AssertionError` of one line: the name of the check, what
must hold, what was found. A class, or an object of another kind, is an `InputError`. A check that does not
apply is skipped with a reason: ``check_policy(MyPolicy(), skip={"draws_match": "states no law"})``.
Where an engine is not exact, ``tolerance=1e-9`` says how far numbers may differ that should be the same bits.

Each check asks only what the protocols promise, on small data of its own, and works on forks or copies, so
that what is checked stays as it was.
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
