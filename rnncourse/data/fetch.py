"""Real data sets: find a file, or download, check and keep it. All of the package's network.

A file may come from any address: its sha256 decides whether it is the one.
"""

import contextlib
import errno
import functools
import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from rnncourse._progress import Bar

CHUNK = 1 << 16
SECONDS = 30  # without an answer


class DataError(OSError):
    """A data file cannot be had; the message says why and what to do."""


class _Refused(Exception):
    """One address did not give the file; says which, and why."""


@functools.cache
def manifest() -> dict[str, Any]:
    """Name → title, licence, citation and files of each set.

    A file has bytes, sha256, and url or made_from; it may have mirrors, a list of addresses.
    """
    return json.loads(Path(__file__).with_name("manifest.json").read_text(encoding="utf-8"))


def cache_folder() -> Path:
    """Where downloads are kept: $RNNCOURSE_CACHE, or this user's cache folder."""
    import platformdirs

    given = os.environ.get("RNNCOURSE_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("rnncourse"))


def find(name: str, file: str, entry: dict[str, Any]) -> Path | None:
    """The file where it lies already, in $RNNCOURSE_DATA or the cache; None where it does not.

    Raises DataError where it lies there with another content.
    """
    given = os.environ.get("RNNCOURSE_DATA")
    for folder in [*([Path(given)] if given else []), cache_folder()]:
        path = folder / name / file
        if path.is_file():
            _check(path, path.stat().st_mtime_ns, entry["bytes"], entry["sha256"])
            return path
    return None


@functools.cache
def _check(path: Path, _changed: int, size: int, sha256: str) -> None:
    """Compare a file with the manifest, once for each state of it."""
    found = path.stat().st_size
    if found != size or _hash(path) != sha256:
        raise DataError(f"{path} has {found} bytes and is not the file that the course knows "
                        f"({size} bytes, sha256 {sha256[:12]}…). Remove it, and it is fetched "
                        "again; or put the right one there")  # fmt: skip


def _hash(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def addresses(name: str, file: str, entry: dict[str, Any]) -> list[str]:
    """Where a file may be had, in the order of trying.

    First below $RNNCOURSE_MIRROR, as BASE/NAME/FILE, then at its own address, then at the
    manifest's other mirrors of it.
    """
    base = os.environ.get("RNNCOURSE_MIRROR", "").rstrip("/")
    named = [f"{base}/{quote(name)}/{quote(file)}"] if base else []
    own = [entry["url"]] if "url" in entry else []
    return list(dict.fromkeys([*named, *own, *entry.get("mirrors", [])]))


def download(name: str, file: str, entry: dict[str, Any], progress: bool | None = None) -> Path:
    """Fetch a file into the cache: a partial file, a check, a rename.

    Where an address fails, or sends another file, the next one is tried. A download that breaks
    off is gone on with, from the next address or the next time. Of two processes one waits for
    the other. Raises DataError, which names every address that was tried.
    """
    from filelock import FileLock

    target = cache_folder() / name / file
    urls = addresses(name, file, entry)
    if not urls:
        raise DataError(f"{name}/{file} cannot be downloaded as it is; it was made from "
                        f"{entry['made_from']}. Put it at {target}, or name a folder with "
                        f"{name}/{file} in the environment variable RNNCOURSE_DATA, or the "
                        "address of such a folder in RNNCOURSE_MIRROR")  # fmt: skip
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{file}.lock")):
            if not target.exists():  # no other process was faster
                part = target.with_name(f"{file}.part")
                _from_any(urls, part, entry, f"{name}/{file}", progress)
                os.replace(part, target)
    except DataError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(f"no space left for {target}: free some, and run again") from error
        raise DataError(f"{target} cannot be written ({error.strerror}): name a folder that can "
                        "in the environment variable RNNCOURSE_CACHE") from error  # fmt: skip
    return target


def _from_any(urls: Sequence[str], part: Path, entry: dict[str, Any], shown: str,
              progress: bool | None) -> None:  # fmt: skip
    """Fill the partial file from the first address that has the right one."""
    refused = []
    for url in urls:
        try:
            return _from(url, part, entry, Bar(entry["bytes"], progress), shown)
        except _Refused as error:
            refused.append(str(error))
    have = _size(part)
    hope = (f"{have} of {entry['bytes']} bytes are kept: run again to go on" if have
            else "Is there a network? Run again")  # fmt: skip
    raise DataError(f"{shown} could not be downloaded: {'; '.join(refused)}. {hope}, or name a "
                    "mirror in the environment variable RNNCOURSE_MIRROR, or a folder that holds "
                    f"{shown} in RNNCOURSE_DATA")  # fmt: skip


def _from(url: str, part: Path, entry: dict[str, Any], bar: Bar, shown: str) -> None:
    """Fill the partial file from one address, and check it.

    What was there before may come from elsewhere and be wrong: then all is fetched once more.
    """
    while True:
        begun = _size(part) > 0
        with open(part, "ab") as end:
            _fill(end, url, entry["bytes"], bar, shown)
        found = _hash(part)
        if found == entry["sha256"]:
            return
        part.unlink()
        if not begun:
            raise _Refused(f"what {url} sent has sha256 {found[:12]}…, expected "
                           f"{entry['sha256'][:12]}…: it was thrown away")  # fmt: skip


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


@contextlib.contextmanager
def _asked(url: str) -> Iterator[None]:
    """What goes wrong on the way to an address and back becomes `_Refused`."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise _Refused(f"{url} answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Refused(f"{url} failed ({getattr(error, 'reason', None) or error})") from error


def _fill(part: IO[bytes], url: str, size: int, bar: Bar, shown: str) -> None:
    """Download what the partial file lacks; of a file that is too long, a little too much."""
    part.seek(0, os.SEEK_END)
    have = part.tell() if part.tell() < size else 0
    with _asked(url):
        request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
        answer = urllib.request.urlopen(request, timeout=SECONDS)
    with answer, bar:
        if answer.status != 206:
            have = 0
        part.truncate(have)
        while have <= size:
            with _asked(url):
                data = answer.read(CHUNK)
            if not data:
                break
            part.write(data)
            have += len(data)
            bar.update(have, f"bytes of {shown}")
    if have < size:
        raise _Refused(f"{url} broke off after {have} of {size} bytes")
