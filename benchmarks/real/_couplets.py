"""Couplets: the second line from the first, of equal length; a network beside two tables.

The encoder reads the first line from both ends. The decoder's t-th step reads the second line's
last character and the encoder's t-th output: the lines are of equal length and answer each other
place by place, so that nothing has to be searched for. The embedding is the output layer too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _language import learn

from rnncourse import data
from rnncourse.nlp import sampling
from rnncourse.nn import cells, functional, layers, optim, recurrent

Array = np.ndarray
NAMES = {5: "tang_wulu_5char", 7: "tang_qilu_7char"}
PARTS = ("train", "dev", "test")
NEEDS = [("couplets", f"{name}_{part}.tsv") for name in NAMES.values() for part in PARTS]
MARK, RARE, LEAST = "\n", "□", 3  # begins a line; stands for characters seen less than LEAST times
D, HALF, H, N = 64, 64, 128, 64
EPOCHS, RATE, CLIP, DROPOUT = 4, 4e-3, 1.0, 0.2


class Pairs(NamedTuple):
    """Lines of each part by length, and the characters by number: mark, rare, the others."""

    text: dict[str, dict[int, list[tuple[str, str]]]]
    characters: list[str]

    def ids(self, part: str, size: int) -> tuple[Array, Array]:
        """First and second lines, (N, size) each."""
        index = {character: k for k, character in enumerate(self.characters)}
        lines = [[index.get(c, 1) for c in line] for pair in self.text[part][size] for line in pair]
        rows = np.array(lines, np.int64).reshape(-1, 2, size)
        return rows[:, 0], rows[:, 1]


def known(text: dict[str, dict[int, list[tuple[str, str]]]]) -> Pairs:
    """With the characters that the training lines have at least LEAST times."""
    lines = (line for pairs in text["train"].values() for pair in pairs for line in pair)
    counts = Counter(character for line in lines for character in line)
    return Pairs(text, [MARK, RARE, *sorted(c for c, n in counts.items() if n >= LEAST)])


@cache
def read() -> Pairs:
    text = {part: {n: lines(n, part) for n in NAMES} for part in PARTS}
    return known(text)


def lines(size: int, part: str) -> list[tuple[str, str]]:
    """Pairs of one length; a few lines have a gap in their characters and are left out."""
    rows = data.path("couplets", f"{NAMES[size]}_{part}.tsv").read_text("utf-8").splitlines()
    pairs = [tuple(row.split("\t")[:2]) for row in rows]
    return [(a, b) for a, b in pairs if len(a) == len(b) == size]


# --- tables ---------------------------------------------------------------------------------


def unigram(pairs: Pairs, size: int) -> Array:
    """Probability (V,) of each character of a second line, every count raised by one."""
    counts = np.bincount(pairs.ids("train", size)[1].ravel(), minlength=len(pairs.characters)) + 1.0
    return counts / counts.sum()


def table(pairs: Pairs) -> dict[int, Counter]:
    """Character of the first line → those that answered it at its place, in both lengths."""
    found: dict[int, Counter] = defaultdict(Counter)
    for n in NAMES:
        firsts, seconds = pairs.ids("train", n)
        for a, b in zip(firsts.ravel().tolist(), seconds.ravel().tolist(), strict=True):
            found[a][b] += 1
    return found


def table_row(found: dict[int, Counter], character: int, below: Array) -> Array:
    """(counts + R below) / (sum + R), with R different answers: Witten and Bell (1991)."""
    answers = found.get(character, Counter())
    row = below * len(answers) if answers else below.copy()
    row[list(answers)] += list(answers.values())
    return row / row.sum()


def of_tables(pairs: Pairs, size: int) -> dict[str, dict[str, float]]:
    """Perplexity and share of first choices that are right, on the test lines."""
    below, found = unigram(pairs, size), table(pairs)
    firsts, seconds = (ids.ravel() for ids in pairs.ids("test", size))
    rows = {a: table_row(found, a, below) for a in set(firsts.tolist())}
    logs = [np.log(rows[a][b]) for a, b in zip(firsts.tolist(), seconds.tolist(), strict=True)]
    right = [rows[a].argmax() == b for a, b in zip(firsts.tolist(), seconds.tolist(), strict=True)]
    return {
        "unigram": scores(np.log(below[seconds]), seconds == below.argmax()),
        "table": scores(np.array(logs), np.array(right)),
    }


def scores(logs: Array, right: Array) -> dict[str, float]:
    return {
        "perplexity": round(float(np.exp(-logs.mean())), 1),
        "top 1": round(float(right.mean()), 4),
    }


# --- the network ------------------------------------------------------------------------------


def init(rng: np.random.Generator, V: int) -> dict[str, Any]:
    f4 = np.float32
    return {
        "embedding": {"E": layers.embedding_init(rng, V, D, f4)["E"] * f4(0.1)},
        "ahead": cells.gru_init(rng, D, HALF, f4),
        "back": cells.gru_init(rng, D, HALF, f4),
        "cell": cells.gru_init(rng, 2 * D + 2 * HALF, H, f4),
        "projection": layers.dense_init(rng, H, D, f4),
        "output": {"b_y": np.zeros(V, f4)},
    }


def encode(params: dict[str, Any], firsts: Array) -> tuple[Array, Any]:
    """What the decoder reads at each place, (N, T, D + 2 HALF), and the encoder's cache."""
    xs = layers.embedding_forward(firsts, params["embedding"])
    both = (params["ahead"], params["back"])
    hs, _, cache = layers.bidirectional_forward("gru", xs, None, both)
    return np.concatenate([xs, hs], axis=2), cache


