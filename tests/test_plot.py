"""plot: what is drawn is what was given; Chinese is drawn, or one warning says why not."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from rnncourse import _draw, plot


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


def test_chinese_tokens_are_drawn(tmp_path, need_chinese_font):
    """Chinese labels raise no missing-glyph warning (warnings are errors), also on axes
    made before the font was chosen."""
    with matplotlib.rc_context({"font.family": ["sans-serif"]}):
        _, ax = plt.subplots()
        plot.memory_trace(np.zeros((3, 2)), ["我", "爱", "你"], title="记忆", ax=ax)
        ax.figure.savefig(tmp_path / "trace.png")


def test_no_chinese_font_is_one_clear_warning(monkeypatch):
    """Without any font: a warning that says what to install, once."""
    monkeypatch.setattr(_draw, "chinese_font", lambda: None)
    _draw._warn_no_font.cache_clear()
    with pytest.warns(UserWarning, match="fonts-wqy-microhei"):
        plot.matrix([[1.0]], ["我"])
    plot.matrix([[1.0]], ["你"])
    _draw._warn_no_font.cache_clear()


def test_bad_input():
    """Wrong shapes and label counts are named."""
    with pytest.raises(ValueError, match=r"\(3,\)"):
        plot.matrix(np.zeros(3))
    with pytest.raises(ValueError, match=r"1 rows for values of shape \(2, 2\)"):
        plot.matrix(np.zeros((2, 2)), rows=["a"])
    with pytest.raises(ValueError, match=r"3 tokens need \(3, H\)"):
        plot.memory_trace(np.zeros((2, 4)), ["a", "b", "c"])
