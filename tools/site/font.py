"""Write rnncourse/fonts/chinese.ttf: the Chinese characters that figures use, and no others.

    python -m tools.site.font

With it no machine shows boxes in place of Chinese. The characters are those of all code cells,
of the package's own sources, and of its texts; the grader draws nothing. The font is Noto Sans
SC, of which npm has a copy; its licence, the SIL Open Font License, asks for another name where it
is changed.
"""

import re
import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

from tools.notebooks.store import code_cells, convert

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "@expo-google-fonts/noto-sans-sc@0.4.3"
TARGET = Path("rnncourse") / "fonts" / "chinese.ttf"
FAMILY = "RNN Course Sans SC"
CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u2014\u2018-\u201d\u2026]")


def wanted(root: Path = ROOT) -> set[str]:
    """Return the Chinese characters that a figure of the course may draw."""
    texts = [c.source for page in root.glob("book/en/*.md") for c in code_cells(convert(page))]
    for kind in ("py", "txt", "yml"):
        files = root.glob(f"rnncourse/**/*.{kind}")
        # The table of sounds has thousands that no page draws.
        drawing = [
            file
            for file in files
            if "grading" not in file.relative_to(root).parts and file.name != "sounds.txt"
        ]
        texts += [file.read_text(encoding="utf-8") for file in drawing]
    return set().union(*(CHINESE.findall(text) for text in texts))


def missing(root: Path = ROOT) -> set[str]:
    """Return the characters that figures may draw and the font does not have."""
    with TTFont(root / TARGET) as font:
        return wanted(root) - {chr(code) for code in font.getBestCmap()}


def write(source: Path, root: Path = ROOT) -> None:
    options = subset.Options(layout_features=[], hinting=False, name_IDs=[0, 1, 2, 3, 4, 5, 6, 13])
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    # Latin too, since a label may hold both.
    cutter.populate(text="".join(sorted(wanted(root))), unicodes=range(0x20, 0x7F))
    cutter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 4):
            record.string = FAMILY
        elif record.nameID in (3, 6):
            record.string = FAMILY.replace(" ", "")
    font.save(root / TARGET)


def main() -> int:
    # Imported here: the test that asks what is missing needs no npm.
    from tools.site.build import BUILD, fetch

    folder = BUILD / "font"
    fetch(PACKAGE, re.compile(r"package/(?:400Regular/)?(NotoSansSC_400Regular\.ttf|LICENSE_FONT)"),
          folder)  # fmt: skip
    (ROOT / TARGET).parent.mkdir(exist_ok=True)
    write(folder / "NotoSansSC_400Regular.ttf")
    (ROOT / TARGET).with_suffix(".LICENSE").write_bytes((folder / "LICENSE_FONT").read_bytes())
    print(f"wrote {TARGET}: {(ROOT / TARGET).stat().st_size // 1024} KB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
