"""text and data: round trips, what padding may not change, splits that share nothing, errors."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rnncourse import data
from rnncourse.grading.exercise import build, load, read_notebook
from rnncourse.nlp import text
from rnncourse.nn import cells, functional, layers, recurrent

examples = settings(derandomize=True, deadline=None, max_examples=60)
few = settings(derandomize=True, deadline=None, max_examples=25)
tokens_of = st.lists(st.text(min_size=1, max_size=6), max_size=12)
seeds = st.integers(0, 2**32 - 1)
ROOT = Path(__file__).resolve().parents[2]


def exercise(number):
    """The reference function of one exercise, and how its inputs are drawn."""
    path = ROOT / "solutions" / f"text_sol_0{number}.ipynb"
    found = load(read_notebook(path))
    return build(found, found.source), found.draw


# --- tokens ------------------------------------------------------------------------


@examples
@given(st.text())
def test_characters_lose_nothing(s):
    """Joined, the characters are the text, whatever it holds."""
    assert "".join(text.characters(s)) == s


@examples
@given(st.text() | st.text("aé的二〇３. ,'’_-\u200d\ufe0f\u0301👍🏽🇨🇳1\n"))
def test_words_lose_white_space_alone(s):
    """Joined, the words are the text in lower case without white space; none is empty."""
    for segment in (None, lambda run: [run[:1], run[1:]] if run[1:] else [run]):
        found = text.words(s, segment)
        assert "".join(found) == "".join(s.lower().split())
        assert all(found)


@pytest.mark.parametrize(
    ("s", "expected"),
    [
        ("", []),
        (" \n\u3000", []),
        ("Don't stop, Zoë’s café!", "don't|stop|,|zoë’s|café|!"),
        ("cafe\u0301 ok", "cafe\u0301|ok"),
        ("'quoted' a'b", "'|quoted|'|a'b"),
        ("3.14, 1,000 and 12.", "3.14|,|1,000|and|12|."),
        ("３个 １２", "３|个|１２"),
        ("covid19 snake_case x²", "covid|19|snake|_|case|x²"),
        ("我爱RNN，真的。", "我|爱|rnn|，|真|的|。"),
        ("二〇二四年 人々", "二|〇|二|四|年|人|々"),
        ("好👍🏽 ❤️ 👩\u200d👧 🇨🇳🇫🇷 1️⃣", "好|👍🏽|❤️|👩\u200d👧|🇨🇳|🇫🇷|1️⃣"),
    ],
)
def test_words_by_hand(s, expected):
    """Mixed scripts, full-width digits and spaces, accents, apostrophes, emoji."""
    assert text.words(s) == (expected.split("|") if expected else [])


def test_segment_gets_whole_runs_of_chinese_and_nothing_else():
    """jieba's words, unchanged by what stands around them."""
    runs = []

    def note(run):
        runs.append(run)
        return [run]

    text.words("二〇二四年，我们用RNN写诗！ok", segment=note)
    assert runs == ["二〇二四年", "我们用", "写诗"]
    import jieba

    jieba.setLogLevel("ERROR")
    found = text.words("酒店的早餐很好，WiFi太慢。", segment=jieba.lcut)
    assert found == ["酒店", "的", "早餐", "很", "好", "，", "wifi", "太慢", "。"]


@pytest.mark.parametrize(
    "segment", [lambda run: [run[0]], lambda run: [run, "x"], lambda run: [run, ""]]
)
def test_segment_that_does_not_join_is_reported(segment):
    """A lost character, one too many, an empty word."""
    with pytest.raises(ValueError, match=r"segment made .* of '我爱你'.*join to the whole"):
        text.words("ok 我爱你", segment)


@pytest.mark.parametrize("function", [text.characters, text.words])
def test_text_must_be_one_string(function):
    """A list of texts, bytes, nothing."""
    for wrong in (["a b"], b"a b", None):
        with pytest.raises(TypeError, match=f"text is {type(wrong).__name__}"):
            function(wrong)


# --- vocabulary --------------------------------------------------------------------


