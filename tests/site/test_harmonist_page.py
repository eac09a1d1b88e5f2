"""The network that writes three voices, on a small page of its own: its numbers are NumPy's, what
it plays has the right pitches, what it saves can be read, and no melody breaks it."""

import gzip
import itertools

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse import music
from rnncourse.widgets import harmonist, weights

CALM = {"reduced_motion": "reduce"}
MELODIES = {
    "joy": harmonist.read(harmonist.TUNES["joy"]),
    "star": harmonist.read(harmonist.TUNES["star"]),
    "one": (np.array([81]), np.array([True])),
    "rests": (np.array([-1, 60, -1, -1, 61, 61, 72]), np.array([1, 1, 1, 1, 1, 0, 1], bool)),
    "leaps": (np.array([60, 81, 60, 81, 63, 78]), np.ones(6, bool)),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light or dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {code: {"sing": harmonist.show("chorales", code)._repr_html_()}
              for code in ("en", "zh")}  # fmt: skip
    small_pages(root, "harmonist", bodies, shared="voices")
    return root


@pytest.fixture(scope="module")
def model():
    return harmonist.Harmonist(weights.load("chorales")[1]["network"])


def box_of(seen):
    return seen.page.locator(".harmonist")


def enter(box, melody):
    """With the keys and buttons, as a reader does; one trip to the browser."""
    keys = {True: "[data-pitch='{}']", False: ".harmonist-hold"}
    clicked = [".harmonist-clear"]
    for pitch, struck in zip(*melody, strict=True):
        rest = pitch == music.REST
        clicked.append(".harmonist-rest" if rest else keys[bool(struck)].format(pitch))
    box.evaluate("(box, all) => all.forEach(one => box.querySelector(one).click())", clicked)


def write(box):
    """Ask for voices; what the page computed."""
    box.locator(".harmonist-go").click()
    box.locator(".harmonist-roll:not([hidden])").wait_for()
    return trace(box)


def trace(box):
    return box.evaluate("box => { const { render, midi, ...rest } = box.trace; return rest }")


def note_of(box):
    return box.locator(".harmonist-note").inner_text()


class Mulberry:
    """The numbers that ``net.js`` draws with."""

    def __init__(self, seed):
        self.a = seed

    def random(self):
        mask = 2**32 - 1
        self.a = (self.a + 0x6D2B79F5) & mask
        t = ((self.a ^ (self.a >> 15)) * (self.a | 1)) & mask
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & mask)) & mask
        return (t ^ (t >> 14)) / 2**32


@pytest.mark.parametrize("rules", [False, True])
@pytest.mark.parametrize("way", harmonist.WAYS)
def test_page_writes_as_numpy_does(visit, model, way, rules):
    """Voices, log-probability within 1e-6, broken rules and numbered notation; hot and cold."""
    seen = visit("en/sing-light.html", **CALM)
    box = box_of(seen)
    box.locator(f"[value={way}]").check()
    box.locator(".harmonist-rules").set_checked(rules)
    some = [melody for name, melody in MELODIES.items() if name != "star"]
    for melody, heat in itertools.product(some, (0, 0.9)):
        enter(box, melody)
        box.locator(".harmonist-heat").fill(str(heat))
        found = write(box)
        expected = model.harmonise(melody[0], way, heat, Mulberry(found["seed"]), rules)
        assert found["voices"] == expected.voices.tolist()
        assert found["p"] == pytest.approx(expected.log_prob, abs=1e-6)
        key = harmonist.key_of(expected.voices)
        assert found["key"] == key
        lower = [music.jianpu(voice, key) for voice in expected.voices.T[1:]]
        assert found["lines"][1:] == lower
        broken = {(b["t"], b["upper"], b["lower"], b["kind"]) for b in found["breaks"]}
        assert broken == {tuple(one) for one in music.parallels(expected.voices)} | {
            (t, v, v + 1, "x") for t, v in music.crossings(expected.voices)}  # fmt: skip
        said = box.locator(".harmonist-said").inner_text()
        assert ("No parallel" in said) == (not broken)
        if rules:
            free = model.harmonise(melody[0], way, heat, Mulberry(found["seed"])).log_prob
            assert found["free"] == pytest.approx(free, abs=1e-6)
            assert f"{-free / len(melody[0]):.2f}" in said
        assert box.locator(".harmonist-broken").count() == len(found["breaks"])
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_soprano_is_written_as_it_was_struck(visit):
    """A note struck again has its number again, a held one a dash."""
    box = box_of(visit("en/sing-light.html", **CALM))
    enter(box, (np.array([60, 60, 60, -1, 72]), np.array([True, True, False, True, True])))
    assert "1 1 – 0 | 1̇" in box.locator(".harmonist-melody").inner_text()
    assert write(box)["struck"] == [True, True, False, True, True]
    assert box.locator(".harmonist-roll rect.harmonist-v0").count() == 3


