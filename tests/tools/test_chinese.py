"""The Chinese edition's rules that can be counted: by hand on sentences, then on every page."""

import pytest

from tools.editions import chinese
from tools.editions.checks import stems

ALL = 10 * "这里有二十个字的一段话所以够长可以数了。"


@pytest.mark.parametrize(
    "text",
    ["它的准确率是 0.9。", "小测验有三道题。", "**跳元模型**（skip-gram）看一个词。",
     "这种做法又译丢弃法。", "学习率范围测试", "最长的词数是最短的四倍。", "由 {eq}`eq-a` 可知",
     "读[](rnn.md)一章。", "代码里的 `notebook` 和 n_ex_01.ipynb", "断言语句写作 assert。",
     "有两个*重点*，\n\n分在两段，*不*算多。", "| *甲* | *乙* |", "用 *but* 和 *not* 举例。"],
)  # fmt: skip
def test_what_is_good_chinese_is_left_alone(text):
    assert chinese.problems_of(text) == []


@pytest.mark.parametrize(
    ("text", "better"),
    [("它的正确率是 0.9。", "准确率"), ("## 证明", "验证"), ("先作断言。", "论断"),
     ("测验", "小测验"), ("打开 notebook 运行", "笔记本"), ("由式 {eq}`eq-a`", "没有“式”"),
     ("由{eq}`eq-b`和公式 {eq}`eq-a`", "没有“式”"), ("读“[](rnn.md)”一章", "没有引号"),
     ("代价少了十倍", "分之一"), ("一段里*两处*着重*号*。", "着重号")],
)  # fmt: skip
def test_what_is_not_is_named_with_what_is_better(text, better):
    (found,) = chinese.problems_of(text)
    assert better in found


def test_colons_are_counted_by_hand():
    """Ten times 20 characters; one colon explains, one is a label's, one ends its block."""
    text = f"{ALL}\n\n**论断：** 甲\n\n也就是：乙丙\n\n如下：\n"
    number = chinese.counts(text)
    assert number.characters == 10 * 19 + 2 + 1 + 5 + 2
    assert number.colons == pytest.approx(1000 / number.characters)


def test_rations_are_for_a_page_and_short_pages_may_have_colons():
    twice = "什么也没有。\n\n谁也不知道。"
    assert chinese.problems_of(twice) == []
    assert "3 什么也/谁也/没有人" in chinese.problems_of(f"{twice}\n\n没有人来。")[0]
    assert chinese.problems_of("甲：乙：丙") == []
    assert "colons" in chinese.problems_of(5 * ALL + 9 * "甲：乙")[0]


@pytest.mark.parametrize("stem", stems(chinese.ROOT))
def test_a_page_keeps_the_rules(stem):
    assert chinese.problems(wanted=[stem]) == []
