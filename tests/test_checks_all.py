"""Every registered component keeps its protocol; a name in a registry is enough to be checked here."""

import inspect
import json
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from ltrr import bandits, checks, embeddings, ranking, retrieval, users, worlds
from ltrr.checks.data import requests_of
from ltrr.checks.logged import batch_of
from ltrr.embeddings import LSA, CoAction, FromFunction, SentenceTransformerEncoder
from ltrr.errors import InputError
from ltrr.protocols import Encoder, Policy, Ranker, Retriever, UserModel, World
from ltrr.ranking import LambdaMART, PriorRanker, SklearnRanker
from ltrr.registry import registry_of
from ltrr.replay import estimators, intervals
from ltrr.replay.estimators import Estimator, slate, slope
from ltrr.replay.intervals import IntervalMethod
from ltrr.retrieval import BM25, Dense, Explore, Hybrid, Memory, Popular, StaticCache, TrecRun
from ltrr.types import Catalogue, Queries
from ltrr.users import DBN, PBM, StopTable
from ltrr.worlds import Collection, Music, Topics, TopicWorld
from tests.fake_sentence_transformers import installed

NAMES = ("x", "y", "memory_rate", "z")
DECLARED = {"weight_bound": 10.0, "reward_range": (0.0, 1.0)}


class Letters:
    """Vectors of letter counts: an encoder that does not care for the order of the catalogue."""

    def encode(self, texts):
        counts = np.array([[text.count(c) for c in "abcdefghijklmnopqrstuvwxyz"] for text in texts])
        return counts.reshape(len(texts), 26).astype(np.float32)


def cached(arm):
    return StaticCache(arm, Queries(("amber birch", "cedar")), max_depth=100)


def stand_in():
    with installed():
        return SentenceTransformerEncoder("letters")


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


def small_collection():
    """A folder in the BEIR layout, read into a world: 12 documents, 6 queries, 3 judgements each."""
    with TemporaryDirectory() as name:
        return read_collection(Path(name))


def read_collection(folder):
    (folder / "qrels").mkdir()
    words = ("amber", "birch", "cedar", "delta", "ember", "fjord")
    docs = [{"_id": f"d{i}", "title": words[i % 6], "text": f"{words[i // 2]} text {i}"} for i in range(12)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs))
    asks = [{"_id": f"q{i}", "text": f"{w} and {words[i - 1]}"} for i, w in enumerate(words)]
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in asks))
    rows = [f"q{q}\td{(2 * q + j) % 12}\t{2 - j}" for q in range(6) for j in range(3)]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(rows) + "\n")
    return Collection(folder, held_out=0.4)


@cache
def run_folder():
    return TemporaryDirectory()  # held until the tests end


def small_run_file():
    """A run that lists items, with ties and unknown ones, for most of the checks' query texts."""
    path = Path(run_folder().name) / "some.run"
    rng = np.random.default_rng(4)
    texts = dict.fromkeys(text for text in requests_of(4).queries.text[::2] if text)
    rows = [
        f"{text}\tQ0\titem{i}\t0\t{rng.integers(0, 9) / 4}\tsome\n"
        for text in texts
        for i in rng.choice(70, rng.integers(1, 40), replace=False)
    ]
    path.write_text("".join(rows))
    return TrecRun(path)


def small_mart(**params):
    prior = PriorRanker(NAMES, weights={"x": 1.0})
    return LambdaMART(prior, memory_columns=(2,), n_trees=8, first=100, **params)


