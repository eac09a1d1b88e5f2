"""A small pointer-generator in PyTorch, for summarization.py: titles of abstracts by characters.

See, Liu and Manning 2017, with the attention of Luong et al. 2015 (general), so that all steps of
the decoder are computed at once in training. N texts of S characters, titles of T.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse.nlp import text

Array = np.ndarray
Pairs = Sequence[tuple[str, str]]
PAD, UNKNOWN, START, END = range(4)
D, H, N, RATE, FALL, CLIP, DROP = 64, 64, 16, 4e-3, 10, 5.0, 0.3
LEAST = 2  # times that a known character was seen
LONGEST, TITLE = 120, 40  # characters that are read, and written at most


class Batch(NamedTuple):
    """Numbers of texts and titles; ``extended``: with numbers from V on for unknown characters."""

    ids: Array  # (N, S)
    extended: Array  # (N, S)
    mask: Array  # (N, S)
    given: Array  # (N, T): the start, and the title but for its last
    wanted: Array  # (N, T), extended
    written: Array  # (N, T), the mask
    strange: list[list[str]]  # of each text the characters that are not known


class Coder:
    """Characters → numbers, by the characters of the training."""

    def __init__(self, pairs: Pairs) -> None:
        seen = Counter(sign for pair in pairs for part in pair for sign in part)
        self.signs = ["", "?", "<", ">", *(c for c, n in seen.most_common() if n >= LEAST)]
        self.numbers = {sign: k for k, sign in enumerate(self.signs) if k > END}

    def batch(self, pairs: Pairs) -> Batch:
        """Texts cut at ``LONGEST``, titles at ``TITLE`` characters."""
        rows = []
        for source, title in pairs:
            signs = source[:LONGEST]
            strange = list(dict.fromkeys(c for c in signs if c not in self.numbers))
            beyond = {c: len(self.signs) + k for k, c in enumerate(strange)}
            ids = [self.numbers.get(c, UNKNOWN) for c in signs]
            wanted = [self.numbers.get(c, beyond.get(c, UNKNOWN)) for c in title[:TITLE]] + [END]
            given = [START] + [k if k < len(self.signs) else UNKNOWN for k in wanted[:-1]]
            rows.append((ids, [self.numbers.get(c, beyond.get(c)) for c in signs], given, wanted,
                         strange))  # fmt: skip
        ids, extended, given, wanted = (text.pad([row[k] for row in rows])[0] for k in range(4))
        mask, written = (text.pad([row[k] for row in rows])[1].astype(bool) for k in (0, 3))
        return Batch(ids, extended, mask, given, wanted, written, [row[4] for row in rows])

    def text(self, numbers: Sequence[int], strange: list[str]) -> str:
        """Up to the end sign."""
        numbers = list(numbers)[: list(numbers).index(END)] if END in numbers else list(numbers)
        return "".join([*self.signs, *strange][k] for k in numbers)


class Writer(nn.Module):
    """An encoder in both directions, a decoder with attention, and a gate if it may copy."""

    def __init__(self, V: int, copies: bool) -> None:
        super().__init__()
        self.copies = copies
        self.embedding = nn.Embedding(V, D, PAD)
        nn.init.normal_(self.embedding.weight, 0, 0.3)
        self.encoder = nn.GRU(D, H, batch_first=True, bidirectional=True)
        self.bridge, self.keys = nn.Linear(2 * H, H), nn.Linear(2 * H, H, bias=False)
        self.decoder = nn.GRU(D, H, batch_first=True)
        self.combine, self.output = nn.Linear(3 * H, D), nn.Linear(D, V)
        self.gate = nn.Linear(3 * H + D, 1)
        self.drop = nn.Dropout(DROP)

    def encode(self, ids: Array, mask: Array) -> tuple[torch.Tensor, torch.Tensor]:
        """Outputs (N, S, 2H), and the decoder's first state (1, N, H)."""
        xs = self.drop(self.embedding(torch.tensor(ids)))
        packed = pack_padded_sequence(xs, torch.tensor(mask.sum(1)), batch_first=True,
                                      enforce_sorted=False)  # fmt: skip
        outputs, last = self.encoder(packed)
        first = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1)))
        return self.drop(pad_packed_sequence(outputs, batch_first=True)[0]), first[None]

    def decode(self, given: torch.Tensor, state: torch.Tensor, outputs: torch.Tensor, batch: Batch
               ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
        """Probabilities (N, T, V and what else the texts have), attention (N, T, S), gates (N, T)
        of generating, and the state."""
        xs = self.drop(self.embedding(given))
        hs, state = self.decoder(xs, state)
        scores = hs @ self.keys(outputs).transpose(1, 2)
        outside = ~torch.tensor(batch.mask)[:, None]
        attention = scores.masked_fill(outside, -torch.inf).softmax(2)
        both = torch.cat([hs, attention @ outputs], 2)
        p = self.output(self.drop(torch.tanh(self.combine(both)))).softmax(2)
        if not self.copies:
            return p, attention, torch.ones(p.shape[:2]), state
        gate = torch.sigmoid(self.gate(torch.cat([both, xs], 2)))
        more = max(map(len, batch.strange), default=0)
        p = nn.functional.pad(gate * p, (0, more))
        places = torch.tensor(batch.extended)[:, None].expand(attention.shape)
        return p.scatter_add(2, places, (1 - gate) * attention), attention, gate[..., 0], state

    def loss(self, batch: Batch, coverage: float) -> torch.Tensor:
        """Mean over characters, with ``coverage`` times what attention goes to a second time."""
        outputs, state = self.encode(batch.ids, batch.mask)
        p, attention, _, _ = self.decode(torch.tensor(batch.given), state, outputs, batch)
        wanted, mask = torch.tensor(batch.wanted), torch.tensor(batch.written)
        if not self.copies:
            wanted = wanted.masked_fill(wanted >= p.shape[2], UNKNOWN)
        right = p.gather(2, wanted[..., None])[..., 0]
        found = -torch.log(right + 1e-9)
        if coverage:
            before = attention.cumsum(1) - attention
            found = found + coverage * torch.minimum(attention, before).sum(2)
        return found[mask].mean()


def learnt(pairs: Pairs, coder: Coder, copies: bool, coverage: float, seed: int, epochs: int
           ) -> tuple[Writer, float]:  # fmt: skip
    """A trained network, the coverage loss in the last third of the epochs; and CPU seconds."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model = Writer(len(coder.signs), copies)
    adam = torch.optim.Adam(model.parameters(), RATE)
    lengths = np.array([min(len(source), LONGEST) for source, _ in pairs])
    for epoch in range(epochs):
        adam.param_groups[0]["lr"] = RATE * FALL ** (-epoch / epochs)
        order = np.argsort(lengths * rng.uniform(0.8, 1.25, len(lengths)))
        for start in rng.permutation(np.arange(0, len(order), N)):
            batch = coder.batch([pairs[k] for k in order[start : start + N]])
            loss = model.loss(batch, coverage if 3 * epoch >= 2 * epochs else 0.0)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
    return model.eval(), time.process_time() - begin


@torch.no_grad()
def written(model: Writer, coder: Coder, sources: Sequence[str], size: int = 50
            ) -> list[tuple[str, float]]:  # fmt: skip
    """Of each text the title, always the most probable character next, and the mean share that
    was copied."""
    found: list[Any] = [None] * len(sources)
    order = sorted(range(len(sources)), key=lambda n: len(sources[n]))
    V = len(coder.signs)
    for begin in range(0, len(order), size):
        part = order[begin : begin + size]
        batch = coder.batch([(sources[n], "") for n in part])
        outputs, state = model.encode(batch.ids, batch.mask)
        token, rows, gates = torch.full((len(part), 1), START), [], []
        for _ in range(TITLE):
            p, _, gate, state = model.decode(token, state, outputs, batch)
            p[..., [PAD, UNKNOWN, START]] = 0
            best = p[:, 0].argmax(1)
            rows.append(best)
            gates.append(1 - gate[:, 0])
            token = best.masked_fill(best >= V, UNKNOWN)[:, None]
        numbers, shares = torch.stack(rows, 1).tolist(), torch.stack(gates, 1)
        for n, row, share, strange in zip(part, numbers, shares, batch.strange, strict=True):
            title = coder.text(row, strange)
            found[n] = (title, float(share[: len(title) + 1].mean()))
    return found