@examples
@given(tokens_of.filter(bool), st.booleans(), st.booleans())
def test_vocabulary_round_trips(tokens, pad, unknown):
    """decode(encode(x)) = x; from_json(to_json) is the same vocabulary."""
    assume(set(tokens) - {"<pad>", "<unk>"})
    special = {"pad": "<pad>" if pad else None, "unknown": "<unk>" if unknown else None}
    v = text.Vocabulary(tokens, **special)
    assert v.decode(v.encode(tokens)) == tokens
    assert sorted(v.encode(v.tokens)) == list(range(len(v)))
    again = text.Vocabulary.from_json(v.to_json())
    assert (again.tokens, again.pad, again.unknown) == (v.tokens, v.pad, v.unknown)
    assert (again.pad_index, again.unknown_index) == (v.pad_index, v.unknown_index)
    assert again.encode(tokens).tolist() == v.encode(tokens).tolist()


@examples
@given(st.lists(tokens_of, min_size=1), st.integers(1, 3), st.integers(3, 9))
def test_vocabulary_of_documents_counts(documents, least, largest):
    """The frequent tokens first, none below min_count, never more than max_size."""
    counts = {}
    for token in itertools.chain(*documents):
        counts[token] = counts.get(token, 0) + 1
    assume(not {"<pad>", "<unk>"} & counts.keys())
    kept = [token for token, n in counts.items() if n >= least]
    assume(kept)
    v = text.Vocabulary.from_documents(documents, max_size=largest, min_count=least)
    assert v.tokens[:2] == ["<pad>", "<unk>"]
    assert v.tokens[2:] == sorted(kept, key=lambda token: -counts[token])[: largest - 2]
    seen = [token if token in v else "<unk>" for token in documents[0]]
    assert v.decode(v.encode(documents[0])) == seen


def test_token_never_seen():
    """The unknown token's number where there is one, else an error that names it."""
    with_unknown = text.Vocabulary(["a"], pad="_", unknown="?")
    assert with_unknown.encode(["a", "b", "?"]).tolist() == [2, 1, 1]
    assert with_unknown.encode([]).tolist() == []
    assert text.Vocabulary(["a"]).unknown_index is None
    with pytest.raises(KeyError, match="not among the vocabulary's 1 tokens"):
        text.Vocabulary(["a"]).encode(["b"])


def test_documents_that_no_vocabulary_can_be_made_of():
    """Strings instead of lists, no token left, a document that holds the padding token."""
    make = text.Vocabulary.from_documents
    with pytest.raises(TypeError, match="a document is one string, 'a b'"):
        make(["a b"])
    for documents in ([], [[]], [["a"]]):
        with pytest.raises(ValueError, match="tokens is empty"):
            make(documents, min_count=2)
    with pytest.raises(ValueError, match="contains the padding token '<pad>'"):
        make([["a", "<pad>"]])
    with pytest.raises(ValueError, match="pad and unknown are both '_'"):
        text.Vocabulary(["a"], pad="_", unknown="_")
    with pytest.raises(TypeError, match="tokens is one string"):
        text.Vocabulary(["a"]).encode("a")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "[]",
        '{"tokens": ["a"]}',
        json.dumps({"tokens": ["a", "a"], "pad": None, "unknown": None}),
        json.dumps({"tokens": ["a", "_"], "pad": "_", "unknown": None}),
        json.dumps({"tokens": [1, 2], "pad": None, "unknown": None}),
    ],
)
def test_json_of_something_else(wrong):
    """No JSON, other fields, tokens twice, padding not first, numbers for tokens."""
    with pytest.raises(ValueError, match="not the JSON of a vocabulary"):
        text.Vocabulary.from_json(wrong)


def test_vocabulary_round_trip_in_order_of_appearance():
    """decode(encode(x)) = x; repeats count once."""
    v = text.Vocabulary(["我", "爱", "你", "爱"])
    assert len(v) == 3
    assert v.encode(["你", "我"]).tolist() == [2, 0]
    assert v.decode(v.encode(list("你爱我"))) == list("你爱我")


