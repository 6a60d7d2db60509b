"""What an arena asks of the server of its storage."""

from __future__ import annotations

from typing import Any, Protocol

import psutil


class IServed(Protocol):
    """A database server that can be started again where it was.

    ``config``: the head of the configuration of a home whose database is there.
    """

    config: str

    @property
    def pid(self) -> int:
        """Of the one that was started last."""

    @property
    def is_alive(self) -> bool:
        """Whether it runs, frozen or not."""

    def start(self) -> Any:
        """Start it and wait until it answers."""

    def launch(self) -> None:
        """Start it again after it has died."""

    def stop(self) -> None:
        """Stop it, whatever state it is in.  Safe to repeat."""

    def processes(self) -> list[psutil.Process]:
        """Those that may be killed or frozen."""

    def problems(self) -> list[str]:
        """What is wrong with its data, once nobody serves them any more."""
