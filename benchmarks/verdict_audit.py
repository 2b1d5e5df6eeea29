"""How often intervals cover the truth, by verdict, on random logs of many kinds.

    python -m benchmarks.verdict_audit 2000

Size, actions, contexts, both policies, kind of reward and users of every log are drawn at random;
its truth is known exactly. Intervals of estimates that were called *supported* must cover it as often as they
state; the coverage of those of *weak* ones is reported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.progress import track

from ltrr.logs.memory import EventsLog
from ltrr.replay import Events, Space, run

ESTIMATORS = ("ips", "snips", "dr", "sndr", "clipped-ips", "switch-dr", "dm")
REWARDS = ("binary", "rare", "normal", "skewed", "signed")


@dataclass(frozen=True)
class World:
    """A world of finitely many contexts whose truth is known.

    Parameters
    ----------
    logging, target, mean : float64 (contexts, actions)
        Probabilities of both policies, and mean rewards.
    share : float64 (contexts,)
        Of the requests.
    reward : str
        Kind of reward.
    n, users : int
        Rows, and users (0 for independent rows).
    """

    logging: Any
    target: Any
    mean: Any
    share: Any
    reward: str
    n: int
    users: int

    @property
    def truth(self) -> dict[str, float]:
        """The value of each policy."""
        values = {"new": self.target, "uniform": np.full_like(self.target, 1.0 / self.target.shape[1])}
        best = np.zeros_like(self.target)
        best[:, 0] = 1.0
        values["always:a0"] = best
        return {name: float(self.share @ (p * self.mean).sum(axis=1)) for name, p in values.items()}

    def log(self, rng: np.random.Generator) -> EventsLog:
        """Return a log drawn from the world."""
        contexts, actions = self.mean.shape
        x = rng.choice(contexts, self.n, p=self.share)
        action = (self.logging[x].cumsum(axis=1) < rng.random(self.n)[:, None]).sum(axis=1)
        action = np.minimum(action, actions - 1)
        mean = self.mean[x, action]
        user = None
        if self.users:
            user = rng.integers(0, self.users, self.n)
            # a factor of its own for each user, with mean 1, that keeps probabilities below 1
            mean = mean * (2.0 * rng.beta(1.0, 1.0, self.users))[user]
        reward = _drawn(self.reward, mean, rng)
        space = Space(tuple(f"a{i}" for i in range(actions)), tuple(f"x{i}" for i in range(contexts)))
        return EventsLog(
            Events(
                space,
                np.arange(1, self.n + 1),
                np.arange(self.n),
                action,
                reward,
                self.logging[x, action],
                context=np.eye(contexts, dtype=np.float32)[x],
                user=user,
            )
        )


def _drawn(kind: str, mean: Any, rng: np.random.Generator) -> Any:
    if kind in ("binary", "rare"):
        return (rng.random(len(mean)) < mean).astype(float)
    if kind == "normal":
        return mean + rng.normal(0.0, 0.5, len(mean))
    if kind == "skewed":  # log-normal with mean 1
        return mean * np.exp(rng.normal(0.0, 1.0, len(mean)) - 0.5)
    return mean + rng.normal(0.0, 0.3, len(mean)) - 0.25


class Softmax:
    """A policy that states the world's target distribution by context."""

    name = "new"

    def __init__(self, world: World) -> None:
        self.world = world

    def probabilities(self, events: Events) -> Any:
        """Return the distribution of every row."""
        return self.world.target[events.context.argmax(axis=1)].reshape(-1)


def world_of(rng: np.random.Generator) -> World:
    """Return a random world."""
    contexts, actions = int(rng.integers(1, 6)), int(rng.choice([2, 3, 5, 10, 30]))
    n = int(np.exp(rng.uniform(np.log(200), np.log(20_000))))
    sharp = rng.uniform(0.0, 2.5)
    floor = rng.choice([0.0, 0.01, 0.1])

    def policy(scale: float) -> Any:
        score = np.exp(scale * rng.normal(size=(contexts, actions)))
        p = score / score.sum(axis=1, keepdims=True)
        return (1.0 - floor) * p + floor / actions

    reward = str(rng.choice(REWARDS))
    top = 0.01 if reward == "rare" else 0.5
    mean = top * rng.uniform(0.05, 1.0, (contexts, actions))
    if reward == "signed":
        mean = mean - 0.25
    share = rng.dirichlet(np.full(contexts, 3.0))
    users = int(n / rng.uniform(2.0, 15.0)) if rng.random() < 0.3 and reward != "signed" else 0
    return World(policy(sharp), policy(rng.uniform(0.0, 2.5)), mean, share, reward, n, users)


def rows_of(number: int) -> Iterator[dict[str, Any]]:
    """Yield what the estimates of one random log say."""
    rng = np.random.default_rng([2024, number])
    world = world_of(rng)
    truth = world.truth
    if world.reward == "signed":  # the draw shifts rewards by a quarter
        truth = {name: value - 0.25 for name, value in truth.items()}
    found = run(
        world.log(rng),
        [Softmax(world), "uniform", "always:a0"],
        estimators=ESTIMATORS,
        pairs=False,
        clips=False,
        quiet=True,
    )
    for row in found.rows["estimates"]:
        name = {"Softmax": "new"}.get(row["policy"], row["policy"])
        if name in truth:
            yield {
                "log": number,
                "reward": world.reward,
                "clusters": world.users > 0,
                "policy": name,
                "estimator": row["estimator"],
                "verdict": row["verdict"],
                "reason": row["reason"],
                "covered": row["low"] <= truth[name] <= row["high"],
                "answered": np.isfinite(row["low"]),
                "n": row["n"],
                "ess": row["ess"],
            }


def table_of(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return coverage by group, with the number of intervals."""
    told = rows[rows.answered]
    out = told.groupby(by).covered.agg(["mean", "size"])
    return out.rename(columns={"mean": "coverage", "size": "intervals"})


def main(logs: int = 200, out: str | None = None) -> None:
    """Print the tables; write every estimate to a file, where one is named."""
    found = [row for number in track(range(logs), "logs") for row in rows_of(number)]
    rows = pd.DataFrame(found)
    if out is not None:
        rows.to_csv(out, index=False)
    say = sys.stdout.write
    say(f"{logs} logs, {len(rows)} estimates\n\n")
    say(f"{rows.groupby('verdict').size()}\n\n")
    for by in (["verdict"], ["verdict", "estimator"], ["verdict", "reward"], ["verdict", "clusters"]):
        say(f"{table_of(rows, by).round(3)}\n\n")
    missed = rows[rows.answered & ~rows.covered & (rows.verdict == "supported")]
    say(f"{missed.groupby(['estimator', 'reward']).size()}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200, sys.argv[2] if len(sys.argv) > 2 else None)
