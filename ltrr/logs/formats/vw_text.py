"""Vowpal Wabbit's text format for contextual bandits, as a log to replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from ltrr import _check
from ltrr._kernels import vw_text as kernels
from ltrr.errors import InputError
from ltrr.logs.admit import AdmitState, admit
from ltrr.logs.events import Events, Space
from ltrr.logs.faults import ON_ERROR, Faults
from ltrr.logs.files import name_of
from ltrr.logs.formats.dsjson_features import Emitted, FeatureNames, fill
from ltrr.logs.formats.text_lines import blocks, text_parts
from ltrr.logs.formats.vw_text_examples import (
    Examples,
    eligible_actions,
    emit,
    grouped,
    names_of,
    parted,
    read_labels,
    reasons,
    refuse_others,
)
from ltrr.logs.raw import Raw
from ltrr.types import Int32, Int64

__all__ = ["ENDINGS", "VwTextLog", "open_vw_text"]

ENDINGS = (".vw", ".txt", ".dat", ".data")
"""Endings of the files that a folder of parts is made of."""

_CELLS = 1 << 24
_LEAST = 1 << 16


@dataclass
class _Seen:
    """What the first pass found."""

    context: FeatureNames
    features: FeatureNames
    n_actions: int = 0
    has_lists: bool = False
    has_propensities: bool = False
    has_costs: bool = False
    n_rows: int = 0
    n_entries: int = 0
    size: int = 0


@dataclass
class VwTextLog:
    """A text log of any size, read in chunks; `open_vw_text` says what becomes of its lines.

    Parameters
    ----------
    parts : tuple of Path
        The files.
    name : str
        What the log is called in tables.
    on_error : "fail", "skip" or "report"
    chunk_bytes : int
        Bytes read at a time, >= 65,536; fewer where features would fill the memory.
    features : bool
        Whether features are read.
    max_features : int
        Most columns of the context, and of the action features, >= 1.
    floor : float or None
        Smallest propensity the logging policy could have had.
    reward_range : (float, float) or None
        Declared range of the rewards.
    """

    parts: tuple[Path, ...]
    name: str
    on_error: str = "fail"
    chunk_bytes: int = 1 << 22
    features: bool = False
    max_features: int = 4096
    floor: float | None = None
    reward_range: tuple[float, float] | None = None
    faults: Faults = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.choice("on_error", self.on_error, ON_ERROR)
        _check.integer("chunk_bytes", self.chunk_bytes, low=_LEAST)
        _check.integer("max_features", self.max_features, low=1)
        if self.floor is not None:
            _check.number("floor", self.floor, low=0.0, high=1.0, open_low=True)
        self.faults = Faults(self.on_error, self.name)

    @property
    def format(self) -> str:
        """The format's name."""
        return "vw"

    @cached_property
    def several_lines(self) -> bool:
        """True where an example has a line for each action, by its first example of more than one line."""
        for part in self.parts:
            for text in blocks(part, self.chunk_bytes):
                lines, _, _ = read_labels(text)
                kind = lines[:, kernels.KIND]
                if (kind == kernels.SHARED).any():
                    return True
                group = np.cumsum(kind == kernels.BLANK)
                filled = kind != kernels.BLANK
                _, at, size = np.unique(group[filled], return_index=True, return_counts=True)
                if (size > 1).any():
                    start = at[np.argmax(size > 1)]
                    labelled = lines[filled, kernels.COSTS][start : start + size[np.argmax(size > 1)]] > 0
                    return int(labelled.sum()) <= 1
        return False

    @cached_property
    def _seen(self) -> _Seen:
        out = _Seen(
            FeatureNames(self.max_features, of_actions=False),
            FeatureNames(self.max_features, of_actions=True),
        )
        for _, examples in self._examples(self.chunk_bytes):
            out.size += len(examples.text)
            out.n_rows += len(examples.first)
            for line in np.flatnonzero(examples.lines[:, kernels.KIND] == kernels.ASK).tolist():
                refuse_others(examples, line, self.name)
            real, costs = examples.real, examples.lines[:, kernels.COSTS]
            good = costs == 1
            out.has_costs |= bool((costs > 0).any())
            out.has_propensities |= bool((~np.isnan(real[good, kernels.PROBABILITY])).any())
            if self.several_lines:
                shared = examples.lines[:, kernels.KIND][examples.first] == kernels.SHARED
                n = examples.n_lines - shared
                out.n_actions = max(out.n_actions, int(n.max(initial=0)))
                out.n_entries += int(n.sum())
            else:
                used = examples.lines[examples.lines[:, kernels.KIND] == kernels.EXAMPLE]
                out.n_actions = max(out.n_actions, int(examples.listed.max(initial=0)))
                out.has_lists |= bool((used[:, kernels.LISTED] > 1).any())
            if self.features and len(examples.first):
                emitted = emit(examples)
                named = partial(names_of, examples)
                out.context.count(emitted, named)
                out.features.count(emitted, named)
        if not out.has_costs or out.n_actions == 0:
            raise InputError(f"{self.name}: must hold labels action:cost:probability, it holds none")
        out.context.finish()
        out.features.finish()
        return out

    @cached_property
    def space(self) -> Space:
        """What ids mean, by a first pass."""
        found = self._seen
        return Space(
            tuple(str(j + 1) for j in range(found.n_actions)),
            found.context.names,
            found.features.names,
            floor=self.floor,
            reward_range=self.reward_range,
        )

    @property
    def left_out(self) -> tuple[int, int]:
        """How many names of context features and of action features were too rare to become columns."""
        return self._seen.context.left_out, self._seen.features.left_out

    def chunks(self) -> Iterator[Events]:
        """Yield the log in chunks, checked."""
        self.faults = Faults(self.on_error, self.name)
        faults, space = self.faults, self.space
        state = AdmitState()
        for part, raw in self.raws():
            faults.where = f"{self.name}, {part}" if len(self.parts) > 1 else self.name
            yield admit(raw, space, faults, state)
        faults.where = self.name
        state.finish(faults)

    def raws(self) -> Iterator[tuple[str, Raw]]:
        """Yield chunks as they were parsed, unchecked, each with its file's name."""
        found = self._seen
        cells = found.n_rows * len(found.context.names) + found.n_entries * len(found.features.names)
        size = int(min(self.chunk_bytes, max(_LEAST, _CELLS * found.size / max(cells, 1))))
        for part, examples in self._examples(size):
            if len(examples.first):
                yield part.name, self._raw(examples)

    def _examples(self, size: int) -> Iterator[tuple[Path, Examples]]:
        """Yield blocks of whole examples."""
        number = 0
        for part in self.parts:
            rest = b""
            for text in blocks(part, size):
                whole, rest = parted(rest + text) if self.several_lines else (text, b"")
                if whole:
                    examples = grouped(whole, number, several=self.several_lines)
                    number += len(examples.lines)
                    yield part, examples
            if rest:
                examples = grouped(rest, number, several=self.several_lines)
                number += len(examples.lines)
                yield part, examples

    def _raw(self, examples: Examples) -> Raw:
        """Return a block's columns."""
        found = self._seen
        n = len(examples.first)
        lines, first = examples.lines, examples.first
        costs = lines[:, kernels.COSTS]
        kind = lines[:, kernels.KIND]
        per_line = np.append(0, np.cumsum(costs))
        n_costs = per_line[examples.last] - per_line[first]
        shared = kind[first] == kernels.SHARED
        # the line with the label: the first one in an example of several lines
        with_cost = np.flatnonzero(costs > 0)
        nearest = np.append(with_cost, 0)[np.searchsorted(with_cost, first)]
        label = np.where(n_costs > 0, nearest, first)
        several = self.several_lines
        indptr = eligible = None
        if several:
            action = np.where(n_costs > 0, label - first - shared, -1)
            indptr = np.append(0, np.cumsum(examples.n_lines - shared))
            eligible = (np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))).astype(np.int32)
        else:
            action = np.where(n_costs > 0, lines[label, kernels.CHOSEN] - 1, -1)
            if found.has_lists:
                indptr, eligible = eligible_actions(examples, found.n_actions)
        bad = np.add.reduceat(np.append(kind == kernels.ASK, 0), first)[:n] > 0 if n else np.zeros(0, bool)
        bad |= n_costs > 1
        cost = np.where(n_costs == 1, examples.real[label, kernels.COST], np.nan)
        propensity = np.where(n_costs == 1, examples.real[label, kernels.PROBABILITY], np.nan)
        raw = Raw(
            examples.number + first + 1,
            np.where(bad, -1, action).astype(np.int32),
            np.where(bad, np.nan, 0.0 - cost),
            propensity=propensity if found.has_propensities else None,
            indptr=indptr,
            eligible=eligible,
        )
        if self.features:
            ragged: tuple[Int64, Int32] = (np.zeros(n + 1, np.int64), np.zeros(0, np.int32))
            if several and indptr is not None and eligible is not None:
                ragged = (indptr, eligible)
            emitted = emit(examples)
            # features stand by line, rows by example
            owner_row = (np.searchsorted(first, emitted.line, side="right") - 1).astype(np.int32)
            moved = Emitted(emitted.name, emitted.value, owner_row, emitted.owner)
            rows = (np.arange(n + 1), np.zeros(n, np.int64))
            raw.context, per_action = fill(moved, (found.context, found.features), rows, ragged)
            raw.features = per_action if several else None
        dangling = (n_costs == 0) & ~bad
        raw.faults.append(("unreadable", np.flatnonzero(bad), reasons(examples, np.flatnonzero(bad))))
        raw.faults.append(("dangling event", np.flatnonzero(dangling), ["a decision without an outcome"]))
        return raw


