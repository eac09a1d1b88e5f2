"""The runs on text and music: what is held out, what is counted, that a network learns, and
what the records claim."""

import math
from pathlib import Path

import numpy as np
import pytest
from scripts import load

from rnncourse import data
from rnncourse.nlp.ngram import WittenBell
from rnncourse.nn import optim

ROOT = Path(__file__).resolve().parents[2]

import _language as language  # noqa: E402


@pytest.fixture(autouse=True)
def no_bar(monkeypatch):
    monkeypatch.setenv("RNNCOURSE_PROGRESS", "0")


@pytest.fixture
def shakespeare():
    return load("real/shakespeare.py")


@pytest.fixture
def tang():
    return load("real/tang.py")


@pytest.fixture
def music():
    pytest.importorskip("scipy")
    return load("real/music.py")


# --- what the runs share --------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    """A GRU of 3 units over 5 tokens, and a text of 30."""
    rng = np.random.default_rng(0)
    return language.init(rng, "gru", 5, 4, 3), rng.integers(0, 5, 30)


def test_log_probabilities_do_not_hang_on_the_pieces_read(model):
    """Against PyTorch's cross-entropy of one pass; the state goes on between pieces."""
    torch = pytest.importorskip("torch")
    params, ids = model
    logs = language.log_probabilities("gru", params, ids, T=7)
    logits, _ = language.forward("gru", params, ids[None, :-1])
    expected = -torch.nn.functional.cross_entropy(
        torch.tensor(logits[0]), torch.tensor(ids[1:]), reduction="none"
    )
    np.testing.assert_allclose(logs, expected, atol=1e-5)
    assert language.mean_loss("gru", params, ids) == pytest.approx(-logs.mean(), abs=1e-6)


def test_mixing_by_hand():
    """Two tokens; 0.8 and 0.2 under one model, 0.4 and 0.6 under the other."""
    a, b = np.log([0.8, 0.2]), np.log([0.4, 0.6])
    np.testing.assert_allclose(np.exp(language.mixed(a, b, 0.25)), [0.5, 0.5])
    assert language.mixed(a, b, 1) is a
    assert language.mixed(a, b, 0) is b
    # (0.4 + 0.4 w)(0.6 - 0.4 w) is greatest at w = 1/4.
    assert language.best_weight(a, b) == 0.25
    assert language.best_weight(a, a - 1) == 1
    assert language.best_weight(a - 1, a) == 0


def test_learn_keeps_the_state_between_batches_and_the_best_epoch(model):
    """What gradients() is given: nothing where a pass begins, else what it returned before."""
    params = {"a": np.zeros(1)}
    given, values = [], iter([3.0, 1.0, 2.0])

    def gradients(batch, state):
        given.append((batch, state))
        return 1.0, {"a": np.ones(1)}, f"after {batch}"

    told = language.learn(
        params, gradients, lambda: [("x", True), ("y", False)], lambda: next(values), 3, 0.1, 9.0
    )
    assert given == [("x", None), ("y", "after x")] * 3
    assert told["valid"] == [3, 1, 2]
    assert told["best"] == 2
    # Adam moves by the rate: half a cosine over 6 updates, of which the best epoch saw 4.
    schedule = optim.cosine(0.1, 6)
    assert params["a"][0] == pytest.approx(-sum(schedule(k) for k in range(4)), rel=1e-6)


def test_bits():
    assert language.bits(math.log(8)) == pytest.approx(3)


# --- Tiny Shakespeare -----------------------------------------------------------------


def cycle(shakespeare, length=6000):
    return shakespeare.cut(("abcd efg\n" * length)[:length])


def test_the_parts_follow_each_other(shakespeare):
    text = cycle(shakespeare)
    assert {part: len(ids) for part, ids in text.ids.items()} == {
        "train": 5100, "valid": 300, "test": 600,
    }  # fmt: skip
    whole = "".join(text.characters[k] for ids in text.ids.values() for k in ids)
    assert whole == ("abcd efg\n" * 6000)[:6000]


