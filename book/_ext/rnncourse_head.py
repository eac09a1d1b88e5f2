"""What a page tells search engines and those who share it; links to run its exercises."""

import re

from docutils import nodes
from markupsafe import escape
from rnncourse_edition import edition

SUMMARY = 200  # characters of a description
EXERCISE = re.compile(r"https://colab\.research\.google\.com/github/([^/]+/[^/]+)/blob/main/"
                      r"(exercises/\w+\.ipynb)")  # fmt: skip
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


def offer_binder(app, doctree) -> None:
    """Beside each exercise's link to Colab, one to Binder, which asks for no account."""
    for link in list(doctree.findall(nodes.reference)):
        found = EXERCISE.fullmatch(link.get("refuri", ""))
        if found:
            repository, path = found.groups()
            uri = f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}"
            place = link.parent.index(link) + 1
            link.parent[place:place] = [nodes.Text(" · "),
                                        nodes.reference("", "Binder", refuri=uri)]  # fmt: skip


def setup(app):
    app.connect("doctree-read", offer_binder)
    app.connect("html-page-context", add_tags)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
