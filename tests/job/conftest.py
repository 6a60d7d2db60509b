"""What the calls of these tests leave in their process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.jobs import samples


@pytest.fixture(autouse=True)
def noted() -> Iterator[list[object]]:
    """What ``samples.note`` was called with; empty before and after."""
    samples.NOTED.clear()
    yield samples.NOTED
    samples.NOTED.clear()
