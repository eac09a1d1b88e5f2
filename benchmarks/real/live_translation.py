"""The network that translates short sentences in the page `translation`, in eight bits a weight.

It reads Chinese characters and writes pieces of English words: a GRU in both directions, another
that looks back. Units are dropped for a whole batch at a time; rare characters are sometimes read
as unknown, so that those that the training never had do less harm. A pair is in one part only
with all that have its source or its target. Beside it stand the nearest sentence of the training
and a dictionary that the training gives. Twenty minutes.

Data: Tatoeba (CC BY 2.0 FR), by way of manythings.org. Recorded are weights, and a few sentences.
"""

from _common import Run  # isort: skip  (sets the number of threads)

import functools
import time
from collections import Counter
from typing import Any

import _pairs
import numpy as np
from _baselines import Dictionary, nearest
from _bleu import bleu

from rnncourse.nlp import decoding, text
from rnncourse.nn import optim, seq2seq
from rnncourse.widgets import datewriter, translator, weights

Array = np.ndarray
Coded = list[tuple[Array, Array]]
LONGEST, LEAST, MERGES = 12, 4, 300  # characters of a source; times a known one was seen; pieces
READ, H, BATCH, UPDATES, RATE = 32, 120, 64, 14_000, 0.004
DROP = {"encoder.embedding.E": (1, 0.1), "decoder.embedding.E": (1, 0.1),
        "decoder.combine.W_y": (0, 0.2), "decoder.output.W_y": (0, 0.2)}  # fmt: skip  # axis, share
RARE = 0.5  # a character seen c times is read as unknown with probability RARE / (RARE + c)
BARE = 0.2  # of the sources are read without their last mark
ODD = ("", "   ", "🙂", "你好🙂", "hello world", "Where is the station?", "餮饕龘", "龘", "。",
       "汤姆", "Tom喜欢Mary。", "张伟住在广州。", "玛丽去了波士顿。", "我有3只猫。",
       "现在是七点半。", "我有三百六十五块钱。", "他出生于1998年。", "我們明天去學校。",
       "我们明天去学校", "虽然昨天下了一整天的大雨，可是我们还是按时到了学校，没有一个人迟到。",
       "好好好好好好好好好好好好", "学校去明天我们。", "春眠不觉晓", "こんにちは", "안녕하세요",
       "这个手机没电了。", "人工智能正在改变世界。", "他吃醋了。", "我不是不喜欢你。")  # fmt: skip
ASKED = (*translator.EXAMPLES, "我爱你。", "你会说英语吗？", "外面在下雨。", "他比我高。",
         "请把门关上。", "她是谁？", "我不知道该说什么。", "你为什么哭？", "我每天六点起床。",
         "这是我的错。", "汤姆正在睡觉。", "我想喝水。", "猫在桌子上。", "你多大了？")  # fmt: skip


# --- the data ---------------------------------------------------------------------------


@functools.cache
def parts() -> list[list[_pairs.Pair]]:
    """Train, validation and test, of short sources."""
    return _pairs.split([pair for pair in _pairs.pairs() if len(pair.zh) <= LONGEST])


@functools.cache
def counts() -> Counter[str]:
    return Counter(sign for pair in parts()[0] for sign in translator.fold(pair.zh, {}))


@functools.cache
def tokens() -> str:
    return translator.UNKNOWN + "".join(s for s, n in counts().most_common() if n >= LEAST)


@functools.cache
def english() -> _pairs.English:
    return _pairs.English([pair.en for pair in parts()[0]], MERGES)


def empty() -> dict[str, Any]:
    """A network without weights."""
    table = {old: new for old, new in _pairs.simplified().items() if new in tokens()}
    return {"tokens": tokens(), "pieces": [translator.START, translator.END, *english().pieces],
            "simplified": "".join(old + new for old, new in table.items())}  # fmt: skip


def coded(found: list[_pairs.Pair]) -> Coded:
    """Numbers of characters, and of pieces with the end."""
    signs = {sign: k for k, sign in enumerate(tokens())}
    pieces = {piece: k for k, piece in enumerate(empty()["pieces"])}
    end = translator.design().end
    return [(np.array([signs.get(s, 0) for s in translator.fold(pair.zh, {})]),
             np.array([*(pieces[p] for p in english().encode(pair.en)), end]))
            for pair in found]  # fmt: skip


