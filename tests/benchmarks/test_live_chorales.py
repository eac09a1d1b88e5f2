"""The network of the page `music`: what is recorded is what was trained."""

import numpy as np
import pytest
from scripts import load

from rnncourse import music
from rnncourse.widgets import harmonist

torch = pytest.importorskip("torch")
RANGES = [(60, 81), (52, 74), (46, 69), (36, 66)]


@pytest.fixture(scope="module")
def script():
    return load("real/live_chorales.py")


@pytest.fixture
def trained(script):
    """A network of another size, with numbers that are not near zero."""
    torch.manual_seed(4)
    model = script.ways.Harmonist(script.SIZES._replace(D=5, H=7)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.4 * torch.randn_like(parameter)
    return model


def test_page_computes_what_was_trained(script, trained):
    """Scores of all pitches, step by step and voice by voice, as the training has them at once."""
    table = np.zeros((3, harmonist.KINDS, harmonist.KINDS))
    shown = script.exact(script.arrays_of(trained), table)
    soprano = np.array([60, 64, -1, 81, 81, 72])
    voices = shown.harmonise(soprano, "network", 1.0, np.random.default_rng(2)).voices
    numbers = script.ways.coded(voices)[None]
    rest, tops = numbers[..., script.ways.ORDER], numbers[0, :, 0]
    before = np.concatenate([0 * rest[:, :1], rest[:, :-1]], axis=1)
    hung, last = (script.ways.apart(some, numbers[..., :1]) for some in (rest, before))
    with torch.no_grad():
        states, _ = trained.written(trained.encoded(numbers[..., 0], [len(soprano)]), last)
        chosen = list(torch.tensor(hung).unbind(dim=2))
        expected = [trained.scores(states, chosen[:k])[0].numpy() for k in range(3)]
    score = shown._network(tops)
    for t, top in enumerate(tops):
        step = score(t, int(top), before[0, t])
        places = [harmonist.below(number, int(top)) for number in range(harmonist.KINDS)]
        for k in range(3):
            found = step(k, rest[0, t, :k])
            np.testing.assert_allclose(found, expected[k][t, places], atol=1e-4)


def test_what_is_said_of_it_is_rounded_from_the_scores(script):
    row = lambda mean, parallels: {"accuracy": {"mean": mean},  # noqa: E731
                                   "breaks": {"parallels": parallels}}  # fmt: skip
    said = script.told(row(1.0, 1.651), row(0.285, 34.116), row(0.3577, 6.815))
    assert said == {"network": 36, "table": 28, "network parallels": 6.8,
                    "table parallels": 34.1, "bach parallels": 1.7}  # fmt: skip


def test_scores_are_of_the_page(script, monkeypatch):
    """Bach himself: all of his pitches, and the copies that he has anyway."""
    piece = np.array([[72, 67, 64, 48], [74, 65, 62, 50], [74, 65, 62, 50], [71, 67, 62, 43]])
    other = music.transpose(piece, 2)
    monkeypatch.setattr(script, "read", lambda: {"train": [other], "test": [piece, piece[:2]]})
    found = script.scores([piece, piece[:2]])
    assert found["accuracy"]["all three"] == 1
    assert found["copied"] == {"mean": 3.0, "median": 3.0, "longest": 4}
