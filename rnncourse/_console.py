"""What a command prints must not decide its exit code: odd consoles, and pipes that close early."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class Patient:
    """A text stream that shows `?` for what it cannot, and that a closed pipe does not stop."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write; into nothing once nobody reads."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._abandon()
            return len(text)

    def flush(self) -> None:
        """Flush; into nothing once nobody reads."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._abandon()

    def _abandon(self) -> None:
        """Send the rest to nowhere, also what the interpreter flushes at its end."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)


@contextlib.contextmanager
def patient() -> Iterator[None]:
    """Have stdout and stderr be patient."""
    out, error = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Patient(out), Patient(error)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = out, error
