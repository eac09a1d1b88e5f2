"""Drawn scenes: coloured shapes on a board of 4 × 4 cells, and sentences that are true of them.

A scene is a tuple of :class:`Thing`; :func:`draw` makes a picture of it by whole numbers alone, so
that another program can make the same pixels. A sentence names each thing by size, colour and
shape, and says where the first one lies, seen from the others.

Which thing is named first depends on sizes, colours and shapes, never on places. So whoever knows
the things but not their places can write everything except the relation. :func:`scenes` draws
places such that no relation is more frequent than another: it is a guess among four.

N scenes, Y and X the rows and columns of a picture.
"""

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnncourse._arrays import check_counts
from rnncourse._types import Array

GRID = 4  # cells beside each other, and below each other
CELL = 6  # pixels of a cell, each way
SHAPES = ("circle", "square", "triangle")
COLOURS = ("red", "green", "blue", "yellow")
SIZES = ("small", "large")
RELATIONS = ("left of", "right of", "above", "below")
MOST = 3  # things in a scene that sentences are made for
LANGUAGES = ("en", "zh")

# Red, green, blue of 255. Four of the eight by Okabe and Ito, which people see apart who do not
# see all colours; the ground is black, like the zeros with which a convolution pads.
PAINT = {"red": (213, 94, 0), "green": (0, 158, 115), "blue": (0, 114, 178),
         "yellow": (240, 228, 66)}  # fmt: skip

# Rows of a cell; # is painted. A small thing leaves a pixel free all around.
MASKS = {
    ("circle", "large"): (".####.", "######", "######", "######", "######", ".####."),
    ("square", "large"): ("######", "######", "######", "######", "######", "######"),
    ("triangle", "large"): ("..##..", "..##..", ".####.", ".####.", "######", "######"),
    ("circle", "small"): ("......", "..##..", ".####.", ".####.", "..##..", "......"),
    ("square", "small"): ("......", ".####.", ".####.", ".####.", ".####.", "......"),
    ("triangle", "small"): ("......", "..##..", "..##..", ".####.", ".####.", "......"),
}

_ZH = {
    "circle": "圆", "square": "正方形", "triangle": "三角形",
    "red": "红色", "green": "绿色", "blue": "蓝色", "yellow": "黄色",
    "small": "小的", "large": "大的",
    "left of": "左边", "right of": "右边", "above": "上方", "below": "下方",
}  # fmt: skip
_OPPOSITE = dict(zip(RELATIONS, ("right of", "left of", "below", "above"), strict=True))
_EMPTY = {
    "en": ("the board is empty", "nothing is on the board"),
    "zh": ("棋盘是空的", "棋盘上没有东西"),
}
# What Chinese sentences are made of, the longer ones first, so that "在" does not cut anything.
_ZH_WORDS = sorted({*_ZH.values(), "在", "有", "一个", "，", "棋盘", "是", "空的", "上", "没有",
                    "东西"}, key=len, reverse=True)  # fmt: skip


class Thing(NamedTuple):
    """A shape on the board."""

    shape: str  # one of SHAPES
    colour: str  # one of COLOURS
    size: str  # one of SIZES
    row: int  # 0, the highest, to GRID - 1
    column: int  # 0, the leftmost, to GRID - 1

    @property
    def kind(self) -> tuple[str, str, str]:
        """What it is, its place left out."""
        return self.size, self.colour, self.shape


Scene = tuple[Thing, ...]
ThingKind = tuple[str, str, str]
KINDS: tuple[ThingKind, ...] = tuple(itertools.product(SIZES, COLOURS, SHAPES))


class Said(NamedTuple):
    """What a sentence says: things, and where the first one lies seen from each other one."""

    kinds: tuple[ThingKind, ...]  # size, colour and shape of each; () for the empty board
    relations: tuple[str, ...]  # one fewer than there are things, or () where no place is said


def check_scene(things: Sequence[Thing]) -> Scene:
    """The things as a tuple.

    Raises ValueError for a shape, colour or size that there is not, a place outside the board,
    and two things on one cell.
    """
    for thing in things:
        if thing.kind not in KINDS:
            raise ValueError(f"things has a {' '.join(map(str, thing.kind))}; expected a size of "
                             f"{SIZES}, a colour of {COLOURS}, a shape of {SHAPES}")  # fmt: skip
        if not (0 <= thing.row < GRID and 0 <= thing.column < GRID):
            raise ValueError(f"things has one in row {thing.row}, column {thing.column}; expected "
                             f"0 to {GRID - 1}")  # fmt: skip
    if len({(thing.row, thing.column) for thing in things}) < len(things):
        raise ValueError("things has two on one cell; expected a cell for each")
    return tuple(things)


# --- from a scene to a picture -----------------------------------------------------------


@functools.cache
def _mask(shape: str, size: str) -> Array:
    """(CELL, CELL) of True and False."""
    return np.array([[mark == "#" for mark in row] for row in MASKS[shape, size]])


