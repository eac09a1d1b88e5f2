r"""Sequence to sequence: read a whole sequence, then write another one.

The **encoder** reads the source. Its last state crosses the **bridge** and becomes the first state
of the **decoder**, a language model of the target (:mod:`rnncourse.nn.encoder`,
:mod:`rnncourse.nn.decoder`). In training it reads the right tokens, one step late: teacher
forcing. Afterwards it reads what it has written: :func:`stepper` is the model as
:mod:`rnncourse.nlp.decoding` wants it, for any search.

N batch, T source time, U target time, V vocabulary, D embedding, H width of the decoder and of the
encoder's outputs. A target is its tokens and then the end token; the start token is never in it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from rnncourse._types import Array
from rnncourse.nn import attention
from rnncourse.nn.decoder import (
    DecoderCache,
    Design,
    StepState,
    decoder_backward,
    decoder_forward,
    decoder_init,
    decoder_step,
    output_of,
)
from rnncourse.nn.encoder import (
    BridgeCache,
    EncoderCache,
    Model,
    bridge_backward,
    bridge_forward,
    bridge_init,
    check_ids,
    encoder_backward,
    encoder_forward,
    encoder_init,
)
from rnncourse.nn.functional import cross_entropy

Step = Callable[[ArrayLike, StepState], tuple[Array, StepState]]


class Batch(NamedTuple):
    """Padded sources and targets: ``Batch(*text.pad(sources), *text.pad(targets))``."""

    source: Array  # (N, T) token numbers
    source_mask: Array  # (N, T) of 0 and 1
    target: Array  # (N, U) token numbers; the last real one of each row is the end token
    target_mask: Array  # (N, U) of ones, then zeros

    def take(self, rows: ArrayLike) -> "Batch":
        """These rows alone, without the columns that are padding in all of them."""
        parts = [part[np.asarray(rows)] for part in self]
        real = [np.flatnonzero(mask.any(axis=0)) for mask in parts[1::2]]
        (a, b), (c, d) = ((int(k[0]), int(k[-1]) + 1) if k.size else (0, 1) for k in real)
        return Batch(parts[0][:, a:b], parts[1][:, a:b], parts[2][:, c:d], parts[3][:, c:d])


class Seq2SeqCache(NamedTuple):
    """What ``seq2seq_backward`` reads; ``weights`` is for the reader too."""

    encoder: EncoderCache
    bridge: BridgeCache
    decoder: DecoderCache

    @property
    def weights(self) -> Array | None:
        """Where each step looked, (N, U, T); None without attention."""
        return self.decoder.weights


def seq2seq_init(
    rng: np.random.Generator,
    design: Design,
    V_source: int,
    V_target: int,
    D: int,
    H: int,
    bidirectional: bool = False,
    bridge: bool = True,
    dtype: DTypeLike = np.float64,
) -> Model:
    """Params of the three parts: ``{"encoder": …, "bridge": …, "decoder": …}``.

    Args:
        design: see :class:`rnncourse.nn.decoder.Design`.
        V_source, V_target: tokens in the two vocabularies.
        D: size of the embeddings.
        H: width of the decoder and of the encoder's outputs.
        bidirectional: the encoder has H / 2 units in each of two directions.
        bridge: a dense layer with tanh from last to first state; else that state itself.

    Raises ValueError for an unknown design, sizes below 1, an odd H for two directions, and a
    start or end token outside the target's vocabulary, or both the same.
    """
    for name in ("start", "end"):
        if not 0 <= getattr(design, name) < V_target:
            raise ValueError(f"{name} is token {getattr(design, name)}; the target's vocabulary "
                             f"has 0..{V_target - 1}")  # fmt: skip
    if design.start == design.end:
        raise ValueError(f"start and end are both token {design.end}; expected two tokens")
    return {
        "encoder": encoder_init(rng, design.cell, V_source, D, H, bidirectional, dtype),
        "bridge": bridge_init(rng, design.cell, H, dtype) if bridge else {},
        "decoder": decoder_init(rng, design, V_target, D, H, dtype),
    }


def shift(target: Array, start: int) -> Array:
    """What the decoder reads while it should write the target: the same, one step late.

    target (N, U) → (N, U): the start token, then all but the last token (eq-seq2seq-forcing).
    """
    return np.concatenate([np.full_like(target[:, :1], start), target[:, :-1]], axis=1)


def seq2seq_forward(design: Design, batch: Batch, params: Model) -> tuple[Array, Seq2SeqCache]:
    """Scores of each target token, the tokens before it being given (teacher forcing).

    Returns logits (N, U, V), also where the target is masked, and the cache, whose ``weights``
    are (N, U, T).

    Raises:
        ValueError: a source without a token, a target that does not end with the end token at
            its last real step and nowhere before, a mask of the target that is not ones and then
            zeros, a token outside its vocabulary, or shapes that do not fit.
        TypeError: token numbers are not integers.
    """
    target = _check_target(design, batch, len(params["decoder"]["embedding"]["E"]))
    hs, last, read = encoder_forward(
        design.cell, batch.source, params["encoder"], batch.source_mask
    )
    state, crossed = bridge_forward(last, params["bridge"])
    inputs = shift(target, design.start)
    logits, written = decoder_forward(
        design, inputs, state, params["decoder"], hs, batch.source_mask
    )
    return logits, Seq2SeqCache(read, crossed, written)


def seq2seq_backward(dlogits: Array, cache: Seq2SeqCache, params: Model) -> Model:
    """The gradients of all parameters, in the form of ``params``.

    The bridge is the only way from the decoder to the encoder, but for attention, whose
    gradient reaches each of the encoder's outputs. Raises ValueError for a wrong shape.
    """
    dstate, dkeys, of_decoder = decoder_backward(dlogits, cache.decoder, params["decoder"])
    dlast, of_bridge = bridge_backward(dstate, cache.bridge, params["bridge"])
    of_encoder = encoder_backward(dkeys, dlast, cache.encoder, params["encoder"])
    return {"encoder": of_encoder, "bridge": of_bridge, "decoder": of_decoder}


def loss_and_gradients(design: Design, batch: Batch, params: Model) -> tuple[float, Model]:
    """Mean cross-entropy of the real target tokens, in nats (eq-seq2seq-loss), and its gradients.

    As :func:`rnncourse.nn.train.fit` wants it:

    >>> train.fit(params, lambda rows: seq2seq.loss_and_gradients(
    ...     design, data.take(rows), params), lambda: text.batches(N, 64, rng), epochs=10)

    Raises as :func:`seq2seq_forward`.
    """
    logits, cache = seq2seq_forward(design, batch, params)
    loss, dlogits = cross_entropy(logits, batch.target, batch.target_mask)
    return loss, seq2seq_backward(dlogits, cache, params)


def stepper(
    design: Design, source: Array, params: Model, mask: Array | None = None
) -> tuple[Step, StepState]:
    """The model as a writer of these sources, for :mod:`rnncourse.nlp.decoding`.

    Args:
        source: (N, T) token numbers; (1, T) for :func:`rnncourse.nlp.decoding.beam_search`.
        mask: (N, T) of 0 and 1, or None.

    Returns:
        ``step(tokens, state) → (scores, state)``, for B = N k texts, those of one source beside
        each other, tokens (B,) and scores (B, V), and the first state, for B = N. A state's
        ``weights`` (B, T) say where the step looked, None without attention.

    Raises as :func:`rnncourse.nn.encoder.encoder_forward`.
    """
    hs, last, _ = encoder_forward(design.cell, source, params["encoder"], mask)
    first, _ = bridge_forward(last, params["bridge"])
    decoder, prepared = params["decoder"], None
    if design.attends:
        prepared = attention.prepare(design.score, hs, decoder["attention"], mask)

    def step(tokens: ArrayLike, state: StepState) -> tuple[Array, StepState]:
        return decoder_step(
            design, np.asarray(tokens), state.state, decoder, prepared, output_of(first)
        )

    return step, StepState(first, None)


def _check_target(design: Design, batch: Batch, V: int) -> Array:
    """The target (N, U), its end token where it is masked."""
    target, kept = check_ids("target", batch.target, batch.target_mask, V)
    if len(target) != len(batch.source):
        raise ValueError(f"{len(batch.source)} sources and {len(target)} targets; expected as many")
    if not (kept[:, 1:] <= kept[:, :-1]).all():
        raise ValueError("target_mask has rows with a 0 before a 1; expected ones, then zeros")
    last = np.arange(target.shape[1]) == kept.sum(axis=1)[:, None] - 1
    wrong = ((target == design.end) & kept) != last
    empty = ~kept.any(axis=1)
    if wrong.any() or empty.any():
        row = int(np.argmax(wrong.any(axis=1) | empty))
        raise ValueError(f"target row {row} is {target[row][kept[row]].tolist()}; expected tokens "
                         f"and then the end token {design.end}, once")  # fmt: skip
    return np.where(kept, target, design.end)
