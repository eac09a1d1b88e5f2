"""Mend what the theme leaves: words that it has not translated, names for a screen reader, icons.

The icons are cut down to those in use: 0.8 MB a first visit otherwise.

The theme loads Font Awesome twice, as a script that draws every icon (540 KB) and as
fonts. The fonts are enough, and of their 2000 glyphs the book uses some thirty.
"""

import re
from pathlib import Path

from fontTools import subset

SCRIPT = re.compile(r"\s*<script src=\"[^\"]*scripts/fontawesome\.js[^\"]*\"></script>")
PRELOAD = re.compile(r"\s*<link rel=\"(?:modulepreload|preload)\" [^>]*fontawesome[^>]*>")
ICON_CLASS = re.compile(r"\bfa-[a-z0-9-]+")
ICON_RULE = re.compile(r"((?:\.fa-[a-z0-9-]+:{1,2}before,?)+)\{content:\"\\([0-9a-f]+)\"\}")
# What the theme's markup tells a screen reader wrongly: a role that no longer exists, and a name
# that is not what the button shows.
MENDED = (
    (re.compile(r' role="doc-biblioentry"'), ' role="listitem"'),
    (re.compile(r'(<summary) aria-label="Toggle hidden content"'), r"\1"),
    (re.compile(r'(<button class="btn search-button-field[^>]*) aria-label="[^"]*"'), r"\1"),
)
# What a screen reader calls the halves of a cell, which differ in nothing else that it reads.
LABELS = {
    "en": {"cell_input": "Code", "cell_output": "Output"},
    "zh": {"cell_input": "代码", "cell_output": "输出"},
}
# What the theme has no Chinese for, in its attributes and on its buttons.
# It asks gettext for some of these and has others in its templates as they are: a catalogue would
# leave the second kind, so one table serves both.
CHINESE = {
    "Link to this heading": "本节的链接",
    "Link to this term": "本词条的链接",
    "Link to this definition": "本条说明的链接",
    "Link to this image": "本图的链接",
    "Permalink to this equation": "本公式的链接",
    "Main": "主导航",
    "Page": "本页",
    "Toggle primary sidebar": "显示或隐藏主侧栏",
    "Toggle secondary sidebar": "显示或隐藏本页目录",
    "Source repositories": "源代码仓库",
    "Repository": "仓库",
    "Open issue": "反馈问题",
    "Suggest edit": "建议修改",
    "Color mode": "配色",
    "System Settings": "跟随系统",
    "Launch interactive content": "运行本页",
    "Launch on Binder": "在 Binder 中运行",
    "Launch on Colab": "在 Colab 中运行",
    "Binder logo": "Binder 标志",
    "Colab logo": "Colab 标志",
}
THEME_TEXT = re.compile(
    r'((?:title|data-bs-title|aria-label|alt)="|<span class="btn__text-container">)('
    + "|".join(CHINESE)
    + r')("|</span>)'
)
COPYRIGHT = re.compile(r"© Copyright (\d+)\.")
# Icons that style sheets print by themselves, such as an admonition's.
PRIVATE_USE = re.compile("[\ue000-\uf8ff]")


def used_codepoints(site: Path) -> set[int]:
    """Return the icons' code points that the pages, scripts and style sheets use."""
    css = "".join(f.read_text(encoding="utf-8") for f in site.rglob("*.css"))
    pages = "".join(f.read_text(encoding="utf-8") for f in site.glob("*.html"))
    scripts = "".join(f.read_text(encoding="utf-8") for f in site.glob("_static/**/*.js"))
    names = set(ICON_CLASS.findall(pages + scripts))
    used = {ord(sign) for sign in PRIVATE_USE.findall(css + pages)}
    for selectors, code in ICON_RULE.findall(css):
        if names & set(ICON_CLASS.findall(selectors)):
            used.add(int(code, 16))
    return used


def slim(site: Path) -> None:
    """Remove the icon script from an edition's pages, mend them, and shrink its icon fonts.

    ``site`` is the folder of an edition; its name is the language.
    """
    (site / "_static" / "scripts" / "fontawesome.js").unlink()
    for page in site.glob("*.html"):
        text = PRELOAD.sub("", SCRIPT.sub("", page.read_text(encoding="utf-8")))
        for wrong, right in MENDED:
            text = wrong.sub(right, text)
        for part, label in LABELS[site.name].items():
            opening = f'<div class="{part} docutils container"'
            text = text.replace(opening, f'{opening} role="group" aria-label="{label}"')
        if site.name == "zh":
            text = THEME_TEXT.sub(lambda found: found[1] + CHINESE[found[2]] + found[3], text)
            text = COPYRIGHT.sub(r"© \1", text)
        page.write_text(text, encoding="utf-8")
    used = used_codepoints(site)
    for font in site.glob("_static/vendor/fontawesome/webfonts/*"):
        if font.suffix != ".woff2":
            font.unlink()  # for browsers that cannot show the formulas' fonts either
            continue
        options = subset.Options(flavor="woff2", layout_features=[], notdef_outline=True)
        loaded = subset.load_font(str(font), options)
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=used)
        cutter.subset(loaded)
        subset.save_font(loaded, str(font), options)
