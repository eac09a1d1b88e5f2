"""Write rnncourse/data/corpora/prose_*.txt: this course's own prose, to train on.

A snapshot: recorded numbers hang on it, so it does not follow the chapters. Run it again only
to make a new one, and measure again what was trained on the old one.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEMS = ("index", "sequences", "text", "rnn", "unfolding", "bptt", "training", "lstm", "gru",
         "deep", "segmentation", "documents", "wordvectors")  # fmt: skip
SIGNS = re.compile(r"[`{}<>|\[\]$#_\\^=]|http")  # what is left of code, formulas and markup


def paragraphs(source: str) -> list[str]:
    """The blocks of a page: those of code, directives and formulas as a sign of their own."""
    source = re.sub(r"\A---.*?\n---\n", "", source, flags=re.S)
    source = re.sub(r"^(`{3,}|:{3,}).*?^\1\s*$", "<code>", source, flags=re.S | re.M)
    source = re.sub(r"\$\$.*?\$\$", "<formula>", source, flags=re.S)
    return [block.strip() for block in source.split("\n\n")]


def plain(block: str) -> str:
    """A paragraph in one line, without emphasis, list marks, citations and links."""
    block = re.sub(r"\s*\{cite(:t)?\}`[^`]*`", "", block)
    block = re.sub(r"\*{1,2}(.+?)\*{1,2}", r"\1", block)
    block = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", block)
    block = re.sub(r"^(- (\[[ x]\] )?|\d+\. |[✓✗] )", "", block, flags=re.M)
    block = re.sub(r"(?<=[：。，；]) ", "", block)  # bold Chinese needs a space behind it
    return re.sub(r"\s*\n\s*", " ", block)


def prose() -> list[tuple[str, str]]:
    """(English, Chinese) of each paragraph that is nothing but prose in both editions, once."""
    found = {}
    for stem in STEMS:
        pages = [paragraphs((ROOT / f"book/{lang}/{stem}.md").read_text("utf-8"))
                 for lang in ("en", "zh")]  # fmt: skip
        for pair in zip(*pages, strict=True):
            if pair[0].startswith(("<", "|", "#", "(")):
                continue
            english, chinese = map(plain, pair)
            if len(english) >= 25 and english.isascii() and not SIGNS.search(english + chinese):
                found.setdefault(english, chinese)
    return list(found.items())


def main() -> None:
    for language, text in zip(("en", "zh"), zip(*prose(), strict=True), strict=True):
        path = ROOT / "rnncourse" / "data" / "corpora" / f"prose_{language}.txt"
        path.write_text("\n".join(text) + "\n", encoding="utf-8")
        print(f"{path.name}: {len(text)} paragraphs, {sum(map(len, text))} characters")


if __name__ == "__main__":
    main()
