"""The child's stdout and stderr: line by line, each job's first line marked with the job's id."""

from __future__ import annotations

import io
import sys
from typing import Any


class JobOutput(io.TextIOWrapper):
    """A text stream that names a job before the job's first text; ``mark`` begins that line."""

    mark = ""
    _job = ""
    _is_announced = True  # there is nobody's job to be named

    def begin(self, job: str) -> None:
        """Assign the next text to ``job``."""
        self._job, self._is_announced = job, False

    def announce(self, stage: str = "") -> None:
        """Name the job even if no line follows: the supervisor then knows the running job.

        ``stage``: and how far it is.
        """
        self._is_announced = True
        # Behind an unfinished line too: not even one that C code has written hides it.
        super().write(f"{self.mark}{self._job}{stage and f' {stage}'}\n")

    def write(self, text: str) -> int:
        if not self._is_announced and text:
            self.announce()
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


def write_line(text: str) -> None:
    """Write a line to the child's output, which the supervisor logs with the job's id."""
    print(text, file=sys.stderr)
