"""Policies that learn along a log, or from one."""

__all__: list[str] = []
