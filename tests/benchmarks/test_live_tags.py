"""The networks that tag in a page: what they learn from is what the page reads."""

import numpy as np
import pytest
import torch
from scripts import load

from rnncourse.nlp import text
from rnncourse.nn import layers
from rnncourse.widgets import tagger, weights

DATA = {
    "tag_snips": [(["Play", "Jazz", "now!"], ["O", "B-genre", "O"]),
                  (["play", "7", "sing", "ring"], ["O", "B-year", "I-year", "O"])],
    "pku": [(list("中国人"), ["B", "E", "S"]), (list("人*中"), ["S", "S", "S"])],
    "ner_resume": [(list("王中国"), ["B-NAME", "M-NAME", "E-NAME"])],
}  # fmt: skip


@pytest.fixture
def script(monkeypatch):
    found = load("real/live_tags.py")
    monkeypatch.setattr(found, "sentences", lambda task, split: DATA[task])
    monkeypatch.setattr(found, "LEAST", {"en": 1, "zh": 1})
    monkeypatch.setattr(found, "OFTEN", 2)
    for cached in (found.counts, found.vocabulary, found.tags_of):
        cached.cache_clear()
    return found


def test_vocabulary_by_hand(script):
    """Words in their form, and the ending that two words share; no * that stands for others."""
    assert script.vocabulary("en") == ["", "*", "*ng", "play", "jazz", "now", "7", "sing", "ring"]
    assert script.vocabulary("zh") == ["", "*", "中", "国", "人", "王"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_trained_and_shown_networks_read_alike(script, monkeypatch, language):
    """The same numbers if nothing is left out; PyTorch's emissions and those of eight bits."""
    monkeypatch.setattr(script, "RARE", 1e-12)
    monkeypatch.setattr(script, "LOWER", 0.0)
    torch.manual_seed(0)
    model, coder = script.Network(language).eval(), script.Coder(language, np.random.default_rng(0))
    network = script.empty(language) | {"weights": weights.pack(model.params())}
    shown = tagger.Tagger(network)
    texts = (["PLAY", "swing", "9", "x"], ["Now"]) if language == "en" else (list("中王x"), ["国"])
    coded = [coder(tokens) for tokens in texts]
    for tokens, found in zip(texts, coded, strict=True):
        assert np.stack(found, 1).tolist() == shown.encode(tokens).tolist()
    ids, mask = text.pad([numbers for numbers, _ in coded])
    beside, _ = text.pad([numbers for _, numbers in coded])
    for name, head in shown.heads.items():
        with torch.no_grad():
            given = (torch.tensor(a) for a in (ids, beside, mask.sum(1)))
            expected = model(*given, name).numpy()[mask]
        found = layers.dense_forward(shown.states(np.stack([ids, beside], 2), mask), head.output)
        assert np.abs(found[mask] - expected).max() < 0.02 < expected.std()


def test_rare_tokens_are_sometimes_unknown(script):
    """What was seen once in half of the readings, what was seen twice in a third."""
    coder = script.Coder("en", np.random.default_rng(1))
    found = np.array([coder(["Play", "jazz"])[0] for _ in range(3000)])
    assert (found[:, 0] == 1).mean() == pytest.approx(1 / 3, abs=0.03)
    assert (found[:, 1] == 1).mean() == pytest.approx(1 / 2, abs=0.03)


def test_scores_by_hand(script):
    """One of two entities whole; of two sentences one breaks a rule."""
    gold = DATA["tag_snips"]
    found = [["O", "B-genre", "O"], ["O", "I-year", "I-year", "O"]]
    assert script.judged("tag_snips", gold, found) == {"f1": 0.6667, "broken": 0.5}
    cut = [["B", "E", "S"], ["S", "B", "E"]]  # 3 of 5 words, and 3 of the 4 that were found
    assert script.judged("pku", DATA["pku"], cut) == {"f1": 0.6667, "broken": 0.0}


def test_page_has_the_network_that_is_best_to_develop_on(script):
    """The mean over its outputs; the test is not asked."""
    rows = {"dev": {"rules": {"f1": 0.5}}, "test": {"rules": {"f1": 0.9}}}
    better = {"dev": {"rules": {"f1": 0.8}}, "test": {"rules": {"f1": 0.1}}}
    assert script.dev_score({"measured": {"words": rows, "names": better}}) == 0.65
