"""Decision-service JSON lines, what Vowpal Wabbit reads with ``--dsjson``, as a format of logs.

msgspec parses them: it reads the typed fields of a label as fast as pysimdjson and faster than Arrow, checks
the rest in passing, and hands out parts of a line as text, so that what repeats is parsed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from ltrr import _check
from ltrr.logs.format import Part, log_format
from ltrr.logs.formats.dsjson_batch import Rows, batch
from ltrr.logs.formats.dsjson_choices import Actions
from ltrr.logs.formats.dsjson_line import Line, dangling_reason, members_of, read_slowly, typed
from ltrr.logs.formats.json_features import Features, Unreadable, is_utf8, items
from ltrr.logs.formats.lines import line_blocks

__all__ = ["COLUMNS", "ENDINGS", "batches", "naming"]

ENDINGS = (".json", ".jsonl", ".ndjson", ".dsjson", ".log", ".txt")
"""Endings of the files that a folder of parts is made of."""

COLUMNS = {
    "event": "event",
    "slot": "slot",
    "action": "action",
    "cost": "cost",
    "propensity": "propensity",
    "timestamp": "timestamp",
    "count": "count",
    "eligible": "eligible",
    "probabilities": "probabilities",
    "context": ("context",),
    "features": "features",
}
"""The column map."""

_MOST_BY_FEATURES = 4096
_IGNORED = frozenset(
    [
        "a",
        "p",
        "o",
        "pdf",
        "pdrop",
        "Version",
        "EventId",
        "Timestamp",
        "EnqueuedTimeUtc",
        "RewardValue",
        "DeferredAction",
        "VWState",
    ]
)
"""Names that are no features where features and label are in one object."""

_FEATURES = {"context", "features"}
_BLANK = Line()


def naming(parts: Sequence[Part], settings: Mapping[str, Any]) -> dict[str, str]:
    """Return ``actions`` for all parts: "auto" becomes "name" or "position" by the head of the first."""
    actions = settings.get("actions", "auto")
    return {"actions": _by_head(parts[0]) if actions == "auto" and parts else actions}


def _by_head(part: Part) -> str:
    """Decide by the first block of a part whether actions can be known by names."""
    reader = _Reader("position", frozenset())
    rows = reader.rows(next(line_blocks(part.path, size=_BLOCK), b"\n"))
    choices = [reader.actions.choices[number] for number in rows.choice if number]
    bare = repeating = 0
    by_features: set[str] = set()
    for choice in choices:
        if choice.listed is None or not choice.listed.names:
            bare += 1
            continue
        names, named = choice.listed.names, choice.listed.named
        by_features.update(name for name, known in zip(names, named, strict=True) if not known)
        twice = len({names[place] for place in choice.places}) < len(set(choice.places))
        repeating += twice
        if (twice and not all(named)) or len(by_features) > _MOST_BY_FEATURES:
            return "position"
    return "position" if choices and 2 * max(bare, repeating) >= len(choices) else "name"


_BLOCK = 1 << 22
_KEYS = ("_label_cost", "_label_Cost", "_labelIndex", "_label_probability", "_outcomes", "_label_Action")


def _recognise(name: str, start: bytes) -> bool:
    """Say whether a file is decision-service JSON: some line has a key of a label, or is an outcome."""
    if not start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        return name.endswith(".dsjson")
    labelled = any(f'"{key}"'.encode() in start for key in _KEYS)
    return labelled or name.endswith(".dsjson") or (b'"EventId"' in start and b'"RewardValue"' in start)


@log_format(
    endings=ENDINGS,
    recognise=_recognise,
    columns=COLUMNS,
    absent=("event", "timestamp", "count", "propensity", "probabilities"),
    in_order_seen=True,
    setup=naming,
)
def batches(
    part: Part, wanted: Mapping[str, str] | None = None, *, actions: str = "auto", reward: str = "label"
) -> Iterator[pa.RecordBatch]:
    """Read decisions of Vowpal Wabbit and Personalizer as JSON lines: single, conditional by slot, slates.

    A line is an object:

    ==============================  =====================================================================
    field                           becomes
    ==============================  =====================================================================
    ``_label_cost``                 ``cost`` (``_original_label_cost`` with ``reward="original"``)
    ``_label_probability``          ``propensity`` of the chosen action
    ``_labelIndex``                 ``action``, from 0; without it ``_label_Action``, from 1; without both the
                                    first entry of ``a``. Both, where they differ, are a fault
    ``a``, ``p``                    ``eligible`` actions in the order shown, ``probabilities`` in that order.
                                    Entries count from 1, or from 0 in a line whose ``a`` holds a 0
    ``_outcomes``                   one row a ``slot``: ``_a`` (from 0; the first is the chosen one), ``_p``,
                                    ``_label_cost``. Where only the chosen action is listed, all that earlier
                                    slots left could have been chosen, and their probabilities are not known
    ``_slot_id`` in ``_multi``      slates: ``_a`` counts among the slot's own actions, and the line's one
                                    ``_label_cost`` is that of the last slot
    ``EventId``, ``Timestamp``      ``event``; ``timestamp``, seconds since 1970
    ``pdrop``                       ``count`` = 1 / (1 − pdrop), 0 where that is no count
    ``_skipLearn``                  if true, the decision was never shown: a dangling event
    ``c`` (or the line itself)      ``context`` and ``features``: see below
    ==============================  =====================================================================

    A line without a cost is a decision whose outcome never arrived, one with nothing but an outcome
    (``RewardValue``) has lost its decision: both are dangling events. Of a field that occurs twice the last
    counts. What no line says is null; rows of ``eligible`` are null where all actions could be chosen.

    **Actions.** An action is known by its ``_tag``, else by the ``id`` in its ``i``, else by its features, so
    that it is the same action in whatever place it stands. Where the first 4 MB of the log show that this is
    not possible (half of the lines have no ``_multi`` or the same tag or id twice in one list; the same
    features twice in any; more than 4,096 actions without tag or id) all actions of the log are places in
    ``_multi``, named from "1". ``actions="position"`` asks for that. By names, a line that does not name its
    actions unambiguously is unreadable.

    **Features.** Names are paths joined by dots, ``User.age`` with its value; texts become ``User.name=Ann``
    with value 1; names that begin with ``_`` are none. Shared ones, and those of the row's slot, are the
    context; those of the actions are theirs. Where a name comes twice its values add up. Features are read
    only if they are wanted.

    Parameters
    ----------
    part : Part
    wanted : mapping or None
        The columns to read; None for all.
    actions : "auto", "name" or "position"
        What actions are known by.
    reward : "label" or "original"
        Which cost is the reward's.

    References
    ----------
    Vowpal Wabbit's wiki, pages "DSJSON", "Conditional Contextual Bandit" and "Slates".
    """
    _check.choice("actions", actions, ("auto", "name", "position"))
    _check.choice("reward", reward, ("label", "original"))
    every = {"context", *(name for name in COLUMNS.values() if isinstance(name, str))}
    asked = frozenset(every if wanted is None else every & set(wanted))
    reader = _Reader(_by_head(part) if actions == "auto" else actions, asked)
    for block in line_blocks(part.path, size=_BLOCK):
        rows = reader.rows(block)
        if rows.number:
            yield batch(rows, asked, reader.actions, reader.features, reward)
        reader.tidy()


class _Reader:
    """Reads a part's blocks one after another; what repeats in them is parsed once."""

    def __init__(self, actions: str, asked: frozenset[str]) -> None:
        self.actions = Actions(by_place=actions == "position")
        self.features = Features()
        self._asked = asked
        self._number = 0

    def tidy(self) -> None:
        """Forget what is known if it is much."""
        if self.actions.full or self.features.full:
            self.actions = Actions(by_place=self.actions.by_place)
            self.features = Features()

    def rows(self, block: bytes) -> Rows:
        """Return the rows of a block's lines."""
        out = Rows()
        text = is_utf8(block)
        single, featured = self.actions.single, bool(self._asked & _FEATURES)
        for line in block[:-1].split(b"\n"):
            self._number += 1
            label = _BLANK
            try:
                if not text and not is_utf8(line):
                    raise Unreadable("not UTF-8")
                try:
                    label = typed(line)
                except msgspec.MsgspecError:
                    label = read_slowly(line)
                if label.cost is None or label.outcomes is not None or label.skip:
                    self._add_slots(out, line, label)
                    continue
                choice, p = single(label)
                if featured:
                    self._add_features(out, line, [choice])
                out.add(self._number, label, choice, p)
            except Unreadable as error:
                if line.strip(b" \t\r"):
                    out.add_fault(self._number, label, "unreadable", str(error))
            except RecursionError:
                out.add_fault(self._number, label, "unreadable", "nested too deeply")
        return out

    def _add_slots(self, rows: Rows, line: bytes, label: Line) -> None:
        """Add the rows of a line with outcomes, or with none."""
        slots, slates = self.actions.slots(label, [] if label.skip else label.outcomes or [])
        if not slots:
            rows.add_fault(self._number, label, "dangling event", dangling_reason(label))
            return
        if self._asked & _FEATURES:
            self._add_features(rows, line, [slot.choice for slot in slots])
        for j, slot in enumerate(slots):
            at = len(rows.number)
            rows.slot[at] = j
            rows.slates += [at] * slates
            rows.add(self._number, slot.line, slot.choice, slot.probabilities)

    def _add_features(self, rows: Rows, line: bytes, numbers: list[int]) -> None:
        """Add the contexts of a line's rows, and have the features of their actions ready."""
        for number in numbers if "features" in self._asked else ():
            choice = self.actions.choices[number]
            if choice.features is None and choice.listed is not None:
                texts = choice.listed.texts
                choice.features = self.features.of_several(
                    texts[j] if texts else b"{}" for j in choice.places
                )
        if "context" not in self._asked:
            return
        members, beside = members_of(line)
        shared = [
            self.features.of(key, text)
            for key, text in members.items()
            if not key.startswith("_") and not (beside and key in _IGNORED)
        ]
        slots = items(members["_slots"]) or [] if "_slots" in members else []
        own = [
            [self.features.of(None, slot)] if slot.startswith(b"{") else [] for slot in slots[: len(numbers)]
        ]
        for j in range(len(numbers)):
            rows.context.add(shared + (own[j] if j < len(own) else []))
