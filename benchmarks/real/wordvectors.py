"""Word vectors of real text, beside gensim's: similarity, analogies, neighbours, speed.

English: the reviews of IMDB's training part; Chinese: the People's Daily of January 1998, in
its own words. Both libraries read the same word numbers with the same settings.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import gzip
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from gensim.models import Word2Vec
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD

from rnncourse import data
from rnncourse.nlp import text
from rnncourse.nlp.wordvec import query, word2vec

Array = np.ndarray
NEEDS = [
    ("imdb", "imdb_train.tsv.gz"),
    ("cws_people_daily_1998", "pd199801.seg.txt"),
    ("wordvec_eval", "questions-words.txt"),
]
D, WINDOW, NEGATIVES, SAMPLE, EPOCHS, MIN_COUNT = 100, 5, 5, 1e-3, 5, 5
METHODS = {  # what wordvec.train and gensim are told
    "skip-gram, negative": ({"model": "skipgram"}, {"sg": 1}),
    "CBOW, negative": ({"model": "cbow"}, {"sg": 0}),
    "CBOW, negative, rate 0.1": ({"model": "cbow", "rate": 0.1}, None),
    "CBOW, negative, whole gradient": ({"model": "cbow, whole gradient"}, None),
    "skip-gram, hierarchical": (
        {"model": "skipgram", "loss": "hierarchical"},
        {"sg": 1, "hs": 1, "negative": 0},
    ),
}
SIMILARITY = {
    "english": {
        "WordSim-353": "EN-WS-353-ALL.txt",
        "SimLex-999": "EN-SIMLEX-999.txt",
        "MEN": "EN-MEN-TR-3k.txt",
    },
    "chinese": {"wordsim-240": "zh-wordsim-240.txt", "wordsim-297": "zh-wordsim-297.txt"},
}
ANALOGIES = {
    "english": {"Google": "questions-words.txt"},
    "chinese": {
        "CA-translated": "zh-ca_translated.txt",
        "CA8 semantic": "zh-CA8-semantic.txt",
        "CA8 morphological": "zh-CA8-morphological.txt",
    },
}
ASKED = ["soldier", "cop", "boss", "doctor", "genius", "scientist", "teacher", "nurse",
         "secretary", "dancer", "beautiful", "housewife"]  # fmt: skip


def cbow_whole(ids: Array, window: Array, params: word2vec.Params) -> tuple[Array, Array, Array]:
    """CBOW with the step of word2vec and gensim: each word of the window gets all of dH."""
    H, targets, mean = word2vec.cbow(ids, window, params)
    return H, targets, (mean > 0).astype(mean.dtype)


word2vec.MODELS["cbow, whole gradient"] = cbow_whole


class Text(NamedTuple):
    """A text in word numbers; the most frequent word is 0."""

    words: list[str]
    counts: Array  # (V,)
    sentences: list[Array]


def english() -> Iterator[list[str]]:
    """Reviews, as lists of words in lower case."""
    with gzip.open(data.path("imdb", "imdb_train.tsv.gz"), "rt", encoding="utf-8") as file:
        for line in file:
            review = line.rstrip("\n").split("\t", 3)[3].replace("<br />", " ")
            yield [word for word in text.words(review) if word[0].isalpha()]


def chinese() -> Iterator[list[str]]:
    """Paragraphs, in the words of the people who segmented them."""
    path = data.path("cws_people_daily_1998", "pd199801.seg.txt")
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield [word for word in line.split() if word[0].isalnum()]


@cache
def read(language: str) -> Text:
    """The text without words that occur fewer than MIN_COUNT times."""
    documents = list({"english": english, "chinese": chinese}[language]())
    counts = Counter(word for document in documents for word in document)
    words = [word for word, n in counts.most_common() if n >= MIN_COUNT]
    index = {word: k for k, word in enumerate(words)}
    rows = [np.array([index[w] for w in row if w in index], np.int64) for row in documents]
    return Text(words, np.array([counts[w] for w in words]), [r for r in rows if len(r)])


# --- training: vectors (V, D) and words a second of processor time ------------------------


def ours(language: str, method: str, seed: int) -> tuple[Array, float]:
    source, options = read(language), METHODS[method][0]
    start = time.process_time()
    params = word2vec.train(
        source.sentences, source.counts, np.random.default_rng(seed), D, window=WINDOW,
        negatives=NEGATIVES, sample=SAMPLE, epochs=EPOCHS, progress=False, **options,
    )  # fmt: skip
    return params["W_in"], rate_of(source, time.process_time() - start)


def gensims(language: str, method: str, seed: int) -> tuple[Array, float]:
    source, options = read(language), METHODS[method][1]
    rows = [[str(k) for k in row.tolist()] for row in source.sentences]
    start = time.process_time()
    model = Word2Vec(
        rows, vector_size=D, window=WINDOW, sample=SAMPLE, epochs=EPOCHS, min_count=1,
        workers=1, seed=seed, **({"negative": NEGATIVES} | options),
    )  # fmt: skip
    spent = time.process_time() - start
    return model.wv[[str(k) for k in range(len(source.words))]], rate_of(source, spent)


def rate_of(source: Text, seconds: float) -> float:
    return EPOCHS * sum(map(len, source.sentences)) / seconds


def counted(language: str, seed: int) -> tuple[Array, float]:
    """No network: positive pointwise mutual information, reduced to D columns by SVD."""
    source, start = read(language), time.process_time()
    V = len(source.words)
    ids = np.concatenate(source.sentences)
    place = np.repeat(np.arange(len(source.sentences)), [len(r) for r in source.sentences])
    pairs = csr_matrix((V, V))
    for k in range(1, WINDOW + 1):
        same = place[k:] == place[:-k]
        a, b = ids[:-k][same], ids[k:][same]
        # A window of 1..WINDOW at random holds the word k places away this often.
        weight = np.full(len(a), 1 - (k - 1) / WINDOW)
        pairs = pairs + csr_matrix((weight, (a, b)), (V, V))
    pairs = (pairs + pairs.T).tocoo()
    share = np.asarray(pairs.sum(axis=1)).ravel() / pairs.sum()
    smooth = share**0.75 / (share**0.75).sum()
    pmi = np.log(pairs.data / pairs.sum() / (share[pairs.row] * smooth[pairs.col]))
    positive = csr_matrix((np.maximum(pmi, 0), (pairs.row, pairs.col)), (V, V))
    svd = TruncatedSVD(D, random_state=seed).fit(positive)
    E = svd.transform(positive) / np.sqrt(svd.singular_values_)
    return E, len(ids) / (time.process_time() - start)


# --- asking the vectors -------------------------------------------------------------------


@cache
def pairs_of(language: str, file: str) -> tuple[Array, Array, int]:
    """Word numbers (n, 2) and people's judgements (n,) of the pairs that the text has."""
    index = {word: k for k, word in enumerate(read(language).words)}
    with data.path("wordvec_eval", file).open(encoding="utf-8") as lines:
        rows = [[part.strip() for part in line.split("\t")] for line in lines if line.strip()]
    known = [(a, b, s) for a, b, s in rows if {a.lower(), b.lower()} <= index.keys()]
    ids = np.array([[index[a.lower()], index[b.lower()]] for a, b, _ in known])
    return ids, np.array([float(s) for *_, s in known]), len(rows)


