"""Values as a TOML file writes them, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["toml_key", "toml_text"]


def toml_text(value: Any) -> str:
    """Return a plain value on one line of TOML.

    Examples
    --------
    >>> toml_text({"kind": "lsa", "characters": [3, 4], "words": True})
    '{ kind = "lsa", characters = [3, 4], words = true }'
    >>> toml_text(float("inf"))
    'inf'
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping) and value:
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_text(v)}" for k, v in value.items()) + " }"
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(toml_text, value))}]"
    return repr(value)


def toml_key(key: str) -> str:
    """Return a key as TOML writes it: bare where it may be.

    Examples
    --------
    >>> toml_key("vw-epsilon"), toml_key("a b")
    ('vw-epsilon', '"a b"')
    """
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_text(key)
