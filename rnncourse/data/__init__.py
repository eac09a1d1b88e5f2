"""Data sets that come with the course: small, made here, the same for everyone.

``load(name)`` returns NumPy arrays or lists; ``names()`` lists what there is.
``path(name, file)`` is a file of a real data set, downloaded once; ``real()`` lists them.
``recorded(name)`` returns what a long run measured once, for a page to show.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnncourse.data import corpora, fetch, series, tasks
from rnncourse.data.fetch import DataError

__all__ = ["DataError", "files", "is_here", "load", "names", "path", "real", "recorded"]


def names() -> list[str]:
    """The names that :func:`load` knows, sorted."""
    return sorted(_SETS)


def load(name: str, **options: Any) -> Any:
    """The data set called ``name``.

    Options are those of its function, in ``tasks``, ``series`` or ``corpora``.

    Raises KeyError for an unknown name, listing the known ones.
    """
    if name not in _SETS:
        raise KeyError(f"no data set called {name!r}; there are {names()}")
    return _SETS[name](**options)


def real() -> dict[str, dict[str, Any]]:
    """The real data sets: name → title, licence, citation, and files with size and sha256."""
    return fetch.manifest()


def files(name: str) -> dict[str, dict[str, Any]]:
    """The files of a real data set, with size and sha256.

    Raises KeyError for an unknown name, listing the known ones.
    """
    if name not in real():
        raise KeyError(f"no real data set called {name!r}; there are {sorted(real())}")
    return real()[name]["files"]


def path(name: str, file: str | None = None, progress: bool | None = None) -> Path:
    """Where a file of a real data set lies, after downloading it if it is not here yet.

    Looks for ``NAME/FILE`` in the folder that the environment variable RNNCOURSE_DATA names,
    then in the cache (RNNCOURSE_CACHE, or this user's cache folder), then below the address in
    RNNCOURSE_MIRROR, then at those in the manifest. The sha256 is checked in each case.

    Args:
        name: a name of :func:`real`.
        file: one of its files; not needed where it has one alone.
        progress: show a bar while downloading; None: where someone watches.

    Raises KeyError for an unknown name or file, listing the known ones; DataError, which
    says what to do, where the file cannot be had or is not what it should be.
    """
    known = files(name)
    if file is None and len(known) == 1:
        (file,) = known
    if file not in known:
        raise KeyError(f"{name} has no file {file!r}; there are {sorted(known)}")
    found = fetch.find(name, file, known[file])
    return found or fetch.download(name, file, known[file], progress)


def is_here(name: str, file: str) -> bool:
    """True where a file of a real data set is here and is what it should be."""
    try:
        return fetch.find(name, file, files(name)[file]) is not None
    except DataError:
        return False


def recorded(name: str) -> dict[str, Any]:
    """The results of a long run: the file ``benchmarks/results/NAME.json``.

    An installed package holds a copy of that folder, a checkout the folder itself.
    Raises KeyError for an unknown name, listing the known ones.
    """
    package = Path(__file__).resolve().parents[1]
    folders = (package / "results", package.parent / "benchmarks" / "results")
    files = {file.stem: file for folder in folders for file in folder.glob("*.json")}
    if name not in files:
        raise KeyError(f"nothing is recorded under {name!r}; there are {sorted(files)}")
    return json.loads(files[name].read_text(encoding="utf-8"))


_SETS: dict[str, Callable[..., Any]] = {
    "adding": tasks.adding,
    "brackets": tasks.brackets,
    "co2": series.co2,
    "copy_memory": tasks.copy_memory,
    "course_prose": corpora.course_prose,
    "little_world": corpora.little_world,
    "made_up_letters": corpora.made_up_letters,
    "made_up_opinions": corpora.made_up_opinions,
    "made_up_reviews": corpora.made_up_reviews,
    "made_up_temperatures": series.made_up_temperatures,
    "made_up_verdicts": corpora.made_up_verdicts,
    "random_walk": series.random_walk,
    "segmented_sentences": corpora.segmented_sentences,
    "sunspots": series.sunspots,
    "telegraph_office": corpora.telegraph_office,
    "temporal_xor": tasks.temporal_xor,
    "who_first": tasks.who_first,
}
