"""Bound methods of objects in acquisition wrappers, as Zope hands them out."""

from __future__ import annotations

import pytest

import zcasync
from tests.jobs.methods import Document
from tests.support.sessions import Session
from zcasync.job.callables import dotted, load_form, store_form

Implicit = pytest.importorskip("Acquisition", reason="needs Zope's Acquisition").Implicit


class Acquiring(Implicit, Document):  # type: ignore[misc,valid-type]
    """A document that may be in a wrapper."""


def test_a_method_of_an_object_in_a_wrapper_is_stored_as_that_of_the_object(
    session: Session,
) -> None:
    document = session.keep(Acquiring(), "document")
    wrapped = document.__of__(session.keep(Acquiring(), "above"))
    assert type(wrapped) is not Acquiring

    form = store_form(wrapped.save)
    assert form == (document, "save")
    assert type(form[0]) is Acquiring
    assert dotted(form) == f"{__name__}.Acquiring.save"
    assert load_form(store_form(wrapped.save_of_base()))() == "Base.save"
    zcasync.allow_only(session.connection.db(), f"{__name__}.Acquiring")
    session.queue.put(wrapped.save)
    session.commit()
