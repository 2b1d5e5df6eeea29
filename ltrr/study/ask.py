"""What a trained system does with a query of one's own: the arms' lists, the choice, the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ltrr._state import load_state
from ltrr.errors import InputError, nearest
from ltrr.rng import Streams
from ltrr.simulation.batch import Answer
from ltrr.simulation.loop import Loop
from ltrr.simulation.system import Prepared
from ltrr.study.build import build, make_world, prepare, settled, system_of
from ltrr.study.files import read_study
from ltrr.study.study import Study
from ltrr.study.tuning import Tuned, tuning_of
from ltrr.types import Queries, Requests
from ltrr.types.quotas import quota_name

__all__ = ["Asked", "Trained", "answered", "restored"]


@dataclass(frozen=True)
class Asked:
    """What a policy, its arms and its ranker, as a seed left them, do with one query.

    Parameters
    ----------
    query : str
    known : bool
        Whether the world asks this text too, so that the memory may know it.
    policy : str
    seed : int
    arm_names : tuple of str
        All arms; those that found nothing have no rows in ``arms``.
    slots : DataFrame
        A row an action of a slot: ``slot``, ``name``, ``probability``, ``chosen``, and what the policy says
        of it, such as ``estimate`` and ``bonus``.
    arms : DataFrame
        A row an item of an arm's list, the best first: ``arm``, ``source``, ``rank``, ``item``, ``name``,
        ``title``, ``score``, ``drawn`` (the policy drew it from this arm) and ``place`` (on the page, −1
        where it is not).
    page : DataFrame
        A row a place: ``place``, ``item``, ``name``, ``title``, ``score`` (the ranker's), ``arms``.

    Examples
    --------
    `Trained.ask` makes one; here with nothing in it.

    >>> none = pd.DataFrame()
    >>> Asked("rain", True, "linucb", 0, ("bm25",), slots=none, arms=none, page=none).known
    True
    """

    query: str
    known: bool
    policy: str
    seed: int
    arm_names: tuple[str, ...]
    slots: pd.DataFrame
    arms: pd.DataFrame
    page: pd.DataFrame


@dataclass
class Trained:
    """The systems of a finished run, made again from its folder, to be asked.

    Parameters
    ----------
    folder : Path
        Of a run that kept the log, and with it the state, of at least one seed.

    Raises
    ------
    InputError
        If the folder holds no such run, or its world and arms cannot be made again from ``study.toml``.

    Examples
    --------
    >>> import tempfile
    >>> import ltrr
    >>> world = {"kind": "music", "n_items": 300, "n_queries": 60}
    >>> with tempfile.TemporaryDirectory() as place:
    ...     few = {"rounds": 60, "seeds": 1, "warmup": 20}
    ...     run = ltrr.simulate(world, policies=["linucb"], out=place, quiet=True, **few)
    ...     asked = Trained(run.folder).ask("rain", policy="linucb", depth=2)
    >>> asked.policy, asked.known, int((asked.arms["arm"] == "popular").sum())
    ('linucb', False, 2)
    >>> list(asked.slots.columns)
    ['slot', 'name', 'probability', 'chosen', 'estimate', 'bonus']
    """

    folder: Path
    study: Study = field(init=False)
    tuned: Tuned = field(init=False, repr=False)
    _prepared: Prepared = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not (self.folder / "study.toml").is_file():
            raise InputError(
                f"{self.folder} holds no run: it has no study.toml; give a folder that ltrr simulate wrote"
            )
        study = read_study(self.folder / "study.toml")
        self.tuned = tuning_of(self.folder)
        parts = build(study)
        self.study = settled(study, parts)
        self.cells()
        self._prepared = prepare(parts, make_world(self.study))

    def cells(self) -> list[tuple[str, int]]:
        """Return the policies and seeds whose states were kept, in the study's order."""
        kept = {path.stem for path in (self.folder / "states").glob("*.npz")}
        found = [
            (spec.name, seed)
            for spec in self.study.policies
            for seed in range(self.study.seeds)
            if f"{spec.name}-{seed:03d}" in kept
        ]
        if not found:
            raise InputError(
                f"the run in {self.folder} kept no states; simulate it again with `log_seeds` of at least 1"
            )
        return found

    def ask(
        self, query: str, *, policy: str | None = None, seed: int | None = None, depth: int = 10
    ) -> Asked:
        """Return what a policy does with a query.

        Parameters
        ----------
        query : str
        policy : str, optional
            The first of the study if None.
        seed : int, optional
            The first that was kept if None.
        depth : int
            Items of each arm's list.
        """
        if not query.strip():
            raise InputError("`query` must hold a text, got none")
        name, seed = self._cell(policy, seed)
        loop = restored(self.folder, self.study, self._prepared, self.tuned, policy=name, seed=seed)
        requests, known = _requests(loop, query)
        slots, arms, page = answered(loop, requests, depth)
        return Asked(query, known, name, seed, loop.system.arm_names, slots, arms, page)

    def _cell(self, policy: str | None, seed: int | None) -> tuple[str, int]:
        cells = self.cells()
        names = list(dict.fromkeys(name for name, _ in cells))
        name = names[0] if policy is None else policy
        if name not in names:
            raise InputError(
                f"the run kept no state of policy {name!r}{nearest(name, names)}; it kept {', '.join(names)}"
            )
        seeds = [kept for known, kept in cells if known == name]
        if seed is not None and seed not in seeds:
            raise InputError(
                f"the run kept no state of seed {seed} of {name}, but of {', '.join(map(str, seeds))}"
            )
        return name, seeds[0] if seed is None else seed


def restored(
    folder: Path, study: Study, prepared: Prepared, tuning: Tuned, *, policy: str, seed: int
) -> Loop:
    """Return the loop of a policy on a seed as the run left it."""
    spec = next(spec for spec in study.policies if spec.name == policy)
    streams = Streams(study.seed, seed)
    system = system_of(
        study,
        prepared,
        spec,
        streams,
        quota=tuning.quota if spec.static_quota else None,
        tuned=tuning.rankers.get(policy),
        catalogue=tuning.catalogue,
    )
    saved = load_state(folder / "states" / f"{policy}-{seed:03d}.npz")
    system.restore(saved["system"])
    loop = Loop(system, study.loop, streams)
    loop.round = int(saved["round"])
    return loop


def answered(loop: Loop, requests: Requests, depth: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return slots, lists of the arms and page of one request, as `Asked` describes them."""
    answer = loop.answer(requests)
    arms = pd.DataFrame(_lists(loop, answer, depth))
    return pd.DataFrame(_slots(loop, answer)), arms, pd.DataFrame(_page(loop, answer))


def _requests(loop: Loop, query: str) -> tuple[Requests, bool]:
    """Return one request for a text, made like the world's next one; and whether the world knows the text."""
    like = loop.system.world.next(1)
    texts = like.queries.text
    known = query in texts
    table = like.queries if known else Queries((*texts, query))
    row = texts.index(query) if known else len(texts)
    return replace(like, query=np.array([row], np.int32), queries=table), known


def _item(loop: Loop, item: int) -> dict[str, Any]:
    catalogue = loop.system.features.catalogue
    title = catalogue.fields.get("title", next(iter(catalogue.fields.values())))[item]
    return {"item": item, "name": catalogue.name[item], "title": title}


def _lists(loop: Loop, answer: Answer, depth: int) -> Iterator[dict[str, Any]]:
    """Yield the head of every arm's list."""
    system, union = loop.system, answer.union
    source = np.repeat(np.arange(len(union.item)), np.diff(union.source_indptr))
    drawn = {(int(a), int(union.item[i])) for a, i in zip(union.arm, source, strict=True)}
    place = {int(item): at for at, item in enumerate(answer.page.item[0]) if item >= 0}
    for a, arm in enumerate(system.arms):
        found = system.retrieve(a, answer.requests, np.array([min(depth, loop.setting.budget)], np.int32))
        kind = getattr(arm, "retriever", arm)
        for rank, (item, score) in enumerate(zip(found.item.tolist(), found.score.tolist(), strict=True)):
            yield {
                "arm": system.arm_names[a],
                "source": getattr(kind, "source", "other"),
                "rank": rank,
                **_item(loop, item),
                "score": score,
                "drawn": (a, item) in drawn,
                "place": place.get(item, -1),
            }


def _slots(loop: Loop, answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield every action of every slot, and why it was preferred."""
    decision, arms = answer.decision, loop.system.arm_names
    terms = getattr(loop.system.policy, "terms", None)
    for slot, (actions, probability) in enumerate(zip(decision.actions, decision.probabilities, strict=True)):
        why = {} if terms is None else terms(answer.requests, actions)
        whole = None if loop.system.policy.space == "slabs" else actions.quota
        for at, action in enumerate(actions.action.tolist()):
            yield {
                "slot": slot,
                "name": arms[action] if whole is None else quota_name(whole[at], arms),
                "probability": float(probability[at]),
                "chosen": action == int(decision.action[0, slot]),
                **{term: float(values[at]) for term, values in why.items()},
            }


def _page(loop: Loop, answer: Answer) -> Iterator[dict[str, Any]]:
    """Yield the places of the page, and the arms that found each item."""
    page, union, names = answer.page, answer.union, loop.system.arm_names
    for at, item in enumerate(page.item[0].tolist()):
        if item < 0:
            continue
        candidate = int(page.candidate[0, at])
        own = range(union.source_indptr[candidate], union.source_indptr[candidate + 1])
        arms = ", ".join(f"{names[union.arm[i]]} #{union.rank[i]}" for i in own)
        yield {"place": at, **_item(loop, item), "score": float(page.score[0, at]), "arms": arms}
