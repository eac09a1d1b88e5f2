"""Why order matters: the party data, the drawing of problem shapes, and the exercises."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from rnncourse import data, grading, plot


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def party(N=60, T=5, V=9, seed=0):
    return data.load("who_first", rng=np.random.default_rng(seed), N=N, T=T, V=V)


# --- tasks.who_first --------------------------------------------------------------------------


def test_party_of_two_by_hand():
    """T = V = 2 leaves two lists: 0 1 is labelled 1, and 1 0 is labelled 0."""
    guests, labels = party(N=2, T=2, V=2)
    assert {(*row, label) for row, label in zip(guests.tolist(), labels.tolist(), strict=True)} == {
        (0, 1, 1),
        (1, 0, 0),
    }


def test_label_is_read_off_the_list():
    """Each list has T different guests of V; the label compares the places of 0 and 1."""
    guests, labels = party()
    assert guests.shape == (60, 5)
    for row, label in zip(guests.tolist(), labels.tolist(), strict=True):
        assert len(set(row)) == 5
        assert set(row) <= set(range(9))
        assert label == int(row.index(0) < row.index(1))


def test_twins_share_the_bag_and_not_the_label():
    """Rows 2k and 2k + 1: the same places but for 0 and 1, the same guests, other labels."""
    guests, labels = party()
    one, two = guests[::2], guests[1::2]
    assert (np.sort(one, axis=1) == np.sort(two, axis=1)).all()
    assert ((one == two) == (one > 1)).all()
    assert (labels[::2] + labels[1::2] == 1).all()


def test_first_twins_have_both_labels_and_all_places():
    """The position in the pair tells nothing, and A and B come in every place."""
    guests, labels = party(N=2000)
    assert abs(labels[::2].mean() - 0.5) < 0.05  # 1000 tosses: 3 standard deviations are 0.047
    for guest in (0, 1):
        share = (guests == guest).mean(axis=0)
        np.testing.assert_allclose(share, 1 / 5, atol=0.04)


def test_party_depends_on_the_generator_alone():
    """Equal seeds give equal parties, others do not."""
    assert (party(seed=3)[0] == party(seed=3)[0]).all()
    assert (party(seed=3)[0] != party(seed=4)[0]).any()


@pytest.mark.parametrize(
    ("sizes", "said"),
    [({"N": 3}, "N = 3"), ({"N": 0}, "N = 0"), ({"T": 1}, "T = 1"), ({"T": 10}, "T = 10, V = 9")],
)
def test_sizes_that_do_not_fit_are_named(sizes, said):
    with pytest.raises(ValueError, match=said):
        party(**sizes)


# --- plot.problem_shape ------------------------------------------------------------------------


def drawn(ax):
    return {t.get_position(): t.get_text() for t in ax.texts if t.get_text()}


def test_problem_shape_draws_each_label_in_its_place():
    """Inputs below, memories between, outputs above; nothing where there is None."""
    ax = plot.problem_shape(["a", "b", None], [None, None, "c"], title="N → 1")
    memories = {(t, 1): f"$h_{{{t + 1}}}$" for t in range(3)}
    assert drawn(ax) == memories | {(0, 0): "a", (1, 0): "b", (2, 2): "c"}
    assert ax.get_title() == "N → 1"


def test_problem_shape_has_one_arrow_a_dependence():
    """Two from inputs, two from memory to memory, one to the output; each in its direction."""
    ax = plot.problem_shape(["a", "b", None], [None, None, "c"])
    arrows = {(tuple(np.round(t.xyann, 2)), tuple(np.round(t.xy, 2)))
              for t in ax.texts if isinstance(t, matplotlib.text.Annotation)}  # fmt: skip
    assert arrows == {
        ((0, 0.3), (0, 0.7)),
        ((1, 0.3), (1, 0.7)),
        ((0.42, 1), (0.58, 1)),
        ((1.42, 1), (1.58, 1)),
        ((2, 1.3), (2, 1.7)),
    }


def test_problem_shape_draws_chinese(tmp_path):
    """No missing-glyph warning (warnings are errors)."""
    ax = plot.problem_shape(["我", None], [None, "你"], title="翻译")
    ax.figure.savefig(tmp_path / "shape.png")


@pytest.mark.parametrize(("inputs", "outputs"), [([], []), (["a"], [None, "b"])])
def test_problem_shape_counts_its_steps(inputs, outputs):
    with pytest.raises(ValueError, match=f"{len(inputs)} inputs and {len(outputs)} outputs"):
        plot.problem_shape(inputs, outputs)


# --- the exercises, solved in another way than their solutions ---------------------------------


def read_in_closed_form(xs, h0, decay):
    """eq-sequences-unrolled for every prefix, without a recurrence."""
    T = xs.shape[1]
    age = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(age >= 0, decay ** np.maximum(age, 0), 0)
    fading = decay ** np.arange(1, T + 1)
    return np.einsum("ts,nsd->ntd", weights, xs) + fading[:, None] * h0[:, None], xs.sum(1)


def windows_of_a_view(series, T):
    view = np.lib.stride_tricks.sliding_window_view(series, T + 1)
    return view[:, :T, None], view[:, T]


def ceilings_by_comparing_all_pairs(tokens, labels):
    """For each sentence, the share of its label among all that look the same."""
    counts = (tokens[:, :, None] == np.arange(tokens.max() + 1)).sum(axis=1)
    found = []
    for look in (np.zeros((len(labels), 1)), counts, tokens):
        same = (look[:, None] == look[None]).all(axis=-1)
        ones = (same * labels).sum(axis=1) / same.sum(axis=1)
        found.append(np.maximum(ones, 1 - ones).mean())
    return tuple(found)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("sequences_ex_01", read_in_closed_form),
        ("sequences_ex_02", windows_of_a_view),
        ("sequences_ex_03", ceilings_by_comparing_all_pairs),
    ],
)
def test_another_right_answer_gets_full_marks(name, function):
    result = grading.check(name, function)
    assert result.points == result.max_points, result.text


def test_party_through_the_third_exercise():
    """On the chapter's own data: a bag can be right in half, the sequence in all."""
    guests, labels = party(N=200)
    assert ceilings_by_comparing_all_pairs(guests, labels) == (0.5, 0.5, 1.0)
