"""report.html: one file that opens offline, with question, verdict, figures, tables and sampled requests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
from markupsafe import Markup

from ltrr._state import write_aside
from ltrr.errors import InputError
from ltrr.report.canvas import as_svg, save_png, stamp
from ltrr.report.glossary import GLOSSARY
from ltrr.report.page import drawing, render
from ltrr.study.examples import ABSENT, examples_of
from ltrr.study.explorer import explorer
from ltrr.study.figures.roles import looks
from ltrr.study.findings import findings
from ltrr.study.page_parts import PARTS, policies_part
from ltrr.study.tables import ONE_SEED, Tables
from ltrr.study.verdict import Verdict, verdict
from ltrr.study.workers import spread

__all__ = ["notebook_view", "section", "write_report"]


def write_report(folder: str | Path, *, jobs: int = 1) -> Path:
    """Draw a run's figures and its ``report.html`` again.

    Parameters
    ----------
    folder : path
        Folder of a finished run; figures and page are written into it.
    jobs : int
        Processes: with two or more, one of them draws what needs no file.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    InputError
        Where the folder holds no finished run or cannot be written.
    """
    tables = Tables.read(folder)
    started = (
        spread([joblib.delayed(_narrow_and_sampled)(tables.folder)], jobs, os.getpid()) if jobs > 1 else None
    )
    with drawing():
        run = section(tables, save=True, narrow=False)
    narrow, shown = _narrow_and_sampled(tables.folder) if started is None else next(started)
    for figure, drawn in zip((f for part in run["parts"] for f in part["figures"]), narrow, strict=True):
        figure["narrow"] = drawn
    page = render(
        "report.html.j2",
        title=tables.study["name"],
        run=run,
        explorer=shown,
        examples=examples_of(tables.folder),
        absent=ABSENT,
        glossary=GLOSSARY,
    )
    place = tables.folder / "report.html"
    try:
        write_aside(place, page.encode())
    except OSError as error:
        raise InputError(f"{place} cannot be written: {error.strerror or error}") from error
    return place


def notebook_view(tables: Tables) -> str:
    """Return verdict, findings and the table of policies as HTML for a notebook."""
    part = next(policies_part(tables))
    values = {"verdict": _box(verdict(tables)), "findings": findings(tables), "table": part["tables"][0]}
    return render("notebook.html.j2", **values)


def _in_full(tables: Tables) -> list[str]:
    """Return the policies whose requests are shown in full: winner, runner-up, best static, random."""
    style = looks(tables)
    return [name for name in style if style[name].marked] or list(style)


def _narrow_and_sampled(folder: Path) -> tuple[list[Markup], dict[str, Any] | None]:
    """Return the figures as wide as a narrow screen, and the sampled requests."""
    tables = Tables.read(folder)
    with drawing():
        narrow = [_narrow(tables, figure) for part in _parts(tables) for figure in part["figures"]]
    return narrow, explorer(folder, _in_full(tables))


def _parts(tables: Tables) -> list[dict[str, Any]]:
    return [part for make in PARTS for part in make(tables)]


def _narrow(tables: Tables, figure: Any) -> Markup:
    stamp(figure.narrow, tables.stamp)
    return as_svg(figure.narrow, figure.alternative)


def section(tables: Tables, *, save: bool, narrow: bool = True) -> dict[str, Any]:
    """Return what the template shows of one run.

    ``save`` also writes the PNG files; without ``narrow`` the figures of narrow screens are left to fill in.
    """
    found = verdict(tables)
    parts = _parts(tables)
    drawn = [figure for part in parts for figure in part["figures"]]
    for figure in drawn:
        stamp(figure.axes, tables.stamp)
    if save:
        save_png(tables.folder, [(f.name, f.axes, f.caption) for f in drawn])
    for part in parts:
        part["figures"] = [
            {
                "wide": as_svg(f.axes, f.alternative),
                "narrow": _narrow(tables, f) if narrow else "",
                "caption": f.caption,
            }
            for f in part["figures"]
        ]
    tuning = tables.folder / "tuning.json"
    return {
        "name": tables.study["name"],
        "question": tables.study["question"],
        "verdict": _box(found),
        "findings": findings(tables),
        "notes": tables.notes,
        "setting": _setting(tables),
        "parts": parts,
        "study": (tables.folder / "study.toml").read_text(encoding="utf-8"),
        "tuning": tuning.read_text(encoding="utf-8") if tuning.exists() else "none",
        "environment": (tables.folder / "environment.json").read_text(encoding="utf-8"),
    }


NOTE = (
    "Rewards: 95 % after Holm's correction over all differences. Over seeds and topics, and costs: 95 % "
    "intervals, each on its own."
)
"""Said below the box's table."""

_KINDS = {"yes": "supported", "yes, at a price": "weak", "not shown": "weak", "no": "cannot"}
"""How answers are coloured."""


def _box(found: Verdict | None) -> dict[str, Any] | None:
    """Return the box at the head of the page."""
    if found is None:
        return None
    heads = {"against static": f"against {found.static}", "against runner-up": f"against {found.runner_up}"}
    return {
        "question": f"Ship {found.policy}?",
        "answer": f"{found.answer.capitalize()}.",
        "kind": _KINDS.get(found.answer, "cannot"),
        "detail": found.detail,
        "note": "" if ONE_SEED in found.detail else NOTE,
        "reasons": found.reasons,
        "head": ["policy minus reference", *(heads[c] for c in found.lines.columns)],
        "rows": [[str(line[0]), *line[1:]] for line in found.lines.itertuples()],
    }


def _setting(tables: Tables) -> str:
    study, loop = tables.study, tables.study["loop"]
    warm = f"the first {loop['warmup']} are a warm-up at random, which no mean counts"
    warm = warm if loop["warmup"] else "no warm-up"
    return (
        f"{study['seeds']} {'seed' if tables.seeds == 1 else 'seeds'} × {study['rounds']} requests; "
        f"{len(loop['arms'])} arms ({', '.join(loop['arms'])}); "
        f"budget {loop['n_slots']} slots × {loop['slot_size']} candidates; page of {loop['page_size']}; "
        f"learning updates every {loop['feedback_every']} requests; "
        f"{warm}; "
        f"users: {study['user'].get('kind')}; reward: {study['reward']['kind']}; "
        f"{'one seed: no intervals' if tables.seeds == 1 else 'intervals are 95 % over seeds'}."
    )
