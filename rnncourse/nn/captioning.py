r"""From a picture to a sentence: a convolutional network looks, and a decoder writes.

The **eyes** are layers of convolution, ReLU and max pooling. They leave a grid of G places, each
with F numbers that say what is there (eq-captioning-eyes). Where the design says so, row and
column of a place stand beside them as two numbers more. A dense layer with tanh makes the **keys**
of it (eq-captioning-keys), of the decoder's width. Their mean crosses the bridge and becomes the
decoder's first state (eq-captioning-bag): a bag, which has forgotten where anything was. A decoder
with attention also looks back at the keys, one by one (:mod:`rnncourse.nn.decoder`).

Without layers of convolution the pictures are taken as features that somebody else has computed.

N batch, Y, X, C rows, columns and channels of a picture, G places, U target time, V vocabulary, D
embedding, H width.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._arrays import check_counts
from rnncourse._types import Array, Params
from rnncourse.nn import attention, conv, layers
from rnncourse.nn._shapes import check_float
from rnncourse.nn.decoder import (
    DecoderCache,
    Design,
    StepState,
    check_design,
    decoder_backward,
    decoder_forward,
    decoder_init,
    decoder_step,
    output_of,
)
from rnncourse.nn.encoder import (
    BridgeCache,
    Model,
    bridge_backward,
    bridge_forward,
    bridge_init,
    check_ids,
)
from rnncourse.nn.functional import cross_entropy, relu, tanh_derivative
from rnncourse.nn.seq2seq import shift

Step = Callable[[ArrayLike, StepState], tuple[Array, StepState]]


class CaptionDesign(NamedTuple):
    """What kind of model it is; every function that needs to know takes it first."""

    decoder: Design  # "context": it knows the bag alone; "bahdanau" and "luong" look back
    places: bool = True  # row and column stand beside the features of each place
    pools: tuple[int, ...] = (2, 3)  # rows and columns that each layer's max pooling joins


class Captions(NamedTuple):
    """Pictures and their padded sentences: ``Captions(pictures, *text.pad(sentences))``."""

    pictures: Array  # (N, Y, X, C)
    target: Array  # (N, U) token numbers; the last real one of each row is the end token
    target_mask: Array  # (N, U) of ones, then zeros

    def take(self, rows: ArrayLike) -> "Captions":
        """These rows alone, without the columns that are padding in all of them."""
        pictures, target, mask = (part[np.asarray(rows)] for part in self)
        U = max(int(mask.any(axis=0).sum()), 1)
        return Captions(pictures, target[:, :U], mask[:, :U])


class CaptionerCache(NamedTuple):
    """What ``captioner_backward`` reads; ``weights`` is for the reader too."""

    eyes: "EyesCache"
    bridge: BridgeCache
    decoder: DecoderCache

    @property
    def weights(self) -> Array | None:
        """Where each step looked, (N, U, G), rows of the grid one after another; or None."""
        return self.decoder.weights


def captioner_init(
    rng: np.random.Generator,
    design: CaptionDesign,
    C: int,
    V: int,
    D: int,
    H: int,
    filters: Sequence[int] = (16, 32),
    dtype: DTypeLike = np.float64,
) -> Model:
    """Params of the parts: ``{"eyes": (…, …), "keys": …, "bridge": …, "decoder": …}``.

    Args:
        design: see :class:`CaptionDesign`.
        C: channels of a picture.
        V, D, H: tokens in the vocabulary, size of the embeddings, width of keys and decoder.
        filters: of 3 × 3, in each layer of convolution, one layer for each of the design's
            pools; () with pools () where the pictures are features already.

    Raises ValueError for an unknown design, sizes below 1, another number of layers than of
    pools, and a start or end token outside the vocabulary, or both the same.
    """
    check_counts(C=C, V=V, D=D, H=H)
    _check_design(design, V, len(filters))
    sizes = [C, *filters]
    eyes = tuple(
        conv.conv2d_init(rng, 3, before, after, dtype)
        for before, after in itertools.pairwise(sizes)
    )
    return {
        "eyes": eyes,
        "keys": layers.dense_init(rng, sizes[-1] + 2 * design.places, H, dtype),
        "bridge": bridge_init(rng, design.decoder.cell, H, dtype),
        "decoder": decoder_init(rng, design.decoder, V, D, H, dtype),
    }


# --- the eyes -----------------------------------------------------------------------


class EyesCache(NamedTuple):
    """What ``eyes_backward`` reads."""

    design: CaptionDesign
    layers: list[Any]  # of each layer: of convolution, what its ReLU let pass, of pooling
    shape: tuple[int, ...]  # of the grid (N, R, S, F)
    seen: Array  # (N, G, F), or F + 2 where the design has places
    keys: Array  # (N, G, H)


def eyes_forward(design: CaptionDesign, pictures: Array, params: Model) -> tuple[Array, EyesCache]:
    r"""The keys of a picture: what is where (eq-captioning-eyes, eq-captioning-keys).

    .. math::
        a_l &= \text{pool}(\max(0,\ a_{l-1} * W_l + b_l)) \\
        k_g &= \tanh([a_g;\ r_g;\ s_g] W + b)

    a₀ is the picture. r and s, row and column of place g, run from -1 to 1.

    Args:
        design: see :class:`CaptionDesign`.
        pictures: (N, Y, X, C).
        params: of :func:`captioner_init`.

    Returns keys (N, G, H), G = R S places of a grid of R rows and S columns, and the cache.

    Raises TypeError for what is no array of floats, ValueError where shapes do not fit.

    Source: Xu et al. (2015), section 3.1.1; coordinates as channels: Liu et al. (2018).
    """
    check_float("pictures", pictures)
    if pictures.ndim != 4 or 0 in pictures.shape:
        raise ValueError(f"pictures has shape {pictures.shape}; expected (N, Y, X, C), none empty")
    a, inner = pictures, []
    for layer, size in zip(params["eyes"], design.pools, strict=True):
        a, convolved = conv.conv2d_forward(a, layer)
        passes = a > 0
        a, pooled = conv.max_pool2d_forward(relu(a), size)
        inner.append((convolved, passes, pooled))
    N, R, S, F = a.shape
    seen = a.reshape(N, R * S, F)
    if design.places:
        where = np.broadcast_to(places(R, S).astype(a.dtype), (N, R * S, 2))
        seen = np.concatenate([seen, where], axis=2)
    keys = np.tanh(layers.dense_forward(seen, params["keys"]))
    return keys, EyesCache(design, inner, a.shape, seen, keys)


def eyes_backward(dkeys: Array, cache: EyesCache, params: Model) -> Model:
    """Gradients of :func:`eyes_forward`: of ``eyes`` and ``keys``. Nobody learns the pictures.

    Raises ValueError when ``dkeys`` has the wrong shape.
    """
    dseen, grads = layers.dense_backward(
        dkeys * tanh_derivative(cache.keys), cache.seen, params["keys"]
    )
    da = dseen[..., : cache.shape[3]].reshape(cache.shape)
    found: list[Params] = []
    for k in reversed(range(len(cache.layers))):
        layer, (convolved, passes, pooled) = params["eyes"][k], cache.layers[k]
        da = np.where(passes, conv.max_pool2d_backward(da, pooled), 0)
        if k == 0:  # what it reads are the pictures
            found.append(conv.conv2d_gradients(da, convolved, layer))
        else:
            da, of_layer = conv.conv2d_backward(da, convolved, layer)
            found.append(of_layer)
    return {"eyes": tuple(found[::-1]), "keys": grads}


def places(R: int, S: int) -> Array:
    """Row and column of each of R × S places, (R S, 2), from -1 to 1; 0 where there is one only.

    >>> places(2, 3)[:4]
    array([[-1., -1.],
           [-1.,  0.],
           [-1.,  1.],
           [ 1., -1.]])
    """
    along = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (R, S)]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=2).reshape(-1, 2)


# --- the whole model ------------------------------------------------------------------


def captioner_forward(
    design: CaptionDesign, batch: Captions, params: Model
) -> tuple[Array, CaptionerCache]:
    """Scores of each token, the tokens before it being given (teacher forcing).

    The first state is the bridge of the mean of the keys (eq-captioning-bag).

    Returns logits (N, U, V) and the cache, whose ``weights`` are (N, U, G).

    Raises:
        ValueError: a target that does not end with the end token at its last real step and
            nowhere before, a mask that is not ones and then zeros, a token outside the
            vocabulary, or shapes that do not fit.
        TypeError: token numbers are not integers, pictures not floats.
    """
    _check_target(design, batch, len(params["decoder"]["embedding"]["E"]))
    keys, seen = eyes_forward(design, batch.pictures, params)
    state, crossed = bridge_forward(_first(design, keys), params["bridge"])
    inputs = shift(np.where(batch.target_mask, batch.target, design.decoder.end),
                   design.decoder.start)  # fmt: skip
    logits, written = decoder_forward(design.decoder, inputs, state, params["decoder"], keys)
    return logits, CaptionerCache(seen, crossed, written)


def captioner_backward(dlogits: Array, cache: CaptionerCache, params: Model) -> Model:
    """The gradients of all parameters, in the form of ``params``.

    Raises ValueError when ``dlogits`` has the wrong shape.
    """
    dstate, dkeys, of_decoder = decoder_backward(dlogits, cache.decoder, params["decoder"])
    dbag, of_bridge = bridge_backward(dstate, cache.bridge, params["bridge"])
    keys = cache.eyes.keys
    # An LSTM's h and c both start from the bag.
    through = dbag[0] + dbag[1] if isinstance(dbag, tuple) else dbag
    dmean = np.repeat(through[:, None] / keys.shape[1], keys.shape[1], axis=1)
    grads = eyes_backward(dmean if dkeys is None else dkeys + dmean, cache.eyes, params)
    return grads | {"bridge": of_bridge, "decoder": of_decoder}


def loss_and_gradients(
    design: CaptionDesign, batch: Captions, params: Model
) -> tuple[float, Model]:
    """Mean cross-entropy of the real tokens, in nats, and its gradients.

    As :func:`rnncourse.nn.train.fit` wants it:

    >>> train.fit(params, lambda rows: captioning.loss_and_gradients(
    ...     design, data.take(rows), params), lambda: text.batches(N, 64, rng), epochs=10)

    Raises as :func:`captioner_forward`.
    """
    logits, cache = captioner_forward(design, batch, params)
    loss, dlogits = cross_entropy(logits, batch.target, batch.target_mask)
    return loss, captioner_backward(dlogits, cache, params)


def stepper(design: CaptionDesign, pictures: Array, params: Model) -> tuple[Step, StepState]:
    """The model as a writer about these pictures, for :mod:`rnncourse.nlp.decoding`.

    Args:
        pictures: (N, Y, X, C); N = 1 for :func:`rnncourse.nlp.decoding.beam_search`.

    Returns:
        ``step(tokens, state) → (scores, state)``, for B = N k texts, those about one picture
        beside each other, tokens (B,) and scores (B, V), and the first state, for B = N. A
        state's ``weights`` (B, G) say where the step looked, None without attention.

    Raises as :func:`eyes_forward`.
    """
    keys, _ = eyes_forward(design, pictures, params)
    first, _ = bridge_forward(_first(design, keys), params["bridge"])
    decoder, prepared = params["decoder"], None
    if design.decoder.attends:
        prepared = attention.prepare(design.decoder.score, keys, decoder["attention"])

    def step(tokens: ArrayLike, state: StepState) -> tuple[Array, StepState]:
        return decoder_step(
            design.decoder, np.asarray(tokens), state.state, decoder, prepared, output_of(first)
        )

    return step, StepState(first, None)


def _first(design: CaptionDesign, keys: Array) -> Any:
    """The bag, in the form of the cell's state."""
    bag = keys.mean(axis=1)
    return (bag, bag) if design.decoder.cell == "lstm" else bag


