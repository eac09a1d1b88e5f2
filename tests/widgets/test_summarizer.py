"""The network that makes titles by leaving out: what it reads, what it keeps, its record."""

import html
import itertools
import json
import re

import numpy as np
import pytest

from rnncourse import data
from rnncourse.nn import cells, crf, layers, optim
from rnncourse.widgets import summarizer, tagger, weights
from rnncourse.widgets.summarizer import Piece

D, H = 3, 2


def network(language, wanted=0):
    """Small, asymmetric, with biases that are not zero."""
    rng = np.random.default_rng(8)
    tokens, rows = ["", "*", "雨", "风", ",", "a"], summarizer.FEATURES
    if language == "en":
        tokens, rows = ["", "*", "*ng", "*0", "rain", "not", "."], len(tagger.SHAPES)
    params = {
        "embedding": layers.embedding_init(rng, len(tokens), D),
        "lstm": tuple(cells.lstm_init(rng, D + 1, H) for _ in range(2)),
        "output": layers.dense_init(rng, 2 * H, 2),
        "chain": crf.crf_init(rng, 2),
    }
    params["embedding"]["S"] = rng.standard_normal((rows, 1))
    for array in optim.leaves(params).values():
        array += 0.8 * rng.standard_normal(array.shape)
    return {"language": language, "limit": 7, "tokens": tokens, "more": 0.25, "wanted": wanted,
            "weights": weights.pack(params)}  # fmt: skip


@pytest.fixture(params=["en", "zh"])
def model(request):
    return summarizer.Summarizer(network(request.param))


# --- what is read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("“Rain,”", ["“", "Rain", ",", "”"]), ("didn't", ["did", "n't"]),
        ("won’t.", ["wo", "n’t", "."]), ("Rome's", ["Rome", "'s"]), ("$5.2", ["$", "5.2"]),
        ("8%.", ["8", "%", "."]),
        ("Mr.", ["Mr."]), ("J.", ["J."]), ("U.S.", ["U.S."]), ("no.", ["no", "."]),
        ("I.", ["I."]), ("...", [".", ".", "."]), ("co-star", ["co-star"]),
        ("(a)", ["(", "a", ")"]), ("!", ["!"]), ("``", ["``"]), ("5.", ["5", "."]),
        ("👨\u200d👩", ["👨\u200d👩"]),
    ],
)  # fmt: skip
def test_parts_of_a_word_by_hand(word, parts):
    assert summarizer.parts(word) == parts
    assert "".join(parts) == word


def test_pieces_are_glued_where_no_space_was():
    assert summarizer.pieces("Rome's “new”\n mayor", "en") == [
        Piece("Rome", False), Piece("'s", True), Piece("“", False), Piece("new", True),
        Piece("”", True), Piece("mayor", False),
    ]  # fmt: skip
    assert summarizer.pieces("雨 Ａ，\n风", "zh") == [Piece(c, True) for c in "雨Ａ，风"]
    assert summarizer.pieces(" \ufeff", "en") == summarizer.pieces("", "zh") == []
    with pytest.raises(ValueError, match='language is \'fr\'; expected "en" or "zh"'):
        summarizer.pieces("a", "fr")


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("It rained. He left.", 3), ("“It rained.” He left.", 5), ("Mr. Lee left. Bye.", 4),
        ("It cost 5.2 million and", 5), ("So?! Yes.", 3), ("no end here", 3),
        ("a.b c.d", 2), ("", 0), (". X", 1),
        ("“Why?” he asked. I know.", 7), ("“Why?”, Ann asked. Yes.", 8), ("“No.” Ann left.", 4),
    ],
)  # fmt: skip
def test_first_sentence_by_hand(typed, first):
    assert summarizer.sentence(summarizer.pieces(typed, "en")) == first


