"""The pictures are those that are drawn now, from the states that a job has now."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.docs.guides import DOCS
from zcasync.job.record import TRANSITIONS


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module that draws them."""
    monkeypatch.syspath_prepend(str(DOCS / "extensions"))
    import pictures

    yield pictures
    del sys.modules["pictures"]


@pytest.mark.parametrize("name", ["states.svg", "processes.svg", "hosts.svg"])
def test_a_picture_is_current(pictures: ModuleType, name: str) -> None:
    drawn = pictures.PICTURES[name]()

    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert (DOCS / name).read_text() == drawn, "run: make pictures"


def test_the_states_are_those_of_the_product(pictures: ModuleType) -> None:
    changes = {(one, other) for one, others in TRANSITIONS.items() for other in others}

    assert set(pictures.STATES) == set(TRANSITIONS)
    assert set(pictures.CHANGES) == changes
    assert pictures.states().count('marker-end="url(#to)"') == len(changes)
