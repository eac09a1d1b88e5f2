"""Real data sets: find a file, or download, check and keep it. All of the package's network."""

import errno
import functools
import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from rnncourse._progress import Bar

CHUNK = 1 << 16
SECONDS = 30  # without an answer


class DataError(OSError):
    """A data file cannot be had; the message says why and what to do."""


@functools.cache
def manifest() -> dict[str, Any]:
    """Name → title, licence, citation and files (bytes, sha256, url or made_from) of each set."""
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


def download(name: str, file: str, entry: dict[str, Any], progress: bool | None = None) -> Path:
    """Fetch a file into the cache: a partial file, a check, a rename.

    A download that breaks off is gone on with the next time. Of two processes one waits for
    the other. Raises DataError.
    """
    from filelock import FileLock

    target = cache_folder() / name / file
    if "url" not in entry:
        raise DataError(f"{name}/{file} cannot be downloaded as it is; it was made from "
                        f"{entry['made_from']}. Put it at {target}, or name a folder with "
                        f"{name}/{file} in the environment variable RNNCOURSE_DATA")  # fmt: skip
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{file}.lock")):
            if not target.exists():  # no other process was faster
                part = target.with_name(f"{file}.part")
                with open(part, "ab") as end:
                    _fill(end, entry, Bar(entry["bytes"], progress), f"{name}/{file}")
                _accept(part, target, entry)
    except DataError:
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(f"no space left for {target}: free some, and run again") from error
        raise DataError(f"{target} cannot be written ({error.strerror}): name a folder that can "
                        "in the environment variable RNNCOURSE_CACHE") from error  # fmt: skip
    return target


def _fill(part: IO[bytes], entry: dict[str, Any], bar: Bar, shown: str) -> None:
    """Download what the partial file lacks."""
    url, size = entry["url"], entry["bytes"]
    part.seek(0, os.SEEK_END)
    have = part.tell() if part.tell() < size else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer, bar:
            if answer.status != 206:
                have = 0
            part.truncate(have)
            while data := answer.read(CHUNK):
                part.write(data)
                have += len(data)
                bar.update(have, f"bytes of {shown}")
    except urllib.error.HTTPError as error:
        raise DataError(
            f"{url} answered {error.code} {error.reason}. If it has moved, get {shown} elsewhere "
            "and name the folder that holds it in the environment variable RNNCOURSE_DATA"
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError) as e:
        reason = getattr(e, "reason", None) or e
        raise DataError(
            f"{shown} could not be downloaded from {url} ({reason}); {have} of {size} bytes are "
            "kept. Is there a network? Run again to go on"
        ) from e
    finally:
        part.flush()
    if have < size:
        raise DataError(f"the connection to {url} broke off after {have} of {size} bytes, which "
                        "are kept: run again to go on")  # fmt: skip


def _accept(part: Path, target: Path, entry: dict[str, Any]) -> None:
    """Rename the partial file if it is what it should be, else remove it."""
    found = _hash(part)
    if found != entry["sha256"]:
        part.unlink()
        raise DataError(f"what {entry['url']} sent for {target.name} has sha256 {found[:12]}…, "
                        f"expected {entry['sha256'][:12]}…: it was thrown away. Try again; if it "
                        "stays so, the file has changed")  # fmt: skip
    os.replace(part, target)
