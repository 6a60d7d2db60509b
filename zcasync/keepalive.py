"""TCP keepalive: the kernel looks whether the other machine is there, where the platform can."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

#: The kernel looks when nothing has passed for this part of the time, and again after as long.
PART = 4
LOOKS = 3


def keep_alive(connected: Any, seconds: float) -> None:
    """Let the kernel end an idle TCP connection when the other machine is gone for so long."""
    with contextlib.suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    part = max(1, int(seconds / PART))
    _set(connected, "TCP_KEEPIDLE", part)
    _set(connected, "TCP_KEEPALIVE", part)  # the same, where it has this name
    _set(connected, "TCP_KEEPINTVL", part)
    _set(connected, "TCP_KEEPCNT", LOOKS)


def end_unacknowledged(connected: Any, seconds: float) -> None:
    """Let the kernel end a TCP connection whose other end takes nothing for so long."""
    _set(connected, "TCP_USER_TIMEOUT", int(seconds * 1000))


def _set(connected: Any, name: str, value: int) -> None:
    if hasattr(socket, name):
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
