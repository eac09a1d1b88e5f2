"""The network that describes a board, on a small page of its own: its numbers are NumPy's, and no
way of filling the board breaks it."""

import gzip

import numpy as np
import pytest
from conftest import lost, small_pages

from rnncourse.data import scenes
from rnncourse.data.scenes import Thing
from rnncourse.widgets import captioner, weights

CALM = {"reduced_motion": "reduce"}


def boards():
    """None to three things, anywhere, and of one kind; then more than it learnt."""
    rng = np.random.default_rng(4)
    some = [(), *scenes.scenes(rng, 12, (1, 2, 3), diagonal=True)]
    some.append((Thing("circle", "red", "small", 0, 0), Thing("circle", "red", "small", 3, 3)))
    for n in (4, 5, 16):
        places = [divmod(int(k), 4) for k in rng.choice(16, n, replace=False)]
        kinds = [scenes.KINDS[k] for k in rng.integers(0, len(scenes.KINDS), n)]
        both = zip(kinds, places, strict=True)
        some.append(tuple(Thing(shape, colour, size, *at) for (size, colour, shape), at in both))
    return some


BOARDS = boards()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each edition, light and dark, that offers all boards."""
    root = tmp_path_factory.mktemp("site")
    body = {"board": captioner.show("scenes", BOARDS)._repr_html_()}
    small_pages(root, "captioner", {"en": body, "zh": body})
    return root


@pytest.fixture(scope="module")
def models():
    network = weights.load("scenes")[1]["network"]
    return {language: captioner.Describer(network, language) for language in ("en", "zh")}


def box_of(seen):
    return seen.page.locator(".captioner")


def settle(box):
    """Wait until it has been said what is there."""
    box.page.wait_for_function(
        "() => document.querySelector('.captioner').trace"
        " && !/…/.test(document.querySelector('.captioner-said').textContent)"
    )


def take(box, k):
    """The k-th of the boards that are offered."""
    box.evaluate("box => { delete box.trace; }")
    box.locator(".captioner-offers button").nth(k).click()
    settle(box)


def trace(box):
    return box.evaluate(
        "box => box.trace && ({ ...box.trace, picture: [...box.trace.picture], steps: box.trace"
        ".steps.map(({ token, p, weights }) => ({ token, p: [...p], weights: [...weights] })) })"
    )


def text_of(box, part):
    return box.locator(f".captioner-{part}").first.inner_text()


def cell(box, row, column):
    return box.locator(".captioner-board button").nth(4 * row + column)


def pick(box, group, value):
    box.locator(f".captioner-{group} [value={value}]").check()


def speak(box, language):
    pick(box, "language", language)
    box.locator(".captioner-buttons button").first.click()
    settle(box)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_computes_what_numpy_computes(visit, models, language):
    """Pixels, words, every probability and weight; and whether a sentence is true."""
    seen, model = visit("en/board-light.html", **CALM), models[language]
    box = box_of(seen)
    speak(box, language)
    for k, things in enumerate(BOARDS):
        take(box, k)
        found, answer = trace(box), model.describe(things)
        np.testing.assert_array_equal(found["picture"], scenes.draw(things).ravel().astype(float))
        assert (found["text"], found["words"]) == (answer.text, answer.words)
        np.testing.assert_allclose([s["p"] for s in found["steps"]], answer.steps, atol=1e-9)
        np.testing.assert_allclose([s["weights"] for s in found["steps"]], answer.weights,
                                   atol=1e-9)  # fmt: skip
        assert found["p"] == pytest.approx(answer.p)
        assert found["true"] == scenes.true_of(answer.text, things, language)
        assert found["understood"] == (scenes.understood(answer.text, language) is not None)
        if len(things) <= 3:
            assert found["usual"] == scenes.sentence(things, language)
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def made_to_write(box, words, told):
    """What the page says of each of these sentences about its board; all in one go, since each
    call of the browser takes longer than the judgement."""
    return box.evaluate(
        """async (box, all) => {
             const net = globalThis.rnnNet, old = net.describe, found = [];
             const p = new Float64Array(99).fill(0.5);
             for (const tokens of all) {
               net.describe = () => tokens.map((token) => ({ token, p, weights: p }));
               box.querySelector(".captioner-buttons button").click();
               await new Promise((done) => setTimeout(done));
               const { text, true: holds, understood, right } = box.trace;
               found.push({ text, true: holds, understood, right });
             }
             net.describe = old;
             return found;
           }""",
        [[*(words.index(word) for word in one), 1] for one in told],
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_truth_is_judged_as_the_package_judges_it(visit, models, language):
    """The network is made to write: sentences of other boards, true ones in other words, and words
    in any order."""
    box = box_of(visit("en/board-light.html", **CALM))
    speak(box, language)
    rng, words, verdicts = np.random.default_rng(0), models[language].words, []
    for k, things in enumerate(BOARDS[:14]):
        take(box, k)
        lines = scenes.sentences(things, language) + [
            scenes.sentence(other, language) for other in BOARDS[:14]
        ]
        turned = [one._replace(row=3 - one.row, column=3 - one.column) for one in things]
        lines += scenes.sentences(turned, language)
        told = [scenes.words(line, language) for line in lines]
        told += [list(rng.permutation(one)) for one in told[:5]] + [one[:-1] for one in told[:5]]
        told = [[word for word in one if word in words] for one in told]
        for one, found in zip(told, made_to_write(box, words, told), strict=True):
            line = scenes.join(one, language)
            assert found["text"] == line
            assert found["true"] == scenes.true_of(line, things, language), line
            assert found["understood"] == (scenes.understood(line, language) is not None), line
            verdicts.append((found["true"], found["right"], found["understood"]))
    assert {(True, True, True), (False, True, True), (False, False, True),
            (False, False, False)} <= set(verdicts)  # fmt: skip


def test_reader_puts_things_on_the_board_and_takes_them_away(visit, models):
    box = box_of(visit("en/board-light.html", **CALM))
    take(box, 0)
    assert trace(box)["text"] == models["en"].describe(()).text
    pick(box, "shape", "triangle")
    pick(box, "colour", "yellow")
    pick(box, "size", "large")
    cell(box, 2, 1).click()
    settle(box)
    assert trace(box)["things"] == [{"shape": "triangle", "colour": "yellow", "size": "large",
                                     "row": 2, "column": 1}]  # fmt: skip
    assert cell(box, 2, 1).get_attribute("aria-label") == "row 3, column 2: large yellow triangle"
    pick(box, "colour", "blue")
    cell(box, 2, 1).click()
    assert [one["colour"] for one in trace(box)["things"]] == ["blue"]
    cell(box, 2, 1).click()
    assert trace(box)["things"] == []
    for k in range(16):
        cell(box, *divmod(k, 4)).click()
    assert len(trace(box)["things"]) == 16
    assert "at most; here are 16" in text_of(box, "note")
    box.locator(".captioner-buttons button").nth(2).click()
    assert trace(box)["things"] == []
    for _ in range(20):
        box.locator(".captioner-buttons button").nth(1).click()
        assert 1 <= len(trace(box)["things"]) <= 3


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_keyboard_alone(visit, edition):
    """Tab reaches the board; arrows stay on it; Enter puts, Delete takes away."""
    seen = visit(f"{edition}/board-light.html", **CALM)
    box, keys = box_of(seen), seen.page.keyboard
    take(box, 0)
    box.locator(".captioner-cover input").focus()
    for key in ("Tab", "ArrowUp", "ArrowLeft", "ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
        keys.press(key)
    (thing,) = trace(box)["things"]
    assert (thing["row"], thing["column"]) == (2, 1)
    for key in (*["ArrowRight"] * 5, *["ArrowDown"] * 5, "Enter", "ArrowLeft"):
        keys.press(key)
    assert [(one["row"], one["column"]) for one in trace(box)["things"]] == [(2, 1), (3, 3)]
    for key in ("ArrowRight", "Delete", "Delete"):
        keys.press(key)
    assert len(trace(box)["things"]) == 1
    keys.press("Tab")
    assert seen.page.evaluate("document.activeElement.closest('.captioner-offers') !== null")


def test_a_word_shows_where_it_looked(visit):
    """By pointer, by keyboard, and one after another; the numbers are its weights."""
    seen = visit("en/board-light.html", **CALM)
    box = box_of(seen)
    take(box, 3)
    found, words = trace(box), box.locator(".captioner-sentence button")
    assert words.all_inner_texts() == [*found["words"], "end"]
    for u, way in ((1, "hover"), (2, "focus"), (3, "click")):
        getattr(words.nth(u), way)()
        shown = box.locator(".captioner-board button").evaluate_all(
            "all => all.map((one) => one.dataset.look)"
        )
        weights = found["steps"][u]["weights"]
        expected = [f"{int(100 * w + 1e-9)}%" if w >= 0.05 else "" for w in weights]
        assert shown == expected
        assert words.nth(u).get_attribute("data-now") is not None
    box.locator(".captioner-buttons button").nth(3).click()
    seen.page.wait_for_function(
        "() => document.querySelector('.captioner-end').hasAttribute('data-now')"
    )


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_covered_eyes_are_said_and_change_nothing_with_the_board(visit, models, edition):
    box, texts = box_of(visit(f"{edition}/board-light.html", **CALM)), set()
    box.locator(".captioner-cover input").check()
    for k in (0, 1, 5):
        take(box, k)
        texts.add(trace(box)["text"])
        assert {"en": "eyes are covered", "zh": "被蒙住"}[edition] in text_of(box, "said")
    assert texts == {models[edition].describe((), blank=True).text}


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_weights_come_only_when_they_are_asked_for(visit, edition):
    """The page says how much it loads, and that is what it loads, up to an eighth."""
    seen = visit(f"{edition}/board-light.html", **CALM)
    box = box_of(seen)
    seen.page.wait_for_load_state("networkidle")
    assert not [url for url in seen.asked if "/live/" in url]
    size = int(box.get_attribute("data-kilobytes"))
    assert f"{size} KB" in box.inner_text()
    with seen.page.expect_response("**/live/*.js") as response:
        take(box, 1)
    assert abs(len(gzip.compress(response.value.body())) / 1000 - size) < 0.12 * size
    take(box, 2)
    assert len([url for url in seen.asked if "/live/" in url]) == 1


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/board-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".captioner-said"):
        cell(box, 0, 0).click()
    cell(box, 0, 1).click()
    settle(box)
    assert "did not load" not in text_of(box, "said")
    assert len(trace(box)["things"]) == len(BOARDS[0]) + 2


@pytest.mark.parametrize("edition", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, edition, scheme):
    seen = visit(f"{edition}/board-{scheme}.html", viewport={"width": 360, "height": 800}, **CALM)
    box = box_of(seen)
    for k in range(len(BOARDS)):
        take(box, k)
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box.locator(".captioner-sentence button").nth(1).focus()
    assert violations(seen.page, ".captioner") == []


def test_page_opened_from_a_disk_describes_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "zh" / "board-light.html").as_uri())
    take(page.locator(".captioner"), 0)
    assert trace(page.locator(".captioner"))["text"]
    page.close()


def test_without_script_there_are_sentences(visit, models):
    page = visit("en/board-light.html", java_script_enabled=False).page
    found = page.locator(".captioner td").all_text_contents()
    assert found[0] == models["en"].describe(BOARDS[0]).text
    assert found[1] == models["zh"].describe(BOARDS[0]).text
    assert page.locator(".captioner button").count() == 0
