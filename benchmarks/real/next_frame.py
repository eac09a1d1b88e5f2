"""The next frame of two digits that bounce between walls: a ConvLSTM, and ways without one.

Whoever saw nothing says the mean of all frames. Or the last frame is copied; or it is moved as a
whole by the shift that fits the last two frames best; or each place of it is moved by the shift
that fits best around it, which follows two things that go two ways, though not round a wall. The
strongest of these is a mixture of them, with weights that fit training films best: a squared error
rewards who hedges. The digits of the test are in no film of training. Errors are squared
differences, summed over the 256 pixels of a frame. For frames further ahead a network reads what
it predicted itself. Five minutes.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import time
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from torch import nn

from rnncourse.data import films

Array = np.ndarray
F, K = 24, 5  # filters; pixels along a filter's edge
UPDATES, N, T, RATE = 400, 16, 10, 0.004
TESTED, SEEN, AHEAD, KNOWN = (
    300,
    10,
    5,
    3,
)  # films, frames shown, frames ahead; asked from frame 4 on
REACH, WINDOW = 2, 5  # pixels that a digit goes at most; a window's edge
SHIFTS = [(a, b) for a in range(-REACH, REACH + 1) for b in range(-REACH, REACH + 1)]


def test() -> Array:
    """(TESTED, SEEN + AHEAD, 16, 16)"""
    return films.bouncing(np.random.default_rng(7), TESTED, SEEN + AHEAD, part="test")


def error(found: Array, truth: Array) -> float:
    """Summed over a frame's pixels, a mean over frames."""
    return float(np.square(found - truth).sum(axis=(-2, -1)).mean())


# --- without a network ------------------------------------------------------------------------


def shifted(frames: Array, by: tuple[int, int]) -> Array:
    """(N, 16, 16) moved by rows and columns; what comes in from outside is black."""
    found = np.zeros_like(frames)
    (a, b), (Y, X) = by, frames.shape[1:]
    found[:, max(a, 0) : Y + min(a, 0), max(b, 0) : X + min(b, 0)] = frames[
        :, max(-a, 0) : Y - max(a, 0), max(-b, 0) : X - max(b, 0)
    ]
    return found


def copied(before: Array, last: Array) -> Array:
    """The last frame again; before is not looked at."""
    return last


def moved(before: Array, last: Array) -> Array:
    """The whole frame once more by the shift that fits the last two best."""
    cost = np.array([np.square(shifted(before, by) - last).sum(axis=(1, 2)) for by in SHIFTS])
    best = cost.argmin(axis=0)
    return np.stack([shifted(one[None], SHIFTS[k])[0] for one, k in zip(last, best, strict=True)])


def moved_in_parts(before: Array, last: Array) -> Array:
    """Each place is moved by the shift that fits best in a window around it.

    Where two places arrive at one pixel, the brighter one is seen, as in the films.
    """
    fits = [uniform_filter(np.square(shifted(before, by) - last), (0, WINDOW, WINDOW))
            for by in SHIFTS]  # fmt: skip
    order = sorted(
        range(len(SHIFTS)), key=lambda k: np.abs(SHIFTS[k]).sum()
    )  # of equals the slower
    best = np.array(order)[np.array(fits)[order].argmin(axis=0)]
    found = np.zeros_like(last)
    for k, by in enumerate(SHIFTS):
        found = np.maximum(found, shifted(np.where(best == k, last, 0), by))
    return found


@cache
def mean_frame() -> Array:
    """(16, 16), of films of the digits for training."""
    found: Array = films.bouncing(np.random.default_rng(6), 500, SEEN).mean(axis=(0, 1))
    return found


def mean(before: Array, last: Array) -> Array:
    """The mean of all frames: what one says who saw nothing."""
    return np.broadcast_to(mean_frame(), last.shape)


SIMPLE = {"mean": mean, "copy": copied, "moved": moved, "moved in parts": moved_in_parts}


def asked(some: Array, name: str) -> tuple[list[Array], list[Array]]:
    """Predictions of one way: of each next frame, and 1 to AHEAD frames ahead after SEEN."""
    predict = SIMPLE[name]
    next_ones = [predict(some[:, t - 2], some[:, t - 1]) for t in range(KNOWN, SEEN)]
    before, last, far = some[:, SEEN - 2], some[:, SEEN - 1], []
    for _ in range(AHEAD):
        before, last = last, predict(before, last)
        far.append(last)
    return next_ones, far


def compared(some: Array, next_ones: list[Array], far: list[Array]) -> dict[str, Any]:
    each = [error(one, some[:, KNOWN + k]) for k, one in enumerate(next_ones)]
    return {"next": float(np.mean(each)),
            "ahead": [error(one, some[:, SEEN + k]) for k, one in enumerate(far)]}  # fmt: skip


