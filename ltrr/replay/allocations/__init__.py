"""Allocations judged with the ranker and the page behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ltrr import _lazy

if TYPE_CHECKING:
    from ltrr.replay.allocations.tables import with_allocations
    from ltrr.replay.allocations.target import allocation_of, chunks_of, compared_allocations

__all__ = ["allocation_of", "chunks_of", "compared_allocations", "with_allocations"]

__getattr__ = _lazy.names(
    __name__,
    {".tables": "with_allocations", ".target": "allocation_of chunks_of compared_allocations"},
)
