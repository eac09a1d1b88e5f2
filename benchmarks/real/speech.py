"""Spoken digits: alone and in strings, with and without an alignment, and of a new speaker.

Recordings of the Free Spoken Digit Dataset, 0 to 4 of each digit and speaker for the test, as its
authors say. Strings are made of one speaker's recordings, with gaps of up to 0.2 s, none of them
silent: noise lies under the whole string. The unseen speaker is another one for each seed.
Framewise: the network learns the label of every frame, which only we know, since we glued the
strings; CTC gets the digits alone. What framewise answers also passes a filter, chosen on
strings of the training recordings: runs of a label that are too short are dropped.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import io
import zipfile
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from rnncourse import data, speech
from rnncourse.metrics import label_error_rate
from rnncourse.nlp import text
from rnncourse.nn import ctc, ctc_decoding

Array = np.ndarray
NEEDS = ("speech_fsdd_full", "fsdd_all.zip")
RATE, M, LENGTH, HOP = 8000, 24, 0.03, 0.025  # samples a second, bands, seconds
NOISE, GAP = 0.002, 0.2
TESTED = range(5)  # recordings of the test
WIDTH, UPDATES, N, SPEED = 64, 450, 24, 0.005
STRINGS = 1600  # to train on, 1 to 5 digits each
SETS = {"3-5 digits": (3, 5, False), "8-10 digits": (8, 10, False), "repeats": (3, 5, True)}
TEST = 150  # strings in each of these
SHORTEST = range(1, 9)  # frames that a run must have, to choose from
TEMPLATES = (5, 6, 7, 8, 9)  # recordings that warping compares with


class Text(NamedTuple):
    """A string of digits as features (T, M), labels 1 to 10, and the label of each frame."""

    features: Array
    labels: Array
    frames: Array  # (T,), 0 between digits


# --- sound --------------------------------------------------------------------------


@cache
def recordings() -> dict[tuple[int, str, int], Array]:
    """Signals by digit, speaker and number."""
    found = {}
    with zipfile.ZipFile(data.path(*NEEDS)) as archive:
        for name in archive.namelist():
            digit, speaker, number = name.removesuffix(".wav").split("_")
            signal, _ = speech.read_wav(io.BytesIO(archive.read(name)), RATE)
            found[int(digit), speaker, int(number)] = signal
    return found


@cache
def speakers() -> tuple[str, ...]:
    return tuple(sorted({speaker for _, speaker, _ in recordings()}))


def features_of(signal: Array) -> Array:
    return speech.log_mel(signal, RATE, M, LENGTH, HOP)


def glue(rng: np.random.Generator, digits: Array, speaker: str, numbers: list[int]) -> Text:
    """One speaker says the digits, one recording after the other."""
    pieces, places, at = [], [], 0
    for digit in digits:
        gap = np.zeros(int(rng.uniform(0, GAP) * RATE))
        signal = recordings()[int(digit), speaker, int(rng.choice(numbers))]
        places.append((at + len(gap), at + len(gap) + len(signal)))
        pieces += [gap, signal]
        at = places[-1][1]
    whole = np.concatenate(pieces)
    features = features_of(whole + NOISE * rng.standard_normal(len(whole)))
    middles = (np.arange(len(features)) * HOP + LENGTH / 2) * RATE
    frames = np.zeros(len(features), int)
    for digit, (start, end) in zip(digits, places, strict=True):
        frames[(start <= middles) & (middles < end)] = digit + 1
    return Text(features, np.asarray(digits) + 1, frames)


def strings(seed: int, count: int, shortest: int, longest: int, repeat: bool,
            who: tuple[str, ...], numbers: list[int]) -> list[Text]:  # fmt: skip
    """Strings by these speakers; with ``repeat`` each has a digit twice in a row."""
    rng, made = np.random.default_rng(seed), []
    while len(made) < count:
        digits = rng.integers(0, 10, rng.integers(shortest, longest + 1))
        if repeat:
            place = rng.integers(len(digits) - 1)
            digits[place + 1] = digits[place]
        made.append(glue(rng, digits, str(rng.choice(who)), numbers))
    return made


@cache
def train_strings(seed: int, without: str | None) -> list[Text]:
    who = tuple(s for s in speakers() if s != without)
    return strings(100 + seed, STRINGS, 1, 5, False, who, list(range(5, 50)))


@cache
def test_strings(name: str, who: tuple[str, ...]) -> list[Text]:
    shortest, longest, repeat = SETS[name]
    return strings(7, TEST, shortest, longest, repeat, who, list(TESTED))


def inputs(texts: list[Text], normalised: bool) -> tuple[Array, Array]:
    """Padded features (N, T, M) and their mask (N, T)."""
    rows = [t.features for t in texts]
    rows = speech.normalise(rows) if normalised else rows
    T = max(len(row) for row in rows)
    padded = np.zeros((len(rows), T, M), np.float32)
    for row, features in zip(padded, rows, strict=True):
        row[: len(features)] = features
    return padded, np.array([[t < len(row) for t in range(T)] for row in rows])


# --- networks ------------------------------------------------------------------------


def turned(xs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """Each row (T, ...) backwards up to its length; what follows stays. Twice is nothing."""
    steps = torch.arange(xs.shape[1])[None]
    back = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return xs.gather(1, back[..., None].expand_as(xs))


class Reader(nn.Module):
    """A GRU over the frames, both ways or one, or a window of three; eleven scores at each."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        # As many parameters: one way needs more units.
        H = {"both ways": WIDTH, "one way": 100, "frame": 160}[kind]
        if kind == "frame":
            self.layer: nn.Module = nn.Sequential(
                nn.Linear(3 * M, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU()
            )
        else:
            self.layer = nn.GRU(M, H, batch_first=True)
        if kind == "both ways":
            self.back = nn.GRU(M, H, batch_first=True)
        self.out = nn.Linear(2 * H if kind == "both ways" else H, 11)

    def forward(self, xs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        if self.kind == "frame":  # the frames before and after belong to it
            padded = nn.functional.pad(xs, (0, 0, 1, 1))
            return self.out(self.layer(torch.cat([padded[:, :-2], xs, padded[:, 2:]], 2)))
        hs, _ = self.layer(xs)
        if self.kind == "both ways":  # from the last real frame on, never from padding
            back, _ = self.back(turned(xs, lengths))
            hs = torch.cat([hs, turned(back, lengths)], 2)
        return self.out(hs)


def scores(model: nn.Module, texts: list[Text], normalised: bool) -> tuple[Array, Array]:
    """Scores (N, T, 11) and mask (N, T)."""
    xs, mask = inputs(texts, normalised)
    with torch.no_grad():
        out = model(torch.tensor(xs), torch.tensor(mask.sum(axis=1)))
    return out.numpy(), mask


def loss_of(model: nn.Module, texts: list[Text], aligned: bool, normalised: bool) -> torch.Tensor:
    xs, mask = inputs(texts, normalised)
    lengths = torch.tensor(mask.sum(axis=1))
    out = model(torch.tensor(xs), lengths)
    if aligned:
        targets = np.concatenate([t.frames for t in texts])
        return nn.functional.cross_entropy(out[torch.tensor(mask)], torch.tensor(targets))
    labels, real = text.pad([t.labels for t in texts])
    return nn.functional.ctc_loss(
        out.log_softmax(2).transpose(0, 1), torch.tensor(labels), lengths,
        torch.tensor(real.sum(axis=1).astype(int)), reduction="sum", zero_infinity=True,
    ) / len(texts)  # fmt: skip


def learn(kind: str, aligned: bool, seed: int, without: str | None, normalised: bool = True,
          ) -> tuple[nn.Module, list[dict[str, float]]]:  # fmt: skip
    """A trained model; on the way, errors and share of blanks on twenty strings of the test."""
    torch.manual_seed(seed)
    rng, texts = np.random.default_rng(seed), train_strings(seed, without)
    model, probes = Reader(kind), test_strings("3-5 digits", speakers())[:40]
    optimizer, curve = torch.optim.Adam(model.parameters(), SPEED), []
    for k in range(UPDATES):
        if k % 25 == 0 and not aligned:
            curve.append(progress(model, probes, normalised) | {"updates": k})
        batch = [texts[i] for i in rng.choice(len(texts), N, replace=False)]
        optimizer.zero_grad()
        loss_of(model, batch, aligned, normalised).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        for group in optimizer.param_groups:
            group["lr"] = SPEED * min(1, 2 - 2 * k / UPDATES)
        optimizer.step()
    return model, curve


def progress(model: nn.Module, texts: list[Text], normalised: bool) -> dict[str, float]:
    out, mask = scores(model, texts, normalised)
    found = ctc_decoding.greedy(out, mask)
    blanks = (out.argmax(axis=2) == 0)[mask].mean()
    return {"blanks": float(blanks), "error": rate(texts, found)["error"]}


# --- measuring --------------------------------------------------------------------------


def rate(texts: list[Text], found: list[Array]) -> dict[str, float]:
    """Label error rate, its parts a label, and the share of strings without an error."""
    total = label_error_rate([t.labels.tolist() for t in texts], [f.tolist() for f in found])
    exact = [t.labels.tolist() == f.tolist() for t, f in zip(texts, found, strict=True)]
    parts = {name: count / total.length for name, count in total.edits._asdict().items()}
    return {"error": total.rate, "exact": float(np.mean(exact)), **parts}


def runs(path: Array, shortest: int) -> Array:
    """Collapse a path after runs of fewer than ``shortest`` frames have become blanks."""
    starts = np.flatnonzero(np.append(True, path[1:] != path[:-1]))
    for start, end in zip(starts, [*starts[1:], len(path)], strict=True):
        if end - start < shortest:
            path[start:end] = 0
    return ctc.collapse(path)


def decoded(model: nn.Module, texts: list[Text], normalised: bool, shortest: int) -> list[Array]:
    out, mask = scores(model, texts, normalised)
    best = out.argmax(axis=2)
    return [runs(row[real], shortest) for row, real in zip(best, mask, strict=True)]


def on_strings(kind: str, aligned: bool, seed: int, unseen: bool = False, normalised: bool = True,
               ) -> dict[str, Any]:  # fmt: skip
    """Errors on each set of strings; of the speaker left out, where one is."""
    without = speakers()[seed] if unseen else None
    model, curve = learn(kind, aligned, seed, without, normalised)
    shortest = 1
    if aligned:
        held = train_strings(seed, without)[:150]  # seen in training, as the rest was
        errors = {m: rate(held, decoded(model, held, normalised, m))["error"] for m in SHORTEST}
        shortest = min(errors, key=lambda m: errors[m])
    who = (without,) if without else speakers()
    found = {}
    for name in SETS:
        texts = test_strings(name, who)
        found[name] = rate(texts, decoded(model, texts, normalised, shortest))
        if aligned:
            found[name]["unfiltered"] = rate(texts, decoded(model, texts, normalised, 1))["error"]
    size = sum(p.numel() for p in model.parameters())
    result = {"parameters": size, "sets": found, "curve": curve, "shortest run": shortest,
              "speaker": without}  # fmt: skip
    if kind == "both ways" and not aligned and seed == 0 and not unseen and normalised:
        result |= {"beam": with_beam(model), "picture": picture(model)}
    return result


def with_beam(model: nn.Module) -> dict[str, float]:
    """The same strings of 3 to 5 digits by a beam of ten prefixes."""
    texts = test_strings("3-5 digits", speakers())
    out, mask = scores(model, texts, True)
    return rate(texts, [found[0].labels for found in ctc_decoding.beam_search(out, 10, mask)])


def picture(model: nn.Module) -> dict[str, Any]:
    """One string with a repeated digit: features, outputs and the frames' true labels."""
    one = test_strings("repeats", speakers())[:1]
    out, _ = scores(model, one, True)
    p = np.exp(out[0] - out[0].max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    features, labels, frames = (a.tolist() for a in (one[0].features.round(1), *one[0][1:]))
    outputs = p.astype(float).round(2).tolist()
    return {"labels": labels, "frames": frames, "features": features, "outputs": outputs}


# --- one digit ------------------------------------------------------------------------


@cache
def alone(part: str) -> list[tuple[int, str, int, Array]]:
    """Digit, speaker, number and features (T, 2 M): log-mels, normalised, and their slopes."""
    found = []
    for (digit, speaker, number), signal in sorted(recordings().items()):
        if (number in TESTED) == (part == "test"):
            (features,) = speech.normalise([features_of(signal)])
            found.append((digit, speaker, number, np.hstack([features, speech.deltas(features)])))
    return found


def by_warping() -> dict[str, float]:
    """The digit of the nearest template; of the same speakers, and of the other five."""
    templates = [r for r in alone("train") if r[2] in TEMPLATES]
    right: dict[str, list[bool]] = {"known": [], "unseen": []}
    for digit, speaker, _, features in alone("test"):
        costs = np.array([speech.dtw(features, t[3])[0] / (len(features) + len(t[3]))
                          for t in templates])  # fmt: skip
        others = np.where([t[1] == speaker for t in templates], np.inf, costs)
        right["known"].append(templates[costs.argmin()][0] == digit)
        right["unseen"].append(templates[others.argmin()][0] == digit)
    return {name: float(np.mean(found)) for name, found in right.items()}


class Whole(nn.Module):
    """One answer for a recording: the mean over the frames of a GRU's outputs, or a vote."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        if kind == "network":
            self.layer: nn.Module = nn.GRU(2 * M, WIDTH, batch_first=True)
            self.back = nn.GRU(2 * M, WIDTH, batch_first=True)
        else:
            self.layer = nn.Sequential(
                nn.Linear(2 * M, 160), nn.ReLU(), nn.Linear(160, 160), nn.ReLU()
            )
        self.out = nn.Linear(2 * WIDTH if kind == "network" else 160, 10)

    def forward(self, xs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.kind == "majority":
            return self.out(self.layer(xs))
        lengths = mask.sum(1).long()
        back, _ = self.back(turned(xs, lengths))
        hs = torch.cat([self.layer(xs)[0], turned(back, lengths)], 2)
        return self.out((hs * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))


def on_digits(kind: str, seed: int, unseen: bool) -> dict[str, float]:
    """Share of recordings right; "majority": each frame votes for a digit."""
    torch.manual_seed(seed)
    without = speakers()[seed] if unseen else None
    rng, model = np.random.default_rng(seed), Whole(kind)
    known = [r for r in alone("train") if r[1] != without]
    asked = [r for r in alone("test") if without in (None, r[1])]
    optimizer = torch.optim.Adam(model.parameters(), 0.003)

    def batch(rows: list[Any]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        lengths, T = [len(r[3]) for r in rows], max(len(r[3]) for r in rows)
        xs = np.zeros((len(rows), T, 2 * M), np.float32)
        for x, row in zip(xs, rows, strict=True):
            x[: len(row[3])] = row[3]
        mask = np.arange(T) < np.array(lengths)[:, None]
        digits = torch.tensor([r[0] for r in rows])
        return torch.tensor(xs), torch.tensor(mask, dtype=torch.float32), digits

    for _ in range(200):
        xs, mask, digits = batch([known[i] for i in rng.choice(len(known), 64, replace=False)])
        out = model(xs, mask)
        if kind == "majority":
            out, digits = out[mask == 1], digits.repeat_interleave(mask.sum(1).long())
        optimizer.zero_grad()
        nn.functional.cross_entropy(out, digits).backward()
        optimizer.step()
    xs, mask, digits = batch(asked)
    with torch.no_grad():
        out = model(xs, mask)
    if kind == "majority":
        votes = nn.functional.one_hot(out.argmax(2), 10) * mask[..., None]
        out = votes.sum(1)
    return {"right": float((out.argmax(1) == digits).float().mean())}


# --- the record -------------------------------------------------------------------------

WAYS: dict[str, dict[str, Any]] = {
    "CTC": {"kind": "both ways", "aligned": False},
    "framewise": {"kind": "both ways", "aligned": True},
    "framewise, each frame alone": {"kind": "frame", "aligned": True},
    "CTC, one way": {"kind": "one way", "aligned": False},
    "CTC, unseen speaker": {"kind": "both ways", "aligned": False, "unseen": True},
    "CTC, not normalised": {"kind": "both ways", "aligned": False, "normalised": False},
}


def gathered(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Over the seeds; curve and parameters with them."""
    first = results[0]["sets"]
    sets = {name: {what: summary([r["sets"][name][what] for r in results]) for what in parts}
            for name, parts in first.items()}  # fmt: skip
    head = {key: [r[key] for r in results] for key in ("shortest run", "speaker", "curve")}
    return {"parameters": results[0]["parameters"], "sets": sets, **head}


def main() -> None:
    torch.set_num_threads(1)
    what = (__doc__ or "").split("\n")[0]
    with Run("speech", what, [NEEDS], ["torch"], steps=1 + 3 * (len(WAYS) + 4)) as run:
        strings_of: dict[str, Any] = {name: [] for name in WAYS}
        digits_of: dict[str, Any] = {}
        for seed in run.seeds:
            for name, way in WAYS.items():
                step = f"{name} {seed}"
                strings_of[name].append(
                    run.step(step, lambda w, s: on_strings(seed=s, **w), way, seed)
                )
            for kind in ("majority", "network"):
                for unseen in (False, True):
                    key = f"{kind}, {'unseen' if unseen else 'known'}"
                    found = run.step(f"digit {key} {seed}", on_digits, kind, seed, unseen)
                    digits_of.setdefault(key, []).append(found["right"])
        warped = run.step("digit warping", by_warping)
        (first, *_) = strings_of["CTC"]
        run.write({
            "settings": {"bands": M, "length": LENGTH, "hop": HOP, "noise": NOISE, "gap": GAP,
                         "units": WIDTH, "updates": UPDATES, "batch": N, "rate": SPEED,
                         "strings": STRINGS, "test strings": TEST, "speakers": speakers()},
            "digits": {"warping, known": warped["known"], "warping, unseen": warped["unseen"],
                       **{key: summary(values) for key, values in digits_of.items()}},
            "strings": {name: gathered(results) for name, results in strings_of.items()},
            "beam": first["beam"],
            "picture": first["picture"],
        })  # fmt: skip


if __name__ == "__main__":
    main()
