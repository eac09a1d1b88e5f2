"""Alto, tenor and bass under a soprano: tables, hidden Markov models, networks (PyTorch).

A network sees pitches as numbers: 0 is a rest, k the k-th pitch from the lowest bass upwards.
"""

import itertools
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from _chorales import REST, Array, Pieces, read, shifts_of, transposed
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.nlp import hmm
from rnncourse.nlp.text import pad
from rnncourse.nn import functional

LOWEST, KINDS = 36, 47  # the bass's lowest pitch in the corpus; pitches up to 81, and the rest
ADDED = 0.1  # to each count, as in rnncourse.nlp.hmm
DISTANCES, OFFSET, MIDDLE = 96, 32, 37  # from a soprano down to a voice: -31 to 63 semitones
ORDER = (3, 1, 2)  # at a step the bass is chosen first, then alto, then tenor


def coded(piece: Array) -> Array:
    """Pitches → numbers."""
    return np.where(piece == REST, 0, piece - LOWEST + 1)


def pitches(numbers: Array) -> Array:
    """Numbers → pitches."""
    return np.where(numbers == 0, REST, numbers + LOWEST - 1)


def under(piece: Array, others: Array) -> Array:
    """The soprano of a piece over other voices (T, 3)."""
    return np.concatenate([piece[:, :1], others], axis=1)


# --- tables and hidden Markov models ------------------------------------------------------------


def note_table(pieces: Pieces) -> Array:
    """log p(voice's pitch | soprano's pitch) (3, 47, 47), a tenth added to each count."""
    counts = np.full((3, KINDS, KINDS), ADDED)
    steps = coded(np.concatenate(pieces))
    for k in range(3):
        np.add.at(counts[k], (steps[:, 0], steps[:, k + 1]), 1)
    return np.log(counts / counts.sum(axis=2, keepdims=True))


def by_table(table: Array, piece: Array, rng: np.random.Generator | None = None) -> Array:
    """The most frequent pitch of each voice, or with an rng a drawn one."""
    scores = table[:, coded(piece[:, 0])]
    if rng is not None:
        scores = scores + rng.gumbel(size=scores.shape)
    return under(piece, pitches(scores.argmax(axis=2)).T)


def table_nll(table: Array, pieces: Pieces) -> float:
    """Nats a step, the three voices together."""
    steps = coded(np.concatenate(pieces))
    return -float(np.mean(sum(table[k][steps[:, 0], steps[:, k + 1]] for k in range(3))))


def voice_models(pieces: Pieces) -> list[hmm.Hmm]:
    """For each voice a hidden Markov model: its pitches are hidden, the soprano's are seen."""
    return [hmm.fit([[(str(p[0]), f"{p[k]:02}") for p in piece] for piece in pieces])
            for k in (1, 2, 3)]  # fmt: skip


def by_models(models: list[hmm.Hmm], piece: Array) -> Array:
    """The most probable path of each voice alone."""
    notes = [str(note) for note in piece[:, 0]]
    return under(piece, np.array([hmm.tag([notes], one)[0] for one in models]).astype(int).T)


def models_nll(models: list[hmm.Hmm], pieces: Pieces) -> float:
    """Nats a step of the three voices, -log p(voice | whole soprano); never-seen pitches of a
    voice are taken as its rarest one."""
    total = sum(_path_nll(one, piece[:, 0], piece[:, k + 1])
                for piece in pieces for k, one in enumerate(models))  # fmt: skip
    return total / sum(map(len, pieces))


def _path_nll(model: hmm.Hmm, seen: Array, hidden: Array) -> float:
    """-log p(path | tokens) = log p(tokens) - log p(path, tokens), by the forward algorithm."""
    emit = [model.emit.get(str(note), model.unseen) for note in seen]
    places = {tag: k for k, tag in enumerate(model.tags)}
    rarest = int(np.argmin(np.logaddexp.reduce(model.step, axis=0)))
    path = [places.get(f"{note:02}", rarest) for note in hidden]
    start = np.maximum(model.start, np.log(ADDED / 229))  # a piece may begin on any pitch
    ahead, mine = start + emit[0], start[path[0]] + emit[0][path[0]]
    for t in range(1, len(path)):
        ahead = functional.log_sum_exp(ahead[:, None] + model.step, axis=0) + emit[t]
        mine += model.step[path[t - 1], path[t]] + emit[t][path[t]]
    return float(functional.log_sum_exp(ahead) - mine)


