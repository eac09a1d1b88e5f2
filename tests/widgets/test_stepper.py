"""The cells that a reader steps through: every number is the cell's own, at its place."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from rnncourse.nn import cells
from rnncourse.widgets import stepper


@pytest.fixture
def rng():
    return np.random.default_rng(11)


class Page(HTMLParser):
    """The texts at the named places, the rows of the table, the script; tags must match."""

    def __init__(self, html):
        super().__init__()
        self.places, self.rows, self.script, self.open = {}, [], "", []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in ("rect", "circle", "polyline"):
            self.open.append((tag, dict(attrs).get("data-name")))
        if tag == "tr":
            self.rows.append([])

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, text):
        tag, name = self.open[-1]
        if name:
            self.places[name] = text
        if tag in ("td", "th"):
            self.rows[-1].append(text)
        if tag == "script":
            self.script += text


def number(text):
    return float(text.replace("−", "-"))


def close(text, value):
    """Two decimals of the value."""
    return abs(number(text) - float(value)) <= 0.005 + 1e-12


def test_rnn_shows_the_numbers_of_the_cell(rng):
    xs, params = rng.standard_normal((4, 3)), cells.rnn_init(rng, 3, 2)
    params["b"] = rng.standard_normal(2)
    h0 = rng.uniform(-1, 1, 2)
    shown = stepper.rnn(xs, params, h0)
    page = Page(shown._repr_html_())
    assert all(close(page.places[f"h0.{k}"], h0[k]) for k in range(2))
    h = h0[None]
    for t in range(4):
        h, _ = cells.rnn_step(xs[t : t + 1], h, params)
        assert all(close(page.places[f"h{t + 1}.{k}"], h[0, k]) for k in range(2))
        assert all(close(page.places[f"x{t + 1}.{k}"], xs[t, k]) for k in range(3))
        known = {f"h{j}.{k}" for j in range(t + 2) for k in range(2)}
        assert {n for n in shown.steps[t] if n.startswith("h") and "." in n} == known
    assert json.loads(page.script) == shown.steps


def test_rnn_by_hand():
    """The chapter's worked example: tanh(0.5, -1) = (0.462, -0.762), then (0.363, 0.432)."""
    params = {"W_x": np.array([[0.5, -1.0]]), "W_h": np.array([[0.0, 1.0], [-0.5, 0.0]]),
              "b": np.zeros(2)}  # fmt: skip
    assert repr(stepper.rnn([[1.0], [0.0]], params)) == (
        "h₁ = tanh(x₁ Wx + h₀ Wh + b) = tanh(0.50, −1.00) = (0.46, −0.76)\n"
        "h₂ = tanh(x₂ Wx + h₁ Wh + b) = tanh(0.38, 0.46) = (0.36, 0.43)"
    )


def test_lstm_shows_the_numbers_of_the_cell(rng):
    xs, params = rng.standard_normal((5, 2)), cells.lstm_init(rng, 2, 1)
    params["b"] = rng.standard_normal(4)
    shown = stepper.lstm(xs, params, h0=0.3, c0=-1.5)
    page = Page(shown._repr_html_())
    h, c = np.array([[0.3]]), np.array([[-1.5]])
    for t in range(5):
        before = {"h_prev": h, "c_prev": c}
        (h, c), cache = cells.lstm_step(xs[t : t + 1], (h, c), params)
        expected = before | {"i": cache.i, "f": cache.f, "g": cache.g, "o": cache.o, "c": c, "h": h}
        expected |= {"kept": cache.f * before["c_prev"], "written": cache.i * cache.g}
        for name, value in expected.items():
            assert close(shown.steps[t][name], value.item()), name
        assert shown.steps[t]["say"].endswith(f"= {shown.steps[t]['h']}")
    assert page.places["c"] == shown.steps[-1]["c"]
    assert page.places["name_c"] == "c₅"
    assert page.rows[0] == ["t", "x", "f", "i", "g", "o", "c", "h"]
    assert [row[0] for row in page.rows[1:]] == list("12345")
    assert page.rows[2][2] == shown.steps[1]["f"]


def test_lstm_squashes_each_gate_by_its_own_function(rng):
    """σ below f, i and o, tanh below g and on the way to h; three products, one sum."""
    html = stepper.lstm([[1.0]], cells.lstm_init(rng, 1, 1)).drawing
    texts = {
        (float(x), words) for x, words in re.findall(r'<text x="([\d.]+)"[^>]*>([^<]+)<', html)
    }
    signs = {(x, words) for x, words in texts if words in ("σ", "tanh")}
    named = {words: x + 8 for x, words in texts if words in "figo"}
    assert signs == {(named["f"], "σ"), (named["i"], "σ"), (named["g"], "tanh"),
                     (named["o"], "σ"), (435, "tanh")}  # fmt: skip
    assert html.count('r="11"') == 4
    assert html.count('r="2.5"') == 3


def test_no_place_stays_empty(rng):
    xs = rng.standard_normal((3, 1))
    unrolled = stepper.rnn(xs, cells.rnn_init(rng, 1, 3))
    for shown in (unrolled, stepper.lstm(xs, cells.lstm_init(rng, 1, 1))):
        html = shown._repr_html_()
        assert not re.search(r">\{[\w.]+\}<", html)
        assert set(re.findall(r'data-name="([^"]+)"', html)) <= set(shown.steps[-1])


def test_a_number_that_rounds_to_zero_has_no_sign():
    params = {"W_x": np.zeros((1, 1)), "W_h": np.zeros((1, 1)), "b": np.array([-0.001])}
    assert stepper.rnn([[0.0]], params).steps[0]["h"] == "0.00"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, q: stepper.rnn(np.zeros(3), p), r"xs has shape \(3,\)"),
        (lambda p, q: stepper.rnn(np.zeros((9, 2)), p), r"xs has shape \(9, 2\)"),
        (lambda p, q: stepper.rnn(np.zeros((2, 4)), p), r"xs has shape \(2, 4\)"),
        (lambda p, q: stepper.rnn(np.zeros((0, 2)), p), r"xs has shape \(0, 2\)"),
        (lambda p, q: stepper.lstm(np.zeros((2, 2)), q), "H = 2 units; the drawing shows one"),
        (lambda p, q: stepper.rnn(np.zeros((2, 2)), q | {"W_h": np.zeros((4, 4))}), "H = 4 units"),
    ],
)
def test_what_does_not_fit_is_said(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(cells.rnn_init(rng, 2, 3), cells.lstm_init(rng, 2, 2))
