"""The network that hears digits: its clips, what it hears of them, and what it refuses."""

import numpy as np
import pytest

from rnncourse import data
from rnncourse.widgets import hear, weights


@pytest.fixture(scope="module")
def ear():
    return hear.Ear(weights.load("digits")[1]["network"])


def test_eight_bits_of_a_signal_keep_it_within_a_fraction():
    """Half a step of the curve, 1 / 255, is by its slope ln(256) / 255 (1 + 255 |x|) as much."""
    rng = np.random.default_rng(0)
    signal = np.append(rng.uniform(-1, 1, 999) ** 3, [-1, 0, 1])
    found = hear.unpack(hear.pack(signal))
    steepest = np.log(256) / 255 * (1 + 255 * abs(signal)) / 127.5
    assert (abs(found - signal) <= 0.52 * steepest).all()
    assert found[[-3, -1]] == pytest.approx([-1, 1])


def test_features_have_mean_0_and_deviation_1(ear):
    xs = hear.features(np.random.default_rng(1).standard_normal(4001), ear.network)
    assert xs.shape == (1 + -(-(4001 - 240) // 200), 24)
    assert xs.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert xs.std(axis=0) == pytest.approx(1)


def test_it_hears_what_the_page_shows(ear):
    """The known voice's digits in a row, under three noises: at most one label in ten is wrong."""
    wrong = 0
    for seed in range(3):
        for said in ("0123456789", "66855", "407", "9138"):
            found = ear.hear(ear.say(said, ear.network["known"], np.random.default_rng(seed)))
            wrong += sum(a != b for a, b in zip(said, found.ljust(len(said)), strict=False))
            wrong += max(0, len(found) - len(said))
    assert wrong <= 0.1 * 3 * 22


def test_the_record_and_the_network_say_the_same(ear):
    record = data.recorded("real_live_digits")
    assert record["errors"] == ear.network["errors"]
    assert record["bytes"] == weights.size(ear.network) <= weights.LIMIT
    assert 0 < record["errors"]["known"] < record["errors"]["new"] < 1
    assert "CC BY-SA 4.0" in record["licence"]
    assert {voice: len(some) for voice, some in ear.network["clips"].items()} == {
        ear.network["known"]: 10, ear.network["new"]: 10}  # fmt: skip


def test_silence_between_digits_changes_nothing(ear):
    """Samples of exactly 0 around and between, as a microphone's gate makes them; and loudness."""
    said = "407"
    clips = [hear.unpack(ear.network["clips"][ear.network["known"]][int(d)]) for d in said]
    gated = np.concatenate([part for clip in clips for part in (np.zeros(4000), clip)])
    assert ear.hear(np.append(gated, np.zeros(4000))) == said
    assert ear.hear(0.01 * gated) == said


def test_silence_is_nothing_and_a_long_sound_is_cut(ear):
    assert ear.hear(np.zeros(8000)) == ""
    assert ear.hear(np.full(3, 1e-4)) == ""
    once = ear.say("407", ear.network["known"], np.random.default_rng(0))
    long = np.concatenate([once, 0.002 * np.random.default_rng(0).standard_normal(80000)])
    more = np.concatenate([long[:80000], np.ones(999)])
    assert ear.hear(long) == ear.hear(more)


@pytest.mark.parametrize(("signal", "sentence"), [
    ([], "at least one sample"), ([np.nan, 1], "NaN"), (np.zeros((2, 3)), "(2, 3)")])  # fmt: skip
def test_what_is_no_sound(ear, signal, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        ear.hear(signal)


@pytest.mark.parametrize(("digits", "voice"), [
    ("", "george"), ("4a", "george"), ("٣", "george"), ("4", "nobody")])  # fmt: skip
def test_what_cannot_be_said(ear, digits, voice):
    with pytest.raises(ValueError, match="expected one of"):
        ear.say(digits, voice, np.random.default_rng(0))


def test_a_notebook_shows_what_was_heard():
    shown = hear.show("digits", ["407"])
    assert [row[1] for row in shown.rows] == ["407", "407"]
    assert repr(shown).startswith("407 → ")
    assert 'class="hear" data-net="digits"' in shown._repr_html_()
    for strings in ([], "407"):
        with pytest.raises(ValueError, match="expected a list"):
            hear.show("digits", strings)
