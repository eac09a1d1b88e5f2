"""The network that writes dates in the pages `seq2seq` and `attention`, in eight bits a weight.

Both languages in one network: a GRU reads in both directions, another writes and looks back.
Dates are made as they go; some lose a comma or a little word, or gain a space or a character that
no form has, since that is what readers type. Tested are undisturbed dates, and each form alone.
The page draws where it looks, so it has the score whose looks are the sharper ones. Beside the
record stands the network itself, live_dates.json. Five minutes.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import time
from datetime import date
from typing import Any

import numpy as np
from dateutil import parser

from rnncourse.data import dates as forms
from rnncourse.nlp import decoding, text
from rnncourse.nn import optim, seq2seq
from rnncourse.widgets import datewriter, weights

Array = np.ndarray
D, H, BATCH, UPDATES, RATE = 32, 64, 64, 1200, 0.006
SIGNS = {" "} | {small for sign in forms.signs() for small in datewriter.fold(sign)}
TOKENS = datewriter.UNKNOWN + "".join(sorted(SIGNS))
SEEDS = {"general": (0, 1, 2), "additive": (0,)}  # the page has the first one
TESTED, EACH, LOOKED = 3000, 100, 300  # dates in all, of each form, for the looks
UNSURE = 0.95  # below so large a probability the page says that it isn't sure
DROPPED = (",", "，", "the ", "of ")
STRANGE = ("hello world", "一二三四五六七八九十", "3.14159265", "to be or not to be",
           "the day after tomorrow", "明天", "12:30", "March", "2024", "1", "?", "春眠不觉晓",
           "May the force be with you", "0000000000", "五月", "call 555 0199")  # fmt: skip
WRONG = ("February 30, 2024", "2023-02-29", "31 April 2024", "2024年13月1日", "2024-00-00",
         "二〇二四年二月三十日", "July 4, 1776", "2150-01-01", "3/5/2024", "05/03/2024",
         "Mar. 5, '24", "廿四年三月五日", "民國113年3月5日", "五日三月二〇二四年")  # fmt: skip


def disturbed(rng: np.random.Generator, written: str) -> str:
    """Without some marks and little words, and one in five with a sign more."""
    for piece in DROPPED:
        if rng.random() < 0.1:
            written = written.replace(piece, "")
    if rng.random() < 0.2:
        place = rng.integers(len(written) + 1)
        written = written[:place] + rng.choice([" ", datewriter.UNKNOWN]) + written[place:]
    return written


def batch_of(sources: list[str], targets: list[str]) -> seq2seq.Batch:
    read = [datewriter.fold(source) for source in sources]
    numbers = [np.array([max(TOKENS.find(sign), 0) for sign in signs]) for signs in read]
    ended = [np.array([datewriter.TARGETS.index(s) for s in target + "$"]) for target in targets]
    return seq2seq.Batch(*text.pad(numbers), *text.pad(ended, value=datewriter.design().end))


def learn(score: str, seed: int) -> tuple[Any, float]:
    """Parameters after all updates, the rate falling to nothing over the second half; seconds."""
    rng, design = np.random.default_rng(seed), datewriter.design()._replace(score=score)
    params = seq2seq.seq2seq_init(rng, design, len(TOKENS), len(datewriter.TARGETS), D, H,
                                  bidirectional=True, dtype=np.float32)  # fmt: skip
    state, begin = optim.adam_init(params), time.process_time()
    for k in range(UPDATES):
        sources, targets, _ = forms.made_up_dates(rng, BATCH)
        batch = batch_of([disturbed(rng, source) for source in sources], targets)
        _, grads = seq2seq.loss_and_gradients(design, batch, params)
        optim.clip_by_norm(grads, 1.0)
        optim.adam_step(params, grads, state, RATE * min(1.0, 2 * (1 - k / UPDATES)))
    return params, time.process_time() - begin


# --- measuring ------------------------------------------------------------------------------------


def written(score: str, params: Any, sources: list[str]) -> list[decoding.Written]:
    design = datewriter.design()._replace(score=score)
    batch = batch_of(sources, [""] * len(sources))
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    first = [design.start] * len(sources)
    return decoding.decode(step, state, first, design.end, datewriter.LENGTH)


def as_text(found: decoding.Written) -> str:
    return "".join(datewriter.TARGETS[k] for k in found.tokens if k != datewriter.design().end)


def held_out(names: list[str] | None, count: int) -> tuple[list[str], list[str]]:
    return forms.made_up_dates(np.random.default_rng(10_000), count, names)[:2]


def year_at(source: str, year: str) -> int:
    """Where the year stands digit by digit, or -1."""
    plain = source.translate(str.maketrans("〇零一二三四五六七八九０１２３４５６７８９",
                                           "00123456789" "0123456789"))  # fmt: skip
    return plain.find(year)


def looks(sources: list[str], targets: list[str], found: list[Any]) -> dict[str, float]:
    """Means over the year's digits: their weight on the four characters of the year; over all
    characters that are written: their largest weight."""
    inside, largest = [], []
    for source, target, one in zip(sources, targets, found, strict=True):
        place = year_at(source, target[:4])
        inside += list(one.weights[:4, place : place + 4].sum(axis=1))
        largest += list(one.weights.max(axis=1))
    return {"year on year": round(float(np.mean(inside)), 4),
            "largest": round(float(np.mean(largest)), 4)}  # fmt: skip


def looked(network: dict[str, Any]) -> dict[str, float]:
    """The looks of a network in eight bits."""
    sources, targets = held_out(None, LOOKED)
    model = datewriter.DateWriter(network)
    return looks(sources, targets, [model.write(source) for source in sources])


def right(score: str, params: Any, names: list[str] | None, count: int) -> dict[str, Any]:
    """Share written without a mistake, and the probability of what was written."""
    sources, targets = held_out(names, count)
    found = written(score, params, sources)
    good = [as_text(one) == target for one, target in zip(found, targets, strict=True)]
    p = np.exp([one.log_prob for one in found])
    return {"exact": float(np.mean(good)), "unsure": float((p < UNSURE).mean()),
            "least sure": [round(float(v), 4) for v in np.quantile(p, (0, 0.001, 0.01))],
            "mistakes": [[s, as_text(one)] for s, one, g in
                         zip(sources, found, good, strict=True) if not g][:5]}  # fmt: skip


def measured(score: str, params: Any) -> dict[str, Any]:
    by_form = {name: right(score, params, [name], EACH)["exact"] for name in forms.FORMATS}
    worst = min(by_form, key=lambda name: by_form[name])
    return {**right(score, params, None, TESTED), "by form": by_form, "worst form": worst}


def trained(score: str, seed: int) -> dict[str, Any]:
    """One network, measured in float32 and in eight bits, and packed."""
    params, seconds = learn(score, seed)
    packed = weights.pack(params)
    network = {"tokens": TOKENS, "unsure": UNSURE, "weights": packed}
    in_eight = datewriter.nested(weights.unpack(packed))
    return {"network": network, "bytes": weights.size(network),
            "parameters": sum(a.size for a in optim.leaves(params).values()),
            "cpu seconds": round(seconds, 1), "float32": measured(score, params),
            "8 bits": measured(score, in_eight)}  # fmt: skip


def odd(network: dict[str, Any], texts: tuple[str, ...]) -> list[list[Any]]:
    """What it makes of texts that are no date, or none that there is."""
    model = datewriter.DateWriter(network)
    answers = [(text, model.write(text)) for text in texts]
    return [[text, answer.text, round(answer.p, 3)] for text, answer in answers]


def rules(count: int = TESTED) -> dict[str, float]:
    """The same dates read by dateutil, whose rules people wrote; its right answers by language."""
    sources, targets = held_out(None, count)
    good: dict[str, list[bool]] = {"all": [], "English": [], "Chinese": []}
    for source, target in zip(sources, targets, strict=True):
        try:
            found = parser.parse(source, default=parser.parse("1000-01-01")).date()
        except (ValueError, OverflowError):
            found = date.min
        here = "English" if source.isascii() else "Chinese"
        for name in ("all", here):
            good[name].append(found.isoformat() == target)
    return {name: round(float(np.mean(values)), 4) for name, values in good.items()}


def main() -> None:
    what = "A network that writes dates in the page: dates right, in float32 and in eight bits."
    steps = 3 + len(SEEDS) + sum(map(len, SEEDS.values()))
    with Run("live_dates", what, packages=["python-dateutil"], steps=steps) as run:
        runs = {score: [run.step(f"{score} {seed}", trained, score, seed) for seed in seeds]
                for score, seeds in SEEDS.items()}  # fmt: skip
        score = next(iter(SEEDS))
        network = runs[score][0]["network"]
        run.write({"network": network}, "live_dates")
        run.write({
            "settings": {"D": D, "H": H, "batch": BATCH, "updates": UPDATES, "rate": RATE,
                         "seed": 0, "score": score, "unsure": UNSURE},
            "parameters": runs[score][0]["parameters"],
            "bytes": runs[score][0]["bytes"],
            **{name: over_seeds(rows) for name, rows in runs.items()},
            "shown": runs[score][0]["8 bits"],
            "looks": {name: run.step(f"looks {name}", looked, rows[0]["network"])
                      for name, rows in runs.items()},
            "dateutil": run.step("dateutil", rules),
            "no dates": run.step("no dates", odd, network, STRANGE),
            "wrong dates": run.step("wrong dates", odd, network, WRONG),
        })  # fmt: skip


def over_seeds(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "cpu seconds": summary([row["cpu seconds"] for row in rows], 1),
        **{kind: {
            "exact": summary([row[kind]["exact"] for row in rows]),
            "worst form": summary([min(row[kind]["by form"].values()) for row in rows]),
            "unsure": summary([row[kind]["unsure"] for row in rows]),
        } for kind in ("float32", "8 bits")},
    }  # fmt: skip


if __name__ == "__main__":
    main()
