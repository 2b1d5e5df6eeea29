"""The target policies that have names."""

from __future__ import annotations

from ltrr.registry import Registry
from ltrr.replay.targets import named

__all__ = ["TARGETS"]

TARGETS = Registry(
    "targets",
    {
        "uniform": named.uniform,
        "always": named.always,
        "logged": named.logged,
        "column": named.column,
        "columns": named.columns,
        "policy": named.policy,
        "vw": named.vw,
        "without": named.without,
        "epsilon": named.epsilon,
        "mixed": named.mixed,
        "quota": named.quota,
        "learning": named.learning,
    },
)
"""Names of target policies; entry points add policies and targets of other distributions."""
