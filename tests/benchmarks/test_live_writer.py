"""The two networks that write in a page: their gradients, what is counted of their texts."""

from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.nn import gradcheck, optim

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    return load("real/live_writer.py")


def test_gradients_are_those_of_central_differences(script):
    """Also E's, which is read at both ends; with a state that is not zero."""
    rng = np.random.default_rng(1)
    params = {layer: {name: a.astype(float) + 0.3 * rng.standard_normal(a.shape)
                      for name, a in arrays.items()}
              for layer, arrays in script.init(rng, 5, 3, 4).items()}  # fmt: skip
    ids, state = rng.integers(0, 5, (2, 6)), rng.standard_normal((2, 4))

    def run():
        return script.loss_and_gradients(params, ids, state, 0.0, rng)

    grads = optim.leaves(run()[1])
    for name, array in optim.leaves(params).items():
        numeric = gradcheck.numeric_gradient(lambda: run()[0], array)
        assert gradcheck.relative_error(grads[name], numeric) < 1e-6, name


def test_longest_copy_by_hand(script):
    assert script.longest_copy("xxabcdyyabcde", "zabcd abcdef") == "abcde"
    assert script.longest_copy("xy", "abc") == ""


def test_features_by_hand(script):
    """Two lines of a play, one of them a name; two poems, the second with a rare character."""
    found = script.features("shakespeare", "ABC:\nab")
    assert found["line"].tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert found["name"].tolist() == [1, 1, 1, 1, 1, 0, 0]
    found = script.features("tang", "\nab，cd。\n\na□c，\n")
    assert found["line"].tolist() == [0, 0, 1, 2, 0, 1, 2, 0, 0, 1, 2, 3]
    assert found["form"].tolist() == [2] * 7 + [3] * 5
    assert found["poem"].tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]


def test_record_says_what_the_page_says():
    """Eight bits cost next to nothing; the n-gram is the best of those counted."""
    for name, row in data.recorded("real_live_writer").items():
        if name not in ("shakespeare", "tang"):
            continue
        kept, rounded = (row["bits"][how] for how in ("float32", "the better of both"))
        assert all(abs(kept[part] - rounded[part]) < 0.01 for part in kept)
        counted = [n["valid"] for rows in row["n-grams"].values() for n in rows.values()]
        assert row["baseline"]["valid"] == min(counted)
        assert row["bytes"] <= 300_000
