"""The runs on sentences in two languages: how they are split and cut, the baselines, that PyTorch's
network is the package's, and the published networks."""

import random
from collections import Counter

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.nn import optim, seq2seq
from rnncourse.widgets import translator, weights

torch = pytest.importorskip("torch")
pytest.importorskip("opencc")
pytest.importorskip("jieba")
pytest.importorskip("sklearn")

import _baselines  # noqa: E402
import _multi30k as captions  # noqa: E402
import _pairs  # noqa: E402
import _published as published  # noqa: E402
import _translator as gru  # noqa: E402
from _bleu import bleu  # noqa: E402
from _pairs import Pair  # noqa: E402

SENTENCES = [
    Pair("我病了。", "I'm ill."),
    Pair("我生病了。", "I am ill."),
    Pair("我生病了!", "I'm sick."),
    Pair("您好", "Hello!"),
    Pair("你好。", "Hi."),
    Pair("猫睡。", "The cat sleeps."),
    Pair("狗睡。", "The dog sleeps."),
    Pair("猫跑。", "The cat runs."),
]


# --- the data ---------------------------------------------------------------------------


def test_what_shares_a_source_or_a_target_is_one_group():
    """By hand: three by way of "I am ill" and of 我生病了; a polite "you"; the rest alone."""
    found = _pairs.groups(SENTENCES)
    assert len(set(found[:3])) == len(set(found[3:5])) == 1
    assert len(set(found)) == 5


def test_groups_stay_together_and_every_pair_is_in_one_part():
    rows = [Pair(f"句{k // 3}。", f"Sentence {k}.") for k in range(300)]
    for together in (True, False):
        parts = _pairs.split(rows, seed=3, together=together)
        assert sorted(pair for part in parts for pair in part) == sorted(rows)
        assert [len(part) for part in parts] == [270, 15, 15]
        sources = [{pair.zh for pair in part} for part in parts]
        assert bool(sources[0] & sources[2]) != together
    assert _pairs.split(rows, seed=3) == _pairs.split(rows, seed=3) != _pairs.split(rows, seed=4)


def test_a_sentence_begins_small_unless_its_first_word_is_a_name():
    """ "Tom" and "I" stand large inside a sentence, "The" does not; the way back is the page's."""
    rows = ["The cat saw Tom.", "Tom saw the cat.", "I think I see.", "Think!", "A", "说 I"]
    english = _pairs.English(rows, 5)
    assert english.capital == {"Tom", "I"}
    assert english.inside("The end.") == "the end."
    assert english.inside("Tom ends.") == "Tom ends."
    assert english.inside("") == ""
    assert english.inside("...Well") == "...Well"
    for one in rows[:-1]:
        assert translator.joined(english.encode(one)) == one
    assert "é" not in "".join(english.encode("The café."))


def test_captions_are_cut_and_joined():
    assert captions.cut("Ein Mann's  Hund, grün!") == ["ein", "mann's", "hund", ",", "grün", "!"]
    assert captions.joined(["a", "dog", ",", "a", "man", "."]) == "A dog, a man."
    assert captions.joined([]) == ""


# --- baselines --------------------------------------------------------------------------


def test_dictionary_finds_what_goes_together():
    """Each word stands with each other one; only its translation is always there."""
    rows = [Pair(f"{a}{b}。", f"{x} {y}.") for a, x in (("猫", "Cat"), ("狗", "Dog"))
            for b, y in (("睡", "sleeps"), ("跑", "runs"))]  # fmt: skip
    words = _baselines.Dictionary(rows, rounds=10)
    words.cut = lambda one: [sign for sign in one if sign not in "。？?"]
    again = _baselines.Dictionary.__new__(_baselines.Dictionary)
    again.best, again.cut = {"猫": "cat", "跑": "runs"}, words.cut
    assert again.translate(["跑猫？", "龘。", ""]) == ["Runs cat?", ".", ""]
    cut = _baselines.Dictionary.cut
    assert cut("猫。") == ["猫"]


def test_dictionary_converges_on_model_1(monkeypatch):
    """By hand, one round on two pairs, from equal shares: t(x|a) = (1/2 + 1) / (1/2 + 1/2 + 1)."""
    monkeypatch.setattr(_baselines.Dictionary, "cut", staticmethod(list))
    words = _baselines.Dictionary([Pair("ab", "x y"), Pair("a", "x")], rounds=1)
    assert words.t["a"]["x"] == pytest.approx(0.75)
    assert words.t["a"]["y"] == pytest.approx(0.25)
    assert words.t["b"] == pytest.approx({"x": 0.5, "y": 0.5})
    assert _baselines.Dictionary([Pair("ab", "x y"), Pair("a", "x")], 9).best == {
        "a": "x",
        "b": "y",
    }


