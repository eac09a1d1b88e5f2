"""The network that writes: its step, its samples, and what the page is told of it."""

import html
import json
import re

import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import cells
from rnncourse.widgets import weights, writer

TOKENS = "\n□ab，"


@pytest.fixture
def params():
    rng = np.random.default_rng(4)
    V, D, H = len(TOKENS), 3, 4
    found = {
        "embedding": {"E": rng.standard_normal((V, D))},
        "cell": cells.gru_init(rng, D, H),
        "projection": {"W_y": rng.standard_normal((H, D)), "b_y": rng.standard_normal(D)},
        "output": {"b_y": rng.standard_normal(V)},
    }
    found["cell"]["b_hn"] = rng.standard_normal(H)
    return found


@pytest.fixture
def network(params):
    return {"tokens": TOKENS, "rare": "□", "end": "\n", "length": 9, "units": [],
            "weights": weights.pack(params)}  # fmt: skip


def scores_after(params, ids):
    """Of the character after the last one, number by number."""
    h = np.zeros((1, len(params["cell"]["W_h"])))
    for k in ids:
        h, _ = cells.gru_step(params["embedding"]["E"][k][None], h, params["cell"])
    u = [sum(h[0, i] * w for i, w in enumerate(column)) + b for column, b in
         zip(params["projection"]["W_y"].T, params["projection"]["b_y"], strict=True)]  # fmt: skip
    E, b = params["embedding"]["E"], params["output"]["b_y"]
    return [sum(x * e for x, e in zip(u, row, strict=True)) + b[k] for k, row in enumerate(E)]


def test_scores_are_those_of_one_step_after_the_other(params):
    ids = np.array([0, 3, 3, 1, 4])
    ys, state = writer.forward(params, ids[None])
    assert ys.shape == (1, 5, 5)
    for t in range(5):
        np.testing.assert_allclose(ys[0, t], scores_after(params, ids[: t + 1]), atol=1e-12)
    again, _ = writer.forward(params, np.array([[2]]), state)
    np.testing.assert_allclose(again[0, 0], scores_after(params, [*ids, 2]), atol=1e-12)


def test_cold_text_is_the_best_character_again_and_again(network):
    """Never the rare one, and nothing after the end."""
    model, ids = writer.Writer(network), [0, 2, 1]
    expected = ""
    for _ in range(9):
        ys = scores_after(model.params, ids)
        ids.append(max((k for k in range(5) if k != 1), key=lambda k: ys[k]))
        if ids[-1] == 0:
            break
        expected += TOKENS[ids[-1]]
    assert model.write("a?", 0, seed=5) == expected  # "?" is read as the rare one


def test_seed_repeats_a_text_and_no_sample_holds_what_may_not_stand_in_it(network):
    model = writer.Writer(network)
    texts = [model.write("", 8, seed) for seed in range(40)]
    assert texts == [model.write("", 8, seed) for seed in range(40)]
    assert len(set(texts)) > 10
    assert set("".join(texts)) == set("ab，")
    assert max(map(len, texts)) <= 9


def test_unknown_characters(network):
    assert writer.Writer(network).encode("aé，") == [2, 1, 4]
    assert writer.Writer(network | {"rare": None}).encode("aé，") == [2, 4]


@pytest.fixture
def recorded(network, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network, "name": name})


def test_page_gets_samples_and_where_the_network_is(recorded, network):
    shown = writer.show("x", "zh", ['a<"', "b", "a"], tau=0.5, seed=3)
    model = writer.Writer(network)
    first, second = (model.write(text, 0.5, 3) for text in ('a<"', "b"))
    assert repr(shown) == f'a<"{first}\n\nb{second}'
    text = shown._repr_html_()
    assert f"<pre><b>a&lt;&quot;</b>{first}</pre><pre><b>b</b>{second}</pre>" in text
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', text)}
    assert json.loads(place.pop("beginnings")) == ['a<"', "b", "a"]
    assert place == {"edition": "zh", "net": "x", "tau": "0.5", "kilobytes": "0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x", "fr", ["a"]), "language is 'fr'; expected"),
        (("x", "en", "abc"), "beginnings is 'abc'; expected a list"),
        (("x", "en", []), r"beginnings is \[\]; expected a list of at least one"),
        (("x", "en", ["a"], 2.1), "tau is 2.1; expected 0 to 2"),
    ],
)
def test_what_does_not_fit_is_said(recorded, arguments, message):
    with pytest.raises(ValueError, match=message):
        writer.show(*arguments)


@pytest.mark.parametrize("name", ["shakespeare", "tang"])
def test_recorded_network_keeps_its_budget(name):
    """Bytes, characters each once, one row of E for each; its units are numbers of its state."""
    arrays, record = weights.load(name)
    network = record["network"]
    assert weights.size(network) <= weights.LIMIT
    assert len(set(network["tokens"])) == len(network["tokens"]) == len(arrays["embedding.E"])
    assert all(0 <= row["unit"] < len(arrays["cell.W_h"]) for row in network["units"])
