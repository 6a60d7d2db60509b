"""Who may lose an attempt when an engine or a child dies, worked out apart from the product."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED
from zcasync.job.completion import is_done
from zcasync.liveness import takeover
from zcasync.supervisor import registration
from zcasync.supervisor.poll import peers

#: Who takes over; a command imports the name when it runs.
USERS = (takeover, registration, peers)


def suspects(claimed: Iterable[Any], named: bytes | None = None) -> set[bytes]:
    """Of what one child had claimed: those that wait for a Deferred of theirs, and one that it may
    have been at: the one it has ``named``, else the first that has not come to its end.
    """
    unfinished = [one for one in claimed if _is_unfinished(one)]
    begun = {one._p_oid for one in unfinished if one.state == ACTIVE and one._started is not None}
    rest = [one._p_oid for one in unfinished if one._p_oid not in begun]
    if named is not None and (named in rest or named in begun):
        return {named, *begun}
    return {*rest[:1], *begun}


def _is_unfinished(partial: Any) -> bool:
    if partial.state == ACTIVE:
        return partial._waits_for is None and partial._retry_at is None
    return partial.state in (CALLBACKS, COMPLETED) and not is_done(partial)


@contextmanager
def watched(tell: Callable[[set[bytes]], None]) -> Iterator[None]:
    """Call ``tell(suspects)`` for each list of claims that somebody is about to take over."""
    take_over = takeover.take_over

    def watching(dead: Any, *args: Any) -> list[str]:
        for one in (*dead.thread._lists, *dead.reactor._lists):
            tell(suspects(one.items))
        return take_over(dead, *args)

    with ExitStack() as undo:
        for user in USERS:
            undo.callback(setattr, user, "take_over", take_over)
            user.take_over = watching  # type: ignore[attr-defined]
        yield