MADE = {
    "policies": {
        "single": lambda: bandits.SingleArm(2),
        "static": lambda: bandits.StaticQuota((1, 0, 2, 0)),
        "static in allocations": lambda: bandits.StaticQuota((1, 0, 2, 0), space="allocations"),
        "uniform in allocations": lambda: bandits.Uniform("allocations"),
        "epsilon-greedy that explores more": lambda: bandits.EpsilonGreedy(0.2),
        "epsilon-greedy without exploration": lambda: bandits.EpsilonGreedy(0.0),
        "epsilon-greedy in allocations": lambda: bandits.EpsilonGreedy(0.2, space="allocations"),
        "linucb that refactors": lambda: bandits.LinUCB(refactor_every=100),
        "linucb in allocations": lambda: bandits.LinUCB(space="allocations"),
        "linucb-disjoint in slabs": lambda: bandits.LinUCBDisjoint(space="slabs", refactor_every=50),
        "vw with squarecb": lambda: bandits.VowpalWabbit("squarecb"),
        "vw in allocations": lambda: bandits.VowpalWabbit(space="allocations"),
    },
    "arms": {
        "bm25 of titles": lambda: BM25(method="atire", fields=("title",)),
        "dense by a graph": lambda: Dense(Letters(), ann_above=0, ann_pool=1000),
        "dense of letters": lambda: Dense(Letters()),
        "dense of texts": lambda: Dense(LSA(dim=8), fields=("text",)),
        "hybrid by ranks": lambda: Hybrid({"bm25": {}, "dense": Dense(Letters())}, pool=30),
        "hybrid of a fitted encoder": lambda: Hybrid(fusion="convex"),
        "hybrid by relative scores": lambda: Hybrid(
            {"bm25": {}, "letters": Dense(Letters())}, "relative-score", weights={"letters": 0.3}
        ),
        "hybrid by confidence": lambda: Hybrid({"bm25": {}, "dense": Dense(Letters())}, "confidence"),
        "hybrid that learns": lambda: Hybrid(
            {"words": {"kind": "bm25"}, "memory": {}, "popular": {"decay": 0.99}}, "convex"
        ),
        "memory of clicks": lambda: Memory(signal="click"),
        "popular with decay": lambda: Popular("click", decay=0.99),
        "popular of a window": lambda: Popular(window=50),
        "popular by segment": lambda: Popular(by="c0", segment_weight=5.0),
        "popular by segment with decay": lambda: Popular(by="c0", segment_weight=5.0, decay=0.99),
        "popular by segment of a window": lambda: Popular(by="c0", segment_weight=0.0, window=300),
        "explore few of popular": lambda: Explore(Popular(), pool=30, signal="click", relevance=0.0),
        "explore memory": lambda: Explore(Memory(), width=0.0),
        "cached bm25": lambda: cached(BM25()),
        "trec-run": small_run_file,
        "cached trec-run": lambda: cached(small_run_file()),
        "cached dense": lambda: cached(Dense(Letters())),
    },
    "rankers": {
        "prior": lambda: PriorRanker(NAMES, weights={"x": 1.0, "z": 0.5}),
        "lambdamart": small_mart,
        "sklearn": lambda: SklearnRanker(DecisionTreeRegressor(max_depth=3), first=100),
        "sklearn by pages": lambda: SklearnRanker(
            DecisionTreeRegressor(max_depth=2), first=90, weighting="page"
        ),
        "lambdamart without memory": partial(small_mart, memory_free=True, position=False, weighting="page"),
    },
    "users": {
        "dbn that stops": lambda: DBN(gamma=0.8),
        "pbm by power": lambda: PBM(examination="power", eta=1.5, satisfaction=(0.0, 0.1, 0.2, 0.4, 0.8)),
        "stop table": lambda: StopTable(click=((0.1, 0.5, 1.0),), stop=((0.2, 0.5, 0.9),)),
    },
    "worlds": {
        "music": lambda: Music(300, n_queries=80, seed=3),
        "music without held-out queries": lambda: Music(300, n_queries=40, held_out=0.0),
        "collection": small_collection,
        "topics": lambda: TopicWorld(small_topics(), n_users=5),
    },
    "encoders": {
        "co-action": lambda: CoAction(dim=4).observe(["amber", "birch", "cedar", "amber"], [0, 1, 2, 3]),
        "function": lambda: FromFunction(Letters()),
        "letters": Letters,
        "sentence-transformers": stand_in,
        "lsa of words": lambda: LSA(dim=8, characters=None),
    },
    "estimators": {
        "on-policy": estimators.OnPolicy,
        "clipped-ips at its limit": lambda: estimators.ClippedIPS(np.inf),
        "switch-dr without weights": lambda: estimators.SwitchDR(0.0),
        "dr-os at its limit": lambda: estimators.DROS(np.inf),
        "dr-os below its peak": lambda: estimators.DROS(4.0),
        "sub-gaussian without correction": lambda: estimators.SubGaussian(0.0),
        "sub-gaussian-dr of one half": lambda: estimators.SubGaussianDR(0.5),
        "cressie-read with bounded weights": lambda: estimators.CressieRead(0.0, 20.0),
        "cressie-read with bounded rewards": lambda: estimators.CressieRead(0.0, 20.0, -1.0, 2.0),
        "snrips of three slots": lambda: slate.SNRIPS(3),
        "clip grid": estimators.ClipGrid,
        "clip grid with a largest clip": lambda: estimators.ClipGrid((2.0, 8.0)),
        "slope of few breaks": lambda: slope.Slope("dr-os", (20.0, 5.0)),
        "slope of corrections": lambda: slope.Slope("sub-gaussian-dr", delta=0.1),
    },
    "intervals": {
        "bootstrap": lambda: intervals.PoissonBootstrap(100, seed=3),
        "hoeffding": lambda: intervals.Hoeffding(**DECLARED),
        "hoeffding without a weight bound": lambda: intervals.Hoeffding(reward_range=(0.0, 1.0)),
        "empirical-bernstein": lambda: intervals.EmpiricalBernstein(**DECLARED),
        "confidence-sequence": lambda: intervals.ConfidenceSequence(**DECLARED),
        "confidence-sequence without a weight bound": lambda: intervals.ConfidenceSequence(
            reward_range=(0.0, 1.0)
        ),
    },
}
"""By group: registered names that need settings to be made, or small ones; and further variants."""

