"""Every labelled equation of the cells, written out with plain Python floats, no arrays.

Each function below evaluates one equation of a page, number by number with `math`, at random
points, and compares it with what the package computes. One test compares the labels with
those on the pages: an equation that nobody evaluates fails.
"""

import ast
import functools
import math
import re
from pathlib import Path

import numpy as np
import pytest

from rnncourse.nn import cells, functional, gradcheck, initializers, layers

PAGES = Path(__file__).resolve().parents[2] / "book" / "en"
EQUATIONS = {}
N, D, H = 3, 4, 2


def equation(*labels):
    """Register the check of these equations."""

    def register(check):
        EQUATIONS.update(dict.fromkeys(labels, check))
        return check

    return register


def labels_on_pages(*stems):
    found = set()
    for stem in stems:
        page = PAGES / f"{stem}.md"
        if page.exists():
            found |= set(re.findall(r"\((eq-[a-z_-]+)\)", page.read_text("utf-8")))
    return found


# --- plain arithmetic ------------------------------------------------------------------


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def same(array, value):
    """Every entry of the array equals value(row, column), to rounding."""
    for index in np.ndindex(array.shape):
        assert math.isclose(array[index], value(*index), rel_tol=1e-11, abs_tol=1e-13), index


def lists(arrays):
    """Arrays as nested lists of Python floats."""
    return {name: a.tolist() for name, a in arrays.items()}


def inside(x, h, p, k):
    """Σ_d x_d W_x[d, k] + Σ_m h_m W_h[m, k] + b_k, for one row of the batch and one column."""
    from_x = sum(x[d] * p["W_x"][d][k] for d in range(D))
    from_h = sum(h[m] * p["W_h"][m][k] for m in range(H))
    return from_x + from_h + p["b"][k]


def draw(rng, init):
    """Random x, h, c and parameters, all numbers different, biases too."""
    params = {k: rng.standard_normal(p.shape) for k, p in init(rng, D, H).items()}
    x, h, c = (rng.standard_normal((N, size)) for size in (D, H, H))
    return x, h, c, params


def check_weights(grads, x, h, da_x, da_h):
    """∂L/∂W_x, ∂L/∂W_h and ∂L/∂b from the gradients inside the squashing functions."""
    same(grads["W_x"], lambda d, k: sum(x[n][d] * da_x[n][k] for n in range(N)))
    same(grads["W_h"], lambda m, k: sum(h[n][m] * da_h[n][k] for n in range(N)))
    same(grads["b"], lambda k: sum(da_x[n][k] for n in range(N)))


def check_products(dx, da, W_x):
    """∂L/∂x from the gradients inside the squashing functions."""
    same(dx, lambda n, d: sum(g * w for g, w in zip(da[n], W_x[d], strict=True)))


# --- the recurrent cell -------------------------------------------------------------------


def rnn_case(rng):
    x, h_prev, _, params = draw(rng, cells.rnn_init)
    h, cache = cells.rnn_step(x, h_prev, params)
    dh = rng.standard_normal((N, H))
    dx, dh_prev, grads = cells.rnn_step_backward(dh, cache, params)
    plain = lists({"x": x, "h_prev": h_prev, "h": h, "dh": dh, **params})
    plain["da"] = [[dh * (1 - h**2) for dh, h in zip(*rows, strict=True)]
                   for rows in zip(plain["dh"], plain["h"], strict=True)]  # fmt: skip
    return plain, h, dx, dh_prev, grads


@equation("eq-rnn-step")
def rnn_step(rng):
    v, h, *_ = rnn_case(rng)
    same(h, lambda n, j: math.tanh(inside(v["x"][n], v["h_prev"][n], v, j)))


@equation("eq-rnn-output")
def rnn_output(rng):
    params = {"W_y": rng.standard_normal((H, 5)), "b_y": rng.standard_normal(5)}
    hs = rng.standard_normal((N, H))
    v = lists({"h": hs, **params})
    same(
        layers.dense_forward(hs, params),
        lambda n, k: sum(v["h"][n][j] * v["W_y"][j][k] for j in range(H)) + v["b_y"][k],
    )


