"""The network that watches small films in the page `video`, in eight bits a weight.

It learns from handwritten digits that move over a board without edges, change their motion now and
then, pause and skip; some frames are left out. It is tested on digits that it has never seen and on
the page's drawn shapes, none of which it has ever seen, and on films backwards, shuffled, with
every second frame, with gaps, and on a single frame. Beside each stands the best that anything can
do there. Beside the record stands the network itself, live_films.json. Five minutes.
"""

from _common import Run, summary  # isort: skip  (sets the number of threads)

import time
from typing import Any

import numpy as np
import torch
from torch import nn

from rnncourse import interop
from rnncourse.data import films
from rnncourse.widgets import watcher, weights

Array = np.ndarray
FIRST, SECOND, H, K = 12, 32, 32, 5  # filters, filters, units, pixels along a filter's edge
UPDATES, N, T, RATE = 1500, 32, 10, 0.003
CHANGE, PAUSE, SKIP, LOST = 0.12, 0.1, 0.25, 0.15  # how often, see walked
TESTED, LENGTH, SEEDS = (
    1000,
    10,
    (0, 1, 2),
)  # films of the test, frames; the page has the first seed
AFTER = (1, 2, 4, LENGTH)  # frames
STEPS = np.array(list(films.STEPS.values()))
TURNS = films.CLASSES.index("clockwise")  # from here on a step is one step


def walked(rng: np.random.Generator, N: int, T: int) -> tuple[Array, Array]:
    """States (N, T, 3) of things whose motion changes now and then, and the motion (N, T).

    Before a step the motion is drawn anew with probability CHANGE, and with PAUSE the thing stays
    where it is; in a SKIP of the films it goes by two pixels. Of each film's frames a LOST part is
    left out, which is the same as a mask: the state waits.
    """
    longer = int(np.ceil(T / (1 - LOST)))
    label, wide = rng.integers(0, len(STEPS), N), 1 + (rng.random(N) < SKIP)
    state = rng.integers(0, (films.BOARD, films.BOARD, 4), (N, 3))
    states, labels = [state], [label]
    for _ in range(longer - 1):
        new = rng.random(N) < CHANGE
        label = np.where(new, rng.integers(0, len(STEPS), N), label)
        wide = np.where(new, 1 + (rng.random(N) < SKIP), wide)
        far = np.where(label >= TURNS, 1, wide) * (rng.random(N) >= PAUSE)
        state = state + far[:, None] * STEPS[label]
        states.append(state)
        labels.append(label)
    kept = np.sort(rng.permuted(np.tile(np.arange(longer), (N, 1)), axis=1)[:, :T], axis=1)
    rows = np.arange(N)[:, None]
    return np.stack(states, 1)[rows, kept], np.stack(labels, 1)[rows, kept]


def batch(rng: np.random.Generator, pictures: Array) -> tuple[Array, Array]:
    """Films (N, T, 16, 16), half of them of black and white alone, and labels (N, T)."""
    states, labels = walked(rng, N, T)
    drawn = pictures[rng.integers(0, len(pictures), N)]
    flat = rng.random(N) < 0.5
    drawn[flat] = drawn[flat] > 0.4
    return films.show_states(drawn, states), labels


class Net(nn.Module):
    """What :class:`rnncourse.widgets.watcher.Watcher` computes, to be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, FIRST, K), nn.Conv2d(FIRST, SECOND, K)
        self.cell = nn.GRU(SECOND, H, batch_first=True)
        self.output = nn.Linear(H, len(STEPS))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (N, T, 16, 16) → scores (N, T, classes)."""
        before = torch.cat([frames[:, :1], frames[:, :-1]], dim=1)
        pairs = torch.stack([frames, before], dim=2).flatten(0, 1)
        more = (K - 1) * (1 + watcher.POOL)
        whole = nn.functional.pad(pairs, (0, more, 0, more), mode="circular")
        found = nn.functional.max_pool2d(torch.relu(self.first(whole)), watcher.POOL)
        found = torch.relu(self.second(found)).amax(dim=(2, 3))
        return self.output(self.cell(found.unflatten(0, frames.shape[:2]))[0])

    def params(self) -> dict[str, Any]:
        filters = {name: {"W": flat(getattr(self, name).weight), "b": vector(getattr(self, name))}
                   for name in ("first", "second")}  # fmt: skip
        output = {"W_y": self.output.weight.detach().numpy().T, "b_y": vector(self.output)}
        return {**filters, "cell": interop.from_torch(self.cell), "output": output}


def flat(weight: torch.Tensor) -> Array:
    """(F, C, K, K), as PyTorch has it, to (K·K·C, F)."""
    return weight.detach().permute(2, 3, 1, 0).flatten(0, 2).numpy()


def vector(layer: Any) -> Array:
    found: Array = layer.bias.detach().numpy()
    return found


