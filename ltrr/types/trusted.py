"""Objects whose fields are known to be right, made without checks."""

from __future__ import annotations

from typing import Any, TypeVar

__all__ = ["trusted"]

T = TypeVar("T")


def trusted(kind: type[T], **fields: Any) -> T:
    """Return a frozen dataclass of these fields, all of them, neither checked nor converted.

    For the inside of the loop, where every array was made with its type and shape a few lines before and a
    check would take longer than the work. What comes from outside goes through the class itself.

    Examples
    --------
    >>> import numpy as np
    >>> from ltrr.types import Items
    >>> trusted(Items, indptr=np.array([0, 1]), item=np.array([7], np.int32)).item.tolist()
    [7]
    """
    made = object.__new__(kind)
    made.__dict__.update(fields)
    return made