# --- checks ------------------------------------------------------------------------------


def _check_design(design: CaptionDesign, V: int, layers_of_convolution: int) -> None:
    check_design(design.decoder)
    if layers_of_convolution != len(design.pools):
        raise ValueError(f"filters has {layers_of_convolution} layers and the design's pools "
                         f"{len(design.pools)}; expected as many")  # fmt: skip
    start, end = design.decoder.start, design.decoder.end
    if not (0 <= start < V and 0 <= end < V and start != end):
        raise ValueError(f"start and end are tokens {start} and {end}; expected two different "
                         f"ones of the vocabulary's 0..{V - 1}")  # fmt: skip


def _check_target(design: CaptionDesign, batch: Captions, V: int) -> None:
    target, kept = check_ids("target", batch.target, batch.target_mask, V)
    if len(target) != len(batch.pictures):
        raise ValueError(f"{len(batch.pictures)} pictures and {len(target)} targets; expected as "
                         "many")  # fmt: skip
    if not (kept[:, 1:] <= kept[:, :-1]).all():
        raise ValueError("target_mask has rows with a 0 before a 1; expected ones, then zeros")
    last = np.arange(target.shape[1]) == kept.sum(axis=1)[:, None] - 1
    wrong = (((target == design.decoder.end) & kept) != last).any(axis=1) | ~kept[:, 0]
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"target row {row} is {target[row][kept[row]].tolist()}; expected tokens "
                         f"and then the end token {design.decoder.end}, once")  # fmt: skip