def forward(params: dict[str, Any], read: Array, before: Array, state: Any = None) -> tuple:
    """Scores (N, T, V), last state, and what the backward pass needs."""
    ys = layers.embedding_forward(before, params["embedding"])
    hs, state, tape = recurrent.gru_forward(
        np.concatenate([ys, read], axis=2), state, params["cell"]
    )
    us = layers.dense_forward(hs, params["projection"])
    return us @ params["embedding"]["E"].T + params["output"]["b_y"], state, (hs, us, tape)


def shifted(seconds: Array) -> Array:
    return np.concatenate([np.zeros_like(seconds[:, :1]), seconds[:, :-1]], axis=1)


def loss_and_gradients(
    params: dict[str, Any], firsts: Array, seconds: Array, dropout: float, rng: np.random.Generator
) -> tuple[float, dict[str, Any]]:
    """Mean loss in nats of the second lines; dropout on what the decoder reads and gives."""
    E, before = params["embedding"]["E"], shifted(seconds)
    plain, tape = encode(params, firsts)
    seen, below = layers.dropout_forward(plain, dropout, rng)
    ys = layers.embedding_forward(before, params["embedding"])
    inputs = np.concatenate([ys, seen], axis=2)
    hs, _, cell_tape = recurrent.gru_forward(inputs, None, params["cell"])
    dropped, above = layers.dropout_forward(hs, dropout, rng)
    us = layers.dense_forward(dropped, params["projection"])
    loss, dys = functional.cross_entropy(us @ E.T + params["output"]["b_y"], seconds)

    flat = dys.reshape(-1, len(E))
    dhs, projection = layers.dense_backward(dys @ E, dropped, params["projection"])
    dhs = layers.dropout_backward(dhs, above)
    dxs, _, cell = recurrent.gru_backward(dhs, None, cell_tape, params["cell"])
    dplain = layers.dropout_backward(dxs[..., D:], below)
    both = (params["ahead"], params["back"])
    dfirst, _, (ahead, back) = layers.bidirectional_backward(
        "gru", dplain[..., D:], None, tape, both
    )
    dE = layers.embedding_backward(dxs[..., :D], before, params["embedding"])["E"]
    dE += layers.embedding_backward(dfirst + dplain[..., :D], firsts, params["embedding"])["E"]
    dE += flat.T @ us.reshape(-1, D)
    grads = {"embedding": {"E": dE}, "ahead": ahead, "back": back, "cell": cell}
    return loss, grads | {"projection": projection, "output": {"b_y": flat.sum(axis=0)}}


