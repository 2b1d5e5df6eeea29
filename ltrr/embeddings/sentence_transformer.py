"""Models of the package sentence-transformers, by name or folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ltrr import _check
from ltrr._kernels.dense import normalise_rows
from ltrr.embeddings.from_function import FromFunction
from ltrr.errors import InputError
from ltrr.types import Float32

__all__ = ["SentenceTransformerEncoder"]


@dataclass
class SentenceTransformerEncoder:
    """A model that sentence-transformers loads; queries may have a prompt of their own.

    Nothing is downloaded unless ``download`` is true. Vectors of one text differ in the last bits between
    batches: queries are encoded one by one, so that results do not depend on their batch, and ``batch_size``
    of 1 does the same for items.

    Parameters
    ----------
    model : str
        Folder of a model, or its name among those downloaded before.
    prompt : str, optional
        Put before each text; the model's own default if None.
    query_prompt : str, optional
        Put before each query instead; ``prompt`` if None.
    batch_size : int
        Most texts of one call, >= 1.
    device : str, optional
        Such as ``"cpu"`` or ``"cuda"``; the package chooses if None.
    download : bool
        Whether the model may be downloaded; without a network that takes about a minute to fail.

    Raises
    ------
    InputError
        Where the extra ``sentence-transformers`` is not installed, or the model is not on this machine.

    Examples
    --------
    >>> SentenceTransformerEncoder("a/model/that/is/not/here")
    Traceback (most recent call last):
    ltrr.errors.InputError: ...; or use the encoder 'static-vectors' or 'lsa'

    References
    ----------
    .. [1] Reimers, Gurevych, "Sentence-BERT: sentence embeddings using siamese BERT-networks", EMNLP 2019.
    """

    model: str
    prompt: str | None = None
    query_prompt: str | None = None
    batch_size: int = 32
    device: str | None = None
    download: bool = False
    _texts: FromFunction = field(init=False, repr=False)
    _queries: FromFunction = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check.integer("SentenceTransformerEncoder.batch_size", self.batch_size, low=1)
        model = self._load()
        query_prompt = self.prompt if self.query_prompt is None else self.query_prompt
        encode = partial(model.encode, show_progress_bar=False, convert_to_numpy=True)
        self._texts = FromFunction(partial(encode, prompt=self.prompt, batch_size=self.batch_size))
        self._queries = FromFunction(partial(encode, prompt=query_prompt, batch_size=1))

    def _load(self) -> Any:
        """Return the model."""
        instead = "or use the encoder 'static-vectors' or 'lsa'"
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise InputError(
                "the encoder 'sentence-transformers' needs the extra of that name: "
                f"pip install 'ltrr[sentence-transformers]'; {instead}"
            ) from error
        try:
            return SentenceTransformer(self.model, device=self.device, local_files_only=not self.download)
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(f"{self._why(error)}; {instead}") from error

    def _why(self, error: Exception) -> str:
        """Return why there is no model, and what to do."""
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if not self.download:
            text = f"the model {self.model!r} cannot be loaded from this machine ({first})"
            return f"{text}: give the folder of a model, or set `download` to true"
        text = f"the model {self.model!r} cannot be downloaded ({first})"
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
            return f"{text}: HF_HUB_OFFLINE is set; unset it, or give the folder of a model"
        return f"{text}: give the folder of a model"

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim): a row of length 1 a text; zeros for a blank one."""
        return _scaled(self._texts, texts)

    def encode_queries(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, dim): a row of length 1 a query, whatever the others; zeros for a blank one."""
        return _scaled(self._queries, texts)

    def __getstate__(self) -> dict[str, Any]:
        """Travel to a worker without the model, which it loads itself."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _scaled(function: FromFunction, texts: Sequence[str]) -> Float32:
    """Return vectors of length 1; blank texts, which some models refuse, have zeros."""
    held = np.flatnonzero([text.strip() != "" for text in texts])
    rows = function.encode([texts[i] for i in held.tolist()])
    out = np.zeros((len(texts), rows.shape[1]), np.float32)
    normalise_rows(rows)
    out[held] = rows
    return out
