"""A ZEO client that sends what a commit consists of in one message, to a server that can read it.

ZEO sends each record of a commit by itself, each with a system call and a change of threads on
both sides, and then asks for the vote.  None of these messages is answered before the vote, so they
may as well travel with it.  The embedded default's server knows how to read that; to any other
server the client speaks as ZEO does.
"""

from __future__ import annotations

from typing import Any

from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected

#: The name of the server's method, and the key that says in the server's info that it has it.
TOGETHER = "together"
#: What waits for the vote.
COLLECTED = frozenset(["tpc_begin", "storea", "checkCurrentSerialInTransaction", "deleteObject"])
#: What any thread may say at any time, whoever commits just now.
UNRELATED = frozenset(["iterator_gc"])
#: A large commit goes in several parts, so that the server can begin to read it.
PART_MESSAGES = 250
PART_BYTES = 1024 * 1024

Message = tuple[str, tuple[Any, ...]]


class SendingTogether(ClientStorage):  # type: ignore[misc]
    """See the module.  Only one thread commits at a time, so that what waits belongs to one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._waiting: list[Message] = []
        self._bytes = 0
        super().__init__(*args, **options)
        self._async = self._say
        self._call = self._ask

    def _can_read(self) -> bool:
        return TOGETHER in (getattr(self, "_info", None) or ())

    def _say(self, method: str, *args: Any) -> None:
        """Say something that is not answered.  Raises ClientDisconnected, as the original does."""
        if method not in COLLECTED or not self._can_read():
            if method not in UNRELATED:
                self._send()
            self._server.async_(method, *args)
            return
        if not self._server.client.operational:
            raise ClientDisconnected(method)
        self._waiting.append((method, args))
        if method == "storea":
            self._bytes += len(args[2])
        if len(self._waiting) >= PART_MESSAGES or self._bytes >= PART_BYTES:
            self._send()

    def _ask(self, method: str, *args: Any, **options: Any) -> Any:
        """Ask something; the vote takes along what has waited for it."""
        if method == "tpc_abort":
            self._take()  # what the server has not heard of need not be taken back
        if method == "vote" and self._can_read():
            return self._server.call(TOGETHER, self._take(), method, *args, **options)
        if method == "vote":
            self._send()
        return self._server.call(method, *args, **options)

    def _send(self) -> None:
        """Send what waits."""
        messages = self._take()
        if messages and self._can_read():
            self._server.async_(TOGETHER, messages)
        else:
            for method, args in messages:
                self._server.async_(method, *args)

    def _take(self) -> list[Message]:
        messages, self._waiting, self._bytes = self._waiting, [], 0
        return messages
