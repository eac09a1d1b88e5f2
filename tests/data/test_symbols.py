"""Symbols rewritten by a rule: by Python's own operations, and the alignment is the truth."""

import numpy as np
import pytest

from rnncourse.data.symbols import RULES, symbols

PLAIN = {
    "copy": list,
    "reverse": lambda s: s[::-1],
    "sort": sorted,
    "double": lambda s: [t for x in s for t in (x, x + 5)],
}


@pytest.mark.parametrize("rule", RULES)
def test_targets_and_alignments(rule):
    """Lengths 2 to 6, five symbols from 3 on; each target symbol stands where it says."""
    made = symbols(rng=np.random.default_rng(0), N=400, rule=rule,
                     shortest=2, longest=6, V=5)  # fmt: skip
    assert {len(source) for source in made[0]} == {2, 3, 4, 5, 6}
    assert set(np.concatenate(made[0])) == {3, 4, 5, 6, 7}
    for source, target, places in zip(*made, strict=True):
        assert target.tolist() == PLAIN[rule](source.tolist())
        assert ((target - 3) % 5 == source[places] - 3).all()
        assert sorted(set(places)) == list(range(len(source)))
        if rule == "sort":
            assert (np.diff(places)[np.diff(target) == 0] > 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"N": 0}, "N is 0"), ({"rule": "turn"}, "unknown rule 'turn'"), ({"V": 0}, "V is 0"),
     ({"shortest": 0}, "shortest is 0"), ({"longest": 1}, "longest = 1"),
     ({"first": -1}, "first is -1")],
)  # fmt: skip
def test_bad_input_is_named(change, message):
    good = {"N": 3, "rule": "copy", "shortest": 2, "longest": 4}
    with pytest.raises(ValueError, match=message):
        symbols(rng=np.random.default_rng(), **good | change)
