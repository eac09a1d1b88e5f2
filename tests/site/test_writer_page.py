"""The network that writes in the page: its numbers are NumPy's, and nothing that a reader does
to it breaks it. What is typed here is what a reader would try."""

import json

import numpy as np
import pytest

from rnncourse.nn import functional
from rnncourse.widgets import weights, writer

PAGE = "{}/language_model.html"
NETWORK = {"en": "shakespeare", "zh": "tang"}
TYPED = {
    "en": ["", "ROMEO:\nWhat is't, my lord?", "Zzz&$3"],
    "zh": ["", "床前明月光，疑是", "□地铁春"],
}
CALM = {"reduced_motion": "reduce"}  # everything at once
LIMIT = 500  # of writer.js


@pytest.fixture(scope="module")
def numpy_writer():
    return {code: writer.Writer(weights.load(name)[1]["network"]) for code, name in NETWORK.items()}


def box_of(seen):
    return seen.page.locator(".writer")


def press(box, label, typed=None, tau=None, seed=None):
    """Fill in what is given, and press a button; wait until it has written."""
    if typed is not None:
        box.locator("textarea").fill(typed)
    if tau is not None:
        box.locator("[type=range]").fill(str(tau))
    if seed is not None:
        box.locator("[type=number]").fill(str(seed))
    box.locator(f".writer-{label}").click()
    box.locator(".writer-text span, .writer-text b").first.wait_for()


def trace(box):
    """Of each character its number, the probabilities among which it was, the state after it."""
    return box.evaluate(
        "box => box.trace.map(({ sign, token, p, h, given }) =>"
        " ({ sign, token, p: [...p], h: [...h], given }))"
    )


def text_of(box):
    return "".join(step["sign"] for step in trace(box))


def note_of(box):
    return box.locator(".writer-note").inner_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_computes_what_numpy_computes(visit, numpy_writer, language):
    """Probabilities and every number of the state within 1e-5, after each character."""
    seen, model = visit(PAGE.format(language), **CALM), numpy_writer[language]
    box = box_of(seen)
    for typed in TYPED[language]:
        press(box, "one", typed, tau=1)
        steps = trace(box)
        ids = [model.tokens.index("\n"), *model.encode(typed)]
        assert [step["token"] for step in steps[:-1]] == ids[1:]
        ys, _ = writer.forward(model.params, np.array([ids]))
        hs, _ = writer.states(model.params, np.array([[*ids, steps[-1]["token"]]]))
        if model.rare:
            ys[..., model.tokens.index(model.rare)] = -np.inf
        expected = functional.softmax(ys[0])
        assert np.abs(np.array([step["p"] for step in steps]) - expected).max() < 1e-5
        assert np.abs(np.array([step["h"] for step in steps]) - hs[0, 1:]).max() < 1e-5
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_temperature_divides_the_scores(visit, numpy_writer, language):
    """At 0.5 as `sampling.temperature`; at 0 the best character alone, and so at its end."""
    box, model = box_of(visit(PAGE.format(language), **CALM)), numpy_writer[language]
    ys, _ = writer.forward(model.params, np.array([[model.tokens.index("\n")]]))
    ys = ys[0, 0].copy()
    if model.rare:
        ys[model.tokens.index(model.rare)] = -np.inf
    press(box, "one", "", tau=0.5)
    assert np.abs(np.array(trace(box)[0]["p"]) - functional.softmax(ys / 0.5)).max() < 1e-5
    press(box, "go", "", tau=0, seed=3)
    assert trace(box)[0]["token"] == ys.argmax()
    cold = text_of(box)
    press(box, "again")
    assert text_of(box) == cold
    assert set(np.ravel([step["p"] for step in trace(box)])) == {0, 1}
    press(box, "go", "", tau=2)
    assert len(text_of(box)) >= 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_same_seed_writes_the_same_and_another_one_something_else(visit, language):
    box = box_of(visit(PAGE.format(language), **CALM))
    press(box, "go", tau=1, seed=7)
    first = text_of(box)
    press(box, "again")
    assert text_of(box) == first
    press(box, "go")
    assert box.locator("[type=number]").input_value() == "8"
    assert text_of(box) != first
    press(box, "go", seed=7)
    assert text_of(box) == first