@cache
def questions_of(language: str, file: str) -> tuple[Array, Array, int]:
    """Word numbers (n, 4) of the questions that the text has; which are syntactic (n,)."""
    index = {word: k for k, word in enumerate(read(language).words)}
    known, syntactic, total, section = [], [], 0, ""
    with data.path("wordvec_eval", file).open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(":"):
                section = line
                continue
            total += 1
            question = line.lower().split()
            if len(question) == 4 and set(question) <= index.keys():
                known.append([index[word] for word in question])
                syntactic.append("gram" in section)
    return np.array(known), np.array(syntactic), total


def scores(language: str, E: Array) -> dict[str, Any]:
    """Spearman's correlations, and shares of analogies that are right."""
    found: dict[str, Any] = {}
    unit = query.unit(E)
    for name, file in SIMILARITY[language].items():
        ids, judged, _ = pairs_of(language, file)
        found[name] = query.spearman((unit[ids[:, 0]] * unit[ids[:, 1]]).sum(axis=1), judged)
    for name, file in ANALOGIES[language].items():
        questions, syntactic, _ = questions_of(language, file)
        right = query.analogy(E, questions[:, :3]) == questions[:, 3]
        found[name] = float(right.mean())
        if syntactic.any():
            found[f"{name} semantic"] = float(right[~syntactic].mean())
            found[f"{name} syntactic"] = float(right[syntactic].mean())
    return found


def neighbours(E: Array) -> list[list[int]]:
    """The ten nearest of 500 words: those on ranks 100 to 600 of frequency."""
    return [sorted(query.nearest(E, E[w], 10, [w]).tolist()) for w in range(100, 600)]


def agreement(a: list[list[int]], b: list[list[int]]) -> float:
    """Mean share of the ten nearest words that two sets of vectors have in common."""
    return float(np.mean([len(set(x) & set(y)) / 10 for x, y in zip(a, b, strict=True)]))


def measure(function: Any, *arguments: Any) -> dict[str, Any]:
    E, speed = function(*arguments)
    language = arguments[0]
    found = {"scores": scores(language, E), "near": neighbours(E), "words_per_second": speed}
    if language == "english":
        found["leaving out"] = leaving_out(E)
    return found | {"leaning": leaning(language, E)}