GRID = {"label_makes_it_again": "the log says where candidates break, not the label"}
CAPITALS = {"parts_merge_to_one_pass": "a product of capitals is a capital, and not that of one gambler"}
EXEMPT = {
    "slope": {"counts_are_repetitions": "fewer rows have larger errors, on which the choice rests"},
    "slope of few breaks": GRID,
    "slope of corrections": GRID,
    "snrips of three slots": {"label_makes_it_again": "the log says how many slots there are, not the label"},
    "hybrid": {
        "relabelled_items_relabel_results": "a fitted encoder's rounding turns near ties, and ranks with them"
    },
    "confidence-sequence": CAPITALS,
    "confidence-sequence without a weight bound": CAPITALS,
}
"""By name, checks that do not apply, and why."""

NO_SINGLE = dict.fromkeys(("Difference", "Ratio"), "takes two batches at a time")
"""Public estimators that take no single batch, and why."""

ROOMS = {
    "policies": (Policy, [bandits]),
    "arms": (Retriever, [retrieval]),
    "rankers": (Ranker, [ranking]),
    "users": (UserModel, [users]),
    "worlds": (World, [worlds]),
    "encoders": (Encoder, [embeddings]),
    "estimators": (Estimator, [estimators, slate, slope]),
    "intervals": (IntervalMethod, [intervals]),
}
"""By group, the protocol, and the modules whose public classes must all be checked."""


def makers(registry):
    return getattr(registry, "makers", registry)


MAKERS = {group: {**makers(registry_of(group)), **made} for group, made in MADE.items()}
"""By group, how each component is made: as its registry says, unless there is an entry in `MADE`."""


def make(group, name):
    try:
        return MAKERS[group][name]()
    except (TypeError, ValueError) as error:
        pytest.fail(f"{name!r} cannot be made ({error}): give it an entry in `MADE[{group!r}]`")


def members(protocol):
    """Return the names that a protocol asks for, `Stateful` included."""
    parents = [c for c in protocol.__mro__ if getattr(c, "_is_protocol", False)]
    return {name for c in parents for name in vars(c) if not name.startswith("_")} - {"Protocol"}


def satisfies(kind, protocol):
    return members(protocol) <= {*dir(kind), *getattr(kind, "__dataclass_fields__", {})}


def public(group):
    """Return the public classes of a group's modules that follow its protocol."""
    protocol, modules = ROOMS[group]
    listed = [getattr(module, name) for module in modules for name in module.__all__]
    kinds = {kind for kind in filter(inspect.isclass, listed) if not inspect.isabstract(kind)}
    if protocol is Estimator:
        return {kind for kind in kinds if issubclass(kind, Estimator)}
    return {kind for kind in kinds if kind is not protocol and satisfies(kind, protocol)}


@pytest.mark.parametrize("group", MAKERS)
def test_every_component_is_checked(group):
    assert set(makers(registry_of(group))) <= set(MAKERS[group])
    made = {type(make(group, name)) for name in MAKERS[group]}
    assert {kind.__name__ for kind in public(group) - made} == set(NO_SINGLE if group == "estimators" else ())


def test_a_component_that_cannot_be_made_is_named(monkeypatch):
    monkeypatch.setitem(MAKERS["policies"], "new", lambda needed: needed)
    with pytest.raises(pytest.fail.Exception, match=r"'new' cannot be made .* `MADE\['policies'\]`"):
        make("policies", "new")


@pytest.mark.parametrize("name", NO_SINGLE)
def test_those_that_take_no_single_batch_say_so(name):
    with pytest.raises(InputError, match="takes two batches"):
        getattr(estimators, name)(estimators.IPS(), estimators.IPS()).add(batch_of(3))


def test_exemptions_are_of_components():
    assert set(EXEMPT) <= {name for group in MAKERS.values() for name in group}


@pytest.mark.parametrize("name", MAKERS["policies"])
def test_policies(name):
    checks.check_policy(make("policies", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["arms"])
def test_retrievers(name):
    checks.check_retriever(make("arms", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["rankers"])
def test_rankers(name):
    checks.check_ranker(make("rankers", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["users"])
def test_user_models(name):
    checks.check_user_model(make("users", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["worlds"])
def test_worlds(name):
    checks.check_world(make("worlds", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["encoders"])
def test_encoders(name):
    checks.check_encoder(make("encoders", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["estimators"])
def test_estimators(name):
    checks.check_estimator(make("estimators", name), skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["estimators"])
def test_estimators_on_a_log_of_other_bounds(name):
    setting = {"weight_bound": 12.0, "reward_range": (0.0, 1.0), "n_slots": 2}
    checks.check_estimator(make("estimators", name), **setting, skip=EXEMPT.get(name))


@pytest.mark.parametrize("name", MAKERS["intervals"])
def test_intervals(name):
    checks.check_interval(make("intervals", name), skip=EXEMPT.get(name))
