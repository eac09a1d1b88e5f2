"""The network that writes dates, on a small page of its own: its numbers are NumPy's, and nothing
that a reader types breaks it."""

import gzip
import itertools

import numpy as np
import pytest
from conftest import lost, small_pages
from lookback import note_of, refused, write

from rnncourse.widgets import datewriter, weights

CALM = {"reduced_motion": "reduce"}  # everything at once


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One page of each kind: language, with maps or without, light or dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {title: datewriter.show("dates", title == "maps")._repr_html_()
              for title in ("maps", "plain")}  # fmt: skip
    small_pages(root, "datewriter", {"en": bodies, "zh": bodies}, shared="lookback")
    return root


@pytest.fixture(scope="module")
def model():
    return datewriter.DateWriter(weights.load("dates")[1]["network"])


def box_of(seen):
    return seen.page.locator(".datewriter")


def spoken(box):
    return box.locator(":scope > .visually-hidden").text_content()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["maps", "plain"])
def test_network_in_the_page_computes_what_numpy_computes(visit, model, language, kind):
    """Every probability and every weight within 1e-5; what is typed is read small."""
    seen = visit(f"{language}/{kind}-light.html", **CALM)
    box = box_of(seen)
    for typed in (" The 5th of MARCH 2024 ", "二〇二四年三月五日", "é🙂 2024", "1" * 60, "İ"):
        steps, answer = write(box, typed), model.write(typed)
        assert [step["token"] for step in steps] == answer.steps.argmax(axis=1).tolist()
        assert np.abs(np.array([step["p"] for step in steps]) - answer.steps).max() < 1e-5
        assert np.abs(np.array([s["weights"] for s in steps]) - answer.weights).max() < 1e-5
        assert box.locator("output").inner_text() == answer.text
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_weights_come_only_when_they_are_asked_for(visit):
    """The button says how much it loads, and that is what it loads, up to a tenth."""
    seen = visit("en/maps-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    said = int("".join(filter(str.isdigit, box.locator(".looks-go").inner_text())))
    with seen.page.expect_response("**/live/*.js") as response:
        write(box, "2024-03-05")
    assert abs(len(gzip.compress(response.value.body())) / 1000 - said) < 0.1 * said
    write(box, "2024-03-06")
    assert len([url for url in seen.asked if "/live/" in url]) == 1
    assert "KB" not in box.locator(".looks-go").inner_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_no_date(visit, model, language):
    """Nothing, too much, unknown characters, no date, and a day that there is not."""
    box = box_of(visit(f"{language}/maps-light.html", **CALM))
    assert refused(box, "   ")
    assert "61" in refused(box, "1" * 61)
    write(box, "5 March 2024 é🙂é")
    assert note_of(box).count("é") == 1
    assert "🙂" in note_of(box)
    write(box, "hello world")
    assert note_of(box) == "" or "w" in note_of(box)
    unsure = model.write("hello world").p < model.unsure
    assert box.locator(".looks-verdict.unsure").count() == unsure
    write(box, "2024-02-30")
    shown = box.locator("output").inner_text()
    calendar = {"en": "The calendar has no such day", "zh": "日历上没有这一天"}[language]
    if shown == "2024-02-30":
        assert calendar in box.locator(".looks-verdict").inner_text()
    write(box, "5 March 2024")
    assert calendar not in box.locator(".looks-verdict").inner_text()
    assert note_of(box) == ""


def test_typing_takes_the_old_answer_away(visit):
    seen = visit("en/maps-light.html", **CALM)
    box = box_of(seen)
    write(box, "2024-03-05")
    box.locator("input").press_sequentially("x")
    assert not box.locator(".looks-desk").is_visible()
    assert spoken(box) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_map_says_in_words_where_each_character_looked(visit, model, language):
    """The list for those who see no map, and the row that the keys choose."""
    seen = visit(f"{language}/maps-light.html", **CALM)
    box = box_of(seen)
    write(box, "二〇二四年三月五日")
    answer = model.write("二〇二四年三月五日")
    lines = box.locator("ol.visually-hidden li").all_text_contents()
    assert len(lines) == len(answer.weights) == 11
    for line, weight, sign in zip(lines, answer.weights, [*answer.text, None], strict=True):
        best = int(weight.argmax())
        assert f"{'二〇二四年三月五日'[best]}" in line
        assert f"{weight[best]:.2f}" in line
        assert sign is None or sign in line
    grid = box.locator(".looks-map")
    assert grid.locator("i").count() == 11 * 9
    grid.focus()
    for key, place in (("Home", 0), ("ArrowUp", 0), ("ArrowDown", 1), ("End", 10)):
        seen.page.keyboard.press(key)
        assert grid.get_attribute("aria-valuetext") == lines[place]
        assert grid.get_attribute("aria-valuenow") == str(place + 1)
        assert grid.locator("i.chosen").count() == 9
        assert box.locator(".looks-look").inner_text().rstrip(".。") == lines[place]


def test_pointer_chooses_the_row_under_it(visit):
    seen = visit("en/maps-light.html", **CALM)
    box = box_of(seen)
    write(box, "5 March 2024")
    first = box.locator(".looks-map i").nth(12 * 5 + 3)
    first.hover()
    assert box.locator(".looks-map").get_attribute("aria-valuenow") == "6"


def test_it_writes_by_and_by_and_says_it_once(visit):
    """With motion: a character after the other; nothing is announced before the end."""
    seen = visit("en/maps-light.html")
    box = box_of(seen)
    box.locator(".looks-offers button").first.click()
    seen.page.wait_for_function("() => document.querySelector('output').textContent.length === 2")
    assert spoken(box) == ""
    assert box.locator(".looks-verdict").inner_text() == ""
    box.locator(".looks-verdict:not(:empty)").wait_for()
    assert spoken(box).startswith("It writes: 2024-03-05. ")


def test_surprises_are_dates_and_no_two_in_a_row_are_alike(visit, model):
    box = box_of(visit("zh/plain-light.html", **CALM))
    taken = []
    for _ in range(8):
        box.locator(".looks-surprise").click()
        box.locator(".looks-verdict:not(:empty)").wait_for()
        taken.append(box.locator("input").input_value())
        assert box.locator("output").inner_text() == model.write(taken[-1]).text
    assert all(a != b for a, b in itertools.pairwise(taken))
    assert box.locator(".looks-map").count() == 0


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/maps-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".looks-note"):
        box.locator(".looks-go").click()
    write(box, "2024-03-05")
    assert note_of(box) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/maps-{scheme}.html", viewport={"width": 390, "height": 844}, **CALM)
    box = box_of(seen)
    for typed in ("the seventeenth of September 2024", "1" * 60, "hello 🙂"):
        write(box, typed)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".datewriter") == []


def test_page_opened_from_a_disk_writes_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "en" / "maps-light.html").as_uri())
    assert len(write(page.locator(".datewriter"), "2024-03-05")) == 11
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("zh/maps-light.html", java_script_enabled=False).page
    rows = page.locator(".datewriter tr")
    assert rows.count() == len(datewriter.EXAMPLES)
    assert rows.first.is_visible()
    assert page.locator(".datewriter button").count() == 0
