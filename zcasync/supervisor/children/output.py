"""The output of a child, stdout and stderr: into the log, line by line, with the job's id."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator

from twisted.logger import Logger

from zcasync.protocol.output_marks import (
    LIMIT,
    LOADING_TOO_LONG,
    MARK_BYTES,
    STACK_BEGIN,
    STACK_END,
)

log = Logger("zcasync.output")

#: Kept for the Failure of a job that kills its child.
LAST_LINES = 20
LINE_LIMIT_CHARACTERS = 2000
#: The interpreter begins the report of its own crash with this; the stack after it is kept whole.
CRASH = "Fatal Python error: "
CRASH_LINES = 100
#: Where lines begin that are looked for in a flood.
STACK = (STACK_BEGIN.encode(), STACK_END.encode())
REPORTS = (f"\n{CRASH}".encode(), f"\n{LOADING_TOO_LONG}".encode())


class ChildOutput:
    """The output of one child: split into lines, attributed to jobs, limited.

    ``mark`` begins the child's marks, once it has told.  Without it, and for lines that others have
    written to the child's pipes, a line belongs to the running job.
    """

    mark: bytes | None = None
    #: The stage that the job is at which was marked last, '': none that matters.
    stage = ""
    has_timed_out = False  # it says that it took too long to load something

    def __init__(self, slot: int | str, limit: int, current: Callable[[], str | None]) -> None:
        self.slot = slot
        #: Called with a job and its stage where its call with limits begins, or is over.
        self.limit_marked: Callable[[str, str], None] = lambda job, stage: None
        self._limit = limit
        self._current = current
        self._rest = {1: b"", 2: b""}
        self._marked: dict[int, str | None] = {1: None, 2: None}
        self._begun_by: dict[int, str] = {}  # the unfinished lines of jobs that have ended
        self._last: deque[tuple[str, str]] = deque(maxlen=LAST_LINES)  # job, line
        self._crash: list[tuple[str, str]] | None = None
        self._is_asked = False  # for its stack
        self._stack_seen: Callable[[], None] | None = None
        self._counts: Counter[str] = Counter()

    def received(self, fd: int, data: bytes) -> bool:
        """Take bytes from the child's stdout (1) or stderr (2).

        Returns whether whoever writes there now has written more than is logged.
        """
        text, start, passed = self._rest[fd] + data, 0, 0
        while (end := text.find(b"\n", start)) >= 0:
            if start >= passed and self._is_beyond(fd):
                passed = self._end_of_flood(text, start)
                if (begin := _last_lines(text, start, passed)) > start:
                    self._counts[self._owner(fd)] += text.count(b"\n", start, begin)
                    start = begin
                    continue
            self._line(fd, text[start:end])
            start = end + 1
        if len(text) - start > 65536:  # a line without an end; one half of a mark may be there
            # It counts as what it takes: else whoever writes no ends would never reach the limit.
            self._line(fd, text[start:-MARK_BYTES])
            self._counts[self._owner(fd)] += (len(text) - start) // LINE_LIMIT_CHARACTERS
            start = len(text) - MARK_BYTES
        self._rest[fd] = text[start:]
        return self._is_beyond(fd)

    def _owner(self, fd: int) -> str:
        """Return the job that has begun the next line; '-': none."""
        return self._begun_by.get(fd) or self._marked[fd] or self._current() or "-"

    def _is_beyond(self, fd: int) -> bool:
        return self._counts.get(self._owner(fd), 0) > self._limit

    def _end_of_flood(self, text: bytes, start: int) -> int:
        """Return where the first line from ``start`` on begins that matters, or the end."""
        if self._crash is not None and len(self._crash) < CRASH_LINES:
            return start
        end = len(text)
        for sought in (self.mark, *REPORTS, *(STACK if self._stack_seen else ())):
            if sought and (found := text.find(sought, max(0, start - 1), end)) >= 0:
                end = max(start, text.rfind(b"\n", start, found + 1) + 1)
        return end

    def _line(self, fd: int, raw: bytes) -> None:
        if self.mark is None or self.mark not in raw:
            self._text(fd, raw)
            return
        unfinished, _, rest = raw.rpartition(self.mark)
        if unfinished:
            self._text(fd, unfinished)
        job, _, stage = rest.decode("ascii", "backslashreplace").partition(" ")
        self._marked[fd] = job
        if stage.startswith(LIMIT):
            self.limit_marked(job, stage)
        else:
            self.stage = stage

    def _text(self, fd: int, raw: bytes) -> None:
        text = raw[: LINE_LIMIT_CHARACTERS * 4].decode("utf-8", "backslashreplace")
        text = text[:LINE_LIMIT_CHARACTERS]
        job = self._owner(fd)
        self._begun_by.pop(fd, None)
        self._keep(job, text)
        self._counts[job] += 1
        if self._counts[job] <= self._limit:
            log.info("child {slot} job {job}: {line}", slot=self.slot, job=job, line=text)

    def _keep(self, job: str, text: str) -> None:
        if text.startswith(LOADING_TOO_LONG):
            self.has_timed_out = True
        if text.startswith((CRASH, LOADING_TOO_LONG)):
            self._crash = []
        elif self._stack_seen and STACK_BEGIN in text and not self._has_stack():
            self._crash = []  # what had come since it was asked for was not the stack
        if self._crash is None:
            self._last.append((job, text))
        elif len(self._crash) < CRASH_LINES:
            self._crash.append((job, text))
        if self._stack_seen is not None and STACK_END in text:
            seen, self._stack_seen = self._stack_seen, None
            seen()

    def _has_stack(self) -> bool:
        return any(STACK_BEGIN in text for _, text in self._crash or ())

    def expect_stack(self, seen: Callable[[], None]) -> None:
        """Take what comes now as the Python stack asked for; call ``seen()`` at its end."""
        self._stack_seen = seen
        self._is_asked = True
        if self._crash is None:
            self._crash = []

    def job_ended(self, job: str) -> None:
        """Attribute no more unmarked lines to this job; log how many of its lines were left out."""
        for fd, marked in self._marked.items():
            if marked in (job, None) and self._rest[fd]:
                self._begun_by.setdefault(fd, job)
            if marked == job:
                self._marked[fd] = None
        count = self._counts.pop(job, 0)
        if count > self._limit:
            log.info(
                "child {slot} job {job}: {more} more lines are not shown (output-lines {limit})",
                slot=self.slot,
                job=job,
                more=count - self._limit,
                limit=self._limit,
            )

    @property
    def job(self) -> str | None:
        """The id of the job that the child has last reported to be running."""
        return self._marked[1]

    def flush(self) -> None:
        """Log unfinished lines as they are: no more output will come."""
        for fd, rest in self._rest.items():
            if rest:
                self._rest[fd] = b""
                self._line(fd, rest)
        for job in list(self._counts):
            self.job_ended(job)

    def last(self, job: str | None = None, *, has_crashed: bool = True) -> tuple[str, ...]:
        """Return the last lines of both streams, and the stack of a crash, for evidence.

        ``job``: the one that was running; lines of others are named so.  ``has_crashed`` False:
        what looks like the report of a crash is none, but a job has printed it.
        """

        def told(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
            for owner, text in lines:
                yield text if job is None or owner in (job, "-") else f"job {owner}: {text}"

        crash = self._crash or ()
        if has_crashed or self._is_asked:
            return (*told(self._last), *(text for _, text in crash))
        return tuple(told([*self._last, *crash][-LAST_LINES:]))


def _last_lines(text: bytes, start: int, end: int) -> int:
    """Return where the last lines begin that end, or go on, at ``end``; not before ``start``."""
    for _ in range(LAST_LINES + 1):
        end = text.rfind(b"\n", start, end)
        if end < 0:
            return start
    return end + 1