def draw(things: Sequence[Thing]) -> Array:
    """The picture of a scene, (24, 24, 3) float32 from 0 to 1, red, green and blue.

    Raises as :func:`check_scene`.
    """
    picture = np.zeros((GRID * CELL, GRID * CELL, 3), np.float32)
    for thing in check_scene(things):
        y, x = CELL * thing.row, CELL * thing.column
        paint = np.array(PAINT[thing.colour], np.float32) / np.float32(255)
        picture[y : y + CELL, x : x + CELL][_mask(thing.shape, thing.size)] = paint
    return picture


def pictures(drawn: Sequence[Sequence[Thing]]) -> Array:
    """The pictures of N scenes, (N, 24, 24, 3) float32. Raises as :func:`check_scene`."""
    shape = (len(drawn), GRID * CELL, GRID * CELL, 3)
    return np.array([draw(things) for things in drawn], np.float32).reshape(shape)


# --- scenes by chance ----------------------------------------------------------------------


def scenes(
    rng: np.random.Generator,
    N: int,
    things: Sequence[int] = (1, 2),
    diagonal: bool = False,
    different: bool = False,
) -> list[Scene]:
    """N scenes; the things of each are of different kinds and in the order of :func:`ordered`.

    Kinds and places are drawn uniformly. Without ``diagonal``, places are drawn again until the
    first thing is not as many rows as columns away from any other; then exchanging left and right,
    above and below, or rows and columns maps the places that are left onto themselves, and so each
    of the four relations has the probability 1/4, whatever the kinds are.

    Args:
        rng: source of chance.
        N: how many.
        things: how many things a scene may have, 0 to 3; drawn uniformly from these.
        diagonal: places on a diagonal are allowed.
        different: no two scenes are the same, so that some can be kept for a test.

    Raises ValueError for an N below 1, other numbers of things, and where N different scenes
    are not found.
    """
    check_counts(N=N)
    if not things or not set(things) <= set(range(MOST + 1)):
        raise ValueError(f"things = {tuple(things)}; expected some of 0 to {MOST}")
    found: list[Scene] = []
    seen: set[Scene] = set()
    for _ in range(200 * N):
        scene = _one(rng, int(rng.choice(np.array(things))), diagonal)
        if not different or scene not in seen:
            seen.add(scene)
            found.append(scene)
        if len(found) == N:
            return found
    raise ValueError(f"only {len(found)} different scenes were found; expected N = {N}: ask for "
                     "fewer, or for more things")  # fmt: skip


def _one(rng: np.random.Generator, count: int, diagonal: bool) -> Scene:
    kinds = [KINDS[int(k)] for k in np.sort(rng.choice(len(KINDS), count, replace=False))]
    while True:
        places = [divmod(int(k), GRID) for k in rng.choice(GRID * GRID, count, replace=False)]
        aside = [
            abs(row - places[0][0]) != abs(column - places[0][1]) for row, column in places[1:]
        ]
        if diagonal or all(aside):
            break
    return tuple(
        Thing(shape, colour, size, *place)
        for (size, colour, shape), place in zip(kinds, places, strict=True)
    )


def ordered(things: Sequence[Thing]) -> Scene:
    """The things as a sentence names them: small before large, then by colour, then by shape.

    Only among things of one kind does the place decide, the higher one first, then the left one.
    """
    return tuple(sorted(check_scene(things), key=lambda t: (KINDS.index(t.kind), t.row, t.column)))


# --- from a scene to sentences ----------------------------------------------------------------


def relation(a: Thing, b: Thing) -> str:
    """Where a lies, seen from b, in the direction in which they are farther apart.

    As many rows as columns apart, it is left of or right of.
    """
    down, right = a.row - b.row, a.column - b.column
    if abs(down) > abs(right):
        return "below" if down > 0 else "above"
    return "right of" if right > 0 else "left of"


def relations(a: Thing, b: Thing) -> tuple[str, ...]:
    """All that are true: one or two, that of :func:`relation` first."""
    holds = {"left of": a.column < b.column, "right of": a.column > b.column,
             "above": a.row < b.row, "below": a.row > b.row}  # fmt: skip
    first = relation(a, b)
    return (first, *(name for name in RELATIONS if holds[name] and name != first))


def sentence(things: Sequence[Thing], language: str = "en") -> str:
    """The usual sentence for a scene of up to three things, in English or Chinese.

    >>> sentence([Thing("circle", "red", "small", 0, 0), Thing("square", "blue", "large", 0, 2)])
    'a small red circle left of a large blue square'

    Raises ValueError for another language, more things, and as :func:`check_scene`.
    """
    return sentences(things, language)[0]


def sentences(things: Sequence[Thing], language: str = "en") -> list[str]:
    """True sentences that name all the things, all different; the usual one first.

    There are two for an empty board or one thing, and four or eight for two, since each may come
    first, and since some things lie, say, both left of and above another. Raises as
    :func:`sentence`.
    """
    _check_language(language)
    if len(things) > MOST:
        raise ValueError(f"things has {len(things)}; sentences are made for up to {MOST}")
    scene = ordered(things)
    if not scene:
        return list(_EMPTY[language])
    plain = [_filled(said, language) for said in _meanings(scene)]
    return list(dict.fromkeys([*plain, *(_there(line, language) for line in plain)]))