def learn(seed: int) -> tuple[Net, float]:
    """A network, and CPU seconds; the rate falls to nothing over the second half."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    rng, model, pictures = np.random.default_rng(seed), Net(), films.things("digits")
    adam, begin = torch.optim.Adam(model.parameters(), RATE), time.process_time()
    for k in range(UPDATES):
        frames, labels = batch(rng, pictures)
        scores = model(torch.tensor(frames)).flatten(0, 1)
        loss = nn.functional.cross_entropy(scores, torch.tensor(labels).flatten())
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.param_groups[0]["lr"] = RATE * min(1, 2 - 2 * k / UPDATES)
        adam.step()
    return model, time.process_time() - begin


# --- measuring ---------------------------------------------------------------------------------


def packed(model: Net) -> dict[str, Any]:
    return {"classes": list(films.CLASSES), "weights": weights.pack(model.params())}


def unseen(kind: str) -> tuple[Array, Array]:
    return films.films(np.random.default_rng(7), TESTED, LENGTH, kind, "test", films.CLASSES)


def after(network: dict[str, Any], kind: str) -> dict[str, float]:
    """Share of films named rightly after so many frames, by the network in eight bits."""
    model, (some, labels) = watcher.Watcher(network, np.float32), unseen(kind)
    said = np.array([model.watch(one).argmax(axis=1) for one in some])
    return {str(t): float((said[:, t - 1] == labels).mean()) for t in AFTER}


def by_motion(network: dict[str, Any], kind: str) -> dict[str, float]:
    """Of each class the share named rightly after all frames."""
    model, (some, labels) = watcher.Watcher(network, np.float32), unseen(kind)
    said = np.array([model.watch(one)[-1].argmax() for one in some])
    return {name: float((said[labels == k] == k).mean()) for k, name in enumerate(films.CLASSES)}


def truth_of(change: str, label: int) -> int:
    """Of a film backwards the opposite is true."""
    name = films.CLASSES[label]
    return films.CLASSES.index(films.OPPOSITE[name] if change == "backwards" else name)


def under(network: dict[str, Any], change: str) -> float:
    """Share named rightly after the last frame of a changed film of unseen digits."""
    model, rng = watcher.Watcher(network, np.float32), np.random.default_rng(8)
    some, labels = unseen("digits")
    good = []
    for one, label in zip(some, labels, strict=True):
        order, seen = watcher.changed(change, LENGTH, rng)
        good.append(model.watch(one[order], seen)[-1].argmax() == truth_of(change, label))
    return float(np.mean(good))


def best() -> dict[str, float]:
    """The most that anything can do on each change, if every film is of one motion: exact.

    With gaps all can be told by who knows when each frame was: nine steps lie between the first and
    the last, an odd number, so that some gap is odd too, and no turn by an odd number of quarters
    looks the same either way. The network isn't told how many frames are missing.
    """
    K = len(films.CLASSES)
    return {
        "as it was": 1.0,
        "backwards": 1.0,
        "gaps": 1.0,
        "one frame": 1 / K,
        "shuffled": films.bag_bound(films.CLASSES),
        "every second": (K - 1) / K,
    }  # a half turn is the same either way


def measured(network: dict[str, Any]) -> dict[str, Any]:
    return {"digits": after(network, "digits"), "shapes": after(network, "shapes"),
            "changes": {change: under(network, change) for change in watcher.CHANGES},
            "motions": by_motion(network, "shapes")}  # fmt: skip


def in_float32(model: Net) -> float:
    """Share of films of unseen digits named rightly after all frames, before eight bits."""
    some, labels = unseen("digits")
    with torch.no_grad():
        said = model(torch.tensor(some))[:, -1].argmax(dim=1).numpy()
    return float((said == labels).mean())


def trained(seed: int) -> dict[str, Any]:
    model, seconds = learn(seed)
    network = packed(model)
    return {"network": network, "cpu seconds": round(seconds, 1), "float32": in_float32(model),
            "parameters": sum(p.numel() for p in model.parameters()),
            **measured(network)}  # fmt: skip


def over(rows: list[dict[str, Any]], part: str) -> dict[str, Any]:
    return {name: summary([row[part][name] for row in rows]) for name in rows[0][part]}


def main() -> None:
    what = "A network that watches small films in the page: what it names rightly, in eight bits."
    with Run("live_films", what, packages=["scikit-learn", "torch"], steps=len(SEEDS)) as run:
        rows = [run.step(f"seed {seed}", trained, seed) for seed in SEEDS]
        shown = rows[0]
        right = {kind: round(shown[kind][str(LENGTH)], 3) for kind in ("digits", "shapes")}
        network = shown["network"] | {"right": right}
        run.write({"network": network}, "live_films")
        run.write({
            "settings": {"filters": [FIRST, SECOND], "edge": K, "units": H, "batch": N, "frames": T,
                         "updates": UPDATES, "rate": RATE, "tested": TESTED, "length": LENGTH},
            "parameters": shown["parameters"], "bytes": weights.size(network),
            "cpu seconds": summary([row["cpu seconds"] for row in rows], 1),
            "float32": summary([row["float32"] for row in rows]),
            **{part: over(rows, part) for part in ("digits", "shapes", "changes", "motions")},
            "best": best(),
        })  # fmt: skip


if __name__ == "__main__":
    main()
