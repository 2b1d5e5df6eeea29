"""Stands for the package sentence-transformers: counts of letters, prompt included, and what was asked."""

import sys
import types
from contextlib import contextmanager

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz:"


class SentenceTransformer:
    """Knows the model "letters"; vectors of other lengths than 1."""

    def __init__(self, name, *, device=None, local_files_only=False):
        if name != "letters":
            raise OSError(f"{name} is not a local folder\nand so on")
        self.device, self.local, self.calls = device, local_files_only, []

    def encode(self, texts, *, prompt=None, batch_size=32, show_progress_bar=None, convert_to_numpy=True):
        assert isinstance(texts, list)
        assert not show_progress_bar
        self.calls.append((len(texts), prompt, batch_size))
        whole = [(prompt or "") + text for text in texts]
        return np.array(
            [[text.count(c) for c in "abcdefghijklmnopqrstuvwxyz:"] for text in whole], np.float64
        )


@contextmanager
def installed():
    """Let the package be found for a while."""
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = SentenceTransformer
    before = sys.modules.get(module.__name__)
    sys.modules[module.__name__] = module
    try:
        yield
    finally:  # other modules that were imported meanwhile stay
        sys.modules.pop(module.__name__)
        if before is not None:
            sys.modules[module.__name__] = before
