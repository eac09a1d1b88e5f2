"""One vector against attention: strings reversed, and dates written as ISO. Ten minutes.

All models have as many parameters as fit into a budget, and get the same updates, on data that is
made as they go. Of strings, what counts is the length, of dates also the form they are written in.
Exposure bias: tokens right with the right tokens before, and with the model's own.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnncourse.data import dates, symbols
from rnncourse.nlp import decoding, text
from rnncourse.nn import decoder, encoder, optim, seq2seq
from rnncourse.nn.functional import cross_entropy

Array = np.ndarray
START, END, FIRST = 1, 2, 3  # 0 is padding
SIGNS = {sign: k for k, sign in enumerate(dates.signs(), FIRST)}
DIGITS = {sign: k for k, sign in enumerate("0123456789-", FIRST)}
V_TARGET = FIRST + len(DIGITS)  # as many letters for the strings
BUDGET, D, N, UPDATES, RATE = 50_000, 32, 64, 1000, 0.006
SHORTEST, LONGEST, TESTED = 2, 12, 18  # of the strings, the last in the test alone
OWN = 0.5  # scheduled sampling ends with this share of own tokens

METHODS = {  # name: design, source read backwards
    "fixed vector": (decoder.Design("gru", "state"), False),
    "reversed source": (decoder.Design("gru", "state"), True),
    "additive": (decoder.Design("gru", "bahdanau", "additive"), False),
    "scaled dot": (decoder.Design("gru", "luong", "scaled"), False),
}
EXAMPLES = ("2024-03-05", "March 5th, 2024", "the fifth of March 2024", "Tue 5 Mar 2024",
            "2024年3月5日", "二〇二四年三月五日", "三月五号，二〇二四年")  # fmt: skip


class Task(NamedTuple):
    """Pairs to be drawn: ``draw(rng, N) → sources, targets``, lists of token numbers."""

    V: int  # of the source
    draw: Callable[[np.random.Generator, int], tuple[list[Array], list[Array]]]


def strings(shortest: int, longest: int) -> Task:
    def draw(rng: np.random.Generator, N: int) -> tuple[list[Array], list[Array]]:
        sources, targets, _ = symbols.symbols(rng, N, "reverse", shortest, longest)
        return sources, targets

    return Task(V_TARGET, draw)


def numbers(table: dict[str, int], sign_by_sign: str) -> Array:
    return np.array([table[sign] for sign in sign_by_sign])


def written(formats: list[str] | None = None) -> Task:
    def draw(rng: np.random.Generator, N: int) -> tuple[list[Array], list[Array]]:
        sources, targets, _ = dates.made_up_dates(rng, N, formats)
        return [numbers(SIGNS, s) for s in sources], [numbers(DIGITS, t) for t in targets]

    return Task(FIRST + len(SIGNS), draw)


def batch_of(pairs: tuple[list[Array], list[Array]], backwards: bool) -> seq2seq.Batch:
    sources, targets = pairs
    sources = [source[::-1] for source in sources] if backwards else sources
    ended = [np.append(target, END) for target in targets]
    return seq2seq.Batch(*text.pad(sources), *text.pad(ended))


# --- training ---------------------------------------------------------------------------


def fresh(rng: np.random.Generator, design: decoder.Design, V: int, H: int) -> dict[str, Any]:
    return seq2seq.seq2seq_init(rng, design, V, V_TARGET, D, H, dtype=np.float32)


def size(params: Any) -> int:
    return sum(array.size for array in optim.leaves(params).values())


def width(design: decoder.Design, V: int) -> int:
    """The largest H within the budget."""
    H, rng = 8, np.random.default_rng(0)
    while size(fresh(rng, design, V, H + 1)) <= BUDGET:
        H += 1
    return H


def sampled_gradients(
    rng: np.random.Generator, design: decoder.Design, batch: seq2seq.Batch, params: Any, own: float
) -> tuple[float, Any]:
    """Scheduled sampling: each token read is the model's own with probability ``own``."""
    inputs = seq2seq.shift(batch.target, START)
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    for u in range(inputs.shape[1] - 1):
        scores, state = step(inputs[:, u], state)
        drawn = rng.random(len(inputs)) < own
        inputs[:, u + 1] = np.where(drawn, scores.argmax(axis=1), inputs[:, u + 1])
    hs, last, read = encoder.encoder_forward(
        design.cell, batch.source, params["encoder"], batch.source_mask
    )
    first, crossed = encoder.bridge_forward(last, params["bridge"])
    logits, wrote = decoder.decoder_forward(
        design, inputs, first, params["decoder"], hs, batch.source_mask
    )
    loss, dlogits = cross_entropy(logits, batch.target, batch.target_mask)
    cache = seq2seq.Seq2SeqCache(read, crossed, wrote)
    return loss, seq2seq.seq2seq_backward(dlogits, cache, params)


