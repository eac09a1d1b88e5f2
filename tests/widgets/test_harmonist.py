"""The network that writes three voices: what it reads, what it may write, what the page gets."""

import html
import itertools
import json
import math
import re

import numpy as np
import pytest

from rnncourse import data, music
from rnncourse.nn import cells, optim
from rnncourse.nn.functional import log_softmax
from rnncourse.widgets import harmonist, weights

RANGES = [[60, 81], [52, 74], [46, 69], [36, 66]]
D, H = 3, 4


@pytest.fixture
def network():
    """Small and asymmetric, with numbers that are not near zero."""
    rng = np.random.default_rng(3)
    gru = lambda inputs: cells.gru_init(rng, inputs, H)  # noqa: E731
    outs = [{"W_1": rng.normal(size=(3 * H + (3 + k) * D, 5)), "b_1": rng.normal(size=5),
             "W_2": rng.normal(size=(5, harmonist.DISTANCES)),
             "b_2": rng.normal(size=harmonist.DISTANCES)} for k in range(3)]  # fmt: skip
    params = {
        "top": rng.normal(size=(harmonist.KINDS, D)),
        "move": rng.normal(size=(harmonist.DISTANCES, D)),
        "below": [rng.normal(size=(harmonist.DISTANCES, D)) for _ in range(3)],
        "read": [gru(2 * D), gru(2 * D)],
        "write": gru(2 * H + 3 * D),
        "out": outs,
        "table": [rng.normal(size=(harmonist.KINDS, harmonist.KINDS)) for _ in range(3)],
    }
    for array in optim.leaves(params).values():
        array += 0.3 * rng.standard_normal(array.shape)
    return {
        "ranges": RANGES,
        "weights": weights.pack(params),
        "told": {"network": 40, "table": 20},
    }


@pytest.fixture
def model(network):
    return harmonist.Harmonist(network)


def rows_of(model, notes):
    """The melody's rows as the network reads them, each by its definition."""
    rows = []
    for t, note in enumerate(notes):
        before = notes[max(0, t - 1)]
        hook = note if note != music.REST else 72  # MIDDLE: C5
        move = 0 if before == music.REST else hook - before + harmonist.OFFSET
        number = 0 if note == music.REST else note - 35
        rows.append(np.append(model.arrays["top"][number], model.arrays["move"][move]))
    return np.array(rows)


def log_prob(model, voices):
    """log p of the lower voices, all steps at once, the chosen voices given."""
    T, total = len(voices), 0.0
    xs = rows_of(model, voices[:, 0])
    part = lambda name: weights.part(model.arrays, name)  # noqa: E731
    run = lambda rows, p: cells.unroll(  # noqa: E731
        cells.gru_step, rows[None], np.zeros((1, H)), p)[0][0]  # fmt: skip
    encoded = np.hstack([run(xs, part("read.0")), run(xs[::-1], part("read.1"))[::-1]])
    hooks = np.where(voices[:, 0] == music.REST, 72, voices[:, 0])
    hung = np.where(voices == music.REST, 0, hooks[:, None] - voices + harmonist.OFFSET)
    last = np.zeros((T, 3 * D))
    for t in range(T):
        for k, v in enumerate((3, 1, 2)):
            rest = t == 0 or voices[t - 1, v] == music.REST
            row = 0 if rest else hooks[t] - voices[t - 1, v] + harmonist.OFFSET
            last[t, k * D : (k + 1) * D] = model.arrays[f"below.{k}"][row]
    states = run(np.hstack([encoded, last]), part("write"))
    for t in range(T):
        now = np.concatenate([encoded[t], states[t], last[t]])
        for k, v in enumerate((3, 1, 2)):
            p = part(f"out.{k}")
            scores = np.maximum(now @ p["W_1"] + p["b_1"], 0) @ p["W_2"] + p["b_2"]
            low, high = RANGES[v]
            some = [music.REST] if voices[t, 0] == music.REST else list(range(low, high + 1))
            places = [0 if s == music.REST else hooks[t] - s + harmonist.OFFSET for s in some]
            total += log_softmax(scores[places])[some.index(voices[t, v])]
            now = np.concatenate([now, model.arrays[f"below.{k}"][hung[t, v]]])
    return total


def test_log_probability_is_that_of_the_whole_network_at_once(model):
    """With rests in the melody, at the beginning and inside; greedy and drawn."""
    for notes in ([67, 69, 81, 60, 60], [-1, 72, -1, -1, 65, 64], [70]):
        for temperature in (0.0, 0.8):
            rng = np.random.default_rng(5)
            found = model.harmonise(notes, "network", temperature, rng)
            assert found.voices[:, 0].tolist() == notes
            assert found.log_prob == pytest.approx(log_prob(model, found.voices), abs=1e-9)
            resting = found.voices == music.REST
            assert (resting.all(axis=1) == resting.any(axis=1)).all()
            assert music.out_of_range(found.voices, RANGES) == []


