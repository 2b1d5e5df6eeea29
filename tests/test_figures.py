"""Figures of a run: what they draw is what the tables say, nothing is cut, and no name covers another."""

import io
import itertools
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from ltrr.errors import InputError
from ltrr.report.canvas import as_svg, figure_of, short, stamp
from ltrr.report.page import drawing
from ltrr.study import figures
from ltrr.study.figures.over_time import AGAINST
from ltrr.study.figures.roles import FIELD, looks
from ltrr.study.figures.slots import adaptive
from ltrr.study.report import write_report
from ltrr.study.result import Result
from ltrr.study.tables import Tables
from tests.small_runs import LOOP, run_small

POLICIES = ["best-static", "equal", "linucb", "epsilon-greedy", "random", "bm25"]
DRAWN = {
    "differences": figures.differences,
    "learning": figures.learning,
    **{f"regret {a}": lambda t, a=a, **k: figures.regret(t, against=a, **k) for a in AGAINST},
    "recall": figures.recall,
    "cost": figures.cost,
    "candidates": lambda t, **k: figures.cost(t, metric="candidates", **k),
    "slots": figures.slots,
    "loss": figures.loss,
}
OVER_TIME = {"learning": "difference_static", "recall": "recall_budget"} | {
    f"regret {a}": f"regret_{a}" for a in AGAINST
}
LONG = "a-name-of-a-policy-that-is-far-longer-than-any-figure-has-room-for-"
HOSTILE = ["$x_1$", "<script>alert(1)</script>", "a\u202egnp.exe", "\\frac{1}{2}$", "_-_", "日本語の方策"]

every_figure = pytest.mark.parametrize("name", DRAWN)


@pytest.fixture(scope="module")
def tables(untuned, tmp_path_factory):
    """Tables of a run of six policies and three seeds with the best static allocation and oracles."""
    folder = tmp_path_factory.mktemp("figures") / "run"
    return run_small(folder, POLICIES, rounds=240, seeds=3, loop={**LOOP, "oracle_every": 4}).tables


