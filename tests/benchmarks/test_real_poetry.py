"""The run on verse: laws, masks, couplets and tunes on small made poems; its record."""

import itertools
import math

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.nlp import sounds
from rnncourse.nn import optim

verse = load("real/_verse.py")
pairs_of = load("real/_couplets.py")
answers = load("real/_answers.py")
ci_of = load("real/_ci.py")
tunes = load("real/_tunes.py")
poetry = load("real/poetry.py")

FAMOUS = ["白日依山尽", "黄河入海流", "欲穷千里目", "更上一层楼"]


# --- laws -----------------------------------------------------------------------------------


def test_a_famous_quatrain_keeps_the_law():
    assert verse.verdict(FAMOUS) == {
        "tones": 1, "breaks": 0, "rhyme": 1, "lawful": 1, "no repeats": 1,
    }  # fmt: skip


def test_what_breaks_it():
    wrong = [*FAMOUS[:3], "更上一层花"]  # a level tone, but not of the rhyme
    assert verse.verdict(wrong)["tones"] == 1
    assert verse.verdict(wrong)["rhyme"] == verse.verdict(wrong)["lawful"] == 0
    oblique = ["白日依山尽", "黄河入海月", "欲穷千里目", "更上一层楼"]
    assert verse.verdict(oblique)["breaks"] == 1
    same = [*FAMOUS[:3], "更上一层流"]  # a word does not rhyme with itself
    assert verse.verdict(same)["rhyme"] == verse.verdict(same)["no repeats"] == 0


def test_poems_of_wrong_form_keep_no_law():
    poem = "，".join(FAMOUS[:2]) + "。" + "，".join(FAMOUS[2:]) + "。"
    found = verse.shares([poem, poem[:-2]], lambda text: len(text) == 24, lambda _: FAMOUS)
    assert found["form"] == found["lawful"] == 0.5
    assert found["tones"] == 1
    assert verse.shares([poem], lambda _: None, list) == {"form": 0}


def test_runs_that_are_copied():
    known = verse.pieces(["abcd", "cde"])
    assert known == {"a", "b", "c", "d", "e", "ab", "bc", "cd", "de", "abc", "bcd", "cde", "abcd"}
    assert [verse.run(line, known) for line in ("xbcx", "bcde", "xyz", "abcd", "")] == [
        2,
        3,
        0,
        4,
        0,
    ]
    found = verse.copied([["xbc", "abcd"], ["xyz"]], known)
    assert found["longest run"] == 2  # 4 and 0
    assert found["lines copied"] == pytest.approx(1 / 3)
    assert found["different lines"] == 1
    assert verse.copied([], known) == {}


# --- masks ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def writing():
    """A network that has learnt nothing, over characters enough for any rhyme."""
    level = [c for name in ("东", "尤", "寒") for c in sorted(sounds.characters())
             if sounds.rhymes(c) == {name}][:90]  # fmt: skip
    oblique = [c for c in sorted(sounds.characters()) if sounds.tones(c) == {"oblique"}][:60]
    tokens = ["\n", "□", "，", "。", *level, *oblique]
    rng = np.random.default_rng(0)
    params = pairs_of_network(rng, len(tokens))
    return verse.Writing(params, tokens, verse.Masks(tokens, "□"))


def pairs_of_network(rng, V):
    return load("real/live_writer.py").init(rng, V, 5, 7)


@pytest.mark.parametrize(("size", "rules"), list(itertools.product((5, 7), (1, 2, 3, 4))))
def test_each_rule_is_kept_once_it_is_asked_for(writing, size, rules):
    poems, cost = writing.poems(size, 20, rules, 1.0, np.random.default_rng(1))
    cut = [[line for line in poem.replace("。", "，").split("，") if line] for poem in poems]
    assert all([len(line) for line in lines] == [size] * 4 for lines in cut)
    found = [verse.verdict(lines) for lines in cut]
    laws = ["tones", "rhyme", "no repeats"][: rules - 1]
    assert all(row[law] for row in found for law in laws)
    assert (cost > 0).all()


def test_rules_cost_more_the_more_there_are(writing):
    costs = [writing.poems(5, 40, rules, 1.0, np.random.default_rng(2))[1].mean()
             for rules in (1, 2, 3, 4)]  # fmt: skip
    assert costs == sorted(costs)


def test_a_rule_that_leaves_nothing_is_dropped():
    kept = np.array([[True, False], [True, True]])
    found = verse.narrowed(kept, np.array([[False, True], [False, True]]))
    assert found.tolist() == [[True, False], [False, True]]


