"""What a page tells search engines and those who share it; links to run its exercises."""

import re
from collections.abc import Iterator

from docutils import nodes
from markupsafe import escape

SUMMARY = 200  # characters of a description
EXERCISE = re.compile(r"https://colab\.research\.google\.com/github/([^/]+/[^/]+)/blob/main/"
                      r"(exercises/[\w.]+\.ipynb)")  # fmt: skip
CHOOSE = (
    "<p>点“在本页做”，不用安装任何东西就能做题。想在自己的电脑上做，就点练习的编号下载笔记本，"
    '安装的办法见<a href="index.html#sec-index-run">首页</a>。'
    "能访问 Colab 或 Binder 的读者也可以在那里打开同一个笔记本。</p>"
)
LOCALES = {"en": "en_US", "zh": "zh_CN"}


def summary(doctree) -> str:
    """The page's first paragraph in plain words, cut at a word's end where it is long."""
    paragraph = next((p for p in doctree.findall(nodes.paragraph) if p.astext().strip()), None)
    text = " ".join(paragraph.astext().split()) if paragraph is not None else ""
    return text if len(text) <= SUMMARY else text[:SUMMARY].rsplit(" ", 1)[0] + " …"


def tags(app, pagename: str, title: str, doctree) -> str:
    """Description, card, and the addresses of the page in both languages."""
    base, language = app.config.html_baseurl, (app.config.language or "en")[:2]
    site = base.removesuffix(f"{language}/")
    values = {"og:title": title, "og:description": summary(doctree), "og:type": "article",
              "og:url": f"{base}{pagename}.html", "og:image": f"{base}_static/card.png",
              "og:locale": LOCALES[language]}  # fmt: skip
    lines = [f'<meta name="description" content="{escape(values["og:description"])}">']
    lines += [f'<meta property="{k}" content="{escape(v)}">' for k, v in values.items()]
    lines += ['<meta name="twitter:card" content="summary_large_image">']
    lines += [f'<link rel="alternate" hreflang="{code}" href="{site}{code}/{pagename}.html">'
              for code in LOCALES]  # fmt: skip
    return "\n".join(lines)


def add_tags(app, pagename, templatename, context, doctree) -> None:
    if doctree is not None:
        title = re.sub("<[^>]*>", "", context.get("title", ""))
        context["metatags"] = context.get("metatags", "") + tags(app, pagename, title, doctree)


def ways(app, link: nodes.reference, repository: str, path: str) -> list[nodes.Node]:
    """Where an exercise can be done: in Colab, in Binder, which asks for no account, at home.

    The exercise's name leads to the first. In Chinese that is the download from this site, since
    readers in mainland China cannot rely on the others.
    """
    words, chinese = link.astext(), app.config.language.startswith("zh")
    save = f'<a class="reference" href="../{path}" download>{{}}</a>'
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}"
    others = [nodes.reference("", "Binder", refuri=binder)]
    if chinese:
        first = nodes.raw("", save.format(escape(words)), format="html")
        others.insert(0, nodes.reference("", "Colab", refuri=link["refuri"]))
    else:
        first = link
        others.append(nodes.raw("", save.format("Download"), format="html"))
    return [first, *(part for way in others for part in (nodes.Text(" · "), way))]


def offer_ways(app, doctree) -> None:
    """Say beside each exercise how else it can be done, and in Chinese once how to choose."""
    tables = []
    for link in list(doctree.findall(nodes.reference)):
        found = EXERCISE.fullmatch(link.get("refuri", ""))
        if found:
            place, parent = link.parent.index(link), link.parent
            parent[place : place + 1] = ways(app, link, *found.groups())
            tables += [node for node in _above(parent) if isinstance(node, nodes.table)]
    if tables and app.config.language.startswith("zh"):
        table = tables[0]
        table.parent.insert(table.parent.index(table), nodes.raw("", CHOOSE, format="html"))


def _above(node: nodes.Node) -> Iterator[nodes.Node]:
    while node is not None:
        yield node
        node = node.parent


def setup(app):
    app.connect("doctree-read", offer_ways)
    app.connect("html-page-context", add_tags)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