def test_only_the_first_sentence_is_read_in_english_and_a_paragraph_in_chinese():
    read = summarizer.Summarizer(network("en")).read("Rain zzz. More rain.")
    assert [piece.token for piece in read.pieces] == ["Rain", "zzz", "."]
    assert (read.unknown, read.cut, read.more) == ([1], False, True)
    read = summarizer.Summarizer(network("en")).read("a b c d e f g h")
    assert (len(read.pieces), read.cut, read.more) == (7, True, False)
    read = summarizer.Summarizer(network("zh")).read("雨，风。雨")
    assert (len(read.pieces), read.unknown, read.cut, read.more) == (5, [3], False, False)
    assert summarizer.Summarizer(network("zh")).read("雨" * 8).cut
    assert summarizer.Summarizer(network("en")).read("rain " * 600).cut


def test_what_stands_beside_a_character_by_hand():
    """雨风 is there twice, the second time in the second clause: 16 for it, 4 for each time with
    what is before, 1 for each with what is behind; twice all that, and 1 where it comes again."""
    found = summarizer.beside(list("雨风,雨风"))
    times = [2, 2 * 4 + 1, 1 * 4 + 1, 16 + 1 * 4 + 2, 16 + 2 * 4]
    assert found.tolist() == [
        2 * k + again for k, again in zip(times, (0, 0, 0, 1, 1), strict=True)
    ]
    many = summarizer.beside(list("雨," * 9))
    assert many.max() == summarizer.FEATURES - 1
    assert summarizer.beside([]).tolist() == []


# --- what is kept ---------------------------------------------------------------------------


def test_scores_are_those_of_single_steps_in_both_directions(model):
    tokens = ["rain", "x", "Singing", "not"] if model.language == "en" else list("雨风x雨")
    ids, E = model.reader.encode(tokens)[:, 0], model.reader.embedding
    second = ([tagger.shape(t) for t in tokens] if model.language == "en"
              else summarizer.beside(tokens))  # fmt: skip
    xs = np.concatenate([E["E"][ids], E["S"][second]], axis=1)
    both = []
    for way, cell in zip((xs, xs[::-1]), model.reader.lstm, strict=True):
        state, hs = (np.zeros((1, H)), np.zeros((1, H))), []
        for x in way:
            state, _ = cells.lstm_step(x[None], state, cell)
            hs.append(state[0][0])
        both.append(hs)
    hs = np.concatenate([both[0], both[1][::-1]], axis=1)
    expected = hs @ model.output["W_y"] + model.output["b_y"]
    np.testing.assert_allclose(model.scores(tokens), expected, atol=1e-12)


def test_kept_is_the_best_of_all_paths(model):
    scores, more = np.random.default_rng(3).standard_normal((5, 2)), 0.4
    moved = scores + np.array([[0, model.more + more]])

    def worth(path, p=model.chain):
        inner = sum(p["transitions"][a, b] for a, b in itertools.pairwise(path))
        return p["start"][path[0]] + p["end"][path[-1]] + inner + moved[range(5), path].sum()

    best = max(map(list, itertools.product(range(2), repeat=5)), key=worth)
    assert model.keep(scores, more) == [k == 1 for k in best]
    assert model.keep(np.zeros((0, 2))) == []


def test_more_never_keeps_less(model):
    """Of a longer text as many as are wanted are kept at least, if so many are there."""
    scores = np.random.default_rng(4).standard_normal((40, 2))
    counts = [sum(model.keep(scores, more)) for more in np.linspace(-9, 9, 73)]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 40)
    for wanted in (1, 7, 40, 99):
        ours = summarizer.usual(scores, model.chain, 0.0, wanted)
        kept = summarizer.kept_of(scores, model.chain, np.array([ours - 0.1, ours])).sum(1)
        assert kept[1] >= min(wanted, 40) or ours == summarizer.STEPS[-1]
        assert kept[0] < min(wanted, 40) or ours == summarizer.STEPS[0]
    assert summarizer.usual(scores, model.chain, 0.3, 0) == 0.3
    assert summarizer.usual(scores - [[0, 99]], model.chain, 0.3, 5) == summarizer.STEPS[-1]


