"""Calls that commit on their way, in several manners, for the tests of attribution."""

from __future__ import annotations

from typing import Any

import transaction
from ZODB.POSException import ConflictError

from zcasync import twist
from zcasync.perform.progress import current


def commit_and_go_on(counter: Any) -> int:
    """Commit once on the way, and change something for the job's own commit."""
    counter.add()
    transaction.get().note("counted")
    transaction.commit()
    return counter.add()  # type: ignore[no-any-return]


def commit_often(counter: Any, times: int) -> None:
    """Commit so many times on the way."""
    for _ in range(times):
        counter.add()
        transaction.commit()


def say_who(counter: Any) -> int:
    """Say whose the transaction is, what it is for, and more."""
    counter.add()
    transaction.get().setUser("jo", "/site/acl_users")
    transaction.get().note("by hand")
    transaction.get().setExtendedInfo("ticket", "4711")
    return counter.value  # type: ignore[no-any-return]


def say_too_much(counter: Any) -> int:
    """Say as much as a storage takes."""
    transaction.get().note("x" * 65_500)
    transaction.get().setExtendedInfo("more", "y" * 65_480)
    return counter.add()  # type: ignore[no-any-return]


def commit_and_conflict(counter: Any) -> int:
    """Commit on the way; the first attempt conflicts then."""
    value = counter.add()
    transaction.commit()
    if value == 1:
        raise ConflictError
    return value  # type: ignore[no-any-return]


def commit_elsewhere(counter: Any) -> int:
    """Commit in a connection of its own."""
    manager = transaction.TransactionManager()
    connection = counter._p_jar.db().open(manager)
    try:
        value = connection.get(counter._p_oid).add()
        manager.commit()
    finally:
        connection.close()
    return value  # type: ignore[no-any-return]


def twist_within(counter: Any) -> Any:
    """Commit by ``zcasync.twist``, in a thread of the reactor."""
    from twisted.internet import reactor
    from twisted.internet.threads import blockingCallFromThread

    partial = twist.Partial(counter.add)
    assert current() is not None
    return blockingCallFromThread(reactor, partial)  # type: ignore[arg-type]


def commit_without_connection(home: str) -> int:
    """Count in the root of a home's database, without the job's own connection."""
    import zcasync

    db = zcasync.open(home)
    manager = transaction.TransactionManager()
    connection = db.open(manager)
    try:
        value = connection.root()["attributed"] = connection.root().get("attributed", 0) + 1
        manager.commit()
    finally:
        connection.close()
        db.close()
    return value  # type: ignore[no-any-return]


def say_odd_things() -> None:
    """Say of the transaction what a terminal would act on."""
    transaction.get().note("\x1b[2J")
    transaction.get().setUser("\u202ejo")
