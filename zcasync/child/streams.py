"""The three streams of a child: stdin at its end, stdout and stderr marked, the same for each job.

A job may close, detach, replace or rewrap them, and the descriptors below.  The next one gets the
child's own again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
from typing import TextIO

from zcasync.child.descriptors import duplicate, identity
from zcasync.child.output import JobOutput, Output, stream_of
from zcasync.protocol.output_marks import STACK_SIGNAL

NAMES = ("stdin", "stdout", "stderr")


class Streams:
    """The child's own streams, in ``sys``; ``mark`` begins a line that names a job."""

    def __init__(self, mark: str) -> None:
        self.stdout = Output(1, mark)
        self.stderr = Output(2, mark)
        self._kept = {0: duplicate(0), 1: self.stdout.fd, 2: self.stderr.fd}
        self._files = {number: identity(number) for number in self._kept}
        self._own: tuple[TextIO, JobOutput, JobOutput]
        self._renew()

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that are kept to put the three back."""
        return list(self._kept.values())

    def report_crashes(self, *, anew: bool = True) -> None:
        """Let the interpreter write the Python stack where it crashes, or is asked for it.

        ``anew``: though another handler may have taken the signal's place; for a moment there is
        none.  Else it is cheap to repeat.
        """
        if anew:
            faulthandler.unregister(STACK_SIGNAL)
        faulthandler.enable(self.stderr.fd, all_threads=True)
        faulthandler.register(STACK_SIGNAL, self.stderr.fd, all_threads=True)

    def begin(self, job: str, *, at_once: bool = False) -> None:
        """Mark the text to come as that of a job; ``at_once``: even if none comes."""
        self.restore()
        self.stdout.begin(job)
        self.stderr.begin(job)
        if at_once:
            self.announce()

    def announce(self, stage: str = "") -> None:
        """Name the running job, and how far it is (``stage``), even if it prints nothing."""
        self.flush()
        self.stdout.announce(stage)

    def restore(self) -> None:
        """Give ``sys`` the child's own streams again, or new ones; quick where nothing changed."""
        if not self._are_own():
            self._renew()

    def restore_files(self) -> None:
        """Let the three descriptors lead to where they led at first.

        Raises OSError when the child has lost them for good.
        """
        for number, kept in self._kept.items():
            if identity(number) != self._files[number]:
                os.dup2(kept, number)
        self.restore()

    def flush(self) -> None:
        """Write what waits in the streams."""
        for stream in self._own[1:]:
            _flush(stream)

    def say(self, text: str) -> None:
        """Write a line of the child's own to the output, which the supervisor logs with the job."""
        self.flush()
        if not self.stderr.is_announced:
            self.stderr.announce()
        self.stderr.write(f"{text}\n")

    def last_words(self, text: str) -> None:
        """Write to whatever is left to write to; nothing is raised where that is nothing."""
        for fd in (self.stderr.fd, self.stdout.fd, 2, 1):
            with contextlib.suppress(OSError):
                os.write(fd, f"{text}\n".encode("utf-8", "backslashreplace"))
                return

    def _are_own(self) -> bool:
        stdin, stdout, stderr = self._own
        try:
            return (
                sys.stdin is stdin
                and sys.stdout is stdout
                and sys.stderr is stderr
                and not (stdin.closed or stdout.closed or stderr.closed)
            )
        except (AttributeError, ValueError):  # deleted, or detached
            return False

    def _renew(self) -> None:
        """Make new streams: whoever has wrapped the buffers of the old ones may yet close those."""
        for stream in getattr(self, "_own", ())[1:]:
            _flush(stream)
        raw = io.BufferedReader(io.FileIO(0, closefd=False))
        stdin = io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")
        self._own = (stdin, stream_of(self.stdout), stream_of(self.stderr))
        for name, stream in zip(NAMES, self._own, strict=True):
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _flush(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):  # the supervisor is gone, or it is closed
        stream.flush()
