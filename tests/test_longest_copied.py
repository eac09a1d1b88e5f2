"""rnncourse.metrics.overlap.longest_copied: worked by hand."""

from rnncourse.metrics import overlap


def test_longest_copied() -> None:
    corpus = ["春风又绿江南岸", "明月何时照我还"]
    assert overlap.longest_copied("绿江南水", corpus) == 3
    assert overlap.longest_copied("岸明月", corpus) == 2  # no run goes from text to text
    assert overlap.longest_copied("江南，岸", ["江南岸"], ends="，") == 2
    assert overlap.longest_copied("", corpus) == overlap.longest_copied("xyz", corpus) == 0
    assert overlap.longest_copied([1, 2, 3, 4], [[9, 2, 3, 4, 5], [1, 2]]) == 3
