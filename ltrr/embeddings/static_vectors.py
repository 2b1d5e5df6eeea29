"""Pretrained static token vectors that pip brings: a semantic encoder without a network or a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ltrr._kernels.dense import normalise_rows
from ltrr.errors import InputError
from ltrr.types import Float32

__all__ = ["StaticVectors"]

PACKAGE = "wordllama"
"""The distribution whose wheel holds the vectors and their tokenizer."""

_AT_ONCE = 1024
"""Texts whose token vectors are gathered at once."""


@dataclass
class StaticVectors:
    """The mean of pretrained token vectors: texts with related words are near, whatever the words.

    The vectors, 256 numbers for each of 32,000 pieces of words, are those in the wheel of ``wordllama``, read
    from its files; the package itself is not imported. English above all. A text without pieces has a vector
    of zeros.

    Raises
    ------
    InputError
        Where the extra ``encoders`` is not installed.

    Examples
    --------
    >>> encoder = StaticVectors()
    >>> car, auto, cake = encoder.encode(["a red car", "an automobile", "cake"])
    >>> bool(car @ auto > car @ cake)
    True

    References
    ----------
    .. [1] Lee Miller, WordLlama (MIT licence): token embeddings of large language models, reduced.
    """

    _vectors: Float32 = field(init=False, repr=False)
    _tokenizer: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        try:
            from safetensors.numpy import load_file
            from tokenizers import Tokenizer

            vectors = load_file(_file(".safetensors"))
            self._tokenizer = Tokenizer.from_file(str(_file("tokenizer_config.json")))
        except (ImportError, metadata.PackageNotFoundError, StopIteration) as error:
            raise InputError(
                "the encoder 'static-vectors' needs the extra `encoders`: pip install 'ltrr[encoders]'; "
                "or use the encoder 'lsa', which needs none"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        (table,) = vectors.values()
        self._vectors = np.ascontiguousarray(table, np.float32)

    def encode(self, texts: Sequence[str]) -> Float32:
        """Return float32 (n, 256): a row of length 1 a text; zeros where a text has no token."""
        out = np.zeros((len(texts), self._vectors.shape[1]), np.float32)
        for start in range(0, len(texts), _AT_ONCE):
            some = list(texts[start : start + _AT_ONCE])
            found = self._tokenizer.encode_batch(some, add_special_tokens=False)
            ids = [np.array(one.ids, np.int64) for one in found]
            held = np.array([len(i) for i in ids])
            rows = np.flatnonzero(held)
            if len(rows) == 0:
                continue
            flat = self._vectors[np.concatenate(ids)]
            # sums run within a text alone, token by token
            begin = (np.cumsum(held) - held)[rows]
            out[start + rows] = np.add.reduceat(flat, begin, axis=0)
        normalise_rows(out)
        return out


def _file(end: str) -> Path:
    """Return the package's file whose name ends so."""
    files = metadata.files(PACKAGE) or ()
    return Path(str(next(file.locate() for file in files if str(file).endswith(end))))
