"""A language model of the course's own layers: embedding, cells upon cells, a softmax.

Stateful truncated backpropagation: the text is cut into N streams, side by side; each update
reads the next T tokens of every stream and begins with the state that the last one left.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from rnncourse.nlp import sampling
from rnncourse.nn import cells, functional, layers, optim, train

Array = np.ndarray
INIT = {"rnn": cells.rnn_init, "lstm": cells.lstm_init, "gru": cells.gru_init}


def init(
    rng: np.random.Generator, kind: str, V: int, D: int, H: int, depth: int = 1
) -> dict[str, Any]:
    """Parameters in float32: E (V, D), ``depth`` cells of H units, an output layer (H, V)."""
    sizes = [D, *[H] * (depth - 1)]
    stack = [INIT[kind](rng, size, H, dtype=np.float32) for size in sizes]
    return {
        "embedding": layers.embedding_init(rng, V, D, np.float32),
        "stack": stack,
        "output": layers.dense_init(rng, H, V, np.float32),
    }


def forward(kind: str, params: dict[str, Any], ids: Array, states: Any = None) -> tuple:
    """Scores (N, T, V) for the token after each of ids (N, T), and the last states."""
    xs = layers.embedding_forward(ids, params["embedding"])
    hs, states, _ = layers.stacked_forward(kind, xs, states, params["stack"])
    return layers.dense_forward(hs, params["output"]), states


def loss_and_gradients(
    kind: str,
    params: dict[str, Any],
    ids: Array,
    states: Any = None,
    dropout: float = 0.0,
    rng: np.random.Generator | None = None,
    inputs: Array | None = None,
) -> tuple[float, dict[str, Any], Any]:
    """Mean loss in nats of predicting ids[:, 1:] from ids[:, :-1]; gradients; last states.

    ``dropout`` is that of Zaremba et al. (2014): below, between and above the layers.
    ``inputs`` are read instead of ids[:, :-1] where they are given.
    """
    inputs, targets = ids[:, :-1] if inputs is None else inputs, ids[:, 1:]
    xs, below = _drop(layers.embedding_forward(inputs, params["embedding"]), dropout, rng)
    hs, last, cache = layers.stacked_forward(
        kind, xs, states, params["stack"], dropout=dropout, rng=rng
    )
    hs, above = _drop(hs, dropout, rng)
    loss, dys = functional.cross_entropy(layers.dense_forward(hs, params["output"]), targets)
    dhs, output = layers.dense_backward(dys, hs, params["output"])
    dhs = dhs if above is None else layers.dropout_backward(dhs, above)
    dxs, _, stack = layers.stacked_backward(kind, dhs, None, cache, params["stack"])
    dxs = dxs if below is None else layers.dropout_backward(dxs, below)
    embedding = layers.embedding_backward(dxs, inputs, params["embedding"])
    return loss, {"embedding": embedding, "stack": stack, "output": output}, last


def _drop(xs: Array, rate: float, rng: np.random.Generator | None) -> tuple[Array, Array | None]:
    return layers.dropout_forward(xs, rate, rng) if rate else (xs, None)


def streams(ids: Array, N: int) -> Array:
    """The text as N streams side by side, (N, len // N); what does not fit is left out."""
    T = len(ids) // N
    return ids[: N * T].reshape(N, T)


def chunks(rows: Array, T: int) -> Iterator[Array]:
    """(N, T + 1) pieces, the last one maybe shorter; neighbours share one column."""
    for start in range(0, rows.shape[1] - 1, T):
        yield rows[:, start : start + T + 1]


def log_probabilities(kind: str, params: dict[str, Any], ids: Array, T: int = 500) -> Array:
    """log p of each token of a whole text but the first (T - 1,), in nats."""
    found, states = [], None
    for chunk in chunks(ids[None], T):
        logits, states = forward(kind, params, chunk[:, :-1], states)
        logs = functional.log_softmax(logits.astype(np.float64))
        found.append(chosen(logs, chunk)[0])
    return np.concatenate(found)


def chosen(log_p: Array, ids: Array) -> Array:
    """log p of the tokens that came: log_p (N, T, V), ids (N, T + 1) → (N, T)."""
    return np.take_along_axis(log_p, ids[:, 1:, None], -1)[..., 0]


def mean_loss(kind: str, params: dict[str, Any], ids: Array, T: int = 500) -> float:
    """Nats a token of a whole text read as one stream; its first token is given."""
    return -float(log_probabilities(kind, params, ids, T).mean())


def perplexity(nats: float) -> float:
    """e to the mean loss."""
    return math.exp(nats)


def bits(nats: float) -> float:
    """The mean loss in bits."""
    return nats / math.log(2)


# --- training ----------------------------------------------------------------------------


Gradients = Callable[[Any, Any], tuple[float, dict[str, Any], Any]]  # batch, state → …, state


def stream_batches(rows: Array, T: int) -> Iterator[tuple[Array, bool]]:
    """One pass over streams (N, …) for :func:`learn`: the state begins anew with the first."""
    for number, chunk in enumerate(chunks(rows, T)):
        yield chunk, number == 0


def learn(
    params: dict[str, Any],
    gradients: Gradients,
    batches: Callable[[], Iterable[tuple[Any, bool]]],
    validate: Callable[[], float],
    epochs: int,
    rate: float,
    clip: float,
) -> dict[str, Any]:
    """Adam under half a cosine; leaves the parameters of the epoch that ``validate`` likes best.

    ``batches()`` yields pairs: what ``gradients`` reads, and whether its state begins at zero;
    else it is the one that the batch before left. Returns losses in nats by epoch, the best
    one (from 1) and seconds of processor time.
    """
    state: Any = None

    def step(pair: tuple[Any, bool]) -> tuple[float, dict[str, Any]]:
        nonlocal state
        batch, fresh = pair
        loss, grads, state = gradients(batch, None if fresh else state)
        return loss, grads

    begin, updates = time.process_time(), sum(1 for _ in batches())
    schedule = optim.cosine(rate, epochs * updates)
    history = train.fit(params, step, batches, epochs, rate=schedule, clip=clip, validate=validate)
    return {
        "train": history.losses,
        "valid": history.validation,
        "best": history.best + 1,
        "cpu_seconds": time.process_time() - begin,
    }


# --- a network and an n-gram together --------------------------------------------------------


def mixed(network: Array, ngram: Array, weight: float) -> Array:
    """log(w p + (1 - w) q) of two models' log-probabilities of the same tokens."""
    if weight in (0, 1):
        return network if weight else ngram
    return np.logaddexp(network + math.log(weight), ngram + math.log(1 - weight))


def best_weight(network: Array, ngram: Array) -> float:
    """The network's weight, in steps of 0.05, under which these tokens are most probable."""
    weights = np.linspace(0, 1, 21).round(2).tolist()
    return max(weights, key=lambda weight: mixed(network, ngram, weight).mean())


# --- writing -------------------------------------------------------------------------------


def stepper(kind: str, params: dict[str, Any]) -> sampling.Step:
    """The model as :mod:`rnncourse.nlp.sampling` wants it."""

    def step(token: int, state: Any) -> tuple[Array, Any]:
        logits, state = forward(kind, params, np.array([[token]]), state)
        return logits[0, 0], state

    return step
