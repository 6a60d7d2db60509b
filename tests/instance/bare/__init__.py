"""A storage for configurations whose section has nothing that those of ZODB have."""

from __future__ import annotations

from typing import Any


class BareSection:
    """It can be opened."""

    def __init__(self, found: Any) -> None:
        pass

    def open(self) -> str:
        return "opened"
