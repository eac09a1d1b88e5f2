"""The chapter on text generation: its data, its hand calculations, its functions beside PyTorch.

The page's functions are taken from its own cells, so that what is tested is what is read.
"""

import ast
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import load

from rnncourse import data, interop
from rnncourse.data import corpora
from rnncourse.nlp import sampling
from rnncourse.nlp.ngram import KneserNey, WittenBell
from rnncourse.nn import cells, functional, gradcheck, layers, optim, recurrent
from tools.notebooks.store import code_cells, convert

ROOT = Path(__file__).resolve().parents[2]

quick = settings(derandomize=True, deadline=None, max_examples=40)


def page_functions() -> dict:
    """The functions that the page defines, without running its cells."""
    scope = {"np": np, "math": math, "cells": cells, "layers": layers, "recurrent": recurrent,
             "functional": functional,
             "rng": np.random.default_rng(0), "KINDS": ("rnn", "lstm", "gru")}  # fmt: skip
    wanted = {"FORWARD", "BACKWARD", "lm_init", "lm_forward", "lm_gradients", "lm_costs", "mixed",
              "different", "perplexity"}  # fmt: skip
    for cell in code_cells(convert(ROOT / "book" / "en" / "language_model.md")):
        for node in ast.parse(cell.source).body:
            name = getattr(node, "name", None)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
            if name in wanted:
                exec(compile(ast.Module([node], []), "page", "exec"), scope)
    assert wanted <= set(scope)
    return scope


PAGE = page_functions()


# --- what the page says by hand ----------------------------------------------------------


def test_abracadabra():
    """After a came b, c, d, b: p(b) = (2 + 3 · 3/16)/7 = 41/112, p(r) = 9/112, p(a) = 18/112."""
    ids = ["abcdr".index(c) for c in "abracadabra"]
    p = WittenBell(2, 5).fit([ids]).probabilities([0])
    np.testing.assert_allclose(p * 112, [18, 41, 22, 22, 9])


def test_abracadabra_by_kneser_ney():
    """Of single tokens 0.4 and 0.15; after a came b, c, d, b: p(b) = (2 - 1 + 2 · 0.15)/4."""
    ids = ["abcdr".index(c) for c in "abracadabra"]
    model = KneserNey(2, 5).fit([ids])
    np.testing.assert_allclose(model.probabilities(), [0.4, *[0.15] * 4])
    np.testing.assert_allclose(model.probabilities([0]), [0.2, 0.325, 0.2, 0.2, 0.075])


def test_temperature_and_nucleus_of_two_one_zero():
    e = np.exp([2.0, 1.0, 0.0])
    np.testing.assert_allclose(sampling.temperature([2, 1, 0], 1), e / e.sum())
    np.testing.assert_allclose(sampling.temperature([2, 1, 0], 0.5), e**2 / (e**2).sum())
    kept = sampling.nucleus(e / e.sum(), 0.9)
    np.testing.assert_allclose(kept, [math.e / (math.e + 1), 1 / (math.e + 1), 0])


def test_the_two_texts_are_parallel_and_of_the_size_the_page_says():
    english, chinese = (corpora.course_prose(language) for language in ("en", "zh"))
    assert len(english) == len(chinese) == 377
    assert (sum(map(len, english)), sum(map(len, chinese))) == (53508, 18926)
    assert "\n" not in "".join(english + chinese)  # the page's mark of a paragraph's end


# --- the page's model ---------------------------------------------------------------------


@pytest.fixture(params=["rnn", "lstm", "gru"])
def case(request):
    """A kind, parameters in double precision, a chunk, and a state that is not zero."""
    rng = np.random.default_rng(7)
    params = PAGE["lm_init"](rng, request.param, 5, 3, 4, np.float64)
    state = PAGE["lm_forward"](request.param, params, rng.integers(0, 5, (2, 3)))[1]
    return request.param, params, rng.integers(0, 5, (2, 6)), state


