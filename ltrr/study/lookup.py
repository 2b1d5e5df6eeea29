"""What a run's folder says of single requests, in addition to its log."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.bandits.base import BasePolicy
from ltrr.bandits.registry import BEST_STATIC, POLICIES
from ltrr.errors import InputError
from ltrr.logs.cell_files import check_columns
from ltrr.logs.tables import Log

__all__ = ["best_learner", "cell_table", "open_log"]


def open_log(path: str | Path) -> tuple[Path, Log]:
    """Return the run's folder and its log, given the run's folder or the folder ``log`` in it.

    Raises
    ------
    InputError
        If there is no log.
    """
    folder = Path(path)
    if (folder / "log.json").is_file():
        return folder.resolve().parent, Log(folder)
    if not (folder / "log" / "log.json").is_file():
        if (folder / "study.toml").is_file():
            raise InputError(
                f"the run in {folder} kept no log; simulate it again with `log_seeds` of at least 1"
            )
        raise InputError(f"{folder} holds no log; give a run's folder or the folder `log` in it")
    return folder, Log(folder / "log")


def best_learner(folder: Path, log: Log) -> str | None:
    """Return the logged policy that learns and earned the highest mean reward; None where that is not known.

    A policy learns if its class takes feedback in; one whose class cannot be found here counts as learning.
    """
    try:
        summary = pd.read_csv(folder / "summary.csv")
        means = summary[summary.metric == "reward"].set_index("policy")["mean"]
    except (OSError, ValueError, AttributeError, KeyError):
        return None
    entries = log.about.get("settings", {}).get("policies", [])
    learners = [entry["name"] for entry in entries if _learns(entry.get("kind"))]
    logged = {policy for policy, _ in log.cells()}
    known = means.reindex([name for name in learners if name in logged]).dropna()
    return str(known.idxmax()) if len(known) else None


def _learns(kind: Any) -> bool:
    """Say whether policies of a kind learn from feedback."""
    if kind == BEST_STATIC:
        return False
    try:
        maker = POLICIES.maker(kind, "policies")
    except InputError:
        return True
    return getattr(maker, "learn", None) is not BasePolicy.learn


def cell_table(
    folder: Path,
    table: str,
    policy: str,
    seed: int,
    *,
    columns: Sequence[str],
    requests: Sequence[int] | None = None,
) -> pd.DataFrame | None:
    """Return columns of a cell's ``rounds`` or ``oracles`` by request; None where there is no such file.

    Parameters
    ----------
    folder : Path
        The run's folder.
    table : str
        ``rounds`` or ``oracles``.
    policy : str
    seed : int
    columns : sequence of str
    requests : sequence of int, optional
        Those that are wanted; all if None.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    file = folder / table / f"{policy}-{seed:03d}.parquet"
    if not file.is_file():
        return None
    chosen = None if requests is None else [("request", "in", list(requests))]
    try:
        check_columns(file, pq.read_schema(file), columns)
        read = pq.read_table(file, columns=["request", *columns], filters=chosen, partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        cause = " ".join(str(error).split())
        raise InputError(f"{file} cannot be read: {cause}; simulate the run again") from error
    frame: pd.DataFrame = read.to_pandas()
    return frame.set_index("request")