def test_vocabulary_bad_input():
    """A bare string, nothing, an unknown token, an index outside."""
    with pytest.raises(TypeError, match="list"):
        text.Vocabulary("我爱你")
    with pytest.raises(ValueError, match="empty"):
        text.Vocabulary([])
    v = text.Vocabulary(["a", "b"])
    with pytest.raises(KeyError, match=r"\['c', 'd'\]"):
        v.encode(["a", "c", "d"])
    with pytest.raises(IndexError, match=r"\[2, -1\] are outside 0\.\.1"):
        v.decode([0, 2, -1])


def test_pad_with_any_number_of_the_dtype():
    """The largest and smallest integers, NaN and infinity among floats."""
    for dtype in (np.uint8, np.int64, np.uint64):
        for value in (np.iinfo(dtype).min, np.iinfo(dtype).max):
            assert text.pad([np.ones(1, dtype), []], value=value)[0][1, 0] == value
    for value in (np.nan, -np.inf, np.float64(0.1), 0.1):
        padded = text.pad([np.float16([1]), []], value=value)[0]
        assert padded.dtype == np.float16
        np.testing.assert_array_equal(padded[1, 0], np.float16(value))


def test_what_decodes_to_no_token():
    """Fractions were cut off, booleans were 0 and 1; a batch is decoded row by row."""
    v = text.Vocabulary(list("abc"))
    assert v.decode([]) == []
    assert v.decode(np.array([2, 0], np.uint8)) == ["c", "a"]
    for wrong in ([0.7], [1.0], [np.nan], [True, False], ["a"], [None]):
        with pytest.raises(TypeError, match=r"indices has dtype .*; expected integers"):
            v.decode(wrong)
    for wrong in (1, [[0, 1]], np.zeros((2, 0))):
        with pytest.raises(ValueError, match=r"indices has shape .*; expected \(T,\)"):
            v.decode(wrong)
    with pytest.raises(IndexError, match=r"\[-1\] are outside"):
        v.decode(np.array([0, -1], np.int8))


