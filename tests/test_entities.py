"""Entities and their scores: by hand, and equal to seqeval on random tags, right and wrong ones."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnncourse.metrics import Entity, entities, entity_scores, entity_tags

SCHEMES = {None: "BIES", "IOB1": "BI", "IOB2": "BI", "IOE1": "IE", "IOE2": "IE", "IOBES": "BIES",
           "BILOU": "BILU"}  # fmt: skip


def tags_of(letters):
    """Every tag of two kinds, of none, and O."""
    return ["O", *letters, *(f"{a}-{kind}" for a in letters for kind in ("X", "Y"))]


def pairs(letters):
    """Up to four sentences of up to eight tags: the right ones, and found ones of equal length."""
    tag = st.sampled_from(tags_of(letters))
    lengths = st.lists(st.integers(1, 8), min_size=1, max_size=4)

    def sentences(sizes):
        row = st.tuples(*(st.lists(tag, min_size=n, max_size=n) for n in sizes)).map(list)
        return st.tuples(row, row)

    return lengths.flatmap(sentences)


def theirs(gold, found, scheme, average):
    from seqeval import scheme as schemes
    from seqeval.metrics import sequence_labeling, v1

    own = {"average": average, "zero_division": 0}
    if scheme is None:
        return sequence_labeling.precision_recall_fscore_support(gold, found, **own)
    own["scheme"] = getattr(schemes, scheme)
    return v1.precision_recall_fscore_support(gold, found, **own)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_equal_to_seqeval(scheme):
    @settings(max_examples=300, deadline=None)
    @given(pairs(SCHEMES[scheme]))
    def every(both):
        gold, found = both
        mine = entity_scores(gold, found, scheme)
        assert mine["all"] == pytest.approx(theirs(gold, found, scheme, "micro"), abs=1e-12)
        each = [mine[kind] for kind in mine if kind != "all"]
        for a, b in zip(each, zip(*theirs(gold, found, scheme, None), strict=True), strict=True):
            assert a == pytest.approx(b, abs=1e-12)
        assert [*mine][1:] == sorted([*mine][1:])

    every()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_entities_as_seqeval(scheme):
    from seqeval import scheme as schemes
    from seqeval.metrics.sequence_labeling import get_entities

    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.sampled_from(tags_of(SCHEMES[scheme])), max_size=9))
    def every(tags):
        if scheme is None:
            expected = [(kind, a, b + 1) for kind, a, b in get_entities(tags)]
        else:
            own = schemes.Tokens(tags, getattr(schemes, scheme)).entities
            expected = [(e.tag, e.start, e.end) for e in own]
        assert entities(tags, scheme) == expected

    every()


def test_by_hand():
    """A whole person, a fragment of a place: only the lenient reading takes the fragment."""
    tags = ["B-PER", "I-PER", "O", "I-LOC", "B-LOC"]
    whole = [Entity("PER", 0, 2), Entity("LOC", 4, 5)]
    assert entities(tags, "BIO") == entities(tags, "IOB2") == whole
    assert entities(tags) == [whole[0], Entity("LOC", 3, 4), whole[1]]
    assert entities(["B-PER", "I-LOC"], "BIO") == [Entity("PER", 0, 1)]
    assert entities([]) == []


def test_words_of_bmes_and_other_letters():
    assert entities(list("BEBMMESB"), "BMES") == [("_", 0, 2), ("_", 2, 6), ("_", 6, 7)]
    assert entities(["B-X", "M-X", "E-X", "O", "S-X"], "BMES") == [("X", 0, 3), ("X", 4, 5)]
    assert entities(["B-X", "I-X", "E-X", "S-Y"], "BIOES") == [("X", 0, 3), ("Y", 3, 4)]


@pytest.mark.parametrize("scheme", ["BIO", "BIOES", "BMES"])
def test_tags_of_entities_are_their_inverse(scheme):
    """Spans between random cuts, some of them left out, in any order: written and read again."""

    @settings(max_examples=200, deadline=None)
    @given(st.data(), st.sets(st.integers(0, 12)), st.integers(12, 15))
    def every(data, cuts, T):
        ends = sorted(cuts)
        kinds = st.sampled_from(["X", "Y", "_", None])
        spans = [(data.draw(kinds), a, b) for a, b in itertools.pairwise(ends)]
        wanted = [Entity(*span) for span in spans if span[0]]
        tags = entity_tags(wanted[::-1], T, scheme)
        assert len(tags) == T
        assert entities(tags, scheme) == wanted

    every()


def test_tags_of_entities_by_hand():
    assert entity_tags([Entity("X", 1, 3), ("Y", 4, 5)], 6) == ["O", "B-X", "I-X", "O", "B-Y", "O"]
    assert entity_tags([("_", 0, 3), ("Y", 3, 4)], 4, "BMES") == ["B", "M", "E", "S-Y"]
    assert entity_tags([], 0) == []
    for wrong in ([("X", 1, 1)], [("X", 0, 3)], [("X", -1, 1)], [("X", 0, 2), ("Y", 1, 2)]):
        with pytest.raises(ValueError, match=r"entity '[XY]', .*: expected 0 <= start"):
            entity_tags(wrong, 2)
    with pytest.raises(ValueError, match="unknown scheme 'IOE1'"):
        entity_tags([], 2, "IOE1")


def test_scores_by_hand():
    """Two right entities; found: one of them, and one with the wrong end."""
    gold = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"]]
    found = [["B-PER", "O", "O"], ["B-LOC", "O", "B-LOC"]]
    scores = entity_scores(gold, found, "BIO")
    assert scores["all"] == pytest.approx((1 / 3, 1 / 2, 2 / 5, 2))
    assert scores["LOC"] == pytest.approx((1 / 2, 1, 2 / 3, 1))
    assert scores["PER"] == (0, 0, 0, 1)
    assert entity_scores([["O"]], [["O"]])["all"] == (0, 0, 0, 0)


def test_errors():
    with pytest.raises(ValueError, match=r"gold has 1 sentences of 2 tags, found 1 .* of 1"):
        entity_scores([["O", "O"]], [["O"]])
    with pytest.raises(ValueError, match="unknown scheme 'BIOX'; expected None or one of"):
        entities(["O"], "BIOX")
    for tag, scheme in (("E-X", "BIO"), ("X", None), ("B-", "BIO"), ("O-X", "BIO"), ("", None),
                        ("M-X", "BIOES"), ("I", "BMES")):  # fmt: skip
        with pytest.raises(ValueError, match=f"tag {tag!r}: expected one of"):
            entities([tag], scheme)