def shuffled(rng: np.random.Generator, pairs: Pairs) -> Iterator[tuple[tuple[Array, Array], bool]]:
    """One pass in batches of one length."""
    batches = []
    for size in NAMES:
        firsts, seconds = pairs.ids("train", size)
        for rows in np.array_split(rng.permutation(len(firsts)), -(-len(firsts) // N)):
            batches.append((firsts[rows], seconds[rows]))
    for k in rng.permutation(len(batches)):
        yield batches[k], True


def log_probabilities(params: dict[str, Any], firsts: Array, seconds: Array) -> tuple:
    """log p of each character of the second lines (N, T), and whether it is the first choice."""
    logs, right = [], []
    for k in range(0, len(firsts), 256):
        a, b = firsts[k : k + 256], seconds[k : k + 256]
        logits, *_ = forward(params, encode(params, a)[0], shifted(b))
        found = functional.log_softmax(logits)
        logs.append(np.take_along_axis(found, b[..., None], 2)[..., 0])
        right.append(logits.argmax(-1) == b)
    return np.concatenate(logs).astype(np.float64), np.concatenate(right)


def loss(params: dict[str, Any], pairs: Pairs, part: str) -> float:
    """Nats a character of both lengths."""
    found = [log_probabilities(params, *pairs.ids(part, size))[0].ravel() for size in NAMES]
    return -float(np.concatenate(found).mean())


def trained(pairs: Pairs, seed: int, epochs: int = EPOCHS) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters, and what :func:`_language.learn` tells of their training."""
    rng = np.random.default_rng(seed)
    params = init(rng, len(pairs.characters))

    def gradients(batch: tuple[Array, Array], state: Any) -> tuple[float, dict[str, Any], Any]:
        return *loss_and_gradients(params, *batch, DROPOUT, rng), state

    told = learn(params, gradients, lambda: shuffled(rng, pairs),
                 lambda: loss(params, pairs, "dev"), epochs, RATE, CLIP)  # fmt: skip
    return params, told | {"parameters": sum(p.size for p in optim.leaves(params).values())}


# --- after training --------------------------------------------------------------------------


def answers(
    params: dict[str, Any], firsts: Array, allowed: Any = None, tau: float = 0.0,
    rng: np.random.Generator | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Second lines (N, T), and what ``allowed`` costs: nats of each line, (N,).

    Args:
        allowed: of t and the characters chosen so far (N, t): which may come, (N, V) of bool;
            None: all but mark and rare.
        tau: temperature; 0: always the most probable one.
    """
    read, _ = encode(params, firsts)
    before, state, chosen = np.zeros((len(firsts), 1), np.int64), None, []
    cost = np.zeros(len(firsts))
    for t in range(firsts.shape[1]):
        scores, state, _ = forward(params, read[:, t : t + 1], before, state)
        row = scores[:, 0].astype(np.float64)
        row[:, :2] = -np.inf
        if allowed is not None:
            logs = functional.log_softmax(row)
            before = np.array(chosen, np.int64).reshape(t, len(firsts)).T
            row = np.where(allowed(t, before), row, -np.inf)
            cost -= np.logaddexp.reduce(np.where(np.isfinite(row), logs, -np.inf), axis=1)
        if tau:
            before = sampling.draw(sampling.temperature(row, tau), rng)[:, None]
        else:
            before = row.argmax(1)[:, None]
        chosen.append(before[:, 0])
    return np.stack(chosen, axis=1), cost


def text(pairs: Pairs, ids: Sequence[Sequence[int]]) -> list[str]:
    return ["".join(pairs.characters[k] for k in row) for row in ids]
