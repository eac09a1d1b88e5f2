"""Conversations as pairs of a context and its reply, and small GRU networks in PyTorch on them.

Read by dialogue.py. N pairs, T source time, U target time, V vocabulary, W width of a beam.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import data
from rnncourse.nlp import text

Array = np.ndarray
Tokens = list[str]
PAD, START, END, UNKNOWN, TURN = range(5)
FIRST = 5
D, H, DROP, RATE, BATCH, EPOCHS = 64, 96, 0.3, 5e-3, 32, 6
READ, WRITTEN = 20, 16  # tokens: of a context the last ones, of a reply the first
MOST = 2000  # tokens of a vocabulary, of those seen at least twice


class Pair(NamedTuple):
    """A reply, what was said before it, and what before that; empty at a dialogue's beginning."""

    before: Tokens
    context: Tokens
    reply: Tokens
    dialogue: int


class Corpus(NamedTuple):
    """Where a set lies, how its lines become turns, and what a token is."""

    name: str
    learnt: str  # the file of training and validation
    tested: str
    turns: Callable[[str], list[str]]
    tokens: Callable[[str], Tokens]


def signs(turn: str) -> Tokens:
    """The characters but spaces, in one width."""
    return [sign for sign in unicodedata.normalize("NFKC", turn) if not sign.isspace()]


def words(turn: str) -> Tokens:
    """Words in lower case; don ’ t, as some lines have it, is one."""
    return text.words(re.sub(r"\s*’\s*", "'", turn))


def _marked(line: str) -> list[str]:
    return line.split("\t")[0].split("__eou__")


CORPORA = {
    "XDailyDialog en": Corpus("dialogue_xdailydialog", "en_dev.txt", "en_test.txt", _marked,
                              words),
    "KdConv": Corpus("dialogue_kdconv", "kdconv_dev.txt", "kdconv_test.txt",
                     lambda line: line.split("\t")[1:], signs),
    "LCCC": Corpus("dialogue_lccc_toy", "toy_train.txt", "toy_valid.txt",
                   lambda line: line.split("\t"), signs),
    "XDailyDialog zh": Corpus("dialogue_xdailydialog", "zh_dev.txt", "zh_test.txt", _marked, signs),
}  # fmt: skip


def pairs(name: str, tested: bool) -> list[Pair]:
    """All pairs of one file; turns without a token are left out."""
    corpus, found = CORPORA[name], []
    path = data.path(corpus.name, corpus.tested if tested else corpus.learnt)
    for k, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        turns = [[], *filter(None, (corpus.tokens(turn) for turn in corpus.turns(line)))]
        found += [Pair(*three, k) for three in zip(turns, turns[1:], turns[2:], strict=False)]
    return found