def test_one_count_serves_all_orders(shakespeare, monkeypatch):
    """Counts up to n = 8 give each shorter n-gram as if it had been counted alone."""
    rng = np.random.default_rng(0)
    text = shakespeare.cut("".join(rng.choice(list("abc \n"), 800)))
    monkeypatch.setattr(shakespeare, "read", lambda: text)
    for n in (3, 8, 5):
        alone = WittenBell(n, 5).fit([text.ids["train"]])
        expected = alone.log_probabilities(text.ids["test"])[1:]
        np.testing.assert_allclose(shakespeare.ngram(n, "test"), expected)


def test_a_network_learns_and_writes_a_cycle(shakespeare, monkeypatch):
    """All of measure() on nine characters that repeat: near zero bits, and the cycle goes on."""
    text = cycle(shakespeare)
    for name, value in {"read": lambda: text, "RATE": 0.05, "LONG": 90, "D": 8}.items():
        monkeypatch.setattr(shakespeare, name, value)
    monkeypatch.setattr(shakespeare.trained, "__defaults__", (14, 24))
    run = shakespeare.measure(0, 3)
    assert max(run["bits"], run["valid bits"], run["together"]) < 0.05
    assert run["written"]["greedy"]["text"] == "abcd efg\n" * 10
    assert run["written"]["greedy"]["known"] == 1
    assert set(run["written"]) == {"0.5", "0.8", "1.0", "1.2", "greedy"}
    first, again = (shakespeare.trained(text, 3, epochs=1, H=4) for _ in range(2))
    assert first[1]["valid"] == again[1]["valid"]
    np.testing.assert_array_equal(first[0]["output"]["W_y"], again[0]["output"]["W_y"])


# --- quatrains ------------------------------------------------------------------------


FIVE = "一二三四五，六七八九十。天地玄黄宇，宙洪荒日月。"
SEVEN = "一二三四春夏秋，冬东西南北中甲。乙丙丁戊己庚辛，壬癸子丑寅卯辰。"


@pytest.mark.parametrize(
    ("poem", "expected"),
    [
        (FIVE, 5),
        (SEVEN, 7),
        (FIVE[:-1], None),  # no last stop
        (FIVE + FIVE, None),  # eight lines
        (FIVE[:12], None),  # two lines
        (FIVE[:12] + SEVEN[:16], None),  # lines of both kinds
        (FIVE.replace("，", "。"), None),
        (FIVE.replace("五，", "，五"), None),  # a stop one place too early
        (FIVE.replace("五", "，"), None),
        (FIVE + "\n", None),
        ("", None),
    ],
)
def test_form(tang, poem, expected):
    assert tang.form(poem) == expected


def made_up_poems(rng, count):
    """Of random characters; every tenth poem takes its first line from the one before."""
    poems = []
    for k in range(count):
        rows = ["".join(chr(0x4E00 + c) for c in rng.integers(0, 500, 5)) for _ in range(4)]
        if k % 10 == 9:
            rows[0] = poems[-1][:5]
        poems.append("{}，{}。{}，{}。".format(*rows))
    return poems


def test_families(tang):
    """a and b share a line, b and c another one: all three together, d alone."""
    a, b = "甲，乙。丙，丁。", "戊，己。丙，庚。"
    c, d = "己，辛。壬，癸。", "子，丑。寅，卯。"
    assert sorted(tang.families([a, d, c, b]), key=len) == [[d], [a, c, b]]


def test_no_line_stands_on_both_sides(tang):
    poems = made_up_poems(np.random.default_rng(0), 2000)
    parts = tang.split(poems, np.random.default_rng(1))
    assert sorted(p for some in parts.values() for p in some) == sorted(poems)
    sizes = {part: len(some) for part, some in parts.items()}
    assert sizes == pytest.approx({"train": 1800, "valid": 100, "test": 100}, abs=4)
    lines = [{x for p in some for x in tang.lines(p)} for some in parts.values()]
    assert len(set.union(*lines)) == sum(map(len, lines))
    # The made-up poems could tell: cut without families, lines stand on both sides.
    order = np.random.default_rng(1).permutation(2000)
    naive = [{x for k in some for x in tang.lines(poems[k])} for some in np.split(order, [1800])]
    assert naive[0] & naive[1]


