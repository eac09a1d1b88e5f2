"""What the runs on summaries share: texts, what a title has of them, networks, scores."""

import sys

import numpy as np
import pytest
import torch
from scripts import load

from rnncourse import data
from rnncourse.widgets import summarizer, weights

DATA = {
    "en": [(["The", "Mayor", "left", "early", "."], np.array([False, True, True, False, True])),
           (["It", "rained", "."], np.array([True, True, False]))],
    "zh": [(list("研究雨,雨停"), np.array([True, True, True, False, False, False])),
           (list("方法雨"), np.array([False, False, True]))],
}  # fmt: skip


@pytest.fixture
def live(monkeypatch):
    return load("real/live_titles.py")


@pytest.fixture
def titles(live, monkeypatch):
    found = sys.modules["_titles"]
    monkeypatch.setattr(found, "marked", lambda language, split, longest=300: DATA[language])
    for cached in (found.counts, found.vocabulary):
        cached.cache_clear()
    yield found
    for cached in (found.counts, found.vocabulary):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("source", "title", "kept"),
    [
        ("本文研究雨的方法", "雨的方法研究", "研究雨的方法"),  # in another order
        ("雨水,雨水多", "雨水", "雨水"),  # the first of two
        ("雨和风", "风雨", ""),  # no two in a row
        ("研究方法", "研究新方法", "研究方法"),
        ("研究", "研究研究", "研究"),  # what is there once is marked once
        ("abc", "", ""),
    ],
)
def test_what_a_title_has_of_its_abstract_by_hand(titles, source, title, kept):
    assert "".join(np.array(list(source))[titles.aligned(source, title)]) == kept


def test_longest_run_comes_first(titles):
    """方法 alone stands earlier, but belongs to the longer run."""
    found = titles.aligned("方法好,新方法", "新方法")
    assert found.tolist() == [False] * 4 + [True] * 3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_trained_and_shown_networks_read_alike(titles, live, language):
    """The same numbers; PyTorch's scores and those of eight bits."""
    sizes = live.SIZES[language]._replace(least=1)
    torch.manual_seed(0)
    model, coder = titles.Network(language, sizes).eval(), titles.Coder(language, sizes)
    network = {"language": language, "limit": 9, "more": 0, "wanted": 0,
               "tokens": titles.vocabulary(language, 1),
               "weights": weights.pack(model.params())}  # fmt: skip
    shown = summarizer.Summarizer(network)
    some = [tokens for tokens, _ in DATA[language]]
    for tokens, (ids, beside) in zip(some, map(coder, some), strict=True):
        assert ids.tolist() == shown.reader.encode(tokens)[:, 0].tolist()
        if language == "zh":
            assert beside.tolist() == summarizer.beside(tokens).tolist()
    for tokens, expected in zip(some, titles.scored(model, coder, some), strict=True):
        assert expected.shape == (len(tokens), 2)
        assert np.abs(shown.scores(tokens) - expected).max() < 0.02 < expected.std()


def test_a_window_sees_two_words_to_either_side_and_no_padding(titles, live):
    sizes = live.SIZES["en"]._replace(least=1, window=5, chain=False)
    torch.manual_seed(1)
    model, coder = titles.Network("en", sizes).eval(), titles.Coder("en", sizes)
    words = ["The", "Mayor", "left", "early", ".", "It", "rained", "."]
    other = [*words[:4], "rained", *words[5:]]
    alone, changed = (titles.scored(model, coder, [some])[0] for some in (words, other))
    near = np.abs(alone - changed).max(1) > 1e-6
    assert near.tolist() == [False] * 2 + [True] * 5 + [False]
    padded = titles.scored(model, coder, [words[:3], words])[0]
    np.testing.assert_allclose(padded, titles.scored(model, coder, [words[:3]])[0], atol=1e-6)


def test_scores_by_hand(titles):
    """2/3 and 1 in F1; one sentence exact; 2 of 5 and 2 of 3 kept, 9 of 18 and 8 of 9 letters."""
    some = [(tokens, kept.copy()) for tokens, kept in DATA["en"]]
    found = [np.array([False, True, True, False, False]), some[1][1]]
    row = titles.judged(some, found)
    assert row["f1"] == pytest.approx((0.8 + 1) / 2)
    assert row["exact"] == 0.5
    assert row["rate"] == pytest.approx((2 / 5 + 2 / 3) / 2, abs=1e-4)
    assert row["rate of characters"] == pytest.approx((9 / 18 + 8 / 9) / 2, abs=1e-4)
    assert row["rouge"]["1"] == pytest.approx(0.9)
    assert titles.token_f1(some, [np.zeros(5, bool), np.zeros(3, bool)]) == 0


