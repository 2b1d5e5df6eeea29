"""TreeSum without LightGBM: equal to its prediction to the last bit, whatever is missing."""

import lightgbm
import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.ranking.tree_sum import TreeSum
from tests.naive_ranking import naive_trees


def rows_of(n, seed, missing):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.3] = 0.0
    rows[:, 3] = np.round(rows[:, 3])
    if missing == "nan":
        rows[rng.random(rows.shape) < 0.2] = np.nan
    return rows


def booster_of(rows, missing, n_trees=20):
    whole = np.nan_to_num(rows)
    target = whole[:, 0] * whole[:, 1] + whole[:, 3]
    options = {
        "num_leaves": 7,
        "verbosity": -1,
        "num_threads": 1,
        "use_missing": missing != "none",
        "zero_as_missing": missing == "zero",
    }
    data = lightgbm.Dataset(rows, target, params=options)
    return lightgbm.train(options, data, num_boost_round=n_trees)


@pytest.mark.parametrize("missing", ["none", "nan", "zero"])
def test_scores_equal_lightgbm_and_the_twin_to_the_last_bit(missing):
    booster = booster_of(rows_of(2000, 1, missing), missing)
    text = booster.model_to_string()
    trees = TreeSum.of(text)
    probe, rng = rows_of(400, 2, missing), np.random.default_rng(3)
    for odd in (np.nan, 1e-36, -1e-38, 1e-35, np.inf, -np.inf):
        probe[rng.random(probe.shape) < 0.04] = odd
    want = booster.predict(probe, raw_score=True, num_threads=1)
    assert np.array_equal(trees.score(probe), want)
    assert np.array_equal(naive_trees(booster.dump_model(), probe[:60]), want[:60])
    assert len(np.unique(want)) > 30
    assert {"none": 0, "zero": 1, "nan": 2}[missing] in trees.missing & 3


def test_no_rows_no_trees_and_trees_of_one_leaf():
    booster = booster_of(rows_of(500, 4, "none"), "none")
    assert TreeSum.of(booster.model_to_string()).score(np.empty((0, 6), np.float32)).shape == (0,)
    assert TreeSum.of("").score(np.ones((3, 6), np.float32)).tolist() == [0.0] * 3
    flat = lightgbm.train(
        {"verbosity": -1, "min_data_in_leaf": 400},
        lightgbm.Dataset(rows_of(500, 5, "none"), np.arange(500) * 0.01),
        num_boost_round=3,
    )
    probe = rows_of(5, 6, "none")
    want = flat.predict(probe, raw_score=True)
    assert want[0] > 2.0
    assert np.array_equal(TreeSum.of(flat.model_to_string()).score(probe), want)


def test_categorical_splits_are_refused():
    rows = np.random.default_rng(7).integers(0, 9, (500, 2)).astype(np.float32)
    data = lightgbm.Dataset(rows, rows[:, 0] % 3, categorical_feature=[0], params={"verbosity": -1})
    booster = lightgbm.train({"verbosity": -1, "min_data_in_leaf": 5}, data, num_boost_round=2)
    with pytest.raises(InputError, match="must be a model of numerical splits"):
        TreeSum.of(booster.model_to_string())
