"""What learners call things, in every output: nothing unseen, nothing that a spreadsheet runs."""

import csv
import io
import json
import unicodedata

import pytest
from exports import notebook

from rnncourse.grading import gradescope, reports
from rnncourse.grading.grader import clean
from rnncourse.grading.printable import escaped, guarded, printable
from rnncourse.grading.record import Record
from rnncourse.grading.submissions import find_submissions, read_jobs

EVERY = [chr(code) for code in range(0x110000)]
# Of Unicode's general categories, those whose characters are seen; U+0020 is the one space.
SEEN = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
        "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So"}  # fmt: skip
# Invisible though their categories say otherwise: fillers, joiners, variation selectors.
UNSEEN = "\u034f\u115f\u1160\u17b4\u2800\u3164\ufe0f\uffa0\U000e0100"
# ASCII and the forms that a spreadsheet may take for it: full width, small, superscript.
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "＋1", "－1", "＠1", "﹢1", "﹣1", "﹦1", "﹫1",
            "⁺1", "⁻1", "⁼1", "−1", "\t=1", "\r=1", "\u200b=1", "\u202e=1", " =1",
            "\x00=1", "\x85=1", "\u2028=1", "a;=1", "a; ＝1", "x;\u200b@y"]  # fmt: skip


@pytest.mark.parametrize("make", [printable, escaped, guarded, lambda text: clean(text)])
def test_of_every_character_only_what_is_seen_comes_out(make):
    """All of Unicode, lone surrogates too, a hundred at a time."""
    for start in range(0, len(EVERY), 100):
        for char in make("x".join(EVERY[start : start + 100])):
            assert unicodedata.category(char) in SEEN or char == " ", hex(ord(char))
            assert char not in UNSEEN


def test_two_names_stay_two_and_a_plain_one_stays_as_it_is():
    """Every character alone in a name; whatever is seen is left as it is."""
    shown = {escaped(f"a{char}b") for char in EVERY}
    assert len(shown) == len(EVERY)
    for plain in ("Jean-Luc O'Neil", "张三（2）.ipynb", "Ünïcödé ñ", "अनन्या", "=1", "x" * 200):
        assert escaped(plain) == plain
    assert escaped("a\u202e\x1b\x85\udcb2") == "a\\u202e\\x1b\\u0085\\xb2"
    assert len(escaped("x" * 10_000)) == 200


def test_no_first_character_makes_a_formula_of_a_cell():
    """Before a sign stands an apostrophe; after anything that vanishes or separates, too."""
    for char in EVERY:
        for text in (f"{char}1+1", f"{char}=1+1", f"a;{char}=1"):
            cells = guarded(text).replace("; ", ";").split(";")
            for cell in cells:
                first = unicodedata.normalize("NFKC", cell.lstrip()[:1])
                assert first[:1] not in tuple("=+-@"), (hex(ord(char)), text)


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_that_people_have_tried_are_text(text):
    found = guarded(text)
    assert "'" in found
    assert found.isprintable()
    assert guarded("anna-maria (x@y) = 3; b") == "anna-maria (x@y) = 3; b"


def test_names_are_guarded_in_every_output(tmp_path):
    """Folders and files of such names, from disk to the table, the CSV and the JSON files."""
    for number, text in enumerate(FORMULAS):
        name = text.replace("/", "").replace("\x00", "\x01")
        (tmp_path / f"{name}{number}").mkdir()
        (tmp_path / f"{name}{number}" / f"{name}.ipynb").write_bytes(notebook(exercise=name))
    jobs = [job for row in find_submissions([str(tmp_path)], ["rnn_ex_01"])
            for job in read_jobs(row, ["rnn_ex_01"])]  # fmt: skip
    assert len({job.learner for job in jobs}) == len({job.submission for job in jobs})
    assert len(jobs) == len(FORMULAS)
    records = [Record(job.submission, "", 0.0, 0.0, job.problem, learner=job.learner)
               for job in jobs]  # fmt: skip
    table = reports.table([record.row(0) for record in records])
    outputs = [reports.as_csv(records, 0, bom=False), reports.as_json(records, 1, True),
               gradescope.as_results(records, 1), table]  # fmt: skip
    for output in outputs:
        assert all(unicodedata.category(c) in SEEN or c in " \r\n" for c in output)
    for line in list(csv.reader(io.StringIO(outputs[0])))[1:]:
        for cell in [cell for text in line for cell in text.split(";")]:
            assert unicodedata.normalize("NFKC", cell.strip()[:1]) not in ("=", "+", "-", "@", "−")
    rows = json.loads(outputs[1])["rows"]
    assert [row["learner"] for row in rows] == [job.learner for job in jobs], "not guarded there"
