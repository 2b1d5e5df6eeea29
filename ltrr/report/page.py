"""Pages from templates: one file each, every text escaped."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup

from ltrr.errors import printable

__all__ = ["drawing", "render"]


@contextmanager
def drawing() -> Iterator[None]:
    """Enter the context that figures of pages are drawn in: the same bytes every time."""
    with (
        mpl.rc_context({"svg.hashsalt": "ltrr", "svg.fonttype": "path", "font.size": 9.5}),
        warnings.catch_warnings(),
    ):
        # names may hold characters of any script; what the font has not is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def _finalize(value: Any) -> Any:
    """Return a value as pages show it: texts without control characters."""
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return printable(value, keep="\n") if plain else value


def render(template: str, **values: Any) -> str:
    """Return a page of ``ltrr/report/templates``; what it does not know is an error, not a gap."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ltrr.report"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
    )
    return environment.get_template(template).render(**values)