def random_vectors(language: str, seed: int) -> tuple[Array, float]:
    return np.random.default_rng(seed).standard_normal((len(read(language).words), D)), 0.0


def leaning(language: str, E: Array) -> dict[str, float]:
    """How much nearer a word lies to "he" than to "she": its cosine to one less the other."""
    E, index = query.unit(E), {word: k for k, word in enumerate(read(language).words)}
    if "he" not in index:
        return {}
    direction = E[index["he"]] - E[index["she"]]
    return {word: float(E[index[word]] @ direction) for word in ASKED if word in index}


def leaving_out(E: Array) -> dict[str, float]:
    """What the rule to leave out the question's words does for Google's analogies."""
    questions, _, _ = questions_of("english", ANALOGIES["english"]["Google"])
    E = query.unit(E)
    free = np.empty(len(questions), np.int64)
    for start in range(0, len(questions), 256):
        a, b, c, _ = questions[start : start + 256].T
        free[start : start + 256] = ((E[b] - E[a] + E[c]) @ E.T).argmax(axis=1)
    answer = questions[:, 3]
    return {
        "right, question's words left out": float(
            (query.analogy(E, questions[:, :3]) == answer).mean()
        ),
        "right, nothing left out": float((free == answer).mean()),
        "answer is b or c, nothing left out": float(
            ((free == questions[:, 1]) | (free == questions[:, 2])).mean()
        ),
    }


# --- the record -----------------------------------------------------------------------------


def pair(a: list[dict], b: list[dict]) -> float | None:
    """Mean agreement over all pairs of runs, a run with itself left out."""
    values = [agreement(x["near"], y["near"]) for x in a for y in b if x is not y]
    return round(float(np.mean(values)), 3) if values else None


def row(runs: list[dict]) -> dict[str, Any]:
    names = runs[0]["scores"]
    words = runs[0]["leaning"]
    left = runs[0].get("leaving out", {})
    return {
        "seeds": len(runs),
        "scores": {name: summary([r["scores"][name] for r in runs]) for name in names},
        "he minus she": {word: summary([r["leaning"][word] for r in runs]) for word in words},
        "leaving out": {how: summary([r["leaving out"][how] for r in runs]) for how in left},
        "words_per_second": round(float(np.median([r["words_per_second"] for r in runs]))),
    }


def coverage(language: str) -> dict[str, str]:
    found = {}
    for sets, ask in ((SIMILARITY, pairs_of), (ANALOGIES, questions_of)):
        for name, file in sets[language].items():
            ids, _, total = ask(language, file)
            found[name] = f"{len(ids)} of {total}"
    return found


def describe(language: str) -> dict[str, Any]:
    source = read(language)
    V = len(source.words)
    return {
        "words": int(sum(map(len, source.sentences))),
        "vocabulary": V,
        "parameters": 2 * V * D,
        "coverage": coverage(language),
    }


def run_method(run: Run, language: str, method: str) -> dict[str, list[dict]]:
    """The runs of one method by the libraries that have it."""
    runs = {}
    for library, function in {"ours": ours, "gensim": gensims}.items():
        if METHODS[method][library == "gensim"] is not None:
            runs[library] = [
                run.step(f"{language}, {method}, {library}, seed {seed}", measure, function,
                         language, method, seed)
                for seed in run.seeds
            ]  # fmt: skip
    return runs


def run_language(run: Run, language: str) -> dict[str, Any]:
    """All methods by both libraries, and two baselines."""
    runs = {method: run_method(run, language, method) for method in METHODS}
    table: dict[str, Any] = {}
    for method, found in runs.items():
        # gensim has one CBOW: ours are all held against it.
        beside = found.get("gensim") or runs["CBOW, negative"]["gensim"]
        table[method] = {library: row(some) for library, some in found.items()}
        table[method]["agreement"] = {
            "ours and gensim": pair(found["ours"], beside),
            "gensim and gensim": pair(beside, beside),
        }
    for name, function in {"counts": counted, "random": random_vectors}.items():
        found = [
            run.step(f"{language}, {name}, seed {seed}", measure, function, language, seed)
            for seed in run.seeds
        ]
        table[name] = {"baseline": row(found)}
    return {"text": run.step(f"{language}, text", describe, language), "methods": table}


def main() -> None:
    what = "Word vectors of real text by rnncourse and gensim at the same settings."
    with Run("wordvectors", what, NEEDS, ["gensim", "scikit-learn"], steps=62) as run:
        results = {language: run_language(run, language) for language in ("chinese", "english")}
        settings = {"D": D, "window": WINDOW, "negatives": NEGATIVES, "sample": SAMPLE,
                    "epochs": EPOCHS, "min_count": MIN_COUNT}  # fmt: skip
        run.write({"settings": settings, **results})


if __name__ == "__main__":
    main()
