"""The umask of this process, for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Let this process have another umask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
