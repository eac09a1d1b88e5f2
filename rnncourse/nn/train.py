"""A training loop that fits on one screen, the history that it returns, and models in files.

It knows no model: the caller gives a function that returns a loss and gradients.
"""

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnncourse._progress import Bar
from rnncourse.nn import optim

Tree = Any


@dataclass
class History:
    """What happened during a training.

    losses: mean training loss of each epoch. validation: what ``validate`` returned after
    each epoch. norms: length of the gradient before clipping, at each update; rates: the
    learning rate there. best: the epoch, from 0, whose parameters are the ones left at the
    end. stopped: True where patience ran out.
    """

    losses: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    best: int = 0
    stopped: bool = False

    def curves(self) -> dict[str, list[float]]:
        """Losses by name, as :func:`rnncourse.plot.learning_curves` draws them."""
        found = {"training": self.losses, "validation": self.validation}
        return {name: values for name, values in found.items() if values}


def fit(
    params: Tree,
    gradients: Callable[[Any], tuple[float, Tree]],
    batches: Callable[[], Iterable[Any]],
    epochs: int,
    *,
    optimizer: str = "adam",
    rate: float | optim.Schedule = 1e-3,
    clip: float | None = None,
    validate: Callable[[], float] | None = None,
    patience: int | None = None,
    progress: bool | None = None,
) -> History:
    """Change ``params`` in place until the loss is small.

    Args:
        params: the arrays to train, in any nest that :func:`rnncourse.nn.optim.leaves` reads.
        gradients: batch → loss and gradients, in the form of ``params``.
        batches: called at the start of each epoch; returns that epoch's batches.
        epochs: how often to go through the batches, at most.
        optimizer: a name of ``optim.OPTIMIZERS``.
        rate: learning rate, or a schedule: number of the update → learning rate.
        clip: longest gradient allowed (:func:`rnncourse.nn.optim.clip_by_norm`), or None.
        validate: called after each epoch; returns a number that should fall. At the end
            ``params`` are those of the epoch where it was lowest.
        patience: stop after so many epochs without a new lowest value.
        progress: show a bar; None: where someone watches.

    Returns the :class:`History`.

    Raises:
        FloatingPointError: a loss, a gradient or a validation value is not finite; ``params``
            then hold what the last update made of them.
        ValueError: epochs or patience below 1, patience without validate, an unknown
            optimizer, an epoch without batches, gradients that do not fit.
    """
    init, step, schedule = _check(optimizer, rate, epochs, patience, validate)
    state, history, best = init(params), History(), {}
    limit = math.inf if clip is None else clip
    with Bar(epochs, progress) as bar:
        for epoch in range(epochs):
            losses = []
            for batch in batches():
                loss, grads = gradients(batch)
                losses.append(_finite(loss, f"loss in epoch {epoch}, update {len(history.rates)}"))
                history.norms.append(optim.clip_by_norm(grads, limit))
                history.rates.append(schedule(len(history.rates)))
                step(params, grads, state, history.rates[-1])
                bar.update(epoch, f"epochs, update {len(history.rates)}, loss {loss:.4g}")
            if not losses:
                raise ValueError(f"batches() returned no batch in epoch {epoch}")
            history.losses.append(float(np.mean(losses)))
            if validate:
                history.validation.append(_finite(validate(), f"validation in epoch {epoch}"))
                history.best = int(np.argmin(history.validation))
                if history.best == epoch:
                    best = {name: p.copy() for name, p in optim.leaves(params).items()}
                history.stopped = patience is not None and epoch - history.best >= patience
            bar.update(epoch + 1, f"epochs, loss {history.losses[-1]:.4g}")
            if history.stopped:
                break
    if validate:
        optim.restore(params, best)
    return history


