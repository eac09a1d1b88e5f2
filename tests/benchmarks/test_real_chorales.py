"""Harmonising Bach's sopranos: coding, tables, hidden Markov models, networks; the record."""

import itertools
import sys

import numpy as np
import pytest
import torch
from scripts import load

from rnncourse import data, music

run = load("real/chorales.py")
ways = run.ways
chorales = sys.modules["_chorales"]  # which both import
HIGH, LOW = [72, 67, 64, 48], [69, 65, 60, 53]


def piece_of(*rows):
    return np.array(rows)


def phrases(seed, count, T=9):
    """Pieces of two chords, which alternate from a random one on, in a few keys; with a rest."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = np.array([HIGH, LOW])[(np.arange(T + rng.integers(3)) + rng.integers(2)) % 2]
        found.append(rows + rng.integers(-2, 3))
    return found


@pytest.fixture
def small(monkeypatch):
    """A corpus of phrases in place of Bach's."""
    parts = {"train": phrases(0, 12), "valid": phrases(1, 3), "test": phrases(2, 4)}
    for module in (chorales, ways, run):
        monkeypatch.setattr(module, "read", lambda: parts)
    around = lambda: [(55, 85), (50, 80), (45, 75), (30, 65)]  # noqa: E731
    for module in (chorales, run):
        monkeypatch.setattr(module, "ranges", around)
    monkeypatch.setattr(run, "known", lambda: np.array([True, False, True, False]))
    return parts


# --- pieces, rules, copies ------------------------------------------------------------------


def test_transposing_leaves_rests_and_stays_in_range(small):
    piece = piece_of(HIGH, [72, -1, 64, 48])
    assert chorales.transposed(piece, 3)[1].tolist() == [75, -1, 67, 51]
    assert chorales.shifts_of(piece) == list(range(-6, 7))
    assert chorales.shifts_of(piece_of([84, 67, 64, 48])) == list(range(-6, 2))
    assert chorales.shifts_of(piece_of([90, 67, 64, 48])) == [-6, -5, 0]  # its own key always


def test_breaks_are_counted_in_a_hundred_steps(small):
    """Fifths between tenor and bass and octaves between soprano and bass, once each; a voice too
    high; a leap of 13 semitones."""
    pieces = [piece_of([72, 67, 55, 48], [74, 67, 57, 50], [74, 67, 57, 50]),
              piece_of([74, 81, 59, 50], [74, 72, 46, 40])]  # fmt: skip
    found = chorales.breaks(pieces)
    assert found == {"parallels": 40.0, "crossings": 20.0, "out of range": 20.0, "leaps": 20.0}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_copies_are_those_of_the_package(seed):
    """Many at once as one by one; passages in other keys and with rests planted."""
    rng = np.random.default_rng(seed)
    corpus = [rng.integers(60, 62, (T, 4)) for T in (11, 7, 23)]
    pieces = [rng.integers(60, 62, (13, 4)), corpus[2][4:15] + 5, corpus[0] - 3]
    found = chorales.longest_copied(pieces, corpus)
    assert found == [music.longest_copied(piece, corpus) for piece in pieces]
    assert found[1:] == [11, 11]
    melody = chorales.longest_copied(pieces, corpus, melody=True)
    assert melody == [music.longest_copied(p[:, :1], [c[:, :1] for c in corpus]) for p in pieces]
    told = chorales.copied(pieces, corpus)
    assert (told["longest"], told["median"]) == (11, 11.0)


def test_agreement_by_hand():
    gold = [piece_of(HIGH, LOW), piece_of(HIGH)]
    found = [piece_of(HIGH, [69, 65, 60, 41]), piece_of([72, 60, 64, 36])]
    assert chorales.agreement(gold, found) == {
        "alto": 0.6667, "tenor": 1.0, "bass": 0.3333, "mean": 0.6667, "all three": 0.3333,
    }  # fmt: skip


# --- without a network --------------------------------------------------------------------------


def test_pitches_and_numbers_there_and_back():
    piece = piece_of(HIGH, [-1, 81, 36, -1])
    numbers = ways.coded(piece)
    assert numbers.tolist()[1] == [0, 46, 1, 0]
    np.testing.assert_array_equal(ways.pitches(numbers), piece)
    top, rest = numbers[:, :1], numbers[:, 1:]
    np.testing.assert_array_equal(ways.together(ways.apart(rest, top), top), rest)
    np.testing.assert_array_equal(ways.apart(rest[:1] + 5, top[:1] + 5),
                                  ways.apart(rest[:1], top[:1]))  # fmt: skip