@pytest.fixture(scope="module")
def one_seed(untuned, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures") / "one"
    return run_small(folder, POLICIES[:4], rounds=180, loop={**LOOP, "oracle_every": 4}).tables


@pytest.fixture(autouse=True)
def as_pages_draw():
    """Draw as pages do: letters that the font lacks are no error."""
    with drawing():
        yield


def renamed(tables, names):
    """Return tables whose policies have other names."""
    frames = {
        name: getattr(tables, name).replace({"policy": names, "reference": names})
        for name in ("summary", "curves", "differences", "arms")
    }
    policies = [{**p, "name": names.get(p["name"], p["name"])} for p in tables.study["policies"]]
    return replace(tables, study={**tables.study, "policies": policies}, **frames)


def crowd(tables, n):
    """Return tables with n policies more, each all but the same as the worst."""
    worst = next(p for p in reversed(tables.means.index) if p != "best-static")
    names = [f"clone-{i}" for i in range(n)]
    frames = {}
    for which in ("summary", "curves", "differences", "arms"):
        frame = getattr(tables, which)
        numbers = [c for c in ("mean", "low", "high", "holm_low", "holm_high") if c in frame]
        parts = [frame]
        for column in ("policy", "reference"):
            if column in frame:
                own = frame[frame[column] == worst]
                parts += [
                    own.assign(**{column: c}, **(own[numbers] - 1e-5 * i)) for i, c in enumerate(names, 1)
                ]
        frames[which] = pd.concat(parts, ignore_index=True)
    policies = [*tables.study["policies"], *({"name": c, "kind": "equal"} for c in names)]
    return replace(tables, study={**tables.study, "policies": policies}, **frames)


def texts_of(figure):
    """Return every text of a figure that shows something, with its box in pixels."""
    figure.draw_without_rendering()
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        if not axes.axison:
            for text in axes.findobj(Text):
                text.hidden = True
        # ticks beyond the limits are there but not drawn
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                tick.label1.hidden = not low <= tick.get_loc() <= high
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and not getattr(text, "hidden", False):
            # of an annotation the letters alone: its line may cross others
            yield text, Text.get_window_extent(text, renderer)


def assert_legible(figure):
    """Every text stands within the figure, and none covers another."""
    found = list(texts_of(figure))
    frame = figure.bbox
    for text, box in found:
        where = (text.get_text(), box)
        assert box.x0 >= frame.x0 - 1, where
        assert box.x1 <= frame.x1 + 1, where
        assert box.y0 >= frame.y0 - 1, where
        assert box.y1 <= frame.y1 + 1, where
    for (one, a), (two, b) in itertools.combinations(found, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        # boxes hold room for the letters' accents: less than a pixel of it may be shared
        assert across <= 1 or down <= 1, (one.get_text(), two.get_text(), across, down)


def data_lines(axes):
    """Return the lines in data coordinates: neither grid nor what stands at a fraction of the axes."""
    return [line for line in axes.get_lines() if line.get_transform() == axes.transData]


def finite(values):
    values = np.asarray(values, float).ravel()
    return values[np.isfinite(values)]


# what each figure takes


@every_figure
def test_draws_into_given_axes_and_only_there(tables, name):
    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    ax = figure.add_subplot()
    assert DRAWN[name](tables, ax=ax, policies=None if name != "slots" else ["linucb"]) is ax
    assert figure.axes == [ax]
    assert ax.get_title(loc="left")
    assert ax.get_xlabel()
    assert ax.has_data()
    assert_legible(figure)


@every_figure
@pytest.mark.parametrize("layout", ["constrained", "none"])
def test_given_axes_may_be_of_any_figure(tables, name, layout):
    figure = Figure(figsize=(11.0, 5.4), layout=layout)
    left, right = figure.subplots(1, 2)
    if layout == "none":
        figure.subplots_adjust(left=0.13, bottom=0.35, top=0.75, wspace=0.45)
    DRAWN[name](tables, ax=left, policies=["linucb"])
    right.set_ylabel("my own")
    assert_legible(figure)


@pytest.mark.parametrize("name", OVER_TIME)
def test_without_a_layout_engine_notes_stand_within_the_axes(tables, name):
    figure = Figure()
    ax = DRAWN[name](tables, ax=figure.add_subplot())
    (note,) = (text for text in ax.texts if "paired seeds" in text.get_text())
    assert ax.get_xlabel() == "requests served"
    assert_legible(figure)
    box = note.get_window_extent()
    for line in ax.get_lines():
        if len(line.get_xdata()) > 2:
            assert line.get_window_extent().y0 > box.y1


def test_a_panel_of_ones_own_keeps_its_ticks(tables):
    figure = Figure(layout="constrained")
    _, right = figure.subplots(1, 2)
    figures.slots(tables, ax=right, policies=["linucb"])
    figure.draw_without_rendering()
    assert any(label.get_visible() and label.get_text() for label in right.get_yticklabels())
    assert right.yaxis.get_tick_params()["labelleft"]


@every_figure
def test_draws_the_policies_asked_for(tables, name):
    axes = DRAWN[name](tables, policies=["linucb", "random"])
    found = " ".join(t.get_text() for t, _ in texts_of(figure_of(axes)))
    assert "linucb" in found
    assert "random" in found
    assert "equal" not in found
    assert "epsilon" not in found


@every_figure
def test_has_the_size_asked_for(tables, name):
    axes = DRAWN[name](tables, figsize=(9.0, 6.5), policies=["linucb", "equal"])
    assert figure_of(axes).get_size_inches().tolist() == [9.0, 6.5]


@every_figure
@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (["linucbb"], "no policy 'linucbb'; did you mean 'linucb'"),
        ([3], "no policy 3"),
        ("linucb", r"must be a list of names, got 'linucb'; write \['linucb'\]"),
        ([], "must name a policy, got an empty list"),
    ],
)
def test_refuses_policies_that_are_none(tables, name, policies, said):
    with pytest.raises(InputError, match=said) as refused:
        DRAWN[name](tables, policies=policies)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda t: figures.differences(t, of="seen"), "`of` must be "),
        (lambda t: figures.differences(t, policies=["best-static"]), "no policy besides best-static"),
        (lambda t: figures.learning(t, policies=["best-static"]), "none of the policies"),
        (lambda t: figures.regret(t, against="luck"), "`against` must be "),
        (lambda t: figures.cost(t, metric="reward"), "`metric` must be "),
        (lambda t: figures.slots(t, ax=Figure().add_subplot(), policies=["linucb", "equal"]), "room for one"),
    ],
)
def test_refuses_what_cannot_be_drawn(tables, draw, said):
    with pytest.raises(InputError, match=said) as refused:
        draw(tables)
    assert "\n" not in str(refused.value)


