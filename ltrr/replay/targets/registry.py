"""The words that name target policies."""

from __future__ import annotations

from ltrr.registry import Registry
from ltrr.replay.targets import words

__all__ = ["TARGETS"]

TARGETS = Registry(
    "targets",
    {
        "uniform": words.uniform,
        "always": words.always,
        "logged": words.logged,
        "column": words.column,
        "policy": words.policy,
        "vw": words.vw,
        "without": words.without,
        "epsilon": words.epsilon,
        "mixed": words.mixed,
        "quota": words.quota,
        "learning": words.learning,
    },
)
"""Words by which target policies are named; entry points add policies and targets of other distributions."""
