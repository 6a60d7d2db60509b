"""docs/zope.rst does what it says, as pasted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import guides
from tests.integrations.conftest import VARIABLE
from tests.support.ports import free_port

GUIDE = guides.DOCS / "zope.rst"
INCLUDE = '<include package="zcasync" file="zope.zcml" />'


def test_the_guide_does_what_it_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    servers = (*guides.SERVERS, "runzeo", "runwsgi", "python serve.py")
    monkeypatch.setattr(guides, "SERVERS", servers)
    monkeypatch.setattr(guides, "SECONDS", 90)
    ports = {port: str(free_port()) for port in ("8090", "8091", "8100")}
    with guides.reader(folder) as one:
        one.follow(GUIDE, ports)
        assert len(one.ran) >= 14


def test_recipes_have_the_line_of_the_guide() -> None:
    """They are not run here: each has the very line that is."""
    found = {block.kind: block.body for block in guides.blocks(GUIDE.read_text())}

    assert INCLUDE in found["ini"]
    assert INCLUDE in found["yaml"]
