"""A small network that describes pictures of which only features are there, for captioning.py.

A GRU writes word by word. It is told nothing of the picture; or the features of the whole picture,
as its first state and again at each step; or it also looks at 7 × 7 places after each step, with
the attention of Luong et al. 2015 (general). N descriptions of U words.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

import _flickr
import numpy as np
import torch
from torch import nn

from rnncourse.nlp import decoding, text

Array = np.ndarray
KINDS = ("nothing", "pooled", "grid")
UNKNOWN, START, END = range(3)
D, H, N = 128, 256, 64
RATE, FALL, CLIP, DROP, EPOCHS = 2e-3, 10, 5.0, 0.5, 12
LONGEST, WIDTH = 25, 3  # words written at most; of the beam


class Captioner(nn.Module):
    """Words (N, U) given, features of pictures (N, …) → scores of the next words (N, U, V)."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        V, told = len(_flickr.vocabulary()), kind != "nothing"
        self.kind = kind
        self.embedding, self.drop = nn.Embedding(V, D), nn.Dropout(DROP)
        self.gru = nn.GRU(2 * D if told else D, H, batch_first=True)
        self.combine = nn.Linear(2 * H if kind == "grid" else H, H)
        self.output = nn.Linear(H, V)
        if told:
            self.first, self.beside = nn.Linear(1280, H), nn.Linear(1280, D)
        if kind == "grid":
            self.key, self.score = nn.Linear(128, H), nn.Linear(H, H, bias=False)

    def begin(self, pictures: Array) -> dict[str, Any]:
        """What is known of the pictures before a word is written."""
        found: dict[str, Any] = {"h": torch.zeros(1, len(pictures), H)}
        if self.kind != "nothing":
            whole = self.drop(torch.tensor(_flickr.pooled()[pictures]))
            found = {"h": self.first(whole).tanh()[None], "beside": self.beside(whole).tanh()}
        if self.kind == "grid":
            found["keys"] = self.key(self.drop(torch.tensor(_flickr.grid()[pictures]))).tanh()
        return found

    def forward(self, ids: torch.Tensor, known: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """Scores (N, U, V), and the state behind the last word."""
        xs = self.embedding(ids)
        if self.kind != "nothing":
            xs = torch.cat([xs, known["beside"][:, None].expand(-1, ids.shape[1], -1)], 2)
        hs, h = self.gru(self.drop(xs), known["h"])
        if self.kind == "grid":
            keys = known["keys"]
            looks = torch.softmax(self.score(hs) @ keys.transpose(1, 2) / H**0.5, 2)
            hs = torch.cat([hs, looks @ keys], 2)
        return self.output(self.drop(self.combine(self.drop(hs)).tanh())), known | {"h": h}


def pairs(part: str) -> list[tuple[int, list[int]]]:
    """A picture and one description of it, as numbers, with the end."""
    number = {word: k for k, word in enumerate(_flickr.vocabulary())}
    return [(int(k), [number.get(word, UNKNOWN) for word in words] + [END])
            for k in _flickr.split(part) for words in _flickr.descriptions()[k]]  # fmt: skip


def loss_of(model: Captioner, some: Sequence[tuple[int, list[int]]]) -> torch.Tensor:
    """Mean cross-entropy of a word, the end too, in nats; of an unknown one as well."""
    ids, mask = text.pad([words for _, words in some])
    given = np.concatenate([np.full((len(ids), 1), START), ids[:, :-1]], axis=1)
    logits, _ = model(torch.tensor(given), model.begin(np.array([k for k, _ in some])))
    real = torch.tensor(mask.astype(bool))
    return nn.functional.cross_entropy(logits[real], torch.tensor(ids)[real])


def dev_loss(model: Captioner) -> float:
    model.eval()
    with torch.no_grad():
        return float(loss_of(model, pairs("dev")))


def learnt(kind: str, seed: int) -> tuple[Captioner, dict[str, Any]]:
    """The network after the epoch with the least loss on the development part."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model, some, curve = Captioner(kind), pairs("train"), []
    adam, best = torch.optim.Adam(model.parameters(), RATE), {}
    for epoch in range(EPOCHS):
        model.train()
        adam.param_groups[0]["lr"] = RATE * FALL ** (-epoch / EPOCHS)
        for rows in text.bucket_batches([len(words) for _, words in some], N, rng):
            loss = loss_of(model, [some[k] for k in rows])
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            adam.step()
        curve.append(round(dev_loss(model), 4))
        if curve[-1] == min(curve):
            best = {name: one.clone() for name, one in model.state_dict().items()}
    model.load_state_dict(best)
    return model.eval(), {"dev loss": curve, "epoch": int(np.argmin(curve)) + 1,
                          "cpu seconds": round(time.process_time() - begin, 1),
                          "parameters": sum(p.numel() for p in model.parameters())}  # fmt: skip


def written(model: Captioner, pictures: Array, width: int = WIDTH) -> list[list[str]]:
    """Of each picture the most probable words by a beam, per word; never an unknown one."""
    names = _flickr.vocabulary()
    found = []
    for picture in pictures:
        with torch.no_grad():
            known = model.begin(np.array([picture]))

        def step(tokens: Array, h: Array, known: dict[str, Any] = known) -> tuple[Array, Array]:
            rows = {name: one.expand(len(tokens), *one.shape[1:]) for name, one in known.items()
                    if name != "h"}  # fmt: skip
            with torch.no_grad():
                logits, after = model(torch.tensor(tokens)[:, None],
                                      rows | {"h": torch.tensor(h)[None]})  # fmt: skip
            scores = logits[:, 0].numpy()
            scores[:, [UNKNOWN, START]] = -np.inf
            return scores, after["h"][0].numpy()

        best = decoding.beam_search(step, known["h"][0].numpy(), START, END, LONGEST, width,
                                    decoding.mean)[0]  # fmt: skip
        found.append([names[k] for k in best.tokens if k != END])
    return found
