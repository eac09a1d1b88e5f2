"""Chinese words on real text: every method of the page, and jieba, by the bakeoff's rule.

Training on People's Daily of January 1998; tests: the PKU test set of SIGHAN 2005, and
paragraphs of February 1998. Then training and test of UD Chinese GSD. Nothing here is random,
so there are no seeds. Weights are chosen on a part of the training data (January's last
tenth, GSD's own development set), never on a test.

Seconds are those of one processor's own time, so that a busy machine counts less.
Widths are normalised on both sides (NFKC), but for the rows that say "raw".
"""

from _common import Run  # isort: skip  (before NumPy)

import functools
import logging
import string
import time
import unicodedata

from rnncourse import data, metrics
from rnncourse.nlp import segmentation as seg

PEOPLE, SIGHAN, GSD = "cws_people_daily_1998", "cws_sighan2005", "cws_ud_gsd"
NEEDS = [
    (PEOPLE, "pd199801.seg.txt"), (PEOPLE, "pd199802_first2000.seg.txt"),
    (SIGHAN, "pku_test_gold.utf8"), (SIGHAN, "pku_training_words.utf8"),
    (GSD, "gsd_train.seg.txt"), (GSD, "gsd_dev.seg.txt"), (GSD, "gsd_test.seg.txt"),
]  # fmt: skip
WEIGHTS = (0.05, 0.1, 0.2, 0.5, 0.8)
HELD = 600  # paragraphs are enough to choose a weight
# Length stays, so what is cut in the one is cut in the other.
SHAPES = str.maketrans(string.digits + string.ascii_letters, "0" * 10 + "a" * 52)
BEFORE = "measured on the same files before this course was written"
README = "README of a public repository, seen at second hand"
PUBLISHED = [
    {"what": "official list, forward", "test": "pku", "f1": 0.874, "source": BEFORE},
    {"what": "official list, backward", "test": "pku", "f1": 0.876, "source": BEFORE},
    {"what": "unigram Viterbi", "test": "pku", "f1": 0.883, "source": BEFORE},
    {"what": "unigram Viterbi", "test": "february", "f1": 0.921, "source": BEFORE},
    {"what": "CRF", "test": "pku", "f1": 0.931, "source": README},
    {"what": "BiLSTM, three layers", "test": "pku", "f1": 0.934, "source": README},
    {"what": "BLSTM-CRF", "test": "pku", "f1": 0.9494,
     "source": "github.com/huangshenno1/CWS_BLSTM_CRF"},
    {"what": "CRF, best closed of the bakeoff", "test": "pku", "f1": 0.950,
     "source": "Tseng et al. 2005, aclanthology.org/I05-3027"},
    {"what": "pretrained transformer", "test": "pku", "f1": 0.965,
     "source": "Tian et al. 2020, aclanthology.org/2020.acl-main.734"},
]  # fmt: skip


@functools.cache
def read(name, file, widths=True):
    """Sentences of words; widths normalised or as they are."""
    text = data.path(name, file).read_text(encoding="utf-8")
    if widths:
        text = unicodedata.normalize("NFKC", text)
    return [line.split() for line in text.splitlines() if line.strip()]


def training(which):
    """Sentences to train on, sentences to choose weights on."""
    if which == "gsd":
        return read(GSD, "gsd_train.seg.txt"), read(GSD, "gsd_dev.seg.txt")
    january = read(PEOPLE, "pd199801.seg.txt")
    cut = len(january) * 9 // 10
    return january[:cut], january[cut:]


@functools.cache
def trained(which, kind, part=False):
    """A lexicon or tag model; ``part``: without what the weights are chosen on."""
    train, held = training("gsd" if which == "gsd" else "people")
    sentences = train if part or which == "gsd" else train + held
    if kind == "official":
        return seg.Lexicon(read(SIGHAN, "pku_training_words.utf8"))
    if kind == "recut":
        official = trained(which, "official")
        sentences = [
            [piece for word in words for piece in recut(word, official)] for words in sentences
        ]
    if kind in ("shapes", "recut"):
        sentences = [[word.translate(SHAPES) for word in words] for words in sentences]
    make = {"closed": seg.Lexicon, "tags": seg.bmes_fit}.get(kind, seg.OpenLexicon)
    return make(sentences)


def recut(word, official):
    """The public edition keeps some pairs as one word that the bakeoff's writes as two."""
    pieces = seg.forward_match(word, official)
    return [word] if word in official or any(p not in official for p in pieces) else pieces


def as_in(text, words):
    """The words' places, in the text."""
    place, found = 0, []
    for word in words:
        found.append(text[place : place + len(word)])
        place += len(word)
    return found


def shaped(text, lexicon, weight):
    return as_in(text, seg.bigram(text.translate(SHAPES), lexicon, weight))


def jieba_words(texts, hmm):
    import jieba

    jieba.setLogLevel(logging.ERROR)
    jieba.initialize()  # its dictionary is not part of the time
    return lambda: [jieba.lcut(text, HMM=hmm) for text in texts]


