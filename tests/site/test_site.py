"""The built site in a browser: no other host, no script errors, nothing broken or unreadable."""

import functools
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import numpy as np
import pytest
from live_arrays import cut, network_of

from rnncourse.nn import layers
from rnncourse.widgets import live, weights
from tools.editions import checks, quizzes
from tools.site import weigh

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "site"
STEMS = checks.stems(ROOT)
PAGES = [f"{language}/{stem}.html" for language in ("en", "zh") for stem in STEMS]
PHONE = {"width": 390, "height": 844}


# What a reader sees: without scripts, code, and the copy of each formula for screen readers.
VISIBLE_TEXT = """() => {
  const body = document.querySelector('article').cloneNode(true);
  body.querySelectorAll('script, style, pre, code, .katex-mathml').forEach((e) => e.remove());
  return body.textContent;
}"""
BAD_IMAGES = """async () => {
  const images = [...document.querySelectorAll('img')];
  images.forEach((image) => { image.loading = 'eager'; });
  await Promise.all(images.map((image) => image.decode().catch(() => null)));
  // Beside the book's name the logo has nothing to add.
  const silent = (i) => !i.alt.trim() && !i.closest('.navbar-brand');
  return images.filter((i) => silent(i) || !i.naturalWidth).map((i) => i.src);
}"""
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Elements that reach out of the window, unless they scroll inside a box of their own.
CULPRITS = """() => [...document.querySelectorAll('article *')]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 5).map((e) => e.outerHTML.slice(0, 120))"""
# A formula wider than the screen must scroll from its left end.
CUT_FORMULAS = """() => [...document.querySelectorAll('div.math .katex-html')]
  .filter((e) => e.querySelector('.base').getBoundingClientRect().left < 0)
  .map((e) => e.textContent)"""


def check_whole(seen, path):
    """Nothing raw, broken or foreign; light enough."""
    page = seen.page
    assert page.locator("html").get_attribute("lang") == {"en": "en", "zh": "zh-CN"}[path[:2]]
    assert page.evaluate(BAD_IMAGES) == []
    assert page.locator(".katex-error, .output.traceback, .course-failed").count() == 0
    assert "absl::" not in page.content()  # TensorFlow's log
    text = page.evaluate(VISIBLE_TEXT)
    for raw in ("$$", "\\frac", "\\begin{", "```", "{eq}", "{ref}", "{cite"):
        assert raw not in text
    page.wait_for_load_state("networkidle")
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])
    figures = page.evaluate(weigh.FIGURES_OF)
    first, _, drawn = weigh.weigh(seen.asked, figures, seen.address)
    assert first <= weigh.FIRST
    assert drawn <= weigh.FIGURES


@pytest.mark.parametrize("path", PAGES)
def test_page_is_whole_accessible_and_its_quiz_answers(visit, axe, path):
    """One visit a page: what is looked at alone comes first, then the quiz is used."""
    seen = visit(path, color_scheme="light")
    check_whole(seen, path)
    check_accessible(seen.page, axe)
    if path in QUIZZES:
        check_verdicts(seen.page, path)
        check_keyboard(seen.page)
        check_print(seen.page)


@pytest.mark.parametrize("path", ["index.html?choose", "404.html"])
def test_page_outside_the_editions_asks_no_other_host(visit, path):
    seen = visit(path)
    seen.page.wait_for_load_state("networkidle")
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_a_phone(visit, path):
    page = visit(path, viewport=PHONE).page
    assert page.evaluate(OVERFLOW) <= 0, page.evaluate(CULPRITS)
    assert page.evaluate(CUT_FORMULAS) == []


MATH = re.compile(r'<(?:span|div) class="math[ "]')
READ_ALOUD = re.compile(r'<span class="katex-mathml"><math')
SWITCH = re.compile(
    r'<a class="[^"]*course-language[^"]*"[^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL
)


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("path", PAGES)
def test_formulas_are_in_the_page_and_the_switch_leads_to_the_other_edition(path):
    """As the file has it, before any script."""
    source = (SITE / path).read_text(encoding="utf-8")
    assert len(READ_ALOUD.findall(source)) >= len(MATH.findall(source))
    other = {"en": "zh", "zh": "en"}[path[:2]]
    (switch,) = SWITCH.findall(source)
    assert switch[0].removeprefix("./") == f"../{other}{path[2:]}"
    assert switch[1].strip() == {"en": "English", "zh": "中文"}[other]


