"""docs/pyramid.rst does what it says, as pasted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import guides
from tests.support.instance import short_folder
from tests.support.ports import free_port


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def test_the_guide_does_what_it_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guides, "SERVERS", (*guides.SERVERS, "pserve"))
    with guides.reader(folder) as one:
        one.follow(guides.DOCS / "pyramid.rst", {":8100": f":{free_port()}"})
        assert len(one.ran) >= 9
        assert one.typed >= 5
