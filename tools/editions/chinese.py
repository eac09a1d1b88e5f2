"""What can be counted of the Chinese edition's rules: words, colons, rations.

    python -m tools.editions.chinese [STEM …]     print every problem, and the counts of each page

The rules that cannot be counted, above all that a sentence must read as one would say it in class,
remain with the writer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.editions.checks import prose, stems, without_code
from tools.editions.length import CHINESE, NOT_PROSE

ROOT = Path(__file__).resolve().parents[2]
COLONS = 6  # explanatory ones in a thousand characters; translated prose has 12 and more
FEW = 500  # characters of a page on which colons are not counted
RATION = 2  # a page: 什么也、谁也、没有人
# What must not stand → what stands in its place. One name for each thing, the field's own.
WORDS = {
    r"n 元组": "n 元语法",
    r"奈特": "纳特",
    r"诊所|门诊": "常见错误",
    r"正确率": "准确率",
    r"结点": "节点",
    r"泄露": "泄漏",
    r"标准误差": "标准误",
    r"逻辑函数": "sigmoid 函数",
    r"沿时间取最大值": "沿时间最大池化",
    r"惯量": "簇内平方和",
    r"(?<!学习率)范围测试": "学习率范围测试",
    r"小批次": "小批量",
    r"(?<!批次)整理函数": "批次整理函数",
    r"多对一": "N → 1",
    r"(?<!小)测验": "小测验",
    r"课程包": "软件包",
    r"(?i)(?<![A-Za-z/_.])notebook(?![A-Za-z/_.])": "笔记本",
    r"叫做": "叫作",
    r"改法|药方": "改正",
    r"(?<!（)\b[Ss]kip-gram\b(?!）)": "跳元模型",
    r"(?<!、)(?<!又译)丢弃法": "随机失活",
    r"断言(?!.*assert)": "论断",
    r"^#+ 证明$": "验证",
    r"弯曲函数": "非线性函数、激活函数",
    r"搬运权重": "换算权重、复制权重",
    r"(?<!最)[少小低短慢]了?[^，。；：、\n]{0,2}[十百千万两三四五六七八九几]倍": "降到……分之一",
}
# How references are written, since the book prints 式 (n), and “ ” around a chapter's name.
REFERENCES = {
    r"(?:公式|方程|等式|式)[（( ]*\{eq\}": "没有“式”的 {eq}",
    r"“\[\]\(": "没有引号的 [](…)",
    r"“\{ref\}`[\w-]+`”": "没有引号的 {ref}",
}
RATIONED = re.compile("什么也|谁也|没有人|没人")
# Dots under Chinese words; what has no Chinese in it is printed in italics.
EMPHASIS = re.compile(r"(?<![*\\])\*(?![*\s])[^*\n]*[\u3400-\u9fff][^*\n]*(?<![\s*])\*(?!\*)")
LABEL = re.compile(r"\*\*[^*\n]+：\*\*")  # such as **论断：**


class Counts(NamedTuple):
    """What a page has of that which is rationed."""

    characters: int
    colons: float  # in a thousand characters
    rationed: int


def paragraphs(text: str) -> Iterator[str]:
    """The blocks of a page's prose, without code, formulas and what opens a directive."""
    text = re.sub(r"^:{3,}.*$|^```.*$|^:\w+:.*$", "", without_code(text), flags=re.M)
    for block in re.split(r"\n\s*\n", NOT_PROSE.sub(" x ", text)):
        if CHINESE.search(block):
            yield block.strip()


def is_table_or_heading(block: str) -> bool:
    return block.startswith(("|", "#"))


def counts(text: str) -> Counts:
    """Count a page. A colon that ends its block, or a bold label, only says what follows."""
    blocks = [block for block in paragraphs(text) if not is_table_or_heading(block)]
    characters = sum(len(CHINESE.findall(block)) for block in blocks)
    colons = sum(LABEL.sub("", block).rstrip("：").count("：") for block in blocks)
    rationed = sum(len(RATIONED.findall(block)) for block in blocks)
    return Counts(characters, 1000 * colons / max(characters, 1), rationed)


def problems_of(text: str) -> list[str]:
    """Return what is against the rules on one page's Markdown."""
    found = []
    words = without_code(text)
    for pattern, better in {**WORDS, **REFERENCES}.items():
        for match in re.finditer(pattern, words, re.M):
            line = words[words.rfind("\n", 0, match.start()) + 1 :].split("\n", 1)[0]
            found.append(f"“{match[0]}” → {better}: {line.strip()[:60]}")
    for block in paragraphs(text):
        if len(EMPHASIS.findall(block)) > 1 and not is_table_or_heading(block):
            found.append(f"着重号一段最多一处: {block[:60]}")
    number = counts(text)
    if number.characters > FEW and number.colons > COLONS:
        found.append(f"{number.colons:.1f} colons in a thousand characters; at most {COLONS}")
    if number.rationed > RATION:
        found.append(f"{number.rationed} 什么也/谁也/没有人; at most {RATION}")
    return found


def problems(root: Path = ROOT, wanted: list[str] | None = None) -> list[str]:
    """Return what is against the rules on the Chinese pages, or on some of them."""
    found = []
    for stem in wanted or stems(root):
        page = root / "book" / "zh" / f"{stem}.md"
        found += [f"book/zh/{stem}.md: {problem}" for problem in problems_of(prose(page))]
    return found


def main() -> int:
    wanted = sys.argv[1:] or stems(ROOT)
    print(f"{'page':20}{'characters':>12}{'colons ‰':>10}{'rationed':>10}")
    for stem in wanted:
        number = counts(prose(ROOT / "book" / "zh" / f"{stem}.md"))
        print(f"{stem:20}{number.characters:12}{number.colons:10.1f}{number.rationed:10}")
    found = problems(ROOT, wanted)
    print("\n".join(found) or "no problems")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
