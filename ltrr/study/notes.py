"""What a run says of itself besides its numbers: notes for the reader, and its own measures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ltrr._state import write_aside
from ltrr.metrics.measures import Measure
from ltrr.protocols import Retriever, World

__all__ = ["notes_of", "read_measures", "read_notes", "write_notes"]

PLACE = "notes.json"


def notes_of(
    world: World,
    unseen: Sequence[str],
    lost: Sequence[str],
    *,
    budget: int = 0,
    arms: Mapping[str, Retriever] | None = None,
) -> list[str]:
    """Return what a reader of a run should know.

    Parameters
    ----------
    world : World
        Its ``notes``, where it has any: what was left out or merged while reading.
    unseen : sequence of str
        Arms that offer no features, so that the ranker cannot see them.
    lost : sequence of str
        Components that the run's ``study.toml`` cannot make again.
    budget : int
        Candidates a request.
    arms : mapping of name to Retriever, optional
        Their ``notes``, where they have any: what was left out while indexing.
    """
    notes = [str(note) for note in getattr(world, "notes", ())]
    items = int(world.catalogue.alive.sum())
    if items <= budget:
        notes.append(
            f"The budget of {budget} candidates holds all {items} items, so that policies cannot differ by "
            "much: lower `loop.slot_size`."
        )
    notes += [
        f"The ranker cannot see arm {arm}: it offers no `features`, so its candidates are ranked by what "
        "other providers know of them."
        for arm in unseen
    ]
    for name, arm in (arms or {}).items():
        own = getattr(arm, "retriever", arm)  # static arms are cached
        notes += [f"Arm {name}: {note}." for note in getattr(own, "notes", ())]
    return notes + [f"study.toml cannot make `{where}` again: it was given as an object." for where in lost]


def write_notes(folder: Path, notes: Sequence[str], measures: Sequence[Measure]) -> None:
    """Write notes, and name, label and digits of a study's own measures."""
    own = [
        {"name": m.name, "label": m.label, "split": m.split, "digits": m.digits, "meaning": m.meaning}
        for m in measures
    ]
    text = json.dumps({"notes": list(notes), "measures": own}, indent=1, ensure_ascii=False)
    write_aside(folder / PLACE, text.encode())


def read_notes(folder: Path) -> tuple[str, ...]:
    """Return the notes of a run."""
    return tuple(_read(folder)["notes"])


def read_measures(folder: Path) -> tuple[Measure, ...]:
    """Return a run's own measures, to show: they cannot measure anything."""
    return tuple(
        Measure(m["name"], m["label"], split=m["split"], digits=m["digits"], meaning=m["meaning"])
        for m in _read(folder)["measures"]
    )


def _read(folder: Path) -> dict[str, Any]:
    place = folder / PLACE
    found: dict[str, Any] = {"notes": [], "measures": []}
    return json.loads(place.read_text(encoding="utf-8")) if place.is_file() else found