def test_greedy_takes_the_likeliest_and_one_note_has_the_likeliest_bass(model):
    """No other bass under one note, with all that follows chosen anew, has a likelier beginning."""
    found = model.harmonise([72], "network").voices[0]
    step = model._network(harmonist.coded(np.array([72])))(0, 37, np.zeros(3, int))
    low, high = (bound - 35 for bound in RANGES[3])
    assert found[3] - 35 == low + np.argmax(step(0, np.zeros(0, int))[low : high + 1])


@pytest.mark.parametrize("way", harmonist.WAYS)
def test_rules_are_kept_and_cost_nothing_where_they_forbid_nothing(model, way):
    """Random weights break rules all the time; under the mask none cross, and parallels come only
    where a voice has nothing else. Judged by rnncourse.music, which shares no code."""
    rng, broken, kept = np.random.default_rng(7), 0, 0
    for _ in range(12):
        notes = rng.integers(60, 82, 9)
        free = model.harmonise(notes, way)
        found = model.harmonise(notes, way, rules=True)
        broken += len(music.parallels(free.voices)) + len(music.crossings(free.voices))
        kept += len(music.parallels(found.voices))
        assert music.crossings(found.voices) == []
        if not (music.parallels(free.voices) or music.crossings(free.voices)):
            assert found.voices.tolist() == free.voices.tolist()
    assert broken > 20
    assert kept == 0


def test_rules_by_hand():
    """Numbers are pitches less 35. C5 above F4 … : a fifth below the soprano twice in a row."""
    before, now = np.array([32, 28, 25, 13]), np.array([34, -1, -1, -1])
    order, both = harmonist.legal(2, now, before)  # tenor 25, soprano 32: a fifth; soprano rises
    assert order.tolist() == [k <= 34 for k in range(47)]
    assert np.flatnonzero(order & ~both).tolist() == [27]  # 34 - 7; 15 would fall
    _, both = harmonist.legal(2, np.array([30, -1, -1, -1]), before)
    assert np.flatnonzero(~both[:31]).tolist() == [11, 23]  # a fifth and a twelfth down
    for still in (np.array([32, -1, -1, -1]), np.array([0, -1, -1, -1])):
        order, both = harmonist.legal(2, still, before)
        assert (order == both).all()
    order, _ = harmonist.legal(1, np.array([32, -1, -1, 20]), None)
    assert np.flatnonzero(order).tolist() == list(range(20, 33))
    scores = np.log(np.array([0.2, 0.8]))
    nothing, second = np.array([False, False]), np.array([False, True])
    assert harmonist.masked(scores, second, nothing).tolist() == [-np.inf, scores[1]]


def test_table_is_of_the_note_alone(model):
    """Voices are those of the table's row in their ranges, wherever the note stands."""
    found = model.harmonise([64, 76, 64, -1], "table").voices
    for t, note in ((0, 64), (1, 76), (2, 64)):
        for k, v in enumerate((3, 1, 2)):
            low, high = RANGES[v]
            row = model.arrays[f"table.{k}"][note - 35][low - 35 : high - 34]
            assert found[t, v] == low + row.argmax()
    assert found[3].tolist() == [-1] * 4


def test_drawing_follows_the_probabilities():
    """By hand: -inf is never drawn, a cold draw is the likeliest, u falls into its interval."""

    class Fixed:
        def __init__(self, u):
            self.u = u

        def random(self):
            return self.u

    log_p = np.log(np.array([0.2, 0.5, 0.3])).tolist()
    log_p = np.array([-np.inf, *log_p, -np.inf])
    for u, expected in ((0.0, 1), (0.19, 1), (0.21, 2), (0.69, 2), (0.71, 3), (1 - 1e-17, 3)):
        assert harmonist.chosen(log_p, 1.0, Fixed(u)) == expected
    assert harmonist.chosen(log_p, 0, None) == 2
    assert all(harmonist.chosen(log_p, 0.01, Fixed(u)) == 2 for u in (0.001, 0.5, 0.999))


