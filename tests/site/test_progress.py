"""What accompanies the reader: progress, paper, a browser without script, the site as one zip."""

import json
import re
import zipfile

import pytest
from test_site import SITE, check_accessible

from tools.editions import checks
from tools.site import take_along

ROOT = checks.ROOT
CHAPTERS = checks.chapters(ROOT)
STORED = "() => JSON.parse(localStorage.getItem('rnncourse-progress'))"
PROGRESS = {"en": "en/progress.html", "zh": "zh/progress.html"}


def everything(**more):
    """A record in which all is done, as a file of the reader's."""
    ids = [p.stem.replace("_sol_", "_ex_") for p in ROOT.glob("solutions/*_sol_*.md")]
    quiz = {f"{stem}/{n}": n > 1 for stem in CHAPTERS for n in range(1, 6)}
    record = {"course": "rnncourse", "version": 1, "chapters": dict.fromkeys(CHAPTERS, True),
              "quiz": quiz, "exercises": dict.fromkeys(ids, True)}  # fmt: skip
    return record | more


def give(page, content):
    """Let the reader choose a file to import."""
    text = content if isinstance(content, str) else json.dumps(content)
    file = {"name": "progress.json", "mimeType": "application/json", "buffer": text.encode()}
    page.locator(".progress-import").set_input_files([file])
    page.wait_for_function("document.querySelector('.progress-message').textContent")
    return page.locator(".progress-message").inner_text()


def cells(page, stem):
    return page.locator(f"tr[data-page={stem}] td").all_inner_texts()


# ---- marks ---------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_marked_is_there_after_a_reload_and_in_both_editions(visit, language):
    seen = visit(f"{language}/gru.html")
    page = seen.page
    assert page.evaluate(STORED) is None  # nothing is stored of a reader who does nothing
    page.locator(".course-end input").check()
    page.locator("td .progress-box input").first.check()
    wrong = page.locator("details.quiz-wrong > summary").first
    number = wrong.evaluate("(s) => s.parentElement.dataset.question")
    wrong.click()
    page.locator(f"details.quiz-right[data-question='{number}'] > summary").click()
    other = "2" if number == "1" else "1"
    page.locator(f"details.quiz-right[data-question='{other}'] > summary").click()
    expected = {f"gru/{number}": False, f"gru/{other}": True}  # the first try counts

    page.reload()
    assert page.evaluate(STORED)["quiz"] == expected
    assert page.locator(".course-end input").is_checked()
    assert page.locator("td .progress-box input").first.is_checked()
    assert not page.locator("td .progress-box input").nth(1).is_checked()
    mark = page.locator("nav.bd-links li.current .progress-mark").first
    assert mark.inner_text().endswith({"en": "(read)", "zh": "（已读）"}[language])

    for edition in ("en", "zh"):
        page.goto(seen.address + PROGRESS[edition])
        read, quiz, exercises = cells(page, "gru")
        assert read == {"en": "read", "zh": "已读"}[edition]
        assert re.findall(r"\d+", quiz) == ["2", "4", "1"]
        assert re.findall(r"\d+", exercises) == ["1", "5"]
        assert cells(page, "lstm")[0] == "–"
        page.goto(f"{seen.address}{edition}/index.html")
        title = page.locator(".course-map a.is-read").get_attribute("aria-label")
        assert title.endswith({"en": " (read)", "zh": "（已读）"}[edition])
    assert (seen.foreign, seen.errors) == ([], [])