@equation("eq-rnn-xavier")
def rnn_xavier(rng):
    """The bound exactly, the variance within 3 %."""
    rows, columns = 300, 170
    W = initializers.xavier_uniform(rng, rows, columns)
    bound = math.sqrt(6 / (rows + columns))
    assert 0.999 * bound < max(map(max, W.tolist())) <= bound
    numbers = [w for row in W.tolist() for w in row]
    assert math.isclose(
        sum(w * w for w in numbers) / len(numbers), 2 / (rows + columns), rel_tol=0.03
    )


@equation("eq-rnn-da", "eq-rnn-dw")
def rnn_weights(rng):
    v, _, _, _, grads = rnn_case(rng)
    check_weights(grads, v["x"], v["h_prev"], v["da"], v["da"])


@equation("eq-rnn-dx")
def rnn_inputs(rng):
    v, _, dx, dh_prev, _ = rnn_case(rng)
    check_products(dx, v["da"], v["W_x"])
    check_products(dh_prev, v["da"], v["W_h"])


@equation("eq-rnn-check")
def rnn_check(rng):
    """The quotient itself, for L(w) = e^w, with the step that the package takes."""
    w = rng.standard_normal(1)
    eps, point = 1e-3, float(w[0])
    quotient = gradcheck.numeric_gradient(lambda: float(np.exp(w[0])), w, step=eps)[0]
    eps *= max(1.0, abs(point))
    expected = (math.exp(point + eps) - math.exp(point - eps)) / (2 * eps)
    assert math.isclose(quotient, expected, rel_tol=1e-10)


# --- long short-term memory ------------------------------------------------------------------


def lstm_case(rng):
    """What the package computes, and the same as plain floats; gate k is column k·H + j."""
    x, h_prev, c_prev, params = draw(rng, cells.lstm_init)
    (h, c), cache = cells.lstm_step(x, (h_prev, c_prev), params)
    dh, dc = rng.standard_normal((2, N, H))
    back = cells.lstm_step_backward((dh, dc), cache, params)
    v = lists({"x": x, "h_prev": h_prev, "c_prev": c_prev, "c": c, "dh": dh, "dc": dc, **params})
    v |= lists({name: getattr(cache, name) for name in "ifgo"})
    return v, h, c, cache, back


def lstm_gate(name, squash):
    """The check of one gate's equation."""

    def check(rng):
        v, _, _, cache, _ = lstm_case(rng)
        k = cells.LSTM_GATES.index(name) * H
        same(
            getattr(cache, name),
            lambda n, j: squash(inside(v["x"][n], v["h_prev"][n], v, k + j)),
        )

    return check


equation("eq-lstm-forget")(lstm_gate("f", sigmoid))
equation("eq-lstm-input")(lstm_gate("i", sigmoid))
equation("eq-lstm-candidate")(lstm_gate("g", math.tanh))
equation("eq-lstm-output")(lstm_gate("o", sigmoid))


@equation("eq-lstm-cell")
def lstm_cell(rng):
    v, _, c, *_ = lstm_case(rng)
    same(c, lambda n, j: v["f"][n][j] * v["c_prev"][n][j] + v["i"][n][j] * v["g"][n][j])


@equation("eq-lstm-state")
def lstm_state(rng):
    v, h, *_ = lstm_case(rng)
    same(h, lambda n, j: v["o"][n][j] * math.tanh(v["c"][n][j]))


def lstm_dc(v, n, j):
    """∂L/∂c_t in full: what arrives directly, and what arrives through h_t."""
    return v["dc"][n][j] + v["dh"][n][j] * v["o"][n][j] * (1 - math.tanh(v["c"][n][j]) ** 2)


