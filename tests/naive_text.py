"""Slow, obvious twin of the tokenizer: one character after another, scripts by their Unicode names."""

from __future__ import annotations

import unicodedata

GROUPS = (
    ("CJK ", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC"),
    ("HANGUL",),
    ("THAI CHARACTER", "LAO LETTER", "LAO VOWEL", "KHMER LETTER", "MYANMAR LETTER"),
)


def group_of(char):
    """Return 1 to 3 for scripts without spaces and 0 for all else that a word may begin with."""
    name = unicodedata.name(char, "")
    return next((g for g, names in enumerate(GROUPS, 1) if name.startswith(names)), 0)


def naive_tokens(text, n):
    """Return words, and n-grams of 1 to n characters of scripts without spaces; whole words if n is 0."""
    runs, open_word = [], False
    for char in unicodedata.normalize("NFKC", text).lower():
        if char.isalnum() or char == "_":
            group = group_of(char) if n else 0
            if open_word and runs[-1][0] == group:
                runs[-1][1].append(char)
            else:
                runs.append((group, [char]))
            open_word = True
        elif unicodedata.category(char).startswith("M") and open_word:
            runs[-1][1][-1] += char
        else:
            open_word = False
    out = []
    for group, units in runs:
        if group == 0:
            out.append("".join(units))
            continue
        for length in range(1, n + 1):
            for i in range(len(units)):
                if i + length <= len(units):
                    out.append("".join(units[i : i + length]))
    return out
