"""The transactions that a partial is performed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transaction
from transaction.interfaces import NoTransaction
from twisted.logger import Logger

from zcasync.errors import FOREIGN_CODE
from zcasync.job.arguments import target
from zcasync.job.record import PartialRecord
from zcasync.perform.attribution import label_of
from zcasync.text import message_of
from zcasync.zeo.labels import Label, labelled

log = Logger()

#: So much of the message of a failed clean-up stands beside the error before it.
NOTE_CHARACTERS = 500


class Transactions:
    """The transactions of one partial: begin, commit, abort.

    Where the manager is explicit (as in Pyramid) there is always a transaction afterwards, so that
    the caller can go on in it.
    """

    def __init__(self, partial: PartialRecord) -> None:
        self._partial = partial
        self.manager = manager_of(partial)

    def begin(self) -> None:
        """Begin a new transaction; changes that were not committed are lost."""
        if self.manager.explicit:
            abort(self.manager)
        self.manager.begin()

    def commit(self, label: Label | None = None) -> None:
        """Commit the transaction, as one of the partial.  Raises what a participant raises.

        ``label`` None: that of the partial as its record is now.
        """
        with labelled(label or label_of(self._partial)):
            self.manager.commit()
        if self.manager.explicit:
            self.manager.begin()

    def abort(self, beside: BaseException | None = None) -> None:
        """Abort the transaction; changes that were not committed are lost.

        Each participant is told, whatever others raise.  The first error stands in a note of the
        error ``beside`` which the transaction is aborted for.
        """
        abort(self.manager, beside)
        if self.manager.explicit:
            self.manager.begin()


def abort(manager: Any, beside: BaseException | None = None) -> None:
    """Abort a manager's transaction; what a participant raises is a note of ``beside``."""
    try:
        manager.abort()
    except NoTransaction:
        pass  # an explicit one is over already
    except FOREIGN_CODE as error:
        text = f"{type(error).__name__}: {message_of(error)[:NOTE_CHARACTERS]}"
        log.warn("cleaning up after a job has failed: {text}", text=text)
        if beside is not None:
            beside.add_note(f"Cleaning up after it has failed, too: {text}")


def manager_of(partial: PartialRecord) -> Any:
    """Return the transaction manager of the partial's connection.

    For a partial that is not stored yet, that of the object whose method it calls; else the
    thread's.  Loads nothing of a stored one: the storage may be away.
    """
    jar = partial._p_jar
    if jar is None:
        jar = getattr(target(partial), "_p_jar", None)
    return transaction.manager if jar is None else jar.transaction_manager


def end_transaction(partial: PartialRecord) -> Callable[[], PartialRecord]:
    """Abort the transaction and return a function that returns the partial.

    The ``detach`` of a Host whose connection belongs to the caller: the connection stays open.
    """
    Transactions(partial).abort()
    return lambda: partial
