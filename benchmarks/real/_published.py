"""The three German-to-English networks of bentrevett/pytorch-seq2seq, as published, in PyTorch.

Prepared and tried on a few sentences only: with 14 to 20 million parameters and ten epochs of
29,000 pairs each takes hours on one processor core, so ``translation.py`` trains smaller ones.
``python benchmarks/real/_published.py attention --device cuda`` trains one and prints its BLEU.
"""

import argparse
import random
from typing import Any

import _multi30k as captions
import torch
from torch import nn

from rnncourse import metrics

KINDS = ("seq2seq", "context", "attention")
SETTINGS = {"embedding": 256, "hidden": 512, "dropout": 0.5, "batch": 128, "epochs": 10,
            "rate": 1e-3, "clip": 1.0, "forced": 0.5, "min_freq": 2}  # fmt: skip


class Published(nn.Module):
    """Sources (T, N) and targets (U, N) with start and end → scores (U, N, V), the first row 0.

    "seq2seq": two layers of LSTM on each side. "context": a GRU each; the encoder's state is read
    again at each step and by the output. "attention": two directions, additive scores, and the
    output reads state, context and the token before.
    """

    def __init__(self, kind: str, sources: int, targets: int, E: int = 256, H: int = 512,
                 drop: float = 0.5) -> None:  # fmt: skip
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown kind {kind!r}; expected one of {KINDS}")
        self.kind, self.drop = kind, nn.Dropout(drop)
        self.read, self.wrote = nn.Embedding(sources, E), nn.Embedding(targets, E)
        two = 2 * H
        if kind == "seq2seq":
            self.encoder = nn.LSTM(E, H, 2, dropout=drop)
            self.decoder = nn.LSTM(E, H, 2, dropout=drop)
            self.output = nn.Linear(H, targets)
        elif kind == "context":
            self.encoder, self.decoder = nn.GRU(E, H), nn.GRU(E + H, H)
            self.output = nn.Linear(E + two, targets)
        else:
            self.encoder, self.decoder = nn.GRU(E, H, bidirectional=True), nn.GRU(E + two, H)
            self.bridge, self.score = nn.Linear(two, H), nn.Linear(two + H, H)
            self.v = nn.Linear(H, 1, bias=False)
            self.output = nn.Linear(E + H + two, targets)
        for name, p in self.named_parameters():  # as they begin in the published notebooks
            if kind == "seq2seq":
                nn.init.uniform_(p, -0.08, 0.08)
            elif kind == "attention" and "bias" in name:
                nn.init.zeros_(p)
            else:
                nn.init.normal_(p, 0, 0.01)

    def forward(self, source: Any, target: Any, forced: float = 0.5) -> Any:
        outputs, state = self.encoder(self.drop(self.read(source)))
        if self.kind == "attention":
            state = torch.tanh(self.bridge(torch.cat([state[-2], state[-1]], 1)))[None]
        fixed, token, rows = state, target[0], []
        for u in range(1, len(target)):
            scores, state = self.step(token, state, fixed, outputs)
            rows.append(scores)
            token = target[u] if random.random() < forced else scores.argmax(1)
        return torch.stack([torch.zeros_like(rows[0]), *rows])

    def step(self, token: Any, state: Any, fixed: Any, outputs: Any) -> tuple[Any, Any]:
        """Scores (N, V) of the next token, and the state after it."""
        x = self.drop(self.wrote(token))
        if self.kind == "seq2seq":
            h, state = self.decoder(x[None], state)
            return self.output(h[0]), state
        if self.kind == "context":
            _, state = self.decoder(torch.cat([x, fixed[0]], 1)[None], state)
            return self.output(torch.cat([x, state[0], fixed[0]], 1)), state
        query = state[0].expand(len(outputs), -1, -1)
        weights = self.v(torch.tanh(self.score(torch.cat([query, outputs], 2)))).softmax(0)
        context = (weights * outputs).sum(0)
        h, state = self.decoder(torch.cat([x, context], 1)[None], state)
        return self.output(torch.cat([h[0], context, x], 1)), state


def train(model: Published, batches: Any, device: str = "cpu", forced: float = 0.5) -> float:
    """One pass over batches of (source, target), padding 1 (the token that counts for nothing);
    the mean loss."""
    adam = getattr(model, "adam", None) or torch.optim.Adam(model.parameters(), SETTINGS["rate"])
    model.adam, losses = adam, []
    for source, target in batches:
        scores = model(source.to(device), target.to(device), forced)[1:]
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), target[1:].flatten().to(device),
                                           ignore_index=1)  # fmt: skip
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["clip"])
        adam.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


# --- the whole of it --------------------------------------------------------------------


def tensors(split: str, device: str) -> Any:
    """Batches of captions, of like length, padded with 1; numbers 0 unknown, 2 start, 3 end."""
    tables = {side: {word: k for k, word in enumerate(words(side))} for side in ("de", "en")}
    rows = [[torch.tensor([2, *(tables[side].get(w, 0) for w in captions.cut(line)), 3])
             for line in captions.lines(split, side)] for side in ("de", "en")]  # fmt: skip
    order = sorted(range(len(rows[0])), key=lambda k: len(rows[0][k]))
    cuts = [order[k : k + SETTINGS["batch"]] for k in range(0, len(order), SETTINGS["batch"])]
    random.shuffle(cuts)
    for cut in cuts:
        yield tuple(nn.utils.rnn.pad_sequence([side[k] for k in cut], padding_value=1).to(device)
                    for side in rows)  # fmt: skip


def words(side: str) -> list[str]:
    _, *special = captions.SPECIAL
    return ["<unk>", "<pad>", *special,
            *captions.vocabulary(side, SETTINGS["min_freq"])[len(captions.SPECIAL) :]]  # fmt: skip


@torch.no_grad()
def written(model: Published, source: torch.Tensor, length: int = 50) -> list[list[int]]:
    """Always the most probable token; sources (T, N)."""
    outputs, state = model.encoder(model.read(source))
    if model.kind == "attention":
        state = torch.tanh(model.bridge(torch.cat([state[-2], state[-1]], 1)))[None]
    token, fixed, rows = torch.full_like(source[0], 2), state, []
    for _ in range(length):
        scores, state = model.step(token, state, fixed, outputs)
        token = scores.argmax(1)
        rows.append(token)
    found = torch.stack(rows, 1).tolist()
    return [row[: row.index(3)] if 3 in row else row for row in found]


def score(model: Published, device: str) -> float:
    """BLEU of the test, of small tokens, as published."""
    table, model = words("en"), model.eval()
    found, references = [], []
    for source, target in tensors("test", device):
        found += [[table[k] for k in row] for row in written(model, source)]
        rows = [[table[k] for k in row[1:] if k not in (1, 3)] for row in target.T.tolist()]
        references += [[row] for row in rows]
    return metrics.bleu(references, found, smoothing="none").score


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("kind", choices=KINDS)
    given.add_argument("--device", default="cpu", help="such as cuda")
    asked = given.parse_args()
    model = Published(asked.kind, len(words("de")), len(words("en"))).to(asked.device)
    for epoch in range(SETTINGS["epochs"]):
        model.train()
        print(epoch, train(model, tensors("train", asked.device), asked.device))
    print("BLEU", score(model, asked.device))


if __name__ == "__main__":
    main()
