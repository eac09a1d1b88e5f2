"""Drawn scenes: pixels by hand, sentences true of their scenes, relations by counting."""

import itertools
from collections import Counter

import numpy as np
import pytest

from rnncourse.data import scenes
from rnncourse.data.scenes import Said, Thing

RED = Thing("circle", "red", "small", 0, 0)
BLUE = Thing("square", "blue", "large", 0, 2)
GREEN = Thing("triangle", "green", "small", 3, 1)


def test_a_picture_has_these_pixels():
    picture = scenes.draw([RED._replace(row=2, column=1)])
    assert picture.shape == (24, 24, 3)
    assert picture.dtype == np.float32
    painted = picture.any(axis=2)
    assert painted.sum() == 12
    assert painted[13:17, 7:11].tolist() == [[False, True, True, False], [True] * 4, [True] * 4,
                                             [False, True, True, False]]  # fmt: skip
    assert np.array_equal(picture[14, 7], np.float32([213 / 255, 94 / 255, 0]))


def test_kinds_have_different_pictures():
    drawn = {scenes.draw([Thing(shape, colour, size, 0, 0)]).tobytes()
             for size, colour, shape in scenes.KINDS}  # fmt: skip
    assert len(drawn) == len(scenes.KINDS) == 24


def test_a_thing_stays_in_its_cell_and_an_empty_board_is_black():
    for shape, size in itertools.product(scenes.SHAPES, scenes.SIZES):
        picture = scenes.draw([Thing(shape, "yellow", size, 1, 3)])
        inside = picture[6:12, 18:24].any(axis=2).sum()
        assert inside == picture.any(axis=2).sum() > 0
    assert not scenes.draw([]).any()
    assert scenes.pictures([(), (RED, BLUE)]).shape == (2, 24, 24, 3)
    assert scenes.pictures([]).shape == (0, 24, 24, 3)


def test_the_usual_sentences():
    said = scenes.sentence
    assert said([]) == "the board is empty"
    assert said([], "zh") == "棋盘是空的"
    assert said([BLUE]) == "a large blue square"
    assert said([BLUE], "zh") == "大的蓝色正方形"
    assert said([BLUE, RED]) == "a small red circle left of a large blue square"
    assert said([BLUE, RED], "zh") == "小的红色圆在大的蓝色正方形左边"
    three = "a small red circle above a small green triangle and left of a large blue square"
    assert said([BLUE, RED, GREEN]) == three
    assert said([BLUE, RED, GREEN], "zh") == (
        "小的红色圆在小的绿色三角形上方，在大的蓝色正方形左边"
    )


def test_two_true_relations():
    assert scenes.relations(RED, GREEN) == ("above", "left of")
    assert scenes.relations(GREEN, RED) == ("below", "right of")
    assert scenes.relations(RED, BLUE) == ("left of",)
    diagonal = GREEN._replace(row=2, column=2)
    assert scenes.relation(RED, diagonal) == "left of"
    assert scenes.sentences([RED, diagonal])[:2] == [
        "a small red circle left of a small green triangle",
        "a small red circle above a small green triangle",
    ]


def test_two_things_of_one_kind_have_a_sentence():
    twin = RED._replace(row=3)
    assert scenes.sentence([twin, RED]) == "a small red circle above a small red circle"


@pytest.mark.parametrize("language", scenes.LANGUAGES)
@pytest.mark.parametrize("diagonal", [False, True])
def test_each_sentence_is_true_of_its_scene(language, diagonal):
    rng = np.random.default_rng(3)
    for scene in scenes.scenes(rng, 300, (0, 1, 2, 3), diagonal):
        lines = scenes.sentences(scene, language)
        assert len(lines) == len(set(lines)) >= 2
        assert lines[0] == scenes.sentence(scene[::-1], language)
        for line in lines:
            assert scenes.true_of(line, scene, language), (line, scene)
            assert scenes.join(scenes.words(line, language), language) == line