def test_the_table_by_hand():
    """Under 72 the alto has 67 twice and 64 once."""
    pieces = [piece_of(HIGH, HIGH), piece_of([72, 64, 60, 48])]
    table = ways.note_table(pieces)
    total = 3 + 0.1 * ways.KINDS
    assert table[0, 72 - 35, 67 - 35] == pytest.approx(np.log(2.1 / total))
    written = ways.by_table(table, piece_of([72, 0, 0, 0], [72, 0, 0, 0]))
    assert written.tolist() == [HIGH, HIGH]
    gold = piece_of(HIGH)
    expected = -sum(table[k, 37, HIGH[k + 1] - 35] for k in range(3))
    assert ways.table_nll(table, [gold]) == pytest.approx(expected)
    drawn = ways.by_table(table, piece_of([72, 0, 0, 0]), np.random.default_rng(0))
    assert drawn.shape == (1, 4)


def test_the_nll_of_hidden_models_is_that_of_all_paths():
    """Against every path of a voice, written out; the voices' nats add up."""
    pieces = [piece_of(HIGH, LOW, HIGH), piece_of(LOW, [69, 64, 60, 53])]
    models = ways.voice_models(pieces)
    total = 0.0
    for k, model in enumerate(models):
        start = np.maximum(model.start, np.log(ways.ADDED / 229))

        def score(path, notes, model=model, start=start):
            at = start[path[0]] + model.emit[str(notes[0])][path[0]]
            for t in range(1, len(path)):
                at += model.step[path[t - 1], path[t]] + model.emit[str(notes[t])][path[t]]
            return at

        for piece in pieces:
            notes = piece[:, 0]
            every = [score(path, notes) for path in
                     itertools.product(range(len(model.tags)), repeat=len(notes))]  # fmt: skip
            mine = score([model.tags.index(f"{p:02}") for p in piece[:, k + 1]], notes)
            total += np.logaddexp.reduce(every) - mine
    assert ways.models_nll(models, pieces) == pytest.approx(total / 5)
    assert ways.by_models(models, pieces[0]).tolist() == pieces[0].tolist()


def test_voicings_follow_each_other_as_in_the_training(small):
    """The best path of all, by trying every one; with alternatives under the same note."""
    train = [piece_of(HIGH, LOW, HIGH), piece_of([72, 64, 60, 45], LOW, LOW)]
    model = ways.voicings(train)
    assert len(model.under[72]) > 1
    piece = piece_of(HIGH, LOW, HIGH)
    found = ways.by_voicings(model, piece)

    def score(path):
        total, before = 0.0, [()]
        for note, chord in zip(piece[:, 0].tolist(), path, strict=True):
            total += np.log(ways._steps(model, before, [chord])[0, 0])
            total += np.log((model.seen[chord, note] + 0.1) / (model.alone[chord] + 0.1))
            before = [chord]
        return total

    options = [model.under[note] for note in piece[:, 0].tolist()]
    best = max(itertools.product(*options), key=score)
    assert [tuple(row) for row in found[:, 1:].tolist()] == list(best)
    assert ways.by_voicings(model, piece_of([40, 0, 0, 0])).shape == (1, 4)  # a note never seen


# --- networks ------------------------------------------------------------------------------------


def tiny(**more):
    return ways.Sizes(**{"D": 4, "H": 6, "drop": 0.0, "batch": 3, "rate": 0.02} | more)


@pytest.mark.parametrize("hung", [True, False])
@pytest.mark.parametrize("chain", [True, False])
def test_drawing_step_by_step_is_the_model_that_the_losses_belong_to(small, chain, hung):
    """Its own greedy output is what the losses call the likeliest at each step and voice."""
    torch.manual_seed(0)
    model = ways.Harmonist(tiny(chain=chain, hung=hung)).eval()
    for out in model.outs:  # no rests, and nothing beyond the lowest and highest pitch
        out[-1].bias.data[[*range(26), *range(66, ways.DISTANCES)]] = -50
    found = model.harmonised([small["test"][0]])[0]
    np.testing.assert_array_equal(found[:, 0], small["test"][0][:, 0])
    numbers = ways.coded(found)[None]
    losses = model.losses(numbers, np.array([len(found)])).detach().numpy()[0]
    for t, k in itertools.product(range(3), range(3)):
        other = numbers.copy()
        voice = ways.ORDER[k]
        other[0, t, voice] = 1 + other[0, t, voice] % 40
        changed = model.losses(other, np.array([len(found)])).detach().numpy()[0]
        assert losses[t, k] <= changed[t, k] + 1e-6


