"""What a page tells search engines and those who share it; links to run its exercises."""

import re
from collections.abc import Callable, Iterator

from docutils import nodes
from docutils.nodes import Node
from markupsafe import escape
from rnncourse_edition import edition

SUMMARY = 200  # characters of a description
EXERCISE = re.compile(r"https://colab\.research\.google\.com/github/([^/]+/[^/]+)/blob/main/"
                      r"(exercises/[\w.]+\.ipynb)")  # fmt: skip
# What is offered first stands first, with its words.
WAYS = {
    "en": {"Colab": "Colab", "Binder": "Binder", "Download": "Download"},
    "zh": {"Download": "下载", "Colab": "Colab", "Binder": "Binder"},
}
CHOOSE = {
    "zh": "<p>点“在本页做”，不用安装任何东西就能做题。想在自己的电脑上做，就点“下载”得到笔记本，"
    '安装的办法见<a href="index.html#sec-index-run">首页</a>。'
    "能访问 Colab 或 Binder 的读者也可以在那里打开同一个笔记本。</p>",
}
LOCALES = {"en": "en_US", "zh": "zh_CN"}


def summary(doctree) -> str:
    """The page's first paragraph in plain words, cut at a word's end where it is long."""
    paragraph = next((p for p in doctree.findall(nodes.paragraph) if p.astext().strip()), None)
    text = " ".join(paragraph.astext().split()) if paragraph is not None else ""
    return text if len(text) <= SUMMARY else text[:SUMMARY].rsplit(" ", 1)[0] + " …"


def tags(app, pagename: str, title: str, doctree) -> str:
    """Description, card, and the addresses of the page in both languages."""
    base, language = app.config.html_baseurl, edition(app)
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


def ways(link: nodes.reference, repository: str, path: str) -> dict[str, Callable[[str], Node]]:
    """Where an exercise can be done: at home, in Colab, in Binder, which asks for no account.

    Each makes a link with the given words.
    """
    binder = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}"
    save = f'<a class="reference" href="../{path}" download>{{}}</a>'
    return {
        "Download": lambda words: nodes.raw("", save.format(escape(words)), format="html"),
        "Colab": lambda words: nodes.reference("", words, refuri=link["refuri"]),
        "Binder": lambda words: nodes.reference("", words, refuri=binder),
    }


def offer_ways(app, doctree) -> None:
    """List beside each exercise where it can be done; its name leads to the first of these places.

    In Chinese that is the download from this site, since readers in mainland China cannot rely on
    the others; there the page also says once how to choose.
    """
    language, tables = edition(app), []
    for link in list(doctree.findall(nodes.reference)):
        found = EXERCISE.fullmatch(link.get("refuri", ""))
        if not found:
            continue
        made, order, parent = ways(link, *found.groups()), WAYS[language], link.parent
        new = [made[next(iter(order))](link.astext())]
        if table := next((n for n in _above(parent) if isinstance(n, nodes.table)), None):
            tables.append(table)
            new.append(nodes.inline("", classes=["exercise-ways"]))
            for way, words in order.items():
                new[1] += [nodes.Text(" · ")] * bool(new[1].children) + [made[way](words)]
        place = parent.index(link)
        parent[place : place + 1] = new
    if tables and language in CHOOSE:
        place = tables[0].parent.index(tables[0])
        tables[0].parent.insert(place, nodes.raw("", CHOOSE[language], format="html"))


def _above(node: Node) -> Iterator[Node]:
    while node is not None:
        yield node
        node = node.parent


def setup(app):
    app.connect("doctree-read", offer_ways)
    app.connect("html-page-context", add_tags)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