def test_sound_has_the_pitches_and_never_clips(visit):
    """Rendered without a loudspeaker: at each step the strongest tones are the four voices'
    fundamentals; a muted voice is not there; silence where all rest."""
    box = box_of(visit("en/sing-light.html", **CALM))
    enter(box, (np.array([72, 72, -1, 74, 67]), np.array([True, False, True, True, True])))
    box.locator(".harmonist-tempo").fill("60")
    voices = np.array(write(box)["voices"])
    rate = 16000
    script = "async box => Array.from(await box.trace.render(16000))"
    wave = np.array(box.evaluate(script))
    assert wave.shape == (5 * rate,)
    assert 0.1 < np.abs(wave).max() < 1
    assert np.abs(wave[2 * rate + 10 : 3 * rate]).max() < 1e-3
    box.locator(".harmonist-heard [value='0']").uncheck()
    muted = np.array(box.evaluate(script))
    for t in (0, 1, 3, 4):
        middle = slice(t * rate + rate // 5, t * rate + rate * 4 // 5)
        for v, pitch in enumerate(voices[t]):
            loud = strength(wave[middle], pitch, rate)
            assert loud > 20 * strength(wave[middle], pitch + 0.5, rate)
            doubled = any((pitch - other) in (0, 12, 19, 24) for other in np.delete(voices[t], v))
            if v == 0 and not doubled:
                assert strength(muted[middle], pitch, rate) < loud / 20


def strength(wave, pitch, rate):
    """Goertzel's number at a pitch, under a Hann window."""
    at = np.arange(len(wave)) / rate
    turn = np.exp(-2j * np.pi * music.frequency(pitch) * at)
    return abs((wave * np.hanning(len(wave)) * turn).sum())


def test_saved_file_is_read_by_music21(visit, tmp_path):
    seen = visit("zh/sing-light.html", **CALM)
    box = box_of(seen)
    assert box.locator(".harmonist-save").is_disabled()
    enter(box, MELODIES["star"])
    voices = write(box)["voices"]
    with seen.page.expect_download() as download:
        box.locator(".harmonist-save").click()
    assert download.value.suggested_filename.endswith(".mid")
    file = tmp_path / "saved.mid"
    download.value.save_as(file)
    assert music.read_midi(file).tolist() == voices
    m21 = music._music21()
    first = m21.converter.parse(str(file)).parts[0].flatten().notes
    assert len(first) == sum(MELODIES["star"][1])  # struck again where the reader did


def test_it_plays_only_after_a_click_and_stops(visit):
    seen = visit("en/sing-light.html", **CALM)
    seen.page.evaluate("""() => { const Real = AudioContext; window.made = 0;
      window.AudioContext = class extends Real {
        constructor() { super(); window.made += 1; } }; }""")
    box = box_of(seen)
    box.locator(".harmonist-offers button").nth(4).click()
    assert seen.page.evaluate("made") == 0
    play = box.locator(".harmonist-play")
    play.click()
    seen.page.wait_for_function("document.querySelector('.harmonist-play').textContent === 'Stop'")
    assert seen.page.evaluate("made") == 1
    assert box.locator(".harmonist-head").get_attribute("visibility") == "visible"
    play.click()
    assert play.inner_text() == "Play"
    box.locator(".harmonist-tempo").fill("160")
    enter(box, MELODIES["one"])
    play.click()
    seen.page.wait_for_function("document.querySelector('.harmonist-play').textContent === 'Play'")
    assert seen.errors == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_odd_melodies_are_said_and_nothing_loads(visit, language):
    """None, rests alone, too long, a hold of nothing, a note beyond the range."""
    seen = visit(f"{language}/sing-light.html", **CALM)
    box = box_of(seen)
    box.locator(".harmonist-go").click()
    assert {"en": "no note yet", "zh": "还没有音"}[language] in note_of(box)
    box.locator(".harmonist-hold").click()
    assert {"en": "no note to hold", "zh": "没有可以延长"}[language] in note_of(box)
    box.locator(".harmonist-rest").click()
    box.locator(".harmonist-play").click()
    assert {"en": "all rests", "zh": "只有休止"}[language] in note_of(box)
    key = box.locator("[data-pitch='81']")
    key.focus()
    key.press("Enter")
    key.press("ArrowUp")
    assert "B♭5" in note_of(box)
    for _ in range(40):
        box.locator(".harmonist-rest").click()
    assert "32" in note_of(box)
    assert not [url for url in seen.asked if "/live/" in url]
    assert seen.errors == []


def test_melody_can_be_typed(visit):
    """Letters and digits take the nearest such note; arrows move the last one and the focus."""
    box = box_of(visit("en/sing-light.html", **CALM))
    middle = box.locator("[data-pitch='72']")
    middle.focus()
    for key in ("g", "5", "1", "B", "ArrowUp", "-", "0", "x", "Backspace", "7"):
        box.locator(":focus").press(key)
    notes = write(box)
    assert [row[0] for row in notes["voices"]] == [67, 67, 72, 72, 72, 71]
    assert notes["struck"] == [True, True, True, True, False, True]
    box.locator("[data-pitch='72']").focus()
    for _ in range(2):
        box.locator(":focus").press("ArrowRight")
    assert box.locator(":focus").get_attribute("data-pitch") == "74"
    box.locator(":focus").press("Space")
    assert trace(box)["voices"][-1][0] == 74  # written on at once
    assert box.locator(".harmonist-keys [tabindex='0']").count() == 1
    box.locator(".harmonist-undo").click()
    assert len(trace(box)["voices"]) == 6


def test_weights_come_only_when_they_are_asked_for(visit):
    """The button says how much it loads, and that is what it loads, up to a fifth."""
    seen = visit("en/sing-light.html", **CALM)
    box = box_of(seen)
    box.locator(".harmonist-offers button").first.click()
    go = box.locator(".harmonist-go")
    said = int("".join(filter(str.isdigit, go.inner_text())))
    with seen.page.expect_response("**/live/*.js") as response:
        write(box)
    assert abs(len(gzip.compress(response.value.body())) / 1000 - said) < 0.2 * said
    write(box)
    assert len([url for url in seen.asked if "/live/" in url]) == 1
    assert "KB" not in go.inner_text()


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/sing-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".harmonist-note"):
        box.locator(".harmonist-offers button").first.click()
        box.locator(".harmonist-go").click()
    write(box)
    assert note_of(box) == ""


