"""A key that only the grader has, by which it knows its own lines in a journal again."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Any

SIZE = 32  # bytes, as many as the hash has


def grader_key() -> tuple[bytes, str]:
    """This user's key, made where there is none yet; and a warning where it cannot be kept.

    Raises `PermissionError` where its file is a link, or is not this user's alone.
    """
    import platformdirs

    path = platformdirs.user_data_path("rnncourse") / "journal.key"
    try:
        if not os.path.lexists(path):
            _create(path)
        return _read(path), ""
    except PermissionError as error:
        if error.filename is None:  # ours, below
            raise
        said = error.strerror
    except OSError as error:
        said = error.strerror
    return secrets.token_bytes(SIZE), (
        f"NOTE: no key can be kept at {path} ({said}), so that a later run will not know this "
        "run's journal again, and grade all once more."
    )


def _create(path: Path) -> None:
    """Make the file, whole from the start: two runs at once must read the same key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
        with contextlib.suppress(FileExistsError):  # the other run's counts
            os.link(part, path)
    finally:
        part.unlink()


def _read(path: Path) -> bytes:
    remedy = f"the grader's key {path} {{}}: delete it, and a new one will be made"
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise PermissionError(remedy.format("is a link")) from None
        raise
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise PermissionError(remedy.format("is not a file"))
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(remedy.format("belongs to, or is open to, other users"))
        key = os.read(number, SIZE + 1)
    finally:
        os.close(number)
    if len(key) != SIZE:
        raise PermissionError(remedy.format(f"has not {SIZE} bytes"))
    return key


def signed(item: dict[str, Any], key: bytes) -> dict[str, Any]:
    """The JSON object with its signature."""
    return {**item, "signature": _signature(item, key)}


def verified(item: Any, key: bytes) -> bool:
    """True for a JSON object that `signed` returned for this key."""
    if not isinstance(item, dict) or not isinstance(item.get("signature"), str):
        return False
    rest = {name: value for name, value in item.items() if name != "signature"}
    given = item["signature"].encode("utf-8", "replace")
    return hmac.compare_digest(_signature(rest, key).encode(), given)


def _signature(item: dict[str, Any], key: bytes) -> str:
    return hmac.new(key, json.dumps(item).encode(), hashlib.sha256).hexdigest()
