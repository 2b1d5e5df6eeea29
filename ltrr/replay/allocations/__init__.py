"""Allocations judged with the ranker and the page behind them."""

__all__: list[str] = []
