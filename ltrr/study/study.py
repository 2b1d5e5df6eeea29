"""A study: all that determines a simulation's results, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from ltrr import _check
from ltrr.bandits.spec import PolicySpec
from ltrr.errors import InputError, nearest
from ltrr.registry import registry_of
from ltrr.simulation.setting import LoopSetting
from ltrr.types.component import Component, plain
from ltrr.worlds.ir_datasets import PREFIX

__all__ = ["Study", "Tuning"]

LONGEST_NAME = 100
"""Letters of a policy's name: with what is added to it, it stays a file name everywhere."""

MOST_CANDIDATES = 1_000_000
"""Candidates a request: far beyond any use, and far from overflowing a 32-bit depth."""

_DEFAULTS = {"world": "music", "user": "navigational", "ranker": "lambdamart", "reward": "satisfied"}
"""Kinds where a study says nothing."""


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How quotas and rankers are searched: by successive halving, on seeds of their own.

    Candidates are the quotas that differ in what they deliver, for the best static allocation; and settings
    of a ranker, for each policy with ``tune``. Every candidate has trajectories of its own. Each rung has new
    seeds, the same for all its candidates.

    Parameters
    ----------
    shares : tuple of float
        Part of the study's rounds that each rung runs (after the warm-up's full length).
    keep : tuple of int
        The most candidates that go on after each rung; those that are worse than the best by an interval are
        dropped too. The last must be 1.
    seeds : tuple of int
        Tuning seeds each rung uses, never a seed of the study.
    draws : int
        Settings that are tried for each policy with ``tune``, the ranker's own among them.

    Examples
    --------
    Two rungs: every quota runs on three seeds for half of the rounds, the best four go on to six seeds and
    all rounds, and one is kept.

    >>> Tuning(shares=(0.5, 1.0), keep=(4, 1), seeds=(3, 6)).keep
    (4, 1)
    >>> Tuning(shares=(0.5, 1.0), keep=(4, 2), seeds=(3, 6))
    Traceback (most recent call last):
    ltrr.errors.InputError: `tuning.keep` must fall and end with 1, got [4, 2]
    """

    shares: tuple[float, ...] = (0.7, 1.0)
    keep: tuple[int, ...] = (4, 1)
    seeds: tuple[int, ...] = (3, 6)
    draws: int = 16

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
        _check.integer("tuning.draws", self.draws, low=1)
        if self.keep[-1] != 1 or list(self.keep) != sorted(self.keep, reverse=True):
            raise InputError(f"`tuning.keep` must fall and end with 1, got {list(self.keep)}")


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that determines a simulation's results.

    Components are given by name, as tables with ``kind`` and settings, or as objects; a ``kind`` is a name of
    ``ltrr list`` or an import path ``module:Class``. They are kept as `Component` and made elsewhere.
    ``loop``, ``tuning`` and ``policies`` are given as objects here; `ltrr.simulate` and study files take
    tables and names for them too.

    Parameters
    ----------
    name : str
        Shown in every output, and the default folder of the run.
    question : str
        What the study asks, shown on its page.
    seed : int >= 0
        Root of all random streams.
    seeds : int >= 1
        Replicates: runs that differ in their random streams alone.
    rounds : int
        Requests a replicate, more than the warm-up.
    log_seeds : int >= 0
        Replicates whose four log tables are written; the others' results are kept, their logs are not.
    world : name, path of a collection, table or World
        Where requests, items and relevance come from: one of ``ltrr list worlds``; "music" by default.
    user : name, table or UserModel
        How simulated users examine, click and stop: one of ``ltrr list users``; "navigational" by default.
    ranker : name, table or Ranker
        Orders the candidates: one of ``ltrr list rankers``; "lambdamart" by default. Its setting ``features``
        is taken out, see below.
    features : sequence, optional
        Providers of what rankers see, in a file ``ranker.features``: names of arms, or components with
        ``features(requests, items)``. By default text match, dense, memory and popular, and every other arm
        that offers features.
    arms : mapping of str to name, table or Retriever
        Settings of the arms of ``loop.arms`` by name, which is the kind too where none is given: one of
        ``ltrr list arms``.
    loop : table or LoopSetting
        How requests are served: arms, slots, page, warm-up, feedback, and what is measured.
    reward : name, table or Reward
        What a page earns: one of ``ltrr list rewards``; "satisfied" by default.
    tuning : table or Tuning
        How the best static allocation is searched.
    policies : sequence of names or tables, or tuple of PolicySpec
        Policies to compare: names of ``ltrr list policies``, or tables with ``name``, ``kind`` and settings.
    measures : sequence of names, tables or Measures
        Kept besides those of every study (``ltrr list measures``).
    import_path : sequence of str
        Folders in which import paths are looked for besides.

    Examples
    --------
    >>> from ltrr.bandits.spec import policy_spec
    >>> loop = LoopSetting(arms=("bm25", "popular"), warmup=100)
    >>> study = Study(user="pbm", loop=loop, policies=(policy_spec("linucb", loop.arms),), rounds=500)
    >>> study.user.kind, study.world.kind, list(study.arms)
    ('pbm', 'music', ['bm25', 'popular'])
    >>> study.settings()["policies"]
    [{'name': 'linucb', 'kind': 'linucb'}]
    """

    name: str = "study"
    question: str = ""
    seed: int = 1
    seeds: int = 5
    rounds: int = 3000
    log_seeds: int = 1
    world: Any = None
    user: Any = None
    ranker: Any = None
    features: Any = None
    arms: Mapping[str, Any] = field(default_factory=dict)
    loop: LoopSetting = field(default_factory=LoopSetting)
    reward: Any = None
    tuning: Tuning = field(default_factory=Tuning)
    policies: tuple[PolicySpec, ...] = ()
    measures: Sequence[Any] = ()
    import_path: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("name", "question"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"`{name}` must be a text, got {getattr(self, name)!r}")
        if not self.name or not self.name.isprintable():
            raise InputError(f"`name` must be one line of text that is not empty, got {self.name!r}")
        self._check_types()
        _check.integer("seed", self.seed, low=0)
        _check.integer("seeds", self.seeds, low=1, high=9_999)
        _check.integer("rounds", self.rounds, low=1)
        _check.integer("log_seeds", self.log_seeds, low=0)
        if self.loop.warmup >= self.rounds:
            raise InputError(
                f"`rounds` must be more than the warm-up's {self.loop.warmup}, got {self.rounds}; "
                "run longer, or lower `loop.warmup`: --warmup N at the command line, warmup=N in a call"
            )
        _check.integer("loop.n_slots times loop.slot_size", self.loop.budget, low=1, high=MOST_CANDIDATES)
        self._read_components()
        self._check_names()

    def _check_types(self) -> None:
        """Refuse names and tables where objects are wanted."""
        for name, kind in (("loop", LoopSetting), ("tuning", Tuning)):
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"`Study.{name}` must be a {kind.__name__}, got {getattr(self, name)!r}")
        given: Sequence[Any] = self.policies
        for spec in given:
            if not isinstance(spec, PolicySpec):
                remedy = "`ltrr.simulate` takes names and tables"
                raise InputError(f"`Study.policies` must hold PolicySpec, got {spec!r}; {remedy}")

    def _read_components(self) -> None:
        """Turn names, tables and objects into `Component`."""
        given: dict[str, Any] = {key: getattr(self, key) for key in _DEFAULTS}
        if isinstance(given["ranker"], Mapping) and "features" in given["ranker"]:
            table = dict(given["ranker"])
            object.__setattr__(self, "features", table.pop("features"))
            given["ranker"] = table
        for key, kind in _DEFAULTS.items():
            value = kind if given[key] is None else given[key]
            if key == "world":
                value = _folder_as_collection(value)
            component = registry_of(f"{key}s").component(value, key, default=kind)
            object.__setattr__(self, key, component)
        if not isinstance(self.arms, Mapping):
            raise InputError(f"`arms` must be a table, got {self.arms!r}")
        for name in self.arms:
            if name not in self.loop.arms:
                hint = nearest(str(name), self.loop.arms)
                raise InputError(f"`arms.{name}` is no arm of `loop.arms`{hint}; list it there")
        registry = registry_of("arms")
        arms = {a: registry.component(self.arms.get(a, {}), f"arms.{a}", default=a) for a in self.loop.arms}
        object.__setattr__(self, "arms", arms)
        object.__setattr__(self, "measures", _components("measures", self.measures))
        if self.features is not None:
            object.__setattr__(self, "features", _providers(self.features, self.loop.arms))
        paths = tuple(str(path) for path in _list("import_path", self.import_path))
        object.__setattr__(self, "import_path", paths)

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
                raise InputError(
                    f"`policies` must have names of their own, got {name!r} twice; "
                    f'name them: {{"name": "{name}-2", "kind": …}}'
                )
            taken.add(name.casefold())

    @property
    def shown(self) -> Mapping[str, Component | None] | None:
        """Listed providers of what rankers see, by name; None for an arm, and for no list at all."""
        return self.features if isinstance(self.features, Mapping) else None

    @property
    def components(self) -> dict[str, Component]:
        """Every component by where it stands, for instance ``arms.bm25``."""
        out = {key: getattr(self, key) for key in _DEFAULTS}
        out |= {f"arms.{name}": component for name, component in self.arms.items()}
        for spec in self.policies:
            out[f"policies.{spec.name}"] = spec.component
            if isinstance(spec.ranker, Component):
                out[f"policies.{spec.name}.ranker"] = spec.ranker
        for name, component in (self.shown or {}).items():
            if component is not None:
                out[f"ranker.features.{name}"] = component
        return out | {f"measures.{i}": component for i, component in enumerate(self.measures)}

    def settings(self) -> dict[str, Any]:
        """Return the study as the tables of a file; an object is named by its import path and settings."""
        ranker = self.ranker.settings()
        if self.shown is not None:
            ranker["features"] = [
                name if component is None else {"name": name, **component.settings()}
                for name, component in self.shown.items()
            ]
        loop = {f.name: getattr(self.loop, f.name) for f in fields(self.loop)}
        tables: dict[str, Any] = {
            "name": self.name,
            "question": self.question,
            "seed": self.seed,
            "seeds": self.seeds,
            "rounds": self.rounds,
            "log_seeds": self.log_seeds,
            **({"import_path": self.import_path} if self.import_path else {}),
            **({"measures": [c.settings() for c in self.measures]} if self.measures else {}),
            "world": self.world.settings(),
            "user": self.user.settings(),
            "ranker": ranker,
            "arms": {name: component.settings() for name, component in self.arms.items()},
            # "never" and "by default" are the absence of the key
            "loop": {key: value for key, value in loop.items() if value is not None and value != math.inf},
            "reward": self.reward.settings(),
            "tuning": {f.name: getattr(self.tuning, f.name) for f in fields(self.tuning)},
            "policies": [p.settings() for p in self.policies],
        }
        written: dict[str, Any] = plain(tables)
        return written

    def to_toml(self) -> str:
        """Return the study as a file's text, which says of what cannot be made from it again."""
        lost = [
            f"# `{where}`: {c.unnamed}: this file cannot make it again, give it in a call\n"
            for where, c in self.components.items()
            if c.unnamed
        ]
        return "".join(lost) + tomli_w.dumps(self.settings())


