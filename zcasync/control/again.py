"""Again: jobs that are over wait in their queues once more, with fresh attempts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from zcasync.control.jobs import Job, Verdicts, by_queue
from zcasync.job.again import require_over
from zcasync.job.broken import broken
from zcasync.queues.unique import require_different, require_free


def retry(connection: Any, manager: Any, jobs: Collection[Job], who: str) -> Verdicts:
    """Let jobs that are over wait again, as ``who`` has said; return what has become of each."""
    keys: dict[tuple[Any, str], Any] = {}

    def judge(partial: Any) -> str | None:
        why = why_not(partial)
        if why is None and partial.unique is not None:
            require_free(partial.queue, partial)
            first = keys.setdefault((partial.queue, partial.unique[0]), partial)
            if first is not partial:
                require_different([first, partial])
        return why

    found, going_on = by_queue(connection, jobs, judge)
    for queue, partials in going_on.items():
        queue.put_again(partials)
        for partial in partials:
            partial.note_act(who, "retried")
    return found


def why_not(partial: Any) -> str | None:
    """Return why a job cannot run again; None: it can.  Raises BadStateError with the reason."""
    why = broken(partial)
    if why is None and partial.aside is not None and not partial.has_result:
        return f"set aside, and runs by itself where its code is there: {partial.aside.text}"
    if why is None:
        require_over(partial)
    return why