def methods(which, texts, weights, part=False):
    """Name → a function of nothing that cuts all texts; models are made before."""
    model = functools.partial(trained, which, part=part)
    each = lambda f, *more: lambda: [f(text, *more) for text in texts]  # noqa: E731
    closed, tags, w = model("closed"), model("tags"), weights
    found = {
        "characters": each(list),
        "forward": each(seg.forward_match, closed),
        "backward": each(seg.backward_match, closed),
        "bidirectional": each(seg.bidirectional_match, closed),
        "unigram": each(seg.unigram, closed),
        "bigram": each(seg.bigram, closed, w["bigram"]),
        "HMM": lambda: seg.hmm_words(texts, tags),
        "unigram + HMM": lambda: seg.unigram_hmm(texts, closed, tags),
        "bigram + HMM": lambda: seg.retag_singles(
            [seg.bigram(text, closed, w["bigram"]) for text in texts], tags
        ),
        "bigram, open": each(seg.bigram, model("open"), w["open"]),
        "… one digit": each(shaped, model("shapes"), w["shapes"]),
    }
    if which == "pku":
        official = model("official")
        found |= {
            "… recut": each(shaped, model("recut"), w["shapes"]),
            "forward, official": each(seg.forward_match, official),
            "backward, official": each(seg.backward_match, official),
        }
    return found | {"jieba": jieba_words(texts, True), "jieba, no HMM": jieba_words(texts, False)}


def known_words(which, name):
    kind = "official" if "official" in name else "closed"
    return trained(which, kind).counts


def scored(gold, found, known, seconds):
    result = metrics.segmentation_scores(gold, found, known)
    row = {key: round(value, 4) for key, value in result._asdict().items()}
    return row | {"words_per_second": round(sum(map(len, gold)) / seconds)}


def measure(which, name, weights):
    """One method on one test."""
    gold = tests()[which]
    texts = ["".join(words) for words in gold]
    run = methods(which, texts, weights)[name]
    start = time.process_time()
    found = run()
    seconds = time.process_time() - start
    return {"method": name} | scored(gold, found, known_words(which, name), seconds)


def measure_as_it_is(name):
    """On the PKU test without normalised widths."""
    gold = read(SIGHAN, "pku_test_gold.utf8", widths=False)
    file = read(SIGHAN, "pku_training_words.utf8", widths=False)
    january = read(PEOPLE, "pd199801.seg.txt", widths=False)
    lexicon = seg.Lexicon(file if "official" in name else january)
    cut = getattr(seg, {"f": "forward_match", "b": "backward_match", "u": "unigram"}[name[0]])
    start = time.process_time()
    found = [cut("".join(words), lexicon) for words in gold]
    return {"method": name} | scored(gold, found, lexicon.counts, time.process_time() - start)


def choose(which, kind):
    """F1 on the held-out part for each weight."""
    _, held = training(which)
    held = held[:HELD]
    lexicon = trained(which, {"bigram": "closed"}.get(kind, kind), part=True)
    cut = shaped if kind == "shapes" else seg.bigram
    curve = {}
    for weight in WEIGHTS:
        found = [cut("".join(words), lexicon, weight) for words in held]
        curve[str(weight)] = round(metrics.segmentation_scores(held, found).f1, 4)
    return curve


def tests():
    return {
        "pku": read(SIGHAN, "pku_test_gold.utf8"),
        "february": read(PEOPLE, "pd199802_first2000.seg.txt"),
        "gsd": read(GSD, "gsd_test.seg.txt"),
    }


AS_IT_IS = ("forward, official, raw", "backward, official, raw", "unigram, raw")
KINDS = ("bigram", "open", "shapes")


def main():
    what = "Chinese word segmentation, scored as the SIGHAN bakeoff does; one thread, no seeds"
    with Run("segmentation", what, NEEDS, ["jieba"], steps=6 + 13 * 2 + 16 + 3) as run:
        curves = {which: {kind: run.step(f"weights {which} {kind}", choose, which, kind)
                          for kind in KINDS} for which in ("people", "gsd")}  # fmt: skip
        best = {which: {kind: float(max(curve, key=curve.get)) for kind, curve in found.items()}
                for which, found in curves.items()}  # fmt: skip
        sets = {}
        for which, gold in tests().items():
            weights = best["gsd" if which == "gsd" else "people"]
            names = methods(which, [], weights)
            rows = [run.step(f"{which}: {n}", measure, which, n, weights) for n in names]
            if which == "pku":
                rows += [run.step(f"{which}: {n}", measure_as_it_is, n) for n in AS_IT_IS]
            sets[which] = {"sentences": len(gold), "words": sum(map(len, gold)),
                           "train_words": trained(which, "closed").total,
                           "lexicon": len(trained(which, "closed")), "rows": rows}  # fmt: skip
        run.write({"weights": best, "held_out": curves, "sets": sets, "published": PUBLISHED})


if __name__ == "__main__":
    main()
