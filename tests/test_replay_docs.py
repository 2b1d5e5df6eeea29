"""The page ``docs/replay.md``: its calls and commands run, in their order, on the log that it makes."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "replay.md").read_text(encoding="utf-8")
CALLS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ ltrr (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the page's log."""
    place = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        exec(CALLS[0], {})  # noqa: S102  # the page's own code
    return place


def test_the_calls_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names: dict[str, object] = {}
    for call in CALLS:
        exec(call, names)  # noqa: S102  # the page's own code
    assert set(names["found"].guardrails.outcome) == {"holds"}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command, folder, ltrr, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.csv").write_bytes((folder / "shop.csv").read_bytes())
    words = shlex.split(command)
    status, out, err = ltrr(*words, *(["--no-figures"] if words[0] == "replay" else []))
    assert (status, err) == (0, ""), err
    assert "verdict" in out or words[0] == "validate"