def lstm_da(v, n):
    """The gradients inside the squashing functions of one row, in the order i, f, g, o."""
    blocks = {name: [] for name in cells.LSTM_GATES}
    for j in range(H):
        i, f, g, o = (v[name][n][j] for name in "ifgo")
        dc = lstm_dc(v, n, j)
        blocks["i"].append(dc * g * i * (1 - i))
        blocks["f"].append(dc * v["c_prev"][n][j] * f * (1 - f))
        blocks["g"].append(dc * i * (1 - g**2))
        blocks["o"].append(v["dh"][n][j] * math.tanh(v["c"][n][j]) * o * (1 - o))
    return [number for name in cells.LSTM_GATES for number in blocks[name]]


@equation("eq-lstm-dc", "eq-lstm-dcprev")
def lstm_cell_gradients(rng):
    """dc_prev is the full gradient times f: both equations in one number."""
    v, _, _, _, (_, (_, dc_prev), _) = lstm_case(rng)
    same(dc_prev, lambda n, j: lstm_dc(v, n, j) * v["f"][n][j])


@equation("eq-lstm-dgates", "eq-lstm-dw")
def lstm_weights(rng):
    v, _, _, _, (_, _, grads) = lstm_case(rng)
    da = [lstm_da(v, n) for n in range(N)]
    check_weights(grads, v["x"], v["h_prev"], da, da)


@equation("eq-lstm-dx")
def lstm_inputs(rng):
    v, _, _, _, (dx, (dh_prev, _), _) = lstm_case(rng)
    da = [lstm_da(v, n) for n in range(N)]
    check_products(dx, da, v["W_x"])
    check_products(dh_prev, da, v["W_h"])


@equation("eq-lstm-count")
def lstm_count(rng):
    params = cells.lstm_init(rng, D, H)
    assert sum(p.size for p in params.values()) == 4 * (D * H + H * H + H)


@equation("eq-lstm-path")
def lstm_path(rng):
    """Over a few steps with nothing arriving at h, dc is multiplied by f and nothing else."""
    _, _, _, params = draw(rng, cells.lstm_init)
    xs, zero = rng.standard_normal((N, 4, D)), np.zeros((N, H))
    steps = cells.unroll(cells.lstm_step, xs, (zero, zero), params)[2].steps
    dc = np.ones((N, H))
    for cache in reversed(steps[1:]):
        dc = cells.lstm_step_backward((zero, dc), cache, params)[1][1]
    gates = [cache.f.tolist() for cache in steps]
    same(dc, lambda n, j: gates[3][n][j] * gates[2][n][j] * gates[1][n][j])


@equation("eq-lstm-bias")
def lstm_bias(rng):
    """Weights of zero: after k steps σ(b_f)^k of the cell state is left."""
    k, bias = 5, float(rng.normal())
    params = cells.lstm_init(rng, D, H, forget_bias=bias)
    params |= {"W_x": 0 * params["W_x"], "W_h": 0 * params["W_h"]}
    state = np.zeros((N, H)), np.ones((N, H))
    _, (_, c), _ = cells.unroll(cells.lstm_step, np.ones((N, k, D)), state, params)
    same(c, lambda n, j: sigmoid(bias) ** k)


