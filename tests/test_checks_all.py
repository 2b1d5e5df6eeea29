"""Every public component keeps its protocol, and every check can fail."""

import inspect
import json
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest

from ltrr import bandits, ranking, retrieval, users, worlds
from ltrr.bandits.base import BasePolicy, level
from ltrr.bandits.draw import draw
from ltrr.checks import (
    CheckError,
    check_estimator,
    check_interval,
    check_policy,
    check_ranker,
    check_retriever,
    check_user_model,
    check_world,
)
from ltrr.checks import policy as policy_module
from ltrr.checks import ranker as ranker_module
from ltrr.checks import retriever as retriever_module
from ltrr.checks.data import batch_of, catalogue_of, requests_of
from ltrr.checks.error import refused, variants
from ltrr.checks.estimator import ESTIMATOR_CHECKS
from ltrr.checks.interval import INTERVAL_CHECKS
from ltrr.checks.policy import POLICY_CHECKS
from ltrr.checks.ranker import RANKER_CHECKS
from ltrr.checks.retriever import RETRIEVER_CHECKS
from ltrr.checks.user_model import USER_MODEL_CHECKS
from ltrr.checks.world import WORLD_CHECKS
from ltrr.errors import InputError
from ltrr.metrics.intervals import Interval
from ltrr.protocols import Policy, Ranker, Retriever, UserModel, World
from ltrr.ranking import LambdaMART, PriorRanker
from ltrr.replay import Moments, estimators, intervals, slope
from ltrr.replay.estimators import Estimator, slate
from ltrr.replay.estimators.base import needed
from ltrr.replay.intervals import IntervalMethod
from ltrr.retrieval import BM25, Dense, Memory, Popular, StaticCache
from ltrr.types import Candidates, Catalogue, Queries
from ltrr.users import DBN, PBM, SDBN, Cascade, StopTable
from ltrr.worlds import Collection, Music, Topics, TopicWorld

NAMES = ("x", "y", "memory_rate", "z")


