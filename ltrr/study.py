"""A study: settings in a TOML file, turned into components."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from ltrr import _check
from ltrr.bandits import SingleArm, StaticQuota
from ltrr.components import ARMS, POLICIES, POLICY_KINDS, RANKERS, USERS, WORLDS, make
from ltrr.errors import InputError, nearest
from ltrr.protocols import Policy, Retriever, World
from ltrr.rewards import Reward
from ltrr.rng import Streams
from ltrr.setting import LoopSetting
from ltrr.system import Prepared, System

if TYPE_CHECKING:
    from ltrr.loop import Loop

__all__ = ["PolicySpec", "Study", "Tuning", "read_study", "small_example", "study_names"]


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

    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    keep: tuple[int, ...] = (6, 2, 1)
    seeds: tuple[int, ...] = (1, 1, 2)

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
        if self.keep[-1] != 1:
            raise InputError(f"`tuning.keep` must end with 1, got {self.keep[-1]}")


@dataclass(frozen=True)
class PolicySpec:
    """One policy of a study: its name, kind, parameters and, if it has one of its own, ranker.

    Parameters
    ----------
    name : str
    kind : str
        A key of `ltrr.components.POLICY_KINDS`, ``best-static`` or ``object`` (given in a call).
    params : mapping
    ranker : mapping
        Settings that replace the study's for this policy.
    given : Policy, optional
        The object, where kind is ``object``.
    """

    name: str
    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)
    ranker: Mapping[str, Any] = field(default_factory=dict)
    given: Policy | None = None

    def make(self, setting: LoopSetting, quota: Sequence[int] | None = None) -> Policy:
        """Return the policy, unlearned; ``quota`` is the tuning's answer for ``best-static``."""
        if self.given is not None:
            return self.given
        if self.kind == "best-static":
            if quota is None:
                raise InputError(f"policy {self.name!r} is best-static, whose quota only the tuning knows")
            return StaticQuota(quota=tuple(int(q) for q in quota))
        where = f"policies.{self.name}"
        params = dict(self.params)
        if self.kind == "single":
            arm = params.pop("arm", None)
            if params or not isinstance(arm, str):
                raise InputError(f"`{where}` of kind 'single' must name its `arm` and nothing else")
            return SingleArm(arm=setting.arms.index(_check.choice(f"{where}.arm", arm, setting.arms)))
        policy: Policy = make(POLICY_KINDS, self.kind, params, where)
        return policy

    def settings(self) -> dict[str, Any]:
        """Return the spec as a table of a study file."""
        own = {"class": type(self.given).__name__} if self.given is not None else {}
        ranker = {"ranker": dict(self.ranker)} if self.ranker else {}
        return {"name": self.name, "kind": self.kind, **own, **_plain(self.params), **ranker}


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
    loop: LoopSetting = LoopSetting()
    reward: Reward = Reward()
    tuning: Tuning = Tuning()
    policies: tuple[PolicySpec, ...] = ()
    given_world: World | None = None

    def __post_init__(self) -> None:
        for name in ("name", "question"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"`{name}` must be a text, got {getattr(self, name)!r}")
        _check.integer("seed", self.seed, low=0)
        _check.integer("seeds", self.seeds, low=1, high=9_999)
        _check.integer("rounds", self.rounds, low=1)
        _check.integer("log_seeds", self.log_seeds, low=0)
        if self.loop.warmup > self.rounds:
            raise InputError(
                f"`rounds` must be at least the warm-up's {self.loop.warmup}, got {self.rounds}; "
                "lower `loop.warmup` or run longer"
            )
        if not self.policies:
            raise InputError("`policies` must name at least one policy, got none")
        names = [p.name for p in self.policies]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"`policies` must have names of their own, got {name!r} twice")
            if not name or not all(c.isalnum() or c in "-_." for c in name) or name[0] in ".-":
                raise InputError(
                    f"`policies.name` must be letters, digits, '-', '_' or '.', got {name!r}: it names files"
                )
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
        params = dict(self.user)
        kind = params.pop("kind", "navigational")
        user = make(USERS, kind, params, "user")
        user.tables(self.loop.page_size, max_grade)
        return user

    def make_ranker(self, spec: PolicySpec) -> Any:
        """Return a fresh ranker for a policy; its own settings win over the study's."""
        own = dict(spec.ranker)
        base = (
            {} if own.get("kind", self.ranker.get("kind")) != self.ranker.get("kind") else dict(self.ranker)
        )
        params = {**base, **own}
        kind = params.pop("kind", "lambdamart")
        return make(RANKERS, kind, params, f"ranker of {spec.name}")

    def check(self) -> None:
        """Make every component once, so that a wrong setting is found before work begins."""
        self.make_arms()
        make(USERS, dict(self.user).get("kind", "navigational"), {}, "user")
        for spec in self.policies:
            spec.make(self.loop, quota=[self.loop.n_slots, *[0] * (len(self.loop.arms) - 1)])
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
        return _plain(
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
                "reward": {f.name: getattr(self.reward, f.name) for f in fields(self.reward)},
                "tuning": {f.name: getattr(self.tuning, f.name) for f in fields(self.tuning)},
                "policies": [p.settings() for p in self.policies],
            }
        )

    def to_toml(self) -> str:
        """Return the study as a file's text."""
        return tomli_w.dumps(self.settings())


