"""The network that tags text, on a small page of its own: its numbers are NumPy's, and nothing that
a reader types breaks it."""

import gzip
import itertools

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse.nn import layers
from rnncourse.widgets import tagger, weights

CALM = {"reduced_motion": "reduce"}  # everything at once
EXAMPLES = {"en": ["play some jazz from 1959", "Is it raining?"],
            "zh": ["王小明，男，1971年出生，中国国籍。", "今天天气很好。"]}  # fmt: skip
TYPED = {
    "en": ["play some jazz from 1959", "BOOK a table for 4, in São Paulo!",
           "don’t play “Let It Be”", "ﬁnd Ａｄｄ ½ ² İzmir ǅ Σας ß", "x",
           "<b>play</b> <img src=x onerror=alert(1)> &amp; jazz",
           "play\tjazz\n\n\u3000now \ufeff", "the * ** *ng *0 the the the the",
           "play 🙂🙂 👨\u200d👩\u200d👧 e\u0301", "the " * 40, "Iowa " * 39 + "weather"],
    "zh": ["王小明，男，1971年出生，中国国籍，汉族，经济学硕士。", "ＡＢＣ１２３，ABC123,。.",
           "今天 天气\n很好\u3000。", "<b>公司</b>&amp;董事", "🙂中🙂👨\u200d👩\u200d👧国", "的",
           "㎏Ⅳ½ﬁ中国的人", "*中*国**", "大學教授龘龘的中国", "中国" * 60],
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light and dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {code: {"tags": tagger.show(f"tags_{code}", code, some)._repr_html_()}
              for code, some in EXAMPLES.items()}  # fmt: skip
    small_pages(root, "tagger", bodies)
    return root


@pytest.fixture(scope="module")
def models():
    return {code: tagger.Tagger(weights.load(f"tags_{code}")[1]["network"]) for code in EXAMPLES}


def box_of(seen):
    return seen.page.locator(".tagger")


def give(box, typed):
    """Type all at once; wait until it has been said what is there."""
    before = box.locator(".tagger-said")
    before.evaluate("said => { said.textContent = ''; }")
    box.locator("textarea").fill(typed)
    box.page.wait_for_function(
        "() => /[.。]$/.test(document.querySelector('.tagger-said').textContent)"
    )


def choose(box, way):
    box.locator(f"[value={way}]").check()


def trace(box):
    """Tokens, numbers, and of each output emissions and tags; None where nothing is tagged."""
    return box.evaluate(
        "box => box.trace && ({ ...box.trace, xs: 0, ahead: 0, found: Object.fromEntries("
        "Object.entries(box.trace.found).map(([key, { emissions, tags }]) =>"
        " [key, { tags, emissions: emissions.map((row) => [...row]) }])) })"
    )


def said(box):
    return box.locator(".tagger-said").inner_text()


def note(box):
    return box.locator(".tagger-note").inner_text()


def shown(box):
    """The text, without what is written below it."""
    return box.locator(".tagger-text").evaluate(
        "p => { const copy = p.cloneNode(true);"
        " copy.querySelectorAll('small').forEach((one) => one.remove()); return copy.textContent; }"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_computes_what_numpy_computes(visit, models, language):
    """Every emission within 1e-5 and every tag, within the rules and each step alone."""
    seen, model = visit(f"{language}/tags-light.html", **CALM), models[language]
    box = box_of(seen)
    for typed in TYPED[language]:
        for way in ("alone", "rules"):
            choose(box, way)
            give(box, typed)
            found, read = trace(box), model.read(typed)
            if not any(model.tag(typed).values()):
                assert found is None
                continue
            ids = model.encode(read.tokens)
            assert found["ids"] == ids[:, 0].tolist()
            assert found["beside"] == ids[:, 1].tolist()
            assert found["unknown"] == read.unknown
            assert found["cut"] == read.cut
            hs, tags = model.states(ids[None]), model.tag(typed, way == "rules")
            for name, head in model.heads.items():
                expected = layers.dense_forward(hs, head.output)[0]
                assert np.abs(np.array(found["found"][name]["emissions"]) - expected).max() < 1e-5
                assert found["found"][name]["tags"] == tags[name]
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_drawn_is_what_the_tags_say(visit, models, language):
    """Entities, fragments, broken tags and cuts; text alone, whatever it looks like."""
    box, model = box_of(visit(f"{language}/tags-light.html", **CALM)), models[language]
    counted = 0
    for typed in TYPED[language]:
        for way in ("alone", "rules"):
            choose(box, way)
            give(box, typed)
            if trace(box) is None:
                continue
            tags = model.tag(typed, way == "rules")
            spans = tagger.spans(tags["names"], model.heads["names"].scheme)
            assert box.locator(".tagger-part").count() == len(spans)
            assert box.locator(".tagger-fragment").count() == sum(not s.whole for s in spans)
            broken = {t for name, head in model.heads.items()
                      for t in tagger.breaks(tags[name], head.scheme)}  # fmt: skip
            assert box.locator(".tagger-text .broken").count() == len(broken)
            assert (len(broken) == 0) or way == "alone"
            counted += len(broken)
            if "words" in tags:
                words = tagger.spans(tags["words"], "BMES")
                assert box.locator(".tagger-cut").count() == len(words) - 1
            joined = " " if language == "en" else ""
            kept = typed.split() if language == "en" else "".join(typed.split())
            assert shown(box).split() == joined.join(kept).replace("\ufeff", "").split()[:40] or (
                language == "zh" and shown(box) == kept[:120]
            )
            assert box.locator(".tagger-text :is(b, img)").count() == 0
            for one in spans:
                if one.whole and way == "rules":
                    assert box.locator(".tagger-part small").count() == len(spans)
    assert counted > 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_texts_without_an_answer(visit, language):
    """Nothing, nothing known, mostly unknown, and far too much."""
    box = box_of(visit(f"{language}/tags-light.html", **CALM))
    give(box, " \n\t ")
    assert {"en": "nothing to read", "zh": "没有可读的"}[language] in said(box)
    for typed in ("🙂🙂🙂", "龘龘"):
        give(box, typed)
        assert {"en": "knows nothing", "zh": "都不认识"}[language] in said(box)
        assert trace(box) is None
        assert shown(box) == ""
        assert box.locator(".tagger-again").is_disabled()
    give(box, "the qwrtz zxcvb" if language == "en" else "中龘🙂")
    assert {"en": "does not know: qwrtz, zxcvb", "zh": "不认识的有：龘、🙂"}[language] in note(box)
    give(box, "a long day " * 100_000 if language == "en" else "中国的春天" * 50_000)
    limit = {"en": 40, "zh": 120}[language]
    assert str(limit) in note(box)
    assert len(trace(box)["tokens"]) == limit
    give(box, "x" * 100_000 if language == "en" else "国" * 121)
    assert str(limit) in note(box) or trace(box) is None
    give(box, "play jazz" if language == "en" else "中国公司")
    assert note(box) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_reading_again_goes_prefix_by_prefix(visit, models, language):
    """Each prefix is tagged as if no more had come; the count of changed tags is that of NumPy."""
    box, model = box_of(visit(f"{language}/tags-light.html", **CALM)), models[language]
    typed = {"en": "play the weather girls in Paris Texas tomorrow",
             "zh": "北京大学生物系主任办公室内部会议"}[language]  # fmt: skip
    for way in ("rules", "alone"):
        choose(box, way)
        give(box, typed)
        box.locator(".tagger-again").click()
        found = box.evaluate("box => box.trace.prefixes")
        kept = model.read(typed).tokens
        hs = [model.states(model.encode(kept[:k])[None]) for k in range(1, len(kept) + 1)]
        head = model.heads["names"]
        expected = [[head.tags[k] for k in head.paths(h, way == "rules")[0]] for h in hs]
        assert found == expected
        changes = sum(a != b for x, y in itertools.pairwise(expected)
                      for a, b in zip(x, y, strict=False))  # fmt: skip
        times = {"en": "once" if changes == 1 else f"{changes} times", "zh": f"改了 {changes} 次"}
        assert times[language] in said(box)


def test_reading_is_seen_and_stops_when_more_is_typed(visit):
    """With motion: what is unread stands there, and what is typed then is read at once."""
    seen = visit("zh/tags-light.html")
    box = box_of(seen)
    box.locator(".tagger-offers button").first.click()
    seen.page.wait_for_selector(".tagger-rest")
    assert shown(box) == EXAMPLES["zh"][0]
    assert said(box) == ""
    box.locator("textarea").fill("中国公司")
    seen.page.wait_for_function("() => document.querySelector('.tagger').trace.tokens.length === 4")
    seen.page.wait_for_timeout(500)
    assert shown(box) == "中国公司"
    assert box.locator(".tagger-rest").count() == 0
    box.locator(".tagger-again").click()
    seen.page.wait_for_function(
        "() => /改了/.test(document.querySelector('.tagger-said').textContent)"
    )
    assert box.locator(".fresh").count() == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_longest_text_is_quick(visit, language):
    """All its prefixes took half a second on a busy machine; a page may take long here."""
    box = box_of(visit(f"{language}/tags-light.html", **CALM))
    give(box, ("play jazz in Paris " if language == "en" else "中国公司董事") * 60)
    took = "(one) => { const t = performance.now(); one.click(); return performance.now() - t; }"
    assert box.locator(".tagger-again").evaluate(took) < 6000
    assert box.locator("[value=alone]").evaluate(took) < 1000


def test_letters_of_an_input_method_wait_for_their_characters(visit):
    seen = visit("zh/tags-light.html", **CALM)
    box = box_of(seen)
    give(box, "中国")
    box.locator("textarea").evaluate(
        "input => { input.value = '中国gong';"
        " input.dispatchEvent(new InputEvent('input', { isComposing: true, bubbles: true })); }"
    )
    seen.page.wait_for_timeout(100)
    assert len(trace(box)["tokens"]) == 2
    box.locator("textarea").evaluate(
        "input => { input.value = '中国公司';"
        " input.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true })); }"
    )
    seen.page.wait_for_function("() => document.querySelector('.tagger').trace.tokens.length === 4")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_weights_come_only_when_they_are_asked_for(visit, language):
    """The page says how much it loads, and that is what it loads, up to a tenth."""
    seen = visit(f"{language}/tags-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    place = int(box.get_attribute("data-kilobytes"))
    assert f"{place} KB" in box.locator(".tagger-caption").inner_text()
    with seen.page.expect_response("**/live/*.js") as response:
        give(box, EXAMPLES[language][0])
    assert abs(len(gzip.compress(response.value.body())) / 1000 - place) < 0.1 * place
    give(box, EXAMPLES[language][1])
    assert len([url for url in seen.asked if "/live/" in url]) == 1


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/tags-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".tagger-said"):
        give(box, "play jazz")
    give(box, "play jazz")
    assert "did not load" not in said(box)
    assert len(trace(box)["tokens"]) == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_keyboard_alone(visit, language):
    """Tab from the text to an example, to the ways, to reading again."""
    seen = visit(f"{language}/tags-light.html", **CALM)
    box = box_of(seen)
    box.locator("textarea").focus()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_function("() => document.querySelector('.tagger').trace")
    for _ in EXAMPLES[language]:
        seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("ArrowRight")
    assert box.locator("[value=alone]").is_checked()
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    assert box.evaluate("box => box.trace.prefixes.length") == len(trace(box)["tokens"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/tags-{scheme}.html", viewport={"width": 360, "height": 800}, **CALM)
    box = box_of(seen)
    for typed in TYPED[language]:
        for way in ("rules", "alone"):
            choose(box, way)
            give(box, typed)
            assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".tagger") == []


def test_page_opened_from_a_disk_reads_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "zh" / "tags-light.html").as_uri())
    give(page.locator(".tagger"), "中国公司")
    assert len(trace(page.locator(".tagger"))["tokens"]) == 4
    page.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_script_there_are_examples(visit, models, language):
    page = visit(f"{language}/tags-light.html", java_script_enabled=False).page
    rows = page.locator(".tagger p").all_text_contents()
    assert rows == [models[language].written(text) for text in EXAMPLES[language]]
    assert page.locator(".tagger button").count() == 0