def _list(name: str, value: Any) -> Sequence[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InputError(f"`{name}` must be a list, got {value!r}; write [{value!r}]")
    return value


def _components(group: str, values: Any) -> tuple[Component, ...]:
    registry = registry_of(group)
    return tuple(registry.component(value, group) for value in _list(group, values))


def _folder_as_collection(value: Any) -> Any:
    """Return a path, or the name of a dataset of ir_datasets, as the collection that lies there."""
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith(PREFIX)):
        return {"kind": "collection", "path": str(value)}
    names = registry_of("worlds").names
    if isinstance(value, str) and value not in names and ":" not in value:
        if not Path(value).is_dir():
            hint = nearest(value, names)
            raise InputError(
                f"`world` names no known kind and no folder of a collection, got {value!r}{hint}"
            )
        return {"kind": "collection", "path": value}
    return value


def _providers(values: Any, arms: Sequence[str]) -> dict[str, Component | None]:
    """Return the providers of features by name; those that are arms, or default ones by name, are None."""
    if isinstance(values, Mapping):
        return dict(values)
    registry = registry_of("arms")
    out: dict[str, Component | None] = {}
    for value in _list("ranker.features", values):
        table = dict(value) if isinstance(value, Mapping) else {"kind": value}
        kind = table.get("kind")
        own = kind if isinstance(kind, str) else type(kind).__name__
        name = str(table.pop("name", own.rpartition(":")[2].rpartition(".")[2].lower()))
        if isinstance(kind, str) and kind in arms and len(table) == 1:
            out[kind] = None
            continue
        if not isinstance(kind, str):
            if isinstance(kind, type) or not hasattr(kind, "features"):
                raise InputError(
                    "`ranker.features` must hold names of arms, import paths, or objects with "
                    f"`features(requests, items)`, got {kind!r}"
                )
            component = registry.described_component(kind)
        else:
            component = registry.component(table, f"ranker.features.{name}")
        if name in out or name in arms:
            raise InputError(f"`ranker.features` must have names of their own, got {name!r} twice")
        out[name] = component
    return out
