"""Target policies: equal to their twins, distributions in every row, one clear line where they cannot be."""

import numpy as np
import pytest
import vowpalwabbit
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv
from sklearn.linear_model import LinearRegression, LogisticRegression

from ltrr.bandits import EpsilonGreedy, LinUCB, LinUCBDisjoint, Uniform, VowpalWabbit, save
from ltrr.errors import InputError
from ltrr.logs.events import Events, Space
from ltrr.replay.learning.rejection import feedback_of
from ltrr.replay.targets import (
    TARGETS,
    Always,
    ColumnTarget,
    Exploration,
    Logged,
    LoggedDistribution,
    ObjectTarget,
    PolicyTarget,
    Target,
    UniformTarget,
    VWTarget,
    Without,
    parse_target,
    vw_examples,
)
from tests.naive_targets import (
    NAMES,
    MemoryLog,
    cut,
    naive_exploration,
    naive_logged,
    naive_uniform,
    naive_without,
    random_events,
    rows_of,
)

shapes = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 30), st.booleans())


def close(events, got, want):
    """Compare flat probabilities with rows of a twin."""
    assert got.shape == (len(events.actions.action),)
    assert got.dtype == np.float64
    for have, row in zip(rows_of(events, got), want, strict=True):
        assert have == pytest.approx(row, abs=1e-12)
        assert sum(have.values()) == pytest.approx(1.0, abs=1e-12)


def same_as_flat(target, events):
    """What a target says of the chosen actions is what stands in its distributions."""
    assert target.logged(events) == pytest.approx(target.probabilities(events)[events.place], abs=1e-15)


@given(shapes)
@settings(max_examples=25, deadline=None)
def test_uniform_equals_its_twin(shape):
    seed, n, ragged = shape
    events = random_events(np.random.default_rng(seed), n, ragged=ragged)
    close(events, UniformTarget().probabilities(events), naive_uniform(events))
    same_as_flat(UniformTarget(), events)