def batch_of(found: Coded) -> seq2seq.Batch:
    end = translator.design().end
    return seq2seq.Batch(*text.pad([x for x, _ in found]),
                         *text.pad([y for _, y in found], value=end))  # fmt: skip


def disturbed(rng: np.random.Generator, source: Array, seen: Array, last: set[int]) -> Array:
    """Some rare characters as unknown ones; sometimes without the last mark."""
    if len(source) > 2 and source[-1] in last and rng.random() < BARE:
        source = source[:-1]
    return np.where(rng.random(len(source)) < RARE / (RARE + seen[source]), 0, source)


def batches(rng: np.random.Generator, found: Coded) -> Any:
    """Without end: disturbed pairs of like length, in random order."""
    seen = np.array([0, *(counts()[sign] for sign in tokens()[1:])])
    last = {k for k, sign in enumerate(tokens()) if sign in "。?!"}
    while True:
        noise = rng.uniform(0, 2, len(found))
        order = np.argsort([len(y) + u for (_, y), u in zip(found, noise, strict=True)])
        for start in rng.permutation(np.arange(0, len(order), BATCH)):
            rows = [found[k] for k in order[start : start + BATCH]]
            yield batch_of([(disturbed(rng, x, seen, last), y) for x, y in rows])


# --- training ---------------------------------------------------------------------------


def init(rng: np.random.Generator) -> Any:
    return seq2seq.seq2seq_init(rng, translator.design(), len(tokens()), len(empty()["pieces"]),
                                READ, H, bidirectional=True, dtype=np.float32)  # fmt: skip


def masks(rng: np.random.Generator, params: Any) -> dict[str, Array]:
    """For the whole batch: units that are dropped, the others scaled up."""
    arrays, found = optim.leaves(params), {}
    for name, (axis, share) in DROP.items():
        size = arrays[name].shape[axis]
        kept = np.asarray(rng.random(size) >= share, np.float32) / np.float32(1 - share)
        found[name] = kept[:, None] if axis == 0 else kept
    return found


def gradients(rng: np.random.Generator, batch: seq2seq.Batch, params: Any) -> Any:
    """Of the network without the dropped units."""
    arrays, dropped = optim.leaves(params), masks(rng, params)
    whole = {name: arrays[name].copy() for name in dropped}
    for name, mask in dropped.items():
        arrays[name] *= mask
    _, grads = seq2seq.loss_and_gradients(translator.design(), batch, params)
    found = optim.leaves(grads)
    for name, mask in dropped.items():
        arrays[name][...] = whole[name]
        found[name] *= mask
    return grads


def learn(seed: int, updates: int = UPDATES) -> tuple[Any, float]:
    """Parameters after all updates, the rate falling to nothing over the second half; seconds."""
    rng, begin = np.random.default_rng(seed), time.process_time()
    params = init(rng)
    state, source = optim.adam_init(params), batches(rng, coded(parts()[0]))
    for k in range(updates):
        grads = gradients(rng, next(source), params)
        optim.clip_by_norm(grads, 1.0)
        optim.adam_step(params, grads, state, RATE * min(1.0, 2 * (1 - k / updates)))
    return params, time.process_time() - begin


# --- measuring --------------------------------------------------------------------------


def asked(part: int) -> dict[str, list[str]]:
    """Each source of a part, once, with all its translations there."""
    found: dict[str, list[str]] = {}
    for pair in parts()[part]:
        found.setdefault(pair.zh, []).append(pair.en)
    return found


def written(params: Any, sources: list[str]) -> tuple[list[str], Array]:
    """Translations, and the geometric mean of each one's probabilities."""
    design, pieces = translator.design(), empty()["pieces"]
    batch = batch_of(coded([_pairs.Pair(zh, "") for zh in sources]))
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)

    def allowed(read: Any, state: Any) -> Any:
        scores, state = step(read, state)
        scores[:, design.start] = -np.inf  # no sentence has it, in the page neither
        return scores, state

    first = [design.start] * len(sources)
    found = decoding.decode(allowed, state, first, design.end, translator.LENGTH)
    texts = [translator.joined([pieces[k] for k in one.tokens if k != design.end]) for one in found]
    return texts, np.exp([one.log_prob / len(one.tokens) for one in found])


