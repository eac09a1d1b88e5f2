"""Captions in German and English (Multi30k, task 1), as small letters and marks."""

import functools
import re
from collections import Counter

from rnncourse import data

NAME = "mt_multi30k"
SPLITS = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
NEEDS = [(NAME, f"{file}.{side}") for file in SPLITS.values() for side in ("de", "en")]
SPECIAL = ["<unk>", "<start>", "<end>"]


@functools.cache
def lines(split: str, language: str) -> list[str]:
    """The sentences as they were written."""
    path = data.path(NAME, f"{SPLITS[split]}.{language}")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]


def cut(text: str) -> list[str]:
    """Small words and marks; spaCy, which the published networks used, cuts much the same."""
    return re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", text.lower())


def joined(tokens: list[str]) -> str:
    """A sentence again: no space before a mark, a capital first."""
    text = re.sub(r"\s+([.,!?;:])", r"\1", " ".join(tokens))
    return text[:1].upper() + text[1:]


@functools.cache
def vocabulary(language: str, least: int) -> list[str]:
    """What the training has so many times, after the special ones."""
    seen = Counter(token for line in lines("train", language) for token in cut(line))
    return [*SPECIAL, *sorted(token for token, n in seen.items() if n >= least)]
