"""The network that tags text: what it reads, what tags say, its record."""

import html
import itertools
import json
import re

import numpy as np
import pytest

from rnncourse import data, metrics
from rnncourse.nn import cells, crf, layers, optim
from rnncourse.widgets import tagger, weights
from rnncourse.widgets.tagger import Span

WORDS, NAMES = ["B", "E", "M", "S"], ["B-X", "E-X", "M-X", "O", "S-X", "S-Y"]
SLOTS = ["B-X", "B-Y", "I-X", "I-Y", "O"]
D, H = 3, 2


def network(language):
    """Small, asymmetric, with biases that are not zero."""
    rng = np.random.default_rng(5)
    heads = {"words": (WORDS, "BMES"), "names": (NAMES, "BMES")}
    tokens = ["", "*", "中", "国", "a", ","]
    if language == "en":
        heads, tokens = {"names": (SLOTS, "BIO")}, ["", "*", "*ng", "*0", "play", "don't", "&"]
    params = {"embedding": layers.embedding_init(rng, len(tokens), D),
              "lstm": tuple(cells.lstm_init(rng, D + 1, H) for _ in range(2))}  # fmt: skip
    params["embedding"]["S"] = rng.standard_normal((5 if language == "en" else 7, 1))
    for name, (tags, _) in heads.items():
        params[name] = {"output": layers.dense_init(rng, 2 * H, len(tags)),
                        "chain": crf.crf_init(rng, len(tags))}  # fmt: skip
    for array in optim.leaves(params).values():
        array += 0.8 * rng.standard_normal(array.shape)
    return {
        "language": language, "limit": 6, "tokens": tokens, "weights": weights.pack(params),
        "heads": {name: {"tags": tags, "scheme": scheme} for name, (tags, scheme) in heads.items()},
    }  # fmt: skip


@pytest.fixture(params=["en", "zh"])
def model(request):
    return tagger.Tagger(network(request.param))


# --- what is read -------------------------------------------------------------------------


def test_english_is_cut_at_spaces_and_chinese_into_characters():
    assert tagger.tokens(" play\tit,  now!\n", "en") == ["play", "it,", "now!"]
    assert tagger.tokens("Ａ，中 国\u3000。\n", "zh") == ["A", ",", "中", "国", "。"]
    assert tagger.tokens("…㎏½", "zh") == ["…", "㎏", "½"]  # NFKC makes several characters of each
    assert tagger.tokens(" \ufeff\n", "zh") == tagger.tokens(" \ufeff\n", "en") == []
    assert len(tagger.tokens("a " * 5000, "en")) == tagger.LONGEST // 2
    with pytest.raises(ValueError, match='language is \'fr\'; expected "en" or "zh"'):
        tagger.tokens("a", "fr")


@pytest.mark.parametrize(
    ("word", "form", "shape", "signature"),
    [
        ("Playlist.", "playlist", "first", "*st"),
        ("“don’t”", "don't", "small", "*'t"),
        ("NASA!", "nasa", "capitals", "*sa"),
        ("iPhone", "iphone", "mixed", "*ne"),
        ("I", "i", "first", "*i"),
        ("7pm", "7pm", "digits", "*0"),
        ("&", "&", "small", "*&"),
        ("São", "são", "first", "*ão"),
        ("ｊａｚｚ", "jazz", "small", "*zz"),
    ],
)
def test_form_shape_and_signature_by_hand(word, form, shape, signature):
    assert tagger.form(word) == form
    assert tagger.SHAPES[tagger.shape(word)] == shape
    assert tagger.signature(form) == signature


def test_unknown_words_are_read_by_their_ending():
    model = tagger.Tagger(network("en"))
    typed = "PLAY singing 1959 zzz & don’t"
    assert model.encode(typed.split()).tolist() == [[4, 2], [2, 0], [3, 4], [1, 0], [6, 0], [5, 0]]
    assert model.read(typed).unknown == [1, 2, 3]
    assert not model.knows("*")  # stands for what is unknown, and is so itself
    read = model.read(f"{typed} more")
    assert read.cut
    assert read.tokens == typed.split()
    assert model.read(" ") == ([], [], False)
    assert model.read("x" * 3000).cut


