"""What each arm delivered to the slots that chose it, and how often it found nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ltrr.study.cells import Cells
from ltrr.study.study import Study

__all__ = ["ARMS", "arm_rows"]

ARMS = ("policy", "arm", "requests", "answered", "slots", "filled")
"""Columns of ``arms.csv``."""


def arm_rows(cells: Mapping[str, Cells], study: Study) -> list[dict[str, Any]]:
    """Return one row a policy and arm, over all rounds of all seeds, the warm-up included.

    ``requests`` gave the arm a slot; on the share ``answered`` of these it delivered at least one candidate.
    ``slots`` were given to it in all; ``filled`` is the share of their places that it filled itself. Shares
    are empty where no request gave the arm a slot.

    Parameters
    ----------
    cells : mapping of policy to Cells
    study : Study
    """
    rows = []
    for policy, own in cells.items():
        for arm in study.loop.arms:
            slots = np.concatenate([t[f"slots_{arm}"] for t in own.rounds])
            got = np.concatenate([t[f"own_{arm}"] for t in own.rounds])
            asked, total = int((slots > 0).sum()), int(slots.sum())
            rows.append(
                {
                    "policy": policy,
                    "arm": arm,
                    "requests": asked,
                    "answered": (got > 0).sum() / asked if asked else np.nan,
                    "slots": total,
                    "filled": got.sum() / (total * study.loop.slot_size) if total else np.nan,
                }
            )
    return rows