def test_bad_melodies_are_named(model):
    for melody, words in (([], "at least one"), ([-1, -1], "at least one"), ([60.5], "whole"),
                          ([[60]], "shape"), ([60, 82], "82 at step 1"),
                          ([59, 60], "59 at step 0")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            model.harmonise(np.array(melody))
    with pytest.raises(ValueError, match="way is 'x'"):
        model.harmonise([60], "x")
    for temperature, rng in ((-1.0, np.random.default_rng(0)), (math.nan, None), (0.5, None)):
        with pytest.raises(ValueError, match="temperature is"):
            model.harmonise([60], "network", temperature, rng)


# --- tunes --------------------------------------------------------------------------------------


def test_tunes_are_read_and_stay_in_the_soprano():
    """By hand; and every tune is short enough, sounds, and has its own key."""
    tune = harmonist.Tune({}, 65, "1 - 0 7, 2'")
    pitches, struck = harmonist.read(tune)
    assert pitches.tolist() == [65, 65, -1, 64, 79]
    assert struck.tolist() == [True, False, True, True, True]
    for tune in harmonist.TUNES.values():
        pitches, struck = harmonist.read(tune)
        assert harmonist.checked(pitches).tolist() == pitches.tolist()
        assert len(pitches) == len(struck) <= harmonist.LONGEST
        assert harmonist.key_of(pitches) % 12 == tune.key % 12 or tune.names["en"] in (
            "Jasmine Flower", "Twinkle, twinkle")  # fmt: skip
    for signs in ("- 1", "8", "1''x", "#1"):
        with pytest.raises(ValueError, match="the tune has"):
            harmonist.read(harmonist.Tune({}, 60, signs))


def test_key_has_most_of_the_notes():
    """All twelve scales find themselves; fewest signs win among equals; rests say nothing."""
    for tonic in range(60, 72):
        scale = tonic + np.array(harmonist._SCALE)
        assert harmonist.key_of(scale) == tonic
        assert harmonist.key_of(np.stack([scale, scale + 12], axis=1)) == tonic
    assert harmonist.key_of([[-1, -1]]) == 60
    assert harmonist.key_of([67, 71, 74]) == 60  # in C, G and D alike
    assert harmonist.key_of([65, 70]) == 65  # in F, B flat, …


# --- the page -----------------------------------------------------------------------------------


def test_page_gets_tunes_and_where_the_network_is(network, model, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network})
    shown = harmonist.show("x", "zh", ["star", "scale", "joy"])
    voices = model.harmonise(harmonist.read(harmonist.TUNES["star"])[0]).voices
    key = harmonist.key_of(voices)
    lines = repr(shown).splitlines()
    assert lines[:5] == ["小星星", *(music.jianpu(voice, key) for voice in voices.T)]
    assert "音阶" in lines
    assert "欢乐颂" not in lines
    page = shown._repr_html_()
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', page)}
    tunes = json.loads(place.pop("tunes"))
    assert [tune["name"] for tune in tunes] == ["小星星", "音阶", "欢乐颂"]
    assert tunes[1]["pitches"] == [60, 62, 64, 65, 67, 69, 71, 72, 72, 71, 69, 67, 65, 64, 62, 60]
    assert tunes[0]["struck"].count(False) == 4
    assert json.loads(place.pop("told")) == network["told"]
    assert place == {"edition": "zh", "net": "x",
                     "kilobytes": str(round(weights.size(network) / 1000))}  # fmt: skip
    for tunes, words in (("abc", "expected a list"), ([], "expected a list"),
                         (["star", "moon"], "tunes has 'moon'")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            harmonist.show("x", "en", tunes)
    with pytest.raises(ValueError, match="language is 'fr'"):
        harmonist.show("x", "fr")


# --- the record ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded():
    return weights.load("chorales")[1]["network"]


def test_recorded_network_keeps_its_budget_and_is_better_than_the_table(recorded):
    """Of the record; a chorale's melody takes all voices into their ranges."""
    assert weights.size(recorded) <= weights.LIMIT
    record = data.recorded("real_live_chorales")
    greedy, table = record["shown"]["rows"]["greedy"], record["table"]
    assert greedy["accuracy"]["mean"] > table["accuracy"]["mean"] + 0.03
    assert greedy["breaks"]["parallels"] < table["breaks"]["parallels"] / 2
    assert greedy["breaks"]["parallels"] > record["bach"]["breaks"]["parallels"]  # said on the page
    kept = record["shown"]["rows"]["greedy, rules kept"]
    assert kept["breaks"]["crossings"] == 0
    assert kept["breaks"]["parallels"] < record["bach"]["breaks"]["parallels"]
    assert kept["log p"] < greedy["log p"]
    told = recorded["told"]
    assert told["network"] == round(100 * greedy["accuracy"]["mean"])
    assert told["bach parallels"] == round(record["bach"]["breaks"]["parallels"], 1)


def test_recorded_network_writes_as_its_record_says(recorded):
    """The examples of the page: rules broken, exactly."""
    model, record = harmonist.Harmonist(recorded), data.recorded("real_live_chorales")
    for name, way, rules in itertools.product(harmonist.TUNES, harmonist.WAYS, (False, True)):
        melody = harmonist.read(harmonist.TUNES[name])[0]
        voices = model.harmonise(melody, way, rules=rules).voices
        said = record["tunes"][name][f"{way}, rules kept" if rules else way]
        assert len(music.parallels(voices)) == said["parallels"]
        assert len(music.crossings(voices)) == said["crossings"]
