"""The errors of a database's driver, told apart: its server is away, others were first, or neither.

RelStorage raises what its driver raises, and no code that uses ZODB knows these.  PostgreSQL says
with five characters what it means, the SQLSTATE; where there are none nobody was there to say it.
"""

from __future__ import annotations

from typing import Any

from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError, POSError

#: Classes of SQLSTATE for a server that is away or going, or that lacks something: connection
#: exceptions, insufficient resources (a full disk), an operator's intervention, system errors.
AWAY_CLASSES = ("08", "53", "57", "58")
#: Single ones: the server is, or has become, a standby; it has ended a commit that stood still.
AWAY_STATES = ("25006", "25P02", "25P03", "25P04")
#: Others were first: a deadlock, a serialization failure, a lock that could not be had in time.
FIRST_STATES = ("40001", "40P01", "55P03")


class ServerLost(ClientDisconnected):  # type: ignore[misc]
    """The server of a storage is away, has cut the connection, or cannot do what it is for.

    Whoever knows what a ZEO server does that is away knows this.
    """


class OthersFirst(ConflictError):  # type: ignore[misc]
    """A commit had to wait for others for too long, or would have waited for ever."""


def told(error: BaseException, driver: Any) -> Exception | None:
    """Return what an error of a storage's driver means to users of ZODB; None: it is no such error.

    ``driver``: RelStorage's.
    """
    if isinstance(error, POSError | TransientError):
        return None  # RelStorage has told it already
    while not isinstance(error, errors_of(driver)):
        # What RelStorage was at when a connection was cut can fail for that in turn.
        follows = error.__cause__ or error.__context__
        if follows is None:
            return None
        error = follows
    state = getattr(error, "pgcode", None)
    text = " ".join(f"{type(error).__name__}: {error}".split())
    if state in FIRST_STATES:
        return OthersFirst(text)
    if state is None:  # libpq has said it, or psycopg2, for which a cut can be no certain error
        is_away = isinstance(error, driver.disconnected_exceptions)
        is_away = is_away or type(error).__name__ == "DatabaseError"
    else:
        is_away = state[:2] in AWAY_CLASSES or state in AWAY_STATES
    return ServerLost(text) if is_away else None


def errors_of(driver: Any) -> tuple[type[BaseException], ...]:
    """Return the classes of errors that a driver raises."""
    return (*driver.disconnected_exceptions, *driver.lock_exceptions)
