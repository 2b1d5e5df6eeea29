"""The command line: what it prints where, and that bad input is one line that leaves nothing behind."""

import contextlib
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import tomli_w

from ltrr.cli import main

STUDY = """
name = "tiny"
rounds = 40
seeds = 1
log_seeds = 0
[world]
kind = "music"
n_items = 250
n_queries = 40
[arms.dense.encoder]
kind = "lsa"
dim = 8
[loop]
warmup = 20
feedback_every = 20
held_out = 0
slot_size = 5
[[policies]]
name = "equal"
[[policies]]
name = "linucb-allocations"
"""
CORPUS = [{"_id": f"d{i}", "title": f"item {i}", "text": f"about word{i} and word{i % 3}"} for i in range(30)]
QUERIES = [{"_id": f"q{i}", "text": f"word{i} word{i % 3}"} for i in range(12)]
QRELS = ["query-id\tcorpus-id\tscore", *(f"q{i}\td{i}\t1" for i in range(12))]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Run every test in an empty folder with a wide, dumb terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def everything(folder):
    """Return all that lies below a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def refused(answer, *said):
    """Check that an answer is a refusal in one line that says all these words."""
    status, out, err = answer
    assert (status, out) == (2, ""), answer
    assert err.startswith("ltrr: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    for word in said:
        assert word in err, err


def changed(*path, to):
    """Return a function that sets one value of a study."""

    def change(study):
        table = study
        for key in path[:-1]:
            table = table.setdefault(key, {}) if isinstance(table, dict) else table[key]
        table[path[-1]] = to

    return change


def policies(*entries):
    return changed("policies", to=list(entries))


BAD_STUDIES = {
    "top key": (changed("roundz", to=3), ["unknown key 'roundz'", "did you mean 'rounds'"]),
    "loop key": (changed("loop", "slots", to=3), ["`loop` has no setting 'slots'", "n_slots"]),
    "world key": (changed("world", "n_item", to=3), ["`world` has no setting 'n_item'", "'n_items'"]),
    "world kind": (changed("world", "kind", to="musik"), ["`world`", "did you mean 'music'"]),
    "world kind no text": (changed("world", "kind", to=["music"]), ["`world` names no known kind"]),
    "world type": (
        changed("world", "n_items", to="many"),
        ["`world.n_items` must be an integer, got 'many'"],
    ),
    "world small": (changed("world", "n_items", to=5), ["n_items", ">= 200", "got 5"]),
    "world late check": (changed("world", "gap_seconds", to=-1.0), ["gap_seconds", "got -1"]),
    "world intents": (changed("world", "intents", to={"entiti": 1.0}), ["did you mean 'entity'"]),
    "world is no table": (changed("world", to=3), ["`world` must be a table, got 3"]),
    "world of an object": (changed("world", "kind", to="object"), ["given in a call"]),
    "user key": (changed("user", "gama", to=0.1), ["`user` has no setting 'gama'"]),
    "user kind": (changed("user", "kind", to="navigate"), ["did you mean 'navigational'"]),
    "user range": (changed("user", to={"kind": "dbn", "gamma": 2.0}), ["user: `DBN.gamma`", "<= 1", "got 2"]),
    "user grades": (
        changed("user", to={"kind": "pbm", "attraction": [0.1, 0.2]}),
        ["attraction", "grades 0 to 4"],
    ),
    "ranker key": (changed("ranker", "trees", to=3), ["`ranker` has no setting 'trees'", "'n_trees'"]),
    "ranker kind": (changed("ranker", "kind", to="lambda"), ["did you mean 'lambdamart'"]),
    "ranker range": (changed("ranker", "n_trees", to=0), ["LambdaMART.n_trees", ">= 1"]),
    "ranker list": (changed("ranker", "label_gain", to=[1, "a", 3]), ["a list of numbers"]),
    "arm unknown": (changed("loop", "arms", to=["bm25", "dens"]), ["loop."]),
    "arm unheard of": (changed("arms", "bm26", to={"k1": 1.0}), ["`arms.bm26` is no arm", "'bm25'"]),
    "arm key": (changed("arms", "bm25", to={"k2": 1.0}), ["`arms.bm25` has no setting 'k2'"]),
    "arm type": (changed("arms", "bm25", to={"k1": True}), ["`arms.bm25.k1` must be a number, got True"]),
    "arm pair": (changed("arms", "dense", "encoder", "characters", to=[3]), ["a list of 2 integers"]),
    "arm is no table": (changed("arms", "bm25", to=3), ["`arms.bm25` must be a table"]),
    "arms twice": (changed("loop", "arms", to=["bm25", "bm25"]), ["must not name an arm twice"]),
    "no arms": (changed("loop", "arms", to=[]), ["at least one arm"]),
    "fallback": (changed("loop", "fallback", to=["bm52"]), ["loop.fallback", "did you mean 'bm25'"]),
    "slots": (changed("loop", "n_slots", to=-3), ["`loop.n_slots` must be an integer >= 1", "got -3"]),
    "budget": (changed("loop", "slot_size", to=2**40), ["loop.slot_size", "<= 1000000"]),
    "page": (changed("loop", "page_size", to=21), ["loop.page_size", "20"]),
    "audit": (changed("loop", "audit", to=1.0), ["`loop.audit` must be below 1"]),
    "credit": (changed("loop", "credit", to="splitt"), ["did you mean 'split'"]),
    "reward key": (changed("reward", "cost", to=1.0), ["`reward` has no setting 'cost'"]),
    "reward kind": (changed("reward", "kind", to="click!"), ["did you mean 'clicks'"]),
    "reward cost": (changed("reward", "arm_cost", to=-0.1), ["arm_cost", "got -0.1"]),
    "reward nan": (changed("reward", "arm_cost", to=float("nan")), ["arm_cost", "got nan"]),
    "tuning key": (changed("tuning", "share", to=[1.0]), ["`tuning` has no setting 'share'", "'shares'"]),
    "tuning lengths": (changed("tuning", to={"shares": [1], "keep": [1, 1], "seeds": [1]}), ["same length"]),
    "tuning rises": (
        changed("tuning", to={"shares": [1, 1, 1], "keep": [1, 6, 1], "seeds": [1, 1, 1]}),
        ["`tuning.keep` must fall"],
    ),
    "rounds": (changed("rounds", to=-5), ["`rounds` must be an integer >= 1, got -5"]),
    "rounds type": (changed("rounds", to="10"), ["`rounds` must be an integer", "got '10'"]),
    "warm-up": (changed("loop", "warmup", to=40), ["warm-up's 40", "got 40", "lower `loop.warmup`"]),
    "seeds": (changed("seeds", to=0), ["`seeds` must be an integer >= 1", "got 0"]),
    "seed": (changed("seed", to=-1), ["`seed` must be an integer >= 0, got -1"]),
    "seed too long": (changed("seed", to=2**64), ["`seed`", "64 bits"]),
    "name": (changed("name", to=""), ["`name` must be one line"]),
    "name type": (changed("name", to=3), ["`name` must be a text, got 3"]),
    "policies type": (changed("policies", to="equal"), ["`policies` must be a list"]),
    "no policies": (policies(), ["at least one policy"]),
    "policy name": (policies("vw-epsilom"), ["`policies` has no 'vw-epsilom'", "'vw-epsilon'"]),
    "policy without name": (policies({"kind": "equal"}), ["must have a `name`"]),
    "policy without kind": (policies({"name": "mine"}), ["needs a `kind`", "linucb"]),
    "policy kind": (
        policies({"name": "x", "kind": "linucbb"}),
        ["`policies.x.kind`", "did you mean 'linucb'"],
    ),
    "policy key": (
        policies({"name": "x", "kind": "linucb", "alfa": 1}),
        ["`policies.x` has no setting 'alfa'"],
    ),
    "policy type": (
        policies({"name": "x", "kind": "linucb", "alpha": "a"}),
        ["`policies.x.alpha` must be a number"],
    ),
    "policy range": (
        policies({"name": "x", "kind": "linucb", "alpha": -1}),
        ["policies.x: `LinUCB.alpha`", "got -1"],
    ),
    "policy twice": (policies("equal", "equal"), ["names of their own", "'equal' twice"]),
    "policy twice but for case": (policies("equal", {"name": "Equal", "kind": "equal"}), ["'Equal' twice"]),
    "policy no file name": (policies({"name": "a/b", "kind": "equal"}), ["'a/b'", "names files"]),
    "policy dots": (policies({"name": "..", "kind": "equal"}), ["'..'", "names files"]),
    "policy long": (policies({"name": "x" * 101, "kind": "equal"}), ["at most 100 letters"]),
    "policy of nothing": (policies(3), ["`policies` must be a name (single, equal", "got int"]),
    "best-static": (policies({"name": "best-static", "quota": [1]}), ["best-static", "no settings", "quota"]),
    "static without quota": (
        policies({"name": "x", "kind": "static"}),
        ["`policies.x`", "must have `quota`"],
    ),
    "static quota": (
        policies({"name": "x", "kind": "static", "quota": [1, 1]}),
        ["3 slots among 4 arms", "[1, 1]"],
    ),
    "single arm": (policies({"name": "x", "kind": "single", "arm": "bm52"}), ["did you mean 'bm25'"]),
    "single and more": (
        policies({"name": "x", "kind": "single", "arm": "bm25", "a": 1}),
        ["has no setting 'a'"],
    ),
    "policy ranker": (
        policies({"name": "equal", "ranker": {"kind": "rff"}}),
        ["`policies.equal.ranker`", "'rrf'"],
    ),
    "vw options": (
        policies({"name": "x", "kind": "vw", "options": "--nonsense"}),
        ["policies.x", "--nonsense"],
    ),
    "vw help": (policies({"name": "x", "kind": "vw", "options": "--help"}), ["must not ask for help"]),
    "collection without path": (changed("world", to={"kind": "collection"}), ["add --collection DIR"]),
}


@pytest.mark.parametrize("case", BAD_STUDIES)
def test_bad_studies(case, ltrr, place):
    change, said = BAD_STUDIES[case]
    study = tomllib.loads(STUDY)
    change(study)
    Path("bad.toml").write_text(tomli_w.dumps(study))
    before = everything(place)
    refused(ltrr("simulate", "bad.toml"), *said)
    assert everything(place) == before


BAD_FILES = {
    "not TOML": (b"name = \n", ["bad.toml is not TOML", "line 1"]),
    "not UTF-8": (b'name = "\xff"\n', ["bad.toml is not UTF-8", "byte 8"]),
    "empty": (b"", ["bad.toml: `policies` must name at least one"]),
    "NUL": (b"\x00", ["bad.toml is not TOML"]),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_study_files(case, ltrr, place):
    raw, said = BAD_FILES[case]
    Path("bad.toml").write_bytes(raw)
    refused(ltrr("simulate", "bad.toml"), *said)
    assert everything(place) == ["bad.toml"]


BAD_WORDS = {
    "no such study": (["simulate", "defalt"], ["no study at defalt", "did you mean 'default'"]),
    "no such file": (["simulate", "no/such.toml"], ["no study at no/such.toml", "default"]),
    "a path too long": (["simulate", "x" * 5000 + ".toml"], ["no study at"]),
    "a folder": (["simulate", "."], ["no study at ."]),
    "rounds": (["simulate", "--rounds", "-5"], ["`rounds` must be an integer >= 1, got -5"]),
    "few rounds": (["simulate", "--rounds", "100"], ["more than the warm-up's 300", "got 100", "--warmup N"]),
    "set without value": (["simulate", "--set", "rounds"], ["--set must be KEY=VALUE", "'rounds'"]),
    "set without key": (["simulate", "--set", "=3"], ["--set must be KEY=VALUE", "'=3'"]),
    "set key": (["simulate", "--set", "lop.n_slots=3"], ["unknown key 'lop'", "'loop'"]),
    "set loop key": (["simulate", "--set", "loop.slots=3"], ["`loop` has no setting 'slots'", "n_slots"]),
    "set loop type": (
        ["simulate", "--set", "loop.n_slots=few"],
        ["`loop.n_slots`", "an integer", "'few'"],
    ),
    "set loop whole": (["simulate", "--set", "loop=3"], ["`loop` must be a table, got 3"]),
    "set world key": (["simulate", "--set", "world.n_item=3"], ["no setting 'n_item'", "'n_items'"]),
    "set world type": (["simulate", "--set", "world.n_items=x"], ["`world.n_items` must be an integer"]),
    "set user": (["simulate", "--set", "user=pmb"], ["`user` names no known kind", "'pbm'"]),
    "set ranker": (["simulate", "--set", "ranker.num_leave=3"], ["'num_leaves'"]),
    "set arm": (["simulate", "--set", "arms.bm26.k1=1"], ["`arms.bm26` is no arm", "'bm25'"]),
    "set arm key": (["simulate", "--set", "arms.bm25.k2=1"], ["no setting 'k2'", "'k1'"]),
    "set policy": (
        ["simulate", "--set", "policies.linucbb.alpha=1"],
        ["`policies` has no 'linucbb'", "'linucb'"],
    ),
    "set policy key": (["simulate", "--set", "policies.linucb.alfa=1"], ["no setting 'alfa'", "'alpha'"]),
    "set policy type": (["simulate", "--set", "policies.linucb.alpha=[1]"], ["must be a number, got [1]"]),
    "set best": (["simulate", "--set", "policies.best-static.x=1"], ["takes no settings"]),
    "set policies": (["simulate", "--set", "policies=linucb"], ["`policies` must be a list"]),
    "set tuning": (["simulate", "--set", "tuning.share=1"], ["`tuning` has no setting 'share'", "'shares'"]),
    "set twice": (
        ["simulate", "--set", "seed=1", "--set", "seed.x=1"],
        ["seed.x=1: 1 was given before"],
    ),
    "set too long": (["simulate", "--set", f"seed={2**70}"], ["`seed`", "64 bits"]),
    "seed too long": (["simulate", "--seed", f"{2**70}"], ["`seed`", "64 bits"]),
    "policies": (["simulate", "--policies", "equl"], ["`policies` has no 'equl'", "'equal'"]),
    "arms": (["simulate", "--arms", "bm25,dens"], ["`arms.dens` names no known kind", "'dense'"]),
    "user": (["simulate", "--user", "pmb"], ["`user` names no known kind", "'pbm'"]),
    "reward": (["simulate", "--reward", "clickz"], ["`reward` names no known kind", "'clicks'"]),
    "ranker": (["simulate", "--ranker", "lambdamars"], ["`ranker` names no known kind", "'lambdamart'"]),
    "warm-up": (["simulate", "--warmup", "-1"], ["`loop.warmup` must be an integer >= 0, got -1"]),
    "rounds no number": (["simulate", "--rounds", "ten"], ["--rounds", "integer", "ltrr simulate --help"]),
    "seeds": (["simulate", "--seeds", "0"], ["`seeds` must be an integer >= 1", "got 0"]),
    "jobs": (["simulate", "--jobs", "0"], ["`jobs` must be an integer >= 1, got 0"]),
    "option": (["simulate", "--round", "3"], ["--round", "--rounds", "ltrr simulate --help"]),
    "command": (["simulat"], ["simulat", "simulate", "ltrr --help"]),
    "argument missing": (["report"], ["RUN", "ltrr report --help"]),
    "argument too many": (["list", "arms", "bm25", "more"], ["more", "ltrr list --help"]),
    "list": (["list", "policy"], ["`list` knows no 'policy'", "did you mean 'policies'"]),
    "report": (["report", "nowhere"], ["nowhere holds no finished run", "give a run's folder"]),
    "report of two": (["report", ".", "nowhere"], ["holds no finished run"]),
    "resume no run": (["simulate", "--resume", "--out", "."], [". is not empty and holds no run"]),
    "resume nowhere": (["simulate", "--resume"], ["--resume needs", "--out DIR"]),
    "no collection": (["simulate", "collection"], ["add --collection DIR", "corpus.jsonl"]),
    "collection absent": (["simulate", "--collection", "nowhere"], ["nowhere is not a folder"]),
    "collection of music": (["simulate", "default", "--collection", "."], ["about 'music'"]),
    "collection unprintable": (["simulate", "--collection", "a\nb"], ["printable"]),
    "skip what": (["simulate", "--skip-unknown"], ["add --collection DIR"]),
    "out below a file": (["simulate", "tiny.toml", "--out", "a-file/run"], ["a-file/run cannot be written"]),
    "out is a file": (["simulate", "tiny.toml", "--out", "a-file"], ["a-file cannot be written"]),
    "out is in use": (["simulate", "tiny.toml", "--out", "."], ["is not empty and holds no run"]),
}


@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words(case, ltrr, place):
    Path("a-file").write_text("kept")
    Path("tiny.toml").write_text(STUDY)
    words, said = BAD_WORDS[case]
    refused(ltrr(*words), *said)
    assert everything(place) == ["a-file", "tiny.toml"]


@pytest.mark.skipif(sys.platform != "linux", reason="a place where nobody may write, not even root")
def test_a_place_where_nothing_can_be_written(ltrr):
    Path("tiny.toml").write_text(STUDY)
    refused(ltrr("simulate", "tiny.toml", "--out", "/proc/ltrr/run"), "/proc/ltrr/run cannot be written")


def collection(folder, **files):
    """Write a collection; a file given as None is left out, one given as bytes is written as it is."""
    whole = {
        "corpus.jsonl": "\n".join(map(json.dumps, CORPUS)).encode(),
        "queries.jsonl": "\n".join(map(json.dumps, QUERIES)).encode(),
        "qrels/test.tsv": "\n".join(QRELS).encode(),
    }
    names = {"corpus": "corpus.jsonl", "queries": "queries.jsonl", "qrels": "qrels/test.tsv"}
    whole.update({names[key]: value for key, value in files.items()})
    for name, raw in whole.items():
        if raw is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(raw)
    return folder


def _with(rows, *more):
    return "\n".join([*map(json.dumps, rows), *more]).encode()


UNKNOWN = "\n".join([*QRELS, "q99\td1\t1", "q1\td99\t1"]).encode()
BAD_COLLECTIONS = {
    "no corpus": ({"corpus": None}, ["holds no corpus.jsonl"]),
    "no queries": ({"queries": None}, ["holds no queries.jsonl"]),
    "no qrels": ({"qrels": None}, ["holds no qrels/test.tsv"]),
    "empty corpus": ({"corpus": b""}, ["corpus.jsonl is empty"]),
    "empty queries": ({"queries": b"\n\n"}, ["queries.jsonl is empty"]),
    "header only": ({"qrels": b"query-id\tcorpus-id\tscore\n"}, ["no query has a positive judgement"]),
    "no header": ({"qrels": b"q1\td1\t1\n"}, ["line 1 must be the header"]),
    "not JSON": ({"corpus": _with(CORPUS, "{oops")}, ["corpus.jsonl: line 31 is not JSON"]),
    "no object": ({"queries": _with(QUERIES, "[]")}, ["queries.jsonl: line 13 must hold a JSON object"]),
    "no id": ({"corpus": _with(CORPUS, '{"text": "a"}')}, ["line 31 must have `_id`"]),
    "id twice": (
        {"corpus": _with(CORPUS, json.dumps(CORPUS[0]))},
        ["lines 1 and 31 have the same `_id` 'd0'"],
    ),
    "not UTF-8": ({"corpus": b'{"_id": "d\xff"}\n'}, ["corpus.jsonl: line 1 is not UTF-8", "0xff"]),
    "unknown ids": ({"qrels": UNKNOWN}, ["2 judgements", "first query 'q99' at line 14", "--skip-unknown"]),
    "score": (
        {"qrels": "\n".join([*QRELS, "q1\td2\thigh"]).encode()},
        ["line 14", "must hold a score", "'high'"],
    ),
}


@pytest.mark.parametrize("case", BAD_COLLECTIONS)
def test_bad_collections(case, ltrr, place):
    files, said = BAD_COLLECTIONS[case]
    collection(place / "beir", **files)
    before = everything(place)
    refused(ltrr("simulate", "--collection", "beir"), *said)
    assert everything(place) == before
    (place / "kept").mkdir()  # an empty folder that was there before stays, and stays empty
    refused(ltrr("simulate", "--collection", "beir", "--out", "kept", "--jobs", 2), *said)
    assert everything(place) == sorted([*before, "kept"])


def test_a_bad_setting_of_a_collection(ltrr, place):
    collection(place / "beir")
    study = tomllib.loads(STUDY) | {"world": {"kind": "collection", "n_users": -1}}
    Path("bad.toml").write_text(tomli_w.dumps(study))
    before = everything(place)
    refused(ltrr("simulate", "bad.toml", "--collection", "beir"), "n_users", "got -1")
    assert everything(place) == before


def small_collection_study():
    study = tomllib.loads(STUDY)
    study["world"] = {"kind": "collection", "held_out": 0.0}
    study["policies"] = [{"name": "equal"}]
    Path("small.toml").write_text(tomli_w.dumps(study))
    return "small.toml"


def test_unknown_judgements_can_be_left_out(ltrr, place):
    collection(place / "beir", qrels=UNKNOWN)
    words = [
        "simulate",
        small_collection_study(),
        "--collection",
        "beir",
        "--out",
        "run",
        "--jobs",
        1,
        "--quiet",
    ]
    refused(ltrr(*words), "2 judgements")
    assert ltrr(*words, "--skip-unknown") == (0, "", "")
    kept = tomllib.loads(Path("run/study.toml").read_text())["world"]
    assert kept == {"kind": "collection", "held_out": 0.0, "path": str(place / "beir"), "skip_unknown": True}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a folder with a finished run, and status, output and errors."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.toml").write_text(STUDY)
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            main(["simulate", "tiny.toml", "--out", "run", "--jobs", "1"])
    return folder, (ended.value.code, out.getvalue(), err.getvalue())


def test_a_run_prints_a_whole_table_and_no_progress(finished):
    _, (status, out, err) = finished
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].strip() == "tiny"
    assert lines[-1] == "Report: run/report.html"
    assert "…" not in out
    for word in (
        "policy",
        "reward",
        "first-time",
        "repeated",
        "own",
        "nDCG",
        "recall",
        "linucb-allocations",
        "equal",
    ):
        assert word in out
    assert len({len(line) for line in lines[1:6]}) == 1


def test_a_narrow_terminal_keeps_names_whole(finished, ltrr, capsys, monkeypatch):
    from rich.console import Console

    from ltrr.cli.run_table import print_run
    from ltrr.study.tables import Tables

    folder, _ = finished
    monkeypatch.setattr(Console, "is_terminal", property(lambda _: True))
    for width in (40, 60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        print_run(Tables.read(folder / "run"))
        out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert "linucb-allocations" in out
        assert "reward" in out
        assert "…" not in out
        assert max(map(len, out.splitlines())) <= width


def test_json_is_all_that_is_printed(finished, ltrr, monkeypatch):
    folder, _ = finished
    monkeypatch.chdir(folder)
    status, out, err = ltrr("simulate", "--resume", "--out", "run", "--jobs", 1, "--json")
    assert (status, err) == (0, "")

    def no_number(text):
        raise AssertionError(text)

    rows = json.loads(out, parse_constant=no_number)
    assert {row["policy"] for row in rows} == {"equal", "linucb-allocations"}
    reward = [row for row in rows if row["metric"] == "reward"]
    assert all(0 <= row["mean"] <= 1 and row["n_seeds"] == 1 for row in reward)


def test_a_run_is_not_written_over_and_not_resumed_with_other_settings(finished, ltrr, monkeypatch):
    folder, _ = finished
    monkeypatch.chdir(folder)
    before = everything(folder)
    refused(ltrr("simulate", "tiny.toml", "--out", "run"), "run holds a run already", "--resume")
    refused(ltrr("simulate", "--resume", "--out", "run", "--seeds", 2), "other settings", "run/study.toml")
    refused(ltrr("simulate", "--resume", "--out", "run/study.toml"), "cannot be written")
    for changed in (
        ["--seed", 4],
        ["--warmup", 10],
        ["--policies", "equal"],
        ["--user", "pbm"],
        ["--set", "loop.audit=0.1"],
    ):
        refused(ltrr("simulate", "--resume", "--out", "run", *changed), "other settings")
    assert everything(folder) == before


def test_the_words_of_the_command_line_are_those_of_a_call(ltrr, monkeypatch):
    """Words make the same study as a call, and nothing is run to see it."""
    made = []

    class Seen(Exception):
        pass

    def run_study(study, **_):
        made.append(study)
        raise Seen

    # the package offers a function of the same name as the module
    monkeypatch.setattr(sys.modules["ltrr.study.simulate"], "run_study", run_study)
    words = ["--policies", "linucb, equal", "--arms", "bm25,dense", "--user", "pbm", "--reward", "dcg"]
    words += ["--ranker", "prior", "--seed", "7", "--warmup", "50", "--rounds", "200", "--seeds", "2"]
    with pytest.raises(Seen):
        main(["simulate", *words])
    with pytest.raises(Seen):
        sys.modules["ltrr.study.simulate"].simulate(
            policies=["linucb", "equal"],
            arms=["bm25", "dense"],
            user="pbm",
            reward="dcg",
            ranker="prior",
            seed=7,
            warmup=50,
            rounds=200,
            seeds=2,
        )
    assert made[0] == made[1]
    assert [p.name for p in made[0].policies] == ["best-static", "linucb", "equal"]
    assert (made[0].loop.arms, made[0].loop.warmup) == (("bm25", "dense"), 50)


def setting(*pairs):
    """Return the words that set settings."""
    return [word for pair in pairs for word in ("--set", pair)]


def test_settings_are_laid_over_the_study(ltrr, monkeypatch):
    made = []
    monkeypatch.setattr(
        sys.modules["ltrr.study.simulate"], "run_study", lambda study, **_: made.append(study) or sys.exit(0)
    )
    Path("tiny.toml").write_text(STUDY)
    words = ["loop.slot_size=10", "world.n_items=500", "ranker.num_leaves=15", "arms.bm25.k1=1.2"]
    words += ["arms.dense.encoder.dim=4", "policies.equal.ranker.n_trees=3", "user=pbm", "user.eta=2.5"]
    words += [
        "user.examination=power",
        "tuning.seeds=[1, 2]",
        "name=other one",
        "log_seeds=1",
        "reward.arm_cost=0.1",
    ]
    ltrr("simulate", "tiny.toml", *(word for pair in words for word in ("--set", pair)))
    want = tomllib.loads(made[0].to_toml())
    before = tomllib.loads(STUDY)
    assert want["name"] == "other one"
    assert want["world"] == before["world"] | {"n_items": 500}
    assert want["loop"]["slot_size"] == 10
    assert want["loop"]["warmup"] == before["loop"]["warmup"]
    assert want["arms"]["bm25"] == {"kind": "bm25", "k1": 1.2}
    assert want["arms"]["dense"]["encoder"] == {"kind": "lsa", "dim": 4}
    assert want["ranker"] == {"kind": "lambdamart", "num_leaves": 15}
    assert want["user"] == {"kind": "pbm", "eta": 2.5, "examination": "power"}
    assert want["policies"][0] == {"name": "equal", "kind": "equal", "ranker": {"n_trees": 3}}
    assert want["policies"][1]["kind"] == "linucb"
    assert want["tuning"]["seeds"] == [1, 2]
    assert want["reward"] == {"kind": "satisfied", "arm_cost": 0.1}


def test_a_studys_own_policies_and_arms_keep_their_settings(ltrr, monkeypatch):
    made = []
    monkeypatch.setattr(
        sys.modules["ltrr.study.simulate"], "run_study", lambda study, **_: made.append(study) or sys.exit(0)
    )
    Path("mine.toml").write_text(
        STUDY + 'alpha = 0.25\n[[policies]]\nname = "mine"\nkind = "linucb"\nalpha = 3\n'
    )
    ltrr("simulate", "mine.toml", "--policies", "mine,linucb-allocations,vw-epsilon", "--arms", "dense,bm25")
    assert [p.settings() for p in made[0].policies][1:] == [
        {"name": "mine", "kind": "linucb", "alpha": 3},
        {"name": "linucb-allocations", "kind": "linucb", "space": "allocations", "alpha": 0.25},
        {"name": "vw-epsilon", "kind": "vw", "explore": "epsilon"},
    ]
    assert made[0].arms["dense"].params == {"encoder": {"kind": "lsa", "dim": 8}}


def test_a_class_of_the_current_folder_is_found_again_from_elsewhere(ltrr, monkeypatch, place):
    made = []
    monkeypatch.setattr(
        sys.modules["ltrr.study.simulate"], "run_study", lambda study, **_: made.append(study) or sys.exit(0)
    )
    Path("user_of_a_test.py").write_text("from ltrr.users import PBM\n\nclass Mine(PBM):\n    pass\n")
    ltrr("simulate", "--user", "user_of_a_test:Mine", "--set", "user.eta=2")
    assert made[0].user.settings() == {"kind": "user_of_a_test:Mine", "eta": 2}
    assert made[0].import_path == (str(place.resolve()),)


def test_few_rounds_run_with_a_short_warm_up_and_say_what_is_done(ltrr):
    words = ["--rounds", 60, "--warmup", 20, "--seeds", 1, "--policies", "best-static", "--jobs", 1]
    words += setting("world.n_items=250", "world.n_queries=40", "loop.held_out=0", "loop.n_slots=1")
    words += setting("arms.dense.encoder.kind=lsa", "arms.dense.encoder.dim=8")
    logger = logging.getLogger("ltrr")
    handlers, level = [*logger.handlers], logger.level
    try:
        status, out, err = ltrr("simulate", *words, "--out", "run", "--verbose")
    finally:
        logger.handlers[:] = handlers
        logger.setLevel(level)
    assert status == 0
    assert out.splitlines()[-1] == "Report: run/report.html"
    said = [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in err.splitlines()]
    begin = ["world 'music'", "arms indexed: ", "tuning of allocations, rung 0: 4 tried"]
    begin += ["tuning of allocations, rung 1: "]
    begin += ["best-static, seed 0: 60 rounds"]
    assert [line.startswith(word) for line, word in zip(said, begin, strict=False)] == [True] * 5, said


def test_report_draws_again_and_names_what_is_missing(finished, ltrr, monkeypatch):
    folder, _ = finished
    monkeypatch.chdir(folder)
    assert ltrr("report", "run") == (0, "Report: run/report.html\n", "")
    assert ltrr("report", "run", "run") == (0, "Report: run/comparison.html\n", "")
    Path("part").mkdir()
    Path("part/summary.csv").write_bytes(Path("run/summary.csv").read_bytes())
    refused(ltrr("report", "part"), "not complete", "curves.csv", "simulate it again")


@pytest.mark.parametrize("what", ["arms", "policies", "rankers", "users", "worlds", "studies"])
def test_lists_are_a_line_a_name(what, ltrr):
    status, out, err = ltrr("list", what)
    assert (status, err) == (0, "")
    names = json.loads(ltrr("list", what, "--json")[1])
    assert [line.split()[0] for line in out.splitlines()] == list(names)
    assert all(names.values())


def test_help_and_version(ltrr, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    commands = ("simulate", "replay", "validate", "report", "list", "init")
    for words in ([], ["--help"], *([command, "--help"] for command in commands), ["simulate", "-h"]):
        status, out, err = ltrr(*words)
        assert (status, err) == (0, "")
        assert max(map(len, out.splitlines())) <= 80
        if len(words) > 1:
            assert f" ltrr {words[0]}" in out.split("Examples:")[1]
    assert ltrr("--version") == (0, f"ltrr {metadata.version('ltrr')}\n", "")


def test_a_world_without_memory_enough_is_no_traceback(ltrr, monkeypatch):
    def too_much(*_, **__):
        raise MemoryError

    # the package offers a function of the same name as the module
    monkeypatch.setattr(sys.modules["ltrr.study.simulate"], "run_study", too_much)
    status, out, err = ltrr("simulate")
    assert (status, out) == (1, "")
    assert "not enough memory" in err


def test_control_characters_of_a_name_are_not_printed(ltrr):
    refused(ltrr("simulate", "a\x1b[31m\nb.toml"), r"a\x1b[31m b.toml")


@pytest.mark.parametrize("module", ["ltrr", "ltrr.cli"])
def test_the_module_is_a_command(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "list", "stuff"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ltrr: `list` knows no 'stuff'")
    assert done.stderr.count("\n") == 1


def running(session):
    """Return the processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its = stat.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(its) == session and state != "Z":
            found.append(stat.parent.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_an_interrupt_says_how_to_go_on_and_leaves_no_process():
    Path("long.toml").write_text(STUDY.replace("rounds = 40", "rounds = 1_000_000"))
    words = [sys.executable, "-m", "ltrr", "simulate", "long.toml", "--out", "a run", "--jobs", "2"]
    # a shell's background job hands down a SIGINT that is ignored
    heed = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", heed, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        give_up = time.monotonic() + 60
        while not list(Path("a run").glob("cells/*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < give_up
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (130, "")
        # with a cold cache, or on a slow machine, lines of progress come before
        assert err.endswith("ltrr: interrupted; go on with: ltrr simulate --resume --out 'a run'\n")
        assert err.count("ltrr: ") == 1
        give_up = time.monotonic() + 10
        while running(process.pid):
            assert time.monotonic() < give_up, "worker processes are left"
            time.sleep(0.05)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
