"""Phrase files that translators edit: texts by hand, and what a mistake in a file is told."""

import os
import subprocess
import sys

import numpy as np
import pytest

from rnncourse import data
from rnncourse.data.corpora import letters, phrases, reviews, verdicts, world
from rnncourse.grading.confine import stage

READERS = {"reviews": reviews.read, "letters": letters.read, "verdicts": verdicts.read,
           "world": world.read}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "seed", "english", "chinese"),
    [
        (
            "made_up_reviews", 0,
            "I read a book in the evening. The bed was not terrible.",
            "晚上我看了一本书。床铺并不糟。",
        ),
        (
            "made_up_letters", 3,
            "My neighbour says the same. After the hail the sky was clear.",
            "我的邻居也这么说。冰雹过后，天空放晴了。",
        ),
        (
            "made_up_opinions", 1,
            "This is about the match. It was not, as people here like to say, terrible. "
            "I have read your paper for many years. It was great.",
            "这封信说的是比赛。我不觉得像我和家人都说的那样糟。我读贵报已经很多年了。我觉得棒。",
        ),
        (
            "made_up_verdicts", 3,
            "Although the ending was, much like the last time, excellent, as far as I could see, "
            "the dialogue was, from beginning to end, terrible, which nobody had expected. "
            "A friend had told me about it.",
            "虽然结局跟上一次差不多很出色，至少我看是这样，对白却从头到尾都很糟糕，谁也没有料到。"
            "这是一个朋友告诉我的。",
        ),
    ],
)  # fmt: skip
def test_a_seed_makes_this_text(name, seed, english, chinese):
    """Recorded runs and the pages' outputs rest on it."""
    N = 2 if name in ("made_up_opinions", "made_up_verdicts") else 1  # twins come in pairs
    for language, text in (("en", english), ("zh", chinese)):
        texts, _ = data.load(name, rng=np.random.default_rng(seed), N=N, language=language)
        assert texts[0] == text


def test_a_seed_makes_this_world():
    for language, text in (("en", "a newborn chick drinks milk in the coop"),
                           ("zh", "刚 出生 的 小鸡 在 鸡窝 里 喝 奶")):  # fmt: skip
        made = data.load("little_world", rng=np.random.default_rng(4), N=1, language=language)
        assert made.sentences == [text.split()]


def test_the_desks_have_names_in_both_languages():
    assert data.corpora.DESKS["en"] == ("weather", "food", "sport", "music", "traffic")
    assert data.corpora.DESKS["zh"] == ("天气", "饮食", "体育", "音乐", "交通")
    assert all(hasattr(data.corpora, name) for name in data.corpora.__all__)
    with pytest.raises(AttributeError, match="no attribute 'TABLES'"):
        _ = data.corpora.TABLES


def test_the_story_is_one_paragraph_in_each_language():
    stories = {
        language: data.load("telegraph_office", language=language) for language in ("en", "zh")
    }
    assert stories["en"].startswith("Every morning the sender writes a message and the clerk")
    assert stories["zh"].endswith("最好的报务员看看大家真正写的是什么，写得最多的就编一个号码。")
    assert not any("\n" in story for story in stories.values())


# --- mistakes in a file -------------------------------------------------------------------

MISTAKES = {
    "a language missing": ("reviews", "  - {en: room, zh: 房间}", "  - {en: room}",
        r"reviews\.yml, line \d+, subjects 1: found en; expected en, zh, each once"),
    "a language named wrongly": ("reviews", "{en: bed, zh: 床铺}", "{en: bed, cn: 床铺}",
        "subjects 4: found en, cn; expected en, zh"),
    "a language twice": ("letters", '    zh: "请刊登这封信。"',
        '    zh: "请刊登这封信。"\n    zh: "请刊登。"',
        "anywhere 2: found en, zh, zh; expected en, zh"),
    "nothing behind the colon": ("letters", 'zh: "我女儿当时也在。"', "zh:",
        'anywhere 7 zh: found nothing; expected a text, or ""'),
    "a text over two lines": ("letters", '"请刊登这封信。"', '"请刊登\n      这封信。"',
        "anywhere 2 zh: found a text over several lines"),
    "a placeholder without quotes": ("letters", 'zh: "{thing}是场上表现最好的。"', "zh: {thing}",
        "desks 3 sentences 1 zh: found names with values; expected a text"),
    "no YAML": ("letters", 'zh: "{thing}是场上表现最好的。"', "zh: {thing}是场上表现最好的。",
        r"(?s)letters\.yml: found .*line \d+.*quotes around texts"),
    "an unknown placeholder": ("letters", "为{thing}写了", "为{things}写了",
        r"desks 4 sentences 6 zh: found \{things\}; expected \{thing\}, each once"),
    "a placeholder lost": ("letters", "为{thing}写了", "为它写了",
        r"sentences 6 zh: found no placeholder; expected \{thing\}"),
    "a placeholder twice": ("reviews", '"{subject}{degree}', '"{subject}{degree}{degree}',
        r"verdict zh: found \{subject\}, \{degree\}, \{degree\}, \{adjective\}; expected"),
    "a brace left open": ("reviews", "{degree}{adjective}。", "{degree}{adjective。",
        "verdict zh: found .*adjective。'; expected each { with its }"),
    "a placeholder in a plain phrase": ("verdicts", "zh: 剧情", 'zh: "{one}"',
        r"subjects film 1 zh: found \{one\}; expected none"),
    "a placeholder in one language": ("verdicts", "{first}，{other}却", "{first}，却",
        r"verdict_second 2: found \{one\}, \{first\}, \{other\}, \{second\} in en, \{one\}, "
        r"\{first\}, \{second\} in zh; expected the same"),
    "fewer things at a desk": ("letters", "      - {en: harp, zh: 竖琴}\n", "",
        r"letters\.yml, line \d+, desks 4 things: found 7 entries; expected 8"),
    "another table": ("letters", "desks:\n", "desks: []\nleft:\n",
        "found desks, left, anywhere, opinions; expected desks, anywhere, opinions"),
    "more praise than blame": ("reviews", "  - {en: great, zh: 棒}\n",
        "  - {en: great, zh: 棒}\n  - {en: fine, zh: 不错}\n",
        "blame: found 2 entries; expected 3"),
    "forms on one side": ("verdicts", "verdict_second:\n",
        'verdict_second:\n  - en: "{one}{first}{second}"\n    zh: "{one}{first}{second}"\n',
        "verdict_second: found 5 entries; expected 4"),
    "a column missing": ("world", "法国 巴黎 法语 红酒", "法国 巴黎 法语",
        "tables country 1: found 3 words, '法国 巴黎 法语'; expected 4: country, capital, lang"),
    "a word of two kinds": ("world", "zh: 苹果", "zh: 土豆",
        "tables vegetable 4: found '土豆' again; expected each word once"),
    "a placeholder glued to a word": ("world", "{capital} 的 街上", "{capital}的 街上",
        r"frames country 2: found '\{capital\}的'; expected blanks"),
    "a column of another table": ("world", "{fruit} 蛋糕", "{vegetable} 蛋糕",
        r"frames fruit 4 zh: found \{vegetable\}, \{quality\}; expected none, each once, and "
        r"perhaps \{fruit\}, \{quality\}"),
}  # fmt: skip


