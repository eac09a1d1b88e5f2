"""The network that hears digits in the page `speech`, in eight bits a weight. Ten minutes.

A GRU reads log-mel features in both directions and is trained with CTC on strings of one to five
digits by five of the six speakers, with other speeds, loudnesses, gaps and noises each time: a
reader's room and microphone are other ones too. The sixth speaker is never heard in training.
Beside the weights stand clips of one known and of the new speaker, all of them from the test.
"""

from _common import Run  # isort: skip  (sets the number of threads)

from typing import Any

import numpy as np
import torch
from speech import GAP, HOP, LENGTH, NEEDS, RATE, M, Text, rate, recordings, speakers
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop
from rnncourse.nlp import text
from rnncourse.widgets import hear, weights

Array = np.ndarray
H, UPDATES, N, SPEED = 48, 900, 24, 0.005
NEW, KNOWN = "yweweler", "george"  # never in training; whose clips stand beside
TESTED, CLIP = range(5), 0  # recordings of the test; the one that is shown
STRINGS = 300  # to test with, of 3 to 5 digits
NOISE = 0.002  # under each string of the test, as in speech.py


def stretched(signal: Array, factor: float) -> Array:
    """Faster or slower, and higher or lower with it."""
    return np.interp(np.arange(0, len(signal) - 1, factor), np.arange(len(signal)), signal)


def spoken(rng: np.random.Generator, who: str, numbers: range, changed: bool) -> Text:
    """A string of digits by one speaker; ``changed``: as other rooms and voices might be."""
    digits = rng.integers(0, 10, rng.integers(1, 6) if changed else rng.integers(3, 6))
    factor, gap = (rng.uniform(0.85, 1.18), 0.5) if changed else (1.0, GAP)
    pieces = [np.zeros(int(rng.uniform(0, gap) * RATE))]
    for digit in digits:
        signal = recordings()[int(digit), who, int(rng.choice(numbers))]
        pieces += [stretched(signal, factor) if changed else signal,
                   np.zeros(int(rng.uniform(0, gap) * RATE))]  # fmt: skip
    whole = np.concatenate(pieces)
    noise = NOISE
    if changed:
        whole = whole * rng.uniform(0.3, 1.5)
        noise = 10 ** rng.uniform(-3.5, -1.7)
    heard = hear.features(whole + noise * rng.standard_normal(len(whole)), SETTINGS)
    return Text(heard, digits + 1, np.zeros(0))


SETTINGS = {"rate": RATE, "bands": M, "length": LENGTH, "hop": HOP, "floor": 1e-5}


class Ear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(M, H, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * H, 11)

    def forward(self, xs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(xs, lengths, batch_first=True, enforce_sorted=False)
        return self.out(pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0])

    def params(self) -> dict[str, Any]:
        output = {"W_y": self.out.weight.detach().numpy().T,
                  "b_y": self.out.bias.detach().numpy()}  # fmt: skip
        return {"cell": interop.from_torch(self.gru), "output": output}


def learn(seed: int) -> dict[str, Any]:
    """A packed network; the rate falls to nothing over the second half."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng, model = np.random.default_rng(seed), Ear()
    who = [name for name in speakers() if name != NEW]
    adam = torch.optim.Adam(model.parameters(), SPEED)
    for k in range(UPDATES):
        batch = [spoken(rng, str(rng.choice(who)), range(5, 50), True) for _ in range(N)]
        lengths = torch.tensor([len(one.features) for one in batch])
        xs = nn.utils.rnn.pad_sequence(
            [torch.tensor(one.features, dtype=torch.float32) for one in batch], batch_first=True
        )
        labels, real = text.pad([one.labels for one in batch])
        loss = nn.functional.ctc_loss(
            model(xs, lengths).log_softmax(2).transpose(0, 1), torch.tensor(labels), lengths,
            torch.tensor(real.sum(axis=1).astype(int)), reduction="sum", zero_infinity=True,
        ) / N  # fmt: skip
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        adam.param_groups[0]["lr"] = SPEED * min(1, 2 - 2 * k / UPDATES)
        adam.step()
    return weights.pack(model.params())


def tested(network: dict[str, Any], who: list[str]) -> dict[str, float]:
    """Label errors of the packed network on strings by these speakers."""
    rng, ear = np.random.default_rng(7), hear.Ear(network)
    strings = [spoken(rng, str(rng.choice(who)), TESTED, False) for _ in range(STRINGS)]
    return rate(strings, [ear.labels(one.features) for one in strings])


def clips() -> dict[str, list[str]]:
    """Of each of the two speakers the ten digits."""
    return {name: [hear.pack(recordings()[digit, name, CLIP]) for digit in range(10)]
            for name in (KNOWN, NEW)}  # fmt: skip


def main() -> None:
    what = "A network that hears digits, by speakers that it knows and by a new one."
    with Run("live_digits", what, [NEEDS], ["torch"], 3) as run:
        network = {"weights": run.step("train", learn, 0), **SETTINGS, "known": KNOWN, "new": NEW,
                   "clips": run.step("clips", clips)}  # fmt: skip
        network["errors"] = run.step("test", lambda: {
            "known": round(tested(network, [s for s in speakers() if s != NEW])["error"], 4),
            "new": round(tested(network, [NEW])["error"], 4)})  # fmt: skip
        run.write({"network": network}, "live_digits")
        run.write({"units": H, "updates": UPDATES, "strings": STRINGS, "clip": CLIP,
                   "errors": network["errors"], "bytes": weights.size(network),
                   "licence": "Recordings: Free Spoken Digit Dataset (Zohar Jackson et al.), CC "
                   "BY-SA 4.0"})  # fmt: skip


if __name__ == "__main__":
    main()
