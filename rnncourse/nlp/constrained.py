r"""Writing under rules: before each token is chosen, those that would break a rule get score -∞.

A rule is a function ``allowed(t, prefix) → mask (V,)`` of bool: which tokens may come at place t,
after the tokens ``prefix`` (t,). :func:`masked` puts it around a model of
:mod:`rnncourse.nlp.decoding`, whose greedy, sampled and beam searches then keep the rule; there is
no second search here.

The softmax shares the probability of the forbidden tokens out among the allowed ones. What that
costs is :func:`cost`. A place where nothing is allowed is a dead end: :class:`DeadEnd` is raised,
nothing is taken back. Rules over single characters and a rhyme set of some size never meet one.

B rows, V vocabulary, U written tokens. Log-probabilities are in nats.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rnncourse._types import Array
from rnncourse.nlp.decoding import Step
from rnncourse.nn.functional import log_softmax

Allowed = Callable[[int, Array], Array]


class DeadEnd(ValueError):
    """The rules allow no token at a place."""


class Ruled(NamedTuple):
    """The state of a model under a rule."""

    prefix: Array  # (B, t) what each row has written
    inner: Any  # the model's own state


def masked(step: Step, allowed: Allowed) -> Step:
    """The model under a rule (eq-poetry-mask); give it the state that :func:`start` makes.

    >>> step = constrained.masked(model, allowed)
    >>> decoding.beam_search(step, constrained.start(state), FIRST, None, 24, width=4)

    The first token that a search lets the model read is no part of the prefix. Raises DeadEnd
    where nothing is allowed, and ValueError for a mask that is not (V,) of bool.
    """

    def ruled(tokens: Array, state: Ruled) -> tuple[Array, Ruled]:
        begun = _longer(state.prefix, tokens)
        scores, inner = step(tokens, state.inner)
        scores = np.asarray(scores)
        masks = np.stack([_mask(allowed, row, scores.shape[-1]) for row in begun])
        return np.where(masks, scores, -np.inf), Ruled(begun, inner)

    return ruled


def start(state: Any = None) -> Ruled:
    """The state of a masked model before its first token. Args: state: the model's own."""
    return Ruled(np.zeros((0, 0), np.int64), state)


def _longer(prefix: Array, tokens: Array) -> Array:
    """The prefixes with what was read last, which is not the token before the text."""
    if len(prefix) == 0:
        return np.zeros((len(tokens), 0), np.int64)
    return np.column_stack([prefix, np.asarray(tokens, np.int64)])


def _mask(allowed: Allowed, prefix: Array, V: int) -> Array:
    mask = np.asarray(allowed(len(prefix), prefix))
    if mask.shape != (V,) or mask.dtype != bool:
        raise ValueError(f"allowed returned {mask.dtype} of shape {mask.shape}; expected bool "
                         f"({V},)")  # fmt: skip
    if not mask.any():
        raise DeadEnd(f"the rules allow no token at place {len(prefix)}, after "
                      f"{prefix.tolist()}")  # fmt: skip
    return mask


def cost(scores: ArrayLike, tokens: Sequence[int], allowed: Allowed) -> Array:
    r"""Nats that a rule costs at each place of a text (eq-poetry-cost): :math:`-\ln m_t`.

    .. math:: m_t = \sum_{v\ \text{allowed}} p(v \mid w_{<t})

    Their sum is how much more probable the text is for the model under the rule than for the
    free one; it is never negative.

    Args:
        scores: (U, V) of the free model, those of row t before token t was known.
        tokens: (U,) the text, which keeps the rule.

    Raises DeadEnd as :func:`masked`; ValueError for another shape, or a text that breaks the rule.
    """
    scores, text = np.asarray(scores), np.asarray(tokens, np.int64)
    if scores.ndim != 2 or text.shape != scores.shape[:1]:
        raise ValueError(
            f"scores are {scores.shape}, tokens {text.shape}; expected (U, V) and (U,)"
        )
    masks = np.stack([_mask(allowed, text[:t], scores.shape[1]) for t in range(len(text))])
    if not (kept := masks[np.arange(len(text)), text]).all():
        raise ValueError(f"token {text[kept.argmin()]} at place {kept.argmin()} breaks the rule")
    logs = np.where(masks, log_softmax(scores), -np.inf)
    best = logs.max(axis=1)
    total: Array = best + np.log(np.exp(logs - best[:, None]).sum(axis=1))
    return np.maximum(0, -total) + 0.0  # no -0