def without(name: str) -> dict[str, Any]:
    return compared(test(), *asked(test(), name))


def mixed() -> dict[str, Any]:
    """All ways at once, each with a weight: least squares on training films, for each distance."""
    train = films.bouncing(np.random.default_rng(5), TESTED, SEEN + AHEAD)
    ways = {part: [asked(some, name) for name in SIMPLE] for part, some in
            (("train", train), ("test", test()))}  # fmt: skip
    found: list[list[Array]] = []
    for which, start in ((0, KNOWN), (1, SEEN)):
        found.append([])
        for k in range(len(ways["train"][0][which])):
            xs, ys = (np.stack([way[which][k] for way in ways[part]], axis=-1)
                      for part in ("train", "test"))  # fmt: skip
            weights = np.linalg.lstsq(xs.reshape(-1, len(SIMPLE)), train[:, start + k].ravel(),
                                      rcond=None)[0]  # fmt: skip
            found[-1].append(ys @ weights)
    return compared(test(), *found)


# --- the network ------------------------------------------------------------------------------


class Predictor(nn.Module):
    """``rnncourse.nn.conv_lstm`` in PyTorch, with a filter that reads h at its place."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(1 + F, 4 * F, K, padding="same")
        self.out = nn.Conv2d(F, 1, 1)
        with torch.no_grad():
            self.gates.bias[F : 2 * F] = 1.0  # gates i, f, g, o
            self.out.bias.fill_(-2.0)  # most pixels are black

    def forward(self, x: Any, state: Any) -> tuple[Any, Any]:
        """A frame (N, 1, 16, 16) → scores of the next one's pixels, state."""
        h, c = state
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        return self.out(h), (h, c)

    def start(self, count: int) -> Any:
        return (torch.zeros(count, F, films.BOARD, films.BOARD),) * 2


def learn(seed: int) -> tuple[Predictor, float]:
    """A network, and CPU seconds; the rate falls to nothing over the second half."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng, model, begin = np.random.default_rng(seed), Predictor(), time.process_time()
    adam = torch.optim.Adam(model.parameters(), RATE)
    for k in range(UPDATES):
        some = torch.tensor(films.bouncing(rng, N, T))
        state, losses = model.start(N), []
        for t in range(T - 1):
            scores, state = model(some[:, t, None], state)
            if t:  # one frame tells no motion
                losses.append(
                    nn.functional.binary_cross_entropy_with_logits(scores[:, 0], some[:, t + 1])
                )
        adam.zero_grad()
        sum(losses).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.param_groups[0]["lr"] = RATE * min(1, 2 - 2 * k / UPDATES)
        adam.step()
    return model, time.process_time() - begin


def trained(seed: int) -> dict[str, Any]:
    model, seconds = learn(seed)
    return {**predicted(model), "cpu seconds": round(seconds, 1),
            "parameters": sum(p.numel() for p in model.parameters())}  # fmt: skip


@torch.no_grad()
def predicted(model: Predictor) -> dict[str, Any]:
    """Errors as of :func:`without`."""
    some, next_ones, far = test(), [], []
    state = model.start(len(some))
    for t in range(SEEN):
        scores, state = model(torch.tensor(some[:, t, None]), state)
        if KNOWN <= t + 1 < SEEN:
            next_ones.append(scores.sigmoid()[:, 0].numpy())
    for _ in range(AHEAD):
        frame = scores.sigmoid()
        far.append(frame[:, 0].numpy())
        scores, state = model(frame, state)
    return compared(some, next_ones, far)


def over(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"next": summary([row["next"] for row in rows], 2),
            "ahead": [summary(list(some), 2)
                      for some in zip(*(row["ahead"] for row in rows), strict=True)]}  # fmt: skip


def main() -> None:
    what = "The next frame of two bouncing digits: a ConvLSTM, a copy, and motion by correlation."
    with Run("next_frame", what, (), ["scikit-learn", "scipy", "torch"], 8) as run:
        simple = {name: run.step(name, without, name) for name in SIMPLE}
        simple["mixed"] = run.step("mixed", mixed)
        rows = [run.step(f"seed {seed}", trained, seed) for seed in run.seeds]
        run.write({
            "settings": {"filters": F, "edge": K, "updates": UPDATES, "batch": N, "frames": T,
                         "rate": RATE, "tested": TESTED, "seen": SEEN, "known": KNOWN},
            "parameters": rows[0]["parameters"],
            "cpu seconds": summary([row["cpu seconds"] for row in rows], 1),
            **{name: over([one]) for name, one in simple.items()},
            "ConvLSTM": over(rows),
        })  # fmt: skip


if __name__ == "__main__":
    main()
