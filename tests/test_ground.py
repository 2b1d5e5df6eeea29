"""What a run says of its ground: topics, saturation, segments, reserved queries, both intervals."""

import dataclasses
import html
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ltrr.bandits.spec import policy_spec
from ltrr.cli.run_table import print_run
from ltrr.errors import InputError
from ltrr.metrics import Resamples
from ltrr.rng import Streams
from ltrr.simulation.measure import reserved_among
from ltrr.study.cells import Cells, read_cells
from ltrr.study.crossing import TWO_WAY, Crossing, crossings
from ltrr.study.files import read_study
from ltrr.study.ground import concentration, ground_of, traffic_rows
from ltrr.study.ground_text import gap_text, saturated, topics_line
from ltrr.study.page_ground import checks_part, disagreements
from ltrr.study.report import write_report
from ltrr.study.segments import segment_rows
from ltrr.study.tables import Tables
from ltrr.types import all_quotas
from ltrr.worlds.topic_world import TopicWorld
from tests.made_worlds import HELD_OUT, STREAM, N, world
from tests.small_runs import run_small

SEEDS, WARM, ROUNDS, ARMS = 3, 30, 120, ("bm25", "popular")
LOOP = {"warmup": WARM, "feedback_every": 30, "held_out": 40, "oracle_every": 3, "slot_size": 5}
LOOP |= {"arms": ARMS, "fallback": ARMS}
POLICIES = ["best-static", "equal", "popular"]


class Stating(TopicWorld):
    """A world that says which topics are reserved, and where each stands in the traffic."""

    intent_names = ("plain", "odd & <b>")
    reserved = np.arange(N) >= N - 8

    def shares(self):
        first = 1 + self._streams.replicate  # each replicate has a head of its own
        stream = np.where(np.arange(N) < STREAM, 1.0, 0.0)
        stream[:first] = 10.0
        return stream / stream.sum(), self.topics.held_out

    def band(self, requests):
        return np.where(requests.query < STREAM, requests.query % 3, -1)

    def hidden_intent(self, requests):
        return requests.query % 2


def stating():
    return Stating(world().topics, n_users=20, gap_seconds=30.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory, untuned):
    return run_small(
        tmp_path_factory.mktemp("ground") / "run",
        POLICIES,
        rounds=ROUNDS,
        seeds=SEEDS,
        log_seeds=0,
        world=stating(),
        loop=LOOP,
        ranker="prior",
    )


def rounds(run, policy, kind="rounds"):
    return [pd.read_parquet(run.folder / kind / f"{policy}-{s:03d}.parquet") for s in range(SEEDS)]


def test_rounds_say_what_is_asked(run):
    for table in rounds(run, "equal"):
        assert (table.topic == table["query"]).all()  # each query is a topic of its own here
        assert (table.intent == table["query"] % 2).all()
        assert (table.band == table["query"] % 3).all()
        assert not table.reserved.any()
        assert table[["topic", "intent", "band"]].dtypes.astype(str).tolist() == ["int32", "int16", "int8"]
    for table in rounds(run, "equal", "held_out"):
        assert (table.reserved == (table["query"] >= N - 8)).all()
        assert (table.band == -1).all()


def test_a_world_that_states_nothing_leaves_all_unknown(prepared_plain):
    table, own = prepared_plain
    assert set(table["band"]) == {-1}
    assert not table["reserved"].any()
    parts = {row["set"]: row for row in traffic_rows({"x": own}, one_seed(), None)}
    assert set(parts) == {"stream", "held-out"}
    counts = pd.Series(table["topic"]).value_counts()
    same = (counts * (counts - 1)).sum() / (len(table["topic"]) * (len(table["topic"]) - 1))
    assert parts["stream"]["effective"] == pytest.approx(1 / same)
    assert parts["held-out"]["effective"] == 2.0  # three and three


def test_shares_that_are_no_numbers_are_counted_instead(prepared_plain):
    _, own = prepared_plain
    nowhere = SimpleNamespace(shares=lambda: (np.full(9, np.nan), np.zeros(9)))
    nowhere.fork = lambda streams: nowhere
    counted = traffic_rows({"x": own}, one_seed(), None)
    assert traffic_rows({"x": own}, one_seed(), nowhere) == counted


