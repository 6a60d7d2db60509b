"""The reach of a call: all of the application that is loaded for it and for what follows it.

A supervisor calls reactor jobs in its own process, and nothing of what it imports or unpickles for
that may hang or end it.  So a child loads it first, where it may do so at the cost of the job.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from persistent import Persistent
from transaction.interfaces import TransientError
from ZODB.POSException import StorageError
from ZODB.utils import z64

from zcasync.errors import FOREIGN_CODE, UnstorableError
from zcasync.job.arguments import all_arguments, load_call, parts
from zcasync.job.broken import broken
from zcasync.job.callables import is_persistent, module_of
from zcasync.job.loadable import why_unloadable
from zcasync.job.loading import Stage, loading
from zcasync.job.packed import Packed
from zcasync.job.record import PartialRecord
from zcasync.job.values import references
from zcasync.retry.policy import is_policy_imported, policy_of


def reaches_foreign(partial: PartialRecord) -> bool:
    """Return whether code of the application has to run to load what a call needs.

    Importing a module counts that this process has not imported.  To be called with a connection
    that makes classes by their names: nothing is loaded for this.
    """
    return any(_is_foreign(one) for one in _calls(partial))


def load_reach(partial: PartialRecord) -> None:
    """Load all that is loaded for a call, and for what follows it.

    What that raises is the call's own error, and raised again where it is made.  Raises what the
    storage raises.
    """
    for one in _calls(partial):
        for load in (load_call, policy_of, _load_arguments):
            try:
                with loading(Stage.CALL):
                    load(one)
            except (TransientError, StorageError):
                raise
            except FOREIGN_CODE:
                continue


def try_value(connection: Any, data: bytes, references: list[bytes]) -> None:
    """Load the pickle of a result as a trial.  Raises UnstorableError, and what the storage raises.

    ``references``: the oids of the stored objects that it refers to; zeros stand for a new one.
    """
    found = (Persistent() if oid == z64 else connection.get(oid) for oid in references)
    packed = Packed(data, tuple(found))
    try:
        with loading(Stage.CALL):
            packed.load(connection)
    except (TransientError, StorageError):
        raise
    except FOREIGN_CODE as error:
        raise UnstorableError(f"{type(error).__name__}: {str(error)[:200]}") from error


def _calls(partial: PartialRecord) -> Iterator[PartialRecord]:
    """Yield a partial, its callbacks and theirs, and what callbacks choose from.

    Those that can be loaded.
    """
    calls = [partial]
    while calls:
        one = calls.pop()
        if broken(one) is None:
            yield one
            if one.sidecar is None or why_unloadable(one.sidecar) is None:
                calls += one.callbacks
            if not one.is_packed:
                calls += (found for found in one.stored_arguments if _is_of(found, one))


def _is_of(found: object, callback: PartialRecord) -> bool:
    return isinstance(found, PartialRecord) and found.parent is callback


def _is_foreign(partial: PartialRecord) -> bool:
    sidecar = partial.sidecar
    if sidecar is not None and (why_unloadable(sidecar) is not None or sidecar.annotations):
        return True
    if partial.is_packed or partial.is_boxed or not is_policy_imported(partial):
        return True
    stored = list(parts(partial))
    names = [type(one).__module__ for one in references(stored, "call")]
    names += filter(None, [module_of(partial.stored_callable)])
    return any(name not in sys.modules for name in names)


def _load_arguments(partial: PartialRecord) -> None:
    args, kwargs = all_arguments(partial, (), {})
    for value in (getattr(load_call(partial), "__self__", None), *args, *kwargs.values()):
        if is_persistent(value):
            value._p_activate()