@pytest.mark.parametrize("path", ["en/gru.html", "zh/bptt.html"])
def test_formulas_need_no_script(visit, path):
    page = visit(path, java_script_enabled=False).page
    shown = page.locator("span.math, div.math").count()
    assert page.locator(".math .katex").count() >= shown > 10
    assert page.locator(".math .katex-mathml > math").count() >= shown


@pytest.mark.parametrize("path", ["en/rnn.html", "zh/index.html"])
def test_language_switch_leads_to_the_same_page_and_back(visit, path):
    page = visit(path).page
    other = {"en": "zh", "zh": "en"}[path[:2]]
    switch = page.locator("a.course-language")
    switch.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{other}{path[2:]}")
    page.locator("a.course-language").click()
    page.wait_for_url(f"**/{path}")


@pytest.mark.parametrize(
    ("locale", "edition"), [("zh-CN", "zh"), ("zh-TW", "zh"), ("en-GB", "en"), ("fr-FR", "en")]
)
def test_landing_page_follows_the_browser(visit, locale, edition):
    page = visit("index.html", locale=locale).page
    page.wait_for_url(f"**/{edition}/index.html")


def test_landing_page_remembers_the_choice(visit):
    page = visit("index.html?choose", locale="en-GB").page
    page.locator("a[hreflang=zh]").click()
    page.wait_for_url("**/zh/index.html")
    page.goto(page.url.replace("zh/index.html", "index.html"))
    page.wait_for_url("**/zh/index.html")


def test_landing_page_works_without_script(visit):
    page = visit("index.html", java_script_enabled=False).page
    assert page.locator("a").count() == 2
    page.locator("a[hreflang=zh]").click()
    page.wait_for_url("**/zh/index.html")


@pytest.mark.parametrize("path", ["zh/rnn.html", "en/rnn.html"])
def test_language_switch_is_remembered(visit, path):
    """Against the browser's own preference, which is what the first visit goes by."""
    other = {"en": "zh", "zh": "en"}[path[:2]]
    page = visit(path, locale={"en": "en-GB", "zh": "zh-CN"}[path[:2]]).page
    page.locator("a.course-language").click()
    page.wait_for_url(f"**/{other}/rnn.html")
    page.goto(page.url.replace(f"{other}/rnn.html", "index.html"))
    page.wait_for_url(f"**/{other}/index.html")


@pytest.mark.parametrize("path", ["zh/rnn.html", "en/lstm.html"])
def test_language_switch_keeps_the_section(visit, path):
    page = visit(path, reduced_motion="reduce").page
    label = f"sec-{Path(path).stem}-proof"
    page.evaluate(f"document.getElementById('{label}').scrollIntoView({{behavior: 'instant'}})")
    # Without the pointer, for which Playwright would scroll.
    page.locator("a.course-language").dispatch_event("click")
    other = {"en": "zh", "zh": "en"}[path[:2]]
    page.wait_for_url(f"**/{other}{path[2:]}#{label}")
    top = page.evaluate(f"document.getElementById('{label}').getBoundingClientRect().top")
    assert -5 <= top <= page.viewport_size["height"] / 2


# Names of controls, and what stands around the article, without a Chinese character; a citation's
# title is what it cites.
NOT_CHINESE = """() => {
  const names = ['title', 'aria-label', 'data-bs-title', 'data-tooltip', 'placeholder', 'alt'];
  const found = [...document.querySelectorAll('body *:not(article a.reference)')].flatMap(
    (e) => names.map((name) => e.getAttribute(name)));
  document.querySelectorAll('article, script, style').forEach((e) => e.remove());
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) found.push(walk.currentNode.textContent.trim());
  return [...new Set(found)].filter((s) => s && /[A-Za-z]/.test(s) && !/\\p{Script=Han}/u.test(s));
}"""


