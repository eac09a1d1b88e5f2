"""How much of a description comes from the picture? Flickr8k's first 1,000. Ten minutes.

800 pictures with five descriptions each to learn from, 50 to develop on, 150 to test. Beside the
networks stand what needs none: one sentence for all, the nearest picture's first description, and
of all descriptions of the nearest pictures the one most like the rest, whose settings were chosen
on pictures of the training, each without itself. Networks were stopped where the loss on the
development part was least. "Another's picture" is the same network, given the features of the next
picture of the test: what is left of its score comes from the language alone.

Each score stands beside four people's descriptions ("four", the mean over who is left out), as a
fifth person's can, and beside all five ("five"). Published numbers learned from 6,000 pictures and
are of another test: none is comparable.
"""

from _common import Run, summary  # isort: skip  (before NumPy)

from collections.abc import Sequence
from typing import Any

import _captioner
import _flickr
import numpy as np

CHOSEN_ON = 200  # pictures of the training
COUNTS = (10, 20, 40)


def choose() -> dict[str, Any]:
    """Of each setting CIDEr-D and BLEU; and what is best by either."""
    pictures = _flickr.split("train")[:CHOSEN_ON]
    references = _flickr.said(pictures)
    rows = {}
    for count in COUNTS:
        for way in _flickr.WAYS:
            found = _flickr.scores(references, _flickr.consensus(pictures, count, way))
            rows[f"{count} pictures, {way}"] = _flickr.averaged([found])
    best = {name: max(rows, key=lambda row: rows[row][name]) for name in ("bleu", "cider")}
    return {"rows": rows, "best": best}


def setting(name: str) -> tuple[int, str]:
    """What a row's name says."""
    count, way = name.split(" pictures, ")
    return int(count), way


def simple(best: dict[str, str]) -> dict[str, Any]:
    """What needs no network, and a fifth person."""
    test = _flickr.split("test")
    always = _flickr.constant()
    found = {
        "constant": [always] * len(test),
        "nearest": _flickr.nearest(test),
        "consensus, by BLEU": _flickr.consensus(test, *setting(best["bleu"])),
        "consensus, by CIDEr": _flickr.consensus(test, *setting(best["cider"])),
    }
    rows = {name: _flickr.judged(test, some) for name, some in found.items()}
    return {"rows": rows | {"human": _flickr.human(test)}, "constant": " ".join(always)}


def trained(kind: str, seed: int) -> dict[str, Any]:
    """A network: by a beam and greedily, and given the next picture instead of its own."""
    model, told = _captioner.learnt(kind, seed)
    test = _flickr.split("test")
    found = {"beam": _captioner.written(model, test),
             "greedy": _captioner.written(model, test, 1)}  # fmt: skip
    if kind != "nothing":
        found["another's picture"] = _captioner.written(model, np.roll(test, -1))
    rows = {name: _flickr.judged(test, some) for name, some in found.items()}
    known = set(_flickr.vocabulary()) - set(_flickr.SPECIAL)
    assert all(set(words) <= known for some in found.values() for words in some)
    return {"rows": rows, **told}


def gathered(rows: Sequence[Any]) -> Any:
    """Of all seeds: mean and spread of each number, at its place."""
    if isinstance(rows[0], dict):
        return {key: gathered([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], list):
        return [list(row) for row in rows]
    return summary(rows)


def main() -> None:
    what = ("Descriptions of photographs, Flickr8k's first 1,000 (800/50/150): BLEU and CIDEr-D "
            "beside four people's and five, without a network and with one.")  # fmt: skip
    with Run("captioning", what, _flickr.NEEDS, ["torch"], 2 + 3 * len(_captioner.KINDS)) as run:
        chosen = run.step("settings of the consensus", choose)
        rows = run.step("no network", simple, chosen["best"])
        record = {
            "pictures": _flickr.SIZES, "people": _flickr.PEOPLE,
            "vocabulary": len(_flickr.vocabulary()),
            "settings": {name: getattr(_captioner, name) for name in
                         ("D", "H", "N", "RATE", "FALL", "CLIP", "DROP", "EPOCHS", "WIDTH")},
            "consensus": chosen, "constant": rows["constant"], "simple": rows["rows"],
            "networks": {},
        }  # fmt: skip
        for seeds in range(1, len(run.seeds) + 1):  # a record after each seed
            for kind in _captioner.KINDS:
                record["networks"][kind] = gathered(
                    [run.step(f"{kind}, seed {seed}", trained, kind, seed)
                     for seed in run.seeds[:seeds]])  # fmt: skip
            run.write(record)


if __name__ == "__main__":
    main()
