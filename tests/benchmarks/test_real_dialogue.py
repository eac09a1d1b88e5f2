"""The run on conversations: its pairs, its beam, its reranking, and what it may not show."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scripts import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    return load("real/dialogue.py")


@pytest.fixture(scope="module")
def talk(script):
    return script._talk


def pair(talk, before, context, reply, dialogue=0):
    return talk.Pair(before.split(), context.split(), reply.split(), dialogue)


def writers(talk, V=9):
    """A deaf network and one that hears, both with weights that are not their first ones."""
    torch.manual_seed(4)
    deaf, model = talk.Writer(V, deaf=True), talk.Writer(V)
    for one in (deaf, model):
        for p in one.parameters():
            torch.nn.init.normal_(p, 0, 0.4)
    return deaf.eval(), model.eval()


def test_turns_become_pairs_and_splits_keep_dialogues_together(script, talk, monkeypatch, tmp_path):
    file = tmp_path / "x.txt"
    file.write_text("Hi . __eou__ Don ’ t __eou__ I know ! __eou__\ttopic\n"
                    "a __eou__ b __eou__  __eou__ c\tx\n", "utf-8")  # fmt: skip
    monkeypatch.setattr(talk.data, "path", lambda name, file_name: file)
    found = talk.pairs("XDailyDialog en", False)
    assert found == [pair(talk, "", "hi .", "don't"), pair(talk, "hi .", "don't", "i know !"),
                     pair(talk, "", "a", "b", 1), pair(talk, "a", "b", "c", 1)]  # fmt: skip
    assert talk.signs("Ａ 好，") == ["A", "好", ","]
    many = [pair(talk, "", "a", "b", k // 5) for k in range(100)]
    learn, valid = talk.split(many, True, 0)
    assert not {one.dialogue for one in learn} & {one.dialogue for one in valid}
    assert len(valid) == 10
    learn, valid = talk.split(many, False, 0)
    assert {one.dialogue for one in learn} >= {one.dialogue for one in valid}
    assert len(valid) == 10


def test_tokens_are_cut_and_rare_ones_are_unknown(talk):
    found = [pair(talk, "x", "a a b", "a c"), pair(talk, "", "b", "a")]
    coder = talk.Coder(found)
    assert coder.tokens == ["a", "b"]
    assert coder.source(found[0]) == [5, 5, 6]
    assert coder.source(found[0], turns=2) == [talk.UNKNOWN, talk.TURN, 5, 5, 6]
    long = pair(talk, "", " ".join(["b"] * 9 + ["a"] * talk.READ), "a")
    assert coder.source(long) == [5] * talk.READ
    assert coder.target(["a", "c"]) == [5, talk.UNKNOWN, talk.END]
    assert coder.target(["a"] * 99) == [5] * talk.WRITTEN + [talk.END]
    assert coder.text([5, 6, talk.END]) == ["a", "b"]


def test_what_is_heard_counts_and_padding_does_not(talk):
    """A batch gives what each pair gives alone; a deaf network takes no notice of sources."""
    deaf, model = writers(talk)
    sources, targets = [[5, 6, 7], [8]], [[5, 6, talk.END], [7, talk.END]]
    alone = [talk.log_probs(model, [s], [t])[0] for s, t in zip(sources, targets, strict=True)]
    np.testing.assert_allclose(talk.log_probs(model, sources, targets), alone, atol=1e-5)
    turned = talk.log_probs(model, sources[::-1], targets)
    assert np.abs(turned - alone).min() > 1e-3
    both = [talk.log_probs(deaf, some, targets) for some in (sources, [[], []])]
    assert (both[0] == both[1]).all()
    mean = -both[0].sum() / 5
    assert talk.perplexity(deaf, sources, targets) == pytest.approx(np.exp(mean), abs=1e-3)


def test_training_keeps_the_best_epoch(talk, monkeypatch):
    """Replies that repeat their context are learnt; the lowest perplexity is that of the model."""
    monkeypatch.setattr(talk, "EPOCHS", 4)
    rng = np.random.default_rng(0)
    sources = [rng.integers(5, 9, 2).tolist() for _ in range(300)]
    coded = sources, [[*source, talk.END] for source in sources]
    valid = sources[:40], coded[1][:40]
    model, training, curve = talk.trained(9, coded, valid, 0)
    assert talk.perplexity(model, *valid) == min(curve) < 2.5
    assert len(training) == len(curve) <= 4
    deaf, _, deaf_curve = talk.trained(9, coded, valid, 0, deaf=True)
    assert min(deaf_curve) > min(curve)
    assert sum(p.numel() for p in deaf.parameters()) < sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("width", [1, 4])
def test_beam_finds_what_trying_all_finds(talk, monkeypatch, width):
    """Width 1 is greedy. All replies of at most two tokens: a beam as wide as V finds the best."""
    _, model = writers(talk)
    monkeypatch.setattr(talk, "WRITTEN", 2)
    sources, letters = [[5, 6], [7], [8, 8, 5]], range(talk.FIRST, 9)
    found = talk.beams(model, sources, width)
    every = [[*some, talk.END] for n in (1, 2) for some in itertools.product(letters, repeat=n)]
    for source, beam in zip(sources, found, strict=True):
        scores = allowed_log_probs(talk, model, source, every)
        for tokens, p in beam:
            assert p == pytest.approx(scores[every.index(tokens)], abs=1e-4)
        assert [p for _, p in beam] == sorted((p for _, p in beam), reverse=True)
        if width == 4:
            assert beam[0][0] == every[int(np.argmax(scores))]


def allowed_log_probs(talk, model, source, replies):
    """log p of each, of tokens that may be written, step by step."""
    found = []
    for reply in replies:
        total, inputs = 0.0, [talk.START]
        for k, token in enumerate(reply):
            with torch.no_grad():
                encoded = model.encode(torch.tensor([source]), torch.tensor([len(source)]))
                scores = model.decode(torch.tensor([inputs]), *encoded)[0][0, -1]
            never = [talk.PAD, talk.START, talk.UNKNOWN, talk.TURN, *([] if k else [talk.END])]
            scores[never] = -torch.inf
            total += float(scores.log_softmax(0)[token])
            inputs.append(token)
        found.append(total)
    return found


def test_reranking_by_hand(script, talk):
    """log p(T|S) - w log p(T): the second candidate wins once the first is likely anyway."""
    deaf, _ = writers(talk)
    coder = talk.Coder([pair(talk, "", "a b c d", "a b c d")])
    E = talk.END
    found = [[([5, E], -1.0), ([6, E], -1.05)], [([6, E], -1.0), ([5, E], -1.05)],
             [([7, 8, E], -2.0), ([8, E], -2.0)]]  # fmt: skip
    ways = script.reranked(coder, found, deaf)
    assert len(ways) == len(script.WEIGHTS)
    chosen = set()
    for k, beam in enumerate(found):
        for w in script.WEIGHTS:
            scores = [p - w * talk.log_probs(deaf, [[5]], [reply])[0] for reply, p in beam]
            best = coder.text(beam[int(np.argmax(scores))][0])
            assert ways[f"anti-LM {w}"][k] == best
            chosen.add((k, *best))
    assert len(chosen) > len(found)  # the weight matters


def test_shares_by_hand(script, talk, monkeypatch):
    asked = [pair(talk, "", "x", reply) for reply in ("a b c d", "e f", "a b")]
    monkeypatch.setattr(script, "drawn", lambda name: asked)
    monkeypatch.setattr(script, "parts", lambda name, seed: (asked[1:2], []))
    found = script.measured("KdConv", 0, [list("abcd"), list("ef"), list("ef")])
    assert found["ten commonest"] == 1.0
    assert found["in training"] == 0.6667
    assert found["distinct-1"] == 0.75  # 6 of 8
    assert found["distinct-2"] == 0.8  # 4 of 5
    assert found["length"] == 2.67
    assert script.shown("LCCC", [["a"]]) == []
    assert script.shown("XDailyDialog en", [["a", "b"], ["a", "b"], ["c"]]) == [
        ["a b", 0.6667], ["c", 0.3333]]  # fmt: skip


def test_pairs_that_stand_in_training_are_left_out(script, talk, monkeypatch):
    """One of three, whose reply was found; of the others none is right."""
    asked = [pair(talk, "", "x", "a b c d"), pair(talk, "", "x", "e f g h"),
             pair(talk, "", "y", "a b c d")]  # fmt: skip
    monkeypatch.setattr(script, "drawn", lambda name: asked)
    monkeypatch.setattr(script, "parts", lambda name, seed: (asked[:1], []))
    given = {"nearest": "abcd abcd xyzw", "people": "abcd efgh abcd"}
    found = {name: [list(one) for one in some.split()] for name, some in given.items()}
    assert script.without_repeats("KdConv", 0, found) == {
        "repeated": 0.3333, "nearest": 0.0, "people": 100.0}  # fmt: skip


def test_nearest_context_has_the_reply(script, talk):
    learn = [
        pair(talk, "", "do you like tea", "yes"),
        pair(talk, "", "where is the train", "there"),
    ]
    asked = [pair(talk, "", "the train is where", "?"), pair(talk, "", "tea you", "?")]
    for found in script.retrieved(learn, asked).values():
        assert found == [["there"], ["yes"]]


# --- the record -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    path = ROOT / "benchmarks" / "results" / "real_dialogue.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_record_shows_nothing_of_the_unfiltered_set(record):
    assert set(record["sets"]) == {"XDailyDialog en", "XDailyDialog zh", "KdConv", "LCCC"}
    assert not any(record["sets"]["LCCC"]["commonest"].values())
    assert "not comparable" in record["note"]


def test_record_has_baselines_and_numbers_that_fit_together(record):
    for name, one in record["sets"].items():
        replies = one["replies"]
        assert {"people", "commonest", "tfidf", "bm25", "greedy", "anti-LM 0.5"} <= set(replies)
        for row in replies.values():
            for key in ("distinct-1", "distinct-2", "ten commonest", "in training"):
                assert 0 <= row[key]["mean"] <= 1
        assert replies["people"]["bleu"]["mean"] == pytest.approx(100, abs=0.01)
        assert replies["commonest"]["ten commonest"]["mean"] == 1
        for way in ("tfidf", "bm25", "commonest"):
            assert replies[way]["in training"]["mean"] == 1
        perplexity = {key: value["mean"] for key, value in one["perplexity"].items()}
        assert perplexity["true"] < perplexity["of another reply"], name