def test_a_mark_can_be_taken_back_and_reaching_the_end_does_not_set_it_again(visit):
    page = visit("en/gru.html").page
    page.clock.install()
    page.reload()
    page.locator(".course-end").scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # the observer speaks
    page.clock.run_for(2000)
    assert page.evaluate(STORED)["chapters"] == {}
    page.clock.run_for(2000)
    assert page.evaluate(STORED)["chapters"] == {"gru": True}
    page.locator(".course-end input").uncheck()
    page.reload()
    page.locator(".course-end").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    page.clock.run_for(9000)
    assert page.evaluate(STORED)["chapters"] == {"gru": False}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_first_page_leads_to_where_the_reader_stopped(visit, language):
    seen = visit(f"{language}/index.html")
    page = seen.page
    assert not page.locator("#course-go-on").is_visible()
    page.goto(f"{seen.address}{language}/lstm.html")
    page.evaluate("document.getElementById('sec-lstm-quiz').scrollIntoView({behavior: 'instant'})")
    title = page.locator("#sec-lstm-quiz").evaluate(
        "(e) => e.closest('section').querySelector('h2').firstChild.textContent"
    )
    page.goto(f"{seen.address}{language}/index.html")
    link = page.locator("#course-go-on a")
    assert link.is_visible()
    assert link.inner_text().endswith(f"· {title}")
    # The other edition knows the place, not its words.
    other = {"en": "zh", "zh": "en"}[language]
    page.goto(f"{seen.address}{other}/index.html")
    assert "·" not in link.inner_text()
    link.click()
    page.wait_for_url(f"**/{other}/lstm.html#sec-lstm-quiz")


def test_two_tabs_lose_nothing_of_each_other(visit):
    seen = visit("en/gru.html")
    first, second = seen.page, seen.page.context.new_page()
    second.goto(seen.address + "en/lstm.html")
    first.locator(".course-end input").check()
    second.locator("td .progress-box input").first.check()
    first.locator("td .progress-box input").first.check()
    record = first.evaluate(STORED)
    assert record["chapters"] == {"gru": True}
    assert sorted(record["exercises"]) == ["gru_ex_01", "lstm_ex_00"]
    # What one tab marks, the other shows without a reload.
    second.wait_for_selector("nav.bd-links a[href='gru.html'] .progress-mark")


OFF = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('off'); }})"
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


@pytest.mark.parametrize("broken", [OFF, FULL])
@pytest.mark.parametrize("path", ["en/gru.html", "zh/index.html", "en/progress.html"])
def test_nothing_breaks_where_nothing_can_be_stored(visit, path, broken):
    page, stacks = visit(path).page, []
    page.on("pageerror", lambda error: stacks.append(error.stack))
    page.add_init_script(broken)
    page.reload()
    if path == "en/gru.html":
        page.locator("details.quiz > summary").first.click()
        assert page.locator("details.quiz").first.get_attribute("open") is not None
    if path == "en/progress.html" and broken == OFF:
        assert "storage is off" in page.locator(".progress-off").inner_text()
        assert not page.locator(".progress-controls").is_visible()
    if broken == OFF:
        assert page.locator(".progress-box:visible").count() == 0
    # The theme itself complains, and goes on.
    assert [stack for stack in stacks if "/progress" in stack.replace("/progress.html", "")] == []


@pytest.mark.parametrize("junk", ["{", "null", "[1]", '{"course": "rnncourse"}', '"x"'])
def test_junk_in_the_storage_is_no_record(visit, junk):
    seen = visit("en/gru.html")
    page = seen.page
    page.evaluate("(text) => localStorage.setItem('rnncourse-progress', text)", junk)
    page.reload()
    page.locator(".course-end input").check()
    assert page.evaluate(STORED)["chapters"] == {"gru": True}
    assert seen.errors == []


def test_a_record_of_a_newer_edition_is_left_as_it_is(visit):
    page = visit("en/gru.html").page
    newer = json.dumps(everything(version=2))
    page.evaluate("(text) => localStorage.setItem('rnncourse-progress', text)", newer)
    page.reload()
    assert page.locator(".progress-box:visible").count() == 0
    page.locator("details.quiz > summary").first.click()
    page.evaluate("courseProgress.exercise('gru_ex_01')")
    assert page.evaluate(STORED) == json.loads(newer)
    page.goto(page.url.replace("gru.html", "progress.html"))
    assert "newer edition" in page.locator(".progress-off").inner_text()


# ---- the page of progress ------------------------------------------------------


