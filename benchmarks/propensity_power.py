"""How often the test of propensities finds wrong ones: ``python -m benchmarks.propensity_power [LOGS]``.

Prints the tables of docs/propensities.md: the share of logs whose propensities are found not to fit, by
fault, number of actions and of rows, with the context read and without.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ltrr.logs.events import Events, Space
from ltrr.logs.propensity_check import PropensityCheck
from ltrr.logs.propensity_tests import doubtful, far_off
from ltrr.types import Float64

FAULTS = ("right", "constant", "shuffled", "off by one action", "stale", "permuted within context")
ROWS, ACTIONS = (1_000, 10_000), (3, 10, 50)
COLUMNS = 4


@dataclass(frozen=True)
class World:
    """A softmax policy on a normal context.

    Parameters
    ----------
    n_actions : int
    sharpness : float
        Standard deviation of an action's score over contexts.
    skew : float
        Standard deviation of an action's score that is the same in all contexts; 0: all are equally frequent.

    Examples
    --------
    >>> World(3, 1.0, 0.0).log(np.random.default_rng(0), 100, "right").propensity.shape
    (100,)
    """

    n_actions: int
    sharpness: float
    skew: float

    def log(self, rng: np.random.Generator, n: int, fault: str) -> Events:
        """Draw a log whose propensities have a fault."""
        a, rows = self.n_actions, np.arange(n)
        context = rng.normal(size=(n, COLUMNS))
        slopes = rng.normal(size=(COLUMNS, a)) * self.sharpness / np.sqrt(COLUMNS)
        levels = rng.normal(size=a) * self.skew
        p = softmax(context @ slopes + levels)
        action = np.minimum((p.cumsum(axis=1) < rng.random(n)[:, None]).sum(axis=1), a - 1)
        stated = p[rows, action]
        if fault == "constant":
            stated = np.full(n, 1.0 / a)
        elif fault == "shuffled":
            stated = rng.permutation(stated)
        elif fault == "off by one action":
            stated = p[rows, (action + 1) % a]
        elif fault == "stale":
            # yesterday's parameters: correlated with today's by 0.8
            older = 0.8 * slopes + 0.6 * rng.normal(size=slopes.shape) * self.sharpness / np.sqrt(COLUMNS)
            level = 0.8 * levels + 0.6 * rng.normal(size=a) * self.skew
            stated = softmax(context @ older + level)[rows, action]
        elif fault == "permuted within context":
            stated = rng.permuted(p, axis=1)[rows, action]
        space = Space(tuple(map(str, range(a))), tuple(f"x{j}" for j in range(COLUMNS)))
        return Events(space, rows + 1, rows, action, np.zeros(n), np.maximum(stated, 1e-12), context=context)


WORLDS = {
    "uniform marginals": (1.0, 0.0),
    "skewed": (1.0, 1.0),
    "sharp and skewed": (2.0, 2.0),
}


def softmax(score: Float64) -> Float64:
    """Return the distributions of scores, a row each."""
    e = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def found(events: Events, *, context: bool) -> tuple[bool, bool]:
    """Return whether propensities are found not to fit, and to be far off."""
    if not context:
        space = replace(events.space, context_names=())
        events = replace(events, space=space, context=np.zeros((len(events), 0), np.float32))
    check = PropensityCheck(len(events.space.actions))
    check.add(events)
    summary = check.summary()
    return doubtful(summary), far_off(summary)


def shares(world: World, n: int, fault: str, logs: int, seed: int = 0) -> Iterator[tuple[float, float]]:
    """Yield the shares of logs that do not fit and that are far off, with the context and without."""
    for context in (True, False):
        rng = np.random.default_rng([seed, n, world.n_actions, FAULTS.index(fault)])
        got = np.array([found(world.log(rng, n, fault), context=context) for _ in range(logs)])
        doubt, far = got.mean(axis=0)
        yield float(doubt), float(far)


def alarms(logs: int) -> None:
    """Print how often right propensities are doubted, over all numbers of actions and kinds of policy."""
    print("| rows | logs | doubted |\n|--:|--:|--:|")
    for n in (200, 1_000, 10_000):
        worlds = [World(a, *world) for a in ACTIONS for world in (*WORLDS.values(), (4.0, 2.0))]
        got = [doubt for world in worlds for doubt, _ in shares(world, n, "right", logs, seed=1)]
        print(f"| {n:,} | {len(got) * logs:,} | {sum(got) * logs:.0f} |", flush=True)


def main(logs: int) -> None:
    """Print a table a kind of policy, and one of false alarms."""
    for name, (sharpness, skew) in WORLDS.items():
        print(f"\n**{name}**\n")
        heads = [f"{a} actions, {n:,} rows" for a in ACTIONS for n in ROWS]
        print("| propensities | " + " | ".join(heads) + " |\n|---|" + "--:|" * len(heads))
        for fault in FAULTS[1:]:
            cells = []
            for a in ACTIONS:
                for n in ROWS:
                    pairs = shares(World(a, sharpness, skew), n, fault, logs)
                    cells.append(" · ".join(f"{doubt:.0%} ({far:.0%})" for doubt, far in pairs))
            print(f"| {fault} | " + " | ".join(cells) + " |", flush=True)
    print("\n**right propensities**, with the context read and without\n")
    alarms(logs)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
