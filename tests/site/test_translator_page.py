"""The network that translates, on a small page of its own: its numbers are NumPy's, and nothing
that a reader types breaks it."""

import gzip

import numpy as np
import pytest
from conftest import small_pages
from lookback import note_of, refused, write

from rnncourse.widgets import translator, weights

CALM = {"reduced_motion": "reduce"}  # everything at once


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page in each language, light and dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {"page": translator.show("translation")._repr_html_()}
    small_pages(root, "translator", {"en": bodies, "zh": bodies}, shared="lookback")
    return root


@pytest.fixture(scope="module")
def model():
    return translator.Translator(weights.load("translation")[1]["network"])


def box_of(seen):
    return seen.page.locator(".translator")


def verdict_of(box):
    return box.locator(".looks-verdict").inner_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_computes_what_numpy_computes(visit, model, language):
    """Every probability and every weight within 1e-5; traditional characters, full width, signs
    that it never saw, and as many as it reads."""
    seen = visit(f"{language}/page-light.html", **CALM)
    box = box_of(seen)
    typed = (" 我們明天去學校。 ", "他昨天没有来", "Ｔom喜歡MARY！", "é🙂㎏İ", "hello", "好" * 40)
    for text in (*typed, *translator.EXAMPLES):
        steps, answer = write(box, text), model.write(text)
        assert [step["token"] for step in steps] == answer.steps.argmax(axis=1).tolist()
        assert np.abs(np.array([step["p"] for step in steps]) - answer.steps).max() < 1e-5
        assert np.abs(np.array([s["weights"] for s in steps]) - answer.weights).max() < 1e-5
        assert box.locator("output").inner_text() == " ".join(answer.text.split())
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_weights_come_only_when_they_are_asked_for(visit):
    """The button says how much it loads, and that is what it loads, up to a tenth."""
    seen = visit("en/page-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    said = int("".join(filter(str.isdigit, box.locator(".looks-go").inner_text())))
    with seen.page.expect_response("**/live/*.js") as response:
        write(box, "你好。")
    assert abs(len(gzip.compress(response.value.body())) / 1000 - said) < 0.1 * said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_it_cannot_read_is_said(visit, model, language):
    """Nothing, too much, characters that it never saw, none that it knows, another language, more
    than it ever read; and no warning stays for the next sentence."""
    box = box_of(visit(f"{language}/page-light.html", **CALM))
    assert refused(box, " 　 ")
    assert "41" in refused(box, "我" * 41)
    write(box, "我喜欢🙂龘🙂。")
    assert note_of(box).count("🙂") == 1
    assert "龘" in note_of(box)
    blind = {"en": "It knows none of these", "zh": "一个也不认识"}[language]
    foreign = {"en": "This isn’t Chinese", "zh": "这不是中文"}[language]
    stretched = {"en": "this one has 13", "zh": "这一句有 13 个"}[language]
    write(box, "龘🙂")
    assert blind in verdict_of(box)
    assert box.locator(".looks-verdict.unsure").count() == 1
    write(box, "hello")
    assert foreign in verdict_of(box)
    write(box, "你" * 12)
    assert "12" not in verdict_of(box)
    write(box, "你" * 13)
    assert stretched in verdict_of(box)
    write(box, "我爱你。")
    for words in (blind, foreign, stretched):
        assert words not in verdict_of(box)
    assert note_of(box) == ""
    unsure = model.write("我爱你。").p < model.unsure
    assert box.locator(".looks-verdict.unsure").count() == unsure


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_data_are_named_with_their_licence(visit, language):
    text = box_of(visit(f"{language}/page-light.html", **CALM)).inner_text()
    assert "Tatoeba" in text
    assert "CC BY 2.0 FR" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_map_says_in_words_where_each_piece_looked(visit, model, language):
    """The list for those who see no map, and the row that the keys choose."""
    seen = visit(f"{language}/page-light.html", **CALM)
    box, text = box_of(seen), "我們明天去學校。"
    write(box, text)
    answer = model.write(text)
    lines = box.locator("ol.visually-hidden li").all_text_contents()
    assert len(lines) == len(answer.weights)
    for line, weight, piece in zip(lines, answer.weights, [*answer.pieces, ""], strict=True):
        best = int(weight.argmax())
        assert text[best] in line  # as it was typed
        assert f"{weight[best]:.2f}" in line
        assert piece.strip() in line
    grid, end = box.locator(".looks-map"), len(lines) - 1
    assert grid.locator("i").count() == len(lines) * len(text)
    grid.focus()
    for key, place in (("Home", 0), ("ArrowUp", 0), ("ArrowDown", 1), ("End", end)):
        seen.page.keyboard.press(key)
        assert grid.get_attribute("aria-valuetext") == lines[place]
        assert grid.get_attribute("aria-valuenow") == str(place + 1)


def test_it_writes_by_and_by_and_says_it_once(visit, model):
    """With motion: a piece after the other; nothing is announced before the end."""
    seen = visit("en/page-light.html")
    box = box_of(seen)
    box.locator(".looks-offers button").first.click()
    first = translator.joined(model.write(translator.EXAMPLES[0]).pieces[:1])
    seen.page.wait_for_function(
        "first => document.querySelector('output').textContent.startsWith(first)", arg=first
    )
    assert verdict_of(box) == ""
    box.locator(".looks-verdict:not(:empty)").wait_for()
    spoken = box.locator(":scope > .visually-hidden").text_content()
    assert spoken.startswith(f"It writes: {model.write(translator.EXAMPLES[0]).text}")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/page-{scheme}.html", viewport={"width": 390, "height": 844}, **CALM)
    box = box_of(seen)
    for typed in ("我们明天去学校。", "好" * 40, "龘🙂", "hello"):
        write(box, typed)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".translator") == []


def test_page_opened_from_a_disk_writes_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "en" / "page-light.html").as_uri())
    assert write(page.locator(".translator"), "我爱你。")
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("zh/page-light.html", java_script_enabled=False).page
    rows = page.locator(".translator tr")
    assert rows.count() == len(translator.EXAMPLES)
    assert rows.first.is_visible()
    assert page.locator(".translator button").count() == 0