def _plain(value: Any) -> Any:
    """Return mappings and sequences as dicts and lists, for TOML."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def policy_spec(entry: Any, arms: Sequence[str]) -> PolicySpec:
    """Return the spec of a name, of a study file's table, or of a policy object.

    Examples
    --------
    >>> policy_spec("vw-epsilon", ["bm25"]).params
    {'explore': 'epsilon'}
    >>> policy_spec("bm25", ["bm25"])
    PolicySpec(name='bm25', kind='single', params={'arm': 'bm25'}, ranker={}, given=None)
    """
    if isinstance(entry, str):
        if entry in arms:
            return PolicySpec(entry, "single", {"arm": entry})
        if entry not in POLICIES:
            raise InputError(f"`policies` has no {entry!r}{nearest(entry, [*POLICIES, *arms])}")
        entry = {"name": entry, **POLICIES[entry]}
    if isinstance(entry, Mapping):
        table = dict(entry)
        name, kind = table.pop("name", None), table.pop("kind", None)
        if not isinstance(name, str):
            raise InputError(f"each of `policies` must have a `name`, got {name!r}")
        if kind is None and name in POLICIES:
            table = {**POLICIES[name], **table}
            kind = table.pop("kind")
        kinds = [*POLICY_KINDS, "best-static"]
        if kind not in kinds:
            raise InputError(
                f"`policies.{name}.kind` must be a known kind, got {kind!r}{nearest(str(kind), kinds)}"
            )
        ranker = table.pop("ranker", {})
        if not isinstance(ranker, Mapping):
            raise InputError(f"`policies.{name}.ranker` must be a table, got {ranker!r}")
        if kind == "best-static" and table:
            raise InputError(
                f"`policies.{name}` of kind 'best-static' takes no settings, got {sorted(table)}"
            )
        return PolicySpec(name, kind, table, ranker)
    if isinstance(entry, Policy):
        name = getattr(entry, "name", None) or type(entry).__name__.lower()
        return PolicySpec(name, "object", given=entry)
    raise InputError(f"`policies` must hold names, tables or policies, got {entry!r}")


def study_from(settings: Mapping[str, Any], where: str = "study") -> Study:
    """Return the study that settings describe; unknown keys and wrong values are one clear line."""
    table = dict(settings)
    known = [f.name for f in fields(Study) if f.name != "given_world"]
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    for key in ("world", "user", "ranker", "arms", "loop", "reward", "tuning"):
        if key in table and not isinstance(table[key], Mapping):
            raise InputError(f"{where}: `{key}` must be a table, got {table[key]!r}")
    parts: dict[str, Any] = {}
    for key, cls in (("loop", LoopSetting), ("reward", Reward), ("tuning", Tuning)):
        given = table.pop(key, {})
        names = [f.name for f in fields(cls)]
        for name in given:
            if name not in names:
                raise InputError(f"{where}: `{key}` has no setting {name!r}{nearest(name, names)}")
        try:
            parts[key] = cls(**given)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
    entries = table.pop("policies", [])
    if not isinstance(entries, list):
        raise InputError(f"{where}: `policies` must be a list, got {entries!r}")
    try:
        parts["policies"] = tuple(policy_spec(e, parts["loop"].arms) for e in entries)
        study = Study(**table, **parts)
        study.check()
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return study


def study_names() -> list[str]:
    """Return the studies that ship with the package."""
    return sorted(f.name.removesuffix(".toml") for f in _shipped().iterdir() if f.name.endswith(".toml"))


def _shipped() -> Any:
    """Return the folder of shipped studies: inside the wheel, or beside the package in a checkout."""
    inside = resources.files("ltrr") / "studies"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[1] / "simulations"


def read_study(source: str | Path) -> Study:
    """Read a study from a file, or by the name of one that ships with the package."""
    path = Path(source)
    if path.suffix != ".toml" and str(source) in study_names():
        path = _shipped() / f"{source}.toml"
    elif not path.is_file():
        hint = nearest(str(source), study_names())
        raise InputError(f"no study at {source}: give a .toml file or the name of a shipped study{hint}")
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source} is not TOML: {error}") from error
    return study_from(settings, str(source))


def small_example() -> Loop:
    """Return a small loop over a synthetic world, for examples and tests."""
    from ltrr.loop import Loop

    setting = LoopSetting(warmup=20, feedback_every=20, slot_size=5, held_out=20, checkpoint_every=100)
    study = Study(
        rounds=200,
        seeds=1,
        world={"kind": "music", "n_items": 400, "n_queries": 200},
        arms={"dense": {"dim": 16}},
        loop=setting,
        policies=(policy_spec("linucb", setting.arms),),
    )
    prepared = Prepared.build(study.make_world(), study.make_arms(), setting)
    streams = Streams(study.seed)
    return Loop(study.system(prepared, study.policies[0], streams), setting, streams)