def test_nearest_sentence_by_hand():
    assert _baselines.nearest(SENTENCES, ["猫跑了。", "我病"]) == ["The cat runs.", "I'm ill."]


def test_bleu_takes_the_best_of_the_references():
    assert bleu([["No.", "I do not know that."]], ["I do not know that."]) == 1
    assert bleu([["I do not know that."]], ["i do not know that."]) < 1  # cased


# --- PyTorch's network ------------------------------------------------------------------


def small_plan(attends, **more):
    return gru.Plan(11, 9, D=3, H=4, attends=attends, batch=2, **more)


def pairs_of(rng, N):
    sizes = zip(rng.integers(1, 6, N), rng.integers(0, 5, N), strict=True)
    return [(rng.integers(0, 11, T), np.append(rng.integers(3, 9, U), gru.END)) for T, U in sizes]


@pytest.mark.parametrize("attends", [True, False])
def test_pytorch_holds_the_network_of_the_package(attends):
    """The same loss and the same gradient of what the encoder read, on a padded batch."""
    torch.manual_seed(0)
    plan, part = small_plan(attends), pairs_of(np.random.default_rng(1), 5)
    model = gru.Translator(plan).eval()
    loss = gru.loss_of(model, part)
    loss.backward()
    expected, grads = seq2seq.loss_and_gradients(plan.design, gru.padded(part), model.params())
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    for mine, theirs in (("encoder.embedding.E", model.read), ("decoder.output.W_y", model.output),
                         ("bridge.h.W_y", model.bridge)):  # fmt: skip
        found = theirs.weight.grad.numpy()
        found = found if mine.endswith("E") else found.T
        np.testing.assert_allclose(optim.leaves(grads)[mine], found, atol=1e-6)


