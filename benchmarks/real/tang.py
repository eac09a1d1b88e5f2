"""Characters of Tang quatrains: a GRU of the course's own layers beside n-grams. Half an hour.

Quatrains of five and of seven characters a line, learnt together. Poems that share a line stand
on the same side of the split, so no line of a test poem was ever seen. Each poem is read alone,
from a mark that begins it to a mark that ends it.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from _language import best_weight, bits, forward, init, learn, loss_and_gradients, mixed

from rnncourse import data
from rnncourse.nlp import sampling
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import functional, optim

Array = np.ndarray
FILES = {5: "tang_wujue_5char_simp.tsv", 7: "tang_qijue_7char_simp.tsv"}
NEEDS = [("poems", file) for file in FILES.values()]
SHARES = {"train": 0.9, "valid": 0.05, "test": 0.05}
SPLIT_SEED, LEAST = 0, 2  # a character seen less often in the training poems is rare
MARK, RARE = "\n", "□"  # begins and ends a poem; stands for each rare character
KIND, D, H, N = "gru", 128, 192, 32
EPOCHS, RATE, CLIP, DROPOUT = 6, 3e-3, 1.0, 0.4
ORDERS = range(1, 6)
TEMPERATURES, WRITTEN, SHOWN = (0.5, 0.8, 1.0, 1.2), 500, 3
FORM = {n: re.compile(rf"(\w{{{n}}}，\w{{{n}}}。){{2}}") for n in FILES}
Table = dict[str, dict[str, float]]


# --- the poems ---------------------------------------------------------------------------


def form(poem: str) -> int | None:
    """5 or 7 where a poem is twice "line，line。" of so many characters a line, else None."""
    return next((n for n, pattern in FORM.items() if pattern.fullmatch(poem)), None)


def lines(poem: str) -> list[str]:
    return re.findall(r"\w+", poem)


def families(poems: Sequence[str]) -> list[list[str]]:
    """Poems that share a line, directly or by way of others, together."""
    parent = list(range(len(poems)))

    def top(i: int) -> int:
        while parent[i] != i:
            i = parent[i]
        return i

    first: dict[str, int] = {}
    for i, poem in enumerate(poems):
        for line in lines(poem):
            parent[top(i)] = top(first.setdefault(line, i))
    found = defaultdict(list)
    for i, poem in enumerate(poems):
        found[top(i)].append(poem)
    return list(found.values())


def split(poems: Sequence[str], rng: np.random.Generator) -> dict[str, list[str]]:
    """Whole families at random to the parts of SHARES; each part by length."""
    groups, names = families(poems), list(SHARES)
    ends = np.cumsum(list(SHARES.values())) * len(poems)
    parts: dict[str, list[str]] = {name: [] for name in names}
    done = 0
    for k in rng.permutation(len(groups)):
        parts[names[int(np.searchsorted(ends, done, side="right"))]] += groups[k]
        done += len(groups[k])
    return {name: sorted(part, key=len) for name, part in parts.items()}


class Poems(NamedTuple):
    """The poems of each part, by length; the characters by number: mark, rare, the others."""

    text: dict[str, list[str]]
    characters: list[str]

    def ids(self, part: str) -> list[Array]:
        """Character numbers of each poem, between two marks."""
        index = {character: k for k, character in enumerate(self.characters)}
        rare = index[RARE]
        return [np.array([0, *(index.get(c, rare) for c in poem), 0]) for poem in self.text[part]]


def known(text: dict[str, list[str]]) -> Poems:
    """With the characters that the training poems have at least LEAST times."""
    counts = Counter(character for poem in text["train"] for character in poem)
    return Poems(text, [MARK, RARE, *sorted(c for c, n in counts.items() if n >= LEAST)])


@cache
def read() -> Poems:
    """All poems of the right form, each once; one of 14,000 has a gap in its characters."""
    poems: dict[str, None] = {}
    for file in FILES.values():
        for row in data.path("poems", file).read_text("utf-8").splitlines():
            poems[row.split("\t")[2]] = None
    return known(split([p for p in poems if form(p)], np.random.default_rng(SPLIT_SEED)))


# --- log-probabilities of all characters but the first mark --------------------------------


@cache
def counted(n: int) -> WittenBell:
    return WittenBell(n, len(read().characters)).fit(read().ids("train"))


def ngram(n: int, part: str) -> Array:
    model = counted(n)
    return np.concatenate([model.log_probabilities(ids)[1:] for ids in read().ids(part)])


def same_length(ids: list[Array], N: int) -> Iterator[Array]:
    """Up to N poems of the same length together, (N, T + 1), in the order given."""
    start = 0
    while start < len(ids):
        end = start + 1
        while end < min(start + N, len(ids)) and len(ids[end]) == len(ids[start]):
            end += 1
        yield np.stack(ids[start:end])
        start = end


def network(params: dict[str, Any], ids: list[Array]) -> Array:
    found = []
    for rows in same_length(ids, 64):
        logits, _ = forward(KIND, params, rows[:, :-1])
        logs = functional.log_softmax(logits)
        found.append(np.take_along_axis(logs, rows[:, 1:, None], 2).ravel())
    return np.concatenate(found).astype(np.float64)


def scores(poems: Poems, part: str, logs: Array) -> dict[str, float]:
    """Bits of all predicted characters, and of those that are neither "，" nor "。" nor a mark."""
    after = np.concatenate([ids[1:] for ids in poems.ids(part)])
    plain = np.isin(after, [poems.characters.index(c) for c in (MARK, "，", "。")])
    parts = {"bits": logs, "bits without stops": logs[~plain]}
    return {name: round(bits(-float(part.mean())), 4) for name, part in parts.items()}


# --- the network ----------------------------------------------------------------------------


def shuffled(rng: np.random.Generator, ids: list[Array]) -> Iterator[tuple[Array, bool]]:
    """One pass over the poems in batches of one length, for :func:`learn`."""
    order = sorted(rng.permutation(len(ids)).tolist(), key=lambda i: len(ids[i]))
    groups = list(same_length([ids[i] for i in order], N))
    for k in rng.permutation(len(groups)):
        yield groups[k], True


def trained(poems: Poems, seed: int, epochs: int = EPOCHS, H: int = H) -> tuple[dict, dict]:
    """Parameters, and what :func:`learn` tells of their training."""
    rng = np.random.default_rng(seed)
    params = init(rng, KIND, len(poems.characters), D, H)
    params["embedding"]["E"] *= np.float32(0.1)
    train, valid = poems.ids("train"), poems.ids("valid")
    told = learn(
        params,
        lambda ids, state: loss_and_gradients(KIND, params, ids, state, DROPOUT, rng),
        lambda: shuffled(rng, train),
        lambda: -float(network(params, valid).mean()),
        epochs, RATE, CLIP,
    )  # fmt: skip
    return params, told


def measure(seed: int, n: int) -> dict[str, Any]:
    """One network: alone, with the n-gram, and what it writes."""
    poems = read()
    params, told = trained(poems, seed)
    logs = {part: network(params, poems.ids(part)) for part in ("valid", "test")}
    weight = best_weight(logs["valid"], ngram(n, "valid"))
    return told | {
        "parameters": sum(p.size for p in optim.leaves(params).values()),
        "valid": told["valid"],
        "scores": scores(poems, "test", logs["test"]),
        "valid scores": scores(poems, "valid", logs["valid"]),
        "weight": weight,
        "together": scores(poems, "test", mixed(logs["test"], ngram(n, "test"), weight)),
        "written": writings(poems, params, seed),
    }


# --- what it writes ---------------------------------------------------------------------------


def write(
    poems: Poems, params: dict[str, Any], tau: float, count: int, rng: np.random.Generator
) -> list[str]:
    """Poems up to their mark, or as many characters as the longest one has and one more."""
    tokens, state, written = np.zeros((count, 1), np.int64), None, []
    for _ in range(max(map(len, poems.text["train"])) + 1):
        logits, state = forward(KIND, params, tokens, state)
        logits[:, 0, poems.characters.index(RARE)] = -np.inf
        tokens = sampling.draw(sampling.temperature(logits, tau), rng)
        written.append(tokens[:, 0])
    rows = np.stack(written, axis=1).tolist()
    return ["".join(poems.characters[k] for k in row).split(MARK)[0] for row in rows]


def judged(written: list[str], learnt: list[str]) -> dict[str, float]:
    """Shares of poems of right form, of lines that a training poem has, of poems that it is."""
    seen = {line for poem in learnt for line in lines(poem)}
    found = [line for poem in written for line in lines(poem)]
    return {
        "right form": float(np.mean([form(poem) is not None for poem in written])),
        "lines copied": float(np.mean([line in seen for line in found])) if found else 0.0,
        "poems copied": float(np.mean([poem in set(learnt) for poem in written])),
        "different poems": len(set(written)) / len(written),
    }


def writings(poems: Poems, params: dict[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """At each temperature: a few poems, and what WRITTEN of them are like."""
    found = {}
    for tau in (*TEMPERATURES, 0.0):
        count = WRITTEN if tau else 1  # the best character is always the same
        written = write(poems, params, tau, count, np.random.default_rng(seed))
        found[str(tau) if tau else "greedy"] = judged(written, poems.text["train"]) | {
            "poems": written[:SHOWN]
        }
    return found


# --- the record -------------------------------------------------------------------------------


def ngrams() -> dict[str, Table]:
    """Scores by n, on both parts held out."""
    return {
        str(n): {part: scores(read(), part, ngram(n, part)) for part in ("valid", "test")}
        for n in ORDERS
    }


def best_order(table: dict[str, Table]) -> int:
    return int(min(table, key=lambda n: table[n]["valid"]["bits"]))


def described(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The networks of all seeds together."""
    return {
        "seeds": len(runs),
        "parameters": runs[0]["parameters"],
        **{name: summary([run["scores"][name] for run in runs]) for name in runs[0]["scores"]},
        "valid bits": summary([run["valid scores"]["bits"] for run in runs]),
        "cpu_seconds": summary([run["cpu_seconds"] for run in runs], 1),
        "epochs": [run["best"] for run in runs],
        "curves": {
            part: [round(bits(loss), 4) for loss in runs[0][part]] for part in ("train", "valid")
        },
    }


