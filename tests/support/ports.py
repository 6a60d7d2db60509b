"""Loopback ports for servers of tests, which nobody is given by chance until they listen."""

from __future__ import annotations

import random
import socket

#: Below those that the kernel gives to connections: one of these could be somebody's by the time
#: that a server wants it, or wants it back after its restart.
RANGE = range(10_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens at; another one each time, most likely."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(RANGE)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
