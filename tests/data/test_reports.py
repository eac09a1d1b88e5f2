"""Generated reports: what their docstrings promise, in both languages."""

import re

import numpy as np
import pytest

from rnncourse.data import reports
from rnncourse.data.corpora import phrases


def drawn(language, N=300, **how):
    return reports.made_up_reports(np.random.default_rng(0), N, language, **how)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_all_that_a_title_needs_is_in_its_report(language):
    for report in drawn(language):
        assert report.names <= set(report.words)
        assert report.names <= set(report.title)
        kept = [w for w, k in zip(report.words, report.labels, strict=True) if k]
        assert report.names <= set(kept)
        assert sum(report.labels) == sum(report.kept) > 2
        assert kept == [w for w, k in zip(report.sentences[report.key], report.kept, strict=True)
                        if k]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_placeholder_and_no_mark_is_left(language):
    for found in (drawn(language), reports.made_up_prizes(np.random.default_rng(0), 50, language)):
        for report in found:
            for word in [*report.words, *report.title]:
                assert word
                assert not re.search(r"[{}~\s]", word)
                assert language == "zh" or word.isascii()


def test_the_same_reports_in_both_languages():
    """Key sentence, number of sentences and numbers agree."""
    for one, other in zip(drawn("en"), drawn("zh"), strict=True):
        assert one.key == other.key
        assert len(one.names) == len(other.names)
        numbers = [{n for n in r.names if n[0].isdigit()} for r in (one, other)]
        assert numbers[0] == numbers[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_new_names_are_never_known_ones(language):
    def names(found):
        return {n for report in found for n in report.names if not n[0].isdigit()}

    known, fresh = names(drawn(language, 2000)), names(drawn(language, 2000, new=1.0))
    assert len(known) > 100
    assert len(fresh) > 100
    assert not known & fresh
    words = {w for report in drawn(language, 2000) for w in report.title} - known
    assert not words & fresh  # no name is a word of the frames


@pytest.mark.parametrize("language", ["en", "zh"])
def test_names_are_made_in_one_way_only(language):
    way = phrases.LANGUAGES.index(language)
    made = [a[way] + b[way] for parts in (reports.read().towns, reports.read().people)
            for a in parts[0] for b in parts[1]]  # fmt: skip
    assert len(made) == len(set(made)) == 2 * 16 * 12


def test_few_names_are_frequent_and_most_are_rare():
    found = [n for report in drawn("en", 2000) for n in report.names if n[0].isalpha()]
    counts = np.sort(np.unique(found, return_counts=True)[1])[::-1]
    assert counts[:25].sum() > counts.sum() / 2
    assert len(counts) > 200


def test_titles_of_prizes_list_the_winners_in_order():
    found = reports.made_up_prizes(np.random.default_rng(0), 200, winners=(3, 6))
    for report in found:
        winners = [s for s in report.sentences if "prize" in s]
        names = [next(w for w in s if w in report.names) for s in winners]
        assert [w for w in report.title[4:] if w != ","] == names
        assert 3 <= len(names) <= 6
        assert len(report.sentences) == len(names) + 3
    assert {len(report.sentences) - 3 for report in found} == {3, 4, 5, 6}


def test_bad_arguments_are_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="language = 'fr'"):
        reports.made_up_reports(rng, 1, "fr")
    with pytest.raises(ValueError, match="details = 6"):
        reports.made_up_reports(rng, 1, details=6)
    with pytest.raises(ValueError, match="new = 2"):
        reports.made_up_reports(rng, 1, new=2)
    with pytest.raises(ValueError, match="N is 0"):
        reports.made_up_reports(rng, 0)
    with pytest.raises(ValueError, match=r"winners = \(3, 2\)"):
        reports.made_up_prizes(rng, 1, winners=(3, 2))
    with pytest.raises(ValueError, match="winners is 0"):
        reports.made_up_prizes(rng, 1, winners=(0, 2))


@pytest.mark.parametrize(("old", "new", "message"), [
    ('zh: "{place} {score} 胜 {other}"', 'zh: "{place} 胜 {other}"', "the same placeholders"),
    ("beat {other} {score} ~on ~{day}", "beat ~{other} {score} ~on ~{day}", "without ~"),
    ('"{place} 获奖 名单 ："', '"获奖 名单 ："', "{place}"),
])  # fmt: skip
def test_a_mistake_in_the_file_is_named_with_its_line(tmp_path, old, new, message):
    text = (phrases.FOLDER / "reports.yml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "reports.yml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=r"reports\.yml, line \d+") as error:
        reports.read(tmp_path)
    assert message in str(error.value)
