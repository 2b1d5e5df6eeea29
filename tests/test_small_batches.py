"""Small batches joined: measured and logged together they give the rows that each gives alone."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.logs.writer import LogWriter
from ltrr.metrics import Measure
from ltrr.simulation.example import small_example
from ltrr.simulation.joined import ENOUGH, Waiting, joined
from ltrr.simulation.measure import Measures


def test_joined_batches_measure_as_each_alone():
    loop = small_example()
    own = Measure("worst", "worst score", lambda batch: batch.page.score.min(axis=1))
    measures = Measures(loop, (own,))
    parts = [loop.step(n) for n in (1, 1, 3, 1, 14, 1, 1, 2)]
    alone = pa.concat_tables([measures.rounds(part) for part in parts])
    whole = joined(parts)
    assert measures.rounds(whole).equals(alone)
    assert (len(whole.sampled_rows), whole.pool) == (0, None)
    shown = whole.page.candidate >= 0
    assert np.array_equal(whole.union.item[whole.page.candidate[shown]], whole.page.item[shown])
    assert joined(parts[:1]) is parts[0]


def test_the_log_holds_the_same_rows(tmp_path):
    loop = small_example()
    parts = [loop.step(1) for _ in range(20)]
    tables = []
    for name, batches in (("alone", parts), ("joined", [joined(parts)])):
        writer = LogWriter(tmp_path / name, "linucb", 0)
        for batch in batches:
            writer.append(
                batch.feedback,
                batch.union,
                batch.score,
                batch.page,
                censored=batch.censored,
                model_version=batch.model_version,
                available=batch.available,
            )
        writer.flush(0)
        tables.append(
            {
                path.parts[-4]: pq.ParquetFile(path).read()
                for path in sorted((tmp_path / name).rglob("*.parquet"))
            }
        )
    assert set(tables[0]) == {"candidates", "decisions", "impressions", "requests"}
    for name, alone in tables[0].items():
        keys = [(key, "ascending") for key in ("request", "slot") if key in alone.column_names]
        assert alone.num_rows >= 20
        for table in (0, 1):
            tables[table][name] = (
                tables[table][name].sort_by(keys) if name == "decisions" else tables[table][name]
            )
        assert tables[0][name].equals(tables[1][name])


def test_what_waits_keeps_its_order_and_never_mixes_models():
    loop, waiting = small_example(), Waiting()
    done, versions = [], []
    for step in range(90):
        batch = loop.step(1)
        object.__setattr__(batch, "model_version", step // 40)
        versions.append(batch.model_version)
        done += waiting.add(batch)
    done += waiting.rest()
    assert waiting.rest() == []
    assert [len(b.feedback) for b in done] == [40, 40, 10]
    assert [b.model_version for b in done] == [0, 1, 2]
    assert np.concatenate([b.feedback.requests.request for b in done]).tolist() == list(range(90))
    large = loop.step(ENOUGH // 2 + 1)
    small = loop.step(1)
    assert waiting.add(small) == []
    assert waiting.add(large)[-1] is large


def test_no_pool_is_retrieved_where_nothing_is_judged(monkeypatch):
    loop = small_example()
    deepest = []
    for a, arm in enumerate(loop.system.arms):
        real = arm.retrieve

        def seen(requests, depth, real=real, a=a):
            deepest.append(len(requests))
            return real(requests, depth)

        monkeypatch.setattr(arm, "retrieve", seen)
    assert loop.step(1).pool is None
    assert 0 not in deepest
