"""The command line."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from ltrr.errors import InputError, nearest

if TYPE_CHECKING:
    from ltrr.result import Result
    from ltrr.study import Study

__all__ = ["app", "main"]

app = typer.Typer(
    name="ltrr",
    help="Learning to rank and retrieve: simulate policies that choose which arms to draw candidates from.",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

COLUMNS = {
    "reward": ("reward", 3, "expected reward a request"),
    "regret_static": ("regret", 1, "sum against the best static allocation"),
    "reward_held_out": ("held-out", 3, "reward of the frozen policy on held-out queries"),
    "reward_first": ("first", 3, "reward on first-time queries"),
    "reward_seen": ("seen", 3, "reward on repeated queries"),
    "ndcg": ("nDCG", 3, "of the page"),
    "recall_budget": ("recall", 3, "of the candidates"),
}
"""Head, digits and meaning of the metrics that the final table shows, the most telling first."""

LONGEST_FOLDER = 100
"""Letters that a study's name gives to the folder of its runs."""

_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])
"""What is raised for words that the command line does not know; typer itself exports only its children."""


def _version(show: bool) -> None:  # noqa: FBT001  # typer calls it so
    if show:
        typer.echo(f"ltrr {metadata.version('ltrr')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Learning to rank and retrieve."""


# A blank line parts the lines of an epilog.
@app.command(
    epilog="Examples:\n\n"
    "  ltrr simulate\n\n"
    "  ltrr simulate --rounds 1000 --seeds 2 --out runs/try\n\n"
    "  ltrr simulate --collection path/to/beir-folder\n\n"
    "  ltrr simulate my-study.toml --json > summary.json\n\n"
    "  ltrr simulate --resume --out runs/try"
)
def simulate(
    study: Annotated[
        str | None, typer.Argument(help="A study file (.toml) or the name of a shipped study.")
    ] = None,
    *,
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
    import joblib

    from ltrr.simulate import run_study

    chosen = _chosen(study, collection, out if resume else None, skip_unknown=skip_unknown)
    if resume and out is None:
        raise InputError("--resume needs the folder of the run: add --out DIR")
    if rounds is not None:
        chosen = replace(chosen, rounds=rounds)
    if seeds is not None:
        chosen = replace(chosen, seeds=seeds)
    folder = Path(out) if out is not None else _free_folder(chosen.name)
    try:
        with _nothing_left(folder):
            n_jobs = jobs if jobs is not None else joblib.cpu_count()
            result = run_study(chosen, out=folder, jobs=n_jobs, resume=resume, quiet=quiet)
            page = result.report()
    except KeyboardInterrupt:
        _say(f"interrupted; {_how_to_go_on(folder)}")
        raise typer.Exit(130) from None
    if as_json:
        # pandas writes what JSON has no number for, such as the open interval of a single seed, as null
        typer.echo(result.summary().to_json(orient="records", double_precision=15))
    elif not quiet:
        _print_table(result, chosen.name)
        typer.echo(f"Report: {page}")


@app.command(
    epilog="Examples:\n\n"
    "  ltrr report runs/default       draws its figures and report.html anew\n\n"
    "  ltrr report runs/a runs/b      writes runs/a/comparison.html"
)
def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Folder of a finished run.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[RUN2]", help="A second run to set beside it.")
    ] = None,
) -> None:
    """(Re)draw the figures and report.html of a run, or set two runs side by side."""
    from ltrr.report.html import write_report

    second = Path(other) if other is not None else None
    try:
        page = write_report(Path(run), second)
    except OSError as error:
        cause = f"{error.filename or run}: {error.strerror or error}"
        raise InputError(
            f"the run is not complete or cannot be written: {cause}; simulate it again"
        ) from error
    typer.echo(f"Report: {page}")


