"""A progress bar in one line of text, for a terminal or a notebook."""

import os
import sys
import time
from typing import Self


def wanted() -> bool:
    """True where someone watches: a terminal or a notebook, unless RNNCOURSE_PROGRESS is 0."""
    if os.environ.get("RNNCOURSE_PROGRESS") == "0":
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Bar:
    """``[######----] 6/10 note  1:05``, rewritten in place at most five times a second.

    Writes to stderr; nothing at all unless ``show`` (by default: :func:`wanted`).
    """

    WIDTH = 20

    def __init__(self, total: int, show: bool | None = None) -> None:
        self.total = total
        self.show = wanted() if show is None else show
        self._start = time.monotonic()
        self._next = 0.0
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the line, so that what is printed next stands below."""
        if self._length:
            print(file=sys.stderr, flush=True)

    def update(self, done: float, note: str = "") -> None:
        """Show that ``done`` of the total is done."""
        now = time.monotonic()
        if self.show and (now >= self._next or done >= self.total):
            self._next = now + 0.2
            self._write(self.line(done, note, now - self._start))

    def line(self, done: float, note: str, seconds: float) -> str:
        """The text of the bar."""
        full = int(self.WIDTH * min(1.0, done / self.total)) if self.total else self.WIDTH
        minutes, rest = divmod(int(seconds), 60)
        bar = "#" * full + "-" * (self.WIDTH - full)
        return f"[{bar}] {int(done)}/{self.total} {note}  {minutes}:{rest:02}"

    def _write(self, text: str) -> None:
        # Spaces over what a longer line left behind.
        print("\r" + text.ljust(self._length), end="", file=sys.stderr, flush=True)
        self._length = len(text)
