"""The arena: one database server, two supervisors, and what keeps them going."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.options import options
from tests.chaos.points import TORMENT, VARIABLE, Traps
from tests.chaos.storages import KINDS
from tests.support.instance import ROOT, Client, Instance

HOME = """
<zcasync>
  grace-period 10
  poll-seconds 1
  ping-interval 1
  ping-death-interval 1
  storage-timeout 60
</zcasync>
"""


class Arena:
    """Two homes on one server of a storage, each with so many children."""

    def __init__(self, folder: Path, traps: Traps, children: int, storage: str) -> None:
        self.server = KINDS[storage](folder)
        self.traps = traps
        self.restarts = 0
        config = self.server.config + HOME
        self.pair = [Instance(folder / name, children, config) for name in ("one", "two")]
        for instance in self.pair:
            instance.import_path = [TORMENT, ROOT]
        # One commits at once where it can, the other as with a server that knows only two phases.
        self.pair[1].environment["ZCASYNC_TORMENT_PHASES"] = "2"

    def start(self) -> Arena:
        """Start everything and wait until jobs can be taken."""
        self.server.start()
        for instance in self.pair:
            instance.launch()
        for instance in self.pair:
            instance.wait_until_ready()
        return self

    def restart_the_dead(self) -> None:
        """As an init system would."""
        if not self.server.is_alive:
            self.restarts += 1
            self.server.launch()
        for instance in self.pair:
            if not instance.is_alive:
                self.restarts += 1
                keep(instance)
                instance.launch()

    def client(self) -> Client:
        """A client of the database; the caller closes it."""
        return self.pair[0].new_client()

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What runs now, by role."""
        found: dict[str, list[psutil.Process]] = {"server": [], "supervisor": [], "child": []}
        found["server"] += self.server.processes()
        for instance in self.pair:
            if instance.is_alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    found["supervisor"].append(psutil.Process(instance.pid))
                    found["child"] += instance.descendants()
        return found

    def stop(self) -> list[int]:
        """Stop the supervisors gracefully, then the server; the exit codes of the former."""
        for instance in self.pair:
            instance.send(signal.SIGTERM)
        codes = [instance.wait() for instance in self.pair]
        self.server.stop()
        return codes

    def end(self) -> None:
        """Leave no process."""
        for role in ("server", "supervisor", "child"):
            for process in self.processes()[role]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        for instance in self.pair:
            instance.end()
        self.server.stop()

    def evidence(self) -> str:
        return "\n".join(
            f"===== {instance.home.name}\n{instance.evidence()}" for instance in self.pair
        )


def keep(instance: Instance) -> None:
    """Add what a supervisor that has died said last to the file that keeps all of it."""
    with instance.home.with_name(f"{instance.home.name}.all").open("a") as file:
        file.write(instance.output)


@contextmanager
def arena(
    folder: Path, monkeypatch: Any, children: int, storage: str | None = None
) -> Iterator[Arena]:
    """An arena that leaves nothing behind.  ``storage`` None: the one that was asked for."""
    traps = Traps(folder / "traps")
    monkeypatch.setenv(VARIABLE, str(traps.folder))
    made = Arena(folder, traps, children, storage or options().storage)
    try:
        yield made.start()
    finally:
        made.end()