def test_the_real_poems_are_split_so_too(tang):
    if not all(data.is_here(*need) for need in tang.NEEDS):
        pytest.skip("the quatrains are not on this machine: `make real` fetches them")
    poems = tang.read()
    lines = [{x for p in some for x in tang.lines(p)} for some in poems.text.values()]
    assert len(set.union(*lines)) == sum(map(len, lines))
    assert all(tang.form(p) for some in poems.text.values() for p in some)
    # Characters that only held-out poems have are rare, and so is what is seen once.
    counts = {c: sum(p.count(c) for p in poems.text["train"]) for c in poems.characters[2:40]}
    assert min(counts.values()) >= tang.LEAST


def test_rare_characters_and_marks(tang):
    poems = tang.known({"train": ["甲甲，乙。"], "test": ["甲丁，。"]})
    assert poems.characters == ["\n", "□", "甲"]
    assert [ids.tolist() for ids in poems.ids("test")] == [[0, 2, 1, 1, 1, 0]]


def test_scores_by_hand(tang):
    """Each plain character has 3 bits, each stop or mark 1."""
    poems = tang.known({"train": ["甲甲，，。。"], "test": ["甲，", "甲甲。"]})
    logs = -math.log(2) * np.array([3, 1, 1, 3, 3, 1, 1])
    assert tang.scores(poems, "test", logs) == {
        "bits": round(13 / 7, 4),
        "bits without stops": 3,
    }


def test_judged_by_hand(tang):
    copied = FIVE[:12] + "春夏秋冬春，夏秋冬春夏。"
    found = tang.judged([FIVE, copied, copied, "春"], [FIVE])
    assert found == {
        "right form": 0.75, "lines copied": 8 / 13, "poems copied": 0.25, "different poems": 0.75,
    }  # fmt: skip
    assert tang.judged(["，"], [FIVE])["lines copied"] == 0


def test_batches_of_poems(tang):
    """Each poem once a pass, with others of its length alone."""
    poems = [np.arange(k % 2 + 4) + 10 * k for k in range(90)]
    seen = list(tang.shuffled(np.random.default_rng(0), poems))
    assert all(fresh for _, fresh in seen)
    assert max(len(rows) for rows, _ in seen) == tang.N
    assert sorted(int(row[0]) for rows, _ in seen for row in rows) == [10 * k for k in range(90)]


def test_a_network_learns_two_poems_by_heart(tang, monkeypatch):
    """All of measure() where there is nothing else to learn; what it writes is told as copied."""
    text = {"train": [FIVE] * 150 + [SEVEN] * 150, "valid": [FIVE, SEVEN], "test": [FIVE, SEVEN]}
    poems = tang.known(text)
    for name, value in {"read": lambda: poems, "RATE": 0.05, "D": 8, "DROPOUT": 0.0}.items():
        monkeypatch.setattr(tang, name, value)
    monkeypatch.setattr(tang, "WRITTEN", 40)
    monkeypatch.setattr(tang.trained, "__defaults__", (14, 32))
    run = tang.measure(0, 2)
    # Which of the two it is costs one bit a poem; 25 and 33 characters with the mark.
    assert 1.9 / 58 < run["scores"]["bits"] < 3 / 58
    found = run["written"]["0.5"]
    assert min(found["right form"], found["lines copied"], found["poems copied"]) > 0.9
    assert run["written"]["greedy"]["poems"][0] in (FIVE, SEVEN)
    assert not any(tang.RARE in poem for poem in run["written"]["1.2"]["poems"])


# --- music ----------------------------------------------------------------------------


def rolls(*pieces):
    """Piano rolls from lists of steps, each a list of keys."""
    found = [np.zeros((len(piece), 88), np.float32) for piece in pieces]
    for roll, piece in zip(found, pieces, strict=True):
        for t, keys in enumerate(piece):
            roll[t, keys] = 1
    return found


def random_rolls(rng, lengths):
    return [(rng.random((T, 88)) < 0.05).astype(np.float32) for T in lengths]


