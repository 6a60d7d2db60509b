"""The AMP commands between a supervisor and its children."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from twisted.protocols import amp

from zcasync.protocol.arguments import Completions, Json, Oids

#: The most bytes of a value in one message: what AMP takes, and room for the rest.
PART_BYTES = 60_000
#: The most stored objects that a value may refer to.
REFERENCES_LIMIT = PART_BYTES // 8


class Ready(amp.Command):  # type: ignore[misc]
    """A child's message: it has booted, its storage is open, it can take jobs.

    ``mark``: what begins the marks in its output (``zcasync.protocol.output_marks``).
    """

    arguments = [(b"pid", amp.Integer()), (b"versions", Json()), (b"mark", amp.Unicode())]
    requiresAnswer = False


class Perform(amp.Command):  # type: ignore[misc]
    """A supervisor's message: the partials to perform next, in this order.

    Their claim is committed; ``tid``: by this transaction, where the storage has such ids.
    """

    arguments = [(b"oids", Oids()), (b"tid", amp.String(optional=True))]
    requiresAnswer = False


class Check(amp.Command):  # type: ignore[misc]
    """A supervisor's message: partials that it wants to call itself; the arguments as of Perform.

    All that they need is loaded here first, and SETTLED reported, whether that succeeds or not.
    """

    arguments = [(b"oids", Oids()), (b"tid", amp.String(optional=True))]
    requiresAnswer = False


class TryValue(amp.Command):  # type: ignore[misc]
    """A supervisor's message: a part of the pickle of a result, to be loaded as a trial.

    ``oid``: of its job; ``references``: of the stored objects that it refers to, with the last part
    (zeros: one that is new).  It ends SETTLED, or UNREADABLE with the reason.
    """

    arguments = [
        (b"oid", amp.String()),
        (b"part", amp.String()),
        (b"is_last", amp.Boolean()),
        (b"references", Oids()),
    ]
    requiresAnswer = False


def value_parts(oid: bytes, data: bytes, references: list[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of the TryValue messages for one value."""
    for start in range(0, len(data), PART_BYTES):
        is_last = start + PART_BYTES >= len(data)
        yield {
            "oid": oid,
            "part": data[start : start + PART_BYTES],
            "is_last": is_last,
            "references": references if is_last else [],
        }


class Ended(amp.Command):  # type: ignore[misc]
    """A child's message: it is done with these partials, and has begun the next one it has.

    ``ending`` is an Ending, of all of them; ``microseconds``: the average time that one took;
    ``completions``: when and how each has ended, for COMPLETED only.  ``conflicts``: the objects
    that have cost retries since the last such message, where there are any, each as a list, see
    ``zcasync.job.conflict_counts.ObjectConflicts``.
    """

    arguments = [
        (b"oids", Oids()),
        (b"ending", amp.Unicode()),
        (b"microseconds", amp.Integer()),
        (b"detail", amp.Unicode()),
        (b"completions", Completions()),
        (b"conflicts", Json(optional=True)),
    ]
    requiresAnswer = False


class Report(amp.Command):  # type: ignore[misc]
    """A child's message: the progress of its running job, a Progress as a dict."""

    arguments = [(b"progress", Json())]
    requiresAnswer = False


class Told(amp.Command):  # type: ignore[misc]
    """A child's message: a call has failed, for good or to be attempted again; a Notice as a dict.

    The commit that makes it true is done.
    """

    arguments = [(b"notice", Json())]
    requiresAnswer = False


class Waits(amp.Command):  # type: ignore[misc]
    """A child's message: it waits for its storage, a Wait as a dict, or None: that answers.

    Sent when a wait begins, at its tries, one a second at most, and when it ends.
    """

    arguments = [(b"wait", Json())]
    requiresAnswer = False


class Leaves(amp.Command):  # type: ignore[misc]
    """A child's last message, before it ends: the threads that its jobs have left, if any.

    ``threads``: each a LeftThread as a dict.
    """

    arguments = [(b"threads", Json())]
    requiresAnswer = False


class Reorder(amp.Command):  # type: ignore[misc]
    """A supervisor's request: perform in this order what has not begun; return that, as it is now.

    What the child has and what is not named goes behind it.
    """

    arguments = [(b"oids", Oids())]
    response = [(b"oids", Oids())]


class TakeBack(amp.Command):  # type: ignore[misc]
    """A supervisor's request: revoke the partials that have not begun; return their oids."""

    arguments: ClassVar[Any] = []
    response = [(b"oids", Oids())]


class Finish(amp.Command):  # type: ignore[misc]
    """A supervisor's request: end after the partials that have begun; return the other oids."""

    arguments: ClassVar[Any] = []
    response = [(b"oids", Oids())]


class Ping(amp.Command):  # type: ignore[misc]
    """A supervisor's request for a sign of life; ``busy``: a job is running."""

    arguments: ClassVar[Any] = []
    response = [(b"busy", amp.Boolean())]
