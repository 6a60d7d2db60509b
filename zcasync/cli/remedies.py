"""Remedies: what to do about the errors that commands foresee."""

from __future__ import annotations

import shlex

from zcasync.control.refusal import LIST_JOBS as LIST_JOBS

#: Stands in a remedy for the option that names the home, where one was given.
HOME = " [--home]"
AGAIN = "give the command again"


def remedy_of(error: BaseException, home: str | None) -> str | None:
    """Return what to do about an error; None where that is not known."""
    from transaction.interfaces import TransientError
    from ZODB.POSException import StorageError

    from zcasync import errors
    from zcasync.instance.lock import AlreadyServed

    # The first that fits counts.
    table: list[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = [
        (AlreadyServed, f"see who serves it: zcasync status{HOME}"),
        (errors.ConfigurationError, f"see all problems: zcasync check{HOME}"),
        (
            (errors.BadCallable, errors.MissingCallable),
            "name a function that can be imported here and by the workers",
        ),
        (PermissionError, "give the command as the user who owns the home"),
        (errors.NotRunning, f"start a supervisor: zcasync run{HOME}"),
        (
            errors.StorageAway,
            f"wait longer with --timeout SECONDS, or see what is known: zcasync status{HOME}",
        ),
        ((errors.FencedError, TransientError, StorageError), AGAIN),
    ]
    remedy = next((text for kinds, text in table if isinstance(error, kinds)), None)
    where = "" if home is None else f" --home {shlex.quote(home)}"
    return None if remedy is None else remedy.replace(HOME, where)
