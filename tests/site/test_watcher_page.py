"""The network that watches films, on a small page of its own: its numbers are NumPy's, and nothing
that a reader does breaks it."""

import gzip

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse.data import films
from rnncourse.widgets import watcher, weights

CALM = {"reduced_motion": "reduce"}
LANGUAGES = ("en", "zh")
LENGTH = 12  # frames of a film that is played


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light and dark."""
    root = tmp_path_factory.mktemp("site")
    body = {"films": watcher.show("films")._repr_html_()}
    small_pages(root, "watcher", {"en": body, "zh": body})
    return root


@pytest.fixture(scope="module")
def model():
    return watcher.Watcher(weights.load("films")[1]["network"])


def box_of(seen):
    return seen.page.locator(".watcher")


def frames_of(box):
    return box.evaluate("box => (box.trace ? box.trace.frames.length : 0)")


def wait(box, frames):
    box.page.wait_for_function(
        "n => (document.querySelector('.watcher').trace?.frames.length ?? 0) === n", arg=frames
    )


def play(box, motion, thing=0):
    box.locator("select").nth(0).select_option(str(thing))
    box.locator("select").nth(1).select_option(str(films.CLASSES.index(motion)))
    box.locator(".watcher-play").click()
    wait(box, LENGTH)


def change(box, name):
    box.locator(f"[type=radio][value='{name}']").check()


def trace(box):
    """What was shown: frames (T, 16, 16), whether each is there, probabilities (T, K), order."""
    found = box.evaluate(
        "box => box.trace && ({ ...box.trace, p: box.trace.p.map((row) => [...row]),"
        " frames: box.trace.frames.map((frame) => [...frame]) })"
    )
    frames = np.array(found["frames"]).reshape(-1, films.BOARD, films.BOARD)
    return frames, np.array(found["seen"]), np.array(found["p"]), found["order"]


def text_of(box, part):
    return box.locator(f".watcher-{part}").inner_text()


def compared(box, model):
    """Every probability within 1e-9; returns frames and order."""
    frames, seen, p, order = trace(box)
    np.testing.assert_allclose(p, model.watch(frames, seen), rtol=0, atol=1e-9)
    return frames, seen, order


def press(box, keys):
    box.locator(".watcher-board").focus()
    for key in keys:
        box.page.keyboard.press(key)


@pytest.mark.parametrize("language", LANGUAGES)
def test_frames_and_probabilities_are_those_of_numpy(visit, model, language):
    """Each motion with another thing; the frames as films.film draws them."""
    box = box_of(visit(f"{language}/films-light.html", **CALM))
    pictures = [*films.shapes().values(), *watcher.first_digits()]
    for thing, motion in enumerate(films.CLASSES):
        k = 2 * thing + 3  # shapes and digits
        play(box, motion, k)
        frames, seen, order = compared(box, model)
        assert seen.all()
        assert order == list(range(LENGTH))
        box.locator(".watcher-anew").click()
    first = films.film(pictures[k], motion, LENGTH, (4, 4, 0))
    # The board keeps its state from film to film: the same frames from elsewhere.
    sums = [np.sort(one.ravel()) for one in (frames[0], first[0])]
    np.testing.assert_allclose(sums[0], sums[1], atol=1e-6)


def test_first_film_is_the_one_that_python_draws(visit):
    box = box_of(visit("en/films-light.html", **CALM))
    for motion, start in (("clockwise", (4, 4, 0)), ("left", (4, 4, 3))):
        play(box, motion, 3)
        drawn = films.film(films.shapes()["arrow"], motion, LENGTH, start)
        np.testing.assert_array_equal(trace(box)[0], drawn)


@pytest.mark.parametrize("name", watcher.CHANGES)
def test_changed_films(visit, model, name):
    """Order and gaps are of the kind that Python makes, and the numbers still NumPy's."""
    box = box_of(visit("en/films-light.html", **CALM))
    play(box, "right")
    change(box, name)
    _, seen, order = compared(box, model)
    like, _ = watcher.changed(name, LENGTH, np.random.default_rng(0))
    assert sorted(order) == sorted(like)
    if name != "shuffled":
        assert order == like.tolist()
    else:
        assert order != sorted(order)
    assert seen.all() == (name != "gaps")
    assert seen[0]
    assert seen[-1]
    assert box.locator("thead button:disabled").count() == (~seen).sum()
    top = films.CLASSES[int(trace(box)[2][-1].argmax())]
    assert name not in ("as it was", "gaps") or top == "right"
    assert name != "backwards" or top == "left"


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_frame_and_none(visit, model, language):
    box = box_of(visit(f"{language}/films-light.html", **CALM))
    assert text_of(box, "said") == {"en": "There is no frame yet.", "zh": "还没有影片。"}[language]
    assert box.locator(".watcher-film").is_hidden()
    for name in watcher.CHANGES:  # of no film, nothing
        change(box, name)
        assert frames_of(box) == 0
    change(box, "as it was")
    play(box, "up")
    change(box, "one frame")
    wait(box, 1)
    compared(box, model)
    assert {"en": "says nothing", "zh": "看不出"}[language] in text_of(box, "note")
    assert trace(box)[2].max() < 0.6
    assert {"en": "isn't sure", "zh": "拿不准"}[language] in text_of(box, "said")
    box.locator(".watcher-anew").click()
    assert box.locator(".watcher-film").is_hidden()