def _check(
    optimizer: str,
    rate: float | optim.Schedule,
    epochs: int,
    patience: int | None,
    validate: Callable[[], float] | None,
) -> tuple[Callable[..., Any], Callable[..., None], optim.Schedule]:
    """Init and step of the optimiser, and the rate as a schedule."""
    if optimizer not in optim.OPTIMIZERS:
        raise ValueError(f"optimizer is {optimizer!r}; expected one of {list(optim.OPTIMIZERS)}")
    if epochs < 1 or (patience is not None and patience < 1):
        raise ValueError(f"epochs = {epochs}, patience = {patience}; expected at least 1")
    if patience is not None and validate is None:
        raise ValueError("patience needs validate: early stopping watches its value")
    return *optim.OPTIMIZERS[optimizer], rate if callable(rate) else optim.constant(rate)


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise FloatingPointError(f"the {what} is {value}; params hold what the last update made "
                                 "of them. Lower the rate, or clip the gradients")  # fmt: skip
    return float(value)


# --- a model in a file -----------------------------------------------------------

# The entry of the archive that says how its arrays are nested and what else belongs to them; and
# how the arrays' names begin, so that none can be mistaken for it.
ABOUT, PARAMS = "rnncourse", "params."


def save(path: str | Path, params: Tree, **settings: Any) -> None:
    """Write a model into one file, which :func:`load` reads again, on any machine.

    >>> train.save("model.npz", params, vocabulary=list(vocabulary), H=64)

    Args:
        path: the file, whose name ends in .npz. It is written whole or not at all.
        params: arrays in any nest of dicts, lists and tuples.
        settings: what else is needed to use the model, as JSON has it: text, numbers, lists,
            dicts, such as the vocabulary, or the mean that was taken off.

    The file is NumPy's own archive; settings and nest are JSON in it. Nothing is pickled.
    Raises ValueError for another ending, TypeError for a setting that JSON does not keep as it
    is (a tuple, an array, a dict whose keys are numbers) and for what is no nest of arrays.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"path is {str(path)!r}; expected a name that ends in .npz")
    for name, value in settings.items():
        if not _is_json(value):
            raise TypeError(f"{name} is {value!r:.80}, which JSON does not keep as it is; expected "
                            "text, numbers, lists, or dicts with text as keys")  # fmt: skip
    about = json.dumps({"nest": _nest(params, ""), "settings": settings}, ensure_ascii=False)
    part = Path(f"{path}.part")
    arrays: dict[str, Any] = {ABOUT: np.array(about)}
    arrays |= {f"{PARAMS}{name}": p for name, p in optim.leaves(params).items()}
    with part.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(part, path)


def load(path: str | Path) -> tuple[Tree, dict[str, Any]]:
    """Read what :func:`save` wrote: the params in their nest, and the settings.

    Raises FileNotFoundError where there is no file, ValueError for a file that :func:`save` did
    not write, or that is damaged.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            about = json.loads(str(archive[ABOUT]))
            arrays = {name.removeprefix(PARAMS): archive[name] for name in archive.files}
        return _filled(about["nest"], arrays), about["settings"]
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is no model that train.save wrote, or it is damaged: "
                         f"{type(error).__name__}: {error}") from error  # fmt: skip


def _is_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False)) == value)
    except (TypeError, ValueError):
        return False


def _nest(tree: Tree, name: str) -> Any:
    """The nest with each array's name in its place; {"tuple": […]} tells a tuple from a list."""
    if isinstance(tree, Mapping):
        return {"dict": {k: _nest(v, f"{name}.{k}" if name else str(k)) for k, v in tree.items()}}
    if isinstance(tree, list | tuple):
        items = [_nest(v, f"{name}.{k}" if name else str(k)) for k, v in enumerate(tree)]
        return {"tuple" if isinstance(tree, tuple) else "list": items}
    return name


def _filled(nest: Any, arrays: Mapping[str, np.ndarray]) -> Tree:
    if isinstance(nest, str):
        return arrays[nest]
    if "dict" in nest:
        return {key: _filled(part, arrays) for key, part in nest["dict"].items()}
    items = [_filled(part, arrays) for part in nest.get("list", nest.get("tuple"))]
    return tuple(items) if "tuple" in nest else items
