"""The time, chance and process that an engine has, so that tests give others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from zcasync.database.sync import moment_of
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.supervisor.poll.housekeeping import IDLE_LANE_SECONDS, INTERVAL_SECONDS


@dataclass(frozen=True)
class Environment:
    """An engine's view of the machine that it runs on.

    ``seconds()``: a monotonic clock.  ``sleep(seconds)`` is called in the database thread only.
    ``chance`` spreads the pauses of engines that met.  ``identity()``: this process.
    ``home``: the path of the home whose supervisor it is in, None: none.
    ``moment_of(tid)``: when a transaction was made, by the database's clock; microseconds, None:
    that is no time.
    ``housekeeping`` and ``idle_lane``: see :class:`zcasync.supervisor.poll.housekeeping`, seconds.
    """

    seconds: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: random.Random = field(default_factory=random.Random)
    identity: Callable[[], ProcessIdentity] = ProcessIdentity.here
    home: str | None = None
    moment_of: Callable[[bytes], int | None] = moment_of
    housekeeping: float = INTERVAL_SECONDS
    idle_lane: float = IDLE_LANE_SECONDS
