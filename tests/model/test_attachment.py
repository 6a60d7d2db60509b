"""An attachment is open whole, fenced, or not at all."""

from __future__ import annotations

import uuid

import pytest
import transaction
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB

from tests.model.sessions import ONE, Session
from zcasync.attachment import Attachment
from zcasync.errors import FencedError
from zcasync.identity import Identity
from zcasync.incarnation import Incarnation


def test_one_that_cannot_be_opened_again_is_closed_until_it_can(
    db: DB, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    incarnation = session.keep(Incarnation(uuid.uuid4(), ONE, Identity.here()))
    attachment = Attachment(db, incarnation._p_oid, transaction.TransactionManager())
    attachment.close()

    def away(connection: object, incarnation: object) -> None:
        raise ClientDisconnected("away")

    with monkeypatch.context() as patched:
        patched.setattr("zcasync.attachment.fence", away)
        with pytest.raises(ClientDisconnected):
            attachment.open()
    assert not attachment.is_open
    attachment.close()

    attachment.open()
    incarnation.end("buried")
    session.commit()
    attachment.connection.transaction_manager.begin()
    attachment.connection.root()["change"] = 1
    with pytest.raises(FencedError):
        attachment.connection.transaction_manager.commit()
    attachment.close()