# --- couplets ----------------------------------------------------------------------------------


@pytest.fixture
def few():
    pairs = [
        ("青山横北郭", "白水绕东城"),
        ("浮云游子意", "落日故人情"),
        ("山山明月露", "树树起秋风"),
    ]
    text = {part: {5: pairs * 3, 7: [(a + "山水", b + "地天") for a, b in pairs]}
            for part in pairs_of.PARTS}  # fmt: skip
    return pairs_of.known(text)


def test_gradients_of_the_network_for_couplets(monkeypatch):
    for name, value in (("D", 3), ("HALF", 2), ("H", 4)):
        monkeypatch.setattr(pairs_of, name, value)
    rng = np.random.default_rng(0)
    params = {part: {name: array.astype(np.float64) for name, array in arrays.items()}
              for part, arrays in pairs_of.init(rng, 7).items()}  # fmt: skip
    params["embedding"]["E"] = rng.standard_normal((7, 3))
    firsts, seconds = rng.integers(0, 7, (2, 2, 5))

    def loss():
        return pairs_of.loss_and_gradients(params, firsts, seconds, 0.3, np.random.default_rng(3))

    grads = optim.leaves(loss()[1])
    for name, array in optim.leaves(params).items():
        place = tuple(rng.integers(size) for size in array.shape)
        old = array[place]
        array[place] = old + 1e-5
        above = loss()[0]
        array[place] = old - 1e-5
        below = loss()[0]
        array[place] = old
        assert (above - below) / 2e-5 == pytest.approx(grads[name][place], abs=1e-8), name


def test_tables_are_probabilities(few):
    below, found = pairs_of.unigram(few, 5), pairs_of.table(few)
    assert below.sum() == pytest.approx(1)
    for character in range(len(few.characters)):
        row = pairs_of.table_row(found, character, below)
        assert row.sum() == pytest.approx(1)
        assert (row > 0).all()


def test_the_table_by_hand(few):
    mountain, index = few.characters.index("山"), few.characters.index
    counts = pairs_of.table(few)[mountain]
    assert counts[index("树")] == 8  # three times two, and two in the longer line
    row = pairs_of.table_row(pairs_of.table(few), mountain, pairs_of.unigram(few, 5))
    R, total = len(counts), counts.total()
    below = pairs_of.unigram(few, 5)[index("树")]
    assert row[index("树")] == pytest.approx((8 + R * below) / (total + R))


def test_answers_under_the_rule(few, monkeypatch):
    rng = np.random.default_rng(0)
    characters = sorted(sounds.characters())[:400]
    pairs = pairs_of.Pairs({}, ["\n", "□", *characters])
    params = pairs_of.init(rng, len(pairs.characters))
    firsts = rng.integers(2, 402, (30, 7))
    firsts[0, 1] = firsts[0, 0]
    for tau in (0.0, 1.0):
        ids, cost = pairs_of.answers(params, firsts, answers.ruled(pairs, firsts), tau, rng)
        told = list(zip(pairs_of.text(pairs, firsts), pairs_of.text(pairs, ids), strict=True))
        found = answers.judged(told, set())
        assert found["shared character"] == found["repeated"] == 0
        assert ids[0, 1] == ids[0, 0]
        assert (cost > 0).all()
    free, none = pairs_of.answers(params, firsts)
    assert free.min() > 1
    assert not none.any()


def test_laws_of_couplets_by_hand():
    assert [answers.side(c) for c in "山水看A"] == [1, -1, 0, 0]
    found = answers.judged([("山山明月露", "树树起秋风"), ("青山横北郭", "白山绕东城")], set())
    assert found["repeated"] == 0
    assert found["shared character"] == 0.5
    assert found["lawful"] == 0.5
    assert answers.doubled("山山", "水月")
    assert answers.doubled("山水", "月月")
    assert not answers.doubled("山水山", "月日月")


# --- ci ---------------------------------------------------------------------------------------


def small_ci():
    rng = np.random.default_rng(0)
    words = "山水风月花云人天春秋"

    def poem(form):
        return "".join("".join(rng.choice(list(words), n)) + stop for n, stop in form)

    forms = {"甲调": [(3, "，"), (5, "。")] * 2, "乙调": [(4, "。")] * 4}
    poems = [(tune, poem(form)) for tune, form in forms.items() for _ in range(40)]
    poems += [("甲调", "山。"), ("丙调", "山水。")]
    return poems