def learn(task: Task, method: str, seed: int, own: float = 0.0) -> Any:
    """Parameters after all updates, the rate falling to nothing over the second half."""
    design, backwards = METHODS[method]
    rng = np.random.default_rng(seed)
    params = fresh(rng, design, task.V, width(design, task.V))
    state = optim.adam_init(params)
    for k in range(UPDATES):
        batch, done = batch_of(task.draw(rng, N), backwards), k / UPDATES
        if own:
            _, grads = sampled_gradients(rng, design, batch, params, own * done)
        else:
            _, grads = seq2seq.loss_and_gradients(design, batch, params)
        optim.clip_by_norm(grads, 1.0)
        optim.adam_step(params, grads, state, RATE * min(1.0, 2 * (1 - done)))
    return params


# --- measuring ----------------------------------------------------------------------------


def judged(task: Task, method: str, params: Any, seed: int, count: int) -> dict[str, float]:
    """Texts right as a whole; tokens right with the right ones before, and with its own."""
    design, backwards = METHODS[method]
    batch = batch_of(task.draw(np.random.default_rng(1000 + seed), count), backwards)
    real, U = batch.target_mask == 1, batch.target.shape[1]
    logits, _ = seq2seq.seq2seq_forward(design, batch, params)
    forced = logits.argmax(axis=2) == batch.target
    step, state = seq2seq.stepper(design, batch.source, params, batch.source_mask)
    texts = decoding.decode(step, state, [START] * count, END, U)
    free = np.zeros_like(real)
    for row, found, target in zip(free, texts, batch.target, strict=True):
        row[: len(found.tokens)] = found.tokens == target[: len(found.tokens)]
    whole = (free | ~real).all(axis=1)
    return {"exact": float(whole.mean()), "forced": float(forced[real].mean()),
            "free": float(free[real].mean())}  # fmt: skip


def on_strings(method: str, seed: int, own: float = 0.0) -> dict[str, Any]:
    """Right answers at each length."""
    task = strings(SHORTEST, LONGEST)
    params = learn(task, method, seed, own)
    by_length = {T: judged(strings(T, T), method, params, seed, 100)
                 for T in range(SHORTEST, TESTED + 1)}  # fmt: skip
    return {"parameters": size(params), "by length": by_length}


def on_dates(method: str, seed: int) -> dict[str, Any]:
    """Right answers in all, and of each form; what it makes of one date in some forms."""
    params = learn(written(), method, seed)
    by_form = {name: judged(written([name]), method, params, seed, 50)["exact"]
               for name in dates.FORMATS}  # fmt: skip
    whole = judged(written(), method, params, seed, 1000)
    return {"parameters": size(params), "by form": by_form, **whole,
            "examples": [answer(method, params, form) for form in EXAMPLES]}  # fmt: skip


def answer(method: str, params: Any, date: str) -> list[str]:
    """The date as given, and as the model writes it."""
    design, backwards = METHODS[method]
    source = numbers(SIGNS, date)
    step, state = seq2seq.stepper(design, (source[::-1] if backwards else source)[None], params)
    (found,) = decoding.decode(step, state, [START], END, 12)
    sign_of = {k: sign for sign, k in DIGITS.items()}
    return [date, "".join(sign_of.get(int(k), "") for k in found.tokens)]


# --- the record ------------------------------------------------------------------------------


def over_lengths(runs: list[dict[str, Any]], what: str) -> dict[str, Any]:
    return {T: summary([run["by length"][T][what] for run in runs]) for T in runs[0]["by length"]}


def main() -> None:
    names = [*METHODS, "scheduled sampling"]
    with Run("seq2seq", (__doc__ or "").split("\n")[0], steps=27) as run:
        found: dict[str, Any] = {name: [] for name in names}
        asked: dict[str, Any] = {name: [] for name in METHODS}
        for seed in run.seeds:
            for name in METHODS:
                found[name].append(run.step(f"strings {name} {seed}", on_strings, name, seed))
                asked[name].append(run.step(f"dates {name} {seed}", on_dates, name, seed))
            found["scheduled sampling"].append(
                run.step(f"strings sampled {seed}", on_strings, "fixed vector", seed, OWN)
            )
        run.write({
            "settings": {"budget": BUDGET, "D": D, "batch": N, "updates": UPDATES, "rate": RATE,
                         "lengths": [SHORTEST, LONGEST], "own tokens at the end": OWN},
            "strings": {name: {"parameters": runs[0]["parameters"],
                               **{what: over_lengths(runs, what)
                                  for what in ("exact", "forced", "free")}}
                        for name, runs in found.items()},
            "dates": {name: {"parameters": runs[0]["parameters"],
                             **{what: summary([r[what] for r in runs])
                                for what in ("exact", "forced", "free")},
                             "by form": {form: summary([r["by form"][form] for r in runs])
                                         for form in dates.FORMATS},
                             "examples": runs[0]["examples"]}
                      for name, runs in asked.items()},
        })  # fmt: skip


if __name__ == "__main__":
    main()
