"""Where results go when no folder is named."""

from __future__ import annotations

from pathlib import Path

__all__ = ["free_folder"]

LONGEST_FOLDER = 100
"""Letters that a name gives to the folder of its results."""


def free_folder(name: str) -> Path:
    """Return runs/<name>, or the first runs/<name>-<n> that is free."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    first = Path("runs") / (plain.lstrip(".")[:LONGEST_FOLDER] or "study")
    folder, n = first, 1
    while folder.exists():
        n += 1
        folder = first.with_name(f"{first.name}-{n}")
    return folder