@app.command("list", epilog="Examples:\n\n  ltrr list policies\n\n  ltrr list arms --json")
def list_names(
    what: Annotated[
        str, typer.Argument(metavar="KIND", help="arms, policies, rankers, users, worlds or studies.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the names that a study may use, with a line about each."""
    from ltrr import components
    from ltrr.study_files import read_study, study_names

    def lines(makers: Mapping[str, Any]) -> dict[str, str]:
        return {name: _first_line(maker) for name, maker in makers.items()}

    listings: dict[str, Callable[[], dict[str, str]]] = {
        "arms": lambda: lines(components.ARMS),
        "policies": lambda: {
            **{arm: f"Give every slot to arm {arm}" for arm in components.ARMS},
            **{name: _policy_line(settings) for name, settings in components.POLICIES.items()},
        },
        "rankers": lambda: lines(components.RANKERS),
        "users": lambda: lines(components.USERS),
        "worlds": lambda: lines(components.WORLDS),
        "studies": lambda: {name: read_study(name).question for name in study_names()},
    }
    if what not in listings:
        raise InputError(f"`list` knows no {what!r}{nearest(what, listings)}")
    names = listings[what]()
    if as_json:
        typer.echo(json.dumps(names, ensure_ascii=False))
        return
    if sys.stdout.isatty():
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, style="bold")
        for name, line in names.items():
            table.add_row(name, line)
        Console().print(table, markup=False, highlight=False)
        return
    width = max(map(len, names))
    for name, line in names.items():
        typer.echo(f"{name:<{width}}  {line}")


def _first_line(maker: Any) -> str:
    """Return the first line of what a maker, or the class it is a preset of, says of itself."""
    text = getattr(maker, "func", maker).__doc__ or ""
    return text.strip().partition("\n")[0].rstrip(".").replace("``", "").replace("`", "")


def _policy_line(settings: Mapping[str, Any]) -> str:
    """Return what a named policy does and the settings that it comes with."""
    from ltrr.components import POLICY_KINDS

    if settings["kind"] == "best-static":
        return "The best fixed allocation, searched on tuning seeds"
    flat = {key: value for key, value in settings.items() if key not in ("kind", "ranker")}
    flat |= {f"ranker.{key}": value for key, value in settings.get("ranker", {}).items()}
    extra = ", ".join(f"{key} = {json.dumps(value)}" for key, value in flat.items())
    return _first_line(POLICY_KINDS[settings["kind"]]) + (f" ({extra})" if extra else "")


def _chosen(study: str | None, collection: str | None, resumed: str | None, *, skip_unknown: bool) -> Study:
    """Return the study that the words of `simulate` name."""
    from ltrr.study_files import read_study

    if resumed is not None and study is None and collection is None:
        chosen = read_study(_resumable(Path(resumed)))
    else:
        chosen = read_study(study or ("collection" if collection is not None else "default"))
    of_collection = chosen.world.get("kind") == "collection"
    if collection is not None:
        if not of_collection:
            raise InputError(
                f"--collection needs a study whose world is a collection, {study} is about "
                f"{chosen.world.get('kind', 'music')!r}; leave {study} out, or set its `world.kind`"
            )
        path = Path(collection).resolve()
        if not os.fspath(path).isprintable():  # it could not be written into study.toml and found again
            raise InputError(f"--collection must be a path of printable letters, got {os.fspath(path)!r}")
        world = {**chosen.world, "path": os.fspath(path)}
        chosen = replace(chosen, world=world, name=f"{chosen.name}-{path.name}")
    elif of_collection and "path" not in chosen.world:
        raise InputError(
            "this study needs a collection: add --collection DIR, a folder with corpus.jsonl, "
            "queries.jsonl and qrels/test.tsv"
        )
    if skip_unknown:
        if not of_collection:
            raise InputError("--skip-unknown is about the judgements of a collection: add --collection DIR")
        chosen = replace(chosen, world={**chosen.world, "skip_unknown": True})
    return chosen


def _resumable(folder: Path) -> Path:
    """Return the study file of a run."""
    place = folder / "study.toml"
    try:
        found = place.is_file()
    except OSError:
        found = False
    if not found:
        raise InputError(f"{folder} holds no run to resume: study.toml is missing; start without --resume")
    return place


def _free_folder(name: str) -> Path:
    """Return runs/<name>, or the first runs/<name>-<n> that is free."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    first = Path("runs") / (plain.lstrip(".")[:LONGEST_FOLDER] or "study")
    folder, n = first, 1
    while folder.exists():
        n += 1
        folder = first.with_name(f"{first.name}-{n}")
    return folder


@contextmanager
def _nothing_left(folder: Path) -> Iterator[None]:
    """Take back the folder of a run that ends by an input error before any of its cells is finished."""
    missing: list[Path] = []
    was_free = False
    with suppress(OSError):
        missing = [place for place in (folder, *folder.parents) if not place.exists()]
        was_free = not folder.exists() or not any(folder.iterdir())
    try:
        yield
    except InputError:
        if was_free and folder.is_dir() and not (folder / "rounds").exists():
            for part in folder.iterdir():
                if part.is_dir():
                    shutil.rmtree(part)
                else:
                    part.unlink()
        with suppress(OSError):  # a folder that somebody else put something into stays
            for place in missing:
                place.rmdir()
        raise


def _how_to_go_on(folder: Path) -> str:
    """Say how to continue an interrupted run."""
    if not (folder / "study.toml").is_file():
        return "nothing was written yet"
    return f"go on with: ltrr simulate --resume --out {shlex.quote(os.fspath(folder))}"


def _print_table(result: Result, title: str) -> None:
    """Print one row a policy, best first, with as many columns as fit beside whole names."""
    summary = result.summary().set_index(["policy", "metric"])
    shown = [m for m in COLUMNS if m in set(summary.index.get_level_values("metric"))]
    columns = [["policy", *map(str, result.table().index)]]
    for metric in shown:
        head, digits, _ = COLUMNS[metric]
        columns.append([head, *(_cell(summary, p, metric, digits) for p in columns[0][1:])])
    console = Console()
    widths = [max(map(cell_len, column)) + 3 for column in columns]  # a line and a space on either side
    n = len(columns)
    while console.is_terminal and n > 2 and sum(widths[:n]) + 1 > console.width:
        n -= 1
    meanings = "; ".join(f"{COLUMNS[m][0]}: {COLUMNS[m][2]}" for m in shown[: n - 1])
    caption = f"Means over seeds after the warm-up, ± half the 95 % interval. {meanings}."
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left")
    for i, column in enumerate(columns[:n]):
        table.add_column(column[0], justify="right" if i else "left", no_wrap=True)
    for row in zip(*(column[1:] for column in columns[:n]), strict=True):
        table.add_row(*row)
    Console(width=max(sum(widths[:n]) + 1, 40)).print(table, markup=False, highlight=False)


def _cell(summary: Any, policy: str, metric: str, digits: int) -> str:
    """Return a mean with half its interval, or without where one seed tells no interval."""
    if (policy, metric) not in summary.index:
        return "–"
    row = summary.loc[(policy, metric)]
    half = (row["high"] - row["low"]) / 2
    spread = f" ±{half:.{digits}f}" if 0 <= half < float("inf") else ""
    return f"{row['mean']:.{digits}f}{spread if metric in ('reward', 'regret_static') else ''}"


def _say(text: str) -> None:
    """Print one line on standard error, whatever the text holds."""
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split())
    )
    Console(stderr=True).print(f"ltrr: {line}", style="red", highlight=False, markup=False, soft_wrap=True)


def _usage(error: Any) -> str:
    """Return what was wrong with the words of a command line, and where to read what is right."""
    where = error.ctx.command_path if error.ctx is not None else "ltrr"
    return f"{error.format_message().rstrip('.')}; see `{where} --help`"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; a user's mistake is one line on standard error and exit status 2.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``ltrr``; those of the process if None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    status: Any = 0
    try:
        status = app(words, prog_name="ltrr", standalone_mode=False)
    except InputError as error:
        _say(str(error))
        status = 2
    except _USAGE_ERROR as error:
        _say(_usage(error))
        status = 2
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        status = 130
    except BrokenPipeError:  # whoever read standard output has gone: nothing more can be said there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except MemoryError:
        _say("not enough memory; lower world.n_items, rounds, loop.slot_size or --jobs")
        status = 1
    except OSError as error:
        _say(f"cannot read or write {error.filename or 'a file'}: {error.strerror or error}")
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
