"""What the pages of a built edition show of the targets of their links, before one follows them.

For each page a script, _static/previews/PAGE.js, which book/_static/preview.js asks for when a
reader first comes upon a link. A script, since a page that was opened from a disk may not read
another one.
"""

import json
import re
from pathlib import Path

LINK = re.compile(r'<a class="reference internal" href="([^"]+)"')
ARTICLE = re.compile(r"<article.*</article>", re.DOTALL)
HEADING = re.compile(r"<(h[1-6])\b[^>]*>.*?</\1>", re.DOTALL)
PARAGRAPH = re.compile(r"<p>.*?</p>", re.DOTALL)
# Not for a second place in a page: marks for linking, the way back from a citation, ids.
MARKS = re.compile(r'<a class="headerlink".*?</a>|<span class="(?:label|backrefs)">.*?</span>\n')
IDS = re.compile(r' (?:id|href|title)="[^"]*"')


def whole(html: str, start: int) -> str:
    """The element that begins at a place."""
    name = re.match(r"<(\w+)", html[start:])[1]
    depth = 0
    for tag in re.compile(rf"<(/?){name}\b[^>]*>").finditer(html, start):
        depth += -1 if tag[1] else 1
        if not depth:
            return html[start : tag.end()]
    return ""


def beginning(html: str, start: int) -> str:
    """A section's heading and its first paragraph, if it begins with one."""
    heading = HEADING.search(html, start)
    if heading is None:
        return ""
    text = PARAGRAPH.match(html, heading.end() + 1)
    return f"<strong>{heading[0]}</strong>" + (text[0] if text else "")


def entry(html: str, start: int) -> str:
    """A term of the glossary in both languages with its meaning."""
    names = re.findall(r"<dt\b[^>]*>(.*?)</dt>", html[html.rfind("</dd>", 0, start) : start + 1])
    end = html.index("</dd>", start)
    names += re.findall(r"<dt\b[^>]*>(.*?)</dt>", html[start:end])
    meaning = PARAGRAPH.search(html, start, end)
    return f"<strong>{' · '.join(names)}</strong>{meaning[0] if meaning else ''}"


def preview(html: str, target: str) -> str:
    """What to show of an element of a page, or of the page's beginning; "" for nothing."""
    place = re.search(rf'<(\w+)\b[^>]* id="{re.escape(target)}"[^>]*>', html) if target else None
    if not target:
        shown = beginning(html, 0)
    elif place is None:
        shown = ""
    elif place[1] == "dt" and target.startswith("term-"):
        shown = entry(html, place.start())
    elif target.startswith("equation-") or 'class="citation"' in place[0]:
        shown = whole(html, place.start())
    elif place[1] in ("section", "span"):
        shown = beginning(html, place.start())
    else:
        shown = ""
    shown = IDS.sub("", MARKS.sub("", shown))
    # A preview leads nowhere: nothing in it takes the focus.
    return re.sub(r"<(/?)(?:a|h[1-6])\b", r"<\1span", shown)


def write_previews(site: Path) -> None:
    """Write the script of each page of an edition."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    articles = {name: "".join(ARTICLE.findall(html)) for name, html in pages.items()}
    folder = site / "_static" / "previews"
    folder.mkdir(parents=True, exist_ok=True)
    for name, html in articles.items():
        found = {}
        for link in sorted(set(LINK.findall(html))):
            page, _, target = link.partition("#")
            if shown := preview(articles.get(page or name, ""), target):
                found[link] = shown
        script = f"window.coursePreviews = {json.dumps(found, ensure_ascii=False)};\n"
        (folder / f"{Path(name).stem}.js").write_text(script, encoding="utf-8")
