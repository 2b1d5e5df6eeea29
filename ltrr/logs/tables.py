"""The log: four linked tables, written in parts, read back whole.

========================  =============================================================================
table                     one row is
========================  =============================================================================
``requests``              a request with the context its policy saw, and the observed reward
``decisions``             a slot of a request: actions, features, full conditional distribution, draw
``candidates``            a source (arm, slab, rank) of a candidate of a request, with the ranker's score
``impressions``           a place of a page: item, features as shown, click, satisfaction, arrival, the
                          probability of the item at this place given the candidates, and whether it is
                          explored (from outside the best)
========================  =============================================================================

``requests.available`` is what each arm said it had before the choice, −1 where it did not say.

A row of ``candidates`` whose ``slots`` is 0 is a shadow: a source that the quota did not ask for, retrieved
and scored for the log alone (`ltrr.LoopSetting.log_shadow`). Without these rows the table is that of a run
without shadow retrieval. Their ``ranker_score`` is NaN where the ranker's scores depend on the allocation.

All join on (policy, seed, request). On disk: ``log/<table>/policy=<p>/seed=<s>/part-<n>.parquet`` next to
``log/log.json`` (names, settings, format version), ``log/items.parquet`` (item id to external name and
title) and ``log/queries.parquet`` (query id to text).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr import _check
from ltrr._state import write_aside
from ltrr.errors import InputError, nearest
from ltrr.logs.cell_files import CellFiles

if TYPE_CHECKING:
    import pandas as pd

    from ltrr.logs.explain import LoggedRequest

__all__ = ["FORMAT_VERSION", "TABLES", "Log", "part_file", "part_numbers", "whole_parts"]

FORMAT_VERSION = 1
TABLES = ("requests", "decisions", "candidates", "impressions")


def part_file(folder: Path, table: str, policy: str, seed: int, part: int) -> Path:
    """Return the place of a part of one table of a log."""
    return folder / table / f"policy={policy}" / f"seed={seed}" / f"part-{part:05d}.parquet"


def part_numbers(file: Path) -> tuple[int, int]:
    """Return seed and part of a part's file, by its path.

    Raises
    ------
    InputError
        If the path is not one that `part_file` makes.
    """
    seed, part = file.parent.name.removeprefix("seed="), file.stem.removeprefix("part-")
    if not (seed.isdecimal() and part.isdecimal()):
        raise InputError(f"{file} is not a part of a log: its name must be seed=<s>/part-<n>.parquet")
    return int(seed), int(part)


def whole_parts(folder: Path, about: Mapping[str, Any], table: str, policy: str, seed: int) -> list[Path]:
    """Return the parts of a cell's table: as many as the other tables have, and the run's rounds need.

    Parameters
    ----------
    folder : Path
        The log's folder.
    about : mapping
        What ``log.json`` says.
    table, policy : str
    seed : int

    Raises
    ------
    InputError
        If a part is missing.
    """
    others = [part_file(folder, name, policy, seed, 0).parent.glob("part-*.parquet") for name in TABLES]
    known = [part_numbers(file)[1] + 1 for files in others for file in files]
    parts = []
    for n in range(max([_least_parts(about), *known])):
        part = part_file(folder, table, policy, seed, n)
        if not part.exists():
            raise InputError(
                f"{part} is missing, so that the log is not whole; finish its run with --resume, copy the "
                "whole log, or simulate it again"
            )
        parts.append(part)
    return parts


def _least_parts(about: Mapping[str, Any]) -> int:
    """Return how many parts a cell has by the settings of its run; 0 where these do not say."""
    try:
        parts: int = math.ceil(about["settings"]["rounds"] / about["settings"]["loop"]["checkpoint_every"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return 0
    return parts


@dataclass(frozen=True)
class Log:
    """A log on disk: the four tables of some cells, with what is needed to read them.

    Parameters
    ----------
    folder : Path
        Folder that holds ``log.json`` and a folder a table.
    policy, seed : str, int, optional
        Restrict to one policy and one seed.

    Examples
    --------
    >>> import ltrr
    >>> world = ltrr.worlds.Music(n_items=300, n_queries=100)
    >>> run = ltrr.simulate(world, policies=["random"], rounds=40, seeds=1, warmup=20, quiet=True)
    >>> log = Log(run.folder / "log")
    >>> log.cells(), len(log.requests), log.about["arms"]
    ([('best-static', 0), ('random', 0)], 80, ['bm25', 'dense', 'memory', 'popular'])
    """

    folder: Path
    policy: str | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", Path(self.folder))
        if not (self.folder / "log.json").is_file():
            raise InputError(
                f"{self.folder} is not a log: log.json is missing; give the folder `log` of a run"
            )
        version = self.about.get("format_version")
        if version != FORMAT_VERSION:
            raise InputError(
                f"{self.folder}/log.json has format version {version!r}, this ltrr reads {FORMAT_VERSION}; "
                "write the log again with this version"
            )
        if self.policy is not None and self.policy not in self.about["policies"]:
            hint = nearest(self.policy, self.about["policies"])
            raise InputError(f"the log at {self.folder} has no policy {self.policy!r}{hint}")

    @property
    def about(self) -> Mapping[str, Any]:
        """Names (arms, context, action features…), settings and versions."""
        loaded: dict[str, Any] = json.loads((self.folder / "log.json").read_text(encoding="utf-8"))
        return loaded

    def table(self, name: str) -> pa.Table:
        """Return one of the four tables with columns ``policy`` and ``seed``, rows in the order written."""
        if name not in TABLES:
            raise InputError(f"no log table {name!r}{nearest(name, TABLES)}")
        parts = []
        for policy, seed in self.cells():
            for file in whole_parts(self.folder, self.about, name, policy, seed):
                table = pq.ParquetFile(file).read()
                table = table.append_column(
                    "policy", pa.array([policy]).take(pa.array(np.zeros(len(table), int)))
                )
                parts.append(table.append_column("seed", pa.array(np.full(len(table), seed, np.int64))))
        if not parts:
            raise InputError(f"the log at {self.folder} holds no rows of table {name!r} for this choice")
        return pa.concat_tables(parts)

    def find(
        self, requests: Sequence[int], *, policy: str | None = None, seed: int | None = None
    ) -> list[LoggedRequest]:
        """Return what the log holds of some requests, in the order asked for.

        Parameters
        ----------
        requests : sequence of int
        policy, seed : str, int, optional
            Which of those that the log holds; may be left out where there is one.

        Raises
        ------
        InputError
            If policy or seed must be chosen, or a request was not logged.
        """
        wanted = [_check.integer("request", request) for request in requests]
        cell = self._cell(policy, seed)
        parts = {name: whole_parts(self.folder, self.about, name, *cell) for name in TABLES}
        from ltrr.logs.explain import read_requests

        return read_requests(CellFiles(self.folder, self.about, *cell, parts), wanted)

    def explain(self, request: int, *, policy: str | None = None, seed: int | None = None) -> pd.DataFrame:
        """Return what could be chosen for one request, and the page that came of it, as one tidy frame.

        Only what belongs to the request is read, however large the log is.

        ==================  ========================================================================
        column              meaning
        ==================  ========================================================================
        ``part``            ``slot`` (a row an action of a slot) or ``place`` (a row a place)
        ``number``          slot or place, from 0
        ``name``            slot: the arm, or the quota, as in ``2 bm25 + 1 memory``; place: the
                            item's external name
        ``feature.<name>``  slot: features of the action; place: features that the ranker saw
        ==================  ========================================================================

        ==================  ========================================================================
        of slots            meaning
        ==================  ========================================================================
        ``probability``     of the action, audit included
        ``chosen``          whether it was drawn
        ``audit``           whether the slot was filled at random, to keep the log judgeable
        ``propensity``      probability of what was drawn in this slot
        ``version``         learning updates of the policy so far; -1 during the warm-up
        ==================  ========================================================================

        ==================  ========================================================================
        of places           meaning
        ==================  ========================================================================
        ``title``           the item's title, or the beginning of its text
        ``item``            its number in the catalogue
        ``arms``            the arms that delivered it, with its rank there, from 0: ``bm25 #3``
        ``rank.<arm>``      the same as numbers; missing where the arm did not deliver it
        ``slots``           the slots that drew it, a tuple, fallback arms' deliveries to fill them included
        ``spilled``         whether only fallback arms delivered it, to fill slots
        ``click``           also ``satisfied``, ``value`` (the reward's), ``censored`` (acted too late)
        ``ranker_score``    what the page is ordered by
        ``propensity``      probability of the item at this place, given the candidates and their scores
        ``explored``        whether the item was drawn from outside the best, in place of one of these
        ==================  ========================================================================

        Parameters
        ----------
        request : int
        policy, seed : str, int, optional
            Which of those that the log holds; may be left out where there is one.

        Returns
        -------
        DataFrame
            Nullable columns: what a part has no value for is missing there.

        Raises
        ------
        InputError
            If policy or seed must be chosen, or the request was not logged.

        Examples
        --------
        >>> import ltrr
        >>> world = ltrr.worlds.Music(n_items=300, n_queries=60)
        >>> run = ltrr.simulate(world, policies=["equal"], rounds=40, seeds=1, warmup=20, quiet=True)
        >>> why = run.log().explain(30, policy="equal")
        >>> slots, places = why[why.part == "slot"], why[why.part == "place"]
        >>> slots[slots.chosen][["number", "name", "probability"]].values.tolist()
        [[0, 'popular', 0.25], [1, 'dense', 0.3333333333333333], [2, 'memory', 0.5]]
        >>> bool((places["rank.bm25"] < 60).any())
        True
        """
        return self.find([request], policy=policy, seed=seed)[0].to_frame()

    def _cell(self, policy: str | None, seed: int | None) -> tuple[str, int]:
        """Return the one cell (policy, seed) that is meant."""
        cells = self.cells()
        for what, value, i in (("policy", policy, 0), ("seed", seed, 1)):
            known = list(dict.fromkeys(cell[i] for cell in cells))
            if value is None and len(known) > 1:
                raise InputError(
                    f"the log at {self.folder} holds several of `{what}`: "
                    f"choose one of {', '.join(map(str, known))}"
                )
            if value is not None and value not in known:
                hint = nearest(str(value), map(str, known)) if known else ""
                raise InputError(f"the log at {self.folder} has no {what} {value!r}{hint}")
            cells = [cell for cell in cells if value in (None, cell[i])]
        if not cells:
            raise InputError(f"the log at {self.folder} holds no rows for this choice")
        return cells[0]

    def cells(self) -> list[tuple[str, int]]:
        """Return the chosen cells (policy, seed) that there are parts of, in order."""
        return sorted({cell for name in TABLES for cell, _ in self._files(name)})

    def _files(self, name: str) -> Iterator[tuple[tuple[str, int], Path]]:
        """Yield the files of a table that belong to the chosen cells, each with its cell."""
        for file in (self.folder / name).glob("policy=*/seed=*/part-*.parquet"):
            cell = file.parts[-3].removeprefix("policy="), part_numbers(file)[0]
            if self.policy in (None, cell[0]) and self.seed in (None, cell[1]):
                yield cell, file

    def to_frame(self, name: str) -> pd.DataFrame:
        """Return one of the four tables as a DataFrame."""
        frame: pd.DataFrame = self.table(name).to_pandas()
        return frame

    @property
    def requests(self) -> pd.DataFrame:
        """The table of requests."""
        return self.to_frame("requests")

    @property
    def decisions(self) -> pd.DataFrame:
        """The table of decisions."""
        return self.to_frame("decisions")

    @property
    def candidates(self) -> pd.DataFrame:
        """The table of candidates."""
        return self.to_frame("candidates")

    @property
    def impressions(self) -> pd.DataFrame:
        """The table of impressions."""
        return self.to_frame("impressions")

    def save(self, folder: str | Path) -> Log:
        """Copy the log (all of it, or the chosen cells) to another folder and return it there."""
        target = Path(folder)
        if target.exists():
            raise InputError(f"{target} exists already; choose another place")
        target.mkdir(parents=True)
        for name in TABLES:
            for _, file in self._files(name):
                place = target / file.relative_to(self.folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                write_aside(place, file.read_bytes())
        for extra in ("items.parquet", "queries.parquet", "log.json"):
            if (self.folder / extra).is_file():
                write_aside(target / extra, (self.folder / extra).read_bytes())
        return Log(target, self.policy, self.seed)
