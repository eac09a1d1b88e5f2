"""The check of book/glosses.yml, against a notebook made by hand."""

import nbformat
import pytest

from tools.editions import glosses

PRINTED = "seed 1\nthe gap is small: True (0.01 < 0.05)\nall equal\n"
TABLE = '<div class="course-table"><table><th scope="col">a &lt; b</th><td>7</td></table></div>'


@pytest.fixture
def course(tmp_path):
    """A page that prints one claim, two other lines and a table."""
    cell = nbformat.v4.new_code_cell("x", outputs=[
        nbformat.v4.new_output("stream", name="stdout", text=PRINTED),
        nbformat.v4.new_output("display_data", {"text/html": TABLE, "text/plain": "a < b\n7"}),
    ])  # fmt: skip
    page = tmp_path / "book" / "en" / "rnn.ipynb"
    page.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), page)
    return tmp_path


@pytest.mark.parametrize(
    ("yml", "problems"),
    [
        ("rnn:\n  the gap is small: 小\n  all equal: 等\n  a < b: 甲\n", []),
        ("rnn: {}\n", ["no gloss of the claim 'the gap is small'"]),
        ("other: {}\n", ["no gloss of the claim 'the gap is small'"]),
        ("rnn:\n  the gap is small: 小\n  all: 等\n",
         ["a gloss of 'all', which the page does not print"]),
    ],
)  # fmt: skip
def test_a_claim_without_a_gloss_and_a_gloss_without_its_line_are_named(course, yml, problems):
    (course / "book" / "glosses.yml").write_text(yml, encoding="utf-8")
    assert glosses.problems_of(course, "rnn") == problems
