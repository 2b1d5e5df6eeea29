"""Decision-service JSON lines: what Vowpal Wabbit reads with ``--dsjson``, as a log to replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ltrr import _check
from ltrr._kernels import dsjson_columns as col
from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.copy_finder import find_copies
from ltrr.logs.events import Events, Space
from ltrr.logs.faults import ON_ERROR, Faults
from ltrr.logs.files import name_of
from ltrr.logs.formats.dsjson_features import Emitter, fill
from ltrr.logs.formats.dsjson_line import dangling_reason
from ltrr.logs.formats.dsjson_scan import Scan, Scanner
from ltrr.logs.formats.dsjson_survey import Survey, survey
from ltrr.logs.formats.dsjson_values import load
from ltrr.logs.formats.text_lines import blocks, text_parts
from ltrr.logs.raw import Raw
from ltrr.types import Int64

__all__ = ["ENDINGS", "DsjsonLog", "open_dsjson"]

ENDINGS = (".json", ".jsonl", ".ndjson", ".dsjson", ".log", ".txt")
"""Endings of the files that a folder of parts is made of."""

_CELLS = 1 << 24
"""Most numbers that the feature columns of a chunk hold."""

_LEAST = 1 << 16
_TOLD = 20
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class DsjsonLog:
    """A decision-service log of any size, read in chunks; `open_dsjson` says what becomes of its fields.

    Parameters
    ----------
    parts : tuple of Path
        The files.
    name : str
        What the log is called in tables.
    on_error : "fail", "skip" or "report"
    check_duplicates : bool or None
        None to check event ids where there are any.
    chunk_bytes : int
        Bytes read at a time, >= 65,536; fewer where features would fill the memory.
    features : bool
        Whether features are read.
    max_features : int
        Most columns of the context, and of the action features, >= 1.
    actions : "auto" or "position"
        What actions are known by.
    reward : "label" or "original"
        Which cost is the reward's.
    floor : float or None
        Smallest propensity the logging policy could have had.
    reward_range : (float, float) or None
        Declared range of the rewards of a request.
    """

    parts: tuple[Path, ...]
    name: str
    on_error: str = "fail"
    check_duplicates: bool | None = None
    chunk_bytes: int = 1 << 22
    features: bool = True
    max_features: int = 4096
    actions: str = "auto"
    reward: str = "label"
    floor: float | None = None
    reward_range: tuple[float, float] | None = None
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("on_error", self.on_error, ON_ERROR)
        _check.choice("actions", self.actions, ("auto", "position"))
        _check.choice("reward", self.reward, ("label", "original"))
        _check.integer("chunk_bytes", self.chunk_bytes, low=_LEAST)
        _check.integer("max_features", self.max_features, low=1)
        if self.floor is not None:
            _check.number("floor", self.floor, low=0.0, high=1.0, open_low=True)
        self.faults = Faults(self.on_error, self.name)

    @property
    def format(self) -> str:
        """The format's name."""
        return "dsjson"

    @cached_property
    def survey(self) -> Survey:
        """What the first pass found."""
        return survey(
            (text for _, text in self._blocks(self.chunk_bytes)),
            features=self.features,
            max_features=self.max_features,
            by_position=self.actions == "position",
            name=self.name,
        )

    @cached_property
    def space(self) -> Space:
        """What ids mean, by a first pass."""
        found = self.survey
        return Space(
            found.actions,
            found.context.names,
            found.action_features.names,
            n_slots=found.n_slots,
            slot_rewards=not found.slates,
            timed=found.timed,
            floor=self.floor,
            reward_range=self.reward_range,
        )

    @property
    def left_out(self) -> tuple[int, int]:
        """How many names of context features and of action features were too rare to become columns."""
        return self.survey.context.left_out, self.survey.action_features.left_out

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, checked."""
        self.faults = Faults(self.on_error, self.name)
        faults, space = self.faults, self.space
        check = self.survey.has_ids if self.check_duplicates is None else self.check_duplicates
        state = AdmitState(find_copies(raw for _, raw in self.raws()) if check else None)
        for part, raw in self.raws():
            faults.where = f"{self.name}, {part}" if len(self.parts) > 1 else self.name
            yield admit(raw, space, faults, state)
        faults.where = self.name
        state.finish(faults)

    def raws(self) -> Iterator[tuple[str, Raw]]:
        """Yield chunks as they were parsed, unchecked, each with its file's name."""
        scanner, emitter = Scanner(), Emitter() if self.features else None
        size = int(min(self.chunk_bytes, max(_LEAST, _CELLS / max(self.survey.cells_per_byte, 1e-9))))
        number = 0
        for part, text in self._blocks(size):
            scan = scanner.scan(text)
            if len(scan.lines):
                yield part.name, self._raw(scan, emitter, number)
            number += scan.n_numbers

    def _blocks(self, size: int) -> Iterator[tuple[Path, bytes]]:
        for part in self.parts:
            for text in blocks(part, size):
                yield part, text

    def _raw(self, scan: Scan, emitter: Emitter | None, number: int) -> Raw:
        """Return a block's columns; ``number`` is the number of the line before it."""
        found = self.survey
        rows, real = scan.rows, scan.row_real
        line = rows[:, col.LINE]
        indptr, places, probabilities = scan.lists(len(found.actions))
        entry_row = np.repeat(np.arange(len(rows)), np.diff(indptr))
        # actions that the line does not list are all the log's, whatever they are known by
        listed = rows[entry_row, col.LENGTH] >= 0
        eligible = np.where(listed, found.ids(scan, entry_row, places), places).astype(np.int32)
        action = found.ids(scan, np.arange(len(rows)), rows[:, col.CHOSEN].astype(np.int32))
        event = None
        if found.has_ids or found.n_slots > 1:
            event = np.where(
                scan.event != 0, scan.event, self._numbers(scan, number).astype(np.uint64) * _SPREAD
            )
        context = features = None
        if emitter is not None:
            first_row = np.append(0, np.cumsum(scan.lines[:, col.ROWS]))
            slot = np.ascontiguousarray(rows[:, col.SLOT])
            names = (found.context, found.action_features)
            context, features = fill(emitter.emit(scan), names, (first_row, slot), (indptr, places))
        kept = 1.0 - scan.line_real[line, col.DROP]
        raw = Raw(
            self._numbers(scan, number)[line],
            action,
            0.0 - real[:, col.COST if self.reward == "label" else col.ORIGINAL],
            None if event is None else event[line],
            real[:, col.PROPENSITY] if found.has_propensities else None,
            rows[:, col.SLOT].astype(np.int16) if found.n_slots > 1 else None,
            time=scan.line_real[line, col.TIME] if found.timed else None,
            context=context,
            count=1.0 / np.where((kept > 0) & (kept <= 1), kept, np.nan) if found.thinned else None,
            indptr=indptr,
            eligible=eligible,
            probabilities=probabilities if found.has_distributions else None,
            features=features,
        )
        others = np.flatnonzero(scan.kind > col.SLATES)
        return (
            raw if len(others) == 0 else _with_others(raw, scan, others, self._numbers(scan, number), event)
        )

    @staticmethod
    def _numbers(scan: Scan, number: int) -> Int64:
        return scan.lines[:, col.NUMBER] + number


