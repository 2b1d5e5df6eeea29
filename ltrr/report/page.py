"""Pages from templates: one file each, every text escaped."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jinja2
import matplotlib as mpl

__all__ = ["drawing", "render"]


def drawing() -> AbstractContextManager[None]:
    """Return the context that figures of pages are drawn in: the same bytes every time."""
    context: AbstractContextManager[None] = mpl.rc_context(
        {"svg.hashsalt": "ltrr", "svg.fonttype": "path", "font.size": 9.5}
    )
    return context


def render(template: str, **values: Any) -> str:
    """Return a page of ``ltrr/report/templates``; what it does not know is an error, not a gap."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ltrr.report"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)
