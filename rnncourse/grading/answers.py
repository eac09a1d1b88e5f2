"""Which exercises a notebook answers: by its metadata, its file's name, its calls of `check`."""

from __future__ import annotations

import functools
import io
import re
import tokenize
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from rnncourse.grading.compare import Text
from rnncourse.grading.exercise import Notebook, NotebookError
from rnncourse.grading.printable import printable

MAX_TOKENIZED = 500_000  # characters of a notebook; the tokenizer is slow
STRING = r"[a-zA-Z]{0,2}(\"\"\"|'''|\"|')\s*(\w+)\s*\1"
LITERAL = re.compile(STRING)
CALL = re.compile(rf"^[^#\n]*\bcheck\s*\(\s*(?:exercise_id\s*=\s*)?{STRING}", re.M)
SPEC_FUNCTION = re.compile(r"^function\s*=\s*[\"'](\w+)[\"']", re.M)


class Answered(NamedTuple):
    """The exercises that a notebook is graded for, and what to say where its marks disagree."""

    exercises: list[str]
    note: Text | None = None


@functools.lru_cache(8)
def _pattern(known: tuple[str, ...]) -> re.Pattern[str] | None:
    ids = [re.escape(name).replace("_", r"[_\-\s.]?") for name in sorted(known, key=len)[::-1]]
    if not ids:
        return None
    # Behind it a Chinese notebook says so: rnn_ex_01.zh.ipynb
    language = r"(?:[_\-\s.]?zh(?![a-zA-Z]))?"
    return re.compile(rf"(?<![a-zA-Z])(?P<id>{'|'.join(ids)})(?!\d){language}", re.I)


def exercise_pattern(known: Collection[str]) -> re.Pattern[str] | None:
    """What finds an exercise's id in a name, as people write it: `RNN-ex 01` is `rnn_ex_01`.

    The id is the group of this name; what follows it and says the language belongs to the match.
    """
    return _pattern(tuple(sorted(known)))


def named(text: str, known: Collection[str]) -> list[str]:
    """The exercises whose ids stand in a file's name, in their order."""
    pattern = exercise_pattern(known)
    plain = {_bare(name): name for name in known}
    found = [match["id"] for match in pattern.finditer(text)] if pattern else []
    return list(dict.fromkeys(plain[_bare(name)] for name in found))


def _bare(name: str) -> str:
    return re.sub(r"[_\-\s.]", "", name).lower()


def called(cells: Iterable[str]) -> list[str]:
    """The first arguments of the calls of `check`, in their order, in any spelling.

    Read as text and never parsed to a tree, whose depth could end this process. A comment or a
    longer string does not count.
    """
    found: list[str] = []
    left = MAX_TOKENIZED
    for source in cells:
        if "check" in source:
            left -= len(source)
            tokens = _tokens(source) if left >= 0 else None
            found += _calls(tokens) if tokens else [m[2] for m in CALL.finditer(source)]
    return list(dict.fromkeys(found))


def _tokens(source: str) -> list[tokenize.TokenInfo] | None:
    """A cell's tokens without IPython's lines and comments; None where it is not Python."""
    source = re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.M)
    skipped = {tokenize.COMMENT, tokenize.NL}
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        return [token for token in tokens if token.type not in skipped]
    except (tokenize.TokenError, SyntaxError, ValueError):
        return None


def _calls(tokens: Sequence[tokenize.TokenInfo]) -> list[str]:
    found = []
    for k, token in enumerate(tokens):
        if token.string != "check" or token.type != tokenize.NAME:
            continue
        text = [t.string for t in tokens[k + 1 : k + 6]]
        if text[:1] != ["("]:
            continue
        rest = text[3:] if text[1:3] == ["exercise_id", "="] else text[1:]
        literal = LITERAL.fullmatch("".join(rest[:3])) or LITERAL.fullmatch("".join(rest[:1]))
        if literal:
            found.append(literal[2])
    return found


def answered(notebook: Notebook, names: Sequence[str], known: Collection[str]) -> Answered:
    """The exercises that a notebook answers; `names` are those in its file's name.

    Each that a call of `check`, the metadata or the name says, except one that the code plainly
    does not answer while it answers another. Raises `NotebookError` where nothing known is said.
    """
    code = [cell.source for cell in notebook.cells if cell.kind == "code"]
    calls = [name for name in called(code) if name in known]
    marked = [name for name in [notebook.exercise] if name is not None and name in known]
    claims = list(dict.fromkeys([*marked, *names, *calls]))
    if not claims:
        raise NotebookError(*_unknown(notebook))
    functions = _functions(known)
    defined = [name for name in claims if _defines(code, functions.get(name))]
    plausible = [name for name in claims if name in calls or name in defined] or claims
    return Answered(plausible, _conflict(notebook, names, calls))


def _unknown(notebook: Notebook) -> Text:
    if notebook.exercise is not None:
        name = printable(notebook.exercise)[:60]
        return f"unknown exercise {name}", f"未知的练习 {name}"
    return ("unknown exercise: neither metadata nor file name has its id, nor does a call of "
            "check: put it into the file's name, as in rnn_ex_01.ipynb",
            "未知的练习：元数据、文件名和 check 调用中都没有练习编号："
            "请在文件名中写上编号，例如 rnn_ex_01.ipynb")  # fmt: skip


def _functions(known: Collection[str]) -> dict[str, str]:
    """The function that each exercise asks for, where the solutions are at hand."""
    found = {}
    for name, notebook in known.items() if isinstance(known, Mapping) else ():
        for cell in notebook.cells:
            if "spec" in cell.tags and (match := SPEC_FUNCTION.search(cell.source)):
                found[name] = match[1]
    return found


def _defines(code: Iterable[str], function: str | None) -> bool:
    """True where some cell defines a function of this name, or gives something this name."""
    if function is None:
        return False
    pattern = re.compile(rf"^[ \t>.]*(?:async\s+)?(?:def\s+{function}\b|{function}\s*=[^=])", re.M)
    return any(pattern.search(source) for source in code)


def _conflict(notebook: Notebook, names: Sequence[str], calls: Sequence[str]) -> Text | None:
    """What the metadata, the file's name and the calls say, where two of them share nothing."""
    said = [
        ("metadata", "元数据", [printable(notebook.exercise)[:60]] if notebook.exercise else []),
        ("file name", "文件名", list(names)),
        ("check", "check 调用", list(calls)),
    ]
    said = [one for one in said if one[2]]
    if all(set(a[2]) & set(b[2]) for a in said for b in said):
        return None
    english = "; ".join(f"{one[0]}: {', '.join(one[2][:5])}" for one in said)
    chinese = "；".join(f"{one[1]}：{'、'.join(one[2][:5])}" for one in said)
    return (f"it names different exercises: {english}", f"其中写着不同的练习：{chinese}")