def test_loss_and_gradients_equal_pytorch(case):
    """The same embedding, cell and output layer in torch.nn; the state goes in as it is."""
    torch = pytest.importorskip("torch")
    kind, params, chunk, state = case
    cell = interop.to_torch(kind, params["cell"])
    E = torch.tensor(params["embedding"]["E"], requires_grad=True)
    W = torch.tensor(params["output"]["W_y"], requires_grad=True)
    b = torch.tensor(params["output"]["b_y"], requires_grad=True)
    first = [torch.tensor(part)[None] for part in (state if kind == "lstm" else [state])]
    hs, _ = cell(E[torch.tensor(chunk[:, :-1])], tuple(first) if kind == "lstm" else first[0])
    logits = (hs @ W + b).flatten(0, 1)
    theirs = torch.nn.functional.cross_entropy(logits, torch.tensor(chunk[:, 1:]).flatten())
    theirs.backward()
    loss, grads, _ = PAGE["lm_gradients"](kind, params, chunk, state)
    assert loss == pytest.approx(theirs.item(), rel=1e-12)
    np.testing.assert_allclose(grads["embedding"]["E"], E.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(grads["output"]["W_y"], W.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(grads["output"]["b_y"], b.grad.numpy(), atol=1e-12)
    for name, grad in interop.gradients_from_torch(cell).items():
        np.testing.assert_allclose(grads["cell"][name], grad, atol=1e-12)


def test_a_planted_error_in_the_gradient_is_found(case):
    """Where a token stands twice its rows add up; with one of them lost the check fails."""
    kind, params, chunk, state = case
    chunk[:] = chunk[:1, :1]  # one token throughout
    right = PAGE["lm_gradients"](kind, params, chunk, state)[1]["embedding"]["E"]
    numeric = gradcheck.numeric_gradient(
        lambda: PAGE["lm_gradients"](kind, params, chunk, state)[0], params["embedding"]["E"]
    )
    assert gradcheck.relative_error(right, numeric) < 1e-7
    assert gradcheck.relative_error(right / chunk[:, 1:].size, numeric) > 0.1


def test_carried_pieces_cost_what_the_whole_costs(case):
    """Reading in pieces with the state is reading at once; forgetting is not."""
    kind, params, _, _ = case
    tokens = np.random.default_rng(1).integers(0, 5, 41)
    ys, _ = PAGE["lm_forward"](kind, params, tokens[None, :-1])
    whole = -functional.log_softmax(ys[0])[np.arange(40), tokens[1:]]
    np.testing.assert_allclose(PAGE["lm_costs"](kind, params, tokens), whole)
    forgetful = PAGE["lm_costs"](kind, params, tokens, reset=7)
    np.testing.assert_allclose(forgetful[:7], whole[:7])
    assert abs(forgetful - whole)[7:].max() > 1e-3


def test_costs_of_a_long_text_are_carried_over_the_page_s_pieces(case):
    """lm_costs reads 1,000 tokens at a time; the join is not seen."""
    kind, params, _, _ = case
    tokens = np.random.default_rng(2).integers(0, 5, 1101)
    ys, _ = PAGE["lm_forward"](kind, params, tokens[None, :-1])
    whole = -functional.log_softmax(ys[0])[np.arange(1100), tokens[1:]]
    np.testing.assert_allclose(PAGE["lm_costs"](kind, params, tokens), whole)


# --- mixtures, periods --------------------------------------------------------------------


@quick
@given(
    st.lists(st.tuples(st.floats(0.01, 9), st.floats(0.01, 9)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_a_mixture_lies_between_its_parts_and_costs_no_more_than_their_mean(pairs, share):
    """At each token between the two; on average no dearer than the parts' weighted mean."""
    costs = np.array(pairs).T
    found = PAGE["mixed"](costs, share)
    assert (found <= costs.max(0) + 1e-9).all()
    assert (found >= costs.min(0) - 1e-9).all()
    assert found.mean() <= (share * costs[0] + (1 - share) * costs[1]).mean() + 1e-9


@quick
@given(st.lists(st.integers(0, 3), max_size=6), st.lists(st.integers(0, 3), min_size=1, max_size=5))
def test_of_a_loop_no_more_pieces_are_different_than_it_is_long(before, loop):
    tail = ([*before, *loop * 300])[-300:]
    pieces = [tuple(tail[k : k + 8]) for k in range(293)]
    assert PAGE["different"](tail) * 293 == pytest.approx(len(set(pieces)))
    assert PAGE["different"](tail) * 293 <= len(loop) + 1e-9


def test_where_nothing_repeats_all_pieces_are_different():
    assert PAGE["different"](range(300)) == 1
    assert PAGE["different"]([*range(7), *range(7), *range(7)], 7) == pytest.approx(7 / 15)


# --- what was recorded -------------------------------------------------------------------


def test_both_records_of_witten_bell_agree():
    """The run that counts only, and those that trained networks beside their counts."""
    found = data.recorded("real_ngrams")
    rows = {name: found[name]["witten-bell"]["by n"] for name in found if name in (
        "time_machine", "shakespeare", "tang", "ptb")}  # fmt: skip
    assert len(rows) == 4
    old = data.recorded("real_time_machine")["baselines"]
    for name, value in old.items():
        assert rows["time_machine"][name[0]]["valid"] == pytest.approx(value, abs=1e-4)
    assert rows["shakespeare"] == data.recorded("real_shakespeare")["baselines"]["witten-bell"]
    old = data.recorded("real_tang")["baselines"]["witten-bell"]
    assert {n: row["test"] for n, row in rows["tang"].items()} == old
    for name, row in data.recorded("real_ptb")["baselines"].items():
        assert rows["ptb"][name[0]] == pytest.approx(row, abs=1e-4)


def test_the_recorded_n_is_chosen_where_the_page_says():
    """On what is held out of the training text, not on what is reported."""
    found = data.recorded("real_ngrams")
    for name, part, reported in (
        ("time_machine", "held out", "valid"),
        ("shakespeare", "valid", "test"),
        ("ptb", "valid", "test"),
    ):
        for row in found[name].values():
            best = min(row["by n"], key=lambda n: row["by n"][n][part])
            assert (str(row["best n"]), row["best"]) == (best, row["by n"][best][reported])
    for row in found["tang"].values():
        best = min(row["by n"], key=lambda n: row["by n"][n]["valid"]["bits"])
        assert (str(row["best n"]), row["best"]) == (best, row["by n"][best]["test"])


def test_the_run_that_counts_measures_as_the_run_that_trains(monkeypatch):
    """On 300 made-up words: the same perplexities; the n is chosen by the first measure."""
    pytest.importorskip("torch")
    ngrams = load("real/ngrams.py")
    rng = np.random.default_rng(0)
    parts = {part: rng.choice(9, 100, p=[0.6, *[0.05] * 8]) for part in ("train", "valid", "test")}
    monkeypatch.setattr(ngrams.ptb, "read", lambda: (parts, 9))
    assert ngrams.words("witten-bell", 3) == pytest.approx(ngrams.ptb.ngram(3), abs=1e-4)
    assert ngrams.words("kneser-ney", 3) != ngrams.words("witten-bell", 3)
    rows = {2: {"valid": 5.0, "test": 1.0}, 3: {"valid": 4.0, "test": 9.0}}
    assert ngrams.chosen(rows, "valid", "test") == {"by n": rows, "best n": 3, "best": 9.0}
    rows = {
        n: {"valid": {"bits": b, "other": -b}, "test": {"bits": n}} for n, b in ((1, 2), (2, 1))
    }
    assert ngrams.chosen(rows, "valid", "test")["best"] == {"bits": 2}


def test_how_many_signs_of_the_quatrains_are_stops():
    """A poem of fives: 4 · 5 characters, 4 stops, the final mark; of sevens 4 · 7 and 5."""
    for n, total in ((5, 25), (7, 33)):
        assert 4 * n + 4 + 1 == total
        poem = ("字" * n + "，" + "字" * n + "。") * 2 + "\n"
        assert (len(poem), sum(c in "，。\n" for c in poem)) == (total, 5)


# --- what a cooler temperature costs (the quiz) -------------------------------------------


def test_the_true_distribution_is_cheapest_at_temperature_one():
    """If the scores are right, any other temperature raises the expected cost."""
    y = np.random.default_rng(3).normal(size=6)
    p = functional.softmax(y)
    cost = {t: -(p * np.log(sampling.temperature(y, t))).sum() for t in (0.5, 0.8, 1, 1.3, 2)}
    assert min(cost, key=cost.get) == 1


def test_leaves_of_the_page_s_model_are_what_the_table_says():
    params = PAGE["lm_init"](np.random.default_rng(0), "gru", 7, 3, 4)
    shapes = {name: p.shape for name, p in optim.leaves(params).items()}
    assert {name.split(".")[-1]: shapes[name] for name in shapes if "cell" not in name} == {
        "E": (7, 3), "W_y": (4, 7), "b_y": (7,)}  # fmt: skip
    assert all(p.dtype == np.float32 for p in optim.leaves(params).values())
