"""Process identities that the simulation judges: alive, gone, frozen, or out of sight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from zcasync.database.no_imports import LOADED
from zcasync.instance.process_identity import ProcessIdentity


@dataclass
class Sight:
    """What can be seen from where the code runs now."""

    where: Callable[[], str] = lambda: ""
    alive: set[int] = field(default_factory=set)
    frozen: set[int] = field(default_factory=set)

    @property
    def machine(self) -> str:
        """The machine that the code runs on now."""
        return self.where()


#: Of the world that is simulated now; identities are loaded from records and have to find it.
sight = Sight()


class SimulatedIdentity(ProcessIdentity):
    """One simulated process."""

    @property
    def is_of_this_boot(self) -> bool:
        return False  # nobody asks but for the clock of the machine, which is a real one

    def is_alive(self) -> bool | None:
        return self.pid in sight.alive if self.host == sight.machine else None

    def is_frozen(self) -> bool:
        return self.pid in sight.frozen


def identity_of(machine: str, pid: int) -> SimulatedIdentity:
    """The identity of a process."""
    return SimulatedIdentity(machine, machine, "1", pid, pid)


# It stands in the place of zcasync's own in the records of engines.
LOADED.add((SimulatedIdentity.__module__, SimulatedIdentity.__name__))