@given(shapes, st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_changed_policies_equal_their_twins(shape, removed):
    seed, n, ragged = shape
    events = random_events(np.random.default_rng(seed), n, ragged=ragged)
    rows = rows_of(events, events.probabilities)
    close(events, Without(NAMES[removed]).probabilities(events), naive_without(rows, removed))
    close(events, Exploration(0.3).probabilities(events), naive_exploration(rows, 0.3))
    more = Exploration(0.3, greedy=False)
    close(events, more.probabilities(events), naive_exploration(rows, 0.3, greedy=False))
    same_as_flat(more, events)


@pytest.mark.parametrize("smoothing", [0.0, 2.5])
@pytest.mark.parametrize("cells", [(), ("position",), ("position", "age"), ("hour", "age", "slot")])
@given(shape=shapes)
@settings(max_examples=6, deadline=None)
def test_frequencies_equal_their_twin(cells, smoothing, shape):
    seed, n, ragged = shape
    rng = np.random.default_rng(seed)
    source = random_events(rng, n + 3, ragged=ragged)
    counts = rng.integers(1, 4, n + 3).astype(float)
    source = Events(**{**vars_of(source), "count": counts})
    # the judged log numbers its actions the other way round, and knows one more
    judged = random_events(rng, n, n_actions=5, names=NAMES[:4][::-1] + NAMES[4:], ragged=ragged)
    target = Logged(cells, smoothing=smoothing).fit(cut(source, 5))
    close(judged, target.probabilities(judged), naive_logged(source, judged, cells, smoothing))
    same_as_flat(target, judged)
    assert target.estimated.startswith("by frequencies")


def vars_of(events):
    return {name: getattr(events, name) for name in events.__dataclass_fields__}


def test_frequencies_worked_by_hand():
    space = Space(("a", "b"))
    ids = np.arange(5)
    log = Events(space, ids, ids, np.array([0, 0, 1, 1, 1]), np.ones(5), position=np.array([1, 1, 1, 2, 2]))
    target = Logged().fit(MemoryLog([log]))
    two = Events(space, ids[:3], ids[:3], np.zeros(3), np.ones(3), position=np.array([1, 2, 9]))
    assert target.probabilities(two) == pytest.approx([2 / 3, 1 / 3, 0.0, 1.0, 0.4, 0.6])
    assert "1 cells of the judged log were never seen" in target.note
    smooth = Logged(smoothing=1.0).fit(MemoryLog([log]))
    assert smooth.probabilities(two)[:4] == pytest.approx([3 / 5, 2 / 5, 1 / 4, 3 / 4])


def test_frequencies_do_not_depend_on_chunks():
    events = random_events(np.random.default_rng(3), 200, ragged=True)
    whole, parts = (Logged(("position", "age")).fit(cut(events, size)) for size in (200, 7))
    assert whole.probabilities(events).tolist() == parts.probabilities(events).tolist()
    halves = [whole.probabilities(events.take(np.arange(i, i + 100))) for i in (0, 100)]
    assert np.concatenate(halves).tolist() == whole.probabilities(events).tolist()


def test_frequencies_cannot_answer_for_unknown_actions():
    rng = np.random.default_rng(4)
    target = Logged(()).fit(cut(random_events(rng, 50), 50))
    few = random_events(rng, 5, n_actions=3)
    with pytest.raises(InputError, match=r"'mocha' in .*%.* does not know"):
        target.probabilities(few)


def test_frequencies_are_told_where_nothing_was_ever_chosen():
    space = Space(("a", "b", "c"))
    one = np.ones(1)
    log = Events(space, one, one, np.zeros(1), one)
    target = Logged(()).fit(MemoryLog([log]))
    other = Events(
        space, one * 7, one, np.array([1]), one, indptr=np.array([0, 2]), eligible=np.array([1, 2])
    )
    assert target.probabilities(other).tolist() == [0.5, 0.5]
    assert "row 7" in target.note


def test_the_logged_distribution_is_the_log():
    events = random_events(np.random.default_rng(5), 20, ragged=True)
    assert LoggedDistribution().probabilities(events) == pytest.approx(events.probabilities, abs=1e-15)
    assert LoggedDistribution().logged(events).tolist() == events.propensity.tolist()
    bare = random_events(np.random.default_rng(5), 20, full=False)
    for target in (LoggedDistribution(), Without("tea"), Exploration(0.1)):
        with pytest.raises(InputError, match="full distribution"):
            target.probabilities(bare)


def test_always_is_one_action_or_a_line():
    rng = np.random.default_rng(6)
    events = random_events(rng, 10)
    assert Always("tea").logged(events).tolist() == (events.action == 1).tolist()
    close(events, Always("tea").probabilities(events), [{a: float(a == 1) for a in range(4)}] * 10)
    ragged = random_events(rng, 40, ragged=True)
    bad = next(i + 1 for i, row in enumerate(rows_of(ragged, ragged.probabilities)) if 1 not in row)
    for ask in (Always("tea").logged, Always("tea").probabilities):
        with pytest.raises(InputError, match=f"not in row {bad};"):
            ask(ragged)
    have = np.flatnonzero([1 in row for row in rows_of(ragged, ragged.probabilities)])
    some = ragged.take(have)
    same_as_flat(Always("tea"), some)
    assert Always("tea").logged(some).tolist() == (some.action == 1).tolist()
    with pytest.raises(InputError, match="did you mean 'latte'"):
        Always("late").logged(events)


def test_without_says_where_nothing_was_left():
    space, one = Space(("a", "b", "c")), np.ones(1)
    sure = Events(space, one * 4, one, np.zeros(1), one, probabilities=np.array([1.0, 0.0, 0.0]))
    target = Without("a")
    assert target.note == ""
    assert target.probabilities(sure).tolist() == [0.0, 0.5, 0.5]
    assert "row 4" in target.note
    alone = Events(space, one * 4, one, np.zeros(1), one, indptr=[0, 1], eligible=[0], probabilities=[1.0])
    with pytest.raises(InputError, match="nothing to choose in row 4"):
        target.probabilities(alone)


def test_a_column_is_taken_as_it_stands():
    events = random_events(np.random.default_rng(7), 5)
    events = Events(**{**vars_of(events), "targets": {"new": np.linspace(0, 1, 5)}})
    target = ColumnTarget("new")
    assert target.logged(events).tolist() == np.linspace(0, 1, 5).tolist()
    assert target.probabilities(events) is None
    with pytest.raises(InputError, match="did you mean 'new'"):
        ColumnTarget("now").logged(events)
    with pytest.raises(InputError, match="states those of chosen actions only"):
        Exploration(0.5, of=target).probabilities(events)


@pytest.mark.parametrize(
    "policy",
    [LinUCB(), LinUCBDisjoint(), EpsilonGreedy(0.2), VowpalWabbit(epsilon=0.2), Uniform()],
    ids=lambda p: type(p).__name__,
)
@pytest.mark.parametrize("features", [0, 2])
def test_policies_are_judged_frozen(policy, features, tmp_path):
    rng = np.random.default_rng(8)
    events = random_events(rng, 60, features=features, ragged=features == 0)
    policy = policy.fork()
    policy.learn(feedback_of(events))
    target = PolicyTarget(policy)
    save(policy, tmp_path / "saved")
    before = target.probabilities(events)
    policy.learn(feedback_of(random_events(rng, 60, features=features)))
    assert target.probabilities(events).tolist() == before.tolist()
    same_as_flat(target, events)
    log = MemoryLog([events])
    for words in (f"policy:{tmp_path / 'saved'}", str(tmp_path / "saved"), tmp_path / "saved"):
        again = parse_target(words, log)
        assert again.name == "saved"
        assert again.probabilities(events) == pytest.approx(before, abs=1e-12)
    assert len(target.probabilities(events.take(np.zeros(0, np.int64)))) == 0


def test_a_policy_that_learned_something_else_is_one_line():
    rng = np.random.default_rng(9)
    policy = LinUCB()
    policy.learn(feedback_of(random_events(rng, 20, features=2)))
    with pytest.raises(InputError, match="does not fit the log, whose context is age, hour") as error:
        PolicyTarget(policy).probabilities(random_events(rng, 5))
    assert "\n" not in str(error.value)


class Fixed:
    """States what it was given."""

    def __init__(self, value):
        self.value = value

    def probabilities(self, events):
        return self.value


def test_objects_must_state_distributions():
    events = random_events(np.random.default_rng(10), 3, n_actions=2, first=11)
    good = np.array([0.5, 0.5, 1.0, 0.0, 0.25, 0.75])
    assert ObjectTarget(Fixed(good)).probabilities(events).tolist() == good.tolist()
    for place, value, message in ((2, 0.5, "row 12"), (5, np.nan, "row 13"), (0, -0.5, "row 11")):
        bad = good.copy()
        bad[place] = value
        with pytest.raises(InputError, match=message):
            ObjectTarget(Fixed(bad)).probabilities(events)
    # a sum of 1 does not excuse a negative entry
    with pytest.raises(InputError, match="row 11"):
        ObjectTarget(Fixed(np.array([-0.5, 1.5, *good[2:]]))).probabilities(events)
    with pytest.raises(InputError, match="each of the 6 eligible"):
        ObjectTarget(Fixed(good[:4])).probabilities(events)
    with pytest.raises(InputError, match="array of numbers"):
        ObjectTarget(Fixed("much")).probabilities(events)
    with pytest.raises(InputError, match="must have `probabilities"):
        ObjectTarget(LinearRegression())
    with pytest.raises(InputError, match="must be fitted"):
        ObjectTarget(LogisticRegression())


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_classifiers_are_matched_by_name(ragged, temperature):
    rng = np.random.default_rng(11)
    train = random_events(rng, 200)
    classes = [NAMES[a] for a in train.action]
    model = LogisticRegression().fit(train.context, classes)
    events = random_events(rng, 30, n_actions=5, ragged=ragged)  # one action more than there are classes
    want = []
    for row, p in zip(
        rows_of(events, np.zeros(len(events.actions.action))),
        model.predict_proba(events.context),
        strict=True,
    ):
        message = dict(zip(model.classes_.tolist(), p.tolist(), strict=True))
        q = {a: message.get(NAMES[a], 0.0) for a in row}
        if temperature == 0.0:
            q = {a: float(q[a] == max(q.values())) for a in row}
        else:
            q = {a: q[a] ** (1 / temperature) for a in row}
        want.append({a: q[a] / sum(q.values()) for a in row})
    close(events, ObjectTarget(model, temperature=temperature).probabilities(events), want)


def test_classifiers_find_their_columns_by_name():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(12)
    train = random_events(rng, 200)
    classes = [NAMES[a] for a in train.action]
    frame = pandas.DataFrame(train.context, columns=["age", "hour"])
    straight = LogisticRegression().fit(train.context, classes)
    turned = LogisticRegression().fit(frame[["hour", "age"]], classes)
    one = LogisticRegression().fit(frame[["hour"]], classes)
    a, b = (ObjectTarget(m).probabilities(train) for m in (straight, turned))
    assert a == pytest.approx(b, abs=1e-3)  # the solver stops where it stops
    assert ObjectTarget(one).probabilities(train) != pytest.approx(a, abs=1e-3)
    other = LogisticRegression().fit(frame.rename(columns={"age": "shoe"}), classes)
    with pytest.raises(InputError, match="'shoe', which the log's context lacks"):
        ObjectTarget(other).probabilities(train)
    three = LogisticRegression().fit(np.ones((200, 3)), classes)
    with pytest.raises(InputError, match="fitted on 3 columns"):
        ObjectTarget(three).probabilities(train)
    strange = LogisticRegression().fit(train.context, [c + "!" for c in classes])
    with pytest.raises(InputError, match="must name an action of the log, got 'flat white!'"):
        ObjectTarget(strange).probabilities(train)


def naive_examples(events, names):
    out = []
    for i in range(len(events)):
        lines = [
            "shared |c"
            + "".join(f" {n}:{v:.7g}" for n, v in zip(("age", "hour"), events.context[i], strict=True) if v)
        ]
        for j in range(events.actions.indptr[i], events.actions.indptr[i + 1]):
            a = events.actions.action[j]
            label = f"0:{-events.reward[i]:.7g}:{events.propensity[i]:.9g} " if a == events.action[i] else ""
            if names:
                words = "".join(f" f{k}:{v:.7g}" for k, v in enumerate(events.actions.features[j]) if v)
            else:
                words = " arm_" + events.space.actions[a].replace(" ", "_")
            lines.append(f"{label}|a{words}")
        out.append("\n".join(lines))
    return out


@pytest.mark.parametrize("features", [0, 3])
def test_examples_are_as_documented(features):
    events = random_events(np.random.default_rng(13), 25, ragged=True, features=features)
    assert vw_examples(events, labelled=True) == naive_examples(events, features)


@pytest.mark.parametrize("kind", ["--cb_explore_adf --epsilon 0.2", "--cb_adf"])
def test_a_model_of_vw_says_what_vw_says(kind, tmp_path):
    rng = np.random.default_rng(14)
    events = random_events(rng, 100, ragged=True)
    path = tmp_path / "a model.vw"
    plain = vowpalwabbit.Workspace(f"{kind} -q ca --quiet")
    for example in vw_examples(events, labelled=True):
        plain.learn(example)
    plain.save(path)
    target = VWTarget(path)
    got = rows_of(events, target.probabilities(events))
    spread = 0.0
    for i, example in enumerate(vw_examples(events)):
        message = np.array(plain.predict(example))
        want = (message == message.min()) * 1.0 if kind == "--cb_adf" else message
        assert list(got[i].values()) == pytest.approx(want / want.sum(), abs=1e-6)
        spread = max(spread, np.ptp(list(got[i].values())))
    assert spread > 0.5
    assert target.probabilities(events).tolist() == target.probabilities(events).tolist()
    assert len(target.probabilities(events.take(np.zeros(0, np.int64)))) == 0
    plain.finish()
    target.close()
    with pytest.raises(InputError, match="was closed"):
        target.probabilities(events)


@pytest.mark.parametrize("data", [b"", b"hello world\n" * 20, bytes(range(256)) * 3])
def test_what_is_no_model_of_vw_is_one_line(data, tmp_path):
    path = tmp_path / "bad.vw"
    path.write_bytes(data)
    with pytest.raises(InputError, match="cannot be read as a model of VW") as error:
        VWTarget(path)
    assert "\n" not in str(error.value)


def test_other_models_of_vw_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        VWTarget(tmp_path / "none.vw")
    path = tmp_path / "linear.vw"
    plain = vowpalwabbit.Workspace("--quiet")
    plain.learn("1 | a")
    plain.save(path)
    plain.finish()
    with pytest.raises(InputError, match="does not choose among actions"):
        VWTarget(path)


def test_words_mean_targets(tmp_path):
    rng = np.random.default_rng(15)
    events = random_events(rng, 60, names=("is it a=b?of=c", "why? now", *NAMES))
    log, other = (
        MemoryLog([events]),
        MemoryLog([random_events(rng, 60, names=("is it a=b?of=c", "why? now", *NAMES))]),
    )
    asked = []

    def read(path):
        asked.append(path)
        return other

    def parse(words):
        return parse_target(words, log, read=read)

    assert parse("uniform") == UniformTarget()
    assert parse("always:tea") == Always("tea")
    assert parse("always:is it a=b?of=c") == Always("is it a=b?of=c")
    assert parse("column:new") == ColumnTarget("new")
    assert parse("without:tea") == Without("tea")
    assert parse("without:tea?of=uniform") == Without("tea", of=UniformTarget())
    assert parse("without:why? now?of=uniform") == Without("why? now", of=UniformTarget())
    assert parse("without:why? now") == Without("why? now")
    assert parse("epsilon:0.25") == Exploration(0.25)
    assert parse("mixed:0.25") == Exploration(0.25, greedy=False)
    nested = parse("without:tea?of=epsilon:0.5?of=logged?cells=position,age&smoothing=1")
    assert isinstance(nested.of, Exploration)
    assert nested.of.of.cells == ("position", "age")
    assert nested.of.of.smoothing == 1.0
    assert nested.estimated == "by frequencies per position × age in the log"
    own, foreign = parse("logged"), parse("logged:some/log.csv?cells=hour")
    assert own.probabilities(events).tolist() == Logged().fit(log).probabilities(events).tolist()
    assert foreign.logged(events).tolist() == Logged(("hour",)).fit(other).logged(events).tolist()
    assert (asked, own.name, foreign.name) == (["some/log.csv"], "logged", "logged:some/log.csv")
    assert parse("logged?cells=").cells == ()
    assert own.estimated == "by frequencies per position in the log"


def test_objects_mean_targets():
    rng = np.random.default_rng(16)
    events = random_events(rng, 30)
    log = MemoryLog([events])
    assert isinstance(parse_target(LinUCB(), log), PolicyTarget)
    uniform = UniformTarget()
    assert parse_target(uniform, log) is uniform
    model = LogisticRegression().fit(events.context, [NAMES[a] for a in events.action])
    assert isinstance(parse_target(model, log), ObjectTarget)
    assert isinstance(parse_target(Fixed(events.probabilities), log), ObjectTarget)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("unifrom", "did you mean 'uniform'"),
        ("", "neither a known policy nor a saved policy"),
        ("uniform:3", "takes nothing more"),
        ("always", "must be given as `always:ACTION`"),
        ("always:", "must be given as `always:ACTION`"),
        ("alway:tea", "did you mean 'always'"),
        ("always:te", "did you mean 'tea'"),
        ("without:te", "did you mean 'tea'"),
        ("without:tea?of=unifrom", "did you mean 'uniform'"),
        ("epsilon:much", "must give a number"),
        ("epsilon:1.5", "must be a number >= 0 and <= 1"),
        ("epsilon:nan", "must be a number >= 0 and <= 1"),
        ("logged?smoothing=x", "must give a number >= 0"),
        ("logged?smoothing=-1", "must be a number >= 0"),
        ("logged?cell=position", "did you mean 'cells'"),
        ("logged?cells=positio", "did you mean 'position'"),
        ("logged:elsewhere", "needs a reader"),
        ("policy:/nowhere", "cannot be read as a saved policy"),
        ("x" * 400, "neither a known policy nor a saved policy"),
        ("vw:" + "x" * 400, "cannot be read as a model of VW"),
        ("vw:/nowhere", "cannot be read as a model of VW"),
    ],
)
def test_words_that_mean_nothing_are_one_line(words, message):
    log = MemoryLog([random_events(np.random.default_rng(17), 20)])
    with pytest.raises(InputError, match=message) as error:
        parse_target(words, log)
    assert "\n" not in str(error.value)


