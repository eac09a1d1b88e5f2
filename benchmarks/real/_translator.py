"""A GRU that reads in both directions and one that writes and looks back, in PyTorch.

Its arrays are those of :mod:`rnncourse.nn.seq2seq` (the decoder "luong" with the score "general",
or "state"), so that what it learnt is decoded by the package. PyTorch is about as fast here as the
package, and can drop units of each sentence apart.
"""

import os
import time
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop
from rnncourse.nlp import decoding, text
from rnncourse.nn import seq2seq
from rnncourse.nn.decoder import Design

Array = np.ndarray
Coded = list[tuple[Array, Array]]  # sources and targets, a target with its end
UNKNOWN, START, END = 0, 1, 2  # in both vocabularies


class Plan(NamedTuple):
    """Sizes and settings of a training."""

    sources: int  # tokens in the vocabularies
    targets: int
    D: int = 64
    H: int = 128
    attends: bool = True
    drop: float = 0.3
    batch: int = 64
    updates: int = 5000
    rate: float = 3e-3
    clip: float = 1.0

    @property
    def design(self) -> Design:
        return Design("gru", "luong" if self.attends else "state", "general", START, END)


class Translator(nn.Module):
    """Sources (N, T), their lengths and what the decoder reads (N, U) → scores (N, U, V)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        D, H = plan.D, plan.H
        self.read, self.wrote = nn.Embedding(plan.sources, D), nn.Embedding(plan.targets, D)
        for table in (self.read, self.wrote):
            nn.init.normal_(table.weight, 0, 0.3)
        self.encoder = nn.GRU(D, H // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(H, H)
        self.decoder = nn.GRU(D, H, batch_first=True)
        self.attends = plan.attends
        if plan.attends:
            self.score = nn.Linear(H, H, bias=False)
            self.combine = nn.Linear(2 * H, H)
        self.output = nn.Linear(H, plan.targets)
        self.drop = nn.Dropout(plan.drop)

    def forward(self, source: Any, lengths: Any, inputs: Any) -> Any:
        packed = pack_padded_sequence(self.drop(self.read(source)), lengths, batch_first=True,
                                      enforce_sorted=False)  # fmt: skip
        hs, last = self.encoder(packed)
        keys, _ = pad_packed_sequence(hs, batch_first=True)
        first = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1)))
        hs, _ = self.decoder(self.drop(self.wrote(inputs)), first[None])
        if self.attends:
            scores = hs @ self.score(keys).transpose(1, 2)
            kept = torch.arange(keys.shape[1]) < lengths[:, None]
            looked = scores.masked_fill(~kept[:, None], -torch.inf).softmax(2)
            hs = torch.tanh(self.combine(torch.cat([hs, looked @ keys], 2)))
        return self.output(self.drop(hs))

    def params(self) -> dict[str, Any]:
        """As ``nn.seq2seq`` has them."""
        decoder = {"embedding": {"E": _array(self.wrote.weight)},
                   "cell": interop.from_torch(self.decoder)}  # fmt: skip
        if self.attends:
            # A score is s W k; the layer multiplies a key by the transpose of its matrix.
            decoder["attention"] = {"W": _array(self.score.weight)}
            decoder["combine"] = _dense(self.combine)
        return {"encoder": {"embedding": {"E": _array(self.read.weight)},
                            "cell": interop.from_torch(self.encoder)},
                "bridge": {"h": _dense(self.bridge)},
                "decoder": decoder | {"output": _dense(self.output)}}  # fmt: skip


def _array(tensor: torch.Tensor) -> Array:
    return tensor.detach().numpy()


def _dense(layer: nn.Linear) -> dict[str, Array]:
    return {"W_y": _array(layer.weight).T, "b_y": _array(layer.bias)}


# --- training ---------------------------------------------------------------------------


def batches(coded: Coded, size: int, rng: np.random.Generator) -> Any:
    """Without end: pairs of like length, in random order."""
    while True:
        noise = rng.uniform(0, 2, len(coded))
        order = np.argsort([len(y) + u for (_, y), u in zip(coded, noise, strict=True)])
        for start in rng.permutation(np.arange(0, len(order), size)):
            yield [coded[k] for k in order[start : start + size]]


def padded(part: Coded) -> seq2seq.Batch:
    return seq2seq.Batch(*text.pad([x for x, _ in part]),
                         *text.pad([y for _, y in part], value=END))  # fmt: skip


def loss_of(model: Translator, part: Coded) -> torch.Tensor:
    """Mean cross-entropy of the target tokens, the right ones given."""
    batch = padded(part)
    inputs = seq2seq.shift(batch.target, START)
    lengths = batch.source_mask.sum(1).astype(int)
    scores = model(*(torch.tensor(a) for a in (batch.source, lengths, inputs)))
    target = torch.tensor(np.where(batch.target_mask == 1, batch.target, -100))
    return nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())


def trained(plan: Plan, coded: Coded, seed: int) -> tuple[Any, float]:
    """``nn.seq2seq``'s parameters after all updates, the rate falling to nothing over the second
    half; CPU seconds."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model = Translator(plan)
    adam = torch.optim.Adam(model.parameters(), plan.rate)
    source = batches(coded, plan.batch, rng)
    for k in range(plan.updates):
        adam.param_groups[0]["lr"] = plan.rate * min(1.0, 2 * (1 - k / plan.updates))
        loss = loss_of(model, next(source))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        adam.step()
    return model.eval().params(), time.process_time() - begin


# --- writing ----------------------------------------------------------------------------


def perplexity(plan: Plan, params: Any, coded: Coded) -> float:
    """Of the target tokens, the right ones given."""
    total = count = 0.0
    for start in range(0, len(coded), 100):
        batch = padded(coded[start : start + 100])
        loss, _ = seq2seq.loss_and_gradients(plan.design, batch, params)
        total, count = total + loss * batch.target_mask.sum(), count + batch.target_mask.sum()
    return round(float(np.exp(total / count)), 3)


def greedy(plan: Plan, params: Any, sources: list[Array], length: int) -> list[Array]:
    """Tokens without the end; sentences of like length together."""
    found: list[Any] = [None] * len(sources)
    order = sorted(range(len(sources)), key=lambda k: len(sources[k]))
    for start in range(0, len(order), 100):
        rows = order[start : start + 100]
        ids, mask = text.pad([sources[k] for k in rows])
        step, state = seq2seq.stepper(plan.design, ids, params, mask)
        wrote = decoding.decode(_allowed(step), state, [START] * len(rows), END, length)
        for k, one in zip(rows, wrote, strict=True):
            found[k] = one.tokens[one.tokens != END]
    return found


def beam(plan: Plan, params: Any, sources: list[Array], length: int, width: int) -> list[Array]:
    """The same, by a beam whose texts are ranked by the mean log-probability of a token."""
    found = []
    for source in sources:
        step, state = seq2seq.stepper(plan.design, source[None], params)
        best = decoding.beam_search(_allowed(step), state, START, END, length, width,
                                    decoding.mean)[0]  # fmt: skip
        found.append(best.tokens[best.tokens != END])
    return found


def _allowed(step: Any) -> Any:
    """The same step, which never writes the start token, nor the unknown one."""

    def limited(tokens: Any, state: Any) -> Any:
        scores, state = step(tokens, state)
        scores[:, [START, UNKNOWN]] = -np.inf
        return scores, state

    return limited
