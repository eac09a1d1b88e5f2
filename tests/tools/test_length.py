"""How long a page is for its reader: by hand on small pages, and it can be run on the course."""

import nbformat
import pytest

from tools.editions import length
from tools.editions.checks import chapters


@pytest.mark.parametrize(
    ("text", "language", "units"),
    [
        ("Two words and **four more**, isn't it.", "en", 7),
        ("记忆 $h_t$ 不变（hidden state）。", "zh", 4),
        ("See [the cell](rnn.md) and {eq}`eq-rnn-step`.", "en", 4),
        ("$$\nh_t = \\tanh(a b c)\n$$ (eq-x)\n\nafter", "en", 1),
        ("open\n\n<details><summary>A. hidden</summary>\n\n✓ so is this\n\n</details>\n", "en", 1),
        ("open\n\n:::{dropdown} For the curious\nfolded words\n:::\n\nopen", "en", 2),
        ("(sec-rnn)=\n# Title", "en", 1),
    ],
)  # fmt: skip
def test_words_are_those_that_a_page_shows_without_a_click(text, language, units):
    assert length.prose_units(text, language) == units


def test_code_that_is_folded_or_blank_is_not_open():
    cell = nbformat.v4.new_code_cell("a = 1\n\nb = 2")
    assert length.open_lines(cell) == 2
    for tag in ("hide-input", "remove-cell", "remove-input"):
        cell.metadata["tags"] = [tag]
        assert length.open_lines(cell) == 0


HEAD = """---
jupytext:
  text_representation: {extension: .md, format_name: myst}
kernelspec: {display_name: Python 3, language: python, name: python3}
---

"""


def write_page(root, language, prose, lines=9):
    page = root / "book" / language / "a.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    code = "```{code-cell} ipython3\n" + "x = 1\n" * lines + "```\n"
    page.write_text(f"{HEAD}{prose}\n\n{code}", encoding="utf-8")


def test_minutes_are_reading_and_code_together(tmp_path):
    """By hand: 260 words are 2 minutes, 9 lines more than one: 4, rounded up."""
    write_page(tmp_path, "en", "word " * 260)
    assert length.measure(tmp_path, "en", "a") == (260, 9, 9, 4)


def test_a_page_over_its_limits_or_with_another_time_is_named(tmp_path):
    """By hand: 5 · 130 words and 9 lines are 6.1 minutes, said as 10; the Chinese page has less."""
    words, characters = "word " * (5 * 130 - 8), "字" * (3 * 300 - 5)
    write_page(tmp_path, "en", f"**Time:** 10 minutes to read, a second to run.\n\n{words}")
    write_page(tmp_path, "zh", f"**所需时间：** 阅读 10 分钟。\n\n{characters}")
    assert length.problems_of(tmp_path, "a") == []
    assert length.problems_of(tmp_path, "a", lines=8, cell=8, minutes=6) == [
        "book/en/a.md: lines is 9; at most 8", "book/en/a.md: longest is 9; at most 8",
        "book/en/a.md: minutes is 7; at most 6",
        "book/zh/a.md: lines is 9; at most 8", "book/zh/a.md: longest is 9; at most 8"]  # fmt: skip
    write_page(tmp_path, "zh", characters)
    write_page(tmp_path, "en", f"**Time:** 5 minutes to read.\n\n{words}")
    assert length.problems_of(tmp_path, "a") == [
        "book/en/a.md says 5 minutes to read; it takes 10",
        "book/zh/a.md says 0 minutes to read; it takes 10"]  # fmt: skip


# What a page has that was written before the limits; it may only shrink. A page that is not
# named here keeps the limits.
CEILINGS: dict[str, dict[str, int]] = {"rnn": {"minutes": 40}}


@pytest.mark.parametrize("stem", chapters(length.ROOT))
def test_a_chapter_keeps_its_limits_and_says_its_time(stem):
    assert length.problems_of(length.ROOT, stem, **CEILINGS.get(stem, {})) == []
