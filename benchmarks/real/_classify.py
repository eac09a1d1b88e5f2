"""Networks that read a review and say its sentiment: one set of first weights, two libraries.

Embedding, dropout, a recurrent layer (or filters of several widths), what is kept of its states,
dropout, one number. Padding never counts: PyTorch packs its sequences, Keras has a mask.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from _reviews import Reviews
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnncourse import interop
from rnncourse.interop import convert
from rnncourse.nn import cells, functional, layers, optim

for _kind in ("INTRA", "INTER"):  # read by TensorFlow, which is imported where it is used
    os.environ.setdefault(f"TF_NUM_{_kind}OP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Array = np.ndarray
Params = dict[str, Any]
Say = Callable[[Array, Array], Array]  # padded numbers and mask (N, T) → logits (N,)
WIDTHS, NOTHING = (3, 5, 7), -1e9


class Setting(NamedTuple):
    """A network and how it is trained; the rate falls along half a cosine to zero."""

    kind: str  # "rnn", "lstm", "gru", or "cnn"
    keep: str  # of the states: the "last", or the "max" of each unit over time
    directions: int = 1
    H: int = 64  # units in a direction, or filters of each width
    dropout: float = 0.5  # of the embedded words
    output_dropout: float = 0.5
    rate: float = 2e-3
    epochs: int = 3
    N: int = 32
    clip: float = 1.0
    optimizer: str = "adam"  # or "descent", or "momentum": gradient descent without and with it


# --- the first weights ---------------------------------------------------------------------------


def init(s: Setting, E: Array, seed: int) -> Params:
    """Parameters in the course's form; the table of vectors (V, D) is copied."""
    rng, D = np.random.default_rng(seed), E.shape[1]
    params: Params = {"embedding": {"E": E.copy()}}
    if s.kind == "cnn":
        params["filters"] = {str(w): filters(rng, w, D, s.H) for w in WIDTHS}
        features = s.H * len(WIDTHS)
    else:
        make = getattr(cells, f"{s.kind}_init")
        both = tuple(make(rng, D, s.H, dtype=np.float32) for _ in range(s.directions))
        params["cell"] = both if s.directions == 2 else both[0]
        features = s.H * s.directions
    params["output"] = layers.dense_init(rng, features, 1, dtype=np.float32)
    return params


def filters(rng: np.random.Generator, width: int, D: int, F: int) -> Params:
    """Glorot's uniform start of a convolution: W (width, D, F), b (F,) zero."""
    bound = np.sqrt(6 / (width * (D + F)))
    W = rng.uniform(-bound, bound, (width, D, F)).astype(np.float32)
    return {"W": W, "b": np.zeros(F, np.float32)}


