"""Settings of fusions, for arms and rankers: checked weights, and settings that a search tries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ltrr import _check
from ltrr.errors import InputError, nearest

__all__ = ["check_names", "checked_weights", "searched_settings", "searched_weights"]

_STRENGTHS = (0.25, 0.5, 1.0, 2.0)


def checked_weights(owner: str, weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights by arm, each known to be a number >= 0."""
    if not isinstance(weights, Mapping):
        raise InputError(f"`{owner}.weights` must be a table of numbers by arm, got {weights!r}")
    return {arm: _check.number(f"{owner}.weights[{arm!r}]", w, low=0.0) for arm, w in weights.items()}


def check_names(owner: str, weights: Iterable[str], arms: Iterable[str]) -> None:
    """Refuse weights of arms that do not exist."""
    known = list(arms)
    for arm in weights:
        if arm not in known:
            raise InputError(f"`{owner}.weights` must name arms, got {arm!r}{nearest(str(arm), known)}")


def searched_weights(arms: Sequence[str], rng: np.random.Generator) -> dict[str, float]:
    """Return log-normal weights (standard deviation 1 in logarithms) that sum to 1, in steps of .001.

    Weights that are even on the simplex were tried: with four arms nearly all of them give some arm almost
    nothing, and none of 15 came up to equal weights.

    Examples
    --------
    >>> import numpy as np
    >>> searched_weights(("bm25", "dense"), np.random.default_rng(1))
    {'bm25': 0.383, 'dense': 0.617}
    """
    drawn = np.exp(rng.normal(size=len(arms)))
    return {arm: round(float(w), 3) for arm, w in zip(arms, drawn / drawn.sum(), strict=True)}


def searched_settings(fusion: str, arms: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    """Return settings to try of one way to merge lists: weights, and the parameter that it reads.

    ``k`` is log-uniform in [5, 500], ``strength`` one of a few.

    Examples
    --------
    >>> import numpy as np
    >>> searched_settings("rrf", ("bm25", "dense"), np.random.default_rng(1))
    {'k': 52.8, 'weights': {'bm25': 0.62, 'dense': 0.38}}
    """
    settings: dict[str, Any] = {}
    if fusion == "rrf":
        settings["k"] = round(5.0 * float(100.0 ** rng.random()), 1)
    settings["weights"] = searched_weights(arms, rng)
    if fusion == "confidence":
        settings["strength"] = float(rng.choice(_STRENGTHS))
    return settings
