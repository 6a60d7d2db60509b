"""The numbers of open files and threads of processes, which are to stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Numbers:
    """The numbers of open files and of threads of a process."""

    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Numbers:
        """Those that a process has now."""
        process = psutil.Process(pid)
        return cls(process.num_fds(), process.num_threads())

    def __add__(self, more: Numbers) -> Numbers:
        return Numbers(self.files + more.files, self.threads + more.threads)

    def __le__(self, most: Numbers) -> bool:
        return self.files <= most.files and self.threads <= most.threads