def judged(params: Any, part: int, unsure: float | None = None) -> dict[str, Any]:
    """BLEU of a part, sentences written exactly, and both of the less probable ones alone."""
    sources = asked(part)
    found, p = written(params, list(sources))
    right = [text in known for text, known in zip(found, sources.values(), strict=True)]
    cut = float(np.median(p)) if unsure is None else unsure
    halves = {}
    for name, rows in (("sure", p >= cut), ("unsure", p < cut)):
        which = np.flatnonzero(rows)
        references = list(sources.values())
        halves[name] = {"share": round(float(rows.mean()), 3),
                        "bleu": bleu([references[k] for k in which],
                                     [found[k] for k in which])}  # fmt: skip
    return {"bleu": bleu(list(sources.values()), found), "exact": round(float(np.mean(right)), 4),
            "unsure": round(cut, 4), "halves": halves,
            "examples": [[zh, known[0], one] for (zh, known), one in
                         list(zip(sources.items(), found, strict=True))[:: len(found) // 12]],
            }  # fmt: skip


def trained(seed: int) -> dict[str, Any]:
    """One network, measured in float32 and in eight bits, and packed."""
    params, seconds = learn(seed)
    packed = weights.pack(params)
    in_eight = datewriter.nested(weights.unpack(packed))
    chosen = judged(in_eight, 1)
    network = empty() | {"unsure": chosen["unsure"], "weights": packed}
    return {"network": network, "bytes": weights.size(network),
            "parameters": sum(a.size for a in optim.leaves(params).values()),
            "cpu seconds": round(seconds, 1), "validation": chosen,
            "float32": judged(params, 2, chosen["unsure"]),
            "8 bits": judged(in_eight, 2, chosen["unsure"])}  # fmt: skip


def baselines() -> dict[str, Any]:
    """The source as it stands, word by word, and the nearest sentence of the training."""
    sources, train = asked(2), parts()[0]
    zh = list(sources)
    answers = {"copy": zh, "dictionary": Dictionary(train).translate(zh),
               "nearest": nearest(train, zh)}  # fmt: skip
    return {name: {"bleu": bleu(list(sources.values()), found), "examples": found[:5]}
            for name, found in answers.items()}  # fmt: skip


def tried(network: dict[str, Any], texts: tuple[str, ...]) -> list[list[Any]]:
    """What it makes of texts, or why it refuses them."""
    model, rows = translator.Translator(network), []
    for one in texts:
        try:
            answer = model.write(one)
        except ValueError as error:
            rows.append([one, f"refused: {error}", 0.0])
        else:
            rows.append([one, answer.text, round(answer.p, 3)])
    return rows


def sizes() -> dict[str, Any]:
    """Pairs, sources and groups of each part."""
    names = ("train", "validation", "test")
    return {name: {"pairs": len(part), "sources": len(asked(k))}
            for k, (name, part) in enumerate(zip(names, parts(), strict=True))}  # fmt: skip


def main() -> None:
    what = "A network that translates short sentences in the page: BLEU, in float32 and in 8 bits."
    needs, packages = [_pairs.FILE], ["opencc", "jieba", "scikit-learn"]
    with Run("live_translation", what, needs=needs, packages=packages, steps=5) as run:
        shown = run.step("train", trained, 0)
        network = shown.pop("network")
        run.write({"licence": "Tatoeba, CC BY 2.0 FR", "network": network}, "live_translation")
        run.write({
            "settings": {"longest": LONGEST, "least": LEAST, "merges": MERGES, "read": READ,
                         "H": H, "batch": BATCH, "updates": UPDATES, "rate": RATE,
                         "drop": {name: share for name, (_, share) in DROP.items()}},
            "sizes": run.step("sizes", sizes),
            **shown,
            "baselines": run.step("baselines", baselines),
            "odd": run.step("odd", tried, network, ODD),
            "asked": run.step("asked", tried, network, ASKED),
        })  # fmt: skip


if __name__ == "__main__":
    main()
