"""A server for the built site, a browser that has no other network, and pages in it."""

import contextlib
import functools
import http.server
import shutil
import threading
from importlib.resources import files
from pathlib import Path

import pytest

from tools.site import build, weigh
from tools.site.picture import browser_program

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "site"
EDITIONS = {"en": "en", "zh": "zh-CN"}
SMALL = """<!doctype html><html lang="{lang}" data-theme="{theme}"><head><meta charset="utf-8">
<title>{name}</title><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,">{sheets}
{scripts}
</head><body><main style="margin: 0.5rem; max-width: 46rem">{body}</main></body></html>
"""
# Besides what CI needs, these keep the browser itself from calling its maker.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
FLAGS += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # no network but the server


@contextlib.contextmanager
def served(folder):
    """The address at which a folder's files can be had."""
    handler = functools.partial(weigh.QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@contextlib.contextmanager
def lost(seen, part, network="*"):
    """Inside, recorded networks do not arrive; it ends when the page has said so in this part."""
    where = f"**/live/{network}.js"
    seen.page.route(where, lambda route: route.abort())
    yield
    seen.page.wait_for_function(
        "part => document.querySelector(part).textContent.includes('did not load')", arg=part
    )
    seen.page.unroute(where)


def small_pages(root, name, bodies, shared=None):
    """Write pages that hold one widget and nothing else: its script is ``name``.js.

    bodies: of each edition, by the page's name, its HTML. A page is there in light and in dark,
    NAME-light.html and NAME-dark.html. shared: a script that comes before it, with its sheet.
    """
    build.write_networks(root / "live")
    theme = files("pydata_sphinx_theme") / "theme/pydata_sphinx_theme/static/styles"
    sheet = (theme / "pydata-sphinx-theme.css").read_text(encoding="utf-8")
    # A widget's own sheet comes before course.css, as in the book.
    own = [one for one in (shared, name) if (ROOT / "book" / "_static" / f"{one}.css").exists()]
    sheets = "".join(f'<link rel="stylesheet" href="_static/{one}.css">'
                     for one in ("theme", *own, "course"))  # fmt: skip
    scripts = "".join(f'<script defer src="_static/{one}.js"></script>'
                      for one in ("net", shared, name) if one)  # fmt: skip
    for code, pages in bodies.items():
        shutil.copytree(ROOT / "book" / "_static", root / code / "_static")
        (root / code / "_static" / "theme.css").write_text(sheet, encoding="utf-8")
        for title, body in pages.items():
            for theme in ("light", "dark"):
                page = SMALL.format(lang=EDITIONS[code], theme=theme, name=name, sheets=sheets,
                                    scripts=scripts, body=body)  # fmt: skip
                (root / code / f"{title}-{theme}.html").write_text(page, encoding="utf-8")


@pytest.fixture(scope="session")
def folder():
    """What is served: the built site, where a module has no pages of its own."""
    if not (SITE / "index.html").exists():
        pytest.skip("needs _build/site: run make book")
    return SITE


@pytest.fixture(scope="module")
def address(folder):
    with served(folder) as found:
        yield found


@pytest.fixture(scope="session")
def browser():
    program = browser_program()
    if program is None:
        pytest.skip("needs chromium or google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    """One open page, with what it requested and complained about."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.asked, self.foreign, self.errors, self.failed = [], [], [], []
        page.on("request", self.note_request)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self.note_console)
        page.on("response", self.note_response)

    def note_request(self, request):
        self.asked.append(request.url)
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.foreign.append(request.url)

    def note_console(self, message):
        if message.type == "error":
            self.errors.append(message.text)

    def note_response(self, response):
        if response.status >= 400:
            self.failed.append(f"{response.status} {response.url}")

    def open(self, path):
        self.page.goto(self.address + path, wait_until="load")
        return self.page


@pytest.fixture
def visit(browser, address):
    """A function that opens a page in a fresh context of the given kind."""
    with contextlib.ExitStack() as stack:

        def open_page(path, **kind):
            context = browser.new_context(**kind)
            stack.callback(context.close)
            visit = Visit(context.new_page(), address)
            visit.open(path)
            return visit

        yield open_page


@pytest.fixture(scope="session")
def axe():
    return build.fetch_axe().read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def violations(axe):
    """A function: what axe-core finds in one part of a page, each with its places."""

    def find(page, selector):
        page.evaluate(axe)
        found = page.evaluate("selector => axe.run(selector)", selector)["violations"]
        return [(v["id"], [node["html"] for node in v["nodes"]]) for v in found]

    return find
