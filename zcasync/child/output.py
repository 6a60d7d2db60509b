"""The child's stdout and stderr: line by line, each job's first line marked with the job's id."""

from __future__ import annotations

import io
import os
from typing import Any

from zcasync.child.descriptors import duplicate


class Output:
    """One output of the child, 1 or 2, by a descriptor that is out of the way of jobs.

    All streams on it that jobs are given share the mark: ``mark`` begins a line that names a job.
    """

    def __init__(self, number: int, mark: str) -> None:
        self.number = number
        self.mark = mark
        self.fd = duplicate(number)
        self.is_announced = True  # there is nobody's job to be named
        self._job = ""

    def begin(self, job: str) -> None:
        """Assign the next text to ``job``."""
        self._job, self.is_announced = job, False

    def announce(self, stage: str = "") -> None:
        """Name the job even if no line follows: the supervisor then knows the running job.

        ``stage``: and how far it is.
        """
        self.is_announced = True
        self.write(f"{self.mark}{self._job}{stage and f' {stage}'}\n")

    def write(self, text: str) -> None:
        """Write past all streams, whatever jobs have done to them.

        Raises OSError where the descriptor itself is gone.
        """
        data = text.encode("utf-8", "backslashreplace")
        while data:
            try:
                data = data[os.write(self.fd, data) :]
            except BlockingIOError:  # a job has changed what it shares with us
                os.set_blocking(self.fd, True)


class JobOutput(io.TextIOWrapper):
    """A text stream for jobs, which names a job before the job's first text."""

    output: Output

    @property
    def mark(self) -> str:
        """The beginning of a line that names a job."""
        return self.output.mark

    def write(self, text: str) -> int:
        if text and not self.output.is_announced:
            # Behind an unfinished line too: not even one that C code has written hides it.
            self.flush()
            self.output.announce()
        return super().write(text)


def stream_of(output: Output) -> JobOutput:
    """Return a new stream that writes to the output's number, where other programmes write too."""
    raw: Any = io.FileIO(output.number, "w", closefd=False)
    stream = JobOutput(raw, encoding="utf-8", errors="backslashreplace", line_buffering=True)
    stream.output = output
    return stream