def words(line: str, language: str = "en") -> list[str]:
    """A sentence as words: English at its blanks, Chinese by its list of words.

    Chinese characters outside that list become words of their own. Raises ValueError for another
    language.
    """
    _check_language(language)
    if language == "en":
        return line.split()
    return re.findall("|".join([*map(re.escape, _ZH_WORDS), r"\S"]), line)


def join(found: Sequence[str], language: str = "en") -> str:
    """The sentence of these words: the reverse of :func:`words`."""
    _check_language(language)
    return ("" if language == "zh" else " ").join(found)


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise ValueError(f"language = {language!r}; expected one of {LANGUAGES}")


def _meanings(scene: Scene) -> Iterator[Said]:
    """Each thing first, with each choice of true relations; the usual one at the very start."""
    for k in range(len(scene)):
        first, others = scene[k], scene[:k] + scene[k + 1 :]
        for said in itertools.product(*(relations(first, other) for other in others)):
            yield Said((first.kind, *(other.kind for other in others)), said)


def _filled(said: Said, language: str) -> str:
    """What is said, in the usual words."""
    first, *others = (_named(kind, language) for kind in said.kinds)
    if language == "en":
        parts = [f"{name} {other}" for name, other in zip(said.relations, others, strict=True)]
        return " ".join([first, " and ".join(parts)]).strip()
    parts = [f"在{other}{_ZH[name]}" for name, other in zip(said.relations, others, strict=True)]
    return first + "，".join(parts)


def _named(kind: ThingKind, language: str) -> str:
    if language == "en":
        return " ".join(["a", *kind])
    return "".join(_ZH[word] for word in kind)


def _there(line: str, language: str) -> str:
    return f"there is {line}" if language == "en" else f"有一个{line}"


# --- from a sentence back --------------------------------------------------------------------


def understood(line: str, language: str = "en") -> Said | None:
    """What a sentence says, or None where it is not one of the kind that is made here.

    Written apart from the making of sentences, so that each can test the other. Raises ValueError
    for another language.
    """
    _check_language(language)
    if line in _EMPTY[language]:
        return Said((), ())
    found = words(line, language)
    if language == "zh":
        english = {zh: en for en, zh in _ZH.items()}
        found = [english.get(word, word) for word in found]
        return _read_zh(found[2:] if found[:2] == ["有", "一个"] else found)
    return _read_en(found[2:] if found[:2] == ["there", "is"] else found)


def _kind(found: Sequence[str]) -> ThingKind | None:
    """Size, colour and shape, if these three words are that."""
    kind = tuple(found)
    return kind if kind in KINDS else None


def _read_en(found: list[str]) -> Said | None:
    """a KIND, then "left of", "right of", "above" or "below" a KIND, more of these after "and"."""
    line = " ".join(found).replace("left of", "left_of").replace("right of", "right_of")
    parts = re.split(r" (?:and )?(?=(?:left_of|right_of|above|below) )", line)
    kinds, names = [], []
    for k, part in enumerate(parts):
        name, _, rest = ("", "", part) if k == 0 else part.partition(" ")
        article, *rest_words = rest.split(" ")
        kinds.append(_kind(rest_words) if article == "a" else None)
        names.append(name.replace("_", " "))
    ands = len(re.findall(r" and (?=left_of|right_of|above|below)", line))
    return _said(kinds, names[1:]) if ands == max(len(parts) - 2, 0) else None


def _read_zh(found: list[str]) -> Said | None:
    """KIND, then 在 KIND 左边, and so on, with a ， between two of these."""
    kinds, names, k = [_kind(found[:3])], [], 3
    while k < len(found):
        opening = ["在"] if k == 3 else ["，", "在"]
        start = k + len(opening)
        if found[k:start] != opening or len(found) < start + 4:
            return None
        kinds.append(_kind(found[start : start + 3]))
        names.append(found[start + 3])
        k = start + 4
    return _said(kinds, names)


def _said(kinds: Sequence[ThingKind | None], names: Sequence[str]) -> Said | None:
    whole = tuple(kind for kind in kinds if kind is not None)
    if len(whole) < len(kinds) or not set(names) <= set(RELATIONS):
        return None
    return Said(whole, tuple(names))


def true_of(line: str, things: Sequence[Thing], language: str = "en") -> bool:
    """Is the sentence true of the scene, and does it name everything that is there?

    A sentence that is not understood is not true. Raises as :func:`check_scene`, and ValueError
    for another language.
    """
    said, scene = understood(line, language), check_scene(things)
    if said is None or len(said.kinds) != len(scene):
        return False
    return any(
        tuple(thing.kind for thing in way) == said.kinds
        and all(
            _holds(name, way[0], other) for name, other in zip(said.relations, way[1:], strict=True)
        )
        for way in itertools.permutations(scene)
    )


def _holds(name: str, a: Thing, b: Thing) -> bool:
    """Is the relation true? By places as numbers in a plane, x to the right and y up."""
    x, y = b.column - a.column, a.row - b.row  # from a to b
    dx, dy = {"left of": (1, 0), "right of": (-1, 0), "above": (0, -1), "below": (0, 1)}[name]
    return x * dx + y * dy > 0
