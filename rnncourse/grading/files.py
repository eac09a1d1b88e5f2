"""What kind of file a learner handed in: by its name, and where that says little by its content."""

from __future__ import annotations

import re

from rnncourse.grading.compare import Text

ARCHIVES = (".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
# Python's standard library does not read these, or they hold one file without its name.
UNREAD = (".7z", ".rar", ".gz", ".bz2", ".xz", ".zst", ".lzma", ".z", ".lz", ".cab", ".iso",
          ".dmg", ".arj", ".lzh")  # fmt: skip
# Left behind by systems, editors and platforms: no learner handed them in.
JUNK_FOLDERS = {".ipynb_checkpoints", "__macosx", ".git", "__pycache__", ".idea", ".vscode",
                "$recycle.bin", ".trash"}  # fmt: skip
JUNK_FILES = {".ds_store", "thumbs.db", "desktop.ini", ".gitignore", ".gitkeep", ".gitattributes",
              "metadata.yml"}  # fmt: skip
JUNK_STARTS = ("._", "~$", ".~")
# Handed in instead of a notebook. Other files of a flat folder (a list, a table) are the teacher's.
MISTAKEN = {".py", ".txt", ".json", ".html", ".htm", ".pdf", ".doc", ".docx", ".rtf", ".odt",
            ".pages", ".png", ".jpg", ".jpeg", ".heic"}  # fmt: skip
NOTEBOOK_NAME = re.compile(
    r"\.ipynb(\.(\d+|txt|json|download|part|crdownload|tmp|bak))*( ?[(（]\d+[)）])?$", re.I
)
SUFFIX = re.compile(r"(?<=.)\.[a-z0-9]{1,8}$")
CELLS = re.compile(rb'"\0?c\0?e\0?l\0?l\0?s\0?"[\0\s]*:')  # also in UTF-16


def suffix(name: str) -> str:
    """The end of a file's name that says its kind, in lower case: `.tar.gz` is one."""
    name = name.lower()
    double = next((s for s in ARCHIVES if s.count(".") == 2 and name.endswith(s)), "")
    found = SUFFIX.search(name)
    return double or (found[0] if found else "")


def is_junk(parts: tuple[str, ...]) -> bool:
    """True for what a system or platform left behind."""
    *folders, name = (part.lower() for part in parts)
    return (name in JUNK_FILES or name.startswith(JUNK_STARTS)
            or not JUNK_FOLDERS.isdisjoint([*folders, name]))  # fmt: skip


def is_archive(name: str) -> bool:
    """True for an archive that `archives` reads."""
    return suffix(name) in ARCHIVES


def is_notebook(name: str) -> bool:
    """True for a name that a notebook has, also after a browser's or a platform's change."""
    return bool(NOTEBOOK_NAME.search(name))


def holds_notebook(data: bytes) -> bool:
    """True for content that is a notebook's, whatever its name: a JSON object with `cells`."""
    return begins_as_json(data[:4096]) and CELLS.search(data) is not None


def begins_as_json(head: bytes) -> bool:
    """True where a file's first bytes can be a notebook's."""
    return head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"{"


def mistaken(name: str) -> Text:
    """What to say of a file that is no notebook."""
    kind = suffix(name)
    if not kind:
        return ("a file without a suffix, not a notebook: hand in the .ipynb file",
                "这个文件没有后缀，也不是 notebook：请提交 .ipynb 文件")  # fmt: skip
    return (f"a {kind} file, not a notebook: hand in the .ipynb file",
            f"这是 {kind} 文件，不是 notebook：请提交 .ipynb 文件")  # fmt: skip


def unread(name: str) -> Text | None:
    """What to say of an archive that cannot be read; None for every other file."""
    kind = suffix(name)
    if kind not in UNREAD:
        return None
    return (f"a {kind} file is not opened here: hand in the .ipynb file, or a .zip of it",
            f"这里打不开 {kind} 文件：请提交 .ipynb 文件，或打包成 .zip")  # fmt: skip