def test_one_hot_picks_rows():
    """one_hot(i) @ W is W[i], any leading shape."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((5, 3))
    i = rng.integers(0, 5, (2, 4))
    np.testing.assert_array_equal(text.one_hot(i, 5) @ W, W[i])


def test_one_hot_bad_input():
    """Floats and indices outside are named."""
    with pytest.raises(TypeError, match="float64"):
        text.one_hot([0.0], 3)
    with pytest.raises(ValueError, match=r"0\.\.3; V = 3"):
        text.one_hot([0, 3], 3)


# --- padding -----------------------------------------------------------------------

lengths_of = st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(any)
sides = st.sampled_from(["after", "before"])


@examples
@given(lengths_of, st.integers(0, 3), sides, seeds, st.sampled_from([(), (2,)]))
def test_unpad_gives_back_what_pad_was_given(lengths, more, side, seed, tail):
    """Either side, more room than needed, empty sequences, one number or several a step."""
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal((T, *tail)) for T in lengths]
    array, mask = text.pad(rows, max(lengths) + more, value=7.5, side=side)
    assert array.shape == (len(rows), max(lengths) + more, *tail)
    assert mask.sum(axis=1).tolist() == lengths
    assert np.all(array[mask == 0] == 7.5)
    for row, back in zip(rows, text.unpad(array, mask), strict=True):
        np.testing.assert_array_equal(row, back.reshape(row.shape))


def test_pad_by_hand():
    """Both sides, both ways of cutting; integers stay integers."""
    rows = [[1, 2, 3], [4], []]
    after, mask = text.pad(rows)
    assert after.tolist() == [[1, 2, 3], [4, 0, 0], [0, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert after.dtype == mask.dtype == np.int64
    assert text.pad([[0, 5], [0]])[1].tolist() == [[1, 1], [1, 0]]  # a real 0 is no padding
    before, mask = text.pad(rows, 2, side="before", cut="after", value=9)
    assert (before.tolist(), mask.tolist()) == ([[1, 2], [9, 4], [9, 9]], [[1, 1], [0, 1], [0, 0]])
    assert text.pad(rows, 2, cut="before")[0].tolist() == [[2, 3], [4, 0], [0, 0]]


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([], {}, "0 sequences of length 0; expected 1 at least"),
        ([[], []], {}, "2 sequences of length 0"),
        ([[1]], {"length": 0}, "length 0"),
        ([[1], [1, 2, 3]], {"length": 2}, "sequence 1 has 3 steps, length is 2: pass cut="),
        ([[1]], {"side": "left"}, "side = 'left'"),
        ([[1]], {"cut": "end"}, "cut = 'end'"),
        ([[[1, 2]], [[1, 2, 3]]], {}, r"steps have shapes \[\(2,\), \(3,\)\]"),
        (["abc"], {}, "sequence 0 is <U3 of shape .*encode the tokens first"),
        ([[1], ["a", "b"]], {}, "sequence 1 is <U1"),
        ([[1, 2], [3]], {"value": 0.5}, "value = 0.5 is no number of dtype int64"),
        ([[1, 2], [3]], {"value": np.nan}, "value = nan is no number of dtype int64"),
        ([[1, 2], [3]], {"value": np.inf}, "value = inf is no number of dtype int64"),
        ([np.uint8([1]), np.uint8([2])], {"value": 300}, "dtype uint8; expected .* in 0..255"),
        ([np.uint8([1])], {"value": -1}, "value = -1 is no number of dtype uint8"),
        ([[True], [False]], {"value": 5}, "value = 5 is no number of dtype bool; expected 0 or 1"),
        ([np.float16([1])], {"value": 1e6}, "value = 1000000.0 is no number of dtype float16"),
        ([np.float32([1])], {"value": 1e300}, "dtype float32; expected a number within its range"),
        ([[1]], {"value": "0"}, "value = '0' is no number"),
        ([[1]], {"length": 2.5}, "length 2.5"),
        ([[1], [[1.5], [2.5, 3.5]]], {}, "sequence 1 has steps of different lengths"),
        ([np.uint64([1]), np.int64([-1])], {}, r"\['int64', 'uint64'\], which no integer dtype"),
    ],
)
def test_pad_bad_input(rows, options, message):
    """Each error says what was found and what to do."""
    with pytest.raises(ValueError, match=message):
        text.pad(rows, **options)


def test_unpad_bad_input():
    """A mask of another shape, or none per step."""
    with pytest.raises(ValueError, match=r"mask has shape \(2, 2\); array \(2, 3\)"):
        text.unpad(np.zeros((2, 3)), np.ones((2, 2)))


INIT = {"rnn": cells.rnn_init, "lstm": cells.lstm_init, "gru": cells.gru_init}
D, H = 2, 3


def reader(model, kind, rng):
    """Forward and backward of a masked model: (xs, mask, dys) → outputs, states, gradients."""
    ways = [INIT[kind](rng, D, H), INIT[kind](rng, D, H)]
    above = tuple(INIT[kind](rng, 2 * H, H) for _ in range(2))
    params = {"one way": ways[0], "both ways": tuple(ways), "stacked": [tuple(ways), above]}[model]
    name = {"one way": kind, "both ways": "bidirectional", "stacked": "stacked"}[model]
    first = [] if model == "one way" else [kind]
    place = recurrent if model == "one way" else layers
    forward, back = (getattr(place, f"{name}_{end}") for end in ("forward", "backward"))

    def run(xs, mask, dys):
        ys, last, cache = forward(*first, xs, None, params, mask)
        dxs, dstate, grads = back(*first, dys, None, cache, params)
        return ys, dxs, [last, dstate, grads]

    return run, H if model == "one way" else 2 * H


def flat(tree):
    """All arrays of nested dicts, lists and tuples, in order."""
    if isinstance(tree, np.ndarray):
        return [tree]
    parts = [tree[k] for k in sorted(tree)] if isinstance(tree, dict) else tree
    return [array for part in parts for array in flat(part)]


@pytest.mark.parametrize("model", ["one way", "both ways", "stacked"])
@pytest.mark.parametrize("kind", sorted(INIT))
@few
@given(lengths=lengths_of, more=st.integers(0, 4), side=sides, seed=seeds)
def test_padding_never_changes_what_a_masked_model_computes(model, kind, lengths, more, side, seed):
    """Rubbish on either side, any amount: outputs, states and gradients as one by one."""
    rng = np.random.default_rng(seed)
    run, width = reader(model, kind, rng)
    rows = [rng.standard_normal((T, D + width)) for T in lengths]  # inputs and ∂L/∂outputs
    padded, mask = text.pad(rows, max(lengths) + more, value=1e3, side=side)
    ys, dxs, others = run(padded[..., :D], mask, padded[..., D:])
    total = [np.zeros_like(g) for g in flat(others[2])]
    for n, row in enumerate(rows):
        if not len(row):  # nothing to read: the state is the first one
            assert not any(state[n].any() for state in flat(others[:2]))
            continue
        alone = run(row[None, :, :D], None, row[None, :, D:])
        for mine, its in ((ys, alone[0]), (dxs, alone[1])):
            np.testing.assert_allclose(mine[n, mask[n] == 1], its[0], rtol=0, atol=1e-12)
            assert not mine[n, mask[n] == 0].any()
        for mine, its in zip(flat(others[:2]), flat(alone[2][:2]), strict=True):
            np.testing.assert_allclose(mine[n], its[0], rtol=0, atol=1e-12)
        for g, its in zip(total, flat(alone[2][2]), strict=True):
            g += its
    for mine, summed in zip(flat(others[2]), total, strict=True):
        np.testing.assert_allclose(mine, summed, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", sorted(INIT))
def test_mask_of_zeros(kind):
    """A layer reads nothing: zeros out, the first state last. A loss has nothing to average."""
    rng = np.random.default_rng(0)
    xs, h = rng.standard_normal((2, 3, D)), rng.standard_normal((2, H))
    state = (h, 2 * h) if kind == "lstm" else h
    nothing = np.zeros((2, 3))
    forward = getattr(recurrent, f"{kind}_forward")
    hs, last, _ = forward(xs, state, INIT[kind](rng, D, H), nothing)
    assert not hs.any()
    np.testing.assert_array_equal(flat([last]), flat([state]))
    with pytest.raises(ValueError, match="mask is 0 everywhere"):
        functional.cross_entropy(hs, np.zeros((2, 3), int), nothing)


# --- batches and splits ------------------------------------------------------------


def steps(lengths, parts):
    """Steps that a batch-wise padded reader computes."""
    return sum(len(part) * lengths[part].max() for part in parts)


@examples
@given(st.integers(1, 30), st.integers(1, 9), seeds | st.none())
def test_batches_hold_each_index_once(N, size, seed):
    """In order without rng; all but the last are full."""
    parts = text.batches(N, size, None if seed is None else np.random.default_rng(seed))
    found = np.concatenate(parts)
    assert sorted(found) == list(range(N))
    assert seed is not None or found.tolist() == list(range(N))
    assert [len(part) for part in parts[:-1]] == [size] * (len(parts) - 1)
    assert 1 <= len(parts[-1]) <= size


@examples
@given(st.lists(st.integers(0, 20), min_size=1, max_size=30), st.integers(1, 9), seeds | st.none())
def test_buckets_hold_each_index_once_and_pad_least(lengths, size, seed):
    """As many batches as in order and never more padding, wherever the small batch stands."""
    lengths = np.array(lengths)
    rng = None if seed is None else np.random.default_rng(seed)
    parts = text.bucket_batches(lengths, size, rng)
    assert sorted(np.concatenate(parts)) == list(range(len(lengths)))
    plain = text.batches(len(lengths), size)
    assert sorted(map(len, parts)) == sorted(map(len, plain))
    assert steps(lengths, parts) <= steps(lengths, plain)


def test_buckets_pad_least_of_all_batches():
    """Against every possible grouping; with the small batch always last 5 5 5 5 1 fails."""
    rng = np.random.default_rng(0)
    cases = [(np.array([5, 5, 5, 5, 1]), 2)]
    cases += [(rng.integers(0, 7, rng.integers(1, 7)), rng.integers(1, 5)) for _ in range(40)]
    for lengths, size in cases:
        orders = itertools.permutations(range(len(lengths)))
        cuts = range(size, len(lengths), size)
        least = min(steps(lengths, np.split(np.array(order), cuts)) for order in orders)
        assert steps(lengths, text.bucket_batches(lengths, size)) == least


@pytest.mark.parametrize("lengths", [[1, np.nan], [1, -1], [1, np.inf], [[1, 2], [3, 4]], ["1"]])
def test_buckets_of_no_lengths(lengths):
    with pytest.raises(ValueError, match=r"expected \(N,\) numbers from 0 on"):
        text.bucket_batches(lengths, 2)


def test_rng_shuffles_buckets():
    """Other batches, and other neighbours among sequences of one length."""
    lengths = np.repeat([3, 5], 8)
    first, second = (text.bucket_batches(lengths, 4, np.random.default_rng(k)) for k in (0, 1))
    assert {lengths[part].max() for part in first} == {3, 5}
    assert [sorted(part) for part in first] != [sorted(part) for part in second]


@pytest.mark.parametrize(("N", "size"), [(0, 1), (3, 0)])
def test_batches_bad_input(N, size):
    with pytest.raises(ValueError, match=r"(N|size) is 0; expected at least 1"):
        text.batches(N, size)
    with pytest.raises(ValueError, match=r"(N|size) is 0; expected at least 1"):
        text.bucket_batches(np.ones(N), size)


SHARES = [(1.0,), (0.5, 0.5), (0.8, 0.1, 0.1), (0.25, 0.25, 0.25, 0.25)]


@examples
@given(st.lists(st.integers(0, 12), min_size=4, max_size=60), st.sampled_from(SHARES), seeds)
def test_split_never_shares_a_document(documents, shares, seed):
    """Each index once, no part empty; shares as near as whole documents allow."""
    assume(len(set(documents)) >= len(shares))
    rng = np.random.default_rng(seed)
    parts = text.split(documents, shares, rng)
    assert sorted(np.concatenate(parts)) == list(range(len(documents)))
    assert all(len(part) and part.tolist() == sorted(part) for part in parts)
    owners = [{documents[i] for i in part} for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners))
    largest = max(map(documents.count, documents))
    if min(shares) * len(documents) >= largest:  # else a part may be a document too large
        for part, share in zip(parts, shares, strict=True):
            assert abs(len(part) - share * len(documents)) <= largest


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_split_by_numpys_shares(dtype):
    """0.7, 0.2, 0.1 in any precision: the same parts as Python's floats, as array or tuple."""
    shares, documents = np.array([0.7, 0.2, 0.1], dtype), [k % 40 for k in range(100)]
    expected = text.split(documents, (0.7, 0.2, 0.1), np.random.default_rng(0))
    for these in (shares, tuple(shares), [shares[0], 0.2, 0.1]):
        found = text.split(documents, these, np.random.default_rng(0))
        for part, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(part, other)
    assert len(text.split(documents, (1,), np.random.default_rng(0))) == 1


