"""Callables that load the machine."""

from __future__ import annotations

import ctypes
from typing import Any


def hold_the_interpreter(seconds: int) -> int:
    """Hold the GIL: no other thread of this process runs meanwhile."""
    return int(ctypes.PyDLL(None).sleep(seconds))


def double_message(result: Any) -> str:
    """A callback that says twice what the failure says."""
    return str(2 * result.getErrorMessage())
