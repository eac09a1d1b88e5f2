"""The networks that talk in a page: what they learn from, and how replies are judged."""

from collections import Counter

import numpy as np
import pytest
from scripts import load

from rnncourse.data import smalltalk
from rnncourse.widgets import talker

LANGUAGES = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def script():
    return load("real/live_talk.py")


@LANGUAGES
def test_all_that_is_drawn_is_known_and_nothing_that_is_tested(script, language):
    """2,000 draws: each reply is of the kind or fits nearly anywhere; the last way to ask of each
    kind never comes; the shares are those that the script names."""
    rng, of = np.random.default_rng(3), script.kinds(language)
    read, written = (set(tokens) for tokens in script.tokens(language))
    tested = {kind.asks[-1] for kind in of.values() if not kind.says}
    tested_says = {kind.says[-1] for kind in of.values() if kind.says}
    found = [script.drawn(rng, language) for _ in range(2000)]
    count = Counter()
    for one in found:
        assert set(talker.read(one.before)) | set(talker.read(one.asked)) <= read
        assert set(talker.cut(one.reply)) <= written
        assert one.asked not in tested
        assert one.before not in tested_says
        count[one.kind if one.kind in script.SHARES else one.kind[0]] += 1
        expected = {"lost": {"lost"}, "no topic": {"safe"}}.get(one.kind, {"own", "safe"})
        if one.kind != "nothing":
            assert script.judged(one, one.reply, language) in expected
    for name, share in script.SHARES.items():
        seen = count["*" if name == "self" else name] / len(found)
        assert seen == pytest.approx(share, abs=5 * np.sqrt(share / len(found)))


@LANGUAGES
def test_replies_are_judged_by_their_kind(script, language):
    of = script.kinds(language)
    lunch, job = of["lunch"].replies[0], of["job"].replies[0]
    asked = script.Asked("", of["lunch"].asks[0], lunch, "lunch")
    safe, lost = smalltalk.talk(language).safe[0], script.LOST[language][0]
    for reply, worth in ((lunch, "own"), (job, "other"), (safe, "safe"), (lost, "lost"),
                         (of["*human"].replies[0], "other"), (lunch + job, "none"),
                         ("", "none")):  # fmt: skip
        assert script.judged(asked, reply, language) == worth
    shares = script.shares([asked] * 4, [lunch, lunch, safe, job], language)
    assert shares == {"own": 0.5, "safe": 0.25, "lost": 0.0, "other": 0.25, "none": 0.0,
                      "ten commonest": 1.0}  # fmt: skip


@LANGUAGES
def test_no_two_kinds_have_a_reply_or_a_question_in_common(script, language):
    """Else a reply's worth would hang on the order of the file."""
    lists = [kind.replies for kind in script.kinds(language).values()]
    lists += [smalltalk.talk(language).safe, script.LOST[language]]
    assert len(script.known(language)) == sum(map(len, lists))
    asks = [ask for kind in script.kinds(language).values() if not kind.says for ask in kind.asks]
    assert len(set(asks)) == len(asks)


def test_numbers_that_are_read_are_those_of_the_page(script, monkeypatch):
    """Where nothing is dropped or made unknown; and what is lost is nearly all unknown."""
    monkeypatch.setattr(script, "DROPPED", 0.0)
    monkeypatch.setattr(script, "UNKNOWN", 0.0)
    numbers = script._numbers("en")
    asked = script.Asked("I have an exam.", "Why is that now", "", "exam, why")
    rng = np.random.default_rng(0)
    found = script.source_of(rng, asked, "en")
    words = ["i", "have", "an", "exam", ".", "|", "why", "is", "that", "now"]
    kept = [word for word in words if word != "." or numbers["."] in found]
    assert found == [numbers[word] for word in kept]
    assert script.source_of(rng, script.Asked("", "", "", "nothing"), "en") == [2]
    lost = [script.source_of(rng, script.Asked("", "", "", "lost"), "en") for _ in range(300)]
    after = [k for one in lost for k in one[one.index(1) + 1 :]]
    assert np.mean(np.array(after) == 0) == pytest.approx(0.85, abs=0.05)


@LANGUAGES
def test_stored_questions_have_all_replies_and_no_tested_question(script, language):
    rows = script.stored(language)
    for name, kind in script.kinds(language).items():
        mine = [row for row in rows if row[2] in kind.replies]
        asks = kind.asks if kind.says else kind.asks[:-1]
        assert len(mine) == len(asks) * max(1, len(kind.says) - 1), name
        assert len({row[2] for row in mine}) == min(len(kind.replies), len(mine))
        assert {row[1] for row in mine} == set(asks)
        assert {row[0] for row in mine} == set(kind.says[:-1] or [""])
