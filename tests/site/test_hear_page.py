"""The network that hears digits, on a small page of its own: its numbers are NumPy's, and no file
and no microphone breaks it."""

import io
import struct
import wave

import numpy as np
import pytest
from conftest import FLAGS, small_pages

from rnncourse.widgets import hear, weights
from tools.site.picture import browser_program

LANGUAGES = ("en", "zh")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light and dark."""
    root = tmp_path_factory.mktemp("site")
    body = {"digits": hear.show("digits")._repr_html_()}
    small_pages(root, "hear", {"en": body, "zh": body})
    return root


@pytest.fixture(scope="module")
def ear():
    return hear.Ear(weights.load("digits")[1]["network"])


def opened(seen):
    """The box, after its button was pressed and the first string was heard."""
    box = seen.page.locator(".hear")
    box.locator(".hear-start").click()
    box.locator("canvas:not([hidden])").wait_for()
    return box


def trace(box):
    found = box.evaluate(
        "box => { const { signal, xs, ps, text } = box.trace;"
        " return { signal: [...signal], xs, ps: ps.map((p) => [...p]), text }; }"
    )
    return {name: value if name == "text" else np.array(value) for name, value in found.items()}


def answer_of(box):
    return box.locator(".hear-answer").inner_text()


@pytest.mark.parametrize("voice", [0, 1])
def test_it_computes_what_numpy_computes(visit, ear, voice):
    """Sound of the clips, features, probabilities and digits, for several noises and strings."""
    box = opened(visit("en/digits-light.html"))
    box.locator("[type=radio]").nth(voice).check()
    for noise, more in ((0, ""), (3, "0"), (5, "139")):
        box.locator("[type=range]").fill(str(noise))
        for digit in more:
            box.locator(".hear-keys button").nth(int(digit)).click()
        found = trace(box)
        xs = hear.features(found["signal"], ear.network)
        np.testing.assert_allclose(found["xs"], xs, rtol=0, atol=1e-7)
        np.testing.assert_allclose(found["ps"], ear.outputs(xs), rtol=0, atol=1e-7)
        assert found["text"] == ear.hear(found["signal"])
    said = "66855" + "0" + "139"
    clips = ear.say(said, [ear.network["known"], ear.network["new"]][voice],
                    np.random.default_rng(0))  # fmt: skip
    assert len(found["signal"]) == len(clips)
    # The clips are the same; what lies under them is noise of the size that was asked for.
    assert (found["signal"] - clips).std() == pytest.approx(np.hypot(0.1, 0.002), rel=0.05)


def test_nothing_is_loaded_before_the_click_and_nothing_foreign_after(visit):
    seen = visit("en/digits-light.html")
    assert not [url for url in seen.asked if "live/" in url]
    box = opened(seen)
    assert [url.rsplit("/", 1)[1] for url in seen.asked if "live/" in url] == ["digits.js"]
    box.locator(".hear-play").click()
    assert box.locator(".hear-play").inner_text() == "Stop"
    box.locator(".hear-play").click()
    assert box.locator(".hear-play").inner_text() == "Play"
    assert seen.foreign == seen.errors == seen.failed == []


def test_the_keys(visit):
    box = opened(visit("en/digits-light.html"))
    assert "Said: 6 6 8 5 5 " in answer_of(box)
    for _ in range(7):
        box.locator(".hear-back").click()
    assert answer_of(box) == "Choose digits."
    assert not box.locator("canvas").is_visible()
    for _ in range(12):
        box.locator(".hear-keys button").nth(7).click()
    assert answer_of(box).startswith("Said: " + "7 " * 10)


def sound(rate, channels, bits, seconds=1.0, loud=0.5):
    """A WAV file of a tone, as bytes."""
    t = np.arange(int(rate * seconds)) / rate
    tone = np.repeat(loud * np.sin(2 * np.pi * 440 * t)[:, None], channels, 1)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(bits // 8)
        out.setframerate(rate)
        whole = np.rint(tone * (2 ** (bits - 1) - 1)).astype(np.int64).ravel()
        out.writeframes(b"".join(struct.pack("<q", v)[: bits // 8] for v in whole))
    return file.getvalue()


def give(box, name, content):
    """Choose a file, and wait until it says something else."""
    before = answer_of(box)
    box.locator("[type=file]").set_input_files(
        {"name": name, "mimeType": "audio/wav", "buffer": content}
    )
    box.page.wait_for_function(
        "before => document.querySelector('.hear-answer').innerText !== before", arg=before
    )
    return answer_of(box)


def test_files_of_other_kinds(visit, ear):
    box = opened(visit("en/digits-light.html"))
    for rate, channels, bits in ((44100, 2, 24), (8000, 1, 16), (48000, 1, 16)):
        give(box, "tone.wav", sound(rate, channels, bits))
        found = trace(box)
        assert len(found["signal"]) == pytest.approx(8000, abs=2)
        peak = np.abs(np.fft.rfft(found["signal"][:8000])).argmax()
        assert peak == pytest.approx(440, abs=1)
        assert found["text"] == ear.hear(found["signal"])
        give(box, "silence.wav", sound(8000, 1, 16, loud=0))
    assert answer_of(box) == "There is no sound in it."
    assert "Only the first 10 seconds" in give(box, "long.wav", sound(8000, 1, 16, 11))
    assert len(trace(box)["signal"]) == 80000
    assert give(box, "no.wav", b"RIFF, but no sound") == "Your browser cannot read this as sound."
    assert not box.locator("canvas").is_visible()
    box.locator(".hear-keys button").nth(4).click()  # and it goes on
    assert "Said: 4" in answer_of(box)


def test_without_a_microphone_it_says_so(visit):
    box = opened(visit("zh/digits-light.html"))
    box.locator(".hear-microphone").click()
    note = box.locator(".hear-note")
    note.filter(has_text="没有麦克风").wait_for()
    box.locator(".hear-keys button").nth(4).click()
    assert "听到的" in answer_of(box)


def test_the_microphone_is_heard(browser, address):
    """Chromium's own false microphone, which beeps; nothing that it hears leaves the page."""
    false = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    other = browser.browser_type.launch(executable_path=browser_program(), args=[*FLAGS, *false])
    page, asked = other.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}en/digits-light.html")
    box = page.locator(".hear")
    box.locator(".hear-start").click()
    box.locator("canvas:not([hidden])").wait_for()
    box.locator(".hear-microphone").click()
    box.locator(".hear-microphone", has_text="Stop").wait_for()
    page.wait_for_timeout(1500)
    box.locator(".hear-microphone").click()
    box.locator(".hear-answer:not(:text('Said'))").wait_for()
    assert answer_of(box).startswith(("Heard: ", "There is no sound"))
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
    other.close()


def test_a_network_that_does_not_load(visit):
    seen = visit("en/digits-light.html")
    seen.page.route("**/live/digits.js", lambda route: route.abort())
    button = seen.page.locator(".hear-start")
    button.click()
    seen.page.locator(".hear-note", has_text="did not load").wait_for()
    seen.page.unroute("**/live/digits.js")
    opened(seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_small_pages_and_readers_of_screens(visit, violations, language, scheme):
    seen = visit(f"{language}/digits-{scheme}.html", viewport={"width": 360, "height": 800})
    box = opened(seen)
    assert violations(seen.page, ".hear") == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    label = box.locator("canvas").get_attribute("aria-label")
    assert ("what the network reads" in label) == (language == "en")