def test_another_draw_is_another_piece_and_cold_ones_are_the_same(visit):
    box = box_of(visit("en/sing-light.html", **CALM))
    box.locator(".harmonist-offers button").first.click()
    cold = [write(box)["voices"] for _ in range(2)]
    assert cold[0] == cold[1]
    box.locator(".harmonist-heat").fill("1")
    assert box.locator(".harmonist-go").inner_text() == "Write anew"
    hot = [write(box)["voices"] for _ in range(2)]
    assert hot[0] != hot[1]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/sing-{scheme}.html", viewport={"width": 390, "height": 844}, **CALM)
    box = box_of(seen)
    box.locator(".harmonist-offers button").first.click()
    write(box)
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".harmonist") == []
    key = box.locator("[data-pitch='60']").bounding_box()
    assert key["width"] >= 24


def test_keys_can_be_touched(visit):
    """On a phone, where the finger falls: a black key lies over its neighbours."""
    seen = visit("en/sing-light.html", viewport={"width": 390, "height": 844}, has_touch=True,
                 **CALM)  # fmt: skip
    box = box_of(seen)
    for pitch in (60, 61, 78, 81):
        place = box.locator(f"[data-pitch='{pitch}']").bounding_box()
        down = 0.4 if pitch in (61, 78) else 0.85
        seen.page.touchscreen.tap(place["x"] + place["width"] / 2,
                                  place["y"] + down * place["height"])  # fmt: skip
    assert [row[0] for row in write(box)["voices"]] == [60, 61, 78, 81]


def test_page_opened_from_a_disk_writes_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "en" / "sing-light.html").as_uri())
    box = page.locator(".harmonist")
    box.locator(".harmonist-offers button").first.click()
    assert len(write(box)["voices"]) == 32
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("zh/sing-light.html", java_script_enabled=False).page
    assert page.locator(".harmonist tr").count() == 2
    assert "欢乐颂" in page.locator(".harmonist").inner_text()