def test_parts_forms_and_skeletons(monkeypatch):
    monkeypatch.setattr(ci_of, "TUNES", 2)
    ci = ci_of.known(small_ci(), np.random.default_rng(0))
    assert ci.tunes == ["甲调", "乙调"]
    assert sum(map(len, ci.poems.values())) == 81  # without the third tune
    forms = {tune: list(found) for tune, found in ci_of.forms(ci).items()}
    assert forms == {"甲调": [(3, 5, 3, 5)], "乙调": [(4, 4, 4, 4)]}  # not the broken poem's
    assert ci_of.usual(ci) == {"甲调": "xxx，xxxxx。" * 2, "乙调": "xxxx。" * 4}
    ids = ci.numbers("乙调", "山水。")
    assert [ci.characters[k] for k in ids] == ["乙调", "山", "水", "。", "\n"]


def test_given_stops_are_kept(monkeypatch):
    monkeypatch.setattr(ci_of, "TUNES", 2)
    ci = ci_of.known(small_ci(), np.random.default_rng(0))
    monkeypatch.setattr(tunes._ci, "read", lambda: ci)
    params = ci_of.init(np.random.default_rng(0), len(ci.characters))
    usual = ci_of.usual(ci)
    poems, cost = tunes.written(params, 3, 1.0, usual, np.random.default_rng(0))
    assert [tune for tune, _ in poems] == ["甲调"] * 3 + ["乙调"] * 3
    assert all(ci_of.skeleton(text) == usual[tune] for tune, text in poems)
    assert cost > 0
    free, none = tunes.written(params, 1, 1.0, None, np.random.default_rng(0))
    assert none == 0
    assert not any(tune in text for tune, text in free)


def test_rhyme_of_sentence_ends():
    assert tunes.rhyming("东。红。风。天。") == pytest.approx(0.75)
    assert tunes.rhyming("东。红。风。") is None  # too few to tell
    assert sorted(tunes.jumbled("山水，风。", np.random.default_rng(1))) == sorted("山水，风。")
    assert ci_of.skeleton(tunes.jumbled("山水，风。", np.random.default_rng(1))) == "xx，x。"


def test_an_ngram_writes_within_a_skeleton():
    tokens = ["\n", "□", "，", "。", *"山水风月"]
    model = poetry.WittenBell(2, 8).fit([[0, 4, 5, 2, 6, 7, 3, 0]])
    rng = np.random.default_rng(0)
    texts = list(poetry.ngram_texts(model, tokens, [0] * 20, rng, ["xx，xx。"] * 20))
    assert {ci_of.skeleton(text) for text in texts} == {"xx，xx。"}
    free = list(poetry.ngram_texts(model, tokens, [0] * 20, rng))
    assert not any("□" in text or "\n" in text for text in free)


# --- the record ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record():
    return data.recorded("real_poetry")


def test_masks_keep_the_law_in_the_record(record):
    for size in ("5", "7"):
        assert record["quatrains"]["with tones"][size]["tones"]["mean"] == 1
        assert record["quatrains"]["with rhyme"][size]["lawful"]["mean"] > 0.99
        costs = [record["quatrains"][f"with {rule}"][size]["cost"]["mean"] for rule in verse.RULES]
        assert costs == sorted(costs)
        for kind in ("greedy, ruled", "drawn, ruled"):
            assert record["couplets"][size][kind]["shared character"]["mean"] == 0
    assert record["ci"]["ruled"]["form"]["mean"] == 1


def test_shares_are_shares_and_nothing_is_lost(record):
    def walk(value, name=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, key if key not in ("mean", "values", "spread") else name)
        elif isinstance(value, float):
            assert math.isfinite(value), name
            if name in ("form", "tones", "rhyme", "lawful", "no repeats", "opposed", "top 1"):
                assert 0 <= value <= 1, name

    walk({part: record[part] for part in ("quatrains", "couplets", "ci")})


def test_the_network_beats_the_tables_and_real_verse_beats_the_shuffled(record):
    for size in ("5", "7"):
        found = record["couplets"][size]
        network = found["scores"]["perplexity"]["mean"]
        assert network < found["table"]["perplexity"] < found["unigram"]["perplexity"]
        assert found["real"]["opposed"] > found["shuffled"]["opposed"] + 0.1
        quatrains = record["quatrains"][size]
        assert quatrains["real"]["lawful"] > quatrains["shuffled"]["lawful"]
    assert record["ci"]["perplexity"]["mean"] < record["ci"]["2-gram"]["perplexity"]
