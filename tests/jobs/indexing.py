"""An index that many puts of one key keep up to date."""

from __future__ import annotations

from typing import Any

from BTrees.OOBTree import OOBTree
from persistent import Persistent

import zcasync


class Index(Persistent):
    """What was indexed of each document, and how often."""

    def __init__(self) -> None:
        self.parts = OOBTree()
        self.times = OOBTree()

    def add(self, document: str, parts: set[int]) -> int:
        self.parts[document] = self.parts.get(document, frozenset()) | parts
        self.times[document] = self.times.get(document, 0) + 1
        return len(parts)


@zcasync.job(unique=lambda index, document, parts: document, merge="union")
def index(index: Any, document: str, parts: set[int]) -> int:
    return index.add(document, parts)  # type: ignore[no-any-return]


@zcasync.job(retyr=3)
def mistaken() -> None:
    """Carry an option that there is not."""
