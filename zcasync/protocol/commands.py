"""The AMP commands between a supervisor and its children."""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.protocols import amp

from zcasync.protocol.arguments import Json, Moments, Oids


class Ready(amp.Command):  # type: ignore[misc]
    """Child: I have booted, my storage is open, I can take jobs."""

    arguments = [(b"pid", amp.Integer()), (b"versions", Json())]
    requiresAnswer = False


class Perform(amp.Command):  # type: ignore[misc]
    """Supervisor: these partials, whose claim is committed, are yours, in this order.

    ``tid``: by this transaction, where the storage has such ids.
    """

    arguments = [(b"oids", Oids()), (b"tid", amp.String(optional=True))]
    requiresAnswer = False


class Ended(amp.Command):  # type: ignore[misc]
    """Child: I am done with these partials, and have begun the next one that I was given.

    Several ended together when they were committed together.  ``ending`` is an Ending;
    ``microseconds``: how long one of them took, on an average; ``moments``: when each was
    completed, for COMPLETED only.
    """

    arguments = [
        (b"oids", Oids()),
        (b"ending", amp.Unicode()),
        (b"microseconds", amp.Integer()),
        (b"detail", amp.Unicode()),
        (b"moments", Moments()),
    ]
    requiresAnswer = False


class Report(amp.Command):  # type: ignore[misc]
    """Child: so far is the job that I am at; ``progress`` is a Progress as a dict."""

    arguments = [(b"progress", Json())]
    requiresAnswer = False


class TakeBack(amp.Command):  # type: ignore[misc]
    """Supervisor: forget what you have not begun, and say what that was."""

    arguments: ClassVar[Any] = []
    response = [(b"oids", Oids())]


class Finish(amp.Command):  # type: ignore[misc]
    """Supervisor: end when what you have begun has ended; say what you have not begun."""

    arguments: ClassVar[Any] = []
    response = [(b"oids", Oids())]


class Ping(amp.Command):  # type: ignore[misc]
    """Supervisor: are you there?"""

    arguments: ClassVar[Any] = []
    response = [(b"busy", amp.Boolean())]