def test_reserved_may_be_a_list_and_has_a_place_for_each_topic():
    topic = np.array([2, -1, 0])
    assert reserved_among([True, False, True], topic).tolist() == [True, False, True]
    assert reserved_among(None, topic).tolist() == [False, False, False]
    with pytest.raises(InputError, match="place for each topic, got 2 places and topic 2"):
        reserved_among(np.ones(2, bool), topic)


def test_segments_of_worlds_that_answer_to_policies_are_each_policys_own():
    table = {"round": np.arange(4), "intent": np.full(4, -1), "query": np.arange(4)}
    one = {**table, "band": np.array([0, 0, 1, 1]), "reward": np.array([1.0, 1.0, 0.0, 0.0])}
    other = {**table, "band": np.array([0, 1, 1, 1]), "reward": np.array([0.5, 0.0, 0.0, 0.0])}
    study = SimpleNamespace(seed=1, loop=SimpleNamespace(warmup=0))
    rows = segment_rows({"a": Cells([one]), "s": Cells([other])}, "s", study)
    found = {(row["policy"], row["segment"]): row for row in rows}
    assert found["a", "head"]["difference"] == 0.5
    assert found["a", "torso"]["difference"] == 0.0
    assert (found["a", "head"]["share"], found["s", "head"]["share"]) == (0.5, 0.25)


def one_seed():
    return type("Study", (), {"seeds": 1, "seed": 1})


@pytest.fixture
def prepared_plain():
    topic = np.array([1, 1, 2, 3, 1, 2])
    plain = {"band": np.full(6, -1), "reserved": np.zeros(6, bool)}
    held = {**plain, "topic": np.array([7, 8, 7, 8, 7, 8])}
    table = {**plain, "topic": topic}
    return table, Cells([table], held_out=[held])


def test_traffic_is_what_the_world_states(run):
    table = run.traffic()
    assert table["set"].value_counts().to_dict() == {"stream": 3, "held-out": 3, "reserved": 3}
    own = table.set_index(["set", "replicate"])
    for replicate in range(SEEDS):
        weight = np.ones(STREAM)
        weight[: 1 + replicate] = 10.0
        p = weight / weight.sum()
        row = own.loc["stream", replicate]
        assert row.topics == STREAM
        assert row.effective == pytest.approx(1 / (p**2).sum())
        assert row.effective_entropy == pytest.approx(np.exp(-(p * np.log(p)).sum()))
        assert row.top_share == pytest.approx(p.max())
        assert own.loc["held-out", replicate].effective == pytest.approx(HELD_OUT)
        assert own.loc["reserved", replicate].effective == pytest.approx(8.0)
    stream = run.tables.ground["traffic"]["stream"]
    assert stream["effective"] == pytest.approx(table[table["set"] == "stream"].effective.mean())
    assert topics_line(run.tables).startswith(f"Effective topics: stream {stream['effective']:.1f} of 40, ")


def test_concentration_by_hand():
    found = concentration(np.array([0.5, 0.25, 0.25, 0.0]))
    assert found == pytest.approx(
        {"topics": 3, "effective": 8 / 3, "effective_entropy": 2**1.5, "top_share": 0.5}
    )
    # counted 2, 1, 1 in four requests: one pair of six has the same topic
    assert concentration(np.array([0.5, 0.25, 0.25]), 4)["effective"] == pytest.approx(6.0)
    assert concentration(np.array([0.25] * 4), 4)["effective"] == 4.0  # nothing came twice


def test_reserved_queries_are_a_set_of_their_own(run):
    summary = run.summary().set_index(["policy", "metric"])["mean"]
    differences = run.differences()
    for policy in POLICIES:
        want = np.mean([t[t["query"] >= N - 8].reward.mean() for t in rounds(run, policy, "held_out")])
        assert summary[policy, "reward_reserved"] == pytest.approx(want, abs=1e-12)
    row = differences[
        (differences.policy == "popular")
        & (differences["set"] == "reserved")
        & (differences.metric == "reward")
    ]
    gap = summary["popular", "reward_reserved"] - summary["best-static", "reward_reserved"]
    assert row["mean"].iloc[0] == pytest.approx(gap, abs=1e-12)


