"""Write _config.zh.yml: _config.yml plus the overrides below.

python -m tools.site.config_zh           write it
python -m tools.site.config_zh --check   exit 1 if it differs
"""

import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]

OVERRIDES = {
    "title": "循环神经网络",
    "author": "rnncourse 编写组",
    "repository": {"path_to_book": "book/zh"},
    "sphinx": {
        "config": {
            "language": "zh_CN",
            # Sphinx looks up its search language by this code; jieba must be installed.
            "html_search_language": "zh",
            "togglebutton_hint": "展开",
            "togglebutton_hint_hide": "收起",
            "nb_code_prompt_show": "显示代码",
            "nb_code_prompt_hide": "隐藏代码",
            "html_theme_options": {
                "search_bar_text": "搜索本书……",
                "logo": {"text": "循环神经网络"},
            },
        }
    },
    # Jupyter Book ignores this key; tools/site/build.py puts the captions into the toc.
    "part_captions": {
        "For readers": "读者专页",
        "Part I: Memory": "第一部分：记忆",
        "Part II: Gates": "第二部分：门控",
        "Part III: Words": "第三部分：词",
        "Part IV: First applications": "第四部分：初步应用",
        "Part V: From sequence to sequence": "第五部分：从序列到序列",
        "Part VI: Structure and sound": "第六部分：结构与声音",
        "Part VII: Other worlds": "第七部分：别的世界",
        "For teachers": "教师专页",
        "Reference": "参考",
    },
}

HEADER = "# Generated from _config.yml by tools/site/config_zh.py. Do not edit.\n"


def merged(base: dict, over: dict) -> dict:
    """Return `base` with `over` laid on it, dictionaries key by key."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def generate(root: Path = ROOT) -> str:
    """Return the text of _config.zh.yml for the course at `root`."""
    base = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    body = yaml.safe_dump(merged(base, OVERRIDES), allow_unicode=True, sort_keys=False)
    return HEADER + body


def main() -> int:
    target, text = ROOT / "_config.zh.yml", generate()
    current = target.read_text(encoding="utf-8") if target.exists() else None
    if current == text:
        return 0
    if "--check" in sys.argv[1:]:
        print("_config.zh.yml differs from _config.yml plus overrides: run `make book`")
        return 1
    target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