def sizes(poems: Poems) -> dict[str, Any]:
    """Poems by part and form; how many characters of the test poems are rare."""
    after = np.concatenate(poems.ids("test"))
    return {
        "poems": {part: {str(n): sum(form(p) == n for p in some) for n in FILES}
                  for part, some in poems.text.items()},
        "characters": {part: sum(map(len, some)) for part, some in poems.text.items()},
        "vocabulary": len(poems.characters),
        "rare in test": round(float((after == poems.characters.index(RARE)).mean()), 4),
    }  # fmt: skip


def record(table: dict[str, Table], runs: list[dict[str, Any]]) -> dict[str, Any]:
    n, written = best_order(table), runs[0]["written"]
    shares = [key for key in written["greedy"] if key != "poems"]
    return {
        "settings": {"kind": KIND, "D": D, "H": H, "N": N, "epochs": EPOCHS, "rate": RATE,
                     "schedule": "cosine", "clip": CLIP, "dropout": DROPOUT, "least": LEAST},
        "metric": "bits: all characters, stops and the final mark; without stops: only those that "
                  "are neither stop nor mark; rare characters count as one",
        "data": sizes(read()),
        "baselines": {"witten-bell": {k: row["test"] for k, row in table.items()}, "best n": n,
                      **table[str(n)]["test"]},
        "networks": {KIND: described(runs)},
        "together": {"weight of the network": [run["weight"] for run in runs]}
        | {name: summary([run["together"][name] for run in runs]) for name in runs[0]["together"]},
        "written": {tau: {"poems": WRITTEN if tau != "greedy" else 1}
                    | {share: summary([run["written"][tau][share] for run in runs])
                       for share in shares} for tau in written},
        "samples": {tau: row["poems"] for tau, row in written.items()},
    }  # fmt: skip


def main() -> None:
    what = "Character models of Tang quatrains: bits per character, and what they write."
    with Run("tang", what, NEEDS, steps=4) as run:
        table = run.step("n-grams", ngrams)
        n = best_order(table)
        runs: list[dict[str, Any]] = []
        for seed in run.seeds:
            runs.append(run.step(f"seed {seed}", measure, seed, n))
            run.write(record(table, runs))  # after each seed, so that a record is there early


if __name__ == "__main__":
    main()
