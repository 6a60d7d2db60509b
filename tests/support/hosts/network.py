"""The network between hosts: passes packets on, late, not all of them, or none in one direction.

A host's interface is a TUN device, whose packets this process reads and writes.  So a wire can be
as bad as a test wants it, without the kernel's ``netem``, which not every kernel has, and without
an interface outside of the hosts.
"""

from __future__ import annotations

import contextlib
import heapq
import ipaddress
import itertools
import os
import random
import selectors
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

#: Longer than any packet of these interfaces.
PACKET_BYTES = 65536
#: Where the address of the target stands in a packet of IP version 4.
TARGET = slice(16, 20)


@dataclass
class Wire:
    """One direction between two hosts; ``delay``: seconds; ``loss``: the share that gets lost."""

    delay: float = 0.0
    loss: float = 0.0
    is_cut: bool = False


class Network:
    """Joins hosts by their addresses; ``seed``: of what is lost."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._interfaces: dict[bytes, int] = {}
        self._wires: dict[tuple[bytes, bytes], Wire] = {}
        self._late: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self.passed: Counter[str] = Counter()  # packets: passed, lost, cut
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = os.pipe()
        self._selector.register(self._wake, selectors.EVENT_READ, None)
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    def join(self, address: str, interface: int) -> None:
        """Let the host with this address in, by the descriptor of its TUN device, which is ours."""
        os.set_blocking(interface, False)
        with self._lock:
            self._interfaces[_packed(address)] = interface
        self._selector.register(interface, selectors.EVENT_READ, _packed(address))

    def leave(self, address: str) -> None:
        """Take a host off the network, and its interface from it."""
        with self._lock:
            interface = self._interfaces.pop(_packed(address), None)
        if interface is not None:
            self._selector.unregister(interface)
            os.close(interface)

    def wire(self, one: str, other: str) -> Wire:
        """Return the direction from one host to another, to be changed."""
        with self._lock:
            return self._wires.setdefault((_packed(one), _packed(other)), Wire())

    def both(self, one: str, other: str) -> tuple[Wire, Wire]:
        """Return both directions."""
        return self.wire(one, other), self.wire(other, one)

    @contextlib.contextmanager
    def cut(self, *wires: Wire) -> Iterator[None]:
        """Let nothing through these meanwhile.  Neither side is told."""
        for wire in wires:
            wire.is_cut = True
        try:
            yield
        finally:
            for wire in wires:
                wire.is_cut = False

    @contextlib.contextmanager
    def bad(self, *wires: Wire, delay: float = 0.0, loss: float = 0.0) -> Iterator[None]:
        """Let packets be late, or get lost, on these meanwhile."""
        for wire in wires:
            wire.delay, wire.loss = delay, loss
        try:
            yield
        finally:
            for wire in wires:
                wire.delay, wire.loss = 0.0, 0.0

    def close(self) -> None:
        """End it; the hosts have no interface any more."""
        self._is_over = True
        os.write(self._woken, b".")
        self._thread.join()
        for address in list(self._interfaces):
            self.leave(str(ipaddress.ip_address(address)))
        self._selector.close()
        for one in (self._wake, self._woken):
            os.close(one)

    def _run(self) -> None:
        while not self._is_over:
            timeout = None if not self._late else max(0.0, self._late[0][0] - time.monotonic())
            for key, _ in self._selector.select(timeout):
                if key.data is not None:
                    self._receive(key.fd, key.data)
            while self._late and self._late[0][0] <= time.monotonic():
                self._send(*heapq.heappop(self._late)[2:])

    def _receive(self, interface: int, source: bytes) -> None:
        """Read what one host has sent, and pass it on, now or later."""
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                packet = os.read(interface, PACKET_BYTES)
                target = packet[TARGET]
                with self._lock:
                    to = self._interfaces.get(target) if packet[0] >> 4 == 4 else None
                    wire = self._wires.get((source, target)) or Wire()
                if to is None:
                    continue
                if wire.is_cut or (wire.loss and self._random.random() < wire.loss):
                    self.passed["cut" if wire.is_cut else "lost"] += 1
                elif wire.delay:
                    due = time.monotonic() + wire.delay
                    heapq.heappush(self._late, (due, next(self._numbers), to, packet))
                else:
                    self._send(to, packet)

    def _send(self, interface: int, packet: bytes) -> None:
        with contextlib.suppress(OSError):  # the host is gone, or takes no more: lost, as elsewhere
            os.write(interface, packet)
            self.passed["passed"] += 1


def _packed(address: str) -> bytes:
    return ipaddress.IPv4Address(address).packed
