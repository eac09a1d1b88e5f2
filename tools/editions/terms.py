"""Terms: book/terms.yml is in order, and chapters define terms in its words in both editions."""

import re
from pathlib import Path

import yaml

from tools.editions.checks import chapters, inline_math, prose

WORD_LISTS = ("forms", "also", "unlike")  # of a term: lists of words by language
BOLD = re.compile(r"\*\*([^*\n]+)\*\*(?:（([A-Za-z][A-Za-z -]*)）)?")


def terms(root: Path) -> list[dict]:
    return yaml.safe_load((root / "book" / "terms.yml").read_text(encoding="utf-8"))


def word_list_problems(term: dict, key: str, names: dict[str, str]) -> list[str]:
    """Return what is wrong with the words by which a term is found besides its name.

    `names` leads from a name to its term; a word noted here is added to it.
    """
    lists, found = term.get(key, {}), []
    if set(lists) - {"en", "zh"} or not all(isinstance(words, list) for words in lists.values()):
        return [f"{term['en']}: {key} holds a list for en, for zh, or for both"]
    for word in sorted({word for words in lists.values() for word in words}):
        if key != "unlike" and names.setdefault(word.lower(), term["en"]) != term["en"]:
            found.append(f"{term['en']}: {word} leads to {names[word.lower()]} too")
    return found


def term_file_problems(root: Path) -> list[str]:
    """Return what is wrong with book/terms.yml itself."""
    found, seen = [], set()
    names = {word.lower(): term["en"] for term in terms(root) for word in (term["en"], term["zh"])}
    for term in terms(root):
        english, chinese = term["def"]["en"], term["def"]["zh"]
        name = term["en"]
        found += [f"{word} stands twice" for word in (name, term["zh"]) if word in seen]
        seen |= {name, term["zh"]}
        if inline_math(english) != inline_math(chinese):
            found.append(f"{name}: the two definitions have different formulas")
        if (
            english.count(". ")
            or not english.endswith(".")
            or chinese.find("。") + 1 != len(chinese)
        ):
            found.append(f"{name}: a definition is one sentence")
        if unknown := set(term) - {"en", "zh", "def", "symbol", "zh_sort", *WORD_LISTS}:
            found.append(f"{name}: unknown keys {sorted(unknown)}")
        for key in WORD_LISTS:
            found += word_list_problems(term, key, names)
    return [f"book/terms.yml: {problem}" for problem in found]


def term_problems(root: Path) -> list[str]:
    """Return where a chapter defines a term with other words than book/terms.yml has."""
    found = term_file_problems(root)
    to_chinese = {term["en"].lower(): term["zh"] for term in terms(root)}
    for stem in chapters(root):
        pages = [root / "book" / lang / f"{stem}.md" for lang in ("en", "zh")]
        if not all(page.exists() for page in pages):
            continue  # missing_files reports it
        english, chinese = (BOLD.findall(prose(page)) for page in pages)
        ours = {to_chinese[word.lower()] for word, _ in english if word.lower() in to_chinese}
        theirs = {word for word, _ in chinese} & set(to_chinese.values())
        for word in sorted(ours ^ theirs):
            edition = "English" if word in ours else "Chinese"
            found.append(f"{stem}: the term {word} is bold in {edition} only")
        for word, original in chinese:
            if original and to_chinese.get(original.lower()) != word:
                found.append(f"{stem}: {word}（{original}） is not in book/terms.yml")
    return found