class Voicings(NamedTuple):
    """Counts of a hidden Markov model whose states are alto, tenor and bass together."""

    under: dict[int, list[tuple]]  # soprano's pitch → the voicings that stood under it
    alone: Counter[tuple]
    after: dict[tuple, Counter[tuple]]  # voicing → the next ones
    seen: Counter[tuple]  # voicing, soprano's pitch


def voicings(pieces: Pieces) -> Voicings:
    """From all pieces in all keys that the ranges allow."""
    stood: defaultdict[int, set[tuple]] = defaultdict(set)
    after: defaultdict[tuple, Counter[tuple]] = defaultdict(Counter)
    alone: Counter[tuple] = Counter()
    seen: Counter[tuple] = Counter()
    for piece in pieces:
        for shift in shifts_of(piece):
            rows = [tuple(row) for row in transposed(piece, shift).tolist()]
            chords = [row[1:] for row in rows]
            alone.update(chords)
            seen.update((row[1:], row[0]) for row in rows)
            for row in rows:
                stood[row[0]].add(row[1:])
            for before, chord in itertools.pairwise(chords):
                after[before][chord] += 1
    return Voicings({note: sorted(some) for note, some in stood.items()}, alone, after, seen)


def by_voicings(model: Voicings, piece: Array) -> Array:
    """The most probable path of voicings (Viterbi), of those that stood under each note."""
    notes = piece[:, 0].tolist()
    options = [model.under.get(note, list(model.alone)) for note in notes]
    scores, back, before = np.zeros(1), [], [()]
    for note, chords in zip(notes, options, strict=True):
        emit = [(model.seen[c, note] + ADDED) / (model.alone[c] + ADDED) for c in chords]
        ways = scores[:, None] + np.log(_steps(model, before, chords))
        back.append(ways.argmax(axis=0))
        scores, before = ways.max(axis=0) + np.log(emit), chords
    path = [int(scores.argmax())]
    for row in back[:0:-1]:
        path.append(int(row[path[-1]]))
    return under(piece, np.array([some[k] for some, k in zip(options, path[::-1], strict=True)]))


def _steps(model: Voicings, before: list[tuple], chords: list[tuple]) -> Array:
    """p(chord | chord before): counts, to which each chord's own share is added once; of (), at
    the beginning, that share alone."""
    places = {chord: k for k, chord in enumerate(chords)}
    share = np.array([model.alone[chord] for chord in chords]) / sum(model.alone.values())
    found = np.empty((len(before), len(chords)))
    for row, chord in zip(found, before, strict=True):
        row[:] = share
        some = model.after.get(chord, {})
        for other, count in some.items():
            if other in places:
                row[places[other]] += count
        row /= sum(some.values()) + 1
    return found


# --- networks -----------------------------------------------------------------------------------


class Sizes(NamedTuple):
    """Of a network and its training."""

    chain: bool  # reads what was chosen, not only the soprano
    hung: bool = True  # voices are written as distances from the soprano, else as pitches
    D: int = 32
    H: int = 96
    drop: float = 0.4
    batch: int = 16
    rate: float = 5e-3
    epochs: int = 16


def apart(voices: Array, top: Array) -> Array:
    """Numbers of voices → how far below the soprano, as numbers of their own; 0 is a rest.

    Under a soprano that rests they hang from ``MIDDLE``.
    """
    return np.where(voices == 0, 0, np.where(top == 0, MIDDLE, top) - voices + OFFSET)


