"""The network that talks, on a small page of its own: its numbers are NumPy's, and nothing that a
reader types breaks it."""

import gzip

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse.nlp import text
from rnncourse.widgets import talker, weights

CALM = {"reduced_motion": "reduce"}  # everything at once
TALKS = {
    "en": ("What have you eaten for lunch?", "Why?", " WHERE exactly ", "are you human", "é🙂",
           "you're an idiot!!", "word " * 60, "don’t know 3.14 <b>", "饭"),
    "zh": ("你午饭吃了什么？", "为什么？", "在哪里", "你是人吗", "é🙂", "你真笨！！",
           "今天天气" * 20, "3.14 <b>", "what?"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light or dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {code: {"talk": talker.show(f"talk_{code}", code, some[:3])._repr_html_()}
              for code, some in TALKS.items()}  # fmt: skip
    small_pages(root, "talker", bodies)
    return root


@pytest.fixture(scope="module")
def models():
    return {code: talker.Talker(weights.load(f"talk_{code}")[1]["network"]) for code in TALKS}


def box_of(seen):
    return seen.page.locator(".talker")


def ask(box, typed):
    """Type, press Enter, wait until the reply is written; what the page computed."""
    box.locator("[type=text]").fill(typed)
    box.locator("[type=text]").press("Enter")
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    return box.evaluate(
        "box => { const { text, plain, p, alone, ids, near, unknown, cut } = box.trace;"
        " return { text, plain, p, alone, ids, near, unknown, cut } }"
    )


def note_of(box):
    return box.locator(".talker-note").inner_text()


def lines_of(box):
    return box.locator(".talker-lines span").all_inner_texts()


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("reranked", [False, True])
def test_page_replies_as_numpy_does(visit, models, language, reranked):
    """Numbers read, replies, log-probabilities within 1e-6, the nearest questions and scores."""
    seen, model = visit(f"{language}/talk-light.html", **CALM), models[language]
    box, before = box_of(seen), models[language].openers[0]
    box.locator("[type=checkbox]").set_checked(reranked)
    for typed in TALKS[language]:
        found, expected = ask(box, typed), model.reply(before, typed.strip(), reranked)
        assert found["ids"] == model.encode(before, typed.strip()).tolist()
        assert found["text"] == expected.text == lines_of(box)[-1]
        assert found["p"] == pytest.approx(expected.log_prob, abs=1e-6)
        assert found["alone"] == (pytest.approx(expected.alone, abs=1e-6) if reranked else None)
        assert found["plain"] == model.reply(before, typed.strip()).text
        near = model.nearest(before, typed.strip())
        assert [model.stored[one["n"]] for one in found["near"]] == [one.stored for one in near]
        np.testing.assert_allclose([one["score"] for one in found["near"]],
                                   [one.score for one in near], atol=1e-9)  # fmt: skip
        asked = box.locator(".talker-asked").all_inner_texts()
        assert asked == [one.stored.asked for one in near]
        replies = box.locator(".talker-stored").all_inner_texts()
        assert replies == [one.stored.reply for one in near]
        known = set(model.known)
        tokens = text.words(typed.replace("’", "'"))
        assert set(found["unknown"]) == set(tokens[: talker.LIMIT]) - known
        assert found["cut"] == (len(tokens) > talker.LIMIT)
        before = expected.text
    assert box.locator(".talker-lines :is(i, img, script)").count() == 0
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_typed_is_said_and_nothing_loads(visit, language):
    seen = visit(f"{language}/talk-light.html", **CALM)
    box = box_of(seen)
    for typed in ("", "   "):
        box.locator("[type=text]").fill(typed)
        box.locator(".talker-go").click()
        assert {"en": "nothing to answer", "zh": "没有可以回答"}[language] in note_of(box)
    assert len(lines_of(box)) == 1
    assert not [url for url in seen.asked if "/live/" in url]


def test_weights_come_only_when_they_are_asked_for(visit):
    """The button says how much it loads, and that is what it loads, up to a fifth."""
    seen = visit("en/talk-light.html", **CALM)
    box = box_of(seen)
    said = int("".join(filter(str.isdigit, box.locator(".talker-go").inner_text())))
    with seen.page.expect_response("**/live/*.js") as response:
        ask(box, "Hello!")
    assert abs(len(gzip.compress(response.value.body())) / 1000 - said) < 0.2 * said
    ask(box, "Why?")
    assert len([url for url in seen.asked if "/live/" in url]) == 1
    assert "KB" not in box.locator(".talker-go").inner_text()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_notes_say_what_was_unknown_what_was_cut_and_what_reranking_did(visit, models, language):
    box = box_of(visit(f"{language}/talk-light.html", **CALM))
    ask(box, "qqq zzz qqq")
    assert note_of(box).count("qqq") == 1
    assert "zzz" in note_of(box)
    ask(box, TALKS[language][6])
    assert str(talker.LIMIT) in note_of(box)
    box.locator("[type=checkbox]").check()
    found = ask(box, TALKS[language][0])
    if found["plain"] == found["text"]:
        assert {"en": "the same reply", "zh": "回答没有变"}[language] in note_of(box)
    else:
        assert found["plain"] in note_of(box)
    ask(box, "¿¿¿ qqq")
    if not box.evaluate("box => box.trace.near.length"):
        assert box.locator(".talker-near li").count() == 0
        assert box.locator(".talker-none").inner_text()


def test_it_writes_by_and_by_and_says_it_once(visit, models):
    """With motion: a token after the other; nothing is announced before the end."""
    seen = visit("en/talk-light.html")
    box = box_of(seen)
    box.locator(".talker-offers button").first.click()
    seen.page.wait_for_function("() => document.querySelector('.talker').trace")
    expected = models["en"].reply(models["en"].openers[0], TALKS["en"][0]).text
    seen.page.wait_for_function("() => document.querySelectorAll('.talker-it').length === 2")
    assert box.locator(":scope > .visually-hidden").text_content() == ""
    assert expected.startswith(lines_of(box)[-1])
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    assert lines_of(box)[-1] == expected
    assert box.locator(":scope > .visually-hidden").text_content() == f"Network: {expected}"


def test_a_new_line_ends_the_writing_and_a_new_talk_forgets(visit, models):
    """Asked again while it writes: the reply before stands there whole, and is what it reads."""
    seen = visit("en/talk-light.html")
    box, model = box_of(seen), models["en"]
    box.locator(".talker-offers button").first.click()
    seen.page.wait_for_function("() => document.querySelectorAll('.talker-it').length === 2")
    first = model.reply(model.openers[0], TALKS["en"][0]).text
    box.locator(".talker-offers button").nth(1).click()
    seen.page.wait_for_function("() => document.querySelectorAll('.talker-it').length === 3")
    assert lines_of(box)[2] == first
    assert box.evaluate("box => box.trace.before") == first
    box.locator(".talker-anew").click()
    (opener,) = lines_of(box)
    assert opener in model.openers[1:]
    seen.page.wait_for_timeout(600)  # nothing goes on writing
    assert lines_of(box) == [opener]
    assert box.locator(".talker-near li").count() == 0


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/talk-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".talker-note"):
        box.locator("[type=text]").fill("Hello!")
        box.locator(".talker-go").click()
    assert box.locator("[type=text]").input_value() == "Hello!"
    ask(box, "Hello!")
    assert note_of(box) == ""


def test_reranking_answers_in_time(visit):
    """On this machine, which is shared, in three seconds; a reader's is faster."""
    box = box_of(visit("en/talk-light.html", **CALM))
    box.locator("[type=checkbox]").check()
    ask(box, "Hello!")
    took = box.evaluate("""box => { const begin = performance.now();
      box.querySelector("[type=text]").value = "Why is the train to the airport late today?";
      box.querySelector("form").requestSubmit();
      return new Promise(done => setTimeout(() => done(performance.now() - begin))); }""")
    assert took < 3000


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/talk-{scheme}.html", viewport={"width": 390, "height": 844}, **CALM)
    box = box_of(seen)
    for typed in TALKS[language]:
        ask(box, typed)
    ask(box, "x" * 1500)
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".talker") == []


def test_page_opened_from_a_disk_talks_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "en" / "talk-light.html").as_uri())
    assert ask(page.locator(".talker"), "Hello!")["text"]
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("zh/talk-light.html", java_script_enabled=False).page
    assert page.locator(".talker tr").count() == 4
    assert page.locator(".talker tr").first.is_visible()
    assert page.locator(".talker button").count() == 0
