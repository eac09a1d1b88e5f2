"""A GRU that reads in both directions and one that writes and looks back, in PyTorch.

Its arrays are those of :mod:`rnncourse.nn.seq2seq` (the decoder "luong", the score "general"), so
that what it learnt is decoded, measured and shown by the package.
"""

import os
import time
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop
from rnncourse.nlp import text

Array = np.ndarray
Coded = list[tuple[Array, Array]]  # sources and targets, a target with its end


class Plan(NamedTuple):
    """Sizes and settings of a training."""

    sources: int  # tokens in the vocabularies
    targets: int
    start: int
    end: int
    read: int = 32  # numbers a source token
    wrote: int = 32
    H: int = 128
    attends: bool = True
    drop: float = 0.2
    batch: int = 64
    updates: int = 3000
    rate: float = 4e-3
    clip: float = 1.0
    smooth: float = 0.0


class Translator(nn.Module):
    """Sources (N, T), their lengths and what the decoder reads (N, U) → scores (N, U, V)."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        H = plan.H
        self.read = nn.Embedding(plan.sources, plan.read)
        self.wrote = nn.Embedding(plan.targets, plan.wrote)
        for table in (self.read, self.wrote):
            nn.init.normal_(table.weight, 0, 0.3)
        self.encoder = nn.GRU(plan.read, H // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(H, H)
        self.decoder = nn.GRU(plan.wrote, H, batch_first=True)
        self.attends = plan.attends
        if plan.attends:
            self.score = nn.Linear(H, H, bias=False)
            self.combine = nn.Linear(2 * H, H)
        self.output = nn.Linear(H, plan.targets)
        self.drop = nn.Dropout(plan.drop)

    def forward(self, source: torch.Tensor, lengths: torch.Tensor, inputs: torch.Tensor
                ) -> torch.Tensor:  # fmt: skip
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

        def dense(layer: nn.Linear) -> dict[str, Array]:
            return {"W_y": layer.weight.detach().numpy().T, "b_y": layer.bias.detach().numpy()}

        decoder = {"embedding": {"E": self.wrote.weight.detach().numpy()},
                   "cell": interop.from_torch(self.decoder)}  # fmt: skip
        if self.attends:
            # Scores are s W k; the layer multiplies a key by the transpose of its matrix.
            decoder["attention"] = {"W": self.score.weight.detach().numpy()}
            decoder["combine"] = dense(self.combine)
        return {"encoder": {"embedding": {"E": self.read.weight.detach().numpy()},
                            "cell": interop.from_torch(self.encoder)},
                "bridge": {"h": dense(self.bridge)},
                "decoder": decoder | {"output": dense(self.output)}}  # fmt: skip


def batches(coded: Coded, size: int, rng: np.random.Generator) -> Any:
    """Without end: pairs of like length, in random order."""
    while True:
        noise = rng.uniform(0, 2, len(coded))
        order = np.argsort([len(y) + u for (_, y), u in zip(coded, noise, strict=True)])
        for start in rng.permutation(np.arange(0, len(order), size)):
            yield [coded[k] for k in order[start : start + size]]


def loss_of(model: Translator, plan: Plan, part: Coded) -> torch.Tensor:
    """Mean cross-entropy of the target tokens, the right ones given."""
    source, mask = text.pad([x for x, _ in part])
    target, real = text.pad([y for _, y in part])
    inputs = np.concatenate([np.full_like(target[:, :1], plan.start), target[:, :-1]], 1)
    scores = model(torch.tensor(source), torch.tensor(mask.sum(1)), torch.tensor(inputs))
    target = torch.tensor(np.where(real == 1, target, -100))
    return nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(),
                                       label_smoothing=plan.smooth)  # fmt: skip


def trained(plan: Plan, coded: Any, seed: int) -> tuple[Translator, float]:
    """The network after all updates, the rate falling to nothing over the second half; CPU
    seconds. ``coded``: pairs, or a function of a generator that gives batches without end."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(seed)
    rng, begin = np.random.default_rng(seed), time.process_time()
    model = Translator(plan)
    adam = torch.optim.Adam(model.parameters(), plan.rate)
    source = coded(rng) if callable(coded) else batches(coded, plan.batch, rng)
    for k in range(plan.updates):
        adam.param_groups[0]["lr"] = plan.rate * min(1.0, 2 * (1 - k / plan.updates))
        loss = loss_of(model, plan, next(source))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
        adam.step()
    return model.eval(), time.process_time() - begin
