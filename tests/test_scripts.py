"""Chinese, Japanese and Hindi: words, n-grams and vectors each find what is asked, as arms and in a world.

All titles and queries are made up. Each query names the item that it should find.
"""

import json

import numpy as np
import pytest

import ltrr
from ltrr.retrieval import BM25, Dense, NGrams
from ltrr.types import Catalogue
from ltrr.worlds import Collection
from tests.naive_retrieval import depths, requests_of

ARMS = {"bm25": BM25, "ngrams": NGrams, "dense": Dense}

TITLES = {
    "chinese": (
        "红色羊毛围巾",
        "无线蓝牙耳机",
        "不锈钢保温杯",
        "儿童自行车头盔",
        "北京旅游地图",
        "四川麻辣火锅底料",
        "防水登山背包",
        "电动牙刷替换头",
        "机械键盘红轴",
        "折叠式太阳伞",
        "苏州刺绣手帕",
        "陶瓷茶壶套装",
    ),
    "japanese": (
        "赤いウールのマフラー",
        "ワイヤレスイヤホン 防水",
        "ステンレス水筒 五百ミリ",
        "子供用自転車ヘルメット",
        "京都観光ガイドブック",
        "北海道みそラーメン",
        "登山用リュックサック",
        "電動歯ブラシの替えブラシ",
        "静かなキーボード",
        "折りたたみ傘",
        "日本酒グラスセット",
        "ひのきのまな板",
    ),
    "hindi": (
        "लाल ऊनी मफलर",
        "वायरलेस हेडफ़ोन ब्लूटूथ",
        "स्टील की पानी की बोतल",
        "बच्चों की साइकिल का हेलमेट",
        "दिल्ली पर्यटन नक्शा",
        "मसाला चाय पत्ती",
        "पहाड़ पर चढ़ने का बैग",
        "बिजली का टूथब्रश",
        "हिन्दी कीबोर्ड",
        "मोड़ने वाली छतरी",
        "बनारसी रेशमी साड़ी",
        "मिट्टी का घड़ा",
    ),
}

# Words within longer runs, other word orders, half-width letters, and letters with and without their dot.
QUERIES = {
    "chinese": {
        "蓝牙耳机": 1,
        "保温杯 500毫升": 2,
        "小孩骑自行车的头盔": 3,
        "去北京玩的地图": 4,
        "火锅料": 5,
        "爬山背包": 6,
        "键盘": 8,
        "伞": 9,
    },
    "japanese": {
        "イヤホン": 1,
        "ｽﾃﾝﾚｽの水筒": 2,
        "自転車のヘルメット 子供": 3,
        "京都のガイド": 4,
        "味噌ラーメン 北海道": 5,
        "リュック": 6,
        "歯ブラシ": 7,
        "傘": 9,
    },
    "hindi": {
        "हेडफोन": 1,
        "पानी की बोतल": 2,
        "साइकिल हेलमेट": 3,
        "दिल्ली का नक्शा": 4,
        "चाय": 5,
        "कीबोर्ड हिन्दी": 8,
        "रेशम की साड़ी": 10,
        "मिट्टी का घड़ा": 11,
    },
}


def first_found(arm, titles, queries):
    """Return the first item of each list, −1 where it is empty."""
    arm.index(Catalogue(tuple(map(str, range(len(titles)))), {"title": titles}))
    found = arm.retrieve(requests_of(queries), depths(len(queries), 3))
    return np.where(np.diff(found.indptr) > 0, np.append(found.item, -1)[found.indptr[:-1]], -1)


@pytest.mark.parametrize("name", ARMS)
@pytest.mark.parametrize("script", QUERIES)
def test_each_arm_finds_each_item_first(script, name):
    queries = QUERIES[script]
    got = first_found(ARMS[name](), TITLES[script], list(queries))
    assert dict(zip(queries, got.tolist(), strict=True)) == queries


@pytest.mark.parametrize("name", ["ngrams", "dense"])
@pytest.mark.parametrize(("query", "item"), [("छतरियाँ", 9), ("हेडफोनों", 1), ("रेशम", 10), ("साइकल", 3)])
def test_other_forms_of_hindi_words_share_their_beginnings(query, item, name):
    assert first_found(ARMS[name](), TITLES["hindi"], [query]).tolist() == [item]
    assert first_found(BM25(), TITLES["hindi"], [query]).tolist() == [-1]


@pytest.fixture(params=QUERIES)
def world(request, tmp_path):
    """A collection of one script: its queries, and variants of them."""
    titles, queries = TITLES[request.param], QUERIES[request.param]
    (tmp_path / "qrels").mkdir()
    docs = [{"_id": f"d{i}", "title": title, "text": ""} for i, title in enumerate(titles)]
    asks = [{"_id": f"q{i}", "text": text} for i, text in enumerate(queries)]
    qrels = ["query-id\tcorpus-id\tscore", *(f"q{i}\td{d}\t1" for i, d in enumerate(queries.values()))]
    for name, rows in (("corpus", docs), ("queries", asks)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "qrels" / "test.tsv").write_text("\n".join(qrels) + "\n")
    return Collection(tmp_path, variants=3)


@pytest.mark.parametrize("name", ARMS)
def test_each_arm_finds_the_texts_of_a_world(world, name):
    topics, n = world.topics, len(world.queries)
    want = topics.topic_item[topics.topic_indptr[topics.query_topic[topics.query_indptr[:-1]]]]
    arm = ARMS[name]()
    arm.index(world.catalogue)
    found = arm.retrieve(requests_of(world.queries.text), depths(n, 3))
    row = np.repeat(np.arange(n), np.diff(found.indptr))
    hit = np.bincount(row, weights=found.item == want[row], minlength=n)
    assert n > 20
    assert hit[:8].all()  # the queries themselves
    # a misspelt word of a query of one word is lost to words alone, and so is a query cut within it
    assert hit[8:].mean() >= (0.6 if name == "bm25" else 0.9)


@pytest.mark.compiled
def test_policies_of_single_arms_earn_in_a_world(world):
    result = ltrr.simulate(
        world,
        arms=list(ARMS),
        policies=[{"name": name, "kind": "single", "arm": name} for name in ARMS],
        rounds=60,
        seeds=1,
        warmup=10,
        loop={"held_out": 8},
        quiet=True,
    )
    ndcg = result.summary().query("metric == 'ndcg'").set_index("policy")["mean"]
    assert (ndcg[list(ARMS)] >= 0.7).all(), ndcg
    assert (ndcg[["ngrams", "dense"]] >= ndcg["bm25"]).all(), ndcg
