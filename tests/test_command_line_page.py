"""The page ``docs/command-line.md``: its commands and options exist, and the fast ones print what it says."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from ltrr.cli import app

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = typer.main.get_command(app).commands
OPTIONS = {name: {o for p in c.params for o in (*p.opts, *p.secondary_opts)} for name, c in COMMANDS.items()}
EVERYWHERE = {"--help", "-h", "--version"}

BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def calls():
    """Yield (command, lines printed) of the page."""
    for block in BLOCKS:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            yield command, lines


def fast(command):
    """Return whether a command is fast: lists, `init`, and what is refused."""
    words = shlex.split(command)[1:]
    return words[0] in ("list", "init") or command in (
        "ltrr simulate --set loop.slotsize=10",
        "ltrr simulate --rounds 200",
    )


def as_printed(lines):
    """Return a pattern of what is printed; a line "…" stands for any lines."""
    return "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + r" *\n" for line in lines)


@pytest.mark.parametrize("command", [command for command, _ in calls()])
def test_commands_and_options_exist(command):
    first, *words = shlex.split(command)
    assert first == "ltrr"
    if words[0].startswith("-"):
        assert words[0] in EVERYWHERE
        return
    assert words[0] in COMMANDS
    given = {word.partition("=")[0] for word in words[1:] if word.startswith("-")}
    assert given <= OPTIONS[words[0]] | EVERYWHERE


def test_all_that_the_page_names_exists():
    named = set(re.findall(r"`(--?[a-z][a-z-]*)", PAGE))
    assert len(named) > 5
    assert named <= EVERYWHERE.union(*OPTIONS.values())
    inline = set(re.findall(r"`ltrr ([a-z]+)", PAGE))
    assert inline == set(COMMANDS)


@pytest.mark.parametrize(("command", "lines"), [c for c in calls() if fast(c[0])], ids=lambda x: str(x)[:40])
def test_fast_commands_print_what_the_page_says(command, lines, ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    _, out, err = ltrr(*shlex.split(command)[1:])
    assert re.fullmatch(as_printed(lines), out + err), out + err


def test_what_init_writes_is_as_the_page_says(ltrr, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ltrr("init", "mine.toml")
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    pattern = as_printed(["…", *block.splitlines(), "…"])
    assert re.fullmatch(pattern, Path("mine.toml").read_text(encoding="utf-8"))


def test_another_output_is_found():
    assert re.fullmatch(as_printed(["a", "…", "d"]), "a\nb\nc\nd\n")
    assert not re.fullmatch(as_printed(["a", "…", "d"]), "a\nb\nc\n")