@pytest.mark.parametrize("language", ["en", "zh"])
def test_weights_come_only_when_they_are_asked_for(visit, language):
    """The button says how much it loads, and that is what it loads, up to a tenth."""
    import gzip

    seen = visit(PAGE.format(language), **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    said = int("".join(filter(str.isdigit, box.locator(".writer-go").inner_text())))
    with seen.page.expect_response("**/live/*.js") as answer:
        press(box, "go")
    loaded = len(gzip.compress(answer.value.body())) / 1000
    assert abs(loaded - said) < 0.1 * said
    press(box, "go")
    assert len([url for url in seen.asked if "/live/" in url]) == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_beginning_that_no_network_expects(visit, language):
    """Unknown characters are named, a very long text is cut, nothing but strange ones is empty."""
    box = box_of(visit(PAGE.format(language), **CALM))
    press(box, "one", "é🙂ROMEO" if language == "en" else "🙂x春")
    assert "🙂" in note_of(box)
    assert ("é" if language == "en" else "x") in note_of(box)
    long = "ab " * 700 if language == "en" else "春风" * 700
    press(box, "one", long)
    assert str(LIMIT) in note_of(box)
    assert len(trace(box)) == LIMIT + 1
    press(box, "one", "  \n " if language == "zh" else "é")
    assert len(trace(box)) == 1
    for seed in ("", "-3", "1.5", "99999999"):
        press(box, "one", seed=seed)
        assert box.locator("[type=number]").input_value() == "1"


def test_traditional_characters_are_named(visit):
    box = box_of(visit(PAGE.format("zh"), **CALM))
    press(box, "one", "牀前明月光龘")
    assert "繁体" in note_of(box)
    assert "牀" in note_of(box).split("其中")[1]
    press(box, "one", "床前明月光,")
    assert note_of(box) == ""
    assert text_of(box).startswith("床前明月光，")
    press(box, "go", "床前明月光，疑是地上霜。举头望明月，低头思故乡。", tau=0)
    assert "已经完了" in note_of(box)


def test_each_head_begins_a_line(visit):
    box = box_of(visit(PAGE.format("zh"), **CALM))
    box.locator("[type=checkbox]").check()

    def heads_of(typed, seed):
        press(box, "go", typed, seed=seed)
        lines = text_of(box).rstrip("\n").replace("。", "，").split("，")
        return "".join(line[0] for line in lines if line)

    for seed in range(3):
        assert heads_of("春夏秋冬", seed) == "春夏秋冬"
        assert note_of(box) == ""
    assert heads_of("一二三四五", 1) == "一二三四"
    assert "前四个字" in note_of(box)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_pauses_and_goes_on_with_the_same_text(visit, language):
    """With motion: what is written by and by is what is written at once."""
    seen = visit(PAGE.format(language), **CALM)
    press(box_of(seen), "go", tau=1, seed=5)
    whole = text_of(box_of(seen))
    seen = visit(PAGE.format(language))
    box = box_of(seen)
    press(box, "go", tau=1, seed=5)
    press(box, "go")
    part = text_of(box)
    seen.page.wait_for_timeout(400)
    assert text_of(box) == part
    assert whole.startswith(part)
    assert box.locator(":scope > [role=status].visually-hidden").text_content() == ""
    press(box, "go")
    seen.page.wait_for_function(
        "box => box.trace.length >= 25 || !box.querySelector('.writer-again').hidden",
        arg=box.element_handle(),
    )
    assert whole.startswith(text_of(box)) or text_of(box).startswith(whole)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_keyboard_alone_writes_and_looks_back(visit, language):
    """Tab, Enter, arrows; the finished text is announced once, not character by character."""
    seen = visit(PAGE.format(language), **CALM)
    box = box_of(seen)
    box.locator(".writer-go").focus()
    seen.page.keyboard.press("Enter")
    box.locator(".writer-again").wait_for()
    said = box.locator(":scope > [role=status].visually-hidden").text_content()
    assert said.endswith(text_of(box).rstrip("\n") if language == "zh" else text_of(box))
    box.locator(".writer-text").focus()
    seen.page.keyboard.press("ArrowLeft")
    before = box.locator(".writer-text").get_attribute("aria-valuetext")
    seen.page.keyboard.press("ArrowLeft")
    assert box.locator(".writer-text").get_attribute("aria-valuetext") != before
    box.locator(".writer-units").focus()
    seen.page.keyboard.press("ArrowRight")
    seen.page.keyboard.press("ArrowDown")
    assert box.locator(".writer-units").get_attribute("aria-valuenow") == "17"
    assert box.locator(".writer-text span").first.get_attribute("style")
    seen.page.keyboard.press("Escape")
    assert not box.locator(".writer-text span").first.get_attribute("style")


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit(PAGE.format("en"), **CALM)
    box = box_of(seen)
    seen.page.route("**/live/*.js", lambda route: route.abort())
    box.locator(".writer-go").click()
    seen.page.wait_for_function(
        "box => box.querySelector('.writer-note').textContent.includes('did not load')",
        arg=box.element_handle(),
    )
    seen.page.unroute("**/live/*.js")
    press(box, "go")
    assert note_of(box) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(PAGE.format(language), viewport={"width": 390, "height": 844},
                 color_scheme=scheme, **CALM)  # fmt: skip
    box = box_of(seen)
    press(box, "go")
    box.locator(".writer-known button").first.click()
    box.locator(".writer-text span").nth(3).click()
    assert violations(seen.page, ".writer") == []
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_opened_from_a_disk_writes_too(browser, address, language):
    """Neither modules nor fetch work there; scripts do."""
    from conftest import SITE

    page = browser.new_page(reduced_motion="reduce")
    page.goto((SITE / PAGE.format(language)).resolve().as_uri())
    press(page.locator(".writer"), "go")
    assert len(text_of(page.locator(".writer"))) > 1
    page.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_script_there_are_samples(visit, language):
    page = visit(PAGE.format(language), java_script_enabled=False).page
    box = page.locator(".writer")
    assert box.get_attribute("data-edition") == language
    beginnings = json.loads(box.get_attribute("data-beginnings"))
    samples = [one.text_content() for one in box.locator("pre").all()]
    assert len(samples) == 2
    assert all(map(str.startswith, samples, beginnings))
    assert box.locator("pre").first.is_visible()
    assert page.locator(".writer button").count() == 0
