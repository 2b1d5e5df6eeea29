"""Your own encoder: counts of hashed character trigrams."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass
class Trigrams:
    """Encodes a text by how often its trigrams fall into each of ``dim`` places."""

    dim: int = 64

    def encode(self, texts):
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            padded = f" {text.lower()} "
            for i in range(len(padded) - 2):
                out[row, crc32(padded[i : i + 3].encode()) % self.dim] += 1.0
        return out
