"""A log of ltrr written by hand, whose every weight is known."""

import json
from itertools import pairwise, product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ltrr.types.quotas import all_quotas


def hand_log(folder, copies=1, parts=1, arm_cost=0.0):
    """Two arms, two slots, pages of one item; every sequence of the random warm-up once, rewards 1 0 1 0.

    Arm a has items 1 (score .9) and 2, arm b items 3 (score .5) and 4; a slot draws one. Quotas with any a
    show item 1, so two of the three quotas share a page.
    """
    folder.mkdir(exist_ok=True)
    sequences = list(product(range(2), repeat=2)) * copies
    n = len(sequences)
    names = ["arm:a", "arm:b", "slab:a", "slab:b", "fallback", "credit"]
    about = {
        "format_version": 1,
        "policies": ["hand"],
        "arms": ["a", "b"],
        "context": [],
        "action_features": {"hand": names},
        "quotas": all_quotas(2, 2).tolist(),
        "settings": {
            "loop": {"audit": 0.0, "slot_size": 1, "page_size": 1, "fallback": ["a"], "log_shadow": True},
            "reward": {"arm_cost": arm_cost, "candidate_cost": 0.0},
        },
    }
    (folder / "log.json").write_text(json.dumps(about))
    pq.write_table(pa.table({"query": [0], "text": ["q"]}), folder / "queries.parquet")
    request = np.arange(n)
    zeros = np.zeros(n, np.int64)
    write(
        folder,
        "requests",
        {
            "request": request,
            "session": zeros,
            "user": zeros,
            "query": zeros.astype(np.int32),
            "time": request.astype(float),
            "context": pa.nulls(n),
            "reward": [1.0, 0.0, 1.0, 0.0] * copies,
            "available": pa.array([[-1, -1]] * n, pa.list_(pa.int32(), 2)),
        },
        parts,
    )
    rows = [(i, s, seq) for s in range(2) for i, seq in enumerate(sequences)]
    features = []
    for _, s, seq in rows:
        share = [seq[:s].count(a) / 2 for a in range(2)]
        features.append([1, 0, share[0], 0, 0, 0, 0, 1, 0, share[1], 0, 0])
    write(
        folder,
        "decisions",
        {
            "request": [i for i, _, _ in rows],
            "slot": pa.array([s for _, s, _ in rows], pa.int16()),
            "action": pa.array([seq[s] for _, s, seq in rows], pa.int32()),
            "propensity": [0.5] * len(rows),
            "version": pa.array([-1] * len(rows), pa.int32()),
            "actions": pa.array([[0, 1]] * len(rows), pa.list_(pa.int32())),
            "probabilities": [[0.5, 0.5]] * len(rows),
            "features": pa.array(features, pa.list_(pa.float32())),
        },
        parts,
    )
    sources = [(1, 0, 0, 0.9), (2, 0, 1, 0.1), (3, 1, 0, 0.5), (4, 1, 1, 0.2)]
    write(
        folder,
        "candidates",
        {
            "request": np.repeat(request, 4),
            "item": [s[0] for s in sources] * n,
            "arm": [s[1] for s in sources] * n,
            "rank": [s[2] for s in sources] * n,
            "ranker_score": [s[3] for s in sources] * n,
        },
        parts,
    )
    shown = [1 if 0 in seq else 3 for seq in sequences]
    write(
        folder,
        "impressions",
        {"request": request, "position": [0] * n, "item": shown, "click": [False] * n},
        parts,
    )
    return folder


def write(folder, table, columns, parts=1):
    whole = pa.table(columns)
    ends = np.linspace(0, max(columns["request"]) + 1, parts + 1).astype(int)
    for number, (low, high) in enumerate(pairwise(ends)):
        file = folder / table / "policy=hand" / "seed=0" / f"part-{number:05d}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        request = whole["request"].to_numpy()
        pq.write_table(whole.filter(pa.array((low <= request) & (request < high))), file)


def change(folder, table, **columns):
    """Replace columns of a table in one part."""
    file = next((folder / table).rglob("*.parquet"))
    held = pq.ParquetFile(file).read()
    for name, values in columns.items():
        held = held.set_column(held.schema.get_field_index(name), name, pa.array(values))
    pq.write_table(held, file)
