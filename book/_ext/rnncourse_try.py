"""Sphinx extension: "Try it here" for exercises and cells, where Python for the browser is at hand.

A cell tagged `try` gets a button: what opens is a copy of it, and earlier cells tagged `try-before`
run first. These need NumPy and `rnncourse` alone: what they draw is not shown.

The button is made by try.js, since without script it could do nothing. What it opens is in
book/try; tools/site/pyodide.py puts it into the site.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.site import pyodide

FOR_BUTTONS = re.compile(
    r'<a [^>]*href="[^"]*/exercises/\w+_ex_\d+(?:\.zh)?\.ipynb"'
    r'|<div class="cell (?:[^" ]+ )*tag_try[ "]'
)


def add_script(app, pagename, templatename, context, doctree) -> None:
    if FOR_BUTTONS.search(context.get("body", "")) and pyodide.ready():
        app.add_js_file("try.js", loading_method="defer")
        app.add_css_file("try.css")


def setup(app):
    app.connect("html-page-context", add_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