def test_split_of_documents_that_can_be_read_once():
    """A generator, and an array with NaN, which equals nothing: each is a document of its own."""
    expected = text.split(list("aabbccdd"), (0.5, 0.5), np.random.default_rng(0))
    found = text.split((c for c in "aabbccdd"), (0.5, 0.5), np.random.default_rng(0))
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, other)
    parts = text.split(np.array([1, np.nan, 1, np.nan]), (0.5, 0.5), np.random.default_rng(0))
    assert sorted(np.concatenate(parts)) == [0, 1, 2, 3]


def test_split_keeps_copies_of_a_text_together():
    """The documents may be the texts themselves."""
    texts = ["a", "b", "a", "c", "d", "a"]
    train, test = text.split(texts, (0.5, 0.5), np.random.default_rng(0))
    assert {0, 2, 5} <= set(train.tolist()) or {0, 2, 5} <= set(test.tolist())


@pytest.mark.parametrize(
    ("documents", "shares", "message"),
    [
        ([1, 2], (0.5, 0.6), "shares are .*expected positive numbers with sum 1"),
        ([1, 2], (1.5, -0.5), "shares are"),
        ([1, 2], (), "shares are"),
        ([1, 1, 1], (0.5, 0.5), "1 different documents for 2 parts"),
        ([], (1.0,), "0 different documents for 1 parts"),
        ([1, 2], (np.nan, 0.5), "shares are"),
        ([1, 2], (8, 2), "shares are"),
        ([1, 2], np.array([]), "shares are"),
        ([1, 2], np.float32([0.5, 0.49]), "shares are"),
        ([1, 2], np.full((2, 1), 0.5), r"shares has shape \(2, 1\); expected one axis"),
        (np.ones((4, 2)), (0.5, 0.5), r"documents has shape \(4, 2\)"),
    ],
)
def test_split_bad_input(documents, shares, message):
    with pytest.raises(ValueError, match=message):
        text.split(documents, shares, np.random.default_rng(0))


