"""Open Bandit Data: the real sample gives the figures that are known for it."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from ltrr.errors import InputError
from ltrr.logs.events import Events
from ltrr.logs.reading import read
from ltrr.replay.estimators import IPS, SNIPS
from ltrr.replay.estimators.batch import ReplayBatch

ITEMS = [("2", "0.5", "x"), ("0", "-1.0", "y"), ("1", "2.0", "x")]
USERS = ["u1", "u2"]


def write_obd(folder, n=12, items=ITEMS):
    """Write a small log in the shape of the real one: an index column without a name, hashes as features."""
    names = ["timestamp", "item_id", "position", "click", "propensity_score", "user_feature_0"]
    with (folder / "men.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["", *names, *(f"user-item_affinity_{i}" for i in range(3))])
        for i in range(n):
            row = [f"2019-11-24 00:00:{i:02d}.5+00:00", i % 3, i % 3 + 1, int(i == 4), 0.25, USERS[i % 2]]
            # the index repeats: it is none of the row's values
            out.writerow([i % 5, *row, i, 0.5, -i])
    if items is not None:
        lines = [",item_id,item_feature_0,item_feature_1"] + [f"9,{','.join(row)}" for row in items]
        (folder / "item_context.csv").write_text("\n".join(lines) + "\n")


def whole(log):
    return Events.concat(list(log.chunks()))


def twin(path):
    """Return IPS and SNIPS of the uniform policy, row by row."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    weights = [1 / 34 / float(row["propensity_score"]) for row in rows]
    weighted = sum(w * int(row["click"]) for w, row in zip(weights, rows, strict=True))
    return weighted / len(rows), weighted / sum(weights), sum(int(row["click"]) for row in rows)


@pytest.mark.parametrize(("policy", "clicks"), [("bts", 69), ("random", 46)])
def test_men_sample_gives_the_known_figures(data_dir, policy, clicks):
    folder = data_dir / "obd" / policy / "men"
    log = read(folder)
    events = whole(log)
    assert log.format == "obd"
    assert (len(events), int(events.reward.sum())) == (10_000, clicks)
    assert log.space.actions == tuple(map(str, range(34)))
    ips, snips = IPS(), SNIPS()
    for estimator in (ips, snips):
        estimator.add(ReplayBatch(events.key, events.reward, weight=(1 / 34) / events.propensity))
    expected = twin(folder / "men.csv")
    assert (ips.value(), snips.value(), events.reward.sum()) == pytest.approx(expected, rel=1e-12)
    if policy == "bts":
        assert (round(ips.value(), 5), round(snips.value(), 5)) == (0.00301, 0.00319)
    assert log.faults.counts == {}


def test_items_join_on_their_ids_across_policies(data_dir):
    spaces = [read(data_dir / "obd" / policy / "men").space for policy in ("random", "bts")]
    numeric = [space.feature_names.index("item_feature_0") for space in spaces]
    first, second = (space.features[:, at] for space, at in zip(spaces, numeric, strict=True))
    np.testing.assert_array_equal(first, second)
    # the hashes differ, the partition of the items that they make does not
    assert not set(spaces[0].feature_names[1:]) & set(spaces[1].feature_names[1:])
    for space in spaces:
        assert space.features[:, 1:].sum(axis=1).tolist() == [3.0] * 34
    # columns are sorted by hash, so they come in another order
    groups = [sorted(map(tuple, space.features[:, 1:].T)) for space in spaces]
    assert groups[0] == groups[1]


def test_context_is_user_and_position(data_dir):
    events = whole(read(data_dir / "obd" / "bts" / "men" / "men.csv"))
    names = events.space.context_names
    assert names[-3:] == ("position:1", "position:2", "position:3")
    np.testing.assert_array_equal(events.context[:, -3:].argmax(axis=1) + 1, events.position)
    # four user features and the position: one level each in every row
    assert set(events.context.sum(axis=1).tolist()) == {5.0}
    assert events.time[0] == 1574553663.979311


def test_small_log_by_hand(tmp_path):
    write_obd(tmp_path)
    log = read(tmp_path, affinity=True)
    events = whole(log)
    assert log.space.feature_names == ("item_feature_0", "item_feature_1:x", "item_feature_1:y", "affinity")
    features = events.actions.features.reshape(12, 3, 4)
    np.testing.assert_array_equal(features[7, :, 0], np.float32([-1.0, 2.0, 0.5]))
    np.testing.assert_array_equal(features[7, :, 1:3], [[0, 1], [1, 0], [1, 0]])
    np.testing.assert_array_equal(features[7, :, 3], [7.0, 0.5, -7.0])
    static = read(tmp_path)
    assert static.space.features.shape == (3, 3)
    np.testing.assert_array_equal(whole(static).actions.features.reshape(12, 3, 3), features[:, :, :3])
    assert len(set(events.key.tolist())) == 12


def test_actions_are_known_without_the_table_of_items(tmp_path):
    write_obd(tmp_path, n=2, items=None)
    log = read(tmp_path / "men.csv")
    # two of the three items were shown, and all three could have been
    assert log.space.actions == ("0", "1", "2")
    assert log.space.features is None


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([*ITEMS, ("2", "1", "z")], "one row an item"),
        ([("0", "1", "x"), ("", "1", "x")], "one row an item"),
        ([], "must hold items"),
    ],
)
def test_wrong_table_of_items_is_one_line(tmp_path, items, message):
    write_obd(tmp_path, items=items)
    with pytest.raises(InputError, match=message) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


def test_item_without_a_row_is_an_unseen_category(tmp_path):
    write_obd(tmp_path, items=ITEMS[:2])
    log = read(tmp_path, on_error="skip")
    assert len(whole(log)) == 8
    assert log.faults.counts["unseen category"] == 4
    with pytest.raises(InputError, match=r", row 2: unseen category"):
        whole(read(tmp_path))


def test_wrong_columns_and_folders(tmp_path):
    (tmp_path / "men.csv").write_text("timestamp,item_id\n1,2\n")
    with pytest.raises(InputError, match="must have the column 'position'"):
        read(tmp_path, format="obd")
    (tmp_path / "men.csv").rename(tmp_path / "item_context.csv")
    with pytest.raises(InputError, match=r"the folder must hold parts of the log"):
        read(tmp_path, format="obd")
    write_obd(tmp_path)
    with pytest.raises(InputError, match="takes no `columns`"):
        read(tmp_path, format="obd", columns={"reward": "click"})
