"""The request of a call, as far as that of its put was remembered."""

from __future__ import annotations

import pytest

from tests.support.access_control import users
from tests.zope.probes import needs_zope

pytestmark = needs_zope


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://books", "80"),
        ("https://books", "443"),
        ("http://books:8080", "8080"),
        ("http://books:99999", None),
        ("http://books:x", None),
        ("http://[books", None),
    ],
)
def test_a_server_that_a_client_has_made_up_is_none(url: str, port: str | None) -> None:
    assert users is not None  # it comes first, and leaves no variables behind
    from zcasync.zope.visit import environ_of

    environ = environ_of({"server_url": url})

    assert environ.get("SERVER_PORT") == port
    assert environ.get("SERVER_URL") == (url if port else None)
