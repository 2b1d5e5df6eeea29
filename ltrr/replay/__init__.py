"""Replay: judge policies from logs, and say what a log can and cannot answer."""

from ltrr.replay.batch import Batch
from ltrr.replay.events import Events, Space
from ltrr.replay.faults import Faults
from ltrr.replay.moments import Moments
from ltrr.replay.replay_log import ReplayLog

__all__ = ["Batch", "Events", "Faults", "Moments", "ReplayLog", "Space"]