def test_a_set_of_requests_that_the_run_lacks_is_refused(tables):
    frame = tables.differences
    with pytest.raises(InputError, match="no differences on held-out requests"):
        figures.differences(replace(tables, differences=frame[frame.set != "held-out"]), of="held-out")


def test_without_best_static_there_are_no_differences(small_run):
    tables = small_run.tables
    for draw in (figures.differences, figures.learning):
        with pytest.raises(InputError, match="no best static allocation"):
            draw(tables)
    with pytest.raises(InputError, match="no regret against the best static"):
        figures.regret(tables)
    for draw in (figures.recall, figures.cost, figures.slots):
        assert_legible(figure_of(draw(tables)))


def test_without_oracles_there_are_no_losses(tables):
    judged = "loss|oracle|ideal|regret_(oracle|class|ideal)"
    summary = tables.summary[~tables.summary.metric.str.match(judged)]
    curves = tables.curves[~tables.curves.metric.str.match(judged)]
    bare = replace(tables, summary=summary, curves=curves)
    with pytest.raises(InputError, match="no policy of the run was judged by oracles"):
        figures.loss(bare)
    with pytest.raises(InputError, match="no regret against the per-request oracle"):
        figures.regret(bare, against="oracle")
    assert figures.learning(bare).has_data()


def test_where_no_policy_adapts_slots_must_be_named(tables):
    means = tables.curves["mean"].where(~tables.curves.metric.str.match("slots"), 1.0)
    still = replace(tables, curves=tables.curves.assign(mean=means))
    with pytest.raises(InputError, match="no policy of the run changes its slots"):
        figures.slots(still)
    assert figures.slots(still, policies=["equal"]).has_data()


# what figures show is what the tables say


@pytest.mark.parametrize("of", ["all", "repeated", "first-time", "held-out"])
def test_forest_shows_the_table_of_differences(tables, of):
    axes = figures.differences(tables, of=of)
    rows = tables.differences.query("reference == 'best-static' and metric == 'reward' and set == @of")
    rows = rows.set_index("policy")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert set(names) == set(rows.index)
    assert names == [n for n in tables.means.index if n != "best-static"]
    drawn = data_lines(axes)
    off = {t.get_text().strip("◂▸ ") for t in axes.texts}
    for place, name in enumerate(names):
        own = [line for line in drawn if set(line.get_ydata()) == {place}]
        row = rows.loc[name]
        if not own:
            assert f"{row['mean']:+.2f}" in off
            continue
        alone, together, mean = (line.get_xdata() for line in own)
        assert list(alone) == [row.low, row.high]
        assert list(together) == [row.holm_low, row.holm_high]
        assert list(mean) == [row["mean"]]


@pytest.mark.parametrize("name", OVER_TIME)
def test_curves_show_the_table_of_curves(tables, name):
    axes = DRAWN[name](tables)
    rows = tables.curves[tables.curves.metric == OVER_TIME[name]]
    drawn = {line.get_label(): line for line in axes.get_lines() if not line.get_label().startswith("_")}
    off = axes.get_xlabel()
    policies = set(rows.policy) - ({"best-static"} if OVER_TIME[name].endswith("static") else set())
    assert policies
    for policy in policies:
        own = rows[rows.policy == policy]
        if policy not in drawn:
            assert policy in off.split("off the scale")[1]
            continue
        assert drawn[policy].get_xdata().tolist() == own["round"].tolist()
        assert drawn[policy].get_ydata().tolist() == own["mean"].tolist()
    assert set(drawn) <= policies


def test_slots_stack_to_one_and_show_the_curves(tables):
    axes = figures.slots(tables, policies=["linucb"])
    n_slots = tables.study["loop"]["n_slots"]
    below = 0.0
    for arm, layer in zip(tables.study["loop"]["arms"], axes.collections, strict=True):
        own = tables.curves.query(f"policy == 'linucb' and metric == 'slots_{arm}'")
        rounds = own["round"].to_numpy()
        corners = layer.get_paths()[0].vertices
        top = [corners[corners[:, 0] == r][:, 1].max() for r in rounds]
        np.testing.assert_allclose(top, below + own["mean"].to_numpy() / n_slots, atol=1e-12)
        below = np.array(top)
    np.testing.assert_allclose(below, 1.0, atol=1e-12)