def updates(s: Setting, learn: Reviews) -> int:
    """In an epoch."""
    return -(-len(learn.rows) // s.N)


def size(params: Params) -> int:
    """How many numbers are learnt; PyTorch's second bias of each gate adds nothing new."""
    return sum(p.size for p in optim.leaves(params).values())


# --- PyTorch: packed sequences -------------------------------------------------------------------


class Network(nn.Module):
    """Padded word numbers and mask (N, T) → logits (N,); the mask's ones come first."""

    def __init__(self, s: Setting, params: Params) -> None:
        super().__init__()
        self.s = s
        E = torch.tensor(params["embedding"]["E"])
        self.embedding = nn.Embedding.from_pretrained(E, freeze=False, padding_idx=0)
        if s.kind == "cnn":
            self.filters = nn.ModuleList(self._filter(p) for p in params["filters"].values())
        else:
            self.cell = interop.to_torch(s.kind, params["cell"])
        W, b = torch.tensor(params["output"]["W_y"].T), torch.tensor(params["output"]["b_y"])
        self.output = nn.Linear(W.shape[1], 1)
        self.output.load_state_dict({"weight": W, "bias": b})

    @staticmethod
    def _filter(p: Params) -> nn.Module:
        width, D, F = p["W"].shape
        made = nn.Conv1d(D, F, width, padding="same")
        W = torch.tensor(p["W"].transpose(2, 1, 0).copy())
        made.load_state_dict({"weight": W, "bias": torch.tensor(p["b"])})
        return made

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.read(self.embedding(ids), mask)

    def read(self, xs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Logits (N,) from embedded words (N, T, D)."""
        xs = nn.functional.dropout(xs, self.s.dropout, self.training)
        kept = self.convolved(xs, mask) if self.s.kind == "cnn" else self.recurrent(xs, mask)
        kept = nn.functional.dropout(kept, self.s.output_dropout, self.training)
        return self.output(kept)[:, 0]

    def recurrent(self, xs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(xs, mask.sum(1), batch_first=True, enforce_sorted=False)
        hs, state = self.cell(packed)
        if self.s.keep == "last":
            h = state[0] if self.s.kind == "lstm" else state
            return h.transpose(0, 1).flatten(1)  # directions side by side
        hs, _ = pad_packed_sequence(hs, batch_first=True, padding_value=NOTHING)
        return hs.amax(1)

    def convolved(self, xs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        xs, nothing = xs.transpose(1, 2), (mask == 0)[:, None]
        found = [torch.relu(conv(xs)).masked_fill(nothing, NOTHING) for conv in self.filters]
        return torch.cat([one.amax(2) for one in found], 1)


def say_torch(model: Network, ids: Array, mask: Array) -> Array:
    model.eval()
    with torch.no_grad():
        return model(torch.tensor(ids), torch.tensor(mask)).numpy()


OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "descent": torch.optim.SGD,
    "momentum": partial(torch.optim.SGD, momentum=0.9),
}


@contextmanager
def no_denormals() -> Iterator[None]:
    """Numbers below 1e-38 are zero meanwhile, in the whole process.

    A gradient that vanishes over 256 steps gets that small, and processors many times slower.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def train_torch(s: Setting, params: Params, learn: Reviews, seed: int) -> Iterator[Say]:
    """After each epoch a function that classifies with the weights of that moment."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model, rng = Network(s, params), np.random.default_rng(seed)
    optimizer = OPTIMIZERS[s.optimizer](model.parameters(), s.rate)
    rate, k = optim.cosine(s.rate, s.epochs * updates(s, learn)), 0
    for _ in range(s.epochs):
        model.train()
        with no_denormals():
            for _, ids, mask, labels in learn.batches(s.N, rng):
                optimizer.param_groups[0]["lr"], k = rate(k), k + 1
                optimizer.zero_grad()
                logits = model(torch.tensor(ids), torch.tensor(mask))
                targets = torch.tensor(labels, dtype=torch.float32)
                nn.functional.binary_cross_entropy_with_logits(logits, targets).backward()
                nn.utils.clip_grad_norm_(model.parameters(), s.clip)
                optimizer.step()
        yield partial(say_torch, model)


# --- Keras: a mask -------------------------------------------------------------------------------


def keras_model(s: Setting, params: Params) -> Any:
    """The same network; the embedding layer makes the mask, 0 is padding."""
    import keras

    E = params["embedding"]["E"]
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(*E.shape, mask_zero=s.kind != "cnn")
    xs = keras.layers.Dropout(s.dropout)(embedding(ids))
    embedding.set_weights([E])
    kept = keras_filters(ids, xs, params) if s.kind == "cnn" else keras_recurrent(s, xs, params)
    kept = keras.layers.Dropout(s.output_dropout)(kept)
    output = keras.layers.Dense(1)
    logits = output(kept)
    output.set_weights([params["output"]["W_y"], params["output"]["b_y"]])
    return keras.Model(ids, logits)


def keras_recurrent(s: Setting, xs: Any, params: Params) -> Any:
    import keras

    make = getattr(keras.layers, convert.KERAS[s.kind][0])
    layer = make(s.H, return_sequences=s.keep == "max")
    if s.directions == 2:
        layer = keras.layers.Bidirectional(layer)
    hs = layer(xs)
    layer.set_weights(interop.to_keras(s.kind, params["cell"]).get_weights())
    return keras_max()(hs) if s.keep == "max" else hs


def keras_filters(ids: Any, xs: Any, params: Params) -> Any:
    """Convolutions know no mask: padding is made zero before, and left out after them."""
    import keras

    mask, found = keras.ops.not_equal(ids, 0), []
    xs = keras_max(fill=0.0, axis=None)(xs, mask=mask)
    for width, p in params["filters"].items():
        layer = keras.layers.Conv1D(p["b"].size, int(width), padding="same", activation="relu")
        found.append(keras_max()(layer(xs), mask=mask))
        layer.set_weights([p["W"], p["b"]])
    return keras.layers.Concatenate()(found)


def keras_max(fill: float = NOTHING, axis: int | None = 1) -> Any:
    """A layer: where the mask is 0 put ``fill``; then the largest of each unit over time.

    Keras' own GlobalMaxPooling1D does not look at the mask. With axis None there is no maximum.
    """
    import keras

    class Max(keras.layers.Layer):
        supports_masking = True

        def call(self, hs: Any, mask: Any = None) -> Any:
            hs = keras.ops.where(mask[..., None], hs, keras.ops.cast(fill, hs.dtype))
            return hs if axis is None else keras.ops.max(hs, axis=axis)

        def compute_mask(self, hs: Any, mask: Any = None) -> None:
            return None

    return Max()


def train_keras(s: Setting, params: Params, learn: Reviews, seed: int) -> Iterator[Say]:
    """The same in Keras."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    model, rng = keras_model(s, params), np.random.default_rng(seed)
    rate = keras.optimizers.schedules.CosineDecay(s.rate, s.epochs * updates(s, learn))
    model.compile(
        keras.optimizers.Adam(rate, epsilon=1e-8, global_clipnorm=s.clip),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    # Batches have lengths of their own: a signature without sizes, or each is compiled anew.
    signature = (tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None,), tf.float32))
    stream = tf.data.Dataset.from_generator(
        lambda: ((ids, labels) for _, ids, _, labels in learn.batches(s.N, rng)),
        output_signature=signature,
    ).apply(tf.data.experimental.assert_cardinality(updates(s, learn)))
    read = tf.function(partial(model, training=False), input_signature=signature[:1])
    for _ in range(s.epochs):
        model.fit(stream, epochs=1, verbose=0, shuffle=False)
        yield lambda ids, mask: read(ids.astype(np.int32)).numpy()[:, 0]


LIBRARIES = {"torch": train_torch, "keras": train_keras}

# --- asking --------------------------------------------------------------------------------------


def ask(say: Say, reviews: Reviews, size: int = 128) -> Array:
    """Logits (N,) of all reviews, in their order."""
    found = np.empty(len(reviews.rows))
    for which, ids, mask, _ in reviews.batches(size, None):
        found[which] = say(ids, mask)
    return found


def scores(logits: Array, labels: Array) -> dict[str, float]:
    """Over all reviews at once: the last batch is smaller than the others."""
    loss, _ = functional.binary_cross_entropy(logits, labels)
    return {"loss": float(loss), "accuracy": float(((logits > 0) == labels).mean())}


def best(epochs: list[dict[str, float]]) -> int:
    """Number of the epoch with the highest accuracy, from 0; of equals the first."""
    return int(np.argmax([epoch["accuracy"] for epoch in epochs]))


def best_epoch(run: dict[str, Any]) -> dict[str, float]:
    """Loss and accuracy on the held-out reviews, in the epoch that `trained` chose by them."""
    return run["epochs"][run["best"] - 1]


def trained(
    library: str, s: Setting, E: Array, parts: dict[str, Reviews], seed: int
) -> tuple[dict[str, Any], Array]:
    """A network's epochs, and its logits for the test reviews in the best of them.

    The best has the most right of the reviews held out of the training part; of equals the first.
    """
    params = init(s, E, seed)
    epochs: list[dict[str, float]] = []
    logits, begin, spent = np.empty(0), time.process_time(), 0.0
    for say in LIBRARIES[library](s, params, parts["learn"], seed):
        epochs.append(scores(ask(say, parts["choose"]), parts["choose"].labels))
        spent += time.process_time() - begin
        if best(epochs) == len(epochs) - 1:
            logits = ask(say, parts["test"])
        begin = time.process_time()  # the test is no part of the training
    return {
        "parameters": size(params),
        "epochs": epochs,
        "best": 1 + best(epochs),
        "cpu_seconds": spent,
    }, logits