def test_two_way_equals_sums_by_pandas(run):
    table = run.two_way()
    assert tuple(table.columns) == TWO_WAY
    pairs = set(zip(run.differences().policy, run.differences().reference, strict=True))
    assert set(zip(table.policy, table.reference, strict=True)) == pairs | {(p, "") for p in POLICIES}
    stream = sorted({q for p in POLICIES for t in rounds(run, p) for q in t.topic})
    rng = Streams(run.tables.study["seed"]).generator("bootstrap two-way stream")
    draws = Resamples.draw(SEEDS, len(stream), rng=rng)
    late = {p: [t[t.request >= WARM] for t in rounds(run, p)] for p in POLICIES}

    def crossed(policy, chosen):
        by = [chosen(t).groupby("topic").reward for t in late[policy]]
        sums, counts = (
            np.stack([getattr(b, how)().reindex(stream, fill_value=0).to_numpy(float) for b in by])
            for how in ("sum", "count")
        )
        return draws.mean(sums, counts)

    for name, chosen in (
        ("all", lambda t: t),
        ("repeated", lambda t: t[t.asked > 0]),
        ("first-time", lambda t: t[t.asked == 0]),
    ):
        own = table[table["set"] == name]
        for row in own.itertuples():
            want = crossed(row.policy, chosen)
            if row.reference:
                want = want - crossed(row.reference, chosen)
            interval = want.interval()
            assert (row.mean, row.low, row.high) == pytest.approx(
                (interval.mean, interval.low, interval.high), abs=1e-9
            )
            assert row.n_topics == len({q for t in late[row.policy] for q in chosen(t).topic})
    assert set(table["set"]) == {"all", "repeated", "first-time", "held-out", "reserved"}


def test_segments_equal_those_of_pandas(run):
    table = run.segments().set_index(["policy", "by", "segment"])
    late = {p: [t[t.request >= WARM] for t in rounds(run, p)] for p in POLICIES}
    for policy in POLICIES:
        for band, name in enumerate(("head", "torso", "tail")):
            row = table.loc[(policy, "traffic", name)]
            parts = [t[t.band == band] for t in late[policy]]
            means = np.array([p.reward.mean() for p in parts])
            assert row["mean"] == pytest.approx(means.mean(), abs=1e-12)
            assert row.share == pytest.approx(sum(map(len, parts)) / sum(map(len, late[policy])))
            others = np.array([t[t.band == band].reward.mean() for t in late["best-static"]])
            if policy == "best-static":
                assert np.isnan(row.difference)
            else:
                assert row.difference == pytest.approx((means - others).mean(), abs=1e-12)
                assert row.difference_low <= row.difference <= row.difference_high
            assert row.n_seeds == SEEDS
        held = rounds(run, policy, "held_out")
        want = np.mean([t[t.intent == 1].reward.mean() for t in held])
        assert table.loc[(policy, "held-out query", "odd & <b>"), "mean"] == pytest.approx(want, abs=1e-12)
        assert (policy, "query", "plain") in table.index


def test_the_blind_arm_and_the_gap(run):
    ground = json.loads((run.folder / "ground.json").read_text())
    summary = run.summary().set_index(["policy", "metric"])["mean"]
    assert ground["blind"] == {"arm": "popular", "reward": pytest.approx(summary["popular", "reward"])}
    assert ground["static"] == pytest.approx(summary["best-static", "reward"])
    judged = [t[t.request >= WARM] for t in rounds(run, "best-static", "oracles")]
    room = np.mean([(t.oracle_reward - t.reward).mean() for t in judged])
    assert ground["gap"]["mean"] == pytest.approx(room, abs=1e-12)
    assert ground["oracle"] == pytest.approx(ground["static"] + room)
    assert ground["gap"]["two_way_low"] <= ground["gap"]["low"] + 1e-9


