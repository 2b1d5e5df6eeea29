"""Events as Vowpal Wabbit's examples, the same for training and for judging its models."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.types import Float32

__all__ = ["vw_examples", "vw_name"]


def vw_name(name: str) -> str:
    """Return a feature's name as VW can read it: spaces, colons and bars become underscores.

    Examples
    --------
    >>> vw_name("arm:flat white")
    'arm_flat_white'
    """
    return re.sub(r"[\s:|]", "_", name)


def _lines(start: str, names: Sequence[str], values: Float32) -> list[str]:
    """Return one line a row: the features that are neither 0 nor missing."""
    row, column = np.nonzero(np.nan_to_num(values))
    words = [
        f" {names[j]}:{v:.7g}" for j, v in zip(column.tolist(), values[row, column].tolist(), strict=True)
    ]
    ends = np.searchsorted(row, np.arange(len(values) + 1)).tolist()
    return [start + "".join(words[low:high]) for low, high in pairwise(ends)]


def vw_examples(events: Events, *, labelled: bool = False) -> list[str]:
    """Return one multi-line example a row for VW's ``--cb_adf`` and ``--cb_explore_adf``.

    The first line is ``shared |c name:value …`` with the context, then one line an eligible action,
    ``|a name:value …``, with the action's features, or ``|a arm_<action's name>`` in a log that has none.
    Features are named as in the log (`vw_name`), written with 7 digits, and left out where they are missing,
    or 0, which changes nothing for VW. The label ``0:cost:propensity`` precedes the chosen action; the cost
    is −reward.

    Parameters
    ----------
    events : Events
    labelled : bool
        Whether labels are written.

    Raises
    ------
    InputError
        If labels are asked for and the log has no propensities.

    Examples
    --------
    >>> from ltrr.logs.events import Space
    >>> one = Events(
    ...     Space(("flat white", "tea"), ("hour",)), row=np.ones(1), key=np.ones(1), action=np.array([1]),
    ...     reward=np.ones(1), propensity=np.array([0.5]), context=np.array([[8.0]]),
    ... )
    >>> print(vw_examples(one, labelled=True)[0])
    shared |c hour:8
    |a arm_flat_white
    0:-1:0.5 |a arm_tea
    """
    space, actions = events.space, events.actions
    names = [vw_name(name) for name in space.feature_names]
    if not names:
        table = [f"|a arm_{vw_name(action)}" for action in space.actions]
        lines = [table[a] for a in actions.action.tolist()]
    elif space.features is not None and events.features is None:
        table = _lines("|a", names, space.features)
        lines = [table[a] for a in actions.action.tolist()]
    else:
        lines = _lines("|a", names, actions.features)
    if labelled:
        if events.propensity is None:
            raise InputError("the log must hold propensities for VW to learn from it")
        for place, reward, propensity in zip(
            events.place.tolist(), events.reward.tolist(), events.propensity.tolist(), strict=True
        ):
            lines[place] = f"0:{-reward:.7g}:{propensity:.9g} {lines[place]}"
    heads = _lines("shared |c", [vw_name(name) for name in space.context_names], events.context)
    ends = actions.indptr.tolist()
    return [
        "\n".join([head, *lines[low:high]])
        for head, low, high in zip(heads, ends[:-1], ends[1:], strict=True)
    ]