def open_vw_text(
    path: str | Path,
    *,
    on_error: str = "fail",
    chunk_bytes: int = 1 << 22,
    name: str | None = None,
    features: bool = False,
    max_features: int = 4096,
    floor: float | None = None,
    reward_range: tuple[float, float] | None = None,
) -> VwTextLog:
    r"""Return a log in Vowpal Wabbit's text format: ``action:cost:probability | features``.

    With one line an example (``--cb``), the label's action counts from 1, reward = −cost, and the probability
    is the propensity. Actions that a label names without a cost (``1:0:0.5 2 3 |``) are those that could have
    been chosen; where there are none, all actions of the log could. With a line for each action
    (``--cb_adf``: examples between blank lines, a first line ``shared`` if there is one) the action is the
    place of the line that has the label, whatever its number. Actions are named from "1".

    An example without a label is a dangling event, one with several costs does not state which action was
    taken and is a fault. Row numbers are those of an example's first line. Tags are ignored.

    Features are named ``namespace.feature`` and have their value times the namespace's weight; those of
    ``shared`` lines, or of the only line, are the context, the others the actions'.

    Parameters
    ----------
    path : str or Path
        A file, or a folder whose parts end in one of `ENDINGS`; ``.gz`` is unpacked.
    on_error : "fail", "skip" or "report"
        What to do about faulty lines.
    chunk_bytes : int
        Bytes read at a time, >= 65,536.
    name : str or None
        What the log is called in tables; None for the file's or folder's name.
    features : bool
        Whether features are read; text logs are often wide.
    max_features : int
        Most columns of the context, and of the action features, >= 1: the most frequent ones.
    floor : float or None
        Smallest propensity the logging policy could have had, in (0, 1].
    reward_range : (float, float) or None
        Declared range of the rewards.

    Raises
    ------
    InputError
        If the path or an argument is wrong.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Path(folder) / "log.vw"
    ...     _ = log.write_text("2:-1:0.25 |user age:30 vip\n1:0:0.75 | x\n", encoding="utf-8")
    ...     (events,) = open_vw_text(log, features=True).chunks()
    >>> events.action.tolist(), events.reward.tolist(), events.propensity.tolist()
    ([1, 0], [1.0, 0.0], [0.25, 0.75])
    >>> events.space.context_names, events.context.tolist()
    (('user.age', 'user.vip', 'x'), [[30.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    References
    ----------
    Vowpal Wabbit's wiki, pages "Input format" and "Contextual Bandit algorithms".
    """
    place = Path(path)
    if reward_range is not None and not reward_range[0] <= reward_range[1]:
        raise InputError(f"`reward_range` must be two numbers, the lower first, got {reward_range!r}")
    return VwTextLog(
        text_parts(place, ENDINGS),
        name_of(place) if name is None else name,
        on_error,
        chunk_bytes,
        features,
        max_features,
        floor,
        reward_range,
    )