def copied(folder, name, old="", new=""):
    text = (phrases.FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    assert old in text
    (folder / f"{name}.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_a_copy_reads_as_the_file_does(name, tmp_path):
    assert READERS[name](copied(tmp_path, name)) == READERS[name]()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named(mistake, tmp_path):
    """Planted in a copy: file, line and place, what was found, what was expected."""
    name, old, new, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        READERS[name](copied(tmp_path, name, old, new))


def test_the_line_is_the_one_in_the_file(tmp_path):
    copied(tmp_path, "verdicts", "zh: 茶水", "zh:")
    lines = (tmp_path / "verdicts.yml").read_text(encoding="utf-8").splitlines()
    with pytest.raises(ValueError, match=f"line {lines.index('    - {en: tea, zh:}') + 1}, "):
        verdicts.read(tmp_path)


def test_another_encoding_and_an_empty_file_are_named(tmp_path):
    copied(tmp_path, "world")
    path = tmp_path / "world.yml"
    path.write_text(path.read_text(encoding="utf-8"), encoding="gb18030")
    with pytest.raises(ValueError, match=r"world\.yml: found .*expected YAML in UTF-8"):
        world.read(tmp_path)
    path.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"world\.yml: found nothing"):
        world.read(tmp_path)


@pytest.mark.parametrize(
    ("text", "size", "message"),
    [
        ("[]", None, "things: found 0 entries; expected at least one"),
        ("{en: rain, zh: 雨}", None, "things: found names with values; expected a list"),
        ("rain", None, "things: found the text 'rain'; expected a list"),
        ("[rain]", None, "things 1: found the text 'rain'; expected en, zh, each once"),
        ("[[rain, 雨]]", None, "things 1: found a list; expected en, zh, each once"),
        ("[{}]", None, "things 1: found nothing; expected en, zh, each once"),
        ("[{en: rain, zh: 雨}]", 5, "things: found 1 entries; expected 5"),
    ],
)
def test_what_is_no_list_of_phrases_is_named(tmp_path, text, size, message):
    (tmp_path / "new.yml").write_text(f"things: {text}\n", encoding="utf-8")
    part = phrases.read("new", tmp_path).named("things")["things"]
    with pytest.raises(ValueError, match=rf"^new\.yml, line 1, {message}"):
        phrases.pairs(part, size=size)


def test_everything_is_text(tmp_path):
    """YAML would read no, 12 and ~ as something else."""
    copied(tmp_path, "reviews", "{en: room, zh: 房间}", "{en: no, zh: 12}")
    assert reviews.read(tmp_path).subjects[0] == ("no", "12")


# --- what is loaded when ------------------------------------------------------------------


def run(code, path):
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=path,
                            env=os.environ | {"PYTHONPATH": str(path)}, check=False)  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_the_import_loads_no_yaml():
    loaded = (
        "import sys, rnncourse.data; print(*{'yaml', 'matplotlib', 'torch'} & set(sys.modules))"
    )
    assert run(loaded, phrases.FOLDER.parents[2]) == []


def test_a_learners_copy_reads_texts_and_says_that_yaml_is_missing(tmp_path):
    stage.copy_package(phrases.FOLDER.parents[1], tmp_path / "rnncourse", [])
    code = """
import sys
sys.modules["yaml"] = None  # none of the packages that an exercise gets by itself
import numpy as np
from rnncourse import data
print(*[len(data.load(name)) for name in ("telegraph_office", "segmented_sentences")])
try:
    data.load("little_world", rng=np.random.default_rng(0), N=1)
except ImportError:
    print(data.__file__)
"""
    story = data.load("telegraph_office")
    place = str(tmp_path / "rnncourse" / "data" / "__init__.py")
    assert run(code, tmp_path) == [str(len(story)), "285", place]
