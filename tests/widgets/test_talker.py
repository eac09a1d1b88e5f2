"""The network that talks: what it reads and writes, what is ranked anew, what is near."""

import html
import itertools
import json
import math
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data import smalltalk
from rnncourse.nlp import decoding, text
from rnncourse.nn import optim, seq2seq
from rnncourse.nn.functional import log_softmax
from rnncourse.widgets import talker, weights

WORDS = ["why", "?", "the", "train", "is", "late", ".", "when", "i", "know"]
REPLIES = ["I", "know", ".", "It", "rains", "train"]
STORED = [["the train is late.", "why?", "It rains."], ["", "when is the train late?", "I know."],
          ["", "why is the train late?", "It rains, I know."], ["", "?", "I know the train."],
          ["", "why?", "It rains."]]  # fmt: skip


@pytest.fixture
def network():
    """Small, asymmetric, with biases that are not zero."""
    rng, target = np.random.default_rng(8), [*talker.TARGET, *REPLIES]
    source = [*talker.SOURCE, *WORDS]
    params = seq2seq.seq2seq_init(rng, talker.design(), len(source), len(target), 3, 4, True)
    for array in optim.leaves(params).values():
        array += 0.8 * rng.standard_normal(array.shape)
    return {"language": "en", "source": source, "target": target, "openers": ["the train is late."],
            "stored": STORED, "weight": 0.7, "share": 0.3,
            "weights": weights.pack(params)}  # fmt: skip


@pytest.fixture
def model(network):
    return talker.Talker(network)


@pytest.fixture(params=["en", "zh"])
def recorded(request):
    return weights.load(f"talk_{request.param}")[1]["network"]


def probabilities(model, source, tokens):
    """log p of all tokens at each step, by the whole network at once; never of the start."""
    target = np.array([[*tokens, talker.design().end]])
    batch = seq2seq.Batch(source[None], np.ones((1, len(source))), target, np.ones(target.shape))
    logits, _ = seq2seq.seq2seq_forward(talker.design(), batch, model.params)
    logits[..., talker.design().start] = -np.inf
    return log_softmax(logits)[0]


# --- what is read and written -----------------------------------------------------------------


def test_replies_are_cut_and_joined_without_loss():
    """By hand; and every reply of the small talk comes back as it was."""
    assert talker.cut("I'm 12 years-old, OK?") == ["I'm", "12", "years-old", ",", "OK", "?"]
    assert talker.cut("我不知道。") == list("我不知道。")
    assert talker.joined(["No", ",", "I", "am", "."], "en") == "No, I am."
    assert talker.joined(["不", "，", "5"], "zh") == "不，5"
    assert talker.joined([], "en") == ""
    for language in ("en", "zh"):
        of = smalltalk.talk(language)
        for reply in (*of.safe, *(one for kind in of.kinds.values() for one in kind.replies)):
            assert talker.joined(talker.cut(reply), language) == reply


def test_what_is_read_has_a_limit_and_unknown_tokens_are_one_number(model):
    """The turn before, the sign between, what is asked: each cut at its limit."""
    numbers = model.encode("The TRAIN", " Why, 火车？ ")
    assert numbers.tolist() == [5, 6, 1, 3, 0, 0, 0, 0]
    assert model.encode("", "why").tolist() == [1, 3]
    assert len(model.encode("train " * 99, "why " * 99)) == 2 * talker.LIMIT + 1
    assert len(talker.read("a" * 9999)[0]) == talker.LONGEST
    assert talker.read("don’t") == ["don't"]
    for nothing in ("", " \n\t"):
        with pytest.raises(ValueError, match="expected a text with at least one word or sign"):
            model.reply("the train", nothing)


def test_greedy_reply_is_the_best_token_again_and_again(model):
    """With the whole network at once, its own tokens given, instead of step by step."""
    for before, asked in (("", "why ?"), ("The train is late.", "When is that?"), ("x", "火")):
        source, tokens, total = model.encode(before, asked), [], 0.0
        while len(tokens) < talker.LENGTH and talker.design().end not in tokens:
            log_p = probabilities(model, source, list(tokens))[len(tokens)]
            tokens.append(int(log_p.argmax()))
            total += log_p.max()
        found = model.reply(before, asked)
        kept = [model.target[t] for t in tokens if t != talker.design().end]
        assert found.text == talker.joined(kept, "en")
        assert found.log_prob == pytest.approx(total, abs=1e-9)
        assert found.alone is None


