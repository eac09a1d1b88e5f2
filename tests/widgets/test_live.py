"""The network that the reader feeds: the weights in the page are the network's own."""

import json
import re

import numpy as np
import pytest
from live_arrays import arrays_of

from rnncourse.nlp import text
from rnncourse.nn import cells, functional, layers
from rnncourse.widgets import live


@pytest.fixture
def net():
    rng = np.random.default_rng(5)
    words = ["the", "food", "was", "good", "bad", "<", '"', "'", "&"]
    vocabulary = text.Vocabulary(words, unknown="<unk>")
    V = len(vocabulary.tokens)
    params = {
        "embedding": layers.embedding_init(rng, V, 5),
        "lstm": tuple(cells.lstm_init(rng, 5, 3) for _ in range(2)),
        "output": layers.dense_init(rng, 6, 2),
    }
    params["output"]["b_y"] = rng.standard_normal(2)
    return params, vocabulary


def test_answer_is_that_of_one_step_after_the_other(net):
    """Independently: both directions unrolled by `cells.lstm_step`, mean, softmax of two."""
    params, vocabulary = net
    ids = vocabulary.encode(["the", "food", "was", "not", "good"])
    memories = []
    for lstm, order in zip(params["lstm"], (1, -1), strict=True):
        state, hs = (np.zeros((1, 3)), np.zeros((1, 3))), []
        for k in ids[::order]:
            state, _ = cells.lstm_step(params["embedding"]["E"][k][None], state, lstm)
            hs.append(state[0][0])
        memories.append(hs[::order])
    mean = np.concatenate(memories, axis=1).mean(axis=0)
    y = mean @ params["output"]["W_y"] + params["output"]["b_y"]
    p = live.probabilities(params, ids)
    assert abs(p[1] - functional.sigmoid(y[1] - y[0])) < 1e-12
    assert abs(p.sum() - 1) < 1e-12


def test_page_holds_every_weight_exactly(net):
    params, vocabulary = net
    shown = live.reader(params, vocabulary, str.split, ["the food < good"], classes=("a", "b"))
    html = shown._repr_html_()
    content = json.loads(re.search(r"<script[^>]*>(.*)</script>", html, re.DOTALL)[1])
    assert content["tokens"] == vocabulary.tokens
    found = arrays_of(content)
    assert np.array_equal(found["E"], params["embedding"]["E"].astype(np.float32))
    assert np.array_equal(found["W_y"], params["output"]["W_y"].astype(np.float32))
    for way, lstm in zip(("forward", "backward"), params["lstm"], strict=True):
        for name in lstm:
            assert np.array_equal(found[f"{way}.{name}"], lstm[name].astype(np.float32))
    assert html.count("<script") == html.count("</script>") == 1
    p = live.probabilities(params, vocabulary.encode(["the", "food", "<", "good"]))
    assert repr(shown) == f"b {p[1]:.2f}  the food < good"
    assert f"<td>the food &lt; good</td><td>b {p[1]:.2f}</td>" in html


def test_what_does_not_fit_is_said(net):
    params, vocabulary = net
    with pytest.raises(ValueError, match="language = 'fr'; expected"):
        live.reader(params, vocabulary, str.split, [], language="fr")
    wider = params | {"output": {"W_y": np.zeros((6, 3)), "b_y": np.zeros(3)}}
    with pytest.raises(ValueError, match=r"W_y has shape \(6, 3\); expected \(6, 2\)"):
        live.reader(wider, vocabulary, str.split, [])
    with pytest.raises(ValueError, match=r"E has shape \(10, 5\); expected \(2, 5\)"):
        live.reader(params, text.Vocabulary(["a", "b"]), str.split, [])