@pytest.mark.parametrize("metric", ["calls", "candidates"])
def test_cost_shows_the_summary_and_who_is_beaten_by_none(tables, metric):
    axes = figures.cost(tables, metric=metric)
    means = tables.means
    drawn = [line.get_data() for line in axes.get_lines()]
    points = {(x[0], y[0]) for x, y in drawn if len(x) == 1}
    assert points == set(zip(means[metric], means.reward, strict=True))
    bars = {tuple(y) for x, y in drawn if len(x) == 2 and x[0] == x[1]}
    want = tables.summary[tables.summary.metric == "reward"]
    assert set(zip(want.low, want.high, strict=True)) <= bars
    front = next(line for line in axes.get_lines() if line.get_linestyle() == ":").get_xydata()
    best = [(c, r) for c, r in points if not any((d <= c and s > r) or (d < c and s >= r) for d, s in points)]
    assert sorted(map(tuple, front.tolist())) == sorted(best)


def test_of_equal_rewards_the_dearer_is_beaten(tables):
    calls = tables.means.calls.drop("bm25")
    dear, cheap = calls.idxmax(), calls.idxmin()
    summary = tables.summary.copy()
    equal = (summary.metric == "reward") & summary.policy.isin([dear, cheap])
    summary.loc[equal, ["mean", "low", "high"]] = [5.0, 4.9, 5.1]
    axes = figures.cost(replace(tables, summary=summary))
    front = next(line for line in axes.get_lines() if line.get_linestyle() == ":")
    assert max(front.get_xdata()) == calls[cheap] < calls[dear]


def test_losses_show_the_summary_best_on_top(tables):
    axes = figures.loss(tables)
    names = [label.get_text() for label in axes.get_yticklabels()]
    means = tables.means
    for bars, metric in zip(axes.containers[::2], ("loss_retrieval", "loss_ranking"), strict=True):
        np.testing.assert_allclose([b.get_width() for b in bars], means.loc[names, metric], rtol=1e-12)
    total = (means.loss_retrieval + means.loss_ranking)[names]
    assert (np.diff(total) <= 0).all()  # places count from the foot
    ends = [bar.get_x() + bar.get_width() for bar in axes.containers[2]]
    np.testing.assert_allclose(ends, total)


def test_colours_are_by_role_and_the_same_in_all_figures(tables):
    style = looks(tables)
    found = tables_verdict(tables)
    assert style[found.policy].colour == "#0072B2"
    assert style[found.runner_up].colour == "#D55E00"
    assert style["best-static"].colour == "#000000"
    grey = [n for n in style if n not in (found.policy, found.runner_up, "best-static", "random")]
    assert grey
    assert {style[n].colour for n in grey} == {FIELD}
    if "random" not in (found.policy, found.runner_up):
        assert style["random"].colour == "#CC79A7"
    for name in OVER_TIME:
        for line in DRAWN[name](tables).get_lines():
            if line.get_label() in style:
                assert line.get_color() == style[line.get_label()].colour, name
    axes = figures.differences(tables)
    names = [label.get_text() for label in axes.get_yticklabels()]
    for line in data_lines(axes):
        if len(set(line.get_ydata())) == 1 and line.get_ydata()[0] in range(len(names)):
            assert line.get_color() == style[names[int(line.get_ydata()[0])]].colour
    by_place = {(tables.mean(n, "calls"), tables.mean(n, "reward")): n for n in style}
    for line in figures.cost(tables).get_lines():
        place = tuple(line.get_xydata()[0].tolist())
        if len(line.get_xdata()) == 1:
            assert line.get_color() == style[by_place[place]].colour


def tables_verdict(tables):
    from ltrr.study.verdict import verdict

    return verdict(tables)


def test_letters_have_contrast_on_white_paper(tables):
    found = looks(tables).values()
    assert len({look.colour for look in found}) >= 3
    for look in found:
        channels = np.array([int(to_hex(look.ink)[i : i + 2], 16) / 255 for i in (1, 3, 5)])
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5


# nothing is cut, no name covers another


