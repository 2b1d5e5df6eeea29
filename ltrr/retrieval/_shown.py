"""A check of the items that feedback shows."""

from __future__ import annotations

from ltrr.errors import InputError
from ltrr.types import Feedback

__all__ = ["check_shown"]


def check_shown(feedback: Feedback, n_items: int) -> None:
    """Refuse pages that show an item which the indexed catalogue of ``n_items`` does not hold."""
    if feedback.item.size and int(feedback.item.max()) >= n_items:
        raise InputError(
            f"`feedback.item` must be below {n_items} (the size of the indexed catalogue), "
            f"got {int(feedback.item.max())}"
        )
