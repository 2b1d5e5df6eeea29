"""Allocations judged with the ranker and the page behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.allocations.target import (
        allocation_judges,
        allocation_of,
        chunks_of,
        with_allocations,
    )

__all__ = ["allocation_judges", "allocation_of", "chunks_of", "with_allocations"]

__getattr__ = _lazy.names(__name__, {".target": "allocation_judges allocation_of chunks_of with_allocations"})