def test_the_blind_arm_without_a_policy_of_its_own(run):
    """Its quota is valued on the judged requests of the reference."""
    base = read_study("default")
    study = dataclasses.replace(
        base,
        seeds=SEEDS,
        rounds=ROUNDS,
        arms={name: base.arms[name] for name in ARMS},
        loop=dataclasses.replace(base.loop, slab_size=None, **LOOP),
        policies=tuple(policy_spec(name, ARMS) for name in ("best-static", "equal")),
    )
    cells = {p: read_cells(run.folder, p, study) for p in ("best-static", "equal")}
    found = ground_of(cells, "best-static", study, [], crossings(cells, study)[0])
    judged = [t[t.request >= WARM] for t in rounds(run, "best-static", "oracles")]
    alone = all_quotas(3, 2).tolist().index([0, 3])
    lead = np.mean([(np.stack(t.quota_reward)[:, alone] - t.reward_ranked).mean() for t in judged])
    want = run.tables.mean("best-static", "reward") + lead
    assert found["blind"] == {"arm": "popular", "reward": pytest.approx(want, abs=1e-6)}


def shown(tables, capsys):
    capsys.readouterr()
    print_run(tables)
    page = write_report(tables.folder).read_text(encoding="utf-8")
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return " ".join(capsys.readouterr().out.split()), text, page


def test_terminal_and_page_show_the_ground(run, capsys):
    out, text, page = shown(run.tables, capsys)
    assert topics_line(run.tables) in out
    assert "Traffic and headroom" in text
    assert "popular, which ignores the query, earns" in text
    assert "Head, torso, tail and kinds of query Topics by falling share of the stream" in text
    folded = re.findall(r"<details><summary>(By kind of query[^<]*)</summary>", page)
    assert folded == ["By kind of query, in the stream", "By kind of query, on held-out queries"]
    assert "odd &amp; &lt;b&gt;" in page  # names of a world are text
    assert "odd & <b>" not in page
    row = run.tables.over_topics("popular", "best-static")
    assert page.count(f"[{row['low']:+.3f}, {row['high']:+.3f}]") >= 1
    assert "reserved queries" in text


def test_runs_of_earlier_versions_are_shown_without_the_section(run, capsys, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(run.folder, old)
    for name in ("two_way.csv", "segments.csv", "traffic.csv", "ground.json"):
        (old / name).unlink()
    out, text, _ = shown(Tables.read(old), capsys)
    assert "Effective topics" not in out + text
    assert "over seeds and topics" not in out + text.split("Glossary")[0]
    assert "Differences to best-static" in text


# -- what is said of a world that cannot tell policies apart
GAP = {"mean": 0.1, "low": 0.08, "high": 0.12, "two_way_low": 0.05, "two_way_high": 0.15}


def tables_of(
    *,
    static=0.6,
    blind=0.3,
    gap=None,
    halves=(0.02, 0.03, 0.04),
    found=False,
    seeds=5,
    kind="music",
    rounds=80,
):
    gap = {**GAP, **(gap or {})}
    ground = {
        "traffic": {},
        "static": static,
        "oracle": static + gap["mean"],
        "gap": gap,
        "blind": {"arm": "popular", "reward": blind},
    }
    names = [f"p{i}" for i in range(len(halves))]
    rows = pd.DataFrame({"policy": names, "reference": "s", "set": "all", "metric": "reward"})
    low = 0.01 if found else -0.01
    differences = rows.assign(mean=0.02, holm_low=low, holm_high=0.05)
    two_way = rows.assign(mean=0.02, low=[0.021 - h if not found else 0.001 for h in halves])
    two_way = two_way.assign(high=two_way.low + 2 * np.array(halves))
    study = {"seeds": seeds, "world": {"kind": kind}, "policies": [{"name": "s", "kind": "best-static"}]}
    study |= {"rounds": rounds, "loop": {"oracle_every": 20, "warmup": 0}}
    none = pd.DataFrame()
    return Tables(None, study, none, none, none, differences, none, (), (), two_way=two_way, ground=ground)


def test_a_world_with_room_is_not_complained_of():
    assert saturated(tables_of()) == ""
    assert saturated(dataclasses.replace(tables_of(), ground={})) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gap": {"mean": 0.009}, "halves": (0.001,)}, "s earns 0.600, the per-request oracle 0.609"),
        ({"blind": 0.591}, "popular, which ignores the query, earns 0.591, s 0.600"),
        ({"gap": {"low": -0.01}}, "the oracle's lead over s is not shown to be above zero"),
        ({"gap": {"two_way_low": 0.0}}, "the oracle's lead over s is not shown to be above zero"),
        ({"gap": {"two_way_low": None}}, "the oracle's lead over s is not shown to be above zero"),
        ({"halves": (0.01, 0.11, 0.2)}, "known to ±0.110 over seeds and topics (median)"),
    ],
)
def test_each_way_of_saturation_is_said(changes, words):
    sentence = saturated(tables_of(**changes))
    assert sentence.startswith("This world cannot tell policies apart: ")
    assert words in sentence
    assert ";" not in sentence
    assert "This collection cannot" in saturated(tables_of(**changes, kind="collection"))


