"""The supervisor of the panel's home, as far as the application's process can reach it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zcasync.errors import ConfigurationError
from zcasync.instance.home import Home
from zcasync.instanceuuid import readUUID
from zcasync.liveness.verdict import Sighting
from zcasync.reports.workers import SupervisorProbe

#: A supervisor answers at once or not at all, and a page is waited for.
ASK_SECONDS = 1.0


@dataclass(frozen=True)
class OutOfReach:
    """In the place of a SupervisorProbe where the home is not known, or not to be read.

    ``why``: in words, to be shown.
    """

    why: str
    home: None = None
    worker: None = None
    status: None = None

    def sighting_of(self, worker: Any) -> Sighting:
        """Return what is known of a worker's supervisor: nothing but what the records say."""
        return Sighting()


class Reached(SupervisorProbe):
    """A probe of a home; ``why``: what keeps the supervisor from answering, '' where it answers."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, ASK_SECONDS)
        self.home = home

    @property
    def why(self) -> str:
        """What keeps the supervisor from answering, in words; '' where it answers."""
        if self.status is not None:
            return ""
        return self.silence or f"no supervisor runs for {self.home.path}"


def reach(home: str | None) -> Reached | OutOfReach:
    """Return what can be known of the supervisor of a home.

    ``home``: its folder; None: ``$INSTANCE_HOME``, where that is a home of ours.
    """
    try:
        place = Home.find(home)
        if readUUID(place.path) is None:
            return OutOfReach(_nowhere(home, place))
        return Reached(place)
    except (ConfigurationError, OSError) as error:
        return OutOfReach(f"its home cannot be used from here: {error}")


def _nowhere(home: str | None, place: Home) -> str:
    if home is None:
        return "this process is not told the home of a supervisor"
    return f"{place.path} is no home that a supervisor has served"
