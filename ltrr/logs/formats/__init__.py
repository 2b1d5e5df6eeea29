"""Formats of logs, a file each."""

__all__: list[str] = []