def test_titles_hold_nothing_that_the_text_has_not(model):
    typed = "Rain, not  “rain”'s" if model.language == "en" else "雨，风 雨ａ"
    for more in (-3, 0, 0.5, 3):
        found = model.title(typed, more)
        tokens = [piece.token for piece in model.read(typed).pieces]
        kept = [token for token, keep in zip(tokens, found.kept, strict=True) if keep]
        assert "".join(kept) == found.text.replace(" ", "")
    whole = {"en": "Rain, not “rain”'s", "zh": "雨，风雨ａ"}
    assert model.title(typed, 99).text == whole[model.language]


def test_nothing_is_said_of_what_is_not_known(model):
    for typed in ("", " \n", "🙂🙂", "\ufeff"):
        assert model.title(typed).text == ""
        assert not any(model.title(typed).kept)


def test_joined_by_hand():
    found = summarizer.pieces("Rome, “the city”, didn't pay $5.", "en")
    # Rome , “ the city ” , did n't pay $ 5 .
    kept = [True, False, False, True, True, False, True, True, True, False, False, True, True]
    assert summarizer.joined(found, kept, "en") == "Rome the city, didn't 5."
    assert summarizer.joined(found, [True] * 13, "en") == "Rome, “the city”, didn't pay $5."
    assert summarizer.joined(found, [False] * 13, "en") == ""
    lost = [True] * 8 + [False] + [True] * 4
    assert summarizer.reversed_by(found, lost, "en") == [8]
    assert summarizer.reversed_by(found, [False] * 7 + lost[7:], "en") == [8]
    assert summarizer.reversed_by(found, [*lost[:9], False, *lost[10:]], "en") == []
    chinese = summarizer.pieces("雨不大", "zh")
    assert summarizer.joined(chinese, [True, False, True], "zh") == "雨大"
    assert summarizer.reversed_by(chinese, [True, False, True], "zh") == [1]
    assert summarizer.runs([False, True, True, False, True]) == [(1, 3), (4, 5)]
    assert summarizer.runs([]) == []


def test_lead_by_hand():
    english = summarizer.Summarizer(network("en"))
    assert english.lead("The rain stopped. More came.", 2) == "The rain"
    chinese = summarizer.Summarizer(network("zh"))
    assert chinese.lead("雨停，风起", 3) == "雨停"
    assert chinese.lead("，雨停", 3) == "，雨停"
    assert chinese.lead("", 3) == ""


def test_page_gets_examples_and_where_the_network_is(monkeypatch):
    small = network("en")
    monkeypatch.setattr(data, "recorded", lambda name: {"network": small})
    shown, model = summarizer.show("x", "en", ['rain <"', "not rain"]), summarizer.Summarizer(small)
    titles = [model.title(text) for text in ('rain <"', "not rain")]
    assert repr(shown).splitlines()[::2] == [title.text for title in titles]
    text = shown._repr_html_()
    assert '<"' not in text
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', text)}
    assert json.loads(place.pop("examples")) == ['rain <"', "not rain"]
    assert place == {"edition": "en", "net": "x",
                     "kilobytes": str(round(weights.size(small) / 1000))}  # fmt: skip
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            summarizer.show("x", "en", wrong)
    with pytest.raises(ValueError, match="language is 'zh'; x reads 'en'"):
        summarizer.show("x", "zh", ["a"])


# --- the record -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_record_says_what_its_network_says(language):
    """Size, licence, and the titles of texts that are in no data."""
    record = data.recorded("real_live_titles")[language]
    own = data.recorded(f"live_titles_{language}")
    assert own["licence"] == record["licence"]
    found, model = own["network"], summarizer.Summarizer(own["network"])
    assert weights.size(found) == record["bytes"] <= weights.LIMIT
    assert len(set(found["tokens"])) == len(found["tokens"]) == record["tokens"]
    assert (found["more"], found["wanted"]) == (record["more"], record["wanted"])
    assert len(record["asked"]) > 14
    for typed, *titles, lead in record["asked"]:
        assert [model.title(typed, more).text for more in (0, -0.5, 0.5)] == titles
        assert model.lead(typed, sum(model.title(typed).kept)) == lead