def test_characters_have_their_pairs_beside_them():
    """Ids 2, 3, 1; 7919 = 7 · 1131 + 2: 0 · 2 + 2, 2 · 2 + 3 and 3 · 2 + 1 modulo 7."""
    assert tagger.Tagger(network("zh")).encode(["中", "国", "x"]).tolist() == [
        [2, 2],
        [3, 0],
        [1, 0],
    ]


# --- what tags say --------------------------------------------------------------------------


def test_spans_and_breaks_by_hand():
    tags = ["M-X", "E-X", "B-X", "O", "S-Y", "B-X", "M-Y", "E-Y", "B-X"]
    assert tagger.spans(tags, "BMES") == [
        Span("X", 0, 2, False), Span("X", 2, 3, False), Span("Y", 4, 5, True),
        Span("X", 5, 6, False), Span("Y", 6, 8, False), Span("X", 8, 9, False),
    ]  # fmt: skip
    # M begins; O after B; M of another kind; B ends the text.
    assert tagger.breaks(tags, "BMES") == [0, 3, 6, 8]
    assert tagger.spans(["O", "I-X", "I-X", "B-X", "I-Y"], "BIO") == [
        Span("X", 1, 3, False), Span("X", 3, 4, True), Span("Y", 4, 5, False),
    ]  # fmt: skip
    assert tagger.breaks(["O", "I-X", "I-X", "B-X", "I-Y"], "BIO") == [1, 4]
    assert tagger.spans([], "BIO") == tagger.breaks([], "BIO") == []
    for wrong in (tagger.spans, tagger.breaks):
        with pytest.raises(ValueError, match="scheme is 'IOB'; expected one of"):
            wrong(["O"], "IOB")
        with pytest.raises(ValueError, match="tag 'E-X'"):
            wrong(["E-X"], "BIO")


@pytest.mark.parametrize(("tags", "scheme"), [(SLOTS, "BIO"), (NAMES, "BMES"), (WORDS, "BMES")])
def test_breaks_are_what_crf_forbids_and_whole_spans_what_metrics_reads(tags, scheme):
    """All sequences of up to four tags."""
    chain = crf.constrain(crf.allowed(tags, scheme))
    for length in range(1, 5):
        paths = np.array(list(itertools.product(range(len(tags)), repeat=length)))
        emissions = np.zeros((len(paths), length, len(tags)))
        forbidden = np.isneginf(crf.sequence_score(emissions, paths, chain))
        for path, broken in zip(paths, forbidden, strict=True):
            found = [tags[k] for k in path]
            assert bool(tagger.breaks(found, scheme)) == broken
            spans = tagger.spans(found, scheme)
            whole = [one[:3] for one in spans if one.whole]
            assert whole == [tuple(one) for one in metrics.entities(found, scheme)]
            assert broken == (len(whole) < len(spans))
            covered = [t for one in spans for t in range(one.start, one.end)]
            assert covered == [t for t, tag in enumerate(found) if tag != "O"]


# --- the network ------------------------------------------------------------------------------


def test_states_are_those_of_single_steps_in_both_directions(model):
    kept = ["play", "x", "Singing"] if model.language == "en" else ["中", "a", "x", "国"]
    ids = model.encode(kept)
    xs = np.concatenate([model.embedding["E"][ids[:, 0]], model.embedding["S"][ids[:, 1]]], axis=1)
    expected = []
    for way, cell in zip((xs, xs[::-1]), model.lstm, strict=True):
        state, hs = (np.zeros((1, H)), np.zeros((1, H))), []
        for x in way:
            state, _ = cells.lstm_step(x[None], state, cell)
            hs.append(state[0][0])
        expected.append(hs)
    both = np.concatenate([expected[0], expected[1][::-1]], axis=1)
    np.testing.assert_allclose(model.states(ids[None])[0], both, atol=1e-12)
    # Beside a longer row, behind a mask, the same tags.
    longer = np.stack([np.concatenate([ids, ids[:2]]), np.concatenate([ids, 0 * ids[:2]])])
    mask = np.ones(longer.shape[:2], bool)
    mask[1, len(ids) :] = False
    for head, rules in itertools.product(model.heads.values(), (True, False)):
        alone = head.paths(model.states(ids[None]), rules)[0]
        found = head.paths(model.states(longer, mask), rules, mask)[1]
        assert found.tolist() == [*alone, -1, -1]


