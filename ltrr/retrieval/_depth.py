"""The depth argument of arms, checked."""

from __future__ import annotations

import numpy as np

from ltrr import _check
from ltrr.errors import InputError
from ltrr.types import Int32

__all__ = ["checked"]


def checked(depth: Int32, n_requests: int) -> Int32:
    """Return ``depth`` as int32 (B,), all >= 0."""
    asked = _check.array("depth", depth, np.int32, (n_requests,))
    if len(asked) and int(asked.min()) < 0:
        raise InputError(f"`depth` must be >= 0, got {int(asked.min())}")
    return asked