def test_baselines_by_hand(music):
    """Key 0 in 3 of the 4 steps that are predicted, the other keys in none."""
    pieces = rolls([[], [0], [0]], [[0], [0], []])
    assert music.steps_of(pieces) == 4
    p = music.frequency(pieces)
    np.testing.assert_allclose(p[:2], [4 / 6, 1 / 6], rtol=1e-6)
    expected = -(3 * math.log(4 / 6) + math.log(2 / 6) + 4 * 87 * math.log(5 / 6)) / 4
    assert music.frequency_nll(pieces, pieces) == pytest.approx(expected, rel=1e-5)
    off, on = music.as_before(pieces)
    # Off before once, then on; on before three times, then on twice.
    np.testing.assert_allclose(off[:2], [2 / 3, 1 / 6], rtol=1e-6)
    np.testing.assert_allclose(on[:2], [3 / 5, 1 / 2], rtol=1e-6)
    expected = (
        -(math.log(2 / 3) + 2 * math.log(3 / 5) + math.log(2 / 5) + 4 * 87 * math.log(5 / 6)) / 4
    )
    assert music.as_before_nll(pieces, pieces) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_nll_is_that_of_pytorch_piece_by_piece(music, kind):
    """Padding and company change nothing; sum over keys, mean over all steps of all pieces."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    pieces = random_rolls(rng, [9, 4, 17, 2, 12])
    params = music.init(rng, kind, 7, pieces)
    total = 0.0
    for piece in pieces:
        logits, _ = music.forward(kind, params, piece[None, :-1])
        total += torch.nn.functional.binary_cross_entropy_with_logits(
            torch.tensor(logits[0]), torch.tensor(piece[1:]), reduction="sum"
        ).item()
    expected = total / sum(len(piece) - 1 for piece in pieces)
    for N in (1, 2, 16):
        assert music.nll(kind, params, pieces, N) == pytest.approx(expected, rel=1e-5)
    mean_of_pieces = np.mean([music.nll(kind, params, [piece]) for piece in pieces])
    assert abs(mean_of_pieces / expected - 1) > 1e-3  # the other mean can be told apart


def test_gradient_of_the_key_loss_is_that_of_pytorch(music):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits, mask = rng.standard_normal((2, 3, 88)), np.array([[1, 1, 1], [1, 0, 0]], bool)
    targets = (rng.random((2, 3, 88)) < 0.3).astype(float)
    loss, slopes = music.key_loss(logits, targets, mask)
    a = torch.tensor(logits, requires_grad=True)
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        a, torch.tensor(targets), reduction="none"
    )
    expected = each.sum(2)[torch.tensor(mask)].mean()
    expected.backward()
    assert loss == pytest.approx(expected.item())
    np.testing.assert_allclose(slopes, a.grad, atol=1e-12)


def test_the_gradient_is_that_of_the_loss(music):
    """Without dropout, a step against the gradient lowers the loss by its length squared."""
    rng = np.random.default_rng(0)
    pieces = random_rolls(rng, [9, 6])
    params = music.init(rng, "lstm", 7, pieces)
    batch = music.padded(pieces)
    loss, grads, _ = music.loss_and_gradients("lstm", params, batch, None, 0, 0, rng)
    assert loss == pytest.approx(music.nll("lstm", params, pieces), rel=1e-5)
    rate = 1e-2 / optim.norm(grads) ** 2
    optim.sgd_step(params, grads, {}, rate)
    fallen = loss - music.nll("lstm", params, pieces)
    assert fallen == pytest.approx(1e-2, rel=0.05)


def test_each_step_of_each_piece_is_read_once(music):
    """A pass over pieces of different lengths; the state begins anew with each group."""
    pieces = random_rolls(np.random.default_rng(0), [30, 7, 12, 41, 18, 25, 9])
    seen = list(music.batches(np.random.default_rng(1), pieces, 3, 10))
    assert sum(mask.sum() for (_, mask), _ in seen) == music.steps_of(pieces)
    assert sum(fresh for _, fresh in seen) == 3
    for (xs, mask), _ in seen:
        assert xs.shape[1] == mask.shape[1] + 1 <= 11
        assert mask.any()
    sounds = sum((xs[:, 1:] * mask[..., None]).sum() for (xs, mask), _ in seen)
    assert sounds == sum(piece[1:].sum() for piece in pieces)


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_a_network_learns_a_figure_of_three_chords(music, kind):
    """The second chord comes twice: no key alone can tell what follows, a network can."""
    figure = [[40, 44], [44, 47], [44, 47], [47, 52]]
    pieces = dict.fromkeys(("train", "valid", "test"), rolls(*[figure * 6] * 8))
    settings = music.Settings(H=24, rate=0.02, epochs=30, below=0.0, above=0.1, N=4, T=10)
    params, told = music.trained(kind, pieces, settings, 0)
    found = music.nll(kind, params, pieces["test"])
    assert found < 0.3 < music.as_before_nll(pieces["test"], pieces["train"])
    assert told["valid"][told["best"] - 1] == pytest.approx(found)
    assert music.trained(kind, pieces, settings, 0)[1]["valid"] == told["valid"]


def test_networks_have_the_published_sizes(music):
    pieces = rolls([[0], [1]])
    for name, budget in {"jsb": 300_000, "nottingham": 1_000_000}.items():
        for kind, s in music.NETWORKS[name].items():
            params = music.init(np.random.default_rng(0), kind, s.H, pieces)
            size = sum(p.size for p in optim.leaves(params).values())
            assert size == pytest.approx(budget, rel=0.01), (name, kind)


# --- the records ----------------------------------------------------------------------


def consistent(summary, count):
    """A summary of as many values as there were seeds, its mean that of the values."""
    assert len(summary["values"]) == count
    assert summary["mean"] == pytest.approx(np.mean(summary["values"]), abs=2e-4)


def test_the_record_of_shakespeare():
    """The network beats the best n-gram, and both together beat each."""
    record = data.recorded("real_shakespeare")
    table, network = record["baselines"]["witten-bell"], record["networks"]["gru"]
    best = min(table, key=lambda n: table[n]["valid"])
    assert record["baselines"]["best n"] == int(best)
    assert record["baselines"]["bits"] == table[best]["test"]
    for found in (network["bits"], record["together"]["bits"]):
        consistent(found, network["seeds"])
    assert record["together"]["bits"]["mean"] < network["bits"]["mean"]
    assert network["bits"]["mean"] < record["baselines"]["bits"]
    assert sum(record["data"]["characters"].values()) == 1_115_394
    assert set(record["samples"]) == {"0.5", "0.8", "1.0", "1.2", "greedy"}
    assert max(map(len, record["samples"].values())) <= 300
    known = [record["known words"][tau]["mean"] for tau in ("0.5", "0.8", "1.0", "1.2")]
    assert known == sorted(known, reverse=True)  # the hotter, the more words that no one has


def test_the_record_of_music():
    """Each network beats both baselines at the published size."""
    record = data.recorded("real_music")
    for name, networks in record["networks"].items():
        baselines = record["baselines"][name]
        assert baselines["as before"] < baselines["frequency"]
        size = {"jsb": 300_000, "nottingham": 1_000_000}[name]
        for kind, found in networks.items():
            consistent(found["nll"], found["seeds"])
            assert found["nll"]["mean"] < baselines["as before"], (name, kind)
            assert found["parameters"] == pytest.approx(size, rel=0.01)
            assert len(found["epochs"]) == found["seeds"]
            assert record["published"][name][kind] > 0
    # 77 and 170 pieces of 4,725 and 44,463 steps: the first of each is not predicted.
    tests = {name: parts["test"] for name, parts in record["data"].items()}
    assert tests["jsb"] == {"pieces": 77, "steps predicted": 4725 - 77}
    assert tests["nottingham"] == {"pieces": 170, "steps predicted": 44463 - 170}


def test_the_record_of_quatrains(tang):
    """The network beats the best n-gram, and both together beat each; samples as they are told."""
    record = data.recorded("real_tang")
    table, network = record["baselines"]["witten-bell"], record["networks"]["gru"]
    assert record["baselines"]["bits"] == min(r["bits"] for r in table.values())
    for name in ("bits", "bits without stops"):
        for found in (network[name], record["together"][name]):
            consistent(found, network["seeds"])
        assert record["together"][name]["mean"] < network[name]["mean"]
        assert network[name]["mean"] < record["baselines"][name]
    for tau, found in record["written"].items():
        shown = record["samples"][tau]
        assert all(0 <= x <= 1 for share in found.values() if isinstance(share, dict)
                   for x in share["values"])  # fmt: skip
        if found["right form"]["values"][0] in (0, 1):
            expected = {bool(found["right form"]["values"][0])}
            assert {tang.form(poem) is not None for poem in shown} == expected
