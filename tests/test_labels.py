"""Names in figures: places that are spread out, and names that cover nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from ltrr.report.canvas import figure_of, new_axes, short, text_size, title
from ltrr.report.labels import LONGEST, label_ends, label_points, spread

PLACES = st.lists(st.floats(-2.0, 3.0, width=32), max_size=14)


def naive_spread(place, gap, low, high):
    """Pool neighbours that stand too close until none do; then move what lies outside in."""
    n = len(place)
    gap = min(gap, (high - low) / max(n - 1, 1))
    order = sorted(range(n), key=lambda i: place[i])
    pools = []
    for k, i in enumerate(order):
        pools.append([place[i] - k * gap])
        while len(pools) > 1 and np.mean(pools[-2]) >= np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    flat = [np.mean(pool) for pool in pools for _ in pool]
    out = [0.0] * n
    for k, i in enumerate(order):
        out[i] = min(max(flat[k], low), high - (n - 1) * gap) + k * gap
    return out


@given(PLACES, st.floats(0.0, 0.5))
def test_spread_equals_its_naive_twin(place, gap):
    got = spread(np.array(place), gap, 0.0, 1.0)
    np.testing.assert_allclose(got, naive_spread(place, gap, 0.0, 1.0), atol=1e-9)


@given(PLACES, st.floats(0.0, 0.5))
def test_places_are_apart_in_order_and_within_bounds(place, gap):
    place = np.array(place)
    got = spread(place, gap, 0.0, 1.0)
    n = len(place)
    room = min(gap, 1.0 / max(n - 1, 1))
    in_order = got[np.argsort(place, kind="stable")]
    assert (np.diff(in_order) >= room - 1e-9).all()
    assert ((got >= -1e-9) & (got <= 1.0 + 1e-9)).all()


@given(PLACES)
def test_places_that_are_apart_stay(place):
    place = np.array(sorted(set(np.round(np.clip(place, 0.0, 1.0), 1))))
    np.testing.assert_allclose(spread(place, 0.09, 0.0, 1.0), place, atol=1e-9)


def test_spread_by_hand():
    # the pair at 0.5 moves apart by equal parts; the third pushes both where it stands too near
    assert spread(np.array([0.5, 0.5]), 0.2, 0.0, 1.0).tolist() == pytest.approx([0.4, 0.6])
    assert spread(np.array([0.9, 0.0, 0.95]), 0.2, 0.0, 1.0).tolist() == pytest.approx([0.8, 0.0, 1.0])
    assert spread(np.array([0.5] * 3), 5.0, 0.0, 1.0).tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert spread(np.empty(0), 0.1, 0.0, 1.0).tolist() == []


def boxes(axes):
    """Return the boxes of names in pixels, by text: of the letters, not of the lines that lead to them."""
    figure = figure_of(axes)
    figure.draw_without_rendering()
    return {text.get_text(): Text.get_window_extent(text) for text in axes.texts}


def overlap(a, b):
    return min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1


def canvas(**size):
    axes = new_axes("Title", "x", "y", **size)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    return axes


@pytest.mark.parametrize("n", [1, 2, 12, 40])
def test_names_at_ends_are_apart_and_in_order(n):
    axes = canvas()
    level = np.random.default_rng(n).random(n) ** 3
    names = [f"policy-{i}" for i in range(n)]
    label_ends(axes, [1.0] * n, level.tolist(), names, ["#000000"] * n)
    found = boxes(axes)
    assert list(found) == names
    frame, inside = figure_of(axes).bbox, axes.get_window_extent()
    for box in found.values():
        assert inside.x1 < box.x0 < box.x1 <= frame.x1
        assert inside.y0 - 2 <= box.y0 < box.y1 <= inside.y1 + 2
    assert not any(overlap(a, b) for a, b in itertools.combinations(found.values(), 2))
    middles = [(found[name].y0 + found[name].y1) / 2 for name in names]
    assert np.argsort(level).tolist() == np.argsort(middles).tolist()
    for text, end in zip(axes.texts, level, strict=True):
        assert tuple(text.xy) == pytest.approx((1.0, end))


def test_without_a_layout_engine_names_stand_within_the_axes():
    axes = canvas()
    figure_of(axes).set_layout_engine("none")
    label_ends(axes, [1.0, 1.0], [0.2, 0.25], ["one", "another-name"], ["#000000"] * 2)
    inside = axes.get_window_extent()
    end = axes.transData.transform((1.0, 0.2))[0]
    for box in boxes(axes).values():
        assert end < box.x0 < box.x1 < inside.x1


def test_no_names_change_nothing():
    axes = canvas()
    label_ends(axes, [], [], [], [])
    label_points(axes, [], [], [], [])
    assert not axes.texts


@pytest.mark.parametrize("seed", range(5))
def test_names_beside_points_cover_nothing(seed):
    rng = np.random.default_rng(seed)
    axes = canvas()
    x, y = rng.random(9), rng.random(9)
    axes.set_xlim(-0.2, 1.2)
    axes.set_ylim(-0.2, 1.2)
    bars = [((a, b - 0.05), (a, b + 0.05)) for a, b in zip(x, y, strict=True)]
    names = [f"a-policy-{i}" for i in range(9)]
    label_points(
        axes, x.tolist(), y.tolist(), names, ["#000000"] * 9, lines=[*bars, ((0.0, 0.0), (1.0, 1.0))]
    )
    found = boxes(axes)
    assert list(found) == names
    assert not any(overlap(a, b) for a, b in itertools.combinations(found.values(), 2))
    inside = axes.get_window_extent()
    points = axes.transData.transform(np.column_stack([x, y]))
    along = np.linspace(0.0, 1.0, 500)
    lines = [axes.transData.transform(np.outer(1 - along, a) + np.outer(along, b)) for a, b in bars]
    lines.append(axes.transData.transform(np.column_stack([along, along])))
    beside = all(text.xycoords == "data" for text in axes.texts)
    assert beside
    for box in found.values():
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1
        for place in (points, *lines):
            within = (box.x0 < place[:, 0]) & (place[:, 0] < box.x1)
            assert not (within & (box.y0 < place[:, 1]) & (place[:, 1] < box.y1)).any()


def test_a_name_alone_stands_beside_its_point_and_a_crowd_at_the_right():
    axes = canvas()
    label_points(axes, [0.4], [0.5], ["alone"], ["#000000"])
    (text,) = axes.texts
    assert text.arrow_patch is None
    box, point = boxes(axes)["alone"], axes.transData.transform((0.4, 0.5))
    assert 0 < box.x0 - point[0] < 15
    assert box.y0 < point[1] < box.y1
    axes = canvas()
    label_points(axes, [0.5] * 40, [0.5] * 40, [f"crowd-{i}" for i in range(40)], ["#000000"] * 40)
    found = boxes(axes)
    assert len(found) == 40
    assert min(box.x0 for box in found.values()) > axes.get_window_extent().x1
    assert not any(overlap(a, b) for a, b in itertools.combinations(found.values(), 2))


def test_long_names_keep_both_ends():
    assert short("x" * LONGEST, LONGEST) == "x" * LONGEST
    cut = short("head" + "x" * 90 + "tail", LONGEST)
    assert len(cut) == LONGEST
    assert cut.startswith("head")
    assert cut.endswith("tail")
    assert short("$x$\u202e", 9) == r"\$x\$\u202e"


@pytest.mark.parametrize("width", [3.0, 4.0, 7.2])
def test_titles_are_broken_where_they_do_not_fit(width):
    axes = canvas(width=width)
    words = "Regret against the per-request oracle on the policy's own state"
    title(axes, words)
    figure_of(axes).draw_without_rendering()
    lines = axes.get_title(loc="left").split("\n")
    assert " ".join(lines) == words
    assert len(lines) == 1 + (width < 7) + (width < 4)
    start = axes.get_window_extent().x0
    room = (figure_of(axes).bbox.x1 - start) * 72 / figure_of(axes).dpi
    assert all(text_size(axes, line, 11.0)[0] <= room for line in lines)
