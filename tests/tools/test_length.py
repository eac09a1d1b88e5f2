"""How long a page is for its reader: by hand on small pages, and it can be run on the course."""

import nbformat
import pytest

from tools.editions import length


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


def test_minutes_are_reading_and_code_together(tmp_path):
    """By hand: 260 words are 2 minutes, 9 lines more than one: 4, rounded up."""
    head = "---\njupytext:\n  text_representation: {extension: .md, format_name: myst}\n"
    head += "kernelspec: {display_name: Python 3, language: python, name: python3}\n---\n\n"
    code = "```{code-cell} ipython3\n" + "x = 1\n" * 9 + "```\n"
    page = tmp_path / "book" / "en" / "a.md"
    page.parent.mkdir(parents=True)
    page.write_text(head + "word " * 260 + "\n\n" + code, encoding="utf-8")
    assert length.measure(tmp_path, "en", "a") == (260, 9, 9, 4)