class Letters:
    """Vectors of letter counts: an encoder that does not care for the order of the catalogue."""

    def encode(self, texts):
        counts = np.array([[text.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return counts.reshape(len(texts), 26).astype(np.float32)


def cached(arm):
    return StaticCache(arm, Queries(("amber birch", "cedar")), max_depth=100)


def small_topics():
    """Six topics with two wordings each, judged on ten items."""
    rng = np.random.default_rng(0)
    n_topics, n_items = 6, 10
    words = ("red", "blue", "green", "white", "black", "brown")
    texts = [text for w in words for text in (f"{w} shoe", f"shoe {w}")]
    judged = [np.sort(rng.choice(n_items, 5, replace=False)) for _ in range(n_topics)]
    return Topics(
        catalogue=Catalogue(
            name=tuple(f"i{i}" for i in range(n_items)),
            fields={"title": tuple(f"{words[i % 6]} item" for i in range(n_items))},
        ),
        queries=Queries(tuple(texts)),
        query_indptr=np.arange(13),
        query_topic=np.repeat(np.arange(n_topics), 2),
        query_weight=np.ones(12),
        topic_indptr=np.arange(n_topics + 1) * 5,
        topic_item=np.concatenate(judged),
        topic_grade=rng.integers(0, 4, 5 * n_topics),
        traffic=np.append(np.full(10, 0.1), [0.0, 0.0]),
        held_out=np.append(np.zeros(10), [0.5, 0.5]),
        intent=np.zeros(12),
        intent_names=("plain",),
        max_grade=3,
        complete=True,
    )


def small_collection(folder):
    """A folder in the BEIR layout: 12 documents, 6 queries, 3 judgements each."""
    (folder / "qrels").mkdir()
    words = ("amber", "birch", "cedar", "delta", "ember", "fjord")
    docs = [{"_id": f"d{i}", "title": words[i % 6], "text": f"{words[i // 2]} text {i}"} for i in range(12)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs))
    asks = [{"_id": f"q{i}", "text": f"{w} and {words[i - 1]}"} for i, w in enumerate(words)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asks))
    rows = [f"q{q}\td{(2 * q + j) % 12}\t{2 - j}" for q in range(6) for j in range(3)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n")
    return Collection(folder, held_out=0.4)


POLICIES = {
    "SingleArm": lambda: bandits.SingleArm(2),
    "StaticQuota": lambda: bandits.StaticQuota((1, 0, 2, 0)),
    "StaticQuota in allocations": lambda: bandits.StaticQuota((1, 0, 2, 0), space="allocations"),
    "EqualSplit": bandits.EqualSplit,
    "Uniform": bandits.Uniform,
    "Uniform in allocations": lambda: bandits.Uniform("allocations"),
    "EpsilonGreedy": lambda: bandits.EpsilonGreedy(0.2),
    "EpsilonGreedy without exploration": lambda: bandits.EpsilonGreedy(0.0),
    "EpsilonGreedy in allocations": lambda: bandits.EpsilonGreedy(0.2, space="allocations"),
    "LinUCB": lambda: bandits.LinUCB(refactor_every=100),
    "LinUCB in allocations": lambda: bandits.LinUCB(space="allocations"),
    "LinUCBDisjoint": bandits.LinUCBDisjoint,
    "LinUCBDisjoint in slabs": lambda: bandits.LinUCBDisjoint(space="slabs", refactor_every=50),
    "VowpalWabbit": bandits.VowpalWabbit,
    "VowpalWabbit with squarecb": lambda: bandits.VowpalWabbit("squarecb"),
    "VowpalWabbit in allocations": lambda: bandits.VowpalWabbit(space="allocations"),
}
RETRIEVERS = {
    "BM25": BM25,
    "BM25 of titles": lambda: BM25(method="atire", fields=("title",)),
    "Dense": lambda: Dense(Letters()),
    "Dense with latent dimensions": lambda: Dense(fields=("text",)),
    "Memory": Memory,
    "Memory of clicks": lambda: Memory(signal="click"),
    "Popular": Popular,
    "Popular with decay": lambda: Popular("click", decay=0.99),
    "StaticCache": lambda: cached(BM25()),
    "StaticCache of dense": lambda: cached(Dense(Letters())),
}
RANKERS = {
    "PriorRanker": lambda: PriorRanker(NAMES, weights={"x": 1.0, "z": 0.5}),
    "LambdaMART": lambda: small_mart(),
    "LambdaMART without memory": lambda: small_mart(memory_free=True, position=False, weighting="page"),
}
USERS = {
    "Cascade": Cascade,
    "DBN": lambda: DBN(gamma=0.8),
    "PBM": PBM,
    "PBM by power": lambda: PBM(examination="power", eta=1.5, satisfaction=(0.0, 0.1, 0.2, 0.4, 0.8)),
    "SDBN": SDBN,
    "StopTable": lambda: StopTable(click=((0.1, 0.5, 1.0),), stop=((0.2, 0.5, 0.9),)),
    **{f"preset {name}": maker for name, maker in users.USERS.makers.items()},
}
WORLDS = {
    "Music": lambda _: Music(300, n_queries=80, seed=3),
    "Music without held-out queries": lambda _: Music(300, n_queries=40, held_out=0.0),
    "Collection": small_collection,
    "TopicWorld": lambda _: TopicWorld(small_topics(), n_users=5),
}
ESTIMATORS = {
    **{kind.__name__: kind for kind in estimators.ESTIMATORS.makers.values()},
    "OnPolicy": estimators.OnPolicy,
    "ClippedIPS at its limit": lambda: estimators.ClippedIPS(np.inf),
    "SwitchDR without weights": lambda: estimators.SwitchDR(0.0),
    "DROS at its limit": lambda: estimators.DROS(np.inf),
    "DROS below its peak": lambda: estimators.DROS(4.0),
    "SubGaussian without correction": lambda: estimators.SubGaussian(0.0),
    "SubGaussianDR of one half": lambda: estimators.SubGaussianDR(0.5),
    "CressieRead with bounded weights": lambda: estimators.CressieRead(0.0, 20.0),
    "CressieRead with bounded rewards": lambda: estimators.CressieRead(0.0, 20.0, -1.0, 2.0),
    "SNRIPS of three slots": lambda: slate.SNRIPS(3),
    "Slope": slope.Slope,
    "Slope of few breaks": lambda: slope.Slope("dr-os", (20.0, 5.0)),
    "Slope of corrections": lambda: slope.Slope("sub-gaussian-dr", delta=0.1),
}
DECLARED = {"weight_bound": 10.0, "reward_range": (0.0, 1.0)}
INTERVALS = {
    "Asymptotic": intervals.Asymptotic,
    "PoissonBootstrap": lambda: intervals.PoissonBootstrap(200, seed=3),
    "Hoeffding": lambda: intervals.Hoeffding(**DECLARED),
    "Hoeffding without a weight bound": lambda: intervals.Hoeffding(reward_range=(0.0, 1.0)),
    "EmpiricalBernstein": lambda: intervals.EmpiricalBernstein(**DECLARED),
    "ClopperPearson": intervals.ClopperPearson,
    "ConfidenceSequence": lambda: intervals.ConfidenceSequence(**DECLARED),
    "ConfidenceSequence without a weight bound": lambda: intervals.ConfidenceSequence(
        reward_range=(0.0, 1.0)
    ),
}
CAPITALS = {"parts_merge_to_one_pass": "a product of capitals is a capital, and not that of one gambler"}
EXEMPT: dict[str, dict[str, str]] = {
    "SNRIPS of three slots": {"label_makes_it_again": "the log says how many slots there are, not the label"},
    "ConfidenceSequence": CAPITALS,
    "ConfidenceSequence without a weight bound": CAPITALS,
}
"""By maker, checks that do not apply to it, and why."""

NO_RANKER = {"ReciprocalRankFusion": "scores provenance: has `fuse(union)` instead of `score(features)`"}
"""Public classes that resemble a protocol without being one, and why."""

NO_SINGLE = {"Difference": "takes two batches at a time, one a policy"}
"""Public estimators that take no single batch, and why."""

ROOMS = {
    "bandits": (bandits, Policy, POLICIES),
    "retrieval": (retrieval, Retriever, RETRIEVERS),
    "ranking": (ranking, Ranker, RANKERS),
    "users": (users, UserModel, USERS),
    "worlds": (worlds, World, WORLDS),
    "intervals": (intervals, IntervalMethod, INTERVALS),
}


def small_mart(**params):
    return LambdaMART(
        PriorRanker(NAMES, weights={"x": 1.0}), memory_columns=(2,), n_trees=8, first=100, **params
    )


def members(protocol):
    """Return the names that a protocol asks for, `Stateful` included."""
    parents = [c for c in protocol.__mro__ if getattr(c, "_is_protocol", False)]
    return {name for c in parents for name in vars(c) if not name.startswith("_")} - {"Protocol"}


def satisfies(kind, protocol):
    known = {*dir(kind), *getattr(kind, "__dataclass_fields__", {})}
    return (
        kind is not protocol
        and inspect.isclass(kind)
        and not inspect.isabstract(kind)
        and members(protocol) <= known
    )


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_component_has_a_maker(room):
    module, protocol, makers = ROOMS[room]
    public = {name for name in module.__all__ if satisfies(getattr(module, name), protocol)}
    made = {name.split(" ")[0] for name in makers} - {"preset"}
    assert public
    assert made == public


def test_every_public_estimator_has_a_maker():
    public = {
        name
        for module in (estimators, slate, slope)
        for name in module.__all__
        if inspect.isclass(kind := getattr(module, name)) and issubclass(kind, Estimator)
    }
    assert {name.split(" ")[0] for name in ESTIMATORS} == public - {"Estimator", *NO_SINGLE}
    for name in NO_SINGLE:
        with pytest.raises(InputError, match="takes two batches"):
            getattr(estimators, name)(estimators.IPS(), estimators.IPS()).add(batch_of(3))


def test_the_one_that_is_no_ranker_is_none():
    for name in NO_RANKER:
        kind = getattr(ranking, name)
        assert members(Ranker) - set(dir(kind)) == {"score"}


def test_exemptions_are_of_makers():
    assert set(EXEMPT) <= {*POLICIES, *RETRIEVERS, *RANKERS, *USERS, *WORLDS, *ESTIMATORS, *INTERVALS}


@pytest.mark.parametrize("name", POLICIES)
def test_policies(name):
    check_policy(POLICIES[name](), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", RETRIEVERS)
def test_retrievers(name):
    check_retriever(RETRIEVERS[name](), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", RANKERS)
def test_rankers(name):
    ranker = RANKERS[name]()
    check_ranker(ranker, n_features=len(NAMES), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", USERS)
def test_user_models(name):
    check_user_model(USERS[name](), skip=EXEMPT.get(name))


@pytest.mark.parametrize("max_grade", [1, 2, 3])
@pytest.mark.parametrize("name", users.USERS.makers)
def test_presets_in_worlds_of_other_grades(name, max_grade):
    check_user_model(users.USERS.makers[name](), max_grade=max_grade, n_places=4)


@pytest.mark.parametrize("name", WORLDS)
def test_worlds(name, tmp_path):
    check_world(WORLDS[name](tmp_path), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators(name):
    check_estimator(ESTIMATORS[name](), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_on_a_log_of_other_bounds(name):
    setting = {"weight_bound": 12.0, "reward_range": (0.0, 1.0), "n_slots": 2}
    check_estimator(ESTIMATORS[name](), **setting, skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", INTERVALS)
def test_intervals(name):
    check_interval(INTERVALS[name](), skip=EXEMPT.get(name))


def test_intervals_of_slates():
    several = (slate.SlateIPS(), slate.SlateSNIPS(), slate.SNRIPS(1))
    check_interval(intervals.PoissonBootstrap(100), estimators=several)
    check_interval(intervals.ConfidenceSequence(**DECLARED), estimators=several, skip=CAPITALS)


def test_other_arms_and_slots():
    check_policy(bandits.SingleArm(5), arms=tuple("abcdef"), n_slots=2)
    check_policy(bandits.StaticQuota((2, 3)), arms=("a", "b"), n_slots=5)


def test_the_arm_of_a_world_on_its_own_requests(tmp_path):
    world = small_collection(tmp_path)
    check_retriever(Memory(), catalogue=world.catalogue, requests=world.next(15))


def test_skip_needs_a_check_and_a_reason():
    with pytest.raises(InputError, match="did you mean 'empty_batch'"):
        check_policy(bandits.Uniform(), skip={"empty_bach": "why"})
    with pytest.raises(InputError, match="must say why"):
        check_policy(bandits.Uniform(), skip={"empty_batch": " "})


# --- stand-ins, each broken in one way -------------------------------------------------------------------


@dataclass(eq=False)
class SomePolicy(BasePolicy):
    """Learns one number for all, and gives it to the first action: right in every way."""

    space: str = "slabs"
    lean: float = field(init=False, default=0.1)
    steps: np.ndarray = field(init=False, default_factory=lambda: np.zeros(1))

    def probabilities(self, requests, actions, rng):
        even = level(actions, np.zeros(len(actions.action)))
        first = np.zeros(len(even))
        first[actions.indptr[:-1]] = 1.0
        return (1.0 - self.lean) * even + self.lean * first

    def learn(self, feedback):
        self.steps += len(feedback)
        if len(feedback):
            self.lean += (float(feedback.credit.mean()) - self.lean) / float(self.steps[0]) ** 0.5

    def state(self):
        return {"lean": self.lean, "steps": self.steps.copy()}

    def restore(self, state):
        self.lean, self.steps = state["lean"], state["steps"].copy()


class NoFork(SomePolicy):
    fork = None


class TooMuch(SomePolicy):
    def probabilities(self, requests, actions, rng):
        return 1.1 * super().probabilities(requests, actions, rng)


class Rectangular(SomePolicy):
    def probabilities(self, requests, actions, rng):
        width = actions.width
        return super().probabilities(requests, actions, rng).reshape(len(actions), width).reshape(-1)


class Fickle(SomePolicy):
    def probabilities(self, requests, actions, rng):
        self.lean *= 0.99
        return super().probabilities(requests, actions, rng)


class Crowded(SomePolicy):
    def probabilities(self, requests, actions, rng):
        p = super().probabilities(requests, actions, rng)
        share = min(0.5, 0.01 * len(requests))
        return (1 - share) * p + share * level(actions, np.zeros(len(p)))


class Fed(SomePolicy):
    def learn(self, feedback):
        super().learn(feedback)
        self.lean *= 0.9


class Scribbler(SomePolicy):
    def learn(self, feedback):
        feedback.credit[:] = np.round(feedback.credit)
        super().learn(feedback)


class Liar(SomePolicy):
    @property
    def deterministic(self):
        return True


class Heir(SomePolicy):
    def fork(self):
        heir = replace(self)
        heir.restore(self.state())
        return heir


class Twins(SomePolicy):
    """Its forks learn with it."""

    def fork(self):
        twin = replace(self)
        twin.steps = self.steps
        return twin

    def probabilities(self, requests, actions, rng):
        self.lean = 0.1 + 0.0005 * float(self.steps[0] % 1000)
        return super().probabilities(requests, actions, rng)


class Lender(SomePolicy):
    def state(self):
        return {"lean": self.lean, "steps": self.steps}


class Objects(SomePolicy):
    def state(self):
        return {**super().state(), "names": np.array(["a", None])}


class Forgetful(SomePolicy):
    """Restores what it states, and not how fast it learns."""

    def restore(self, state):
        self.lean = state["lean"]


class Amnesiac(SomePolicy):
    def restore(self, state):
        self.steps = state["steps"].copy()


BROKEN_POLICIES = [
    ("follows_protocol", NoFork),
    ("probabilities_are_probabilities", TooMuch),
    ("ragged_actions", Rectangular),
    ("asking_teaches_nothing", Fickle),
    ("batch_does_not_matter", Crowded),
    ("empty_batch", Fed),
    ("arguments_are_left_alone", Scribbler),
    ("deterministic_tells_the_truth", Liar),
    ("fork_is_unlearned", Heir),
    ("fork_is_unlearned", Twins),
    ("state_can_be_stored", Lender),
    ("state_can_be_stored", Objects),
    ("state_continues_exactly", Forgetful),
    ("state_continues_exactly", Amnesiac),
]


class SomeRanker:
    """Learns the mean feature row of clicks and scores by it, row by row: right in every way."""

    version = 0

    def __init__(self):
        self.weights, self.rows = np.zeros(4), 0

    def score(self, features):
        return sum(features[:, f].astype(np.float64) * self.weights[f] for f in range(4))

    def learn(self, feedback):
        clicked = feedback.features[feedback.click]
        if len(clicked):
            self.rows += len(clicked)
            self.weights = self.weights + (clicked.mean(axis=0) - self.weights) / self.rows**0.5

    def state(self):
        return {"weights": self.weights.copy(), "rows": self.rows}

    def restore(self, state):
        self.weights, self.rows = state["weights"].copy(), state["rows"]


class NoLearn(SomeRanker):
    learn = None


class Infinite(SomeRanker):
    def score(self, features):
        with np.errstate(divide="ignore"):
            return np.log(super().score(features))


class Relative(SomeRanker):
    def score(self, features):
        score = super().score(features)
        return score - score.mean() if len(score) else score


class Restless(SomeRanker):
    def learn(self, feedback):
        super().learn(feedback)
        self.weights = self.weights * 0.99 + 0.01


class Centring(SomeRanker):
    def score(self, features):
        score = super().score(features)
        features -= 0.5
        return score


class Dynasty(SomeRanker):
    def fork(self):
        heir = type(self)()
        heir.restore(self.state())
        return heir


class Adding(SomeRanker):
    def learn(self, feedback):
        self.weights += feedback.features[feedback.click].sum(axis=0)

    def state(self):
        return {"weights": self.weights, "rows": 0}


class Uncounted(SomeRanker):
    def restore(self, state):
        self.weights = state["weights"].copy()


BROKEN_RANKERS = [
    ("follows_protocol", NoLearn),
    ("scores_are_numbers", Infinite),
    ("batch_does_not_matter", Relative),
    ("empty_batch", Restless),
    ("arguments_are_left_alone", Centring),
    ("fresh_is_unlearned", Dynasty),
    ("state_can_be_stored", Adding),
    ("state_continues_exactly", Uncounted),
]


class SomeArm:
    """Counts clicks a item and returns what has words in common or was clicked: right in every way."""

    static = False

    def index(self, catalogue):
        self.words = [
            set(" ".join(fields).split()) for fields in zip(*catalogue.fields.values(), strict=True)
        ]
        self.alive = catalogue.alive.copy()
        self.clicks = np.zeros(len(catalogue))

    def points(self, text):
        asked = set(text.split())
        shared = np.array([len(asked & words) for words in self.words], np.float64)
        return np.where(self.alive, shared + self.bonus(), 0.0)

    def bonus(self):
        return self.clicks / (1.0 + self.clicks.sum())

    def order(self, points):
        return np.lexsort((np.arange(len(points)), -points))

    def pick(self, points, depth):
        return [i for i in self.order(points) if points[i] > 0][:depth]

    def retrieve(self, requests, depth):
        items, scores = [], []
        for query, d in zip(requests.query.tolist(), depth.tolist(), strict=True):
            points = self.points(requests.queries.text[query] if query >= 0 else "").astype(np.float32)
            best = self.pick(points, d)
            items.append(best)
            scores.append(points[best])
        lengths = np.array([len(best) for best in items], np.int64)
        return Candidates(
            np.append(0, np.cumsum(lengths)),
            np.concatenate([[], *items]).astype(np.int32),
            np.concatenate([np.zeros(0), *scores]),
            lengths == depth,
        )

    def learn(self, feedback):
        np.add.at(self.clicks, feedback.item[feedback.click], 1.0)

    def state(self):
        return {"clicks": self.clicks.copy()}

    def restore(self, state):
        self.clicks = state["clicks"].copy()


class NoIndex(SomeArm):
    index = None


class Undead(SomeArm):
    def index(self, catalogue):
        super().index(catalogue)
        self.alive[:] = True


class TwiceTheSame(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        item = got.item.copy()
        longer = np.flatnonzero(np.diff(got.indptr) > 1)
        item[got.indptr[longer] + 1] = item[got.indptr[longer]]
        return replace(got, item=item)


class LateTies(SomeArm):
    def order(self, points):
        return np.lexsort((-np.arange(len(points)), -points))


class WorstFirst(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        return replace(got, score=-got.score)


class Averse(SomeArm):
    """Turns away from whatever is asked for most in the batch."""

    def retrieve(self, requests, depth):
        self.crowd = len(requests)
        return super().retrieve(requests, depth)

    def points(self, text):
        points = super().points(text)
        return points + 0.001 * self.crowd * (points > 0)


class Diverse(SomeArm):
    """Leaves out the best where three are asked for."""

    def pick(self, points, depth):
        return super().pick(points, depth + 1)[1:] if depth == 3 else super().pick(points, depth)


class Ticking(SomeArm):
    def learn(self, feedback):
        super().learn(feedback)
        self.clicks[1] += 1.0


class Truncating(SomeArm):
    def retrieve(self, requests, depth):
        got = super().retrieve(requests, depth)
        np.minimum(depth, 5, out=depth)
        return got


class SoCalledStatic(SomeArm):
    static = True


class BySession(SomeArm):
    """Never learns, and yet does not go by the query alone."""

    static = True

    def learn(self, feedback):
        pass

    def retrieve(self, requests, depth):
        return super().retrieve(replace(requests, query=np.minimum(requests.query, requests.user)), depth)


class Elephant(SomeArm):
    def index(self, catalogue):
        clicks = getattr(self, "clicks", None)
        super().index(catalogue)
        self.clicks = self.clicks if clicks is None else clicks


class ByNumber(SomeArm):
    def points(self, text):
        points = super().points(text)
        return points * (1.0 + np.arange(len(points)))


class Lending(SomeArm):
    def state(self):
        return {"clicks": self.clicks}


class Blank(SomeArm):
    def restore(self, state):
        pass


BROKEN_RETRIEVERS = [
    ("follows_protocol", NoIndex),
    ("lists_are_lists", Undead),
    ("lists_are_lists", TwiceTheSame),
    ("best_come_first", LateTies),
    ("best_come_first", WorstFirst),
    ("batch_does_not_matter", Averse),
    ("deeper_extends_shallower", Diverse),
    ("empty_batch", Ticking),
    ("arguments_are_left_alone", Truncating),
    ("static_never_changes", SoCalledStatic),
    ("static_never_changes", BySession),
    ("index_starts_afresh", Elephant),
    ("order_of_items_does_not_matter", ByNumber),
    ("state_can_be_stored", Lending),
    ("state_continues_exactly", Blank),
]


class NoSample(SDBN):
    sample = None


class Overconfident(SDBN):
    def probabilities(self, truth):
        p = super().probabilities(truth)
        return replace(p, click=1.2 * p.click)


class Stray(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        click = outcome.click | (u[..., 0] < 0.01)
        return replace(outcome, click=click, abandoned=~click.any(axis=1))


class Contented(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        satisfied = outcome.satisfied | ((truth.rectangle() > 0) & (u[..., 1] < 0.3))
        return replace(outcome, satisfied=satisfied)


class Resigned(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        return replace(outcome, abandoned=~outcome.satisfied.any(axis=1))


class Moody(PBM):
    """Clicks by a generator of its own."""

    rng = np.random.default_rng(0)

    def sample(self, truth, u):
        return super().sample(truth, self.rng.random(u.shape))


class Herd(PBM):
    """Reads what the first user of the batch is inclined to."""

    def sample(self, truth, u):
        return super().sample(truth, np.broadcast_to(u[:1], u.shape) if len(u) else u)


class Needy(SDBN):
    def sample(self, truth, u):
        if not len(truth):
            raise ZeroDivisionError("no pages")
        return super().sample(truth, u)


class Squeezing(PBM):
    def sample(self, truth, u):
        outcome = super().sample(truth, u)
        u *= 0.5
        return outcome


class Generous(PBM):
    """Clicks a little more than it says."""

    def sample(self, truth, u):
        return super().sample(truth, u**1.1)


class Deaf(PBM):
    """Clicks where it is likelier than not, whatever the uniforms."""

    def sample(self, truth, u):
        return super().sample(truth, np.full_like(u, 0.5))


BROKEN_USERS = [
    ("follows_protocol", NoSample),
    ("probabilities_are_probabilities", Overconfident),
    ("empty_places_are_never_clicked", Stray),
    ("satisfied_implies_click", Contented),
    ("satisfied_implies_click", Resigned),
    ("uniforms_decide_everything", Moody),
    ("uniforms_decide_everything", Herd),
    ("empty_batch", Needy),
    ("arguments_are_left_alone", Squeezing),
    ("samples_match", Generous),
    ("samples_match", Deaf),
]


class Mute(TopicWorld):
    held_out = None


class Stuck(TopicWorld):
    """Repeats ids: every batch starts at 0."""

    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, request=np.arange(n))


class Backwards(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, time=-requests.time)


class Lumpy(TopicWorld):
    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        return replace(requests, user=requests.user + n)


class Forever(TopicWorld):
    """Its forks stand where it stands."""

    def fork(self, streams):
        world = super().fork(streams)
        world._cursor = self._cursor
        return world


class OneStream(TopicWorld):
    def fork(self, streams):
        return super().fork(replace(streams, replicate=0))


class TooGood(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, grade=np.where(truth.grade == 3, 4, truth.grade))


class Filled(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, grade=np.maximum(truth.grade, 0))


class Envious(TopicWorld):
    """Grades the item asked about first better."""

    def truth(self, requests, items):
        truth = super().truth(requests, items)
        grade = truth.grade.copy()
        first = items.indptr[:-1][np.diff(items.indptr) > 0]
        grade[first] = np.where(grade[first] >= 0, 3, grade[first])
        return replace(truth, grade=grade)


class Cheap(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, ideal=np.maximum(truth.ideal - 1, 0))


class Miscounted(TopicWorld):
    def truth(self, requests, items):
        truth = super().truth(requests, items)
        return replace(truth, n_relevant=truth.n_relevant + 1)


class Spent(TopicWorld):
    def held_out(self, n):
        self._cursor += n
        return super().held_out(n)


class Leaky(TopicWorld):
    def held_out(self, n):
        return replace(super().held_out(n), query=np.zeros(n))


class Telling(TopicWorld):
    """Its context says how many items are relevant."""

    def next(self, n, feedback=None):
        requests = super().next(n, feedback)
        told = self.topics.query_topic[requests.query] % 3
        context = np.column_stack([requests.context, told]).astype(np.float32)
        return requests.with_context(context, (*requests.context_names, "hint"))


class Counting(TopicWorld):
    """Counts how often it was asked, which moves it where nothing was."""

    calls = 0

    def next(self, n, feedback=None):
        self.calls += 1
        return super().next(n, feedback)

    def state(self):
        return {**super().state(), "calls": self.calls}


class Sorting(TopicWorld):
    def next(self, n, feedback=None):
        if feedback is not None:
            feedback.credit.sort(axis=0)
        return super().next(n, feedback)


class Lost(TopicWorld):
    def restore(self, state):
        pass


BROKEN_WORLDS = [
    ("follows_protocol", Mute),
    ("requests_are_numbered", Stuck),
    ("requests_are_numbered", Backwards),
    ("batches_may_be_cut_anywhere", Lumpy),
    ("fork_starts_anew", Forever),
    ("fork_starts_anew", OneStream),
    ("truth_fits", TooGood),
    ("truth_fits", Filled),
    ("truth_of_an_item_is_its_own", Envious),
    ("ideal_is_the_best", Cheap),
    ("ideal_is_the_best", Miscounted),
    ("held_out_changes_nothing", Spent),
    ("held_out_changes_nothing", Leaky),
    ("context_keeps_the_secret", Telling),
    ("empty_batch", Counting),
    ("arguments_are_left_alone", Sorting),
    ("state_continues_exactly", Lost),
]


@dataclass
class SomeEstimator(Estimator):
    """Mean of ``min(w, top) r``: right in every way."""

    name: ClassVar[str] = "some"

    top: float = 2.0

    def terms(self, batch):
        return (np.minimum(needed(batch, "weight", self.name), self.top) * batch.reward)[:, None]

    def combine(self, mean):
        return mean[..., 0]

    def bounds(self, weight_bound, low, high):
        top = min(self.top, weight_bound)
        return min(0.0, top * low), max(0.0, top * high)


class Nameless(SomeEstimator):
    name = ""


@dataclass
class Untold(SomeEstimator):
    pass


class Renegade(SomeEstimator):
    def fork(self):
        return SomeEstimator(self.top)


class Hidden(SomeEstimator):
    def __init__(self, top=2.0, lift=0.0):
        super().__init__(top)
        self.lift = lift


class Chatty(SomeEstimator):
    def __repr__(self):
        return f"Chatty(top={self.top}, n={self.moments.n})"


class Flat(SomeEstimator):
    def terms(self, batch):
        return super().terms(batch)[:, 0]


class Wide(SomeEstimator):
    def terms(self, batch):
        return np.repeat(super().terms(batch), 2, axis=1)


class Coarse(SomeEstimator):
    def terms(self, batch):
        return super().terms(batch).astype(np.float32)


class Capping(SomeEstimator):
    def terms(self, batch):
        if batch.weight is not None:
            np.minimum(batch.weight, self.top, out=batch.weight)
        return super().terms(batch)


class Misspelt(SomeEstimator):
    needs = frozenset({"wieght"})


class Lenient(SomeEstimator):
    """Takes weights of 1 where there are none."""

    def terms(self, batch):
        weight = np.ones(len(batch)) if batch.weight is None else batch.weight
        return super().terms(replace(batch, weight=weight))


class Peeking(SomeEstimator):
    """Reads predictions where there are any, and does not say so."""

    def terms(self, batch):
        return super().terms(batch) + (0.0 if batch.q_target is None else batch.q_target[:, None])


class Careless(SomeEstimator):
    def rows(self, batch):
        terms = self.terms(batch)
        count = np.ones(len(batch)) if batch.count is None else batch.count
        return count[:, None] * np.hstack([np.ones((len(batch), 1)), terms])


class Optimist(SomeEstimator):
    def value(self):
        return super().value() if self.moments.n else 0.0


class Unsure(SomeEstimator):
    def standard_error(self):
        return super().standard_error() + 0.01


class Downward(SomeEstimator):
    def standard_error(self):
        return -super().standard_error()


class Fading(SomeEstimator):
    """Early rows of a batch count more."""

    def terms(self, batch):
        return super().terms(batch) * (1.0 - 1e-6 * np.arange(len(batch)))[:, None]


class Clocked(SomeEstimator):
    """A batch is worth a row of its own."""

    def add(self, batch):
        super().add(batch)
        if len(batch) == 0:
            self.moments.add(np.array([[1.0, 0.0]]))


class Relation(SomeEstimator):
    def terms(self, batch):
        terms = super().terms(batch)
        return terms - (1e-9 * terms.max() if len(terms) else 0.0)


class Solitary(SomeEstimator):
    def merge(self, other):
        if self.moments.n < 200 or other.moments.n > 200:
            super().merge(other)


class Leaning(SomeEstimator):
    """Leans towards what was merged last."""

    def merge(self, other):
        super().merge(other)
        if other.moments.n:
            self.moments.mean = self.moments.mean + 1e-9 * other.moments.mean


class Uncounting(SomeEstimator):
    def rows(self, batch):
        return super().rows(replace(batch, count=None))


class Successor(SomeEstimator):
    def fork(self):
        heir = replace(self)
        heir.moments.merge(self.moments)
        return heir


class Siamese(SomeEstimator):
    """Its forks see what it sees, once it has seen something."""

    def fork(self):
        twin = replace(self)
        if self.moments.n:
            twin.moments = self.moments
        return twin


class Defaulting(SomeEstimator):
    def fork(self):
        return type(self)()


class Friendly(SomeEstimator):
    def merge(self, other):
        self.moments.merge(other.moments)


class Tolerant(SomeEstimator):
    """Minds the kind, and not the parameters."""

    def merge(self, other):
        if type(other) is not type(self):
            raise InputError("another kind")
        self.moments.merge(other.moments)


class OneByOne(SomeEstimator):
    def combine(self, mean):
        return mean[0]


class Realist(SomeEstimator):
    """Knows no complex numbers, so that its derivative is 0."""

    def combine(self, mean):
        return np.real(mean[..., 0])


class Boastful(SomeEstimator):
    def bounds(self, weight_bound, low, high):
        return low, high


class Bounding(SomeEstimator):
    """Says bounds of a term whose mean is not the estimate."""

    def combine(self, mean):
        return np.exp(mean[..., 0])


class Impostor(SomeEstimator):
    name = "ips"


class Endless(SomeEstimator):
    """Infinite where the log has a weight of 0."""

    def terms(self, batch):
        terms = super().terms(batch)
        return np.where(batch.weight[:, None] == 0.0, np.inf, terms)


class Short(SomeEstimator):
    def rows(self, batch):
        return super().rows(batch)[:, 1:]


class Boxed(SomeEstimator):
    def value(self):
        return np.array(super().value())


class Steadied(SomeEstimator):
    """Loses a little of the spread by merging."""

    def merge(self, other):
        super().merge(other)
        if other.moments.n:
            self.moments.comoment = 0.999 * self.moments.comoment


class Echo(SomeEstimator):
    """What its forks see, it sees too, once it has seen something."""

    parent = None

    def fork(self):
        twin = replace(self)
        twin.parent = self
        return twin

    def add(self, batch):
        super().add(batch)
        if self.parent is not None and self.parent.moments.n:
            self.parent.moments.add(self.rows(batch))


class Worldly(SomeEstimator):
    """Minds the parameters, and not the kind."""

    def merge(self, other):
        if other.parameters().get("top", self.top) != self.top:
            raise InputError("other parameters")
        self.moments.merge(other.moments)


class Grudging(SomeEstimator):
    def merge(self, other):
        if type(other) is type(self):
            self.moments.merge(other.moments)
            other = self.fork() if other.top == self.top else other
        super().merge(other)


BROKEN_ESTIMATORS = [
    ("follows_protocol", Nameless),
    ("follows_protocol", Untold),
    ("follows_protocol", Renegade),
    ("terms_have_their_shape", Endless),
    ("terms_have_their_shape", Short),
    ("arguments_are_left_alone", Capping),
    ("parameters_are_fields", Hidden),
    ("parameters_are_fields", Chatty),
    ("terms_have_their_shape", Flat),
    ("terms_have_their_shape", Wide),
    ("terms_have_their_shape", Coarse),
    ("needs_are_columns", Misspelt),
    ("needs_are_columns", Lenient),
    ("needs_are_columns", Peeking),
    ("several_slots_where_declared", Careless),
    ("value_is_a_number", Optimist),
    ("value_is_a_number", Boxed),
    ("standard_error_is_one", Unsure),
    ("standard_error_is_one", Downward),
    ("order_does_not_matter", Fading),
    ("empty_batch", Clocked),
    ("parts_merge_to_one_pass", Relation),
    ("parts_merge_to_one_pass", Solitary),
    ("parts_merge_to_one_pass", Leaning),
    ("parts_merge_to_one_pass", Steadied),
    ("counts_are_repetitions", Uncounting),
    ("fork_has_seen_nothing", Successor),
    ("fork_has_seen_nothing", Siamese),
    ("fork_has_seen_nothing", Defaulting),
    ("fork_has_seen_nothing", Echo),
    ("merge_refuses_others", Friendly),
    ("merge_refuses_others", Worldly),
    ("merge_refuses_others", Grudging),
    ("merge_refuses_others", Tolerant),
    ("many_means_at_once", OneByOne),
    ("gradient_is_the_derivative", Realist),
    ("bounds_hold", Boastful),
    ("bounds_hold", Bounding),
    ("label_makes_it_again", Impostor),
]


@dataclass
class SomeInterval:
    """Mean of one term ± ``stretch / sqrt(n (1 − level))``: right in every way."""

    stretch: float = 1.0
    seen: Moments = field(init=False, repr=False)

    name = "some"

    def __post_init__(self):
        self.seen = Moments(2)

    def fork(self, estimator=None):
        return replace(self)

    def add(self, rows, key):
        if rows.shape[1] == 2:
            self.seen.add(rows)

    def merge(self, other):
        if other.stretch != self.stretch:
            raise InputError("other parameters")
        self.seen.merge(other.seen)

    def half(self, level):
        return self.stretch / np.sqrt(self.seen.n * (1.0 - level))

    def interval(self, estimator, level=0.95):
        if not 0.0 < level < 1.0:
            raise InputError("no level")
        if self.seen.n == 0:
            return None
        mean, half = estimator.value(), self.half(level)
        return Interval(mean, mean - half, mean + half, self.seen.n)


class Unmergeable(SomeInterval):
    merge = None


class Silent(SomeInterval):
    def interval(self, estimator, level=0.95):
        return None


class Unlike(SomeInterval):
    def fork(self, estimator=None):
        return SomeInterval(self.stretch)


class Rounding(SomeInterval):
    def add(self, rows, key):
        super().add(rows, key)
        np.round(rows, out=rows)


class Draining(SomeInterval):
    """Takes from another what it takes in."""

    def merge(self, other):
        super().merge(other)
        other.seen = Moments(2)


class Astray(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else replace(got, mean=got.mean + 1e-6)


class Turned(SomeInterval):
    """Ends in the wrong order at high levels."""

    def half(self, level):
        return super().half(level) * (-1.0 if level > 0.98 else 1.0)


class Tiring(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        self.stretch *= 1.1
        return got


class Stubborn(SomeInterval):
    def half(self, level):
        return super().half(0.9)


class Inverse(SomeInterval):
    def half(self, level):
        return super().half(1.0 - level)


class Anyhow(SomeInterval):
    def interval(self, estimator, level=0.95):
        return super().interval(estimator, level if 0.0 < level < 1.0 else 0.9)


class Inheriting(SomeInterval):
    def fork(self, estimator=None):
        heir = replace(self)
        heir.seen.merge(self.seen)
        return heir


class Shared(SomeInterval):
    """Its forks write down where it writes down, once it has seen something."""

    def fork(self, estimator=None):
        twin = replace(self)
        if self.seen.n:
            twin.seen = self.seen
        return twin


class Piecewise(SomeInterval):
    """Widens with every batch."""

    batches: int = 0

    def add(self, rows, key):
        super().add(rows, key)
        self.batches += 1

    def half(self, level):
        return super().half(level) * (1.0 + 0.01 * self.batches)


class Ignoring(SomeInterval):
    def merge(self, other):
        if other.stretch != self.stretch:
            raise InputError("other parameters")


class Twice(SomeInterval):
    """Becomes surer by merging than it may."""

    def half(self, level):
        return super().half(level) * getattr(self, "share", 1.0)

    def merge(self, other):
        super().merge(other)
        self.share = 0.9


class Promiscuous(SomeInterval):
    def merge(self, other):
        self.seen.merge(other.seen)
        self.stretch = min(self.stretch, other.stretch)


class Certain(SomeInterval):
    def half(self, level):
        return 0.0 if self.seen.n == 1 else super().half(level)


class FromNothing(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return Interval(0.0, -np.inf, np.inf, 0) if got is None and not estimator.moments.n else got


class Dividing(SomeInterval):
    """Divides by the spread of the rows."""

    def half(self, level):
        spread = np.sqrt(self.seen.covariance[1, 1])
        return super().half(level) * (spread / spread if spread else np.nan) if self.seen.n > 1 else 1.0


class Anonymous(SomeInterval):
    name = ""


class Tupled(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else (got.low, got.high)


class Longwinded(SomeInterval):
    def interval(self, estimator, level=0.95):
        if self.seen.n == 0:
            raise InputError("nothing seen:\ngive it rows")
        return super().interval(estimator, level)


class Lopsided(SomeInterval):
    """Is wider at higher levels, on one side."""

    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if got is None else replace(got, low=got.mean - 0.1 * (1.0 - level))


class Choosy(SomeInterval):
    def interval(self, estimator, level=0.95):
        got = super().interval(estimator, level)
        return None if level == 0.99 else got


class Reverberant(SomeInterval):
    """What its forks see, it sees too, once it has seen something."""

    parent = None

    def fork(self, estimator=None):
        twin = replace(self)
        twin.parent = self
        return twin

    def add(self, rows, key):
        super().add(rows, key)
        if self.parent is not None and self.parent.seen.n:
            self.parent.add(rows, key)


BROKEN_INTERVALS = [
    ("follows_protocol", Anonymous),
    ("follows_protocol", Tupled),
    ("asking_changes_nothing", Longwinded),
    ("wider_at_higher_levels", Lopsided),
    ("wider_at_higher_levels", Choosy),
    ("fork_has_seen_nothing", Reverberant),
    ("follows_protocol", Unmergeable),
    ("follows_protocol", Silent),
    ("follows_protocol", Unlike),
    ("arguments_are_left_alone", Rounding),
    ("arguments_are_left_alone", Draining),
    ("intervals_are_of_the_estimate", Astray),
    ("intervals_are_of_the_estimate", Turned),
    ("asking_changes_nothing", Tiring),
    ("wider_at_higher_levels", Stubborn),
    ("wider_at_higher_levels", Inverse),
    ("wider_at_higher_levels", Anyhow),
    ("fork_has_seen_nothing", Inheriting),
    ("fork_has_seen_nothing", Shared),
    ("chunks_are_one_pass", Piecewise),
    ("parts_merge_to_one_pass", Ignoring),
    ("parts_merge_to_one_pass", Twice),
    ("merge_minds_parameters", Promiscuous),
    ("few_requests", Certain),
    ("few_requests", FromNothing),
    ("odd_logs_have_no_nan", Dividing),
]


@dataclass(frozen=True)
class Stall:
    """Checks with a way to run them, a class that passes them, and classes that do not."""

    checks: tuple
    run: object
    right: object
    broken: list


STALLS = {
    "policy": Stall(POLICY_CHECKS, lambda kind: check_policy(kind()), SomePolicy, BROKEN_POLICIES),
    "ranker": Stall(
        RANKER_CHECKS, lambda kind: check_ranker(kind(), n_features=4), SomeRanker, BROKEN_RANKERS
    ),
    "retriever": Stall(RETRIEVER_CHECKS, lambda kind: check_retriever(kind()), SomeArm, BROKEN_RETRIEVERS),
    "user": Stall(USER_MODEL_CHECKS, lambda kind: check_user_model(kind()), PBM, BROKEN_USERS),
    "world": Stall(
        WORLD_CHECKS, lambda kind: check_world(kind(small_topics(), n_users=5)), TopicWorld, BROKEN_WORLDS
    ),
    "estimator": Stall(
        ESTIMATOR_CHECKS, lambda kind: check_estimator(kind(3.0)), SomeEstimator, BROKEN_ESTIMATORS
    ),
    "interval": Stall(INTERVAL_CHECKS, lambda kind: check_interval(kind()), SomeInterval, BROKEN_INTERVALS),
}
NOT_BY_A_CLASS = {"draws_match": "policies state and the loop draws: see the test with a broken draw"}


@pytest.mark.parametrize("name", STALLS)
def test_the_right_one_passes(name):
    STALLS[name].run(STALLS[name].right)


@pytest.mark.parametrize(
    ("name", "check", "kind"),
    [(name, check, kind) for name, stall in STALLS.items() for check, kind in stall.broken],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_broken_one_fails_where_it_is_broken(name, check, kind):
    with pytest.raises(CheckError) as caught:
        STALLS[name].run(kind)
    assert caught.value.check == check
    assert "\n" not in str(caught.value).split("raised")[0]


@pytest.mark.parametrize("name", STALLS)
def test_every_check_can_fail(name):
    stall = STALLS[name]
    covered = {check for check, _ in stall.broken} | set(NOT_BY_A_CLASS)
    assert {check.__name__ for check in stall.checks} <= covered


def test_the_data_teach_something():
    learner = POLICIES["LinUCB"]()
    case = policy_module._Case(learner, ("a", "b", "c", "d"), 3)
    fresh, learned = (np.concatenate(case.answers(policy)) for _, policy in case.both())
    assert (fresh != learned).any()
    ranker = ranker_module._Case(small_mart(), 4)
    half, whole = ranker.learned(), ranker.learned(n=4)
    assert 0 < half.version < whole.version
    assert (half.score(ranker.rows()) != whole.score(ranker.rows())).any()
    arm = retriever_module._Case(Memory(), catalogue_of(), requests_of(24))
    lists = [len(arm.found(memory).item) for memory in (arm.indexed(), arm.learned(), arm.learned(n=6))]
    assert lists[0] == 0 < lists[1] < lists[2]


@pytest.mark.parametrize("policy", [bandits.EpsilonGreedy(0.2), bandits.SingleArm(2)])
def test_draws_must_match_what_is_stated(policy, monkeypatch):
    def early(actions, probabilities, u):
        """Draw a little too often what comes first."""
        position, mixed, audited = draw(actions, probabilities, 0.97 * u)
        return np.where(u > 0.999, actions.indptr[:-1], position), mixed, audited

    check_policy(policy)
    monkeypatch.setattr(policy_module, "draw", early)
    with pytest.raises(CheckError, match="draws_match"):
        check_policy(policy)


def test_what_a_class_raises_is_named_with_the_check():
    with pytest.raises(CheckError, match="empty_batch: raised ZeroDivisionError where it must not: no pages"):
        check_user_model(Needy())


def test_a_label_that_says_too_little_is_found():
    with pytest.raises(CheckError, match=r"label_makes_it_again: .*n_slots` must be 3, got 10"):
        check_estimator(slate.SNRIPS(3))


def test_what_is_no_estimator_is_said_to_be_none():
    with pytest.raises(CheckError, match=r"follows_protocol: `PBM` must be an `ltrr\.replay\.estimators"):
        check_estimator(PBM())


@pytest.mark.parametrize("check", [check_estimator, check_interval])
def test_bounds_of_the_logs_are_checked(check):
    component = SomeEstimator() if check is check_estimator else SomeInterval()
    with pytest.raises(InputError, match=r"`reward_range\[1\]` must be a number > 1, got 0\.0"):
        check(component, reward_range=(1.0, 0.0))
    with pytest.raises(InputError, match=r"`weight_bound` must be a number > 1, got 1\.0"):
        check(component, weight_bound=1.0)


def test_batches_keep_their_bounds_and_meet_them():
    batch = batch_of(3000, weight_bound=6.0, reward_range=(-1.0, 2.0), n_slots=3, counted=True)
    assert (len(batch.indptr) - 1, np.diff(batch.indptr).min(), np.diff(batch.indptr).max()) == (3000, 1, 3)
    assert (batch.slot[batch.indptr[:-1]] == 0).all()
    assert (batch.slot[batch.indptr[1:] - 1] == np.diff(batch.indptr) - 1).all()
    assert (batch.count == batch.count[batch.indptr[:-1]].repeat(np.diff(batch.indptr))).all()
    for name in ("weight", "balanced_weight", "marginal_weight"):
        weight = getattr(batch, name)
        assert (weight.min() >= 0.0, weight.max()) == (True, 6.0)
    for name in ("reward", "q_logged", "q_target", "mrdr_logged", "mrdr_target"):
        assert (getattr(batch, name).min(), getattr(batch, name).max()) == (-1.0, 2.0)
    assert len(batch_of(0, n_slots=2, counted=True)) == 0


def test_variants_change_one_number_at_a_time():
    assert variants(intervals.Hoeffding(10.0, (0.0, 1.0))) == [
        intervals.Hoeffding(5.0, (0.0, 1.0)),
        intervals.Hoeffding(10.0, (0.0, 0.5)),
    ]
    # half of 0 is no other number, and a weight bound of 1 or less is refused
    assert variants(estimators.SubGaussian(0.0)) == [estimators.SubGaussian(0.5)]
    assert variants(estimators.CressieRead(0.0, 1.5))[1] == estimators.CressieRead(0.0, 3.0)
    assert variants(intervals.PoissonBootstrap(100)) == [
        intervals.PoissonBootstrap(101),
        intervals.PoissonBootstrap(100, 1),
    ]
    assert variants(estimators.IPS()) == variants(object()) == []


def test_refusals_are_one_line_of_input_error():
    def raises(error):
        raise error

    refused(lambda: raises(InputError("one line")), "a call")
    with pytest.raises(Exception, match="a call must raise an `InputError` of one line, got 2 lines"):
        refused(lambda: raises(InputError("two\nlines")), "a call")
    with pytest.raises(Exception, match="a call must raise `InputError`, got 3"):
        refused(lambda: 3, "a call")
    with pytest.raises(ZeroDivisionError):
        refused(lambda: 1 / 0, "a call")