def test_keys_move_the_thing_a_frame_a_step(visit, model):
    """Right twice over the edge, a quarter turn, a wait; the first step shows where it began."""
    seen = visit("en/films-light.html", **CALM)
    box = box_of(seen)
    press(box, ["ArrowRight"] * 5 + ["ArrowDown", "r", "Space", "l"])
    wait(box, 10)
    frames = compared(box, model)[0]
    states = [(4, 4 + k, 0) for k in range(6)] + [(5, 9, 0), (5, 9, 1), (5, 9, 1), (5, 9, 0)]
    drawn = films.show_states(films.shapes()["F"][None], np.array(states)[None])[0]
    np.testing.assert_array_equal(frames, drawn)
    assert trace(box)[2][5].argmax() == films.CLASSES.index("right")
    assert seen.page.evaluate("scrollY") == 0  # the arrows and the space bar don't scroll


def test_buttons_and_a_film_too_long(visit, model):
    box = box_of(visit("en/films-light.html", **CALM))
    for _ in range(watcher.MOST + 3):
        box.locator("[data-move='2']").click()
    wait(box, watcher.MOST)
    compared(box, model)
    assert f"last {watcher.MOST} frames" in text_of(box, "note")


def test_pointer_drags_pixel_by_pixel(visit, model):
    """Three columns to the right and one row up: four frames more."""
    box = box_of(visit("en/films-light.html", **CALM))
    area = box.locator(".watcher-board canvas").bounding_box()
    cell = area["width"] / films.BOARD
    mouse = box.page.mouse
    x, y = area["x"] + 7.5 * cell, area["y"] + 7.5 * cell
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 3 * cell, y - cell)
    mouse.up()
    mouse.move(x, y)  # let go: nothing more
    wait(box, 5)
    frames = compared(box, model)[0]
    states = [(4, 4, 0), (4, 5, 0), (4, 6, 0), (3, 6, 0), (3, 7, 0)]
    again = [(4, 4, 0), (4, 5, 0), (4, 6, 0), (4, 7, 0), (3, 7, 0)]
    drawn = [films.show_states(films.shapes()["F"][None], np.array(some)[None])[0]
             for some in (states, again)]  # fmt: skip
    assert any(np.array_equal(frames, some) for some in drawn)


def test_another_thing_begins_anew(visit):
    box = box_of(visit("en/films-light.html", **CALM))
    play(box, "down")
    box.locator("select").nth(0).select_option("9")
    assert frames_of(box) == 0
    assert box.locator(".watcher-film").is_hidden()


def test_frames_come_one_by_one_where_motion_is_wanted(visit, model):
    seen = visit("en/films-light.html", reduced_motion="no-preference")
    box = box_of(seen)
    box.locator(".watcher-play").click()
    wait(box, 3)
    wait(box, LENGTH)
    compared(box, model)
    box.locator(".watcher-play").click()
    box.locator("[data-move='0']").click()  # the reader's step ends the playing
    seen.page.wait_for_timeout(600)
    assert frames_of(box) < LENGTH


@pytest.mark.parametrize("language", LANGUAGES)
def test_weights_come_only_with_the_first_frame(visit, language):
    seen = visit(f"{language}/films-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    place = int(box.get_attribute("data-kilobytes"))
    assert f"{place} KB" in text_of(box, "limits")
    with seen.page.expect_response("**/live/*.js") as response:
        play(box, "left")
    assert abs(len(gzip.compress(response.value.body())) / 1000 - place) < 0.12 * place
    play(box, "right")
    assert len([url for url in seen.asked if "/live/" in url]) == 1
    assert seen.foreign == seen.errors == seen.failed == []


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/films-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".watcher-said"):
        press(box, ["ArrowRight"])
    press(box, ["ArrowRight"])
    wait(box, 3)
    assert "did not load" not in text_of(box, "said")


def test_longest_film_is_quick(visit):
    box = box_of(visit("en/films-light.html", **CALM))
    press(box, ["ArrowRight"] * watcher.MOST)
    wait(box, watcher.MOST)
    took = box.evaluate(
        "async box => { const t = performance.now();"
        " box.querySelector('[data-move=\"1\"]').click();"
        " await new Promise((done) => setTimeout(done)); return performance.now() - t; }"
    )
    assert took < 1000


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    size = {"width": 360, "height": 800}
    seen = visit(f"{language}/films-{scheme}.html", viewport=size, **CALM)
    box = box_of(seen)
    assert violations(seen.page, ".watcher") == []
    play(box, "clockwise")
    for name in watcher.CHANGES:
        change(box, name)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert violations(seen.page, ".watcher") == []


def test_page_opened_from_a_disk_watches_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "zh" / "films-light.html").as_uri())
    play(page.locator(".watcher"), "up")
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("en/films-light.html", java_script_enabled=False).page
    rows = page.locator(".watcher tr")
    assert rows.count() == len(films.CLASSES)
    assert page.locator(".watcher button").count() == 0