@given(st.text(max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_words_mean_a_target_or_one_line(words):
    log = MemoryLog([random_events(np.random.default_rng(18), 20)])
    for start in ("", "logged", "without:tea?", "epsilon:"):
        try:
            target = parse_target(start + words, log)
        except InputError:
            continue  # anything else fails the test
        assert isinstance(target, Target)


def test_every_target_copes_with_no_rows_and_leaves_its_argument_alone():
    events = random_events(np.random.default_rng(19), 20, ragged=True)
    log = MemoryLog([events])
    before = {name: np.array(v) for name, v in vars_of(events).items() if isinstance(v, np.ndarray)}
    for words in ("uniform", "logged", "without:tea", "epsilon:0.1", "mixed:0.1"):
        target = parse_target(words, log)
        none = events.take(np.zeros(0, np.int64))
        assert target.probabilities(none).shape == target.logged(none).shape == (0,)
        target.probabilities(events)
        assert isinstance(target, Target)
    assert all(np.array_equal(before[name], getattr(events, name)) for name in before)


def men(folder, policy):
    """One policy's part of the Open Bandit Data sample, columns as they stand."""
    table = csv.read_csv(folder / "obd" / policy / "men" / "men.csv")
    ids = np.arange(1, len(table) + 1)
    return Events(
        Space(tuple(str(i) for i in range(34))),
        row=ids,
        key=ids,
        action=table["item_id"].to_numpy().astype(np.int32),
        reward=table["click"].to_numpy().astype(float),
        propensity=table["propensity_score"].to_numpy(),
        position=table["position"].to_numpy().astype(np.int32),
    )


def test_real_logs_are_judged(data_dir):
    bts, random = men(data_dir, "bts"), men(data_dir, "random")
    weight = UniformTarget().logged(bts) / bts.propensity
    assert (weight * bts.reward).mean() == pytest.approx(0.00301, abs=5e-6)
    assert (weight * bts.reward).sum() / weight.sum() == pytest.approx(0.00319, abs=5e-6)
    target = parse_target("logged:bts", cut(random, 1000), read=lambda _: cut(bts, 777))
    p = target.logged(random)
    table = np.zeros((4, 34))
    for position, item in zip(bts.position.tolist(), bts.action.tolist(), strict=True):
        table[position, item] += 1
    want = (table / np.maximum(table.sum(axis=1, keepdims=True), 1))[random.position, random.action]
    assert p == pytest.approx(want, abs=1e-15)
    assert target.note == ""
    # the weights of a policy that the log supports average 1; false alarm 1e-5
    weight = p / random.propensity
    assert abs(weight.mean() - 1.0) < 4.42 * weight.std() / np.sqrt(len(weight))


def test_all_kinds_are_told():
    single = {
        "uniform",
        "always",
        "logged",
        "column",
        "columns",
        "policy",
        "vw",
        "without",
        "epsilon",
        "mixed",
    }
    assert set(TARGETS.makers) == single | {"quota", "learning"}
    for name in single - {"uniform"}:
        assert f"{name}:" in TARGETS.about(name)