BAD = {
    "json": ("not a record", "not JSON"),
    "number": ("3", "no record of this course"),
    "other course": ({"course": "another", "version": 1}, "no record of this course"),
    "newer": (everything(version=2), "newer edition"),
    "no version": ({"course": "rnncourse"}, "damaged"),
    "html": (everything(exercises={"<img src=x onerror=alert(1)>": True}), "damaged"),
    "words": (everything(chapters={"gru": "yes"}), "damaged"),
    "list": (everything(quiz=[1, 2]), "damaged"),
    "prototype": ('{"course":"rnncourse","version":1,"quiz":{"__proto__":{"a":1}}}', "damaged"),
    "many": (everything(exercises={f"a{n}": True for n in range(3000)}), "damaged"),
    "place": (everything(last={"page": "javascript:alert(1)//"}), "damaged"),
    "large": (" " * 1_100_000, "too large"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_in_words_and_nothing_is_lost(visit, kind):
    content, words = BAD[kind]
    seen = visit(PROGRESS["en"])
    page = seen.page
    page.evaluate("courseProgress.exercise('gru_ex_01')")
    before = page.evaluate(STORED)
    said = give(page, content)
    assert words in said
    assert said.endswith("Nothing was changed.")
    assert page.evaluate(STORED) == before
    assert seen.errors == []


def test_hostile_names_are_shown_as_words(visit):
    """Nothing of a file becomes part of the page but as text."""
    seen = visit(PROGRESS["en"])
    page = seen.page
    hostile = '<img src=x onerror="window.hit = 1">'
    last = {"page": "gru", "section": "sec-gru", "title": hostile, "language": "en"}
    give(page, everything(name=hostile, last=last))
    assert page.locator(".progress-certificate-name").inner_text() == hostile
    page.goto(page.url.replace("progress.html", "index.html"))
    assert page.locator("#course-go-on a").inner_text().endswith(hostile)
    assert page.evaluate("window.hit") is None
    assert seen.errors == []


def test_a_file_adds_to_what_is_marked_and_export_gives_it_back(visit):
    page = visit(PROGRESS["en"]).page
    page.evaluate("courseProgress.answer('gru', 1, true); courseProgress.chapter('rnn')")
    content = {"course": "rnncourse", "version": 1, "chapters": {"gru": True, "rnn": False},
               "quiz": {"gru/1": False, "gru/2": False}}  # fmt: skip
    said = give(page, content)
    assert said == "Added: 2 chapters, 2 questions, 0 exercises."
    with page.expect_download() as download:
        page.locator(".progress-export").click()
    record = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert record["chapters"] == {"gru": True, "rnn": True}
    assert record["quiz"] == {"gru/1": True, "gru/2": False}

    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator(".progress-reset").click()
    assert page.evaluate(STORED)["chapters"] == {"gru": True, "rnn": True}
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".progress-reset").click()
    assert page.evaluate(STORED)["chapters"] == {}
    assert give(page, record).startswith("Added: 2")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_when_all_is_done_there_is_a_certificate_and_not_before(visit, language):
    page = visit(PROGRESS[language]).page
    all_but_one = everything()
    missing = sorted(all_but_one["exercises"])[7]
    del all_but_one["exercises"][missing]
    give(page, all_but_one)
    sheet = page.locator(".progress-sheet")
    assert not sheet.is_visible()
    page.evaluate("(id) => courseProgress.exercise(id)", missing)
    assert sheet.is_visible()
    page.locator(".progress-name").fill("李 Ada")
    page.reload()
    assert page.locator(".progress-certificate-name").inner_text() == "李 Ada"
    said = sheet.inner_text()
    assert {"en": "Self-reported", "zh": "由学习者自己填写"}[language] in said
    questions = sum(
        int(row.get_attribute("data-questions")) for row in page.locator("tr[data-page]").all()
    )
    numbers = [
        len(CHAPTERS),
        questions,
        questions - len(CHAPTERS),
        len(all_but_one["exercises"]) + 1,
    ]
    assert [
        int(n) for n in re.findall(r"\d+", page.locator(".progress-certificate-text").inner_text())
    ] == numbers
    # On paper it stands alone.
    page.evaluate("window.print = () => {}")
    page.locator(".progress-print").click()
    page.emulate_media(media="print")
    assert sheet.is_visible()
    assert page.locator("h1:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("h1:visible").count() > 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_progress_page_is_accessible_when_all_is_done(visit, axe, language):
    page = visit(PROGRESS[language], color_scheme="light").page
    give(page, everything())
    check_accessible(page, axe)
    page.goto(page.url.replace("progress.html", "index.html"))
    check_accessible(page, axe)


# ---- paper, and a browser without script ---------------------------------------


def test_folded_code_is_printed_where_it_is_open(visit):
    page = visit("en/unfolding.html").page
    folds = page.locator("div.cell details.hide")
    assert folds.count() > 1
    folds.first.evaluate("(fold) => { fold.open = true; }")
    page.emulate_media(media="print")
    assert folds.first.locator("pre").first.is_visible()
    assert not folds.nth(1).is_visible()
    page.emulate_media(media="screen")
    page.locator(".course-end button").click()
    page.emulate_media(media="print")
    assert all(fold.locator("pre").first.is_visible() for fold in folds.all())


@pytest.mark.parametrize("path", ["en/rnn.html", "zh/lstm.html"])
def test_without_script_all_is_there_and_folds_open(visit, path):
    page = visit(path, java_script_enabled=False).page
    fold = page.locator("div.cell details.hide").first
    assert not fold.locator("pre").first.is_visible()
    fold.locator("summary").click()
    assert fold.locator("pre").first.is_visible()
    assert page.locator(".progress-box, .course-end").count() == 0
    assert page.locator("h2").count() > 5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_script_the_page_of_progress_says_what_there_is(visit, language):
    page = visit(PROGRESS[language], java_script_enabled=False).page
    assert page.locator(".progress-off").is_visible()
    assert page.locator(".progress-controls, .progress-certificate").first.is_visible() is False
    assert page.locator("tr[data-page]").count() == len(CHAPTERS)
    assert cells(page, "gru") == ["–", "4", "5"]


# ---- the site as one zip -------------------------------------------------------


@pytest.fixture(scope="module")
def unpacked(address, tmp_path_factory):
    folder = tmp_path_factory.mktemp("along")
    with zipfile.ZipFile(SITE / f"{take_along.NAME}.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder / take_along.NAME


def test_the_zip_holds_every_page_and_picture_and_not_itself(unpacked):
    files = {f.relative_to(SITE).as_posix() for f in SITE.rglob("*") if f.is_file()}
    ours = {f.relative_to(unpacked).as_posix() for f in unpacked.rglob("*") if f.is_file()}
    assert ours == files - take_along.ONLINE - {f"{take_along.NAME}.zip"}
    for name in ("en/index.html", "zh/index.html"):
        size = (SITE / f"{take_along.NAME}.zip").stat().st_size / 1e6
        assert f"{size:.0f} MB" in (SITE / name).read_text(encoding="utf-8")
        assert take_along.NAME not in (unpacked / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["en/rnn.html", "zh/sentiment.html", "en/index.html"])
def test_pages_work_from_a_folder(browser, unpacked, path):
    """Opened as files: formulas, figures, quiz, marks, search, and the other edition."""
    page, errors = browser.new_page(), []

    def note_failure(request):
        if request.failure != "net::ERR_ABORTED":  # what a click on a link breaks off
            errors.append(f"no {request.url}: {request.failure}")

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("requestfailed", note_failure)
    page.goto((unpacked / path).as_uri())
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.fonts.check('16px KaTeX_Main')") or path == "en/index.html"
    page.evaluate("courseProgress.exercise('gru_ex_01')")
    page.locator("a.course-language").click()
    page.wait_for_load_state()
    assert page.evaluate(STORED)["exercises"] == {"gru_ex_01": True}
    page.evaluate("localStorage.clear()")
    page.goto((unpacked / "en" / "search.html").as_uri() + "?q=gradient")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    page.close()
    assert errors == []


def test_the_landing_page_of_the_folder_leads_in(browser, unpacked):
    page = browser.new_page(locale="zh-CN")
    page.goto((unpacked / "index.html").as_uri())
    page.wait_for_url("**/zh/index.html")
    page.close()
