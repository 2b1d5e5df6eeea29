"""A study: settings in a TOML file, turned into components."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tomli_w

from ltrr import _check
from ltrr.bandits import SingleArm, StaticQuota, VowpalWabbit
from ltrr.components import ARMS, POLICIES, POLICY_KINDS, RANKERS, USERS, WORLDS, make, try_world
from ltrr.errors import InputError, nearest
from ltrr.protocols import Policy, Retriever, World
from ltrr.rewards import Reward
from ltrr.rng import Streams
from ltrr.setting import LoopSetting
from ltrr.system import Prepared, System
from ltrr.types import ActionSet, Requests
from ltrr.worlds.topic_world import IDEAL_WIDTH

if TYPE_CHECKING:
    from ltrr.loop import Loop

__all__ = ["PolicySpec", "Study", "Tuning", "read_study", "small_example", "study_names"]

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
                given = {"arm": arm, **params}
                raise InputError(
                    f"`{where}` of kind 'single' must name its `arm` and nothing else, got {given}"
                )
            return SingleArm(arm=setting.arms.index(_check.choice(f"{where}.arm", arm, setting.arms)))
        policy: Policy = make(POLICY_KINDS, self.kind, params, where)
        if isinstance(policy, StaticQuota):
            quota = policy.quota
            if len(quota) != len(setting.arms) or sum(quota) != setting.n_slots:
                raise InputError(
                    f"`{where}.quota` must divide {setting.n_slots} slots among {len(setting.arms)} arms "
                    f"({', '.join(setting.arms)}), got {list(quota)}"
                )
        return policy

    def try_engine(self, setting: LoopSetting) -> None:
        """Start the engine of a policy that takes options in the engine's own words, to see that it does."""
        options = str(self.params.get("options", "")).split()
        if self.kind != "vw" or not options:
            return
        if {"-h", "--help", "--version"} & set(options):  # the engine would end the whole process
            raise InputError(f"`policies.{self.name}.options` must not ask for help, got {options}")
        policy = self.make(setting)
        if isinstance(policy, VowpalWabbit):
            none, ids = np.zeros((0, 1), np.float32), np.zeros(0, np.int64)
            no_requests = Requests(ids, ids, ids, ids.astype(np.int32), np.zeros(0), none, ("length",))
            no_actions = ActionSet(np.zeros(1, np.int64), ids.astype(np.int32), none, ("arm:a",), n_actions=1)
            try:
                policy.probabilities(no_requests, no_actions, np.random.default_rng(0))
            except InputError as error:
                raise InputError(f"policies.{self.name}: {error}") from error
            finally:
                policy.close()

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
        tables: dict[str, Any] = _plain(
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
        return tables

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
            raise InputError(f"each of `policies` must have a `name`, got {entry!r}")
        if kind is None and name in POLICIES:
            table = {**POLICIES[name], **table}
            kind = table.pop("kind")
        if kind is None and name in arms:
            kind, table = "single", {"arm": name, **table}
        kinds = [*POLICY_KINDS, "best-static"]
        if kind is None:
            known = [*POLICIES, *arms]
            raise InputError(
                f"`policies` has no {name!r}{nearest(name, known)}; a name of your own needs a `kind`, "
                f"one of {', '.join(kinds)}"
            )
        if kind == "object":
            raise InputError(f"`policies.{name}` was an object given in a call: it can only go on from there")
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
    _check_integers(table, where)
    known = [f.name for f in fields(Study) if f.name != "given_world"]
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}{nearest(key, known)}")
    parts: dict[str, Any] = {}
    for key, cls in (("loop", LoopSetting), ("reward", Reward), ("tuning", Tuning)):
        given = table.pop(key, {})
        if not isinstance(given, Mapping):
            raise InputError(f"{where}: `{key}` must be a table, got {given!r}")
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


def _check_integers(value: Any, where: str, key: str = "") -> None:
    """Refuse integers beyond 64 bits, which TOML does not promise and arrays do not hold."""
    if isinstance(value, (Mapping, list)):
        inner = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, part in inner:
            _check_integers(part, where, f"{key}.{name}" if key else str(name))
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise InputError(f"{where}: `{key}` must be an integer of at most 64 bits, got {value:.3g}")


def study_names() -> list[str]:
    """Return the studies that ship with the package."""
    return sorted(f.name.removesuffix(".toml") for f in _shipped().iterdir() if f.name.endswith(".toml"))


def _shipped() -> Any:
    """Return the folder of shipped studies: inside the wheel, or beside the package in a checkout."""
    inside = resources.files("ltrr") / "studies"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[1] / "simulations"


def read_study(source: str | Path) -> Study:
    """Read a study from a file, or by the name of one that ships with the package.

    Raises
    ------
    InputError
        If there is no such file, it is not UTF-8 or not TOML, or says something that is no study.
    """
    path = Path(source)
    if path.suffix != ".toml" and str(source) in study_names():
        path = _shipped() / f"{source}.toml"
    elif not _is_file(path):
        hint = nearest(str(source), study_names())
        raise InputError(f"no study at {source}: give a .toml file or the name of a shipped study{hint}")
    try:
        settings = tomllib.loads(path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # besides TOML's own errors: numbers or nesting without end
        raise InputError(f"{source} is not TOML: {error}") from error
    return study_from(settings, str(source))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name too long, or one that no file can have
        return False


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