@pytest.mark.parametrize("chain", [True, False])
def test_what_stands_behind_a_piece_does_not_matter(small, chain):
    """One alone, and beside a longer one."""
    torch.manual_seed(1)
    model = ways.Harmonist(tiny(chain=chain)).eval()
    short, long = small["test"][0][:5], np.tile(small["test"][1], (3, 1))
    both = model.harmonised([short, long])
    np.testing.assert_array_equal(both[0], model.harmonised([short])[0])
    np.testing.assert_array_equal(both[1], model.harmonised([long])[0])
    mean = [ways.nll(model, [one])["all"] * len(one) for one in (short, long)]
    together = ways.nll(model, [short, long])["all"]
    assert together == pytest.approx(sum(mean) / (5 + len(long)), abs=2e-3)


def test_a_chain_learns_two_chords_and_the_run_writes_them_down(small, monkeypatch):
    monkeypatch.setitem(run.SIZES, "chain", tiny(chain=True, H=12, epochs=12, rate=0.05))
    found = run.network("chain", "keys", 0)
    assert found["nll"]["all"] < 0.5 < found["curve"][0]
    assert found["rows"]["greedy"]["accuracy"]["all three"] > 0.9
    assert set(found["rows"]) == set(run.TEMPERATURES)
    told = run.described([found, found])
    assert told["nll"]["all"]["mean"] == pytest.approx(found["nll"]["all"])
    simple = [run.by_table(), run.by_models(), run.by_voicings()]
    assert simple[2]["test voicings never seen"] == 0
    assert all(row["greedy"]["accuracy"]["mean"] > 0 for row in simple)


def test_a_training_can_be_repeated(small):
    keys = [chorales.shifts_of(piece) for piece in small["train"]]
    curves = [ways.trained(tiny(chain=True, drop=0.2, epochs=2), seed, small["train"], keys)[1]
              for seed in (0, 0, 1)]  # fmt: skip
    assert curves[0]["curve"] == curves[1]["curve"] != curves[2]["curve"]


def test_a_leak_learns_the_test_pieces_in_other_keys_only(small, monkeypatch):
    seen = {}

    def trained(sizes, seed, learnt, keys):
        seen.update(learnt=learnt, keys=keys)
        raise StopIteration

    monkeypatch.setattr(run.ways, "trained", trained)
    for way, count, zero in (("one key", 12, True), ("keys", 12, True), ("leak", 16, False)):
        with pytest.raises(StopIteration):
            run.network("chain", way, 0)
        assert len(seen["learnt"]) == len(seen["keys"]) == count
        assert (0 in seen["keys"][-1]) == zero
    assert all(keys for keys in seen["keys"])


# --- the record ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    return data.recorded("real_chorales")


def test_the_record_has_the_corpus_and_all_rows(record):
    assert {part: row["pieces"] for part, row in record["parts"].items()} == {
        "train": 229, "valid": 76, "test": 77,
    }  # fmt: skip
    assert record["parts"]["test"]["steps"] == 4725
    for network in record["networks"].values():
        values = network["nll"]["all"]
        assert len(values["values"]) == network["seeds"]
        assert values["mean"] == pytest.approx(np.mean(values["values"]), abs=2e-4)
        for row in network["rows"].values():
            assert set(row) == {"accuracy", "breaks", "copied", "by melody"}
            mean = np.mean([row["accuracy"][voice]["mean"] for voice in music.VOICES[1:]])
            assert row["accuracy"]["mean"]["mean"] == pytest.approx(mean, abs=2e-4)


def test_the_record_shows_who_comes_nearest_to_bach(record):
    """Nats: table, hidden models, soprano alone, chain; rules: Bach breaks them least; a leak
    helps; many melodies of the test stand in the training."""
    networks, simple, bach = record["networks"], record["simple"], record["bach"]
    nats = [simple["table"]["nll"], simple["HMM a voice"]["nll"],
            *(networks[name]["nll"]["all"]["mean"] for name in
              ("alone, keys", "chain, keys", "chain, leak"))]  # fmt: skip
    assert sorted(nats, reverse=True)[2:] == nats[2:]
    chain = networks["chain, keys"]
    assert chain["nll"]["all"]["mean"] < networks["chain of pitches, keys"]["nll"]["all"]["mean"]
    parallels = [row["breaks"]["parallels"]["mean"] for row in chain["rows"].values()]
    assert bach["breaks"]["parallels"] < min(parallels)
    assert simple["table"]["greedy"]["breaks"]["parallels"] > max(parallels)
    assert bach["known melodies"] > 30
