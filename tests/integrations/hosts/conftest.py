"""The hosts of these tests, which they share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.hosts.site import Site
from tests.support.audits import audited
from tests.support.hosts.host import why_not
from tests.support.instance import short_folder


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """A database server, a web application, and two hosts with two supervisors each."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"there can be no hosts here: {reason}")
    with short_folder() as folder, audited(folder):
        made = Site(folder)
        try:
            made.start()
            yield made
        finally:
            made.close()
