"""plot: what is drawn is what was given; Chinese is drawn, or one warning says why not."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from rnncourse import plot
from rnncourse.plot import draw


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_matrix_shows_each_number_and_label():
    """One text a cell, in place, and the labels in order."""
    values = np.array([[1.0, -2.0, 0.5], [0.25, 0.0, 3.0]])
    ax = plot.matrix(values, ["r0", "r1"], ["a", "b", "c"], digits=2)
    drawn = {t.get_position(): t.get_text() for t in ax.texts}
    assert drawn == {(c, r): f"{v:.2f}" for (r, c), v in np.ndenumerate(values)}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["r0", "r1"]


def test_numbers_stand_out_from_their_cell():
    """Text against cell colour has a contrast of at least 4.5 for every value."""
    values = np.linspace(-1, 1, 41)[None]
    ax = plot.matrix(values)
    image = ax.images[0]

    def luminance(rgb):
        rgb = np.asarray(rgb[:3])
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    for t, v in zip(ax.texts, values[0], strict=True):
        pair = [luminance(matplotlib.colors.to_rgb(t.get_color())),
                luminance(image.cmap(image.norm(v)))]  # fmt: skip
        assert (max(pair) + 0.05) / (min(pair) + 0.05) >= 4.5, v


def test_memory_trace_has_one_column_a_token():
    """hs (T, H) is drawn with time to the right."""
    hs = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    ax = plot.memory_trace(hs, ["a", "b", "c"])
    assert {t.get_position(): t.get_text() for t in ax.texts}[(2, 0)] == "0.50"
    assert [t.get_text() for t in ax.get_xticklabels()] == ["a", "b", "c"]


def test_chinese_tokens_are_drawn(tmp_path):
    """Chinese labels raise no missing-glyph warning (warnings are errors), also on axes
    made before the font was chosen."""
    with matplotlib.rc_context({"font.family": ["sans-serif"]}):
        _, ax = plt.subplots()
        plot.memory_trace(np.zeros((3, 2)), ["我", "爱", "你"], title="记忆", ax=ax)
        ax.figure.savefig(tmp_path / "trace.png")


def test_the_package_can_draw_all_that_figures_say():
    """Every Chinese character of cells, sources and texts has a glyph: no machine shows boxes."""
    from tools.site import font

    assert font.missing() == set(), "run tools/site/font.py"


def test_other_chinese_needs_a_font_of_the_system(monkeypatch, tmp_path):
    """Planted: no such font. One warning that says what to install, and none for each glyph."""
    monkeypatch.setattr(draw, "system_font", lambda: None)
    draw._warn_no_font.cache_clear()
    rare = "龘"
    assert rare not in draw._drawn()
    with matplotlib.rc_context({"font.family": ["sans-serif"]}):
        plot.matrix([[1.0]], ["我"])

        def paint():
            plot.matrix([[1.0]], [rare]).figure.savefig(tmp_path / "rare.png")

        with pytest.warns(UserWarning, match="fonts-wqy-microhei") as found:
            paint()
        assert len(found) == 1
        plot.matrix([[1.0]], [rare])
        monkeypatch.setattr(draw, "system_font", lambda: "Some Font")
        assert plot.use_chinese_font([rare])[-1] == "Some Font"
    draw._warn_no_font.cache_clear()


def test_bad_input():
    """Wrong shapes and label counts are named."""
    with pytest.raises(ValueError, match=r"\(3,\)"):
        plot.matrix(np.zeros(3))
    with pytest.raises(ValueError, match=r"1 rows for values of shape \(2, 2\)"):
        plot.matrix(np.zeros((2, 2)), rows=["a"])
    with pytest.raises(ValueError, match=r"3 tokens need \(3, H\)"):
        plot.memory_trace(np.zeros((2, 4)), ["a", "b", "c"])


# ---- bidirectional_graph --------------------------------------------------------


def two_rows(T=3, D=1, H=1):
    """Inputs and memories of both directions, each number used once."""
    numbers = iter(np.arange(1, 100) / 100)
    return [np.array([[next(numbers) for _ in range(width)] for _ in range(count)])
            for count, width in [(T, D), (T + 1, H), (T + 1, H)]]  # fmt: skip


def test_bidirectional_graph_shows_each_value_in_its_row():
    """From below: inputs, memories handed right, memories handed left, the two joined."""
    xs, forward, backward = two_rows(T=3)
    ax = plot.bidirectional_graph(xs, forward, backward)
    centres = {tuple(np.round(p.get_center(), 6)) for p in ax.patches}
    rows = {}
    for t in ax.texts:
        if tuple(np.round(t.get_position(), 6)) in centres and t.get_text():
            x, y = t.get_position()
            rows.setdefault(round(y, 3), []).append((x, t.get_text()))
    drawn = [[text for _, text in sorted(row)] for _, row in sorted(rows.items())]
    assert drawn[:3] == [[f"{v:.2f}" for v in row.ravel()] for row in (xs, forward, backward)]
    assert drawn[3] == [f"{forward[t + 1, 0]:.2f}\n{backward[t, 0]:.2f}" for t in range(3)]
    place = [[round(x, 3) for x, _ in sorted(row)] for _, row in sorted(rows.items())]
    assert place[0] == place[1][1:] == place[2][:-1] == place[3]


def test_bidirectional_graph_hands_memories_both_ways():
    """T solid arrows to the right in the lower row, T dashed ones to the left above it."""
    ax = plot.bidirectional_graph(*two_rows(T=4))
    arrows = [(t.xyann, t.xy, t.arrow_patch.get_linestyle()) for t in ax.texts if hasattr(t, "xy")]
    right = [(a, b, line) for a, b, line in arrows if a[1] == b[1] and b[0] > a[0]]
    left = [(a, b, line) for a, b, line in arrows if a[1] == b[1] and b[0] < a[0]]
    assert (len(right), len(left), len(arrows)) == (4, 4, 24)
    assert {line for *_, line in right} == {"solid"}
    assert {line for *_, line in left} == {"--"}
    assert max(a[1] for a, *_ in right) < min(a[1] for a, *_ in left)
    assert all(b[1] > a[1] for a, b, _ in arrows if a[1] != b[1])


@pytest.mark.parametrize("T", [1, plot.MAX_GRAPH_STEPS - 1])
def test_bidirectional_graph_fits_a_phone_and_nothing_overlaps(T):
    rows = [-v for v in two_rows(T, D=2, H=3)]
    figure = plot.bidirectional_graph(*rows).figure
    assert figure.get_size_inches()[0] <= 5.5
    figure.canvas.draw()
    spans = [t.get_window_extent() for t in figure.axes[0].texts if t.get_text()]
    for i, a in enumerate(spans):
        assert figure.bbox.x0 <= a.x0 < a.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= a.y0 < a.y1 <= figure.bbox.y1
        assert not any(a.overlaps(b) for b in spans[i + 1 :])


@pytest.mark.parametrize(
    ("xs", "forward", "backward", "message"),
    [
        ((3, 1), (3, 1), (3, 1), r"forward \(3, 1\)"),
        ((3, 1), (4, 1), (4, 2), r"backward \(4, 2\)"),
        ((3,), (4, 1), (4, 1), r"xs has shape \(3,\)"),
        ((5, 1), (6, 1), (6, 1), "5 steps"),
    ],
)
def test_bidirectional_graph_refuses_what_does_not_fit(xs, forward, backward, message):
    with pytest.raises(ValueError, match=message):
        plot.bidirectional_graph(np.zeros(xs), np.zeros(forward), np.zeros(backward))


# ---- gates, tracks, gradients --------------------------------------------------------


def test_gate_traces_draw_each_number_over_its_token():
    """(T,) as bars of the given heights, (T, H) as a picture of its transpose."""
    f, i = np.array([0.2, 0.9, 0.4]), np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    c = np.array([-2.0, 1.0, 0.5])
    axes = plot.gate_traces({"f": f, "i": i, "c": c}, ["(", "a", ")"])
    assert [ax.get_ylabel() for ax in axes] == ["f", "i", "c"]
    assert [bar.get_height() for bar in axes[0].patches] == f.tolist()
    assert axes[0].get_ylim() == (0, 1)
    image = axes[1].images[0]
    assert np.array_equal(image.get_array(), i.T)
    assert image.get_clim() == (0, 1)
    assert axes[2].get_ylim() == (-2, 2)
    assert plot.gate_traces({"depth": [0, 3, 1]}, ["(", "a", ")"])[0].get_ylim() == (0, 3)
    assert [t.get_text() for t in axes[-1].get_xticklabels()] == ["(", "a", ")"]
    assert axes[0].figure.get_size_inches()[0] <= 5.5


def test_gate_traces_draw_chinese(tmp_path):
    axes = plot.gate_traces({"遗忘门": np.zeros(2)}, ["我", "你"], title="门")
    axes[0].figure.savefig(tmp_path / "gates.png")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({}, "empty"),
        ({"f": np.zeros(3)}, r"f has shape \(3,\); 2 tokens need \(2,\)"),
        ({"f": np.zeros((2, 1, 1))}, r"\(2, 1, 1\)"),
        ({"f": np.zeros((2, 0))}, r"\(2, 0\)"),
    ],
)
def test_gate_traces_refuse_what_does_not_fit(gates, message):
    with pytest.raises(ValueError, match=message):
        plot.gate_traces(gates, ["a", "b"])


def test_gradient_flow_draws_each_line_in_its_own_way():
    """The numbers are the norms, on a log scale; a zero is left out; no two lines alike."""
    norms = {f"line {k}": 0.5**k * np.array([1.0, 0.1, 0.0]) for k in range(5)}
    ax = plot.gradient_flow(norms)
    assert ax.get_yscale() == "log"
    for line, (label, values) in zip(ax.lines, norms.items(), strict=True):
        assert line.get_label() == label
        assert np.array_equal(line.get_ydata()[:2], values[:2])
        assert np.isnan(line.get_ydata()[2])
    looks = [(line.get_linestyle(), line.get_marker()) for line in ax.lines]
    assert len(set(looks)) == len({marker for _, marker in looks}) == 5


@pytest.mark.parametrize(
    ("norms", "message"),
    [({}, "empty"), ({"a": [[1.0]]}, r"a: .*\(1, 1\)"), ({"a": [-1.0]}, "a: "),
     ({"a": [np.nan]}, "nan")],
)  # fmt: skip
def test_gradient_flow_refuses_what_is_no_norm(norms, message):
    with pytest.raises(ValueError, match=message):
        plot.gradient_flow(norms)


def test_dots_stand_where_the_runs_are_and_the_bar_at_their_median():
    ax = plot.dots({"LSTM": [3.0, 1.0, 7.0], "n-gram": 4.0}, baseline=("guess", 9.0))
    drawn = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]
    assert drawn[:2] == [([3, 1, 7], [0, 0, 0]), ([3], [0])]
    assert drawn[2:4] == [([4], [1]), ([4], [1])]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["LSTM", "n-gram"]
    assert list(ax.lines[4].get_xdata()) == [9, 9]
    assert ax.get_ylim() == (1.5, -0.5)  # the first on top


@pytest.mark.parametrize(
    ("values", "word"),
    [({}, "values is empty"), ({"a": []}, "a: expected"), ({"b": [1, np.nan]}, "b: expected"),
     ({"c": [[1, 2]]}, "c: expected")],
)  # fmt: skip
def test_dots_refuse_what_they_cannot_draw(values, word):
    with pytest.raises(ValueError, match=word):
        plot.dots(values)
