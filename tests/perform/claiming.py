"""Partials as an engine has them performed: claimed, and again when they come back."""

from __future__ import annotations

from typing import Any

from tests.support.sessions import Session
from zcasync import Partial
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation


def claimed(session: Session, incarnation: Incarnation, call: object, **options: Any) -> Partial:
    """A partial that the incarnation has claimed."""
    partial = session.queue.put(call, **options)
    session.commit()
    claim_again(session, incarnation)
    return partial


def claim_again(session: Session, incarnation: Incarnation) -> None:
    """Claim all that waits."""
    for one in session.claim():
        one.assign(incarnation)
    session.commit()


def perform(session: Session, incarnation: Incarnation, partial: Partial, **host: Any) -> Any:
    """Perform it, and each time that it is to be released and claimed again."""
    while True:
        Performer(**host).perform_claimed(partial, incarnation)
        session.sync()
        if partial.retry_at is None:
            return partial.result
        session.queue.release(partial)
        session.commit()
        claim_again(session, incarnation)