@every_figure
def test_nothing_that_is_drawn_is_cut(tables, name):
    axes = DRAWN[name](tables)
    for panel in figure_of(axes).axes:
        (left, right), (low, high) = sorted(panel.get_xlim()), sorted(panel.get_ylim())
        for line in data_lines(panel):
            x, y = finite(line.get_xdata()), finite(line.get_ydata())
            if line.get_label().startswith("_child") and len(x) == 2 and set(x) == {0.0, 1.0}:
                continue
            assert ((left <= x) & (x <= right)).all()
            assert ((low <= y) & (y <= high)).all()
        for band in panel.collections:
            for path in band.get_paths():
                x, y = path.vertices.T
                assert ((left - 1e-9 <= x) & (x <= right + 1e-9)).all()
                assert ((low - 1e-9 <= y) & (y <= high + 1e-9)).all()
        for bar in panel.patches:
            if hasattr(bar, "get_width") and name == "loss":
                assert left <= bar.get_x() <= bar.get_x() + bar.get_width() <= right


@every_figure
def test_names_are_legible(tables, name):
    axes = DRAWN[name](tables)
    stamp(axes, "study default · 5 seeds from 20261 · ltrr 0.1.0")
    assert_legible(figure_of(axes))


@every_figure
def test_thirty_policies_are_legible(tables, name):
    many = crowd(tables, 30)
    options = {"policies": [p for p in many.means.index if p.startswith("clone")]} if name == "slots" else {}
    axes = DRAWN[name](many, **options)
    stamp(axes, "study default")
    figure = figure_of(axes)
    assert_legible(figure)
    found = [t.get_text() for t, _ in texts_of(figure)]
    assert sum(t.startswith("clone") for t in found) == 30


@every_figure
def test_names_of_a_hundred_letters_are_legible(tables, name):
    names = {p: (LONG * 2)[: 100 - len(p) - 1] + "-" + p for p in POLICIES}
    assert {len(n) for n in names.values()} == {100}
    axes = DRAWN[name](renamed(tables, names))
    figure = figure_of(axes)
    stamp(axes, "study " + LONG * 3)
    assert_legible(figure)
    # both ends are kept: the last tell these names apart
    found = " ".join(t.get_text() for t, _ in texts_of(figure))
    assert "…" in found
    assert found.count("-linucb") == 1
    panels = [a.get_window_extent() for a in figure.axes if a.axison]
    assert sum(p.width for p in panels[:3]) > 0.3 * figure.bbox.width


@every_figure
def test_hostile_names_are_drawn_as_text(tables, name):
    style = looks(tables)
    order = ["linucb", *(n for n in style if n != "linucb")]  # it adapts, so that all figures show it
    for turn in range(2):
        hostile = HOSTILE[turn:] + HOSTILE[:turn]
        axes = DRAWN[name](renamed(tables, dict(zip(order, hostile, strict=True))))
        stamp(axes, "study $x_1$ \u202e")
        svg = as_svg(axes, "what \u202e <script>alert(1)</script> shows")
        assert "<script" not in svg
        assert "\u202e" not in svg
        shown = [t.get_text() for t, _ in texts_of(figure_of(axes))]
        assert any(short(hostile[0], 36) in text for text in shown)
        # a bare dollar would begin mathematics
        assert not any(
            "$" in text.replace(r"\$", "") for text in shown if not text.startswith("$\\mathdefault")
        )
        assert_legible(figure_of(axes))


def test_one_seed_has_no_bands_and_says_so(one_seed):
    for name, draw in DRAWN.items():
        axes = draw(one_seed, policies=["linucb", "equal", "epsilon-greedy"])
        figure = figure_of(axes)
        assert_legible(figure)
        if name == "slots":
            continue
        assert "one seed" in axes.get_xlabel(), name
        if name in OVER_TIME:
            assert not axes.collections
        for line in data_lines(axes):
            assert np.isfinite(line.get_xydata()).all()
    axes = figures.differences(one_seed, of="all")
    assert all(len(line.get_xdata()) == 1 for line in data_lines(axes) if line.get_marker() == "o")
    assert "one seed" in write_report(one_seed.folder).read_text()