def test_training_learns_by_heart_and_both_searches_find_it(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as _common does for a run
    part = pairs_of(np.random.default_rng(2), 4)
    part = [(np.append(x, k), y) for k, (x, y) in enumerate(part)]
    plan = gru.Plan(11, 9, D=8, H=16, drop=0.0, batch=2, updates=250, rate=0.02)
    params, _ = gru.trained(plan, part, 0)
    assert gru.perplexity(plan, params, part) < 1.1
    sources = [x for x, _ in part]
    for found in (gru.greedy(plan, params, sources, 9), gru.beam(plan, params, sources, 9, 3)):
        assert [f.tolist() for f in found] == [y[:-1].tolist() for _, y in part]


# --- the live network -------------------------------------------------------------------


@pytest.fixture
def live(monkeypatch):
    found = load("real/live_translation.py")
    monkeypatch.setattr(found, "parts", lambda: [SENTENCES * 4, SENTENCES[:3], SENTENCES[3:]])
    monkeypatch.setattr(_pairs, "simplified", lambda: {"貓": "猫", "龜": "龟"})
    monkeypatch.setattr(found, "H", 6)
    monkeypatch.setattr(found, "MERGES", 8)
    return found


def test_page_reads_what_was_trained(live):
    """Both give a sentence the same numbers; characters that the training lacks have no table."""
    params = live.init(np.random.default_rng(0))
    network = live.empty() | {"unsure": 0.5, "weights": weights.pack(params)}
    model = translator.Translator(network)
    assert network["simplified"] == "貓猫"
    for (source, _), pair in zip(live.coded(SENTENCES), SENTENCES, strict=True):
        assert model.encode(pair.zh).tolist() == source.tolist()
    found, p = live.written(model.params, [pair.zh for pair in SENTENCES])
    answers = [model.write(pair.zh) for pair in SENTENCES]
    assert found == [answer.text for answer in answers]
    np.testing.assert_allclose(p, [answer.p for answer in answers], rtol=1e-9)


def test_dropped_units_have_no_gradient_and_come_back(live):
    rng = np.random.default_rng(1)
    params = live.init(rng)
    before = {name: array.copy() for name, array in optim.leaves(params).items()}
    batch = live.batch_of(live.coded(SENTENCES[:3]))
    masks = live.masks(np.random.default_rng(5), params)
    grads = optim.leaves(live.gradients(np.random.default_rng(5), batch, params))
    for name, array in optim.leaves(params).items():
        np.testing.assert_array_equal(array, before[name])
    for name, mask in masks.items():
        lost = np.broadcast_to(mask == 0, grads[name].shape)
        assert not grads[name][lost].any()
        kept = 1 / (1 - live.DROP[name][1])
        np.testing.assert_allclose(mask[mask > 0], kept, rtol=1e-6)
    assert any((mask == 0).any() for mask in masks.values())


def test_sources_are_disturbed_as_often_as_said(live):
    """What was seen once is unknown in a third of the readings; a mark goes in a fifth."""
    seen, rng = np.array([0, 1, 1000, 1000]), np.random.default_rng(0)
    found = [live.disturbed(rng, np.array([1, 2, 3]), seen, {3}) for _ in range(4000)]
    assert np.mean([row[0] == 0 for row in found]) == pytest.approx(1 / 3, abs=0.03)
    assert np.mean([len(row) == 2 for row in found]) == pytest.approx(live.BARE, abs=0.03)
    batch = next(live.batches(rng, live.coded(SENTENCES)))
    assert len(batch.source) == len(SENTENCES)


# --- the run ----------------------------------------------------------------------------


def test_leaks_are_counted(monkeypatch):
    """Of the test's sources the first stands in the training, the second has a target there."""
    run = load("real/translation.py")
    train = [Pair("我来。", "I come."), Pair("我去。", "I go.")]
    test = [Pair("我来！", "Here I am."), Pair("走吧。", "I go!"), Pair("猫。", "A cat.")]
    monkeypatch.setattr(run, "parts", lambda split: [train, [], test])
    assert run.leaked("groups").tolist() == [True, True, False]
    rows = run.of_rows(
        np.array([False, False, True]), [["x"], ["y"], ["A cat."]], ["", "", "A cat."]
    )
    assert rows["sentences"] == 1
    assert run.of_rows(np.zeros(3, bool), [], []) == {"sentences": 0, "bleu": None}


# --- the published networks -------------------------------------------------------------


@pytest.mark.parametrize(("kind", "millions"),
                         [("seq2seq", 13.9), ("context", 14.2), ("attention", 20.5)])  # fmt: skip
def test_published_networks_have_the_published_size_and_learn(kind, millions):
    """Parameters for vocabularies of 7,853 and 5,893 words; four sentences by heart."""
    big = published.Published(kind, 7853, 5893)
    assert round(sum(p.numel() for p in big.parameters()) / 1e6, 1) == millions
    torch.manual_seed(0)
    random.seed(0)
    model = published.Published(kind, 20, 15, 12, 24, 0.0)
    for p in model.parameters():
        torch.nn.init.uniform_(p, -0.3, 0.3)
    model.adam = torch.optim.Adam(model.parameters(), 1e-2)
    source = torch.randint(4, 20, (5, 4))
    target = torch.cat([torch.full((1, 4), 2), torch.randint(4, 15, (4, 4)), torch.full((1, 4), 3)])
    first = published.train(model, [(source, target)])
    last = [published.train(model, [(source, target)] * 10) for _ in range(20)][-1]
    assert last < 0.2 < first
    assert published.written(model.eval(), source, 10) == target[1:-1].T.tolist()
    with pytest.raises(ValueError, match="unknown kind"):
        published.Published("x", 2, 2)


def test_counter_is_what_words_are_counted_in():
    assert Counter(_baselines.Dictionary.cut_en("I'm ill, ill.")) == {"i'm": 1, "ill": 2}


# --- the record -------------------------------------------------------------------------


def test_record_says_what_a_leak_brings_and_what_was_not_run():
    """A pair whose source or target the training has lifts the nearest sentence, which copies it;
    with groups kept together there is none. Both networks are above all their baselines."""
    record = data.recorded("real_translation")
    chinese, small = record["chinese"], record["captions"]["smaller networks"]
    shares = [chinese[split]["size"]["leaked share"] for split in ("groups", "by chance")]
    assert shares[0] == 0 < shares[1]
    near = chinese["by chance"]["baselines"]["nearest"]
    assert near["leaked"]["bleu"] > 2 * near["clean"]["bleu"]
    for split in chinese.values():
        gru_bleu = split["gru with attention"]["bleu"]["mean"]
        assert all(gru_bleu > found["bleu"] for found in split["baselines"].values())
    nearest = record["captions"]["baselines"]["nearest"]["bleu, small tokens"]
    assert small["attention"]["bleu, small tokens"] > nearest
    assert "none" in record["captions"]["published networks trained here"]
