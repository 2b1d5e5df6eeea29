"""The command line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ltrr.errors import InputError, nearest

__all__ = ["app", "main"]

app = typer.Typer(
    name="ltrr",
    help="Learning to rank and retrieve: simulate policies that choose which arms to draw candidates from.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

SHOWN = ("reward", "reward_seen", "reward_first", "reward_held_out", "ndcg", "recall_budget", "regret_static")


def _version(show: bool) -> None:
    if show:
        typer.echo(f"ltrr {metadata.version('ltrr')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learning to rank and retrieve."""


@app.command(
    epilog="Examples:  [bold]ltrr simulate[/]   ·   [bold]ltrr simulate --rounds 1000 --seeds 2 --out runs/try[/]   ·   "
    "[bold]ltrr simulate --collection path/to/beir-folder[/]   ·   [bold]ltrr simulate --resume --out runs/try[/]"
)
def simulate(
    study: Annotated[
        str | None, typer.Argument(help="A study file (.toml) or the name of a shipped study.")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Requests a seed; default: the study's.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Replicates; default: the study's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Worker processes; default: all cores.")] = None,
    collection: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Simulate on a BEIR-layout collection instead of a synthetic world."
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the run; default: runs/<study>.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in --out.")] = False,
    skip_unknown: Annotated[
        bool,
        typer.Option("--skip-unknown", help="Leave out judgements that name unknown queries or documents."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON on standard output.")
    ] = False,
) -> None:
    """Simulate a study's policies and write figures, tables, logs and report.html.

    Without arguments it runs the default study: a synthetic music search, four arms, a table of policies.
    """
    from ltrr.simulate import run_study
    from ltrr.study import read_study

    if resume and study is None and collection is None and out is not None:
        chosen = read_study(_resumable(Path(out)))
    else:
        chosen = read_study(study or ("collection" if collection else "default"))
    if collection is not None:
        if chosen.world.get("kind") != "collection":
            raise InputError(
                f"--collection needs a study of a collection, {study!r} is about {chosen.world.get('kind')!r}"
            )
        world = {**chosen.world, "path": os.fspath(Path(collection).resolve())}
        chosen = replace(chosen, world=world, name=f"{chosen.name}-{Path(collection).resolve().name}")
    elif chosen.world.get("kind") == "collection" and "path" not in chosen.world:
        raise InputError(
            "this study needs a collection: add --collection DIR, a folder with corpus.jsonl, "
            "queries.jsonl and qrels/test.tsv"
        )
    if skip_unknown:
        if chosen.world.get("kind") != "collection":
            raise InputError("--skip-unknown is about the judgements of a collection: add --collection DIR")
        chosen = replace(chosen, world={**chosen.world, "skip_unknown": True})
    if rounds is not None:
        chosen = replace(chosen, rounds=rounds)
    if seeds is not None:
        chosen = replace(chosen, seeds=seeds)
    folder = Path(out) if out is not None else _free_folder(chosen.name)
    n_jobs = jobs if jobs is not None else (os.cpu_count() or 1)
    result = run_study(chosen, out=folder, jobs=n_jobs, resume=resume, quiet=quiet)
    page = result.report()
    if as_json:
        typer.echo(json.dumps(result.summary().to_dict(orient="records")))
    elif not quiet:
        _print_table(result.table(), chosen.name)
        Console().print(f"Report: {page}", highlight=False, markup=False, soft_wrap=True)


@app.command(epilog="Examples:  [bold]ltrr report runs/default[/]   ·   [bold]ltrr report runs/a runs/b[/]")
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[RUN2]", help="A second run to set beside it.")
    ] = None,
) -> None:
    """(Re)draw the figures and report.html of a run, or set two runs side by side."""
    from ltrr.report.html import write_report

    second = Path(other) if other is not None else None
    page = write_report(Path(run), second)
    Console().print(f"Report: {page}", highlight=False, markup=False, soft_wrap=True)


@app.command("list", epilog="Examples:  [bold]ltrr list policies[/]   ·   [bold]ltrr list arms --json[/]")
def list_names(
    what: Annotated[str, typer.Argument(help="arms, policies, rankers, users, worlds or studies.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the names that a study may use, with a line about each."""
    from ltrr import components
    from ltrr.study import read_study, study_names

    def first_line(thing: Any) -> str:
        maker = getattr(thing, "func", thing)
        return (maker.__doc__ or "").strip().splitlines()[0].rstrip(".") if maker.__doc__ else ""

    listings: dict[str, Callable[[], dict[str, str]]] = {
        "arms": lambda: {k: first_line(v) for k, v in components.ARMS.items()},
        "policies": lambda: {
            **{k: f"Always arm {k}" for k in components.ARMS},
            **{k: ", ".join(f"{a} = {b}" for a, b in v.items()) for k, v in components.POLICIES.items()},
        },
        "rankers": lambda: {k: first_line(v) for k, v in components.RANKERS.items()},
        "users": lambda: {k: first_line(v) for k, v in components.USERS.items()},
        "worlds": lambda: {k: first_line(v) for k, v in components.WORLDS.items()},
        "studies": lambda: {k: read_study(k).question for k in study_names()},
    }
    if what not in listings:
        raise InputError(f"`list` knows no {what!r}{nearest(what, listings)}")
    names = listings[what]()
    if as_json:
        typer.echo(json.dumps(names))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, line in names.items():
        table.add_row(f"[bold]{name}[/]", line)
    Console().print(table)


def _resumable(folder: Path) -> Path:
    """Return the study file of a run."""
    if not (folder / "study.toml").is_file():
        raise InputError(f"{folder} holds no run to resume: study.toml is missing; start without --resume")
    return folder / "study.toml"


def _free_folder(name: str) -> Path:
    """Return runs/<name>, or the first runs/<name>-<n> that is free."""
    first = Path("runs") / "".join(c if c.isalnum() or c in "-_." else "-" for c in name)
    folder, n = first, 1
    while folder.exists():
        n += 1
        folder = first.with_name(f"{first.name}-{n}")
    return folder


def _print_table(frame: Any, title: str) -> None:
    """Print one row a policy, best first."""
    table = Table(title=f"{title}: means over seeds, after the warm-up", title_justify="left")
    table.add_column("policy")
    shown = [m for m in SHOWN if m in frame.columns]
    for metric in shown:
        table.add_column(metric, justify="right")
    for policy, row in frame.iterrows():
        table.add_row(
            str(policy), *(f"{row[m]:.1f}" if m.startswith("regret") else f"{row[m]:.3f}" for m in shown)
        )
    Console().print(table)


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit status 2."""
    try:
        app()
    except InputError as error:
        line = " ".join(str(error).split())
        Console(stderr=True).print(
            f"ltrr: {line}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(2)
    except KeyboardInterrupt:
        Console(stderr=True).print("ltrr: interrupted; go on with --resume and the same --out", markup=False)
        sys.exit(130)


if __name__ == "__main__":
    main()
