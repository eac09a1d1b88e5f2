"""Coverage against repetition: lists of names, copied with and without it, ten times.

Generated reports of prizes (:mod:`rnncourse.data.reports`), five trainings in each language. As See
et al. did it, a pointer-generator is trained without coverage first; then the same network goes on
twice, with coverage and without, for as many updates. Three minutes.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import copy
from typing import Any

import numpy as np

from rnncourse.data import reports
from rnncourse.nlp import decoding, text
from rnncourse.nn import copying, pointer, train
from rnncourse.nn.seq2seq import Batch

D, H, N, SIZE, RATE, V = 24, 40, 300, 20, 0.01, 70
FIRST, THEN, TESTED, LENGTH = 8, 6, 150, 40  # epochs, epochs, reports, words of a title
DRAWS = [(language, seed) for language in ("en", "zh") for seed in range(5)]
TESTS = {"known": {}, "new": {"new": 1.0}, "longer": {"new": 1.0, "winners": (8, 8)}}
START, END, UNKNOWN = "<s>", "</s>", "<unk>"


def batch_of(found: list[reports.Report], words: text.Vocabulary) -> tuple[Batch, list[list[str]]]:
    index = {word: k for k, word in enumerate(words.tokens)}
    pairs = [copying.number_source(report.words, index, index[UNKNOWN]) for report in found]
    targets = [
        np.append(copying.number_target(report.title, index, index[UNKNOWN], new), index[END])
        for report, (_, new) in zip(found, pairs, strict=True)
    ]
    return Batch(*text.pad([s for s, _ in pairs]), *text.pad(targets)), [new for _, new in pairs]


def learn(design: pointer.PointerDesign, params: Any, batch: Batch, epochs: int, seed: int) -> None:
    rng, lengths = np.random.default_rng(seed), batch.source_mask.sum(axis=1)
    train.fit(
        params, lambda rows: pointer.loss_and_gradients(design, batch.take(rows), params),
        lambda: text.bucket_batches(lengths, SIZE, rng), epochs, rate=RATE, clip=5.0,
    )  # fmt: skip


def titles(design: pointer.PointerDesign, params: Any, found: list[reports.Report],
           words: text.Vocabulary) -> list[list[str]]:  # fmt: skip
    batch, new = batch_of(found, words)
    step, state = pointer.stepper(design, batch.source, params, batch.source_mask)
    written = decoding.decode(step, state, [design.start] * len(found), design.end, LENGTH)
    return [
        [w for w in copying.words_of(one.tokens, words.tokens, own) if w != END]
        for one, own in zip(written, new, strict=True)
    ]


def scores(found: list[reports.Report], written: list[list[str]]) -> dict[str, float]:
    """Means over titles: exactly right; of the names, written twice and left out; and the share
    of three words in a row that the title has had before."""
    rows = []
    for report, title in zip(found, written, strict=True):
        trigrams = list(zip(title, title[1:], title[2:], strict=False))
        rows.append([
            title == report.title,
            sum(title.count(name) > 1 for name in report.names),
            sum(name not in title for name in report.names),
            1 - len(set(trigrams)) / max(1, len(trigrams)),
        ])  # fmt: skip
    names = ("exact", "twice", "left out", "trigrams")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def trained(language: str, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Both networks of one draw, on each test."""
    rng = np.random.default_rng(seed)
    learned = reports.made_up_prizes(rng, N, language)
    tests = {name: reports.made_up_prizes(rng, TESTED, language, **how)
             for name, how in TESTS.items()}  # fmt: skip
    documents = [[START, END]] * 10_000 + [w for r in learned for w in (r.words, r.title)]
    words = text.Vocabulary.from_documents(documents, max_size=V)
    start, end, unknown = (words.tokens.index(word) for word in (START, END, UNKNOWN))
    plain = pointer.PointerDesign(start=start, end=end, unknown=unknown)
    base = pointer.pointer_init(rng, plain, len(words), D, H, True, np.float32)
    batch, _ = batch_of(learned, words)
    learn(plain, base, batch, FIRST, seed)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, design in {"without": plain, "with": plain._replace(coverage=True)}.items():
        params = copy.deepcopy(base)
        if design.coverage:
            params["decoder"]["coverage"] = {"w": np.zeros(H, np.float32)}
        learn(design, params, batch, THEN, seed + 100)
        found[name] = {test: scores(some, titles(design, params, some, words))
                       for test, some in tests.items()}  # fmt: skip
    return found


def main() -> None:
    what = "Lists of names copied by a pointer-generator, with coverage and without"
    with Run("summarization_lists", what, steps=len(DRAWS)) as run:
        rows = [run.step(f"{lang} {seed}", trained, lang, seed) for lang, seed in DRAWS]
        run.write({
            "sizes": {"reports": N, "tested": TESTED, "first": FIRST, "then": THEN, "H": H},
            **{way: {test: {score: summary([row[way][test][score] for row in rows])
                            for score in rows[0][way][test]} for test in TESTS}
               for way in rows[0]},
        })  # fmt: skip


if __name__ == "__main__":
    main()
