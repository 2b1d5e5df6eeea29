"""A study: all that determines a simulation, checked, and turned into components."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import tomli_w

from ltrr import _check
from ltrr.errors import InputError, nearest
from ltrr.protocols import Retriever, World
from ltrr.rng import Streams
from ltrr.simulation.setting import LoopSetting
from ltrr.simulation.system import Prepared, System
from ltrr.study.components import ARMS, RANKERS, USERS, WORLDS, make, try_world
from ltrr.study.spec import PolicySpec, plain
from ltrr.users.rewards import Reward
from ltrr.worlds.topic_world import IDEAL_WIDTH

__all__ = ["Study", "Tuning"]

LONGEST_NAME = 100
"""Letters of a policy's name: with what is added to it, it stays a file name everywhere."""

MOST_CANDIDATES = 1_000_000
"""Candidates a request: far beyond any use, and far from overflowing a 32-bit depth."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How the best static allocation is searched: all quotas, by successive halving on seeds of their own.

    Parameters
    ----------
    shares : tuple of float
        Part of the study's rounds that each rung runs (after the warm-up's full length).
    keep : tuple of int
        Quotas that go on after each rung; the last must be 1.
    seeds : tuple of int
        Tuning seeds each rung uses, never a seed of the study.
    """

    shares: tuple[float, ...] = (0.7, 1.0)
    keep: tuple[int, ...] = (5, 1)
    seeds: tuple[int, ...] = (1, 3)

    def __post_init__(self) -> None:
        for name in ("shares", "keep", "seeds"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)) or not value:
                raise InputError(f"`tuning.{name}` must be a list with a value a rung, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        if not len(self.shares) == len(self.keep) == len(self.seeds):
            raise InputError("`tuning.shares`, `tuning.keep` and `tuning.seeds` must have the same length")
        for share in self.shares:
            _check.number("tuning.shares", share, low=0.0, high=1.0, open_low=True)
        for count in (*self.keep, *self.seeds):
            _check.integer("tuning.keep and tuning.seeds", count, low=1)
        if self.keep[-1] != 1 or list(self.keep) != sorted(self.keep, reverse=True):
            raise InputError(f"`tuning.keep` must fall and end with 1, got {list(self.keep)}")


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that determines a simulation's results.

    Parameters
    ----------
    name, question : str
        Shown in every output.
    seed : int
        Root of all random streams.
    seeds, rounds : int
        Replicates, and requests a replicate.
    log_seeds : int
        Replicates whose four log tables are written; the others' results are kept, their logs are not.
    world, user, ranker, arms : mappings
        ``kind`` and parameters; ``arms`` maps an arm's name to its parameters.
    loop : LoopSetting
    reward : Reward
    tuning : Tuning
    policies : tuple of PolicySpec
    given_world : World, optional
        A world given in a call instead of settings.
    """

    name: str = "study"
    question: str = ""
    seed: int = 1
    seeds: int = 5
    rounds: int = 3000
    log_seeds: int = 1
    world: Mapping[str, Any] = field(default_factory=lambda: {"kind": "music"})
    user: Mapping[str, Any] = field(default_factory=lambda: {"kind": "navigational"})
    ranker: Mapping[str, Any] = field(default_factory=lambda: {"kind": "lambdamart"})
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    loop: LoopSetting = field(default_factory=LoopSetting)
    reward: Reward = field(default_factory=Reward)
    tuning: Tuning = field(default_factory=Tuning)
    policies: tuple[PolicySpec, ...] = ()
    given_world: World | None = None

    def __post_init__(self) -> None:
        for name in ("name", "question"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"`{name}` must be a text, got {getattr(self, name)!r}")
        if not self.name or not self.name.isprintable():
            raise InputError(f"`name` must be one line of text that is not empty, got {self.name!r}")
        for name in ("world", "user", "ranker", "arms"):
            if not isinstance(getattr(self, name), Mapping):
                raise InputError(f"`{name}` must be a table, got {getattr(self, name)!r}")
        _check.integer("seed", self.seed, low=0)
        _check.integer("seeds", self.seeds, low=1, high=9_999)
        _check.integer("rounds", self.rounds, low=1)
        _check.integer("log_seeds", self.log_seeds, low=0)
        if self.loop.warmup >= self.rounds:
            raise InputError(
                f"`rounds` must be more than the warm-up's {self.loop.warmup}, got {self.rounds}; "
                "lower `loop.warmup` or run longer"
            )
        _check.integer("loop.n_slots times loop.slot_size", self.loop.budget, low=1, high=MOST_CANDIDATES)
        self._check_names()

    def _check_names(self) -> None:
        """Check the names of policies, which become names of files, and of arms."""
        if not self.policies:
            raise InputError("`policies` must name at least one policy, got none")
        taken: set[str] = set()
        for spec in self.policies:
            name = spec.name
            letters = all(c.isalnum() or c in "-_." for c in name) and name[:1] not in ("", "-", ".")
            if not letters or len(name) > LONGEST_NAME:
                raise InputError(
                    f"`policies.name` must be at most {LONGEST_NAME} letters, digits, '-', '_' or '.', "
                    f"a letter or digit first, got {name!r}: it names files"
                )
            if name.casefold() in taken:  # some file systems do not tell cases apart
                raise InputError(f"`policies` must have names of their own, got {name!r} twice")
            taken.add(name.casefold())
        for arm in self.loop.arms:
            _check.choice("loop.arms", arm, tuple(ARMS))
        for arm in self.arms:
            if arm not in self.loop.arms:
                raise InputError(f"`arms.{arm}` is no arm of `loop.arms`{nearest(arm, self.loop.arms)}")

    def make_world(self) -> World:
        """Return the world at its beginning."""
        if self.given_world is not None:
            return self.given_world
        params = dict(self.world)
        world: World = make(WORLDS, params.pop("kind", "music"), params, "world")
        return world

    def make_arms(self) -> dict[str, Retriever]:
        """Return the arms by name, in the order of their indices."""
        return {name: make(ARMS, name, self.arms.get(name, {}), f"arms.{name}") for name in self.loop.arms}

    def make_user(self, max_grade: int) -> Any:
        """Return the user model for a world's grades."""
        user = self._user()
        user.tables(self.loop.page_size, max_grade)
        return user

    def _user(self) -> Any:
        params = dict(self.user)
        return make(USERS, params.pop("kind", "navigational"), params, "user")

    def make_ranker(self, spec: PolicySpec) -> Any:
        """Return a fresh ranker for a policy; its own settings win over the study's."""
        own = dict(spec.ranker)
        base = (
            {} if own.get("kind", self.ranker.get("kind")) != self.ranker.get("kind") else dict(self.ranker)
        )
        params = {**base, **own}
        kind = params.pop("kind", "lambdamart")
        return make(RANKERS, kind, params, f"policies.{spec.name}.ranker" if own else "ranker")

    def check(self) -> None:
        """Make every component once, so that a wrong setting is found before work begins.

        Raises
        ------
        InputError
            Naming the setting, what it must be and what it is. What only the world's files can tell is left.
        """
        self.make_arms()
        if self.given_world is None and self.loop.page_size > IDEAL_WIDTH:
            raise InputError(
                f"`loop.page_size` must be at most {IDEAL_WIDTH}, the length of the ideal pages that it is "
                f"compared with, got {self.loop.page_size}"
            )
        grade = try_world(self.world) if self.given_world is None else self.given_world.max_grade
        if grade is None:
            self._user()
        else:
            self.make_user(grade)
        for spec in self.policies:
            spec.make(self.loop, quota=[self.loop.n_slots, *[0] * (len(self.loop.arms) - 1)])
            spec.try_engine(self.loop)
            self.make_ranker(spec)

    def system(
        self, prepared: Prepared, spec: PolicySpec, streams: Streams, quota: Sequence[int] | None = None
    ) -> System:
        """Return the system of one policy on one replicate."""
        return System.fork(
            prepared,
            self.loop,
            streams,
            policy=spec.make(self.loop, quota),
            ranker=self.make_ranker(spec),
            user=self.make_user(prepared.world.max_grade),
            reward=self.reward,
        )

    def settings(self) -> dict[str, Any]:
        """Return the study as the tables of a file; what was given as an object is named by its class."""
        world = (
            dict(self.world)
            if self.given_world is None
            else {"kind": "object", "class": type(self.given_world).__name__}
        )
        tables: dict[str, Any] = plain(
            {
                "name": self.name,
                "question": self.question,
                "seed": self.seed,
                "seeds": self.seeds,
                "rounds": self.rounds,
                "log_seeds": self.log_seeds,
                "world": world,
                "user": self.user,
                "ranker": self.ranker,
                "arms": self.arms,
                "loop": {
                    f.name: getattr(self.loop, f.name)
                    for f in fields(self.loop)
                    if getattr(self.loop, f.name) != math.inf  # "never" is the absence of the key
                },
                "reward": {
                    "kind" if f.name == "signal" else f.name: getattr(self.reward, f.name)
                    for f in fields(self.reward)
                },
                "tuning": {f.name: getattr(self.tuning, f.name) for f in fields(self.tuning)},
                "policies": [p.settings() for p in self.policies],
            }
        )
        return tables

    def to_toml(self) -> str:
        """Return the study as a file's text."""
        return tomli_w.dumps(self.settings())