def _with_others(raw: Raw, scan: Scan, others: Int64, numbers: Int64, event: np.ndarray | None) -> Raw:
    """Put a row for each line that is no decision between the decisions, and say what it is."""
    per_line = np.where(scan.kind > col.SLATES, 1, scan.lines[:, col.ROWS])
    end = np.cumsum(per_line)
    at = end[others] - 1
    n = int(end[-1])
    decisions = np.ones(n, np.bool_)
    decisions[at] = False
    for name in ("row", "action", "reward", "event", "propensity", "slot", "time", "context", "count"):
        value = getattr(raw, name)
        if value is not None:
            blank = {"action": -1, "reward": np.nan, "propensity": np.nan, "count": 1.0}.get(name, 0)
            wide = np.full((n, *value.shape[1:]), blank, value.dtype)
            wide[decisions] = value
            setattr(raw, name, wide)
    raw.row[at] = numbers[others]
    if raw.event is not None and event is not None:
        raw.event[at] = event[others]
    if raw.time is not None:
        raw.time[at] = scan.line_real[others, col.TIME]
    length = np.zeros(n, np.int64)
    if raw.indptr is not None:
        length[decisions] = np.diff(raw.indptr)
        raw.indptr = np.append(0, np.cumsum(length))
    wrong = np.isin(others, list(scan.wrong))
    dangling = others[~wrong]
    details = [dangling_reason(load(scan.line_text(line))) for line in dangling[:_TOLD].tolist()]
    raw.faults.append(("unreadable", at[wrong], [scan.wrong[line] for line in others[wrong].tolist()]))
    raw.faults.append(("dangling event", at[~wrong], details))
    return raw