def test_what_is_added_moves_each_step_alone_or_the_path(titles):
    scores = [np.array([[0.0, 0.2], [0.0, -0.3]])]
    assert [one[0].tolist() for one in titles.kept(scores, None, [-1.0, 0.0, 0.5])] == [
        [False, False], [True, False], [True, True],
    ]  # fmt: skip
    chain = {"transitions": np.array([[0.0, 0.0], [-9.0, 0.0]]), "start": np.zeros(2),
             "end": np.zeros(2)}  # fmt: skip
    assert [one[0].tolist() for one in titles.kept(scores, chain, [0.0, 0.2])] == [
        [False, False], [True, True],
    ]  # fmt: skip


def test_settings_are_those_best_on_the_development_part(titles, live, monkeypatch):
    monkeypatch.setattr(live, "marked", lambda language, split, longest=300: DATA[language])
    scores = [np.stack([np.zeros(len(kept)), np.where(kept, -0.1, -0.4)], 1)
              for _, kept in DATA["en"]]  # fmt: skip
    chain = {"transitions": np.zeros((2, 2)), "start": np.zeros(2), "end": np.zeros(2)}
    best, more, wanted = live.tuned("en", scores, chain)
    assert (best, wanted) == (1.0, 0)
    assert 0.1 < more < 0.4


def test_pointer_copies_what_is_not_known_and_generates_what_is(titles):
    """With the gate shut all weight goes to the text, and without a gate none does."""
    copying = __import__("_copying")
    coder = copying.Coder([("雨停风起", "雨停"), ("风起云涌", "风起")])
    batch = coder.batch([("雨龘停", "龘停"), ("风", "起")])
    V = len(coder.signs)
    assert batch.wanted[0].tolist() == [V, coder.numbers["停"], copying.END]
    assert batch.given[0, 1] == copying.UNKNOWN
    assert coder.text(batch.wanted[0].tolist(), batch.strange[0]) == "龘停"
    torch.manual_seed(0)
    model = copying.Writer(V, True).eval()
    with torch.no_grad():
        outputs, state = model.encode(batch.ids, batch.mask)
        given = torch.tensor(batch.given)
        p = model.decode(given, state, outputs, batch)[0].numpy()
        assert p.shape == (2, 3, V + 1)
        np.testing.assert_allclose(p.sum(2), 1, atol=1e-5)
        model.gate.bias.fill_(-99)
        p, attention, gate, _ = model.decode(given, state, outputs, batch)
        assert float(gate.max()) < 1e-6
        assert float(p[0, 0, V]) == pytest.approx(float(attention[0, 0, 1]), abs=1e-6)
        assert float(attention[1, 0, 1:].max()) == 0  # the padding gets nothing
        assert float(model.loss(batch, 1.0)) > float(model.loss(batch, 0.0))
        model.copies = False
        assert model.decode(given, state, outputs, batch)[0].shape == (2, 3, V)


def test_networks_that_write_learn_a_little(titles):
    """To copy two characters; the loss falls."""
    copying = __import__("_copying")
    pairs = [("雨停风起", "雨停"), ("风起云涌", "风起")] * 8
    coder = copying.Coder(pairs)
    model, _ = copying.learnt(pairs, coder, True, 1.0, 0, 30)
    with torch.no_grad():
        first = copying.Writer(len(coder.signs), True).eval().loss(coder.batch(pairs), 0.0)
        assert float(model.loss(coder.batch(pairs), 0.0)) < float(first) / 3
    found = copying.written(model, coder, ["风起云涌", "雨停风起"])
    assert [text for text, _ in found] == ["风起", "雨停"]
    assert all(0 <= share <= 1 for _, share in found)


def test_record_has_the_first_words_and_clauses_beside_it():
    """Each network beats what needs none, but the one that writes and cannot copy."""
    record = data.recorded("real_summarization")
    words, titles = record["compression"], record["titles"]
    first = words["baselines"]["first words, best number"]["f1"]
    f1s = {name: row["tuned"]["f1"]["values"] for name, row in words["networks"].items()}
    assert min(f1s["window of 5"]) > first + 0.05
    assert min(*f1s["LSTM"], *f1s["LSTM and CRF"]) > max(f1s["window of 5"]) + 0.04
    exact = {name: row["tuned"]["exact"]["values"] for name, row in words["networks"].items()}
    assert min(exact["LSTM and CRF"]) > max(exact["LSTM"])
    plain = max(titles["pieces"][name]["rouge"]["1"] for name in
                ("first 30 characters", "first clause", "first sentence", "TextRank"))  # fmt: skip
    wrote = {name: row["rouge"]["1"]["values"] for name, row in titles["networks"].items()}
    assert max(wrote["attention"]) < plain - 0.2
    assert min(wrote["copying"]) > plain
