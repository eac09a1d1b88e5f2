"""The poet, on a small page of its own: its poems and numbers are NumPy's, and nothing that a
reader types breaks it."""

import gzip

import pytest
from conftest import lost, small_pages

from rnncourse.nlp import prosody
from rnncourse.widgets import poet, songci

CALM = {"reduced_motion": "reduce"}  # everything at once
EXAMPLES = ["明月照江水", "春夏秋冬", "春江潮水连海平"]
RANDOM = (
    """seed => { const next = rnnNet.random(seed); return Array.from({ length: 40 }, next); }"""
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page of each language, light or dark."""
    root = tmp_path_factory.mktemp("site")
    bodies = {code: {"poem": poet.show("poems", code, EXAMPLES, songs="ci")._repr_html_()}
              for code in ("en", "zh")}  # fmt: skip
    small_pages(root, "poet", bodies, shared="verse")
    return root


@pytest.fixture(scope="module")
def model():
    return poet.load("poems")


@pytest.fixture(scope="module")
def songs():
    return songci.load("ci")


def box_of(seen):
    return seen.page.locator(".poet")


def note_of(box):
    return box.locator(".poet-note").inner_text()


def press(box):
    """Press the button and wait until the poem is whole; what the page computed."""
    before = box.evaluate("box => box.trace?.number ?? 0")
    box.locator(".poet-go").click()
    box.page.wait_for_function(
        "before => document.querySelector('.poet').trace?.number > before", arg=before
    )
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    return box.evaluate("box => box.trace")


def order(box, way="free", typed="", size=5, rules=poet.RULES, pattern="", tau=0.8, seed=7):
    box.locator(f'[type=radio][value="{size}"]').check()
    box.locator(".poet-typed").fill(typed)
    box.locator(f'[value="{way}"]').check()
    for rule in poet.RULES:
        box.locator(f'[type=checkbox][value="{rule}"]').set_checked(rule in rules)
    box.locator(".poet-pattern").select_option(pattern)
    box.locator(".poet-heat").fill(str(tau))
    box.evaluate("(box, seed) => { box.dataset.seed = seed; }", seed)


def sing(box, tune="浣溪沙", typed="", rules=songci.RULES, tau=0.8, seed=7):
    """Order a song to a tune."""
    box.locator('[value="song"]').check()
    box.locator(".poet-tune").select_option(tune)
    box.locator(".poet-typed").fill(typed)
    box.locator('[value="first"]' if typed else '[value="free"]').check()
    box.locator('[type=checkbox][value="rhyme"]').set_checked("rhyme" in rules)
    box.locator(".poet-heat").fill(str(tau))
    box.evaluate("(box, seed) => { box.dataset.seed = seed; }", seed)


ORDERS = [
    {},
    {"size": 7, "seed": 2**32 - 1},
    {"rules": (), "tau": 1.5},
    {"rules": ("rhyme",), "size": 7},
    {"rules": ("tones", "repeats"), "pattern": "ABbA"},
    {"tau": 0, "pattern": "bAaB"},
    {"way": "first", "typed": "床前明月光", "seed": 3},
    {"way": "first", "typed": "牀前明月，光"},
    {"way": "first", "typed": "春江潮水连海平", "size": 7},
    {"way": "first", "typed": "饕餮魍魉囧"},
    {"way": "heads", "typed": "梅兰竹菊", "size": 7},
    {"way": "first", "typed": "日暮照寒窗", "tau": 1.5},  # a rhyme with few characters
    {"way": "heads", "typed": "春夏秋"},
    {"way": "heads", "typed": "春春春春"},
    {"way": "heads", "typed": "一二三四五六七八九"},
]


def test_page_writes_as_numpy_does(visit, model):
    """Poems, patterns, verdicts; costs and log-probabilities within 1e-6."""
    seen = visit("en/poem-light.html", **CALM)
    box = box_of(seen)
    for one in ORDERS:
        order(box, **one)
        found = press(box)
        numbers = iter(seen.page.evaluate(RANDOM, one.get("seed", 7)))
        way, typed = one.get("way", "free"), one.get("typed", "").replace("，", "")
        asked = poet.Order(one.get("size", 5), typed if way == "first" else "",
                           typed if way == "heads" else "", one.get("pattern", ""))  # fmt: skip
        expected = model.write(asked, one.get("rules", poet.RULES), one.get("tau", 0.8),
                               lambda numbers=numbers: next(numbers))  # fmt: skip
        assert found["lines"] == expected.lines, one
        assert found["pattern"] == expected.pattern
        assert found["cost"] == pytest.approx(expected.cost, abs=1e-6)
        assert found["logProb"] == pytest.approx(expected.log_prob, abs=1e-6)
        verdict = expected.verdict._asdict() | {
            "breaks": [list(b) for b in expected.verdict.breaks]
        }
        assert {name: found["verdict"][name] for name in verdict} == verdict
        shown = box.locator(".poet-cell b").all_inner_texts()
        assert "".join(shown) == "".join(expected.lines)
        assert box.locator(".poet-wrong").count() == len(verdict["breaks"])
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_marks_say_tones_and_what_is_asked_for(visit, model):
    box = box_of(visit("zh/poem-light.html", **CALM))
    order(box, rules=("tones",), pattern="aBbA")
    found = press(box)
    shape = {"平": "○", "仄": "●", "中": "◐", "平仄": "◐"}
    asked = "".join(prosody.marks("aBbA", 5))
    assert box.locator(".poet-cell small").all_inner_texts() == [shape[mark] for mark in asked]
    signs = "".join(found["lines"])
    tones = box.locator(".poet-cell i").all_inner_texts()
    assert tones == [shape[model.tones(sign)] for sign in signs]
    assert box.locator(".poet-rhyme").count() == 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_cannot_be_done_is_said(visit, language):
    """Nothing typed, a wrong length, no Chinese; unknown and traditional characters are named."""
    box = box_of(visit(f"{language}/poem-light.html", **CALM))
    order(box, "first", "")
    box.locator(".poet-go").click()
    assert note_of(box)
    for way, typed, said in (("first", "床前明月", "4"), ("first", "床前明月光疑", "6"),
                             ("first", "the moon", "t"), ("heads", "春🙂", "🙂")):  # fmt: skip
        order(box, way, typed)
        box.locator(".poet-go").click()
        box.page.wait_for_function(
            "said => document.querySelector('.poet-note').textContent.includes(said)", arg=said
        )
        assert box.evaluate("box => box.trace === undefined")
    for way, typed, size, said in (("first", "鴈門一片雲", 5, "鴈 → 雁"),
                                   ("first", "饕餮魍魉囧", 5, "饕"), ("heads", "春夏秋", 5, "3"),
                                   ("heads", "一二三四五六七八九", 5, "9"),
                                   ("first", "春江潮水连海平", 5, "7")):  # fmt: skip
        order(box, way, typed, size)
        press(box)
        assert said in note_of(box)
    assert box.locator('[type=radio][value="7"]').is_checked()


SONGS = [
    {},
    {"tune": "水调歌头", "typed": "明月几时有？把酒問青天。"},
    {"tune": "菩萨蛮", "seed": 2**32 - 1},
    {"tune": "西江月", "tau": 1.5},
    {"tune": "满江红", "rules": ()},
    {"tune": "沁园春", "tau": 0},
    {"tune": "浣溪沙", "typed": "饕餮魍魉春风囧"},  # no rhyme is known of the last
    {"tune": "点绛唇", "typed": "春" * 40},
]


def test_page_sings_as_numpy_does(visit, songs):
    """Songs and verdicts; costs and log-probabilities within 1e-6."""
    seen = visit("zh/poem-light.html", **CALM)
    box = box_of(seen)
    for one in SONGS:
        sing(box, **one)
        found = press(box)
        numbers = iter(seen.page.evaluate(RANDOM.replace("40", "120"), one.get("seed", 7)))
        expected = songs.write(one.get("tune", "浣溪沙"), one.get("typed", ""),
                               one.get("rules", songci.RULES), one.get("tau", 0.8),
                               lambda numbers=numbers: next(numbers))  # fmt: skip
        assert found["lines"] == expected.lines, one
        assert found["cost"] == pytest.approx(expected.cost, abs=1e-6)
        assert found["logProb"] == pytest.approx(expected.log_prob, abs=1e-6)
        assert found["verdict"] == expected.verdict._asdict()
        assert "".join(box.locator(".poet-cell b").all_inner_texts()) == "".join(expected.lines)
        assert "".join(box.locator(".poet-stop").all_inner_texts()) == "".join(expected.stops)
        words = sum(map(len, expected.verdict.words))
        assert box.locator(".poet-rhyme").count() == words
        fitting = sum(map(len, expected.verdict.fitting))
        assert box.locator(".poet-wrong").count() == words - fitting
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_cannot_be_sung_is_said(visit, language):
    """Nothing typed, no Chinese, too long; unknown and traditional characters are named."""
    box = box_of(visit(f"{language}/poem-light.html", **CALM))
    for typed, said in (("the moon", "t"), ("春" * 42, "42"), ("春" * 50, "50")):
        sing(box, typed=typed)
        box.locator(".poet-go").click()
        box.page.wait_for_function(
            "said => document.querySelector('.poet-note').textContent.includes(said)", arg=said
        )
        assert box.evaluate("box => box.trace === undefined")
    box.locator(".poet-typed").fill("")
    box.locator(".poet-go").click()
    assert note_of(box)
    for typed, said in (("鴈門一片雲", "鴈 → 雁"), ("饕餮魍魉", "饕"), ("春风春水春山囧", "囧")):
        sing(box, typed=typed)
        press(box)
        assert said in note_of(box)


def test_a_tune_hides_what_it_does_not_ask_for_and_says_so(visit):
    box = box_of(visit("en/poem-light.html", **CALM))
    only = {
        "song": [".poet-tune"],
        "quatrain": [".poet-pattern", ".poet-size", '[value="heads"]', '[value="tones"]'],
    }
    for kind, other in (("song", "quatrain"), ("quatrain", "song")):
        box.locator(f'[value="{kind}"]').check()
        assert all(box.locator(one).is_visible() for one in only[kind])
        assert not any(box.locator(one).is_visible() for one in only[other])
    box.locator('[value="heads"]').check()
    box.locator('[value="song"]').check()
    assert box.locator('[value="first"]').is_checked()
    assert "not asked for" in box.locator(".poet-caption").inner_text()


def test_network_of_songs_comes_only_for_a_tune(visit):
    seen = visit("en/poem-light.html", **CALM)
    box, bodies = box_of(seen), []
    seen.page.on("response", lambda r: bodies.append(r) if "/live/" in r.url else None)
    order(box)
    press(box)
    assert not any("/live/ci.js" in url for url in seen.asked)
    bodies.clear()
    sing(box)
    said = int("".join(filter(str.isdigit, box.locator(".poet-go").inner_text())))
    press(box)
    loaded = sum(len(gzip.compress(response.body())) for response in bodies) / 1000
    assert [response.url.rsplit("/", 1)[1] for response in bodies] == ["ci.js"]
    assert abs(loaded - said) < 0.2 * said
    assert box.locator(".poet-go").inner_text() == "Again"


def test_song_can_be_kept_and_is_written_by_keyboard(visit):
    seen = visit("zh/poem-light.html", **CALM)
    box = box_of(seen)
    box.locator('[value="quatrain"]').focus()
    seen.page.keyboard.press("ArrowRight")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("ArrowDown")
    box.locator(".poet-typed").focus()
    seen.page.keyboard.insert_text("明月几时有")
    seen.page.keyboard.press("Enter")
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    found = box.evaluate("box => box.trace")
    assert (found["order"]["tune"], found["lines"][0]) == ("水调歌头", "明月几时有")
    with seen.page.expect_download() as download:
        box.locator(".poet-keep").click()
    text = download.value.path().read_text("utf-8")
    pairs = zip(found["lines"], found["stops"], strict=True)
    assert text.replace("\n", "") == "".join(line + stop for line, stop in pairs)
    assert all(row.endswith("。") for row in text.split())


def test_songs_that_do_not_arrive_are_asked_for_again(visit):
    seen = visit("en/poem-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".poet-note", "ci"):
        sing(box)
        box.locator(".poet-go").click()
    press(box)
    assert note_of(box) == ""


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_songs_fit_a_phone_and_are_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/poem-{scheme}.html", viewport={"width": 360, "height": 780}, **CALM)
    box = box_of(seen)
    sing(box, "沁园春", rules=())
    press(box)
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".poet") == []


def test_weights_come_only_when_they_are_asked_for(visit):
    """The button says how much it loads, and that is what it loads, up to a fifth."""
    seen = visit("en/poem-light.html", **CALM)
    box, bodies = box_of(seen), []
    seen.page.on("response", lambda r: bodies.append(r) if "/live/" in r.url else None)
    said = int("".join(filter(str.isdigit, box.locator(".poet-go").inner_text())))
    assert not [url for url in seen.asked if "/live/" in url]
    order(box)
    press(box)
    loaded = sum(len(gzip.compress(response.body())) for response in bodies) / 1000
    assert abs(loaded - said) < 0.2 * said
    press(box)
    assert len([url for url in seen.asked if "/live/" in url]) == 2
    assert box.locator(".poet-go").inner_text() == "Again"


def test_again_is_another_poem_and_an_example_starts_at_once(visit):
    box = box_of(visit("zh/poem-light.html", **CALM))
    box.locator(".poet-offers button").nth(1).click()
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    first = box.evaluate("box => box.trace.lines")
    assert [line[0] for line in first] == list("春夏秋冬")
    assert press(box)["lines"] != first


def test_it_writes_by_and_by_and_says_it_once(visit):
    """With motion; a second press ends the first poem."""
    seen = visit("en/poem-light.html")
    box = box_of(seen)
    order(box, seed=1)
    box.locator(".poet-go").click()
    seen.page.wait_for_function("() => document.querySelector('.poet').trace")
    assert box.locator(":scope > .visually-hidden").text_content() == ""
    assert box.locator(".poet-copy").is_disabled()
    found = press(box)
    assert found["number"] == 2
    assert "".join(found["lines"]) == "".join(box.locator(".poet-cell b").all_inner_texts())


def test_poem_can_be_kept(visit):
    seen = visit("zh/poem-light.html", **CALM)
    box = box_of(seen)
    order(box)
    found = press(box)
    with seen.page.expect_download() as download:
        box.locator(".poet-keep").click()
    text = download.value.path().read_text("utf-8")
    assert text.split() == [
        line + stop for line, stop in zip(found["lines"], "，。，。", strict=True)
    ]
    box.locator(".poet-copy").click()
    seen.page.wait_for_function("() => document.querySelector('.poet-note').textContent")


def test_weights_that_do_not_arrive_are_said_and_asked_for_again(visit):
    seen = visit("en/poem-light.html", **CALM)
    box = box_of(seen)
    with lost(seen, ".poet-note", "tang"):
        order(box, "first", "明月照江水")
        box.locator(".poet-go").click()
    assert box.locator(".poet-typed").input_value() == "明月照江水"
    press(box)
    assert note_of(box) == ""


def test_keyboard_alone_suffices(visit):
    seen = visit("en/poem-light.html", **CALM)
    box = box_of(seen)
    box.locator(".poet-typed").focus()
    seen.page.keyboard.insert_text("明月照江水")
    seen.page.keyboard.press("Enter")
    box.locator(":scope > .visually-hidden:not(:empty)").wait_for(state="attached")
    assert box.evaluate("box => box.trace.lines[0]") == "明月照江水"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_demo_at_work_fits_a_phone_and_is_accessible(visit, violations, language, scheme):
    seen = visit(f"{language}/poem-{scheme}.html", viewport={"width": 360, "height": 780}, **CALM)
    box = box_of(seen)
    order(box, size=7, rules=())
    press(box)
    assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(seen.page, ".poet") == []


def test_page_opened_from_a_disk_writes_too(browser, folder):
    """Neither modules nor fetch work there; scripts do."""
    page = browser.new_page(reduced_motion="reduce")
    page.goto((folder / "en" / "poem-light.html").as_uri())
    box = page.locator(".poet")
    order(box)
    assert press(box)["lines"]
    page.close()


def test_without_script_there_is_a_table(visit):
    page = visit("zh/poem-light.html", java_script_enabled=False).page
    assert page.locator(".poet tr").count() == 4
    assert page.locator(".poet tr").first.is_visible()
    assert page.locator(".poet button").count() == 0
