"""The child's stdout and stderr: line by line, each job's first line marked with the job's id."""

from __future__ import annotations

import io
import sys
from typing import Any


class JobOutput(io.TextIOWrapper):
    """A text stream that names a job before the job's first text; ``mark`` begins that line."""

    mark = ""
    _job: str | None = None

    def begin(self, job: str) -> None:
        """Assign the next text to ``job``."""
        self._job = job

    def announce(self) -> None:
        """Name the job even if no line follows: the supervisor then knows the running job."""
        if self._job is not None:
            self._write_mark()

    def _write_mark(self) -> None:
        # Behind an unfinished line too: not even one that C code has written hides it.
        mark, self._job = f"{self.mark}{self._job}\n", None
        super().write(mark)

    def write(self, text: str) -> int:
        if self._job is not None and text:
            self._write_mark()
        return super().write(text)


def install(mark: str) -> tuple[JobOutput, JobOutput]:
    """Replace ``sys.stdout`` and ``sys.stderr``; return the two."""
    streams = tuple(
        JobOutput(
            open(fd, "wb", buffering=0, closefd=False),  # noqa: SIM115
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )
        for fd in (1, 2)
    )
    for stream in streams:
        stream.mark = mark
    sys.stdout, sys.stderr = streams
    return streams  # type: ignore[return-value]


def begin(streams: tuple[Any, ...], job: str, at_once: bool = False) -> None:
    """Mark the text to come as ``job``'s; ``at_once``: even if none comes."""
    for stream in streams:
        stream.begin(job)
    if at_once:
        streams[0].announce()
