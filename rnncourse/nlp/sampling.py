"""From scores to text: temperature, top-k, nucleus, greedy choice and beam search.

A model is a function ``step(token, state) → (logits, state)``: it reads one token number and
returns the scores (V,) of the next token and its new state. ``state`` may be anything; None
means the beginning, and ``step`` must not change the state that it is given, since a beam goes
on from one state in several ways. Any library's model fits after a few lines.

V vocabulary. Probabilities stand in the last axis and sum to one. Of float16 they are float32:
half precision is too coarse for a sum over a vocabulary.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._arrays import check_counts, plain
from rnncourse._types import Array
from rnncourse.nn.functional import log_softmax, softmax

Step = Callable[[int, Any], tuple[ArrayLike, Any]]
Choose = Callable[[Array], int]
# A text of a beam: score, tokens, logits (None: not yet asked for), state.
Kept = tuple[float, tuple[int, ...], Any, Any]


# --- from scores to probabilities ----------------------------------------------------


def temperature(logits: ArrayLike, tau: float) -> Array:
    """softmax(logits / τ) over the last axis (eq-language_model-temperature).

    τ = 1 leaves the model's probabilities, a large τ makes all tokens alike, and τ = 0 is the
    limit of a small one: the best token has probability 1, the first of several best.
    Raises ValueError where τ is negative or no number, or a score is NaN or +∞ (-∞ forbids
    a token).
    """
    scores = _scores(logits)
    if not 0 <= tau < np.inf:
        raise ValueError(f"tau is {tau}; expected a number of at least 0")
    if tau < np.finfo(scores.dtype).tiny:  # a score divided by it could be no number
        return (np.arange(scores.shape[-1]) == scores.argmax(-1)[..., None]).astype(scores.dtype)
    with np.errstate(over="ignore"):  # a tiny τ makes -∞ of all but the best: as it should
        return softmax((scores - scores.max(-1, keepdims=True)) / tau)


def top_k(p: ArrayLike, k: int) -> Array:
    """The k most probable tokens, their probabilities made to sum to one again.

    Among equals the token with the lower number stays. p (..., V) → (..., V).
    Raises ValueError if k is below 1 or p is no probability. Source: Fan et al. (2018).
    """
    p = _probabilities(p)
    check_counts(k=k)
    return _keep(p, np.arange(p.shape[-1]) < k)


def nucleus(p: ArrayLike, mass: float) -> Array:
    """The fewest tokens whose probabilities reach ``mass`` together, made to sum to one.

    The most probable ones are taken first, so at least one stays (top-p sampling,
    eq-language_model-nucleus). p (..., V) → (..., V).
    Raises ValueError unless 0 < mass <= 1, or if p is no probability.
    Source: Holtzman et al. (2020).
    """
    p = _probabilities(p)
    if not 0 < mass <= 1:
        raise ValueError(f"mass is {mass}; expected 0 < mass <= 1")
    ordered = -np.sort(-p, axis=-1)
    before = np.cumsum(ordered, axis=-1) - ordered  # what the better tokens have already
    return _keep(p, before < mass)


def _keep(p: Array, kept: Array) -> Array:
    """Only the tokens on the kept ranks; ``kept`` is True or False for rank 0, 1, …"""
    order = np.argsort(-p, axis=-1, kind="stable")
    mask = np.zeros(p.shape, bool)
    np.put_along_axis(mask, order, np.broadcast_to(kept, p.shape), axis=-1)
    p = np.where(mask, p, 0)
    return p / p.sum(-1, keepdims=True)


def draw(p: ArrayLike, rng: np.random.Generator) -> Array:
    """A token number from each row of p (..., V), drawn with these probabilities → (...).

    Raises ValueError if p is no probability.
    """
    p = _probabilities(p)
    edges = np.cumsum(p, axis=-1)
    # Below the last edge: rounding may leave it short of 1. A token of probability 0 has no width.
    spot = rng.random(p.shape[:-1])[..., None] * edges[..., -1:]
    return (edges <= spot).sum(-1)


# --- from probabilities to text --------------------------------------------------------


def greedy(logits: ArrayLike) -> int:
    """The best token, the first of several best. Raises ValueError unless logits are (V,)."""
    return int(_scores(_of_one_text(logits)).argmax())


def sampler(
    rng: np.random.Generator, tau: float = 1.0, k: int | None = None, mass: float | None = None
) -> Choose:
    """A function that draws a token from scores: temperature, then top-k, then nucleus.

    ``k`` and ``mass`` are left out where None. Raises as those functions do, at once, and
    TypeError where rng is not a Generator.
    """
    if not hasattr(rng, "random"):
        raise TypeError(f"rng is {type(rng).__name__}; expected a numpy.random.Generator")

    def choose(logits: Array) -> int:
        p = temperature(_of_one_text(logits), tau)
        p = p if k is None else top_k(p, k)
        p = p if mass is None else nucleus(p, mass)
        return int(draw(p, rng))

    choose_probe = temperature(np.zeros(1), tau)  # a wrong argument shows here, not in a loop
    if k is not None:
        top_k(choose_probe, k)
    if mass is not None:
        nucleus(choose_probe, mass)
    return choose


def read(step: Step, prompt: Sequence[int], state: Any = None) -> tuple[Array, Any]:
    """Feed a prompt of token numbers; returns the scores (V,) after it, and the state.

    Raises ValueError if the prompt is empty: nothing would say what to begin with; and for
    more than one prompt at a time, or scores that are not (V,); TypeError for a prompt that is
    not of integers.
    """
    tokens = plain("prompt", prompt)
    if tokens.size == 0:
        raise ValueError("prompt is empty; give at least one token, such as the one that begins "
                         "a line or a document")  # fmt: skip
    if tokens.ndim != 1:
        raise ValueError(f"prompt has shape {tokens.shape}; expected (T,): for a batch, go "
                         "through its rows one by one")  # fmt: skip
    if tokens.dtype.kind not in "iu":
        raise TypeError(f"prompt is of {tokens.dtype}; expected token numbers: encode the text "
                        "first")  # fmt: skip
    logits: ArrayLike = ()
    for token in tokens.tolist():
        logits, state = step(token, state)
    return _of_one_text(logits), state


def generate(
    step: Step,
    prompt: Sequence[int],
    length: int,
    choose: Choose = greedy,
    state: Any = None,
    end: int | None = None,
) -> Array:
    """Let a model write: read the prompt, choose a token, feed it back, and so on.

    Args:
        step: the model, see the top of this module.
        prompt: at least one token number.
        length: how many tokens to write, at most.
        choose: scores (V,) → token number: ``greedy`` or a :func:`sampler`.
        state: where to begin; None for the model's own beginning.
        end: a token after which to stop; it is the last one of the result.

    Returns the new token numbers, without the prompt. Raises ValueError for a negative length,
    and as :func:`read`: one text at a time, without a batch axis.
    """
    check_counts(0, length=length)
    logits, state = read(step, prompt, state)
    tokens: list[int] = []
    while len(tokens) < length:
        if tokens:
            fresh, state = step(tokens[-1], state)
            logits = _of_one_text(fresh)
        tokens.append(operator.index(choose(logits)))
        if tokens[-1] == end:
            break
    return np.array(tokens, np.int64)


def beam_search(
    step: Step,
    prompt: Sequence[int],
    length: int,
    width: int,
    state: Any = None,
    end: int | None = None,
) -> list[tuple[Array, float]]:
    """The ``width`` best continuations found by keeping ``width`` of them at every step.

    Width 1 is greedy; V to the power of length finds the most probable text of all. A
    continuation that reached ``end`` is kept as it is. The score is the sum of the tokens'
    log-probabilities, which favours short continuations; divide by the length if you compare
    different ones.

    Returns pairs (token numbers, log-probability in nats), the most probable one first.
    Raises ValueError for a negative length or a width below 1, and as :func:`read`.
    """
    check_counts(0, length=length)
    check_counts(1, width=width)
    logits, state = read(step, prompt, state)
    beam: list[Kept] = [(0.0, (), logits, state)]
    for _ in range(length):
        found: list[Kept] = []
        for score, tokens, logits, state in beam:
            if tokens and tokens[-1] == end:
                found.append((score, tokens, logits, state))
            else:
                found += _longer(score, tokens, logits, state, width)
        found.sort(key=lambda item: -item[0])
        beam = [_advanced(step, *item, end=end) for item in found[:width]]
    return [(np.array(tokens, np.int64), score) for score, tokens, _, _ in beam]


def _longer(
    score: float, tokens: tuple[int, ...], logits: Array, state: Any, width: int
) -> list[Kept]:
    """The best ``width`` continuations by one token; None: not fed to the model yet."""
    gains = log_softmax(_scores(logits))
    best = np.argsort(-gains, kind="stable")[:width]
    return [(score + float(gains[i]), (*tokens, int(i)), None, state) for i in best
            if gains[i] > -np.inf]  # fmt: skip


def _advanced(
    step: Step, score: float, tokens: tuple[int, ...], logits: Any, state: Any, end: int | None
) -> Kept:
    """After the model has read the last token, unless it has or the text is at its end."""
    if logits is None and tokens[-1] != end:
        logits, state = step(tokens[-1], state)
        logits = _of_one_text(logits)
    return score, tokens, logits, state


# --- checks ------------------------------------------------------------------------------


def _of_one_text(logits: ArrayLike) -> Array:
    """Scores (V,): a batch axis would make one token number of all rows together."""
    found = plain("logits", logits)
    if found.ndim != 1:
        raise ValueError(f"the model's scores have shape {found.shape}; expected (V,): let step "
                         "return logits[0] where the model has a batch of one; texts are written "
                         "one at a time")  # fmt: skip
    return found


def _scores(logits: ArrayLike) -> Array:
    scores = plain("logits", logits)
    if scores.dtype.kind == "c":
        raise TypeError(f"logits has dtype {scores.dtype}; expected real numbers")
    scores = scores if scores.dtype.kind == "f" else scores.astype(np.float64)
    scores = scores.astype(np.float32) if scores.dtype == np.float16 else scores
    if scores.ndim == 0 or scores.shape[-1] == 0:
        raise ValueError(f"logits has shape {scores.shape}; expected (..., V), V at least 1")
    if not (scores.max(-1) < np.inf).all() or not (scores.max(-1) > -np.inf).all():
        raise ValueError("logits hold NaN or +inf, or forbid every token; did the training "
                         "diverge?")  # fmt: skip
    return scores


def _probabilities(p: ArrayLike) -> Array:
    dtype = getattr(p, "dtype", None)
    found = plain("p", p, None if dtype == np.float32 else np.float64)
    if found.ndim == 0 or found.shape[-1] == 0:
        raise ValueError(f"p has shape {found.shape}; expected (..., V), V at least 1")
    total = found.sum(-1, keepdims=True)
    if dtype == np.float16 and (np.abs(total - 1) < 0.01).all():
        found, total = (found / total).astype(np.float32), np.ones(1)  # three digits were left
    if not (found >= 0).all() or not np.allclose(total, 1, atol=1e-4):
        raise ValueError("p is no probability: expected numbers of at least 0 that sum to 1 over "
                         "the last axis; pass scores through temperature() first")  # fmt: skip
    return found