def page_functions(stem, *names):
    """Functions that a page defines in its code cells, ready to call."""
    text = (PAGES / f"{stem}.md").read_text("utf-8")
    found = {"np": np, "sigmoid": functional.sigmoid}
    for cell in re.findall(r"^```\{code-cell\}.*?\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        source = re.sub(r"\A(---\n[\s\S]*?\n---\n|(:.*\n)+)", "", cell)
        defined = [n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
        wanted = [n for n in defined if n.name in names]
        exec(compile(ast.Module(wanted, []), stem, "exec"), found)
    return [found[name] for name in names]


@equation("eq-lstm-peephole")
def lstm_peephole(rng):
    """The page's own step, with peepholes that are not zero; i, f, g from the same sums."""
    step, _ = page_functions("lstm", "peephole_step", "sums")
    x, h_prev, c_prev, params = draw(rng, cells.lstm_init)
    params |= {name: rng.standard_normal(H) for name in ("p_i", "p_f", "p_o")}
    v = lists({"x": x, "h_prev": h_prev, "c_prev": c_prev, **params})
    h, c = step(x, (h_prev, c_prev), params)

    def gate(name, seen, n, j):
        a = inside(v["x"][n], v["h_prev"][n], v, cells.LSTM_GATES.index(name) * H + j)
        return math.tanh(a) if name == "g" else sigmoid(a + v[f"p_{name}"][j] * seen)

    def new_c(n, j):
        i, f, g = (gate(name, v["c_prev"][n][j], n, j) for name in "ifg")
        return f * v["c_prev"][n][j] + i * g

    same(c, new_c)
    same(h, lambda n, j: gate("o", new_c(n, j), n, j) * math.tanh(new_c(n, j)))


@equation("eq-lstm-coupled")
def lstm_coupled(rng):
    """The page's own step, whose three blocks are f, g, o."""
    step, _ = page_functions("lstm", "coupled_step", "sums")
    x, h_prev, c_prev, params = draw(rng, cells.lstm_init)
    params = {name: p[..., H:] for name, p in params.items()}
    v = lists({"x": x, "h_prev": h_prev, "c_prev": c_prev, **params})
    _, c = step(x, (h_prev, c_prev), params)

    def new_c(n, j):
        f, g = (inside(v["x"][n], v["h_prev"][n], v, k * H + j) for k in (0, 1))
        return sigmoid(f) * v["c_prev"][n][j] + (1 - sigmoid(f)) * math.tanh(g)

    same(c, new_c)


# --- the gated recurrent unit --------------------------------------------------------------------


def gru_case(rng, before=False):
    """The same for the GRU, in either variant."""
    init = functools.partial(cells.gru_init, reset_after=not before)
    step = cells.gru_reset_before_step if before else cells.gru_step
    backward = cells.gru_reset_before_step_backward if before else cells.gru_step_backward
    x, h_prev, _, params = draw(rng, init)
    h, cache = step(x, h_prev, params)
    dh = rng.standard_normal((N, H))
    v = lists({"x": x, "h_prev": h_prev, "dh": dh, "r": cache.r, "z": cache.z, "n": cache.n})
    v |= lists(params)
    v["zero"] = [0.0] * max(D, H)
    return v, h, cache, backward(dh, cache, params)


def gru_gate(name):
    def check(rng):
        v, _, cache, _ = gru_case(rng)
        k = cells.GRU_GATES.index(name) * H
        same(
            getattr(cache, name),
            lambda n, j: sigmoid(inside(v["x"][n], v["h_prev"][n], v, k + j)),
        )

    return check


equation("eq-gru-reset")(gru_gate("r"))
equation("eq-gru-update")(gru_gate("z"))


def gru_inside(v, n, j):
    """h W_hn + b_hn of one row and unit: what the reset gate multiplies."""
    return sum(v["h_prev"][n][m] * v["W_h"][m][2 * H + j] for m in range(H)) + v["b_hn"][j]


@equation("eq-gru-candidate")
def gru_candidate(rng):
    v, _, cache, _ = gru_case(rng)

    def n_t(n, j):
        from_x = inside(v["x"][n], v["zero"], v, 2 * H + j)
        return math.tanh(from_x + v["r"][n][j] * gru_inside(v, n, j))

    same(cache.n, n_t)


@equation("eq-gru-before")
def gru_before(rng):
    v, _, cache, _ = gru_case(rng, before=True)

    def n_t(n, j):
        reset = [r * h for r, h in zip(v["r"][n], v["h_prev"][n], strict=True)]
        return math.tanh(inside(v["x"][n], reset, v, 2 * H + j))

    same(cache.n, n_t)


def gru_mixture(v, n, j):
    """(1 - z) n + z h_prev of one row and unit."""
    z = v["z"][n][j]
    return (1 - z) * v["n"][n][j] + z * v["h_prev"][n][j]


@equation("eq-gru-state")
def gru_state(rng):
    for before in (False, True):
        v, h, *_ = gru_case(rng, before)
        same(
            h,
            lambda n, j, v=v: (1 - v["z"][n][j]) * v["n"][n][j] + v["z"][n][j] * v["h_prev"][n][j],
        )


@equation("eq-gru-chung")
def gru_chung(rng):
    """Chung's state, z h̃ + (1 - z) h, is ours with the columns of z negated."""
    x, h_prev, _, params = draw(rng, cells.gru_init)
    z = cells.GRU_GATES.index("z") * H
    negated = {k: p.copy() for k, p in params.items()}
    for name in ("W_x", "W_h", "b"):
        negated[name][..., z : z + H] *= -1
    h, _ = cells.gru_step(x, h_prev, negated)
    _, cache = cells.gru_step(x, h_prev, params)
    v = lists({"z": cache.z, "n": cache.n, "h_prev": h_prev})
    same(h, lambda n, j: (1 - v["z"][n][j]) * v["h_prev"][n][j] + v["z"][n][j] * v["n"][n][j])


@equation("eq-gru-shares")
def gru_shares(rng):
    """The last memory from every candidate and the first memory, each with its share."""
    _, h0, _, params = draw(rng, cells.gru_init)
    T = 4
    xs = rng.standard_normal((N, T, D))
    _, last, cache = cells.unroll(cells.gru_step, xs, h0, params)
    z, new = ([getattr(step, name).tolist() for step in cache.steps] for name in "zn")

    def memory(n, j):
        gates = [z[t][n][j] for t in range(T)]
        written = [math.prod(gates[t + 1 :]) * (1 - gates[t]) * new[t][n][j] for t in range(T)]
        return math.prod(gates) * float(h0[n, j]) + sum(written)

    same(last, memory)


@equation("eq-gru-halflife")
def gru_halflife(rng):
    """A cell with a constant z and a candidate of zero halves its memory in k steps."""
    _, h0, _, params = draw(rng, cells.gru_init)
    k = 5
    z = 0.5 ** (1 / k)
    assert math.isclose(math.log(0.5) / math.log(z), k)
    params = {name: np.zeros_like(p) for name, p in params.items()}
    params["b"][H : 2 * H] = math.log(z / (1 - z))
    _, last, _ = cells.unroll(cells.gru_step, np.zeros((N, k, D)), h0, params)
    same(last, lambda n, j: float(h0[n, j]) / 2)


def gru_da(v, n):
    """Inside the squashing functions of one row: what meets x (r, z, n), and what meets h."""
    meets_x, meets_h = {name: [] for name in "rzn"}, []
    for j in range(H):
        r, z, new, h, dh = (v[name][n][j] for name in ("r", "z", "n", "h_prev", "dh"))
        da_n = dh * (1 - z) * (1 - new**2)
        meets_x["z"].append(dh * (h - new) * z * (1 - z))
        meets_x["n"].append(da_n)
        meets_x["r"].append(da_n * gru_inside(v, n, j) * r * (1 - r))
        meets_h.append(da_n * r)
    first = [number for name in "rz" for number in meets_x[name]]
    return first + meets_x["n"], first + meets_h


@equation("eq-gru-dgates", "eq-gru-dinside", "eq-gru-dw")
def gru_weights(rng):
    v, _, _, (_, _, grads) = gru_case(rng)
    da_x, da_h = zip(*(gru_da(v, n) for n in range(N)), strict=True)
    check_weights(grads, v["x"], v["h_prev"], da_x, da_h)
    same(grads["b_hn"], lambda j: sum(da_h[n][2 * H + j] for n in range(N)))


@equation("eq-gru-dx")
def gru_inputs(rng):
    v, _, _, (dx, dh_prev, _) = gru_case(rng)
    da_x, da_h = zip(*(gru_da(v, n) for n in range(N)), strict=True)
    check_products(dx, da_x, v["W_x"])

    def dh(n, m):
        through = sum(g * w for g, w in zip(da_h[n], v["W_h"][m], strict=True))
        return through + v["dh"][n][m] * v["z"][n][m]

    same(dh_prev, dh)


# --- the tests ---------------------------------------------------------------------


def test_every_labelled_equation_is_evaluated():
    assert labels_on_pages("rnn", "lstm", "gru") == set(EQUATIONS)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("label", sorted(EQUATIONS))
def test_equation(label, seed):
    EQUATIONS[label](np.random.default_rng(seed))