def split(found: Sequence[Pair], by_dialogue: bool, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Nine tenths and one tenth: of the dialogues, or of the pairs, whatever their dialogue."""
    documents = [pair.dialogue for pair in found] if by_dialogue else range(len(found))
    parts = text.split(documents, (0.9, 0.1), np.random.default_rng(seed))
    first, second = ([found[k] for k in part] for part in parts)
    return first, second


class Coder:
    """Tokens ↔ numbers, of one training part."""

    def __init__(self, found: Sequence[Pair]) -> None:
        seen = Counter(token for p in found for token in (*p.context, *p.reply))
        self.tokens = [token for token, n in seen.most_common(MOST) if n > 1]
        self.numbers = {token: k for k, token in enumerate(self.tokens, FIRST)}
        self.V = FIRST + len(self.tokens)

    def source(self, pair: Pair, turns: int = 1) -> list[int]:
        words = self._all(pair.context)
        before = [*self._all(pair.before), TURN] if turns == 2 else []
        return [*before, *words][-READ:]

    def target(self, reply: Tokens) -> list[int]:
        return [*self._all(reply[:WRITTEN]), END]

    def _all(self, tokens: Tokens) -> list[int]:
        return [self.numbers.get(token, UNKNOWN) for token in tokens]

    def text(self, numbers: Sequence[int]) -> Tokens:
        return [self.tokens[k - FIRST] for k in numbers if k >= FIRST]


# --- networks -----------------------------------------------------------------------------


class Writer(nn.Module):
    """Source (N, T), lengths (N,), inputs (N, U) → scores (N, U, V).

    Deaf, it is a language model of replies: no encoder, no attention. Scores are computed from
    h + tanh([h; context] W + b), so that a hearing one learns the language as fast as a deaf one.
    """

    def __init__(self, V: int, deaf: bool = False) -> None:
        super().__init__()
        self.deaf, self.drop = deaf, nn.Dropout(DROP)
        self.wrote, self.decoder = nn.Embedding(V, D, PAD), nn.GRU(D, H, batch_first=True)
        self.output = nn.Linear(H, V)
        nn.init.normal_(self.wrote.weight, 0, 0.1)
        if not deaf:
            self.read = nn.Embedding(V, D, PAD)
            self.encoder = nn.GRU(D, H // 2, batch_first=True, bidirectional=True)
            self.bridge, self.score = nn.Linear(H, H), nn.Linear(H, H, bias=False)
            self.combine = nn.Linear(2 * H, H)
            nn.init.normal_(self.read.weight, 0, 0.3)

    def encode(self, source: torch.Tensor, lengths: torch.Tensor | None) -> Any:
        """Outputs (N, T, H), the mask (N, 1, T) of what is padding, and the first state."""
        if lengths is None:
            return None, None, torch.zeros(1, len(source), H)
        packed = pack_padded_sequence(self.drop(self.read(source)), lengths, batch_first=True,
                                      enforce_sorted=False)  # fmt: skip
        outputs, last = self.encoder(packed)
        outputs = pad_packed_sequence(outputs, batch_first=True)[0]
        padding = torch.arange(outputs.shape[1]) >= lengths[:, None]
        first = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1)))
        return outputs, padding[:, None], first[None]

    def decode(self, inputs: torch.Tensor, outputs: Any, padding: Any, state: Any) -> Any:
        hs, state = self.decoder(self.drop(self.wrote(inputs)), state)
        if not self.deaf:
            scores = hs @ self.score(outputs).transpose(1, 2)
            contexts = scores.masked_fill(padding, -torch.inf).softmax(2) @ outputs
            hs = hs + torch.tanh(self.combine(torch.cat([hs, contexts], 2)))
        return self.output(self.drop(hs)), state

    def losses(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> torch.Tensor:
        """−log p of each token (N, U); 0 at padding."""
        target, _ = _padded(targets)
        inputs = torch.cat([torch.full((len(target), 1), START), target[:, :-1]], 1)
        source = (target, None) if self.deaf else _padded(sources)  # of a deaf one, only how many
        scores, _ = self.decode(inputs, *self.encode(*source))
        return nn.functional.cross_entropy(scores.transpose(1, 2), target, ignore_index=PAD,
                                           reduction="none")  # fmt: skip


def _padded(rows: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    found, mask = text.pad([np.array(row) for row in rows])
    return torch.tensor(found), torch.tensor(mask.sum(1), dtype=torch.int64)


def _batches(rows: Sequence[list[int]], size: int, rng: Any = None) -> list[Array]:
    return text.bucket_batches(np.array([len(row) for row in rows]), size, rng)


@torch.no_grad()
def log_probs(model: Writer, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> Array:
    """log p of each whole target, the end included, (N,)."""
    found = np.zeros(len(targets))
    for rows in _batches(targets, 128):
        loss = model.losses([sources[k] for k in rows], [targets[k] for k in rows])
        found[rows] = -loss.sum(1).numpy()
    return found


def perplexity(model: Writer, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> float:
    total = log_probs(model, sources, targets).sum()
    return round(math.exp(-total / sum(map(len, targets))), 3)


Coded = tuple[list[list[int]], list[list[int]]]
Learnt = tuple[Writer, list[float], list[float]]


def trained(V: int, learn: Coded, valid: Coded, seed: int, deaf: bool = False) -> Learnt:
    """The network of the best epoch; perplexities of training and validation by epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng, model = np.random.default_rng(seed), Writer(V, deaf)
    adam = torch.optim.Adam(model.parameters(), RATE)
    curve, training, best = [], [], None
    for _ in range(EPOCHS):
        total = 0.0
        for rows in _batches(learn[1], BATCH, rng):
            loss = model.losses([learn[0][k] for k in rows], [learn[1][k] for k in rows])
            count = sum(len(learn[1][k]) for k in rows)
            adam.zero_grad()
            (loss.sum() / count).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            total += float(loss.detach().sum())
        training.append(round(math.exp(total / sum(map(len, learn[1]))), 3))
        model.eval()
        curve.append(perplexity(model, *valid))
        model.train()
        if curve[-1] == min(curve):
            best = {name: value.clone() for name, value in model.state_dict().items()}
        elif len(curve) - int(np.argmin(curve)) > 1:
            break
    assert best is not None
    model.load_state_dict(best)
    return model.eval(), training, curve


@torch.no_grad()
def beams(model: Writer, sources: Sequence[list[int]], W: int) -> list[list[tuple[Any, float]]]:
    """Of each source the W best replies found, (numbers with the end, log p); width 1 is greedy.

    A reply that has ended stays in the beam. Padding, start, unknown and turn are never written,
    nor is an empty reply; the longest ones end.
    """
    found: list[Any] = [None] * len(sources)
    for rows in _batches(sources, 50):
        source, lengths = _padded([sources[k] for k in rows])
        outputs, padding, state = model.encode(source, lengths)
        outputs, padding = (one.repeat_interleave(W, 0) for one in (outputs, padding))
        state, N = state.repeat_interleave(W, 1), len(rows)
        sums = torch.full((N, W), -torch.inf)
        sums[:, 0] = 0
        written = torch.full((N, W, 1), START)
        for k in range(WRITTEN + 1):
            last = written[:, :, -1]
            scores, state = model.decode(last.reshape(-1, 1), outputs, padding, state)
            scores = scores[:, 0]
            never = [PAD, START, UNKNOWN, TURN] if k else [PAD, START, UNKNOWN, TURN, END]
            scores[:, never] = -torch.inf
            log_p = scores.log_softmax(1).reshape(N, W, -1)
            if k == WRITTEN:
                log_p[..., :END] = log_p[..., FIRST:] = -torch.inf
            done = (last == END) | (last == PAD)
            log_p[done] = -torch.inf
            log_p[..., PAD][done] = 0.0
            sums, places = (sums[..., None] + log_p).reshape(N, -1).topk(W, 1)
            came, token = places // log_p.shape[2], places % log_p.shape[2]
            written = torch.cat([written.gather(1, came[..., None].expand_as(written)),
                                 token[..., None]], 2)  # fmt: skip
            state = state[:, (torch.arange(N)[:, None] * W + came).reshape(-1)]
            if ((token == END) | (token == PAD)).all():
                break
        for n, replies, values in zip(rows, written.tolist(), sums.tolist(), strict=True):
            texts = [[t for t in one[1:] if t != PAD] for one in replies]
            found[n] = list(zip(texts, values, strict=True))
    return found