@pytest.mark.parametrize("path", ["zh/index.html", "zh/lstm.html"])
def test_what_the_theme_says_is_chinese_in_the_chinese_edition(visit, path):
    page = visit(path).page
    names = {"English", "Colab", "Binder", ".ipynb", ".md", ".pdf", "Ctrl", "K"}
    said = {word for word in page.evaluate(NOT_CHINESE) if not word.startswith("rnncourse.")}
    assert said - names == set()


# ---- terms, references and their previews --------------------------------------

TERM = "article a.reference:has(> .course-term)"
# The glossary's entry that a link leads to, without the marks for linking.
ENTRY = """(href) => { const dt = document.getElementById(href.split('#')[1]);
  let dd = dt; while (dd.tagName !== 'DD') dd = dd.nextElementSibling;
  return dd.textContent.trim(); }"""


@pytest.mark.parametrize("path", ["en/rnn.html", "zh/rnn.html"])
def test_a_term_is_explained_under_the_pointer_and_the_keyboard(visit, path):
    seen = visit(path, color_scheme="dark")
    page, tip = seen.page, seen.page.locator("#course-preview")
    link = page.locator(TERM).first
    assert "previews" not in " ".join(seen.asked)  # until somebody points
    link.hover()
    tip.wait_for()
    assert link.get_attribute("aria-describedby") == "course-preview"
    shown, href = tip.locator("p").text_content().strip(), link.get_attribute("href")
    tip.hover()
    page.wait_for_timeout(400)
    assert tip.is_visible()  # the pointer may rest on it
    page.keyboard.press("Escape")
    assert tip.count() == 0
    page.mouse.move(0, 0)
    link.focus()
    tip.wait_for()
    assert tip.locator("a, button, [tabindex], [id]").count() == 0
    page.keyboard.press("Tab")
    assert link.get_attribute("aria-describedby") is None
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/glossary.html#term-*")
    assert page.evaluate(ENTRY, href) == shown
    assert (seen.foreign, seen.errors, seen.failed) == ([], [], [])


@pytest.mark.parametrize("path", ["en/rnn.html", "zh/rnn.html"])
def test_a_finger_follows_a_link_and_sees_no_preview(visit, path):
    page = visit(path, viewport=PHONE, has_touch=True).page
    link = page.locator(TERM).first
    link.tap()
    page.wait_for_url("**/glossary.html#term-*")
    assert page.locator("#course-preview").count() == 0


@pytest.mark.parametrize("language", ["en", "zh"])
def test_equations_sections_and_papers_have_previews_too(visit, language):
    page = visit(f"{language}/lstm.html").page
    tip = page.locator("#course-preview")
    for kind, part in [("#equation-", ".katex-html"), ("rnn.html#equation-", ".katex-html"),
                       ("unfolding.html#sec-", "strong"), ("#id", "p")]:  # fmt: skip
        link = page.locator(f"article a.reference.internal[href^='{kind}']").first
        link.hover()
        tip.locator(part).first.wait_for()
        assert tip.inner_text().strip()
        page.keyboard.press("Escape")


NUMBERS_OF = """() => [...document.querySelectorAll('article .eqno')].map(
  (e) => e.firstChild.textContent)"""
# Links that show a title, with the signs before and behind them.
TITLES = """() => { const links = 'article a:has(> .std-ref, > .std-doc)';
  return [...document.querySelectorAll(links)].map((a) => {
  const text = (node) => (node && node.textContent) || '';
  return text(a.previousSibling).slice(-2) + '…' + text(a.nextSibling).slice(0, 2);
}); }"""


@pytest.mark.parametrize("path", ["en/lstm.html", "zh/lstm.html"])
def test_equations_are_numbered_from_one_and_references_say_so(visit, path):
    page = visit(path).page
    numbers = page.evaluate(NUMBERS_OF)
    assert numbers == [f"({n})" for n in range(1, len(numbers) + 1)]
    shown = page.locator("article a[href^='#equation-']:not(.headerlink)").all_text_contents()
    form = {"en": r"\(\d+\)", "zh": r"式\s\(\d+\)"}[path[:2]]
    assert shown
    assert all(re.fullmatch(form, text) for text in shown)
    other = page.locator("article a[href*='.html#equation-']").all_text_contents()
    title = {"en": r"\(\d+\)( of \D+)?", "zh": r"(“\D+”一章的)?式\s\(\d+\)"}[path[:2]]
    assert other
    assert all(re.fullmatch(title, text) for text in other)


