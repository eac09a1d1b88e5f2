"""Exercises done in the page: wrong, right, stopped, interrupted, with and without storage."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect
from test_pyodide import code_of, solved

from rnncourse.grading.exercise import mutate
from tools.site import weigh

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "site"
PHONE = {"width": 390, "height": 844}
PATIENCE = 120_000  # ms for Python to load on a busy machine
expect.set_options(timeout=30_000)  # on the same machine, for all else
ID = "lstm_ex_01"
PAGE = "en/lstm.html"
ROW = f"tr:has(a[href*='{ID}'])"  # not the first one: the warm-up stands before it
BUTTON = f"{ROW} .try-button"
AREA = ".try-code .cm-content"
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(autouse=True)
def built():
    if not (SITE / "try").exists():
        pytest.skip("needs Pyodide in the site: see tools/site/pyodide.py")


@pytest.fixture(scope="module")
def solution():
    return solved(ROOT / "solutions" / f"{ID.replace('_ex_', '_sol_')}.md")


def opened(visit, path=PAGE, **kind):
    """A page with the exercise open."""
    seen = visit(path, **kind)
    seen.page.locator(BUTTON).click()
    expect(seen.page.locator(".try-panel")).to_be_visible()
    return seen


def write(page, code):
    """Put code in place of all that stands in the editor, as a paste does."""
    page.locator(AREA).focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(code)


def code_in(page):
    return "\n".join(page.locator(".cm-line").all_text_contents())


def run(page, code):
    """Run code and return what is shown when it has ended."""
    write(page, code)
    page.locator(".try-runIt").click()
    expect(page.locator(".try-stopIt")).to_be_hidden(timeout=PATIENCE)
    return page.locator(".try-out").inner_text()


# Seconds until a click on "Check" has been answered, by the page's own clock.
TIMED = """() => new Promise((resolve, reject) => {
  const begin = performance.now(), stop = document.querySelector('.try-stopIt');
  new MutationObserver(() => stop.hidden && resolve((performance.now() - begin) / 1000))
    .observe(stop, { attributes: true });
  setTimeout(() => reject(new Error('no answer')), 120000);
  document.querySelector('.try-checkIt').click();
})"""


def check(page, code):
    """Check code; return the verdict in words, and the seconds it took."""
    write(page, code)
    seconds = page.evaluate(TIMED)
    return page.locator(".try-out").inner_text(), seconds


def of_the_try(urls):
    return [url for url in urls if "/try/" in url]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wrong_then_right_on_a_phone(visit, solution, language):
    seen = visit(f"{language}/lstm.html", viewport=PHONE)
    page = seen.page
    page.wait_for_load_state("networkidle")
    assert of_the_try(seen.asked) == []
    page.locator(BUTTON).click()
    expect(page.locator(".try-panel")).to_be_visible()
    assert page.locator(".try-prompt .katex").count() > 1
    assert not [url for url in seen.asked if "/pyodide/" in url]  # not before something is run
    megabytes = json.loads((SITE / "try" / "size.json").read_text("utf-8"))["megabytes"]
    assert f"{megabytes} MB" in page.locator(".try-panel").inner_text()
    assert page.evaluate(OVERFLOW) <= 0

    name = "input-gate-missing"
    wrong, first = check(page, code_of(mutate(solution, (name,))))
    hint, other = solution.rules.hints[name][:: 1 if language == "en" else -1]
    assert hint in wrong
    assert other not in wrong
    page.locator(".try-verdict button").click()
    assert other in page.locator(".try-out").inner_text()
    button = page.locator(BUTTON)
    assert "✓" not in button.inner_text()
    assert page.evaluate(OVERFLOW) <= 0

    right, further = check(page, code_of(solution.source))
    # What is said of a stopped, a loaded and a finished run is not left standing.
    assert page.locator(".try-panel [role=status]").inner_text() == ""
    assert f"{solution.rules.points:g}/{solution.rules.points:g}" in right
    assert "✗" not in right
    assert "✓" in button.inner_text()
    assert page.locator(f"{ROW} .progress-box input").is_checked()
    loaded = {SITE / url.removeprefix(seen.address).split("?")[0] for url in of_the_try(seen.asked)}
    kilobytes = weigh.kilobytes(loaded)
    assert kilobytes <= 9000
    assert weigh.kilobytes({SITE / "try" / "codemirror.js"}) <= 130
    print(f"{kilobytes:.0f} KB; first check {first:.1f} s, a further one {further:.2f} s")
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_an_endless_loop_is_stopped_and_the_page_goes_on(visit, solution):
    page = opened(visit).page
    write(page, "while True:\n    pass")
    page.locator(".try-runIt").click()
    status = page.locator(".try-panel [role=status]")
    expect(status).to_have_text("Running …", timeout=PATIENCE)
    page.wait_for_timeout(500)
    page.locator(".try-stopIt").click()
    expect(status).to_contain_text("Stopped")
    for _ in range(100):  # the browser needs a moment to end it
        if page.workers:
            page.wait_for_timeout(100)
    assert page.workers == []  # else it would go on unseen
    assert "4/4" in check(page, code_of(solution.source))[0]


def test_ten_megabytes_printed_neither_freeze_nor_fill_the_page(visit):
    page = opened(visit).page
    for code in (
        "for k in range(10**5):\n    print('x' * 100)",
        "print('y' * 10**7)",
        "'z' * 10**7",
    ):
        shown = run(page, code)
        assert 50_000 <= len(shown) < 51_000
        assert "Only the first 50000 characters" in shown
        assert page.locator(".try-out").evaluate("(e) => e.childNodes.length") < 50
    assert run(page, "1 + 1").strip() == "2"


def test_interrupted_loading_says_so_and_a_later_click_tries_again(visit):
    page = opened(visit).page
    status = page.locator(".try-panel [role=status]")

    def half(route):
        file = SITE / "try" / "pyodide" / route.request.url.rsplit("/", 1)[1]
        kind = "application/wasm" if file.suffix == ".wasm" else "application/octet-stream"
        content = file.read_bytes()
        route.fulfill(body=content[: len(content) // 2], content_type=kind)

    core = ("pyodide.asm.wasm", "python_stdlib.zip", "numpy-*.whl")
    ways = [(name, lambda route: route.abort()) for name in (*core, "pyodide.mjs", "package.zip")]
    for name, way in ways + [(name, half) for name in core]:
        page.context.route(f"**/{name}", way)
        assert run(page, "1 + 1") == "", name
        assert "did not load completely" in status.inner_text(), name
        page.context.unroute(f"**/{name}")
    assert run(page, "1 + 1").strip() == "2"


def test_a_panel_that_does_not_arrive_says_so_and_a_second_click_tries_again(visit):
    page = visit(PAGE).page
    for blocked in ("panel.js*", "panel.css", f"{ID}.json", "codemirror.js*"):
        page.context.route(f"**/{blocked}", lambda route: route.abort())
        page.locator(BUTTON).click()
        expect(page.locator(".try-note")).to_contain_text("did not load")
        assert page.locator(".try-panel").count() == 0
        page.context.unroute(f"**/{blocked}")
    page.locator(BUTTON).click()
    expect(page.locator(AREA)).to_be_focused()
    assert page.locator(".try-note").count() == 0


OFF = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('off'); }})"


def test_the_code_is_there_after_a_reload_and_given_up_only_when_asked(visit):
    seen = opened(visit)
    page = seen.page
    starter = code_in(page)
    write(page, "mine = 1")
    page.reload()
    page.locator(".try-button").last.click()  # each exercise has its own
    expect(page.locator(".try-panel")).to_be_visible()
    assert code_in(page) != "mine = 1"
    page.locator(BUTTON).click()
    expect(page.locator(f".try-panel[data-exercise={ID}]")).to_be_visible()
    assert code_in(page) == "mine = 1"
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator(".try-reset").click()
    assert code_in(page) == "mine = 1"
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".try-reset").click()
    assert code_in(page) == starter
    assert page.evaluate(f"localStorage.getItem('rnncourse-try/{ID}')") is None
    page.keyboard.press("ControlOrMeta+Z")  # who regrets it
    assert code_in(page) == "mine = 1"
    assert page.evaluate(f"localStorage.getItem('rnncourse-try/{ID}')") == "mine = 1"


def test_without_storage_all_else_works(visit, solution):
    seen = visit(PAGE)
    page = seen.page
    page.add_init_script(OFF)
    page.reload()
    page.locator(BUTTON).click()
    assert "4/4" in check(page, code_of(solution.source))[0]
    page.locator(".try-closeIt").click()
    expect(page.locator(BUTTON)).to_be_focused()
    page.locator(BUTTON).click()
    expect(page.locator(".cm-line").first).to_be_visible()  # the editor needs a moment
    assert code_in(page) == code_of(solution.source)


def test_an_exception_shows_the_readers_own_line(visit):
    page = opened(visit, "zh/lstm.html").page
    shown = run(page, "def f(x):\n    return x / 0\n\nf(1)")
    assert "第 2 行，f：\n    return x / 0" in shown
    assert "ZeroDivisionError" in shown
    # HTML that a reader shows stays harmless, and asks nobody for anything.
    html = "<p>seen<img src=https://example.org/x onerror=alert(1)></p>"
    code = f"from IPython.display import display\ndisplay({{'text/html': '{html}'}}, raw=True)"
    assert "seen" in run(page, code)
    assert page.locator(".try-out img").count() == 0


def test_the_keyboard_suffices_and_is_not_trapped(visit, violations):
    page = opened(visit).page
    area = page.locator(AREA)
    expect(area).to_be_focused()
    write(page, "x")
    page.keyboard.press("Backspace")
    page.keyboard.type("def f(x):\nreturn x\n")
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("f(3)")
    assert code_in(page) == "def f(x):\n    return x\nf(3)"
    page.keyboard.press("Control+Enter")
    expect(page.locator(".try-out")).to_have_text("3\n", timeout=PATIENCE)
    page.keyboard.press("Tab")
    assert code_in(page).endswith("\n    f(3)")
    expect(area).to_be_focused()
    page.keyboard.press("Escape")
    page.wait_for_timeout(2500)  # as long as the reader needs
    page.keyboard.press("Tab")
    expect(page.locator(".try-checkIt")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(area).to_be_focused()
    page.keyboard.press("Tab")  # it was left, and indents again
    expect(area).to_be_focused()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page, ".try-panel") == []


def test_the_editor_knows_python_and_has_a_name(visit):
    page = opened(visit, "zh/lstm.html").page
    write(page, 'def f(x):  # one\n    return [x, "a", 1]')
    parts = {"keyword": "def", "comment": "# one", "string": '"a"', "number": "1"}
    for kind, text in parts.items():
        assert page.locator(f".try-code .tok-{kind}").first.text_content() == text
    numbers = page.locator(".cm-lineNumbers .cm-gutterElement").all_text_contents()
    assert numbers[1:] == ["1", "2"]  # the first one measures the width
    page.keyboard.press("End")
    assert page.locator(".cm-matchingBracket").all_text_contents() == ["[", "]"]
    area = page.get_by_role("textbox", name="你的代码")
    expect(area).to_have_accessible_description(page.locator("#try-keys").text_content())
    assert area.get_attribute("spellcheck") == "false"


def test_what_an_input_method_composes_is_neither_run_nor_lost(visit):
    page = opened(visit, "zh/lstm.html").page
    write(page, "# ")
    session = page.context.new_cdp_session(page)
    for part in ("n", "ni", "ni'hao"):
        mark = {"text": part, "selectionStart": len(part), "selectionEnd": len(part)}
        session.send("Input.imeSetComposition", mark)
    session.send("Input.insertText", {"text": "你好"})
    assert code_in(page) == "# 你好"
    page.keyboard.type("\n1")
    assert code_in(page) == "# 你好\n1"
    assert page.locator(".try-out").inner_text() == ""


def test_a_site_without_the_editor_has_a_text_area(visit):
    seen = visit("404.html")
    page = seen.page
    size = json.loads((SITE / "try" / "size.json").read_text("utf-8")) | {"editor": False}
    page.context.route("**/size.json", lambda route: route.fulfill(json=size))
    seen.open(PAGE)
    page.locator(BUTTON).click()
    area = page.get_by_role("textbox", name="Your code")
    expect(area).to_be_focused()
    assert area.evaluate("(e) => e.tagName") == "TEXTAREA"
    area.fill("print(1)\n1 + 1")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".try-out")).to_have_text("1\n2\n", timeout=PATIENCE)
    page.reload()
    page.locator(BUTTON).click()
    expect(area).to_have_value("print(1)\n1 + 1")
    assert not [url for url in seen.asked if "codemirror" in url]
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_on_a_telephone_no_keyboard_covers_the_prompt(visit):
    page = opened(visit, viewport=PHONE, has_touch=True, is_mobile=True).page
    expect(page.locator(".try-panel h3")).to_be_focused()
    size = page.locator(AREA).evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)")
    assert size >= 16  # else the page is enlarged around what is typed


@pytest.mark.parametrize(("language", "suffix"), [("en", ""), ("zh", ".zh")])
def test_the_download_is_the_exercise_with_the_readers_code(visit, language, suffix):
    page = opened(visit, f"{language}/lstm.html").page
    write(page, "mine = 1")
    with page.expect_download() as download:
        page.locator(".try-download").click()
    assert download.value.suggested_filename == f"{ID}{suffix}.ipynb"
    mine = json.loads(Path(download.value.path()).read_text("utf-8"))
    given = json.loads((ROOT / "exercises" / f"{ID}{suffix}.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in mine["cells"]]
    others = ["".join(cell["source"]) for cell in given["cells"]]
    assert [n for n, (a, b) in enumerate(zip(sources, others, strict=True)) if a != b] == [3]
    assert sources[3] == "mine = 1"
    assert mine["metadata"] == given["metadata"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_cell_is_tried_after_those_before_it(visit, language):
    """Every cell of a page is tried by tests/tools/test_pyodide.py."""
    seen = visit(f"{language}/rnn.html")
    page = seen.page
    cell = page.locator(".cell.tag_try:has-text('nudged')")
    cell.locator(".try-button").click()
    expect(page.locator(".cell.tag_try:has-text('nudged') + .try-panel")).to_be_visible()
    assert code_in(page).startswith("dh = np.array")
    before = page.locator(".try-before").inner_text()
    assert "import numpy as np" in before
    assert "two_units = {" in before
    expect(page.locator(".try-checkIt")).to_be_hidden()
    shown = run(page, code_in(page))
    assert shown.split() == cell.locator(".cell_output pre").first.inner_text().split()
    assert run(page, "h.shape").strip() == "(1, 2)"  # without what the cells before print
    page.locator("tr:has(a[href*='rnn_ex_01']) .try-button").click()  # it takes its place
    expect(page.locator(".try-panel[data-exercise=rnn_ex_01]")).to_be_visible()
    assert page.locator(".try-panel").count() == 1
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


def test_from_a_file_the_button_says_what_to_do(visit):
    page = visit(PAGE).page
    page.goto((SITE / PAGE).as_uri())
    page.locator(BUTTON).click()
    expect(page.locator(".try-note")).to_contain_text("make serve")


def test_without_script_there_is_no_button(visit):
    page = visit(PAGE, java_script_enabled=False).page
    assert page.locator(f"td a:has-text('{ID}')").count() == 1
    assert page.locator(".try-button").count() == 0


def test_what_a_page_loads_before_the_click_is_small():
    for language in ("en", "zh"):
        static = SITE / language / "_static"
        assert weigh.kilobytes({static / "try.js", static / "try.css"}) <= 3
