"""The measures that have names."""

from __future__ import annotations

from ltrr.metrics.measures import STANDARD, Measure
from ltrr.registry import Registry

__all__ = ["MEASURES"]

MEASURES = Registry(
    "measures",
    {measure.name: measure for measure in STANDARD},
    makes=Measure,
    needs=("name", "label", "values"),
    base="ltrr.metrics.Measure",
)
"""Measures of every study; others are added to a study by import path or as objects."""
