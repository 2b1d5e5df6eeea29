"""A policy of this package, frozen as it is."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path

import numpy as np

from ltrr.bandits.saved import load
from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.protocols import Policy
from ltrr.replay.targets.described import blocks, check_context, described
from ltrr.replay.targets.distribution import Distribution, checked
from ltrr.replay.targets.reads import FEATURES, Reads
from ltrr.rng import Streams
from ltrr.types import Float64

__all__ = ["PolicyTarget", "listed"]


def listed(names: tuple[str, ...]) -> str:
    """Return names for a message: the first three, and how many there are."""
    if not names:
        return "none"
    return ", ".join(names[:3]) + (f", … ({len(names)})" if len(names) > 3 else "")


@dataclass
class PolicyTarget(Distribution):
    """A policy's stated probabilities, without any learning along the log.

    A copy of the policy is judged, so that training the original afterwards changes nothing. It sees the
    log's context, and actions as `described` shows them; both must be what it was trained on.

    Parameters
    ----------
    policy : Policy
        Trained, or one that never learns.
    label : str
        Name in tables; the class's name if empty.
    seed : int
        Seeds the draws of policies that estimate their probabilities by Monte Carlo; those depend on how the
        log is cut into chunks.

    Raises
    ------
    InputError
        If the policy does not fit the log's context or action features.

    Examples
    --------
    >>> from ltrr.bandits import EpsilonGreedy
    >>> from ltrr.logs.events import Space
    >>> ids = np.arange(2)
    >>> two = Events(Space(("a", "b")), row=ids, key=ids, action=ids, reward=np.ones(2))
    >>> PolicyTarget(EpsilonGreedy(0.2)).logged(two).tolist()
    [0.9, 0.1]
    """

    policy: Policy
    _: KW_ONLY
    label: str = ""
    seed: int = 0
    _frozen: Policy = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._frozen = self.policy.fork()
        self._frozen.restore(self.policy.state())

    @staticmethod
    def saved(folder: str | Path) -> PolicyTarget:
        """Return a policy from the folder that it was saved to, under the folder's name."""
        return PolicyTarget(load(folder), label=Path(folder).name)

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label or type(self.policy).__name__.lower()

    @property
    def reads(self) -> Reads:
        """Contexts and actions."""
        return FEATURES

    def probabilities(self, events: Events) -> Float64:
        """Return what the policy states."""
        out = np.empty(len(events.actions.action))
        start = 0
        for rows in blocks(events):
            part = events.take(rows)
            check_context(self.name, part)
            actions = described(part)
            rng = Streams(self.seed).generator("policy", int(part.row[0]))
            try:
                stated = self._frozen.probabilities(part.requests, actions, rng)
            except InputError as error:
                raise InputError(
                    f"policy {self.name!r} does not fit the log, whose context is "
                    f"{listed(events.space.context_names)} and whose action features are "
                    f"{listed(actions.names)}: {error}"
                ) from error
            end = start + len(actions.action)
            out[start:end] = checked(self.name, part, stated)
            start = end
        return out