@pytest.mark.parametrize("path", ["zh/lstm.html", "zh/rnn.html"])
def test_titles_stand_in_chinese_quotation_marks_without_blanks(visit, path):
    page = visit(path).page
    around = page.evaluate(TITLES)
    assert around
    for signs in around:
        before, behind = signs.split("…")
        assert before.endswith("“")
        assert behind.startswith("”")
        assert " " not in before + behind


# Parts of cells that scroll sideways and look as if they ended there.
# Of a formula that is read aloud nothing is seen.
SILENT = """() => [...document.querySelectorAll('div.cell *')].filter((e) =>
  e.scrollWidth > e.clientWidth + 1 && ['auto', 'scroll', 'hidden'].includes(
    getComputedStyle(e).overflowX) && !e.matches('.katex-mathml') &&
  !getComputedStyle(e).backgroundImage.includes('gradient'))
  .map((e) => e.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("path", ["en/lstm.html", "zh/gru.html", "zh/sentiment.html"])
def test_on_a_phone_what_scrolls_shows_it(visit, path):
    page = visit(path, viewport=PHONE).page
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate(SILENT) == []


# ---- accessibility -------------------------------------------------------------

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What a formula looks like is hidden from screen readers, which read its MathML instead.
# A colour in the middle of a transition is nobody's choice.
VIOLATIONS = """async (rules) => {
  document.getAnimations().forEach((animation) => animation.finish());
  const found = await axe.run({exclude: [['.katex-html']]}, {
    runOnly: rules, resultTypes: ['violations']});
  return found.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 200)} ` +
    `(and ${v.nodes.length - 1} more): ${v.nodes[0].failureSummary}`);
}"""


def check_accessible(page, axe):
    """WCAG 2.2 AA by axe-core; what a theme changes in both themes."""
    page.evaluate(axe)
    assert page.evaluate(VIOLATIONS, {"type": "tag", "values": WCAG}) == []
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(VIOLATIONS, {"type": "rule", "values": ["color-contrast"]}) == []
    page.emulate_media(color_scheme="light")


@pytest.mark.parametrize(
    "path", ["en/search.html", "zh/search.html", "index.html?choose", "404.html"]
)
def test_other_pages_are_accessible(visit, axe, path):
    check_accessible(visit(path, color_scheme="light").page, axe)


CELL_PARTS = """() => [...document.querySelectorAll('.cell_input, .cell_output')].map(
  (e) => `${e.className.split(' ')[0]} ${e.role} ${e.ariaLabel}`)"""
MOVING = """() => [...document.querySelectorAll('*')].filter((e) =>
  ['', '::before', '::after'].some((part) => { const s = getComputedStyle(e, part);
    return [s.transitionDuration, s.animationDuration].some((d) => !/^(0s(, )?)+$/.test(d)) ||
      s.scrollBehavior === 'smooth'; })).map((e) => e.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("path", ["en/lstm.html", "zh/rnn.html"])
def test_code_and_output_have_names_and_nothing_moves_that_should_not(visit, path):
    page = visit(path, reduced_motion="reduce").page
    words = {"en": ("Code", "Output"), "zh": ("代码", "输出")}[path[:2]]
    expected = {f"cell_input group {words[0]}", f"cell_output group {words[1]}"}
    assert set(page.evaluate(CELL_PARTS)) == expected
    assert page.evaluate(MOVING) == []


@pytest.mark.parametrize("path", ["en/lstm.html", "zh/rnn.html"])
def test_paper_is_light_and_the_screen_dark_again(visit, path):
    page = visit(path, color_scheme="dark").page
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(theme) == "light"
    stepper = page.locator(".stepper").first
    first, last = stepper.locator("output").inner_text().split(" / ")
    assert first == last  # the step that holds the most
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(theme) == "dark"
    assert stepper.locator("output").inner_text().startswith("1 /")


# ---- the quiz ----------------------------------------------------------------

QUIZZES = [f"{lang}/{stem}.html" for lang in ("en", "zh") for stem in checks.chapters(ROOT)]
SHOWN = """() => [...document.querySelectorAll('details.quiz .quiz-verdict')]
  .filter((e) => e.checkVisibility({contentVisibilityProperty: true})).length"""
# Pairs of colours, of writing and of what lies behind it.
VERDICT_COLOURS = """() => {
  const clear = (e) => /^rgba.* 0\\)$/.test(getComputedStyle(e).backgroundColor);
  return [...document.querySelectorAll('.quiz-verdict')].map((ink) => {
    let paper = ink;
    while (clear(paper)) paper = paper.parentElement;
    return [getComputedStyle(ink).color, getComputedStyle(paper).backgroundColor];
  });
}"""
MAP_COLOURS = """() => [...document.querySelectorAll('.course-map text')].map((ink) => {
  const box = ink.parentElement.querySelector('rect');
  const fill = getComputedStyle(box).fill;
  const page = getComputedStyle(document.body).backgroundColor;
  return [getComputedStyle(ink).fill, fill === 'none' ? page : fill];
})"""


def luminance(colour: str) -> float:
    """Relative luminance of "rgb(…)", as WCAG 2 defines it."""
    values = [float(value) / 255 for value in re.findall(r"[\d.]+", colour)[:3]]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(v * weight for v, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(pair: list[str]) -> float:
    dark, bright = sorted(map(luminance, pair))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_defined():
    assert contrast(["rgb(0, 0, 0)", "rgb(255, 255, 255)"]) == pytest.approx(21)
    assert contrast(["rgb(119, 119, 119)", "rgb(255, 255, 255)"]) == pytest.approx(4.48, abs=0.01)


def check_verdicts(page, path):
    """Every answer of the quiz says right or wrong, in the page's language."""
    source = ROOT / "book" / path.replace(".html", ".md")
    quiz, _ = quizzes.quiz_of(quizzes.quiz_section(source, source.stem))
    marks = "".join(quiz)
    for kind, mark in (("right", "✓"), ("wrong", "✗")):
        verdicts = page.locator(f"details.quiz-{kind} .quiz-verdict").all_text_contents()
        assert len(verdicts) == marks.count(mark)
        words = {"en": {"✓": "Right.", "✗": "No."}, "zh": {"✓": "正确。", "✗": "不对。"}}
        assert {v.strip() for v in verdicts} == {f"{mark} {words[path[:2]][mark]}"}


def check_keyboard(page):
    """An answer opens and closes by keyboard, and shows that it has the focus."""
    assert page.evaluate(SHOWN) == 0
    # From the choice before it, so that the browser shows the focus as it does for keys.
    page.locator("details.quiz > summary").first.focus()
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(f"document.activeElement.tagName + ' ' + {outline}") == "SUMMARY solid"
    page.keyboard.press("Enter")
    assert page.locator("details.quiz .quiz-verdict").nth(1).is_visible()
    assert page.evaluate(SHOWN) == 1
    page.keyboard.press("Enter")
    assert page.evaluate(SHOWN) == 0


def check_print(page):
    """Paper has all feedback."""
    page.emulate_media(media="print")
    assert page.evaluate(SHOWN) == page.locator("details.quiz").count() > 0
    # And in a browser that does not know ::details-content:
    page.emulate_media(media="screen")
    page.locator("details.quiz > summary").first.click()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details.quiz:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.quiz[open]").count() == 1


@pytest.mark.parametrize("path", [QUIZZES[0], QUIZZES[-1]])
def test_quiz_needs_no_script(visit, path):
    page = visit(path, java_script_enabled=False).page
    answer = page.locator("details.quiz").first
    assert not answer.locator(".quiz-verdict").is_visible()
    answer.locator("summary").click()
    assert answer.locator(".quiz-verdict").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "colours"), [(QUIZZES[0], VERDICT_COLOURS), ("en/index.html", MAP_COLOURS)]
)
def test_quiz_and_map_can_be_read_in_both_themes(visit, path, colours, scheme):
    page = visit(path, color_scheme=scheme).page
    assert page.locator("html").get_attribute("data-theme") == scheme
    pairs = page.evaluate(colours)
    assert len(pairs) > 3
    assert min(map(contrast, pairs)) >= 4.5


# ---- the map -----------------------------------------------------------------


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_map_leads_to_every_chapter_and_fits_a_phone(visit, edition):
    page = visit(f"{edition}/index.html", viewport=PHONE).page
    links = page.locator(".course-map a")
    hrefs = [links.nth(i).get_attribute("href") for i in range(links.count())]
    assert hrefs == [f"{stem}.html" for stem in checks.chapters(ROOT)]
    for drawing in page.locator(".course-map svg").all():
        box = drawing.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= PHONE["width"]
        assert box["width"] > 300  # its 320 units: text near its full size
    links.last.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{edition}/{hrefs[-1]}")


@pytest.mark.parametrize(
    ("edition", "query"),
    [("en", "gradient"), ("en", "vanishing gradient"), ("en", "lstm_step"), ("zh", "lstm_step"),
     ("zh", "梯度"), ("zh", "梯度消失"), ("zh", "长短期记忆网络"), ("zh", "门控"),
     ("zh", "神经网络的梯度"), ("zh", "循环神经网络")],
)  # fmt: skip
def test_search_finds(visit, edition, query):
    seen = visit(f"{edition}/search.html?q={query}")
    seen.page.wait_for_selector("#search-results li a", timeout=10_000)
    assert (seen.foreign, seen.errors) == ([], [])


def test_search_finds_nothing_where_there_is_nothing(visit):
    page = visit("zh/search.html?q=量子色动力学").page
    page.wait_for_function("document.querySelector('#search-results .search-summary')")
    page.wait_for_timeout(500)
    assert page.locator("#search-results li a").count() == 0


# ---- links, without a browser ------------------------------------------------


class Anchors(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links = set(), []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values.get("id"), values.get("name")} - {None}
        self.links += [values[key] for key in ("href", "src") if values.get(key)]


@functools.cache
def parsed(file: Path) -> Anchors:
    anchors = Anchors()
    anchors.feed(file.read_text(encoding="utf-8"))
    return anchors


def broken(file: Path, link: str) -> bool:
    """Say whether a link inside the site leads nowhere; links to other hosts are not followed."""
    target, fragment = urldefrag(urljoin(file.as_uri(), link))
    if urlsplit(target).scheme != "file":
        return False
    path = Path(unquote(urlsplit(target).path))
    if not path.is_file():
        return True
    in_page = path.suffix == ".html" and fragment
    return bool(in_page) and unquote(fragment) not in parsed(path).ids


@pytest.mark.usefixtures("address")
def test_links_and_anchors_lead_somewhere():
    found = []
    for file in [SITE / "index.html", *sorted(SITE.glob("*/*.html"))]:
        links = [link for link in parsed(file).links if link != "#"]
        found += [f"{file.relative_to(SITE)}: {link}" for link in links if broken(file, link)]
    assert found == []


@pytest.mark.usefixtures("address")
@pytest.mark.parametrize("path", PAGES)
def test_buttons_run_edit_and_fetch_the_notebook_of_the_edition(path):
    """Colab and Binder, also for each exercise; the page's source; a word to the authors."""
    stem, links = Path(path).stem, parsed(SITE / path).links
    address = checks.repository_url(ROOT)
    name = address.removeprefix("https://github.com/")
    assert f"{address}/edit/main/book/{path[:2]}/{stem}.md" in links
    assert any(link.startswith(f"{address}/issues/new?") for link in links)
    if stem in checks.FRONT:
        return
    notebooks = [f"book/{path[:2]}/{stem}.ipynb"]
    names = ROOT.glob(f"exercises/{stem}_ex_*.ipynb")
    exercises = [f for f in names if f.name.endswith(".zh.ipynb") == path.startswith("zh")]
    notebooks += [str(f.relative_to(ROOT)) for f in exercises]
    assert len(notebooks) > 2
    for exercise in exercises:
        assert f"../exercises/{exercise.name}" in links
        assert (SITE / "exercises" / exercise.name).read_bytes() == exercise.read_bytes()
    for notebook in notebooks:
        assert (ROOT / notebook).is_file()
        assert f"https://colab.research.google.com/github/{name}/blob/main/{notebook}" in links
        assert f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/{notebook}" in links
    for suffix in ("ipynb", "md"):
        fetched = SITE / path[:2] / "_sources" / f"{stem}.{suffix}"
        assert f"_sources/{fetched.name}" in links
        assert fetched.read_bytes() == (ROOT / "book" / path[:2] / fetched.name).read_bytes()


DOWNLOADED = [
    ("zh/lstm.html", "text=lstm_ex_01", "exercises/lstm_ex_01.zh.ipynb"),
    ("en/lstm.html", "tr:has-text('lstm_ex_01') >> text=Download", "exercises/lstm_ex_01.ipynb"),
    ("zh/lstm.html", "a[href='_sources/lstm.ipynb']", "book/zh/lstm.ipynb"),
    ("zh/index.html", ".course-wheel a", None),
]


@pytest.mark.parametrize(("path", "place", "file"), DOWNLOADED)
def test_without_another_host_a_click_fetches_what_is_run_at_home(visit, path, place, file):
    """An exercise, a chapter, the package; of Chinese readers none need GitHub or Colab."""
    seen = visit(path)
    with seen.page.expect_download() as download:
        link = seen.page.locator(place).first
        link.evaluate("(e) => e.click()")  # the chapter's is in a menu
    found = download.value
    assert found.suggested_filename == Path(file or next(SITE.glob("*.whl"))).name
    if file:
        assert Path(found.path()).read_bytes() == (ROOT / file).read_bytes()
    assert seen.foreign == []


# ---- cells to step through -----------------------------------------------------

STEPPED = [f"{language}/{stem}.html" for language in ("en", "zh") for stem in ("rnn", "lstm")]
NUMBERS = "(e) => [...e.querySelectorAll('[data-name]')].map((p) => p.textContent).join(' ')"


@pytest.mark.parametrize("path", STEPPED)
def test_a_cell_is_stepped_through_by_mouse_and_by_keyboard(visit, path):
    page = visit(path).page
    stepper = page.locator(".stepper").first
    back, forward = stepper.locator("button").all()
    slider = stepper.locator("input[type=range]")
    rows = stepper.locator("tbody tr")
    memory = stepper.locator("thead th").all_text_contents().index("h")
    steps = [row.locator("th, td").nth(memory).text_content() for row in rows.all()]
    say = stepper.locator(".stepper-say")
    seen = []
    for number, shown in enumerate(steps, start=1):
        assert stepper.locator("output").inner_text() == f"{number} / {len(steps)}"
        assert say.inner_text().endswith(f"= {shown}")
        seen.append(stepper.evaluate(NUMBERS))
        if number < len(steps):
            forward.click()
    assert len(set(seen)) == len(steps)
    assert forward.get_attribute("aria-disabled") == "true"
    slider.focus()
    page.keyboard.press("Home")
    assert stepper.evaluate(NUMBERS) == seen[0]
    page.keyboard.press("ArrowRight")
    assert stepper.evaluate(NUMBERS) == seen[1]
    back.focus()
    page.keyboard.press("Enter")
    assert stepper.evaluate(NUMBERS) == seen[0]


@pytest.mark.parametrize("path", STEPPED)
def test_a_cell_is_shown_without_script(visit, path):
    stepper = visit(path, java_script_enabled=False).page.locator(".stepper").first
    assert stepper.locator("svg").is_visible()
    stepper.locator("summary").click()
    assert stepper.locator("table").is_visible()
    last = stepper.locator("tbody tr").last.locator("td").last.inner_text()
    assert stepper.locator(".stepper-say").inner_text().endswith(f"= {last}")


# ---- a network that the reader feeds -------------------------------------------

TYPED = {
    "en": ["The tea was good.", "At first the MUSIC was poor, but in the end it was excellent!",
           "I don't think the soufflé was terrible"],
    "zh": ["饭菜很出色，但是服务很糟糕。", "剧情很完美，虽然榴莲很差劲"],
}  # fmt: skip


def check_answer(box, typed, content):
    """Probability, every memory, and every start of a text, within 1e-5 of NumPy's."""
    (params, vocabulary), tokens = network_of(content), cut(typed, content)[-content["limit"] :]
    assert box.locator(".live-memory b").all_text_contents() == tokens
    ids, pool = vocabulary.encode(tokens), content["pool"]
    shown = float(box.get_attribute("data-probability"))
    assert abs(shown - live.probabilities(params, ids, pool)[1]) < 1e-5
    xs = layers.embedding_forward(np.asarray(ids)[None], params["embedding"])
    hs, _, _ = layers.bidirectional_forward("lstm", xs, None, params["lstm"])
    memory = np.array(json.loads(box.get_attribute("data-memory")))
    assert np.abs(memory - hs[0]).max() < 1e-5
    starts = [live.probabilities(params, ids[:t], pool)[1] for t in range(1, len(ids) + 1)]
    said = [float(p) for p in box.locator(".live-memory small").all_text_contents()]
    assert np.abs(np.array(said) - starts).max() <= 0.005 + 1e-5


@pytest.mark.parametrize("language", ["en", "zh"])
def test_network_in_the_page_says_what_numpy_says(visit, language):
    """The one that the page's own cells trained: its weights came with the page."""
    seen = visit(f"{language}/sentiment.html")
    box = seen.page.locator(f'.live[data-edition={language}][data-net=""]')
    assert box.count() == 1
    content = json.loads(box.locator("script").text_content())
    for typed in TYPED[language]:
        box.locator("input").fill(typed)
        check_answer(box, typed, content)
    assert (seen.foreign, seen.errors) == ([], [])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recorded_network_loads_when_asked_and_says_what_numpy_says(visit, language):
    """By a click on an example and by typing; nothing loads before, one file after."""
    seen = visit(f"{language}/sentiment.html")
    box = seen.page.locator(f'.live[data-net="sentiment_{language}"]')
    assert (box.count(), seen.page.locator(".live").count()) == (1, 2)
    assert not [url for url in seen.asked if "/live/" in url]
    content = weights.load(f"sentiment_{language}")[1]["network"]
    button = box.locator("td button").nth(1)
    button.click()
    box.locator(".live-memory").wait_for()
    check_answer(box, button.text_content(), content)
    long = {"en": "so " * 90 + "good", "zh": "很" * 90 + "好"}[language]
    for typed in [*TYPED[language], long]:
        box.locator("input").fill(typed)
        check_answer(box, typed, content)
    assert len([url for url in seen.asked if "/live/" in url]) == 1
    assert (seen.foreign, seen.errors) == ([], [])


ODD = ["", "   ", "?!…", "🎬🍿", "Qwxzv plmkt", "Это было прекрасно", "これは"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recorded_network_does_not_judge_what_it_cannot_read(visit, language):
    """No probability, no picture, and a sentence that says why."""
    page = visit(f"{language}/sentiment.html").page
    box = page.locator(f'.live[data-net="sentiment_{language}"]')
    box.locator("td button").first.click()
    box.locator(".live-memory").wait_for()
    for typed in ODD:
        box.locator("input").fill(typed)
        assert box.get_attribute("data-probability") is None
        assert not box.locator(".live-memory").is_visible()
        assert box.locator(".live-answer").text_content().strip()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_networks_show_their_examples_without_script(visit, language):
    page = visit(f"{language}/sentiment.html", java_script_enabled=False).page
    for box in page.locator(".live").all():
        content = json.loads(box.locator("script").text_content())
        rows = box.locator("tbody tr")
        assert [row.locator("td").first.inner_text() for row in rows.all()] == content["examples"]
        assert rows.first.is_visible()
    assert page.locator(".live input").count() == 0