# --- the libraries, the page's hand values, its exercises -----------------------------


@pytest.mark.parametrize("side", ["after", "before"])
def test_pad_equals_pytorch(side):
    """torch's pad_sequence, both sides."""
    import torch

    rows = [np.arange(1, T + 1) for T in (3, 5, 1)]
    where = {"after": "right", "before": "left"}[side]
    theirs = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row) for row in rows], batch_first=True, padding_side=where
    )
    ours, mask = text.pad(rows, side=side)
    np.testing.assert_array_equal(ours, theirs.numpy())
    np.testing.assert_array_equal(mask, theirs.numpy() != 0)


def test_telegrams_by_hand():
    """The three telegrams of the page: numbers, mask, share of padding, an unknown one."""
    telegrams = [text.characters(t) for t in ("我爱你", "你好", "我")]
    book = text.Vocabulary.from_documents(telegrams)
    assert book.tokens == ["<pad>", "<unk>", "我", "你", "爱", "好"]
    k, mask = text.pad([book.encode(t) for t in telegrams])
    assert k.tolist() == [[2, 4, 3], [3, 5, 0], [2, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert book.encode(text.characters("我恨你")).tolist() == [2, 1, 3]


def test_merges_by_hand():
    """rain, rainy, train, training: in, then ra, then rain, as the page counts."""
    merge_step, _ = exercise(4)
    letters = {c: k for k, c in enumerate("rainytg")}
    between = itertools.count(100)  # no pair reaches over the end of a word
    ids = []
    for word in ("rain", "rainy", "train", "training"):
        ids += [*(letters[c] for c in word), next(between)]
    pair, count, merged = merge_step(np.array(ids), 10)
    assert (pair.tolist(), count, len(merged) - 4) == ([letters["i"], letters["n"]], 5, 17)
    pair, count, merged = merge_step(merged, 11)
    assert (pair.tolist(), count, len(merged) - 4) == ([letters["r"], letters["a"]], 4, 13)
    pair, count, merged = merge_step(merged, 12)
    assert (pair.tolist(), count, len(merged) - 4) == ([11, 10], 4, 9)
    assert merged.tolist()[:2] == [12, 100]


def test_exercises_equal_the_package():
    """Padding, pipeline and shares of padding against text's own functions."""
    for seed in range(20):
        function, draw = exercise(1)
        case = draw(np.random.default_rng(seed))
        rows = np.split(case["tokens"], np.cumsum(case["lengths"])[:-1])
        options = {"length": case["T"], "value": case["value"], "cut": "before"}
        expected = [*text.pad(rows, **options), *text.pad(rows, **options, side="before")]
        for mine, its in zip(function(**case), expected, strict=True):
            np.testing.assert_array_equal(mine, its)

        function, draw = exercise(2)
        case = draw(np.random.default_rng(seed))
        known, train, test = function(**case)
        words = [[str(code).zfill(4) for code in row] for row in [*case["train"], case["test"]]]
        counted = text.Vocabulary.from_documents(words[:-1], min_count=2)
        ordered = text.Vocabulary(sorted(counted.tokens[2:]), pad="_", unknown="?")
        ids, _ = text.pad([ordered.encode(row) for row in words], case["T"], cut="before")
        assert [int(token) for token in ordered.tokens[2:]] == known.tolist()
        np.testing.assert_array_equal(np.vstack([train, test]), ids)

        function, draw = exercise(3)
        case = draw(np.random.default_rng(seed))
        lengths, N = case["lengths"], len(case["lengths"])
        shares = function(**case)
        ways = [[np.arange(N)], text.batches(N, case["size"])]
        for mine, parts in zip(shares, ways, strict=False):
            assert mine == pytest.approx(1 - lengths.sum() / steps(lengths, parts))
        best = text.bucket_batches(lengths, case["size"])
        assert shares[2] >= 1 - lengths.sum() / steps(lengths, best) - 1e-12


# --- data --------------------------------------------------------------------------


def test_made_up_reviews():
    """The verdict decides, in both languages alike; neither of its words tells the label."""
    made = {
        language: data.load(
            "made_up_reviews", rng=np.random.default_rng(0), N=2000, language=language
        )
        for language in ("en", "zh")
    }
    (english, labels), (chinese, same) = made["en"], made["zh"]
    np.testing.assert_array_equal(labels, same)
    good, bad = {"good", "great", "好", "棒"}, {"bad", "terrible", "差", "糟"}
    for reviews, end in ((english, "."), (chinese, "。")):
        for review, label in zip(reviews, labels, strict=True):
            verdict = text.words(review.strip(end).split(end)[-1])
            [opinion] = [word for word in verdict if word in good | bad]
            negated = bool({"not", "不"} & set(verdict))
            assert (opinion in good) ^ negated == label
    for word in ("not", "really", "good", "great", "bad", "terrible"):
        # of the verdict "The food was not good.", the last two words
        with_it = [word in review.split(". ")[-1].strip(".").split() for review in english]
        assert abs(labels[np.array(with_it)].mean() - 0.5) < 0.07
    count = np.array([review.count("。") for review in chinese])
    assert count.max() == 8
    assert 0.45 < (count == 1).mean() < 0.55


def test_made_up_reviews_bad_input():
    for wrong in ({"N": 0}, {"N": 1, "most": 0}, {"N": 1, "language": "fr"}):
        with pytest.raises(ValueError, match=f"{list(wrong)[-1]} = "):
            data.load("made_up_reviews", rng=np.random.default_rng(0), **wrong)


def test_telegraph_office():
    """A story in each language, and no third one."""
    assert data.load("telegraph_office").startswith("Every morning the sender")
    assert "电码本" in data.load("telegraph_office", language="zh")
    with pytest.raises(ValueError, match="language = 'fr'"):
        data.load("telegraph_office", language="fr")


def test_temporal_xor():
    """Every third bit is the exclusive or of the two before; the others are fair coins."""
    bits = data.load("temporal_xor", rng=np.random.default_rng(0), N=400, T=31)
    assert bits.shape == (400, 31)
    np.testing.assert_array_equal(bits[:, 2::3], bits[:, 0:30:3] ^ bits[:, 1:30:3])
    assert abs(bits.mean() - 0.5) < 0.02
    again = data.load("temporal_xor", rng=np.random.default_rng(0), N=400, T=31)
    np.testing.assert_array_equal(bits, again)
    with pytest.raises(ValueError, match="T = 0"):
        data.load("temporal_xor", rng=np.random.default_rng(0), N=1, T=0)


def test_unknown_data_set():
    """The error lists what there is."""
    with pytest.raises(KeyError, match="temporal_xor"):
        data.load("temporal_or")