@pytest.mark.parametrize("language", scenes.LANGUAGES)
def test_a_sentence_of_another_meaning_is_not_true(language):
    rng = np.random.default_rng(5)
    for scene in scenes.scenes(rng, 100, (2,), diagonal=True):
        opposite = {"left of": "right of", "right of": "left of", "above": "below",
                    "below": "above"}  # fmt: skip
        a, b = scene
        for name in scenes.RELATIONS:
            line = scenes._filled(Said((a.kind, b.kind), (name,)), language)
            assert scenes.true_of(line, scene, language) == (name in scenes.relations(a, b))
            back = scenes._filled(Said((b.kind, a.kind), (opposite[name],)), language)
            assert scenes.true_of(back, scene, language) == (name in scenes.relations(a, b))
        assert not scenes.true_of(scenes.sentence([a], language), scene, language)
        assert not scenes.true_of(scenes.sentence([], language), scene, language)


@pytest.mark.parametrize(
    ("line", "language"),
    [("", "en"), ("a red circle", "en"), ("a small red circle left a large blue square", "en"),
     ("a small red circle left of", "en"), ("a small red circle left of a", "en"),
     ("a small red circle and above a large blue square", "en"),
     ("a small red circle a large blue square", "en"), ("small red circle", "en"),
     ("there is there is a small red circle", "en"), ("", "zh"), ("红色圆", "zh"),
     ("小的红色圆在大的蓝色正方形", "zh"), ("小的红色圆大的蓝色正方形左边", "zh"),
     ("小的红色圆，在大的蓝色正方形左边", "zh"), ("小的红色圆在大的蓝色正方形红色", "zh")],
)  # fmt: skip
def test_what_is_no_sentence_is_not_understood(line, language):
    assert scenes.understood(line, language) is None
    assert not scenes.true_of(line, [RED], language)


def test_understood():
    two = Said((RED.kind, BLUE.kind), ("left of",))
    assert scenes.understood("there is a small red circle left of a large blue square") == two
    assert scenes.understood("有一个小的红色圆在大的蓝色正方形左边", "zh") == two
    assert scenes.understood("nothing is on the board") == Said((), ())


def test_each_relation_has_a_quarter_whatever_the_kinds():
    """All places that ``scenes`` may draw for two things, counted."""
    cells = list(itertools.product(range(4), range(4)))
    counts = Counter(
        scenes.relation(RED._replace(row=a, column=b), BLUE._replace(row=c, column=d))
        for (a, b), (c, d) in itertools.permutations(cells, 2)
        if abs(a - c) != abs(b - d)
    )
    assert len(set(counts.values())) == 1
    assert set(counts) == set(scenes.RELATIONS)


def test_scenes_are_as_asked_for():
    drawn = scenes.scenes(np.random.default_rng(0), 500, (1, 2), different=True)
    assert len(set(drawn)) == 500
    assert {len(scene) for scene in drawn} == {1, 2}
    for scene in drawn:
        assert scenes.ordered(scene) == scene
        assert len({thing.kind for thing in scene}) == len(scene)
        if len(scene) == 2:
            a, b = scene
            assert abs(a.row - b.row) != abs(a.column - b.column)
    again = scenes.scenes(np.random.default_rng(0), 500, (1, 2), different=True)
    assert again == drawn


def test_pictures_of_different_scenes_differ():
    drawn = scenes.scenes(np.random.default_rng(1), 800, (1, 2, 3), different=True)
    assert len({scenes.draw(scene).tobytes() for scene in drawn}) == 800


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="N"):
        scenes.scenes(rng, 0)
    with pytest.raises(ValueError, match=r"things = \(4,\)"):
        scenes.scenes(rng, 1, (4,))
    with pytest.raises(ValueError, match="different"):
        scenes.scenes(rng, 2, (0,), different=True)
    with pytest.raises(ValueError, match="two on one cell"):
        scenes.draw([RED, BLUE._replace(column=0)])
    with pytest.raises(ValueError, match="row 4"):
        scenes.draw([RED._replace(row=4)])
    with pytest.raises(ValueError, match="small pink circle"):
        scenes.sentence([RED._replace(colour="pink")])
    with pytest.raises(ValueError, match="language = 'fr'"):
        scenes.sentence([RED], "fr")
    with pytest.raises(ValueError, match="up to 3"):
        scenes.sentence([RED, BLUE, GREEN, GREEN._replace(row=2)])