def test_tags_are_the_best_within_the_rules_or_the_best_of_each_step(model):
    """All paths one by one."""
    typed = "play 1959 zzz" if model.language == "en" else "中国人"
    hs = model.states(model.encode(model.read(typed).tokens)[None])
    for name, head in model.heads.items():
        emissions = layers.dense_forward(hs, head.output)[0]
        assert model.tag(typed, rules=False)[name] == [head.tags[row.argmax()] for row in emissions]

        def score(path, e=emissions, p=head.chain):
            inner = sum(p["transitions"][a, b] for a, b in itertools.pairwise(path))
            return p["start"][path[0]] + p["end"][path[-1]] + inner + e[range(3), path].sum()

        allowed = [path for path in map(list, itertools.product(range(len(head.tags)), repeat=3))
                   if not tagger.breaks([head.tags[k] for k in path], head.scheme)]  # fmt: skip
        assert model.tag(typed)[name] == [head.tags[k] for k in max(allowed, key=score)]


def test_nothing_is_said_of_what_is_not_known(model):
    for typed in ("", " \n", "🙂🙂", "\ufeff"):
        assert not any(model.tag(typed).values())
    assert model.written("🙂 <b>") == ("🙂 <b>" if model.language == "en" else "🙂 < b >")


def test_written_by_hand(monkeypatch):
    model = tagger.Tagger(network("zh"))
    tags = {"words": ["B", "E", "S", "B", "M", "E"],
            "names": ["S-X", "B-X", "E-X", "O", "M-X", "E-X"]}  # fmt: skip
    monkeypatch.setattr(model, "tag", lambda typed, rules: tags)
    # The first two names cut a word in two; a space stands where a word begins.
    assert model.written("中国中国a,") == "中/X [国 中]/X 国 a,/X?"
    model = tagger.Tagger(network("en"))
    tags = {"names": ["O", "B-X", "I-X", "I-Y", "O"]}
    monkeypatch.setattr(model, "tag", lambda typed, rules: tags)
    assert model.written("play it again, Sam now") == "play [it again,]/X Sam/Y? now"


def test_page_gets_examples_and_where_the_network_is(monkeypatch):
    small = network("en")
    monkeypatch.setattr(data, "recorded", lambda name: {"network": small})
    shown, model = tagger.show("x", "en", ['play <"', "singing"]), tagger.Tagger(small)
    assert repr(shown) == f"{model.written('play <' + chr(34))}\n{model.written('singing')}"
    text = shown._repr_html_()
    assert "&lt;&quot;" in text
    assert '<"' not in text
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', text)}
    assert json.loads(place.pop("examples")) == ['play <"', "singing"]
    assert place == {"edition": "en", "net": "x",
                     "kilobytes": str(round(weights.size(small) / 1000))}  # fmt: skip
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            tagger.show("x", "en", wrong)
    with pytest.raises(ValueError, match="language is 'zh'; x reads 'en'"):
        tagger.show("x", "zh", ["a"])


# --- the record ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_record_says_what_its_network_says(language):
    """Size, licence, and the tags of texts that are in no data."""
    record = data.recorded("real_live_tags")[language]
    own = data.recorded(f"live_tags_{language}")
    assert own["licence"] == record["licence"]
    found, model = own["network"], tagger.Tagger(own["network"])
    assert weights.size(found) == record["bytes"] <= weights.LIMIT
    assert len(set(found["tokens"])) == len(found["tokens"]) == record["tokens"]
    assert len(model.embedding["E"]) == record["tokens"]
    assert len(record["asked"]) > 14
    for typed, rules, alone in record["asked"]:
        assert model.written(typed) == rules
        assert model.written(typed, rules=False) == alone


def test_record_has_longest_match_beside_it_and_breaks_rules_alone_only():
    """Names are well above it; words are about where a lexicon of all January's words is."""
    record = data.recorded("real_live_tags")
    for language, name, least in (
        ("en", "names", 0.1),
        ("zh", "names", 0.3),
        ("zh", "words", -0.01),
    ):
        rows = record[language]["outputs"][name]["test"]
        matched = record[language]["longest match"][name]
        assert rows["rules"]["f1"]["mean"] > matched["f1"] + least
        assert matched["entries"] > 2000
        assert set(rows["rules"]["broken"]["values"]) == {0}
        assert min(rows["alone"]["broken"]["values"]) > 0.05
