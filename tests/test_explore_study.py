"""The script on what an exploring arm brings: measures by hand, and the whole of it at toy size."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltrr.logs.tables import part_file


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "simulations")
    monkeypatch.delitem(sys.modules, "explore", raising=False)
    return importlib.import_module("explore")


def write(folder, name, part, **columns):
    place = part_file(folder / "log", name, "linucb", 3, part)
    place.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_parquet(place)


def test_what_was_shown_by_hand(script, tmp_path):
    write(tmp_path, "requests", 0, request=[0, 1, 2], query=[7, 7, 7])
    write(tmp_path, "requests", 1, request=[3], query=[8])
    write(tmp_path, "decisions", 0, request=[0, 0, 1, 1, 2, 2], version=[-1, -1, 0, 0, 0, 0])
    write(tmp_path, "decisions", 1, request=[3, 3], version=[1, 1])
    write(tmp_path, "impressions", 0, request=[0, 1, 1, 2, 2], item=[9, 4, 5, 4, -1])
    write(tmp_path, "impressions", 1, request=[3], item=[4])
    # After the warm-up: item 4 three times, for two queries, and item 5 once.
    found = script.shown(tmp_path, "linucb", 3)
    entropy = 2.0 - 0.75 * np.log2(3.0)
    assert found == {
        "pairs shown": 3,
        "items shown": 2,
        "entropy, bits": pytest.approx(entropy),
        "effective items": pytest.approx(2.0**entropy),
    }


def test_table_by_hand(script):
    names = list(script.DIGITS)
    plain = {p: pd.DataFrame({m: [1.0, 3.0, 2.0] for m in names}) for p in script.POLICIES}
    other = {p: pd.DataFrame({m: [0.0, 2.0, 1.0] for m in names}) for p in script.POLICIES}
    lines = script.table({script.PLAIN: plain, "+ explore": other}).splitlines()
    assert lines[0] == "| policy | measure | without | + explore |"
    assert lines[2] == "| linucb | pairs shown | 2 | −1 [−1, −1] |"
    assert lines[4] == "| linucb | entropy, bits | 2.00 | −1.00 [−1.00, −1.00] |"
    assert lines[9] == "| linucb | targets answered, all seeds | 2.000 | −1.000 |"
    assert len(lines) == 2 + len(script.POLICIES) * len(names)


@pytest.mark.compiled
def test_runs_at_toy_size(script, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(script, "POLICIES", ("epsilon-greedy",))
    place = tmp_path / "explore.md"
    script.main([*["--seeds", "1", "--rounds", "60", "--items", "200", "--jobs", "1", "--out"], str(place)])
    text = place.read_text()
    assert text == capsys.readouterr().out
    assert "| policy | measure | without | + explore |" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| epsilon-greedy")]
    assert [row[1] for row in rows] == list(script.DIGITS)
    value = {row[1]: float(row[2].replace(",", "")) for row in rows}
    assert value["items shown"] <= value["pairs shown"] <= 40 * 10
    assert 1 < value["effective items"] <= value["items shown"] <= 200
    assert 0 <= value["targets supported, all seeds"] <= value["targets answered, all seeds"] <= 1
    assert value["target within support"] == 1.0  # every arm has some probability in every slot
    assert 0 < value["reward"] < 1


def test_share_of_targets_by_hand(script):
    answers = pd.DataFrame(
        {"policy": ["a", "a", "b", "c"], "verdict": ["supported", "weak", "weak", "cannot answer"]}
    )
    assert script.share(answers, ["a", "b", "c"], "supported") == pytest.approx(1 / 3)
    assert script.share(answers, ["a", "b", "c"], "supported", "weak") == pytest.approx(2 / 3)
