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
ID = "lstm_ex_01"
PAGE = "en/lstm.html"
ROW = f"tr:has(a[href*='{ID}'])"  # not the first one: the warm-up stands before it
BUTTON = f"{ROW} .try-button"
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
    page.locator(".try-code").fill(code)


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
    assert weigh.kilobytes(loaded) <= 9000
    print(f"first check {first:.1f} s, a further one {further:.2f} s")
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
    for blocked in ("panel.js", "panel.css", f"{ID}.json"):
        page.context.route(f"**/{blocked}", lambda route: route.abort())
        page.locator(BUTTON).click()
        expect(page.locator(".try-note")).to_contain_text("did not load")
        assert page.locator(".try-panel").count() == 0
        page.context.unroute(f"**/{blocked}")
    page.locator(BUTTON).click()
    expect(page.locator(".try-code")).to_be_focused()
    assert page.locator(".try-note").count() == 0


OFF = "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('off'); }})"


def test_the_code_is_there_after_a_reload_and_given_up_only_when_asked(visit):
    seen = opened(visit)
    page = seen.page
    starter = page.locator(".try-code").input_value()
    write(page, "mine = 1")
    page.reload()
    page.locator(".try-button").nth(2).click()  # each exercise has its own
    expect(page.locator(".try-panel")).to_be_visible()
    assert page.locator(".try-code").input_value() != "mine = 1"
    page.locator(BUTTON).click()
    expect(page.locator(f".try-panel[data-exercise={ID}]")).to_be_visible()
    assert page.locator(".try-code").input_value() == "mine = 1"
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.locator(".try-reset").click()
    assert page.locator(".try-code").input_value() == "mine = 1"
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator(".try-reset").click()
    assert page.locator(".try-code").input_value() == starter
    assert page.evaluate(f"localStorage.getItem('rnncourse-try/{ID}')") is None


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
    assert page.locator(".try-code").input_value() == code_of(solution.source)


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


def test_the_keyboard_suffices_and_is_not_trapped(visit, axe):
    page = opened(visit).page
    code = page.locator(".try-code")
    expect(code).to_be_focused()
    code.fill("")
    page.keyboard.type("def f(x):\nreturn x\n\nf(3)")
    page.keyboard.press("Shift+Tab")
    assert code.input_value() == "def f(x):\n    return x\n    \nf(3)"
    page.keyboard.press("Control+Enter")
    expect(page.locator(".try-out")).to_have_text("3\n", timeout=PATIENCE)
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    assert code.input_value().endswith("    ")
    expect(code).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.locator(".try-checkIt")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(code).to_be_focused()
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = page.evaluate("() => axe.run('.try-panel')")["violations"]
        assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []


def test_on_a_telephone_no_keyboard_covers_the_prompt(visit):
    page = opened(visit, viewport=PHONE, has_touch=True, is_mobile=True).page
    expect(page.locator(".try-panel h3")).to_be_focused()
    size = page.locator(".try-code").evaluate("(e) => parseFloat(getComputedStyle(e).fontSize)")
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


def test_a_cell_is_tried_after_those_before_it(visit):
    """In a page where two cells have the tags."""
    seen = visit("404.html")
    page = seen.page

    def tag(route):
        cells = {"import numpy as np": "try-before", "np.zeros": "try"}
        html = "".join(
            f'<div class="cell tag_{tag} docutils container"><div class="cell_input"><pre>{code}'
            "\n</pre></div></div>"
            for code, tag in cells.items()
        )
        text = (SITE / PAGE).read_text("utf-8")
        route.fulfill(body=text.replace("<article", f"{html}<article", 1), content_type="text/html")

    page.context.route(f"**/{PAGE}", tag)
    seen.open(PAGE)
    page.locator(".cell.tag_try > .try-button").click()
    expect(page.locator(".cell.tag_try + .try-panel")).to_be_visible()
    assert page.locator(".try-code").input_value() == "np.zeros"
    assert page.locator(".try-before").inner_text() == "import numpy as np"
    expect(page.locator(".try-checkIt")).to_be_hidden()
    assert run(page, "np.zeros(2)").strip() == "array([0., 0.])"
    page.locator(BUTTON).click()  # an exercise takes its place
    expect(page.locator(f".try-panel[data-exercise={ID}]")).to_be_visible()
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
