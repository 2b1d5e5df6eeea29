"""How often each text of the music world is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ltrr.rng import Streams
from ltrr.types import Float64, Int16, Int64
from ltrr.worlds.music.queries import INTENTS, Need
from ltrr.worlds.traffic import HoldOut, zipf_law

__all__ = ["HEAD_SHIFT", "PulledTraffic"]

HEAD_SHIFT = 10.0
"""Shift of the Zipf–Mandelbrot law of traffic: the top one of 9,000 texts then has 2 % of it, not 15 %."""

# What the head of traffic asks: names and what everybody wants rather than descriptions.
_HEAD: Mapping[str, float] = MappingProxyType(
    {
        "entity": 0.0,
        "attribute": 0.1,
        "topic": 0.1,
        "misspelt": -0.1,
        "alias": 0.2,
        "ambiguous": 0.2,
        "generic": 0.1,
    }
)
_APPEAL_PULL = 0.3
_SECOND_WORDING = 0.7
_WORDING_NOISE = 0.3


@dataclass(frozen=True)
class PulledTraffic:
    """Zipf–Mandelbrot traffic in an order by intent, appeal of what is asked for, wording, and chance.

    Chance is drawn for each replicate: a standard normal for each need, one of deviation 0.3 for each text.
    Held-out needs weigh equally, as do the wordings of one.

    Parameters
    ----------
    hold_out : HoldOut
        What is held out of the U needs; strata are intents.
    need : int64 (Q,)
        The need of each text.
    pull : float64 (Q,)
        Logarithm of how much each text is asked for, but for chance.
    zipf : float
        Exponent of the traffic.

    Examples
    --------
    >>> needs = [Need(("blue",), (), (1.0,), 0.0), Need(("red", "rot"), (), (1.0,), 9.0)]
    >>> none = HoldOut.of(np.zeros(2), 0.0, Streams(0))
    >>> law = PulledTraffic.of(needs, np.zeros(2, np.int16), none, zipf=1.0)
    >>> law.pull.round(2).tolist(), float(law(Streams(7))[0].sum().round(9))
    ([-1.35, 1.35, 0.65], 1.0)
    """

    hold_out: HoldOut
    need: Int64
    pull: Float64
    zipf: float

    @staticmethod
    def of(needs: list[Need], intent: Int16, hold_out: HoldOut, *, zipf: float) -> PulledTraffic:
        """Return the traffic of some needs, whose wordings are the texts in order."""
        n_texts = np.array([len(need.texts) for need in needs])
        owner = np.repeat(np.arange(len(needs)), n_texts)
        wording = np.arange(len(owner)) - (np.cumsum(n_texts) - n_texts)[owner]
        appeal = np.array([need.pull for need in needs])
        # centred within an intent, so that only `_HEAD` moves whole intents
        mean = np.bincount(intent, appeal) / np.maximum(np.bincount(intent), 1)
        pull = np.array([_HEAD[name] for name in INTENTS])[intent] + _APPEAL_PULL * (appeal - mean[intent])
        return PulledTraffic(hold_out, owner, pull[owner] - _SECOND_WORDING * wording, zipf)

    def __call__(self, streams: Streams, /) -> tuple[Float64, Float64]:
        """Return the probabilities (Q,) of each text in the stream and among the held-out requests."""
        stream, out = self.hold_out.draw(streams)
        rng = streams.generator("world/order")
        pull = self.pull + rng.standard_normal(len(stream))[self.need]
        pull += _WORDING_NOISE * rng.standard_normal(len(pull))
        asked = np.flatnonzero(stream[self.need])
        traffic = np.zeros(len(pull))
        ranked = asked[np.argsort(-pull[asked], kind="stable")]
        traffic[ranked] = zipf_law(len(ranked), exponent=self.zipf, shift=HEAD_SHIFT)
        # What is asked for the first time is the tail, where no need is met more often than another.
        held_out = (out / np.bincount(self.need) / max(int(out.sum()), 1))[self.need]
        return traffic, held_out