def open_dsjson(
    path: str | Path,
    *,
    on_error: str = "fail",
    check_duplicates: bool | None = None,
    chunk_bytes: int = 1 << 22,
    name: str | None = None,
    features: bool = True,
    max_features: int = 4096,
    actions: str = "auto",
    reward: str = "label",
    floor: float | None = None,
    reward_range: tuple[float, float] | None = None,
) -> DsjsonLog:
    """Return a log of decision-service JSON lines: single decisions, conditional ones by slot, and slates.

    A line is an object:

    ==============================  =====================================================================
    field                           becomes
    ==============================  =====================================================================
    ``_label_cost``                 reward = −cost (``_original_label_cost`` with ``reward="original"``)
    ``_label_probability``          propensity of the chosen action
    ``_labelIndex``                 the chosen action, from 0; without it ``_label_Action``, from 1; without
                                    both the first entry of ``a``. Both, where they differ, are a fault
    ``a``, ``p``                    the actions in the order shown, and their probabilities in that order.
                                    Entries count from 1, or from 0 in a line whose ``a`` holds a 0
    ``_outcomes``                   one row a slot: ``_a`` (from 0; the first is the chosen one), ``_p``,
                                    ``_label_cost``. Where only the chosen action is listed, all that earlier
                                    slots left could have been chosen, and the log has no full distribution
    ``_slot_id`` in ``_multi``      slates: ``_a`` counts among the slot's own actions, and the line's one
                                    ``_label_cost`` stands at the last slot
    ``EventId``, ``Timestamp``      the event's id (a 64-bit hash); seconds since 1970
    ``pdrop``                       count = 1 / (1 − pdrop)
    ``_skipLearn``                  if true, the decision was never shown: a dangling event
    ``c`` (or the line itself)      features: see below
    ==============================  =====================================================================

    A line without a cost is a decision whose outcome never arrived, one with nothing but an outcome
    (``RewardValue``) has lost its decision: both are told as dangling events and used for nothing. Of a field
    that stands twice the last counts.

    **Actions.** An action is known by its ``_tag``, else by the ``id`` in its ``i``, else by its features, so
    that it is the same action in whatever place it stands. Where that is not possible (half of the lines
    have no ``_multi`` or the same tag or id twice in one list; the same features twice in any; more than
    4,096 actions without tag or id) all actions of the log are places in ``_multi``, named from "1".
    ``actions="position"`` asks for that. Single lines of the first kind are faulty.

    **Features.** Names are paths joined by dots, ``User.age`` with its value; texts become columns of 0 and
    1, ``User.name=Ann``; names that begin with ``_`` are none. Shared ones, and those of the row's slot, are
    the context; those of the actions are theirs. The 4,096 most frequent names of each become columns,
    `DsjsonLog.left_out` counts the others. Features take a third of the time or more: leave them out
    where the policies need none.

    Parameters
    ----------
    path : str or Path
        A file, or a folder whose parts end in one of `ENDINGS`; ``.gz`` is unpacked.
    on_error : "fail", "skip" or "report"
        What to do about faulty lines; row numbers are line numbers.
    check_duplicates : bool or None
        Whether event ids are checked for duplicates; None where there are any.
    chunk_bytes : int
        Bytes read at a time, >= 65,536.
    name : str or None
        What the log is called in tables; None for the file's or folder's name.
    features : bool
        Whether features are read.
    max_features : int
        Most columns of the context, and of the action features, >= 1.
    actions : "auto" or "position"
        What actions are known by.
    reward : "label" or "original"
        Which cost is the reward's.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1].
    reward_range : (float, float) or None
        Declared range of the rewards of a request.

    Raises
    ------
    InputError
        If the path or an argument is wrong.

    Examples
    --------
    >>> import tempfile
    >>> line = ('{"_label_cost":-1,"_label_probability":0.8,"_label_Action":2,"_labelIndex":1,"a":[2,1],'
    ...     '"p":[0.8,0.2],"c":{"User":{"age":30},"_multi":[{"_tag":"tea"},{"_tag":"coffee"}]}}')
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.json"
    ...     _ = log.write_text(line, encoding="utf-8")
    ...     (events,) = open_dsjson(log).chunks()
    >>> events.space.actions, events.action.tolist(), events.reward.tolist(), events.propensity.tolist()
    (('tea', 'coffee'), [1], [1.0], [0.8])
    >>> events.probabilities.tolist(), events.space.context_names, events.context.tolist()
    ([0.2, 0.8], ('User.age',), [[30.0]])

    References
    ----------
    Vowpal Wabbit's wiki, pages "DSJSON", "Conditional Contextual Bandit" and "Slates".
    """
    place = Path(path)
    if reward_range is not None:
        good = isinstance(reward_range, Sequence) and len(reward_range) == 2
        if not good or not reward_range[0] <= reward_range[1]:
            raise InputError(f"`reward_range` must be two numbers, the lower first, got {reward_range!r}")
    return DsjsonLog(
        text_parts(place, ENDINGS),
        name_of(place) if name is None else name,
        on_error,
        check_duplicates,
        chunk_bytes,
        features,
        max_features,
        actions,
        reward,
        floor,
        reward_range,
    )