def test_saturation_at_its_limits():
    assert saturated(tables_of(blind=0.5899)) == ""
    assert saturated(tables_of(blind=0.7, rounds=79)) == ""  # 15 judged requests say nothing of a world
    assert saturated(tables_of(halves=(0.01, 0.099, 0.2))) == ""
    # few seeds make any interval wide: that is no fault of the world
    assert saturated(tables_of(gap={"low": -0.01}, seeds=4)) == ""
    # where a difference is found by both intervals, some policies can be told apart
    assert "This world can hardly tell" in saturated(tables_of(blind=0.595, found=True))


def test_gap_text():
    assert gap_text(GAP) == "+0.100 [+0.080, +0.120] over seeds, [+0.050, +0.150] over seeds and topics"
    same = {**GAP, "two_way_low": 0.08, "two_way_high": 0.12}
    assert gap_text(same) == "+0.100 [+0.080, +0.120] over seeds, the same over seeds and topics"
    assert gap_text({**GAP, "low": None}) == "+0.100 (one seed: no interval)"
    assert gap_text({**GAP, "two_way_low": None}).endswith("too few topics for an interval over topics")


def test_disagreements_are_named():
    tables = tables_of(halves=(0.02, 0.03))
    assert disagreements(tables) == []  # nothing is found over seeds
    found = dataclasses.replace(tables, differences=tables.differences.assign(holm_low=0.001))
    line = disagreements(found)
    assert line == ["Found over seeds, but the interval over seeds and topics touches zero: p1 (all)."]


def test_unknown_topics_count_by_query():
    table = {"topic": np.array([-1, -1, 4]), "query": np.array([7, 8, 9], np.int32)}
    crossing = Crossing.of([table], np.random.default_rng(0))
    assert crossing.topics.tolist() == [-9, -8, 4]


def test_checks_of_the_ranker_are_counted(tmp_path):
    place = tmp_path / "ranker_checks"
    place.mkdir()
    columns = {"round": [250, 250, 500, 500], "stratum": ["seen"] * 3 + ["new"], "challenger": [1, 2, 3, 3]}
    columns |= {"against": [0, 1, 0, 0], "difference": [0.1, -0.2, 0.3, -1e-9], "low": 0.0, "high": 0.0}
    columns |= {"pages": 9, "queries": 5, "served": [True, False, False, True]}
    for name in ("linucb-000", "linucb-001"):
        pd.DataFrame(columns).to_parquet(place / f"{name}.parquet")
    tables = dataclasses.replace(tables_of(), folder=tmp_path)
    tables.__dict__["means"] = pd.DataFrame({"reward": [0.5, 0.4]}, index=["linucb", "other"])
    (part,) = checks_part(tables)
    (table,) = part["tables"]
    (row,) = table["rows"]
    assert row["name"] == "linucb"
    cells = [(cell["mean"], cell["spread"]) for cell in row["cells"]]
    assert cells == [("-20.0%", "0 of 2"), ("+20.0%", "2 of 4"), ("+0.0%", "2 of 2")]
    assert [head.split(" ")[0] for head in table["head"][1:]] == ["repeated", "repeated", "first-time"]
    assert list(checks_part(dataclasses.replace(tables, folder=tmp_path / "none"))) == []


def test_the_best_static_allocation_has_no_ranker_of_its_own():
    tables = tables_of()
    fused = {"name": "fused", "kind": "best-static", "ranker": {"kind": "rrf"}}
    study = {**tables.study, "policies": [fused, *tables.study["policies"]]}
    assert dataclasses.replace(tables, study=study).best_static == "s"
    assert dataclasses.replace(tables, study={**study, "policies": [fused]}).best_static is None