def test_reranking_divides_out_what_nothing_makes_likely(model):
    """Every candidate of the beam scored anew by the whole network, reading nothing too."""
    chosen = defaultdict(set)
    for asked, weight in itertools.product(
        ("why ?", "when is the train late", "i know .", "the the"), (0.2, 0.7, 1.4)
    ):
        model.weight = weight
        source, nothing = model.encode("", asked), np.array([talker.SOURCE.index("∅")])
        step, state = model._stepper(source)
        plan = talker.design()
        beam = decoding.beam_search(step, state, plan.start, plan.end, talker.LENGTH, talker.WIDTH)
        beam = [one for one in beam if one.ended] or beam
        scores = []
        for one in beam:
            tokens = one.tokens[: -1 if one.ended else None]
            p, alone = (probabilities(model, ids, tokens)[np.arange(len(one.tokens)), one.tokens]
                        .sum() for ids in (source, nothing))  # fmt: skip
            assert model.alone(one.tokens) == pytest.approx(alone, abs=1e-9)
            scores.append((p - model.weight * alone, p, alone))
        best = int(np.argmax([score for score, *_ in scores]))
        found = model.reply("", asked, reranked=True)
        assert found.log_prob == pytest.approx(scores[best][1], abs=1e-9)
        assert found.alone == pytest.approx(scores[best][2], abs=1e-9)
        chosen[asked].add(best)
        model.weight = 0.0  # then the most probable one of the beam stays
        assert model.reply("", asked, True).log_prob == pytest.approx(beam[0].log_prob, abs=1e-9)
    assert max(map(len, chosen.values())) > 1  # the weight matters


def bm25(documents, query):
    """Robertson and Zaragoza (2009), with the idf that is never negative, written out."""
    N, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = []
    for document in documents:
        total, counts = 0.0, Counter(document)
        for token in query:
            n = sum(token in one for one in documents)
            idf = math.log(1 + (N - n + 0.5) / (n + 0.5))
            total += idf * counts[token] * 2.5 / (
                counts[token] + 1.5 * (0.25 + 0.75 * len(document) / mean))  # fmt: skip
        scores.append(total)
    return np.array(scores)


def test_nearest_are_by_what_is_asked_and_a_share_of_the_turn_before(model):
    asked, before = "Why is the late train?", "The train is late."
    of_asked = bm25([text.words(one[1]) for one in STORED], text.words(asked))
    expected = of_asked + 0.3 * bm25([text.words(one[0]) for one in STORED],
                                     text.words(before))  # fmt: skip
    order = [k for k in np.argsort(-expected, kind="stable") if of_asked[k] > 0]
    found = model.nearest(before, asked, 5)
    assert [near.stored for near in found] == [talker.Stored(*STORED[k]) for k in order]
    np.testing.assert_allclose([near.score for near in found], expected[order], atol=1e-12)
    assert len(model.nearest(before, asked)) == talker.NEAREST
    for strange in ("zzz 火", "rains"):  # what was said before is in no question either
        assert model.nearest(before, strange) == []
    # The same two words: only the turn before tells them apart, and among equals the first.
    assert model.nearest(before, "why?", 1)[0].stored.before == STORED[0][0]
    assert model.nearest("", "why?", 2)[0].stored == talker.Stored(*STORED[0])


# --- the page -------------------------------------------------------------------------------


