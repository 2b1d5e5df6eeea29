"""Collection files: reads what a collection names, a folder or a dataset of ir_datasets."""

from __future__ import annotations

from pathlib import Path

from ltrr.worlds.beir import read_beir
from ltrr.worlds.gathered import CollectionFiles
from ltrr.worlds.ir_datasets import PREFIX, read_ir_dataset

__all__ = ["CollectionFiles", "read_collection"]


def read_collection(
    path: str | Path | CollectionFiles, *, split: str = "test", skip_unknown: bool = False
) -> CollectionFiles:
    """Read the corpus, the queries and the judgements of one split.

    Parameters
    ----------
    path : str, Path or CollectionFiles
        A folder in the BEIR layout (`ltrr.worlds.beir`), ``ir_datasets:NAME``, or what was read already.
    split : str
        Which judgements.
    skip_unknown : bool
        Leave out judgements of queries or items that are not in the collection, instead of refusing them.

    Raises
    ------
    InputError
        In one line that says what is wrong with the files, and where.
    """
    if isinstance(path, CollectionFiles):
        return path
    if isinstance(path, str) and path.startswith(PREFIX):
        return read_ir_dataset(path.removeprefix(PREFIX), split=split, skip_unknown=skip_unknown)
    return read_beir(path, split=split, skip_unknown=skip_unknown)