def test_a_study_of_one_policy_has_its_figures(untuned, tmp_path):
    for policies in (["equal"], ["best-static"]):
        result = run_small(tmp_path / policies[0], policies, rounds=180, seeds=2, loop=LOOP)
        for draw in (figures.recall, figures.cost, figures.loss):
            axes = draw(result.tables)
            assert_legible(figure_of(axes))
        axes = figures.slots(result.tables, policies=policies)
        assert_legible(figure_of(axes))
        assert f"<h1>{result.tables.study['name']}</h1>" in write_report(result.folder).read_text()


def test_what_lies_off_the_scale_is_named_with_its_value(tables):
    far = {"bm25": -5.0, "linucb": 0.0}
    curves, differences = tables.curves.copy(), tables.differences.copy()
    for policy, shift in far.items():
        rows = (curves.policy == policy) & (curves.metric == "difference_static")
        curves.loc[rows, ["mean", "low", "high"]] += shift
        rows = (differences.policy == policy) & (differences.metric == "reward")
        differences.loc[rows, ["mean", "low", "high", "holm_low", "holm_high"]] += shift
    moved = replace(tables, curves=curves, differences=differences)
    axes = figures.learning(moved)
    last = curves.query("policy == 'bm25' and metric == 'difference_static'")["mean"].iloc[-1]
    assert f"off the scale, at the end: bm25\u00a0{last:+.2g}" in axes.get_xlabel()
    assert "linucb" not in axes.get_xlabel()
    long = LONG[:60] + "-bm25"
    below = figures.learning(renamed(moved, {"bm25": long})).get_xlabel()
    assert f"{short(long, 36)}\u00a0{last:+.2g}" in below
    axes = figures.differences(moved, of="all")
    row = moved.pairs("bm25", "best-static").loc["all"]
    texts = [t for t in axes.texts if t.get_text() == f"◂ {row['mean']:+.2f}"]
    assert len(texts) == 1
    box, frame = Text.get_window_extent(texts[0]), axes.get_window_extent()
    assert frame.x0 < box.x0 < box.x1 < frame.x1
    assert_legible(figure_of(axes))


def test_a_second_drawing_has_the_same_bytes(tables):
    for draw in DRAWN.values():
        drawn = []
        for _ in range(2):
            with drawing():
                axes = draw(tables)
                stamp(axes, tables.stamp)
                png = io.BytesIO()
                figure_of(axes).savefig(png, format="png", metadata={"Software": None})
                drawn.append((as_svg(axes), png.getvalue()))
        assert drawn[0] == drawn[1]


def test_results_draw_the_same_figures(tables):
    result = Result(tables.folder)
    before = dict(mpl.rcParams)
    for axes, draw in (
        (result.plot_differences("all"), lambda t: figures.differences(t, of="all")),
        (result.plot_learning(), figures.learning),
        (result.plot_regret("oracle"), DRAWN["regret oracle"]),
        (result.plot_recall(), figures.recall),
        (result.plot_cost("candidates"), DRAWN["candidates"]),
        (result.plot_slots("linucb"), lambda t: figures.slots(t, policies=["linucb"])),
        (result.plot_loss(), figures.loss),
    ):
        with drawing():
            assert as_svg(axes) == as_svg(draw(tables))
    assert dict(mpl.rcParams) == before


def test_figures_of_the_folder_are_read_as_they_are(tables):
    assert Tables.read(tables.folder).stamp.startswith("study default · 3 seeds from ")


def test_policies_that_learn_have_their_slots_drawn(tables):
    """Slots of random policies move by chance alone, those of fixed ones not at all."""

    def with_slots(**end):
        curves = tables.curves.copy()
        for policy, value in end.items():
            rows = (curves.policy == policy.replace("_", "-")) & (curves.metric == "slots_bm25")
            curves.loc[rows & (curves["round"] > 180), "mean"] = value
        return replace(tables, curves=curves)

    kept = tables.curves["mean"].where(~tables.curves.metric.str.startswith("slots"), 0.75)
    still = replace(tables, curves=tables.curves.assign(mean=kept))
    assert adaptive(still) == []
    tables = still
    assert adaptive(with_slots(linucb=1.5, random=2.0)) == ["linucb"]
    assert adaptive(with_slots(epsilon_greedy=0.8)) == []
    both = adaptive(with_slots(epsilon_greedy=0.9, linucb=0.6))
    assert both == [n for n in tables.means.index if n in ("epsilon-greedy", "linucb")]
