"""A run in TREC's forms, so that trec_eval and ir_measures can judge it: one ranking a logged request.

A request is a topic of its own, numbered as in the log: pages change while policies learn, and one text may
mean several things.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from ltrr.errors import InputError
from ltrr.logs.tables import Log
from ltrr.registry import add_import_path
from ltrr.study.build import make_world
from ltrr.study.files import read_study
from ltrr.types.ragged import take_flat

__all__ = ["trec_qrels", "trec_run", "write_trec"]


def trec_run(log: Log, *, candidates: bool = False) -> pd.DataFrame:
    """Return query_id, doc_id, rank and score of the pages of one policy and seed, best first.

    The score of rank r of n is n − r, as trec_eval goes by scores alone.

    Parameters
    ----------
    log : Log
        Of one policy and seed.
    candidates : bool
        All that was drawn, in the ranker's order, instead of the page.
    """
    if candidates:
        # a row is a source of a candidate; what no slot drew is a shadow
        table = log.table("candidates").select(["request", "item", "ranker_score", "slots"]).to_pandas()
        table = table[table.slots != 0].drop_duplicates(["request", "item"])
        table = table.sort_values(["request", "ranker_score", "item"], ascending=[True, False, True])
    else:
        table = log.table("impressions").select(["request", "item", "position"]).to_pandas()
        table = table.sort_values(["request", "position"])
    of_request = table.groupby("request").item
    names = np.array(_item_names(log), object)
    frame: pd.DataFrame = table.assign(
        query_id=table.request.astype(str),
        doc_id=names[table.item],
        rank=of_request.cumcount(),
        score=of_request.transform("size") - of_request.cumcount(),
    )
    return frame[["query_id", "doc_id", "rank", "score"]].reset_index(drop=True)


def trec_qrels(folder: Path, rounds: pd.DataFrame, world: Any = None) -> pd.DataFrame:
    """Return query_id, doc_id and relevance of all that is judged for each request of a run.

    Parameters
    ----------
    folder : Path
        The run's folder.
    rounds : DataFrame
        Requests, and the topic that each is about.
    world : World, optional
        That of the run; by default ``study.toml`` makes it again.

    Raises
    ------
    InputError
        If the world cannot be made again, or has no judgements by topic.
    """
    topics = getattr(_world(folder) if world is None else world, "topics", None)
    if topics is None:
        raise InputError(
            f"the world of {folder} has no judgements by topic: only a world of `ltrr.worlds.Topics` has"
        )
    indptr, flat = take_flat(topics.topic_indptr, rounds.topic.to_numpy())
    names = np.array(topics.catalogue.name, object)
    return pd.DataFrame(
        {
            "query_id": np.repeat(rounds.request.to_numpy().astype(str), np.diff(indptr)),
            "doc_id": names[topics.topic_item[flat]],
            "relevance": topics.topic_grade[flat],
        }
    )


def write_trec(folder: str | Path, out: str | Path) -> list[Path]:
    """Write pages, candidates and judgements of all logged requests of a finished run.

    Parameters
    ----------
    folder : str or Path
        The run's folder.
    out : str or Path
        Made if absent: ``<policy>-<seed>.run``, ``<policy>-<seed>.candidates.run``, ``qrels-<seed>.txt``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If the run has no log, its world cannot be made again, or an item's id holds a space.
    """
    run, place = Path(folder), Path(out)
    log, written = Log(run / "log"), []
    _must_be_plain(_item_names(log))
    place.mkdir(parents=True, exist_ok=True)
    for policy, seed in log.cells():
        judged = place / f"qrels-{seed:03d}.txt"
        if judged not in written:  # requests are the same for all policies
            written.append(_write(judged, _with_iteration(trec_qrels(run, _rounds(run, policy, seed)))))
        own = Log(log.folder, policy, seed)
        for kind, candidates in ((".run", False), (".candidates.run", True)):
            ranked = trec_run(own, candidates=candidates).assign(run="-".join(policy.split()))
            ranked.insert(1, "q0", "Q0")
            written.append(_write(place / f"{policy}-{seed:03d}{kind}", ranked))
    return written


def _world(folder: Path) -> Any:
    study = read_study(folder / "study.toml")
    for place in study.import_path:
        add_import_path(place)
    return make_world(study)


def _rounds(run: Path, policy: str, seed: int) -> pd.DataFrame:
    place = run / "rounds" / f"{policy}-{seed:03d}.parquet"
    frame: pd.DataFrame = pd.read_parquet(place, columns=["request", "topic"])
    return frame


def _with_iteration(qrels: pd.DataFrame) -> pd.DataFrame:
    qrels.insert(1, "iteration", 0)
    return qrels


def _write(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, sep=" ", header=False, index=False, lineterminator="\n", quoting=3)
    return path


def _item_names(log: Log) -> list[str]:
    names: list[str] = pq.read_table(log.folder / "items.parquet", columns=["name"])["name"].to_pylist()
    return names


def _must_be_plain(names: list[str]) -> None:
    bad = next((name for name in names if len(name.split()) != 1), None)
    if bad is not None:
        raise InputError(f"ids in a TREC file must be without spaces, got {bad!r}: give the items other ids")
