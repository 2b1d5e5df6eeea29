"""Replay: estimate policies from logs, and say what a log can and cannot answer."""

from ltrr.replay.batch import ReplayBatch
from ltrr.replay.evaluate import evaluate, run
from ltrr.replay.evaluation import Evaluation
from ltrr.replay.events import Events, Space
from ltrr.replay.faults import Faults
from ltrr.replay.moments import Moments
from ltrr.replay.off_policy import learn_policy
from ltrr.replay.reading import read
from ltrr.replay.replay_log import ReplayLog
from ltrr.replay.split import split
from ltrr.replay.validate import validate
from ltrr.replay.verdict import Verdict

__all__ = [
    "ReplayBatch",
    "Evaluation",
    "Events",
    "Faults",
    "Moments",
    "ReplayLog",
    "Space",
    "Verdict",
    "evaluate",
    "learn_policy",
    "read",
    "run",
    "split",
    "validate",
]