def together(numbers: Array, top: Array) -> Array:
    """The way back from :func:`apart`; what lies outside of the voices' range is brought in."""
    voices = np.where(top == 0, MIDDLE, top) - numbers + OFFSET
    return np.where(numbers == 0, 0, np.clip(voices, 1, KINDS - 1))


class Harmonist(nn.Module):
    """A bidirectional GRU over the soprano; a chain adds a GRU over the chords chosen so far."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes, D, H = sizes, sizes.D, sizes.H
        self.top, self.move = nn.Embedding(KINDS, D), nn.Embedding(DISTANCES, D)
        self.read = nn.GRU(2 * D, H, bidirectional=True, batch_first=True)
        self.drop = nn.Dropout(sizes.drop)
        chain = sizes.chain
        if chain:
            self.below = nn.ModuleList(nn.Embedding(DISTANCES, D) for _ in range(3))
            self.write = nn.GRU(2 * H + 3 * D, H, batch_first=True)
        width = 3 * H + 3 * D if chain else 2 * H
        self.outs = nn.ModuleList(self._out(width + chain * k * D) for k in range(3))

    def _out(self, width: int) -> nn.Module:
        H = self.sizes.H
        return nn.Sequential(nn.Linear(width, H), nn.ReLU(), nn.Linear(H, DISTANCES))

    def _hook(self, top: Array) -> Array:
        """From where the voices hang."""
        return top if self.sizes.hung else np.full_like(top, MIDDLE)

    def encoded(self, top: Array, lengths: Array) -> torch.Tensor:
        """(N, T, 2H): the soprano before and behind each step."""
        before = np.concatenate([top[:, :1], top[:, :-1]], axis=1)
        parts = [self.top(torch.tensor(top)), self.move(torch.tensor(apart(before, top)))]
        packed = pack_padded_sequence(self.drop(torch.cat(parts, dim=2)), torch.tensor(lengths),
                                      batch_first=True, enforce_sorted=False)  # fmt: skip
        return self.drop(pad_packed_sequence(self.read(packed)[0], batch_first=True)[0])

    def scores(self, hs: torch.Tensor, chosen: list[torch.Tensor]) -> torch.Tensor:
        """Of the next voice at these steps, given the voices already chosen there."""
        parts = [hs]
        if self.sizes.chain:
            parts += [table(c) for table, c in zip(self.below, chosen, strict=False)]
        return self.outs[len(chosen)](torch.cat(parts, dim=-1))

    def written(self, encoded: torch.Tensor, before: Array, state: Any = None) -> Any:
        """States of the second GRU, which reads the voices of the step before (N, T, 3) as they
        hang from the soprano of this step, and these voices once more."""
        below = [table(torch.tensor(before[..., k])) for k, table in enumerate(self.below)]
        last = self.drop(torch.cat(below, dim=-1))
        hs, state = self.write(torch.cat([encoded, last], dim=-1), state)
        return torch.cat([encoded, self.drop(hs), last], dim=-1), state

    def losses(self, pieces: Array, lengths: Array) -> torch.Tensor:
        """-log p of the voices (N, T, 3), bass, alto, tenor, each given those before it."""
        hook, rest = self._hook(pieces[..., :1]), pieces[..., ORDER]
        hs, voices = self.encoded(pieces[..., 0], lengths), torch.tensor(apart(rest, hook))
        if self.sizes.chain:
            before = np.concatenate([np.zeros_like(rest[:, :1]), rest[:, :-1]], axis=1)
            hs, _ = self.written(hs, apart(before, hook))
        found = [self.scores(hs, [voices[..., j] for j in range(k)]) for k in range(3)]
        return torch.stack([nn.functional.cross_entropy(s.transpose(1, 2), voices[..., k],
                                                        reduction="none")
                            for k, s in enumerate(found)], dim=2)  # fmt: skip

    @torch.no_grad()
    def harmonised(
        self, pieces: Pieces, temperature: float = 0.0, rng: np.random.Generator | None = None
    ) -> Pieces:
        """The likeliest pitch at each step and voice in turn, or one that is drawn."""
        tops, lengths = pad([coded(piece[:, 0]) for piece in pieces])[0], list(map(len, pieces))
        hs, rest, state = self.encoded(tops, lengths), np.zeros((len(pieces), 3), int), None
        found = []
        for t in range(hs.shape[1]):
            now, hook = hs[:, t : t + 1], self._hook(tops[:, t : t + 1])
            if self.sizes.chain:
                now, state = self.written(now, apart(rest, hook)[:, None], state)
            chosen: list[torch.Tensor] = []
            for _ in range(3):
                row = self.scores(now[:, 0], chosen).numpy().astype(float)
                if rng is not None:
                    row = row + temperature * rng.gumbel(size=row.shape)
                chosen.append(torch.tensor(row.argmax(axis=1)))
            rest = together(torch.stack(chosen, dim=1).numpy(), hook)
            found.append(rest)
        voices = pitches(np.stack(found, axis=1))[..., np.argsort(ORDER)]
        return [under(piece, rows[: len(piece)])
                for piece, rows in zip(pieces, voices, strict=True)]  # fmt: skip


def batches(
    pieces: Pieces, keys: list[list[int]], size: int, rng: np.random.Generator
) -> Iterator[tuple]:
    """One pass: numbers (N, T, 4) and lengths; each piece in a key drawn from its own."""
    order = np.argsort([len(piece) * rng.uniform(0.8, 1.25) for piece in pieces])
    groups = [order[start : start + size] for start in range(0, len(order), size)]
    for k in rng.permutation(len(groups)):
        some = [transposed(pieces[n], rng.choice(keys[n])) for n in groups[k]]
        yield pad([coded(piece) for piece in some])[0], np.array([len(piece) for piece in some])


@torch.no_grad()
def nll(model: Harmonist, pieces: Pieces) -> dict[str, float]:
    """Nats a step, of all three voices together and of each."""
    model.eval()
    numbers, mask = pad([coded(piece) for piece in pieces])
    losses = model.losses(numbers, np.array(list(map(len, pieces)))).numpy()
    total = np.where(mask[..., None] > 0, losses, 0).sum(axis=(0, 1))
    bass, alto, tenor = (round(float(x), 4) for x in total / sum(map(len, pieces)))
    return {"all": round(bass + alto + tenor, 4), "alto": alto, "tenor": tenor, "bass": bass}


def _update(model: Harmonist, adam: Any, numbers: Array, lengths: Array) -> None:
    """One step down the mean over all real steps of the batch."""
    model.train()
    mask = torch.arange(numbers.shape[1]) < torch.tensor(lengths)[:, None]
    loss = model.losses(numbers, lengths)[mask].sum(1).mean()
    adam.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()


def trained(
    sizes: Sizes, seed: int, learnt: Pieces, keys: list[list[int]]
) -> tuple[Harmonist, dict]:
    """The network of the epoch that is best on the validation part, and how the training went.

    ``keys``: shifts of each piece, in semitones; an epoch has it in one of them, which is drawn.
    """
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model = Harmonist(sizes)
    adam = torch.optim.Adam(model.parameters(), sizes.rate)
    best, kept, curve = np.inf, {}, []
    for epoch in range(sizes.epochs):
        for group in adam.param_groups:
            group["lr"] = sizes.rate * 0.5 * (1 + np.cos(np.pi * epoch / sizes.epochs))
        for numbers, lengths in batches(learnt, keys, sizes.batch, rng):
            _update(model, adam, numbers, lengths)
        curve.append(nll(model, read()["valid"])["all"])
        if curve[-1] < best:
            best, kept = curve[-1], {n: p.clone() for n, p in model.state_dict().items()}
    model.load_state_dict(kept)
    told = {"valid nll": best, "best": int(np.argmin(curve)), "curve": curve,
            "parameters": sum(p.numel() for p in model.parameters()),
            "cpu_seconds": round(time.process_time() - begin, 1)}  # fmt: skip
    return model.eval(), told