def test_page_gets_a_conversation_and_where_the_network_is(network, model, monkeypatch):
    monkeypatch.setattr(data, "recorded", lambda name: {"network": network})
    shown = talker.show("x", "en", ['why <b>"', "zzz"])
    first = model.reply("the train is late.", 'why <b>"').text
    second = model.reply(first, "zzz").text
    lines = repr(shown).splitlines()
    assert lines[0] == "< the train is late."
    assert lines[1:3] == ['> why <b>"', f"< {first}    (why? It rains.)"]
    assert lines[3:] == ["> zzz", f"< {second}    ( )"]
    page = shown._repr_html_()
    assert "<td>why &lt;b&gt;&quot;</td>" in page
    place = {k: html.unescape(v) for k, v in re.findall(r'data-(\w+)="([^"]*)"', page)}
    assert json.loads(place.pop("examples")) == ['why <b>"', "zzz"]
    assert place == {"edition": "en", "net": "x", "opener": "the train is late.",
                     "kilobytes": str(round(weights.size(network) / 1000))}  # fmt: skip
    for wrong in ("abc", []):
        with pytest.raises(ValueError, match="expected a list of at least one"):
            talker.show("x", "en", wrong)
    with pytest.raises(ValueError, match="language is 'zh'; x talks 'en'"):
        talker.show("x", "zh", ["why"])
    with pytest.raises(ValueError, match="at least one word or sign"):
        talker.show("x", "en", ["why", " "])


# --- the record ----------------------------------------------------------------------------


def test_recorded_network_keeps_its_budget_and_knows_its_tokens(recorded):
    model = talker.Talker(recorded)
    stored = json.dumps(recorded["stored"], ensure_ascii=False).encode()
    assert weights.size(recorded) - len(stored) <= 300_000
    assert len(stored) <= 100_000
    for tokens, first in ((recorded["source"], talker.SOURCE), (recorded["target"], talker.TARGET)):
        assert tokens[: len(first)] == list(first)
        assert len(set(tokens)) == len(tokens)
    assert len(recorded["source"]) == len(model.params["encoder"]["embedding"]["E"])
    assert len(recorded["target"]) == len(model.params["decoder"]["output"]["b_y"])
    written = set(recorded["target"])
    for before, asked, reply in recorded["stored"]:
        assert set(talker.read(before) + talker.read(asked)) <= set(recorded["source"])
        assert set(talker.cut(reply)) <= written


def test_no_way_of_asking_that_is_tested_was_stored(recorded):
    """Nor a topic in the words in which it is tested."""
    asks = {asked for _, asked, _ in recorded["stored"]}
    befores = {before for before, *_ in recorded["stored"]}
    for kind in smalltalk.talk(recorded["language"]).kinds.values():
        if kind.says:
            assert kind.says[-1] not in befores
            assert kind.says[-1] not in recorded["openers"]
        else:
            assert kind.asks[-1] not in asks


def test_recorded_network_replies_as_its_record_says(recorded):
    """Small talk asked in new ways, drawn anew: the record's share of fitting replies, up to
    five of its own standard deviations."""
    language, model = recorded["language"], talker.Talker(recorded)
    said = data.recorded("real_live_talk")[language]["shown"]
    rng, good = np.random.default_rng(5), {"reranked": [], "bm25": []}
    for _ in range(60):
        (one,) = smalltalk.exchanges(rng, 1, language, "test")
        if smalltalk.talk(language).kinds[one.kind].says:
            continue
        reply = model.reply("", one.asked, True).text
        near = model.nearest("", one.asked, 1)[0].stored.reply
        for way, found in (("reranked", reply), ("bm25", near)):
            good[way].append(smalltalk.judge(one.kind, text.words(found), language) == "own")
    for way, found in good.items():
        p = said[way]["small talk"]["own"]
        assert np.mean(found) > p - 5 * math.sqrt(max(p * (1 - p), 0.01) / len(found)), way


def test_record_has_odd_inputs_and_says_that_retrieval_is_the_better(recorded):
    record = data.recorded("real_live_talk")[recorded["language"]]
    assert len(record["odd"]) >= 20
    for typed, *replies in record["odd"]:
        assert all(replies[:2]) if typed.strip() else replies == [None] * 3
    tested = {way: groups["all"]["own"]["mean"] for way, groups in record["tested"].items()}
    assert tested["bm25"] > tested["reranked"] > tested["network"] > tested["commonest"] == 0
    commonest = {way: groups["all"]["ten commonest"]["mean"]
                 for way, groups in record["tested"].items()}  # fmt: skip
    assert commonest["reranked"] < commonest["network"]
