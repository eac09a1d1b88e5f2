"""The data sets of tagging.py: sentences of characters or words, each with its tag."""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnncourse import data, metrics
from rnncourse.nlp import segmentation

Sentences = list[tuple[list[str], list[str]]]
SPLITS = ("train", "dev", "test")
SIGNS = "。!?;"  # end a sentence, in the one width that NFKC makes


class Task(NamedTuple):
    """A data set: its files by split, how they are read, the scheme of its tags, and settings."""

    files: dict[str, str]
    read: Callable[[str, str, str], Sentences]  # of name, file, split
    scheme: str = "BIO"
    epochs: int = 5
    spelled: bool = False  # are the tokens words, whose letters are read too?
    folder: str = ""  # of the data, where it is not the task's name
    drop: float = 0.5  # dropout

    @property
    def words(self) -> bool:
        """Do the tags cut a text into words, so that words are counted?"""
        return self.read is of_words


def of_characters(name: str, file: str, split: str) -> Sentences:
    """A character and its tag a line; a second sign tells where in a word it stands (Weibo)."""
    return [([row[0][0] for row in rows], [row[-1] for row in rows]) for rows in blocks(name, file)]


def of_tokens(name: str, file: str, split: str) -> Sentences:
    """A word and its tag a line; tags as BIO, however they are written."""
    found = []
    for rows in blocks(name, file):
        words, tags = [row[0] for row in rows], [row[-1] for row in rows]
        found.append((words, metrics.entity_tags(metrics.entities(tags), len(tags))))
    return found


def of_words(name: str, file: str, split: str) -> Sentences:
    """Lines of words → characters with B, M, E, S, of one width; cut where a sentence ends.

    Of January the last tenth is to develop on.
    """
    text = unicodedata.normalize("NFKC", data.path(name, file).read_text(encoding="utf-8"))
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if file == "pd199801.seg.txt":
        cut = len(lines) * 9 // 10
        lines = lines[:cut] if split == "train" else lines[cut:]
    found = []
    for words in lines:
        for part in sentences(words):
            tags = [tag for _, tag in segmentation.to_bmes(part)]
            found.append((list("".join(part)), tags))
    return found


def sentences(words: list[str]) -> list[list[str]]:
    """A paragraph's words, a new list after each sign that ends a sentence."""
    found: list[list[str]] = [[]]
    for word in words:
        found[-1].append(word)
        if word in SIGNS:
            found.append([])
    return [part for part in found if part]


def of_documents(name: str, file: str, split: str) -> Sentences:
    """As of_tokens; no split is given: a tenth of the articles to develop, a tenth to test."""
    articles: list[Sentences] = [[]]
    for words, tags in of_tokens(name, file, split):
        if words == ["-DOCSTART-"]:  # stands between two
            articles.append([])
        else:
            articles[-1].append((words, tags))
    order = np.random.default_rng(0).permutation(len(articles))
    tenth = len(articles) // 10
    parts = dict(zip(SPLITS, (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth]),
                     strict=True))  # fmt: skip
    return [sentence for k in parts[split] for sentence in articles[k]]


def of_requests(name: str, file: str, split: str) -> Sentences:
    """As of_tokens; 700 of the training requests are to develop on, as in Goo et al. 2018."""
    found = of_tokens(name, file, split)
    if split == "test":
        return found
    order = np.random.default_rng(0).permutation(len(found))
    return [found[k] for k in (order[:700] if split == "dev" else order[700:])]


@functools.cache
def blocks(name: str, file: str) -> list[list[list[str]]]:
    """Of each sentence the fields of each line."""
    text = data.path(name, file).read_text(encoding="utf-8")
    found = []
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.splitlines() if line.strip()]
        if name == "tag_snips":
            lines = lines[1:]  # what the request wants
        if lines:
            found.append([line.split() for line in lines])
    return found


def split_of(pattern: str) -> dict[str, str]:
    """A file for each split."""
    return {split: pattern.format(split) for split in SPLITS}


JANUARY = {"train": "pd199801.seg.txt", "dev": "pd199801.seg.txt", "test": "pku_test_gold.utf8"}
REQUESTS = {"train": "snips_train.conll", "dev": "snips_train.conll", "test": "snips_valid.conll"}
TASKS = {
    "ner_resume": Task(split_of("{}.char.bmes"), of_characters, "BMES", 5),
    "ner_weibo": Task(split_of("weiboNER_2nd_conll.{}"), of_characters, "BIO", 30),
    "wikigold": Task(split_of("wikigold.conll.txt"), of_documents, "BIO", 30, True,
                     "ner_wikigold_wnut17"),
    "wnut17": Task(split_of("wnut17_{}.conll"), of_tokens, "BIO", 20, True, "ner_wikigold_wnut17"),
    "tag_snips": Task(REQUESTS, of_requests, "BIO", 8, True),
    "cws_ud_gsd": Task(split_of("gsd_{}.seg.txt"), of_words, "BMES", 10, drop=0.2),
    "pku": Task(JANUARY, of_words, "BMES", 4, drop=0.2),
}  # fmt: skip


def place(name: str, split: str) -> tuple[str, str]:
    """Data set and file of a split."""
    folder = TASKS[name].folder or name
    if name == "pku":
        folder = "cws_sighan2005" if split == "test" else "cws_people_daily_1998"
    return folder, TASKS[name].files[split]


@functools.cache
def read(name: str, split: str) -> Sentences:
    """Sentences of a split, each its tokens and their tags."""
    return TASKS[name].read(*place(name, split), split)
