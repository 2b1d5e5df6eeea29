"""`ltrr simulate`: run a study."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltrr.cli.app import app, say
from ltrr.cli.folders import free_folder
from ltrr.cli.messages import VERBOSE, show_log
from ltrr.cli.run_table import print_run
from ltrr.cli.words import settings_from
from ltrr.errors import InputError

if TYPE_CHECKING:
    from ltrr.study.study import Study

__all__ = ["COLLECTION", "chosen_study", "simulate"]


COLLECTION = Annotated[
    str | None,
    typer.Option(
        metavar="DIR", help="A BEIR-layout collection, or ir_datasets:NAME, instead of a synthetic world."
    ),
]


# A blank line parts the lines of an epilog.
@app.command(
    epilog="Examples:\n\n"
    "  ltrr simulate\n\n"
    "  ltrr simulate --rounds 1000 --seeds 2 --out runs/try\n\n"
    "  ltrr simulate --policies linucb,equal --user pbm --set user.eta=2\n\n"
    "  ltrr simulate --set loop.slot_size=10 --set policies.linucb.alpha=0.3\n\n"
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
    seed: Annotated[int | None, typer.Option(help="Root of all random streams.")] = None,
    warmup: Annotated[int | None, typer.Option(help="First requests, decided at random.")] = None,
    policies: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Policies to compare: the study's own, `ltrr list policies`, or module:Class.",
        ),
    ] = None,
    arms: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Arms to draw from: the study's own, or `ltrr list arms`."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="How users click: `ltrr list users`.")
    ] = None,
    reward: Annotated[
        str | None, typer.Option(metavar="NAME", help="What a page earns: `ltrr list rewards`.")
    ] = None,
    ranker: Annotated[
        str | None, typer.Option(metavar="NAME", help="What orders candidates: `ltrr list rankers`.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any setting of a study file; may be repeated: `ltrr list settings`.",
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Worker processes; default: all cores.")] = None,
    collection: COLLECTION = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of the run; default: runs/<study>.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out, or start it.")] = False,
    skip_unknown: Annotated[
        bool,
        typer.Option("--skip-unknown", help="Leave out judgements that name unknown queries or documents."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table.")] = False,
    verbose: VERBOSE = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON on standard output.")
    ] = False,
) -> None:
    """Simulate a study's policies and write figures, tables, logs and report.html.

    Without arguments it runs the default study: a synthetic music search, four arms, a table of policies.
    """
    import joblib

    from ltrr.study.call import study_of
    from ltrr.study.simulate import run_study

    if verbose:
        show_log()
    chosen = chosen_study(study, collection, out if resume else None, skip_unknown=skip_unknown)
    if resume and out is None:
        raise InputError("--resume needs the folder of the run: add --out DIR")
    chosen = study_of(
        study=chosen,
        policies=_names(policies),
        arms=_names(arms),
        user=user,
        reward=reward,
        ranker=ranker,
        rounds=rounds,
        seeds=seeds,
        seed=seed,
        warmup=warmup,
        settings=settings_from(set_ or ()),
    )
    folder = Path(out) if out is not None else free_folder(chosen.name)
    try:
        n_jobs = jobs if jobs is not None else joblib.cpu_count()
        result = run_study(chosen, out=folder, jobs=n_jobs, resume=resume, quiet=quiet)
        page = result.report(jobs=n_jobs)
    except KeyboardInterrupt:
        say(f"interrupted; {_how_to_go_on(folder)}")
        raise typer.Exit(130) from None
    if as_json:
        # pandas writes what JSON has no number for, such as the open interval of a single seed, as null
        typer.echo(result.summary().to_json(orient="records", double_precision=15))
    elif not quiet:
        print_run(result.tables)
        typer.echo(f"Report: {page}")


def chosen_study(
    study: str | None, collection: str | None, resumed: str | None = None, *, skip_unknown: bool = False
) -> Study:
    """Return the study that the words of a command name.

    Parameters
    ----------
    study : str or None
        A file, or the name of a shipped study.
    collection : str or None
        Folder of a collection to simulate on.
    resumed : str or None
        Folder of a run whose study is meant where nothing else is named.
    skip_unknown : bool
        Leave out judgements that name unknown queries or documents.

    Raises
    ------
    InputError
        If there is no such study, or the collection does not go with it.
    """
    from ltrr.study.files import read_study

    if resumed is not None and study is None and collection is None and _holds_run(Path(resumed)):
        chosen = read_study(Path(resumed) / "study.toml")
    else:
        chosen = read_study(study or ("collection" if collection is not None else "default"))
    of_collection = chosen.world.kind == "collection"
    if collection is not None:
        if not of_collection:
            raise InputError(
                f"--collection needs a study whose world is a collection, {study} is about "
                f"{chosen.world.kind!r}; leave {study} out, or set its `world.kind`"
            )
        path, name = _place_and_name(collection)
        if not path.isprintable():  # it could not be written into study.toml and found again
            raise InputError(f"--collection must be a path of printable letters, got {path!r}")
        world = {**chosen.world.settings(), "path": path}
        chosen = replace(chosen, world=world, name=f"{chosen.name}-{name}")
    elif of_collection and "path" not in chosen.world.params:
        raise InputError(
            "this study needs a collection: add --collection DIR, a folder with corpus.jsonl, "
            "queries.jsonl and qrels/test.tsv"
        )
    if skip_unknown:
        if not of_collection:
            raise InputError("--skip-unknown is about the judgements of a collection: add --collection DIR")
        chosen = replace(chosen, world={**chosen.world.settings(), "skip_unknown": True})
    return chosen


def _place_and_name(collection: str) -> tuple[str, str]:
    """Return what a study file calls a collection, and a name for folders."""
    from ltrr.worlds.ir_datasets import PREFIX

    dataset = collection.removeprefix(PREFIX)
    if dataset != collection:
        return collection, dataset.replace("/", "-")
    path = Path(collection).resolve()
    return os.fspath(path), path.name


def _names(text: str | None) -> list[str] | None:
    """Return the names of a list with commas."""
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise InputError(
            f"a list of names was expected, got {text!r}; leave the option out for the study's own"
        )
    return names


def _holds_run(folder: Path) -> bool:
    """Say whether a folder holds a run to resume."""
    try:
        return (folder / "study.toml").is_file()
    except OSError:
        return False


def _how_to_go_on(folder: Path) -> str:
    """Say how to continue an interrupted run."""
    if not _holds_run(folder):
        return "nothing was written yet"
    return f"go on with: ltrr simulate --resume --out {shlex.quote(os.fspath(folder))}"
