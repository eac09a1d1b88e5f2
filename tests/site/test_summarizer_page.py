"""The network that makes titles, on a small page of its own: its numbers are NumPy's, and nothing
that a reader types breaks it."""

import gzip

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse.widgets import summarizer, weights

CALM = {"reduced_motion": "reduce"}
EXAMPLES = {
    "en": ["The mayor of Springfield said on Monday that the old bridge will close for repairs "
           "until spring.", "It rained."],
    "zh": ["本文分析了宋代茶馆的兴起，以及它在城市生活中的作用。", "雨停了。"],
}  # fmt: skip
TYPED = {
    "en": [EXAMPLES["en"][0], "“We won't leave,” the Mayor's aide said. Then he left.",
           "SHARES of A.B.C. Inc. fell 8% to $5.2, Mr. J. Lee said!", "x", "No", "…",
           "“Why?” he asked. ªb", "“Why?”, Ann asked. Yes.",
           "<b>fire</b> <img src=x onerror=alert(1)> &amp; smoke",
           "ﬁre Ａｄｄ ½ İzmir ǅ Σας ß don’t",
           "the\ttown\n\n\u3000council \ufeff", "rain 🙂🙂 👨\u200d👩\u200d👧 e\u0301 fell",
           "did not n't not", "the " * 60, "Iowa " * 59 + "won 5 games", "a,b ''quoted'' ((x))"],
    "zh": [EXAMPLES["zh"][0],
           "目的 探讨步行锻炼对老年高血压患者睡眠质量的影响.方法 将80例患者分组。",
           "ＡＢＣ１２３，ABC123,。.", "今天 天气\n很好\u3000。",
           "<b>研究</b>&amp;方法", "的", "研究𠮷研究𠮷",
           "🙂研🙂究👨\u200d👩\u200d👧法", "㎏Ⅳ½ﬁ的研究",
           "研究，研究，研究，研究，研究，研究", "方法" * 150,
           "不是不研究没有方法"],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light and dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {code: {"titles": summarizer.show(f"titles_{code}", code, some)._repr_html_()}
              for code, some in EXAMPLES.items()}  # fmt: skip
    small_pages(root, "summarizer", bodies)
    return root


@pytest.fixture(scope="module")
def models():
    return {code: summarizer.Summarizer(weights.load(f"titles_{code}")[1]["network"])
            for code in EXAMPLES}  # fmt: skip


def box_of(seen):
    return seen.page.locator(".summarizer")


def give(box, typed):
    """Type all at once; wait until it has been said what is there."""
    box.locator(".summarizer-said").evaluate("said => { said.textContent = ''; }")
    box.locator("textarea").fill(typed)
    box.page.wait_for_function(
        "() => /[.。]$/.test(document.querySelector('.summarizer-said').textContent)"
    )


def slide(box, more):
    box.locator("[type=range]").evaluate(
        "(one, more) => { one.value = more; one.dispatchEvent(new Event('input')); }", str(more)
    )


def trace(box):
    """What was read and kept; None where nothing is."""
    return box.evaluate(
        "box => box.trace && ({ ...box.trace, scores: box.trace.scores.map((row) => [...row]) })"
    )


def text_of(box, part):
    return box.locator(f".summarizer-{part}").inner_text()


def content_of(box, part):
    return box.locator(f".summarizer-{part}").evaluate("one => one.textContent")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_computes_what_numpy_computes(visit, models, language):
    """Tokens, every score within 1e-5, and titles wherever the slider stands."""
    seen, model = visit(f"{language}/titles-light.html", **CALM), models[language]
    box, compared = box_of(seen), 0
    for typed in TYPED[language]:
        give(box, typed)
        found, read = trace(box), model.read(typed)
        if len(read.unknown) == len(read.pieces):
            assert found is None
            continue
        assert [found["tokens"], found["glued"]] == [list(one) for one in zip(*read.pieces)]  # noqa: B905
        assert (found["unknown"], found["cut"], found["more"]) == (
            read.unknown,
            read.cut,
            read.more,
        )
        scores = model.scores(model.names(read.pieces))
        assert np.abs(np.array(found["scores"]) - scores).max() < 1e-5
        for more in (-1, -0.3, 0, 0.5, 1):
            slide(box, more)
            now, title = trace(box), model.title(typed, more)
            assert now["kept"] == title.kept
            assert now["title"] == title.text == content_of(box, "title")
            assert now["lead"] == model.lead(typed, sum(title.kept))
            assert now["lost"] == summarizer.reversed_by(read.pieces, title.kept, language)
            compared += bool(title.text)
        slide(box, 0)
    assert compared > 20
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_copied_stretches_are_marked_in_title_and_text(visit, models, language):
    """The same stretches under the same numbers; text alone, whatever it looks like."""
    box, model = box_of(visit(f"{language}/titles-light.html", **CALM)), models[language]
    for typed in TYPED[language]:
        give(box, typed)
        if trace(box) is None:
            continue
        for more in (0, 0.6):
            slide(box, more)
            kept = model.title(typed, more).kept
            marks = [box.locator(f".summarizer-{part} mark").evaluate_all(
                "all => all.map((one) => [one.dataset.run ?? '', one.textContent])")
                for part in ("title", "text")]  # fmt: skip
            assert marks[0] == marks[1]
            runs = summarizer.runs(kept)
            numbers = [str(k) for k in range(1, len(runs) + 1)] if len(runs) > 1 else [""]
            assert [number for number, _ in marks[0]] == numbers[: len(runs)]
            tokens = [piece.token for piece in model.read(typed).pieces]
            assert content_of(box, "text").replace(" ", "") == "".join(tokens)
            assert box.locator(".summarizer-text :is(b, img)").count() == 0
        slide(box, 0)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_texts_without_a_title(visit, language):
    """Nothing, nothing known, another language, far too much, and a slider that keeps nothing."""
    box = box_of(visit(f"{language}/titles-light.html", **CALM))
    give(box, " \n\t ")
    assert {"en": "nothing to read", "zh": "没有可读的"}[language] in text_of(box, "said")
    give(box, "🙂🙂🙂")
    assert {"en": "knows nothing", "zh": "都不认识"}[language] in text_of(box, "said")
    assert trace(box) is None
    assert content_of(box, "title") == content_of(box, "text") == ""
    assert box.locator("[type=range]").is_disabled()
    foreign = {"en": "Straßenbahnen zerstören brücken qwrtz the",
               "zh": "The mayor said on Monday the"}[language]  # fmt: skip
    give(box, foreign)
    assert {"en": "do not trust", "zh": "不可信"}[language] in text_of(box, "note")
    give(box, "a long day " * 100_000 if language == "en" else "中国的春天" * 50_000)
    assert {"en": "longer than it reads", "zh": "超出了"}[language] in text_of(box, "note")
    assert len(trace(box)["tokens"]) == {"en": 60, "zh": 300}[language]
    give(box, EXAMPLES[language][0])
    assert text_of(box, "note") == ""
    slide(box, -1)
    if not trace(box)["title"]:
        assert {"en": "keeps nothing", "zh": "没有留下"}[language] in text_of(box, "said")


def test_only_the_first_english_sentence_is_read_and_that_is_said(visit):
    box = box_of(visit("en/titles-light.html", **CALM))
    give(box, "The old bridge will close. Nobody knows why.")
    assert "first sentence only" in text_of(box, "note")
    assert content_of(box, "text") == "The old bridge will close."


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_negation_that_is_lost_is_said(visit, language):
    """The network need not do it here: what it kept is set by hand."""
    box = box_of(visit(f"{language}/titles-light.html", **CALM))
    give(box, "the council did not approve the plan" if language == "en" else "研究表明方法不可行")
    assert {"en": "turn the meaning", "zh": "反了"}[language] not in text_of(box, "note")
    place = {"en": 3, "zh": 6}[language]
    box.evaluate(
        "(box, place) => { box.trace.scores.forEach((row, t) => { row[0] = t === place ? 99 : -99;"
        " row[1] = -row[0]; });"
        " box.querySelector('[type=range]').dispatchEvent(new Event('input')); }",
        place,
    )
    assert {"en": "left out “not”", "zh": "删掉了中间的「不」"}[language] in text_of(box, "note")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_longest_text_is_quick(visit, language):
    box = box_of(visit(f"{language}/titles-light.html", **CALM))
    give(box, ("the old bridge in Paris " if language == "en" else "本文研究方法的影响") * 60)
    took = (
        "(one) => { const t = performance.now(); one.dispatchEvent(new Event('input'));"
        " return performance.now() - t; }"
    )
    assert box.locator("[type=range]").evaluate(took) < 1000


def test_letters_of_an_input_method_wait_for_their_characters(visit):
    seen = visit("zh/titles-light.html", **CALM)
    box = box_of(seen)
    give(box, "方法")
    box.locator("textarea").evaluate(
        "input => { input.value = '方法yan';"
        " input.dispatchEvent(new InputEvent('input', { isComposing: true, bubbles: true })); }"
    )
    seen.page.wait_for_timeout(100)
    assert len(trace(box)["tokens"]) == 2
    box.locator("textarea").evaluate(
        "input => { input.value = '方法研究';"
        " input.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true })); }"
    )
    seen.page.wait_for_function(
        "() => document.querySelector('.summarizer').trace.tokens.length === 4"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_weights_come_only_when_they_are_asked_for(visit, language):
    """The page says how much it loads, and that is what it loads, up to an eighth."""
    seen = visit(f"{language}/titles-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    place = int(box.get_attribute("data-kilobytes"))
    assert f"{place} KB" in text_of(box, "caption")
    with seen.page.expect_response("**/live/*.js") as response:
        give(box, EXAMPLES[language][0])
    assert abs(len(gzip.compress(response.value.body())) / 1000 - place) < 0.12 * place
    give(box, EXAMPLES[language][1])
    assert len([url for url in seen.asked if "/live/" in url]) == 1


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/titles-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".summarizer-said"):
        give(box, "It rained")
    give(box, "It rained")
    assert "did not load" not in text_of(box, "said")
    assert len(trace(box)["tokens"]) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_keyboard_alone(visit, language):
    """Tab from the text to an example, then to the slider, which arrows move."""
    seen = visit(f"{language}/titles-light.html", **CALM)
    box = box_of(seen)
    box.locator("textarea").focus()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_function("() => document.querySelector('.summarizer').trace")
    before = sum(trace(box)["kept"])
    for _ in EXAMPLES[language]:
        seen.page.keyboard.press("Tab")
    for _ in range(10):
        seen.page.keyboard.press("ArrowRight")
    assert box.locator("[type=range]").input_value() == "1"
    assert sum(trace(box)["kept"]) > before


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/titles-{scheme}.html", viewport={"width": 360, "height": 800}, **CALM)
    box = box_of(seen)
    for typed in TYPED[language]:
        give(box, typed)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    give(box, EXAMPLES[language][0])
    assert violations(seen.page, ".summarizer") == []


def test_page_opened_from_a_disk_reads_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "zh" / "titles-light.html").as_uri())
    give(page.locator(".summarizer"), "研究方法")
    assert len(trace(page.locator(".summarizer"))["tokens"]) == 4
    page.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_script_there_are_examples(visit, models, language):
    page = visit(f"{language}/titles-light.html", java_script_enabled=False).page
    rows = page.locator(".summarizer p").all_text_contents()
    assert rows[::2] == [models[language].title(text).text for text in EXAMPLES[language]]
    assert page.locator(".summarizer button").count() == 0
