"""The tuning of a study: the best static allocation, then the settings of rankers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from ltrr._state import write_aside
from ltrr.bandits.spec import PolicySpec
from ltrr.rng import TUNING_REPLICATE, Streams
from ltrr.study.build import make_ranker
from ltrr.study.distinct import delivering, distinct, scouted
from ltrr.study.runner import Runner
from ltrr.study.study import Study
from ltrr.study.trials import Candidate, halved
from ltrr.types import Int32
from ltrr.types.quotas import all_quotas, offered_quotas, quota_name

__all__ = ["Tuned", "tuned", "tuning_of"]


@dataclass(frozen=True)
class Tuned:
    """What the tuning of a study found.

    Parameters
    ----------
    quota : tuple of int, optional
        Slots by arm of the best static allocation; None where no policy is tuned.
    catalogue : tuple of int, optional
        Places, among all quotas, of those that policies over allocations choose among.
    rankers : mapping of str to mapping
        Settings of the ranker of each policy with ``tune``, by the policy's name.

    Examples
    --------
    >>> Tuned((2, 1), rankers={"tuned-rrf": {"k": 12.0}}).rankers["tuned-rrf"]
    {'k': 12.0}
    """

    quota: tuple[int, ...] | None = None
    catalogue: tuple[int, ...] | None = None
    rankers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def tuned(runner: Runner) -> Tuned:
    """Return what the tuning finds, or has found: it is kept in ``tuning.json``."""
    study, place, work = runner.study, runner.folder / "tuning.json", runner.folder / "tuning"
    if not any(spec.static_quota or spec.tune for spec in study.policies):
        return Tuned()
    if place.exists():
        shutil.rmtree(work, ignore_errors=True)  # of a run killed just after its tuning
        return _read(json.loads(place.read_text(encoding="utf-8")))
    runner.bar.note("Tuning: what arms have")
    available = scouted(study, runner.prepared)
    candidates, same = _quotas(study, available)
    best, rungs = halved(runner, work / "quotas", "allocations", candidates)
    rankers: dict[str, Any] = {}
    for spec in study.policies:
        if spec.tune:
            settings = _settings(study, spec, best, available)
            found, tried = halved(runner, work / "rankers" / spec.name, spec.name, settings)
            rankers[spec.name] = {"settings": found.ranker, "rungs": tried}
    report = {
        "arms": study.loop.arms,
        "quota": best.quota,
        "catalogue": _catalogue(study, rungs),
        "same": same,
        "rungs": rungs,
        "rankers": rankers,
    }
    write_aside(place, json.dumps(report, indent=1).encode())
    shutil.rmtree(work, ignore_errors=True)
    return _read(report)


def tuning_of(folder: Path) -> Tuned:
    """Return what the tuning of a finished run found."""
    place = folder / "tuning.json"
    return _read(json.loads(place.read_text(encoding="utf-8"))) if place.exists() else Tuned()


def _read(report: Mapping[str, Any]) -> Tuned:
    """Return what ``tuning.json`` says."""
    rankers = {name: found["settings"] for name, found in report["rankers"].items()}
    return Tuned(tuple(report["quota"]), tuple(report["catalogue"]), rankers)


def _catalogue(study: Study, rungs: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the quotas to offer as allocations: those of the furthest rung first, by what they earned."""
    loop = study.loop
    found = [sorted(rung["values"], key=lambda name: -rung["values"][name]) for rung in reversed(rungs)]
    place = {quota_name(q, loop.arms): i for i, q in enumerate(all_quotas(loop.n_slots, len(loop.arms)))}
    best = [place[name] for name in dict.fromkeys(chain.from_iterable(found))]
    offered = offered_quotas(loop.n_slots, len(loop.arms), loop.catalogue, best)
    return [int(i) for i in offered]


def _quotas(study: Study, available: Int32) -> tuple[list[Candidate], dict[str, list[str]]]:
    """Return the quotas that differ, and by name those that are the same as one of them."""
    loop = study.loop
    quotas = all_quotas(loop.n_slots, len(loop.arms))
    names = [quota_name(quota, loop.arms) for quota in quotas]
    groups = distinct(quotas, available, loop)
    candidates = [Candidate(names[first], tuple(quotas[first].tolist())) for first, *_ in groups]
    return candidates, {names[first]: [names[i] for i in rest] for first, *rest in groups if rest}


def _settings(study: Study, spec: PolicySpec, best: Candidate, available: Int32) -> list[Candidate]:
    """Return the settings to try of a policy's ranker, its own first; only arms that deliver have weights."""
    quota = best.quota if spec.static_quota else None
    arms = study.loop.arms if quota is None else delivering(quota, available, study.loop)
    ranker: Any = make_ranker(study, spec)
    rng = Streams(study.seed, TUNING_REPLICATE).generator("search")
    drawn = {json.dumps(s): s for s in ranker.search(arms, rng, study.tuning.draws)}
    return [Candidate(label, quota, spec.name, settings) for label, settings in drawn.items()]
