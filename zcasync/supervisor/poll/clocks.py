"""The clocks of the database and of clients, as far as they differ from this machine's.

Two things are decided by them.  How long ago something was put, and even there what is measured
only has a say (:func:`zcasync.job.due_fields.possible_put`); and when a schedule ticks, which is
not before its time has come by the database's clock, too.  Operators are told of those that are
more than a second away.

A transaction's id is the time at which the database's server has made it.  For a commit of our own
we know between which two moments that was.  A client writes with its inbox when that was by its
clock, and the id of that transaction says when it was by the server's.
"""

from __future__ import annotations

from dataclasses import dataclass

from ZODB.utils import z64

from zcasync import clock
from zcasync.datamanager import DataManager
from zcasync.job.due_fields import TOLERANCE
from zcasync.job.ids import id_of
from zcasync.queues.lane import Lane
from zcasync.queues.lane_records import loaded_lanes
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.messages import PassResult
from zcasync.text import span

#: Look at the lanes of all clients so often, seconds.
LOOK_SECONDS = 1.0
#: A client looks late by as long as its commit has taken.  More than this, microseconds, no commit
#: takes; less has to be seen twice.
LONGEST_COMMIT = 60_000_000
#: Show no more clients than this.
CLIENTS_SHOWN = 10
#: Remember no more differences that were logged.
LOGGED = 100
#: Remember how things stood before clocks were set so often.
TIMES = 100

#: Whose clock differs, by how many microseconds, and the line about it.
Difference = tuple[str, int, str]


@dataclass
class Inboxes:
    """The last two times that a client has begun a page, each as far ahead of the database."""

    serial: bytes
    last: int
    before: int = 0
    job: str = ""

    @property
    def ahead(self) -> int:
        """How far the client's clock is ahead of the database's, microseconds."""
        if self.last >= 0 or self.last < -LONGEST_COMMIT:
            return self.last
        return min(0, max(self.last, self.before))


@dataclass(frozen=True)
class Times:
    """The state of two clocks ``since`` a transaction, until one of them is set.

    ``database``: how far its clock is ahead of this machine's; ``set_by``: by how much that was set
    in all, as the monotonic clock tells; both in microseconds.
    """

    since: bytes = z64
    database: int = 0
    set_by: int = 0


class Clocks:
    """Compares clocks for one engine."""

    def __init__(self, environment: Environment) -> None:
        self._moment_of = environment.moment_of
        self._seconds = environment.seconds
        self._looked = float("-inf")
        self._compared = clock.now(), environment.seconds()
        self._times = [Times()]
        self._inboxes: dict[bytes, Inboxes] = {}  # by lane
        self._logged: list[tuple[str, int]] = []
        self._is_told = True

    def note_commit(self, tid: bytes | None, began: int) -> None:
        """Compare the database's clock in a commit of our own, which began at this moment."""
        moment = None if tid is None else self._moment_of(tid)
        if tid is None or moment is None:
            return
        set_by, last = self._set_by(), self._times[-1]
        self._compared = clock.now(), self._seconds()
        found = Times(tid, _beyond(moment, began, self._compared[0]), last.set_by + set_by)
        if abs(found.database - last.database) > TOLERANCE or set_by:
            self._times = [*self._times[-TIMES:], found]
            self._is_told = False

    @property
    def database(self) -> int:
        """How far the database's clock is ahead of this machine's, microseconds."""
        return self._times[-1].database

    def _set_by(self) -> int:
        """Return by how much this machine's clock was set since it was compared, microseconds."""
        wall, steady = self._compared
        return _unless_small(clock.now() - wall - int((self._seconds() - steady) * 1e6))

    def common_now(self) -> int:
        """Return what time it is by this machine's clock, or the database's where that is behind.

        So a machine whose clock is ahead leaves what comes with the time of day to the others.
        """
        behind = min(0, self._times[-1].database - self._set_by())
        return clock.now() + behind

    @property
    def is_set(self) -> bool:
        """True where this machine's clock was set since it was compared with the database's."""
        return self._set_by() != 0

    def look(self, manager: DataManager) -> None:
        """Compare the clocks of all clients, once in a while."""
        now = self._seconds()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        lanes = [lane for one in manager.queues.values() for lane in loaded_lanes(one)]
        found = [(lane._p_oid, self._of(lane)) for lane in lanes]
        self._inboxes = {oid: inboxes for oid, inboxes in found if inboxes is not None}
        self._is_told = False

    def ahead(self, lane: Lane) -> int:
        """Return how far the clock of a lane's client is ahead of this machine's, microseconds.

        0 for up to a second, or where it is not known.
        """
        inboxes = self._of(lane)
        if inboxes is None:
            return 0
        self._inboxes[lane._p_oid] = inboxes
        now, then = self._times[-1], self._times[0]
        for times in self._times:
            if times.since <= inboxes.serial:
                then = times
        set_since = now.set_by - then.set_by + self._set_by()
        return _unless_small(inboxes.ahead + then.database - set_since)

    def _of(self, lane: Lane) -> Inboxes | None:
        inbox = lane.inbox
        inbox._p_activate()  # until it is loaded again it has the serial that it had
        known = self._inboxes.get(lane._p_oid)
        if known is not None and known.serial == inbox._p_serial:
            return known
        moment = None if inbox._p_serial == z64 else self._moment_of(inbox._p_serial)
        if moment is None or inbox.written is None:
            return None
        before = 0 if known is None else known.last
        partials = inbox.last.partials
        job = id_of(partials[-1]) if partials else ""
        return Inboxes(inbox._p_serial, inbox.written - moment, before, job)

    def _clients(self) -> list[tuple[int, str]]:
        """Return how far clients are ahead, the farthest first, with a job of each.

        Of several with the same difference, as the connections of one machine have, one will do.
        """
        found: dict[int, tuple[int, str]] = {}
        now = self._times[-1]
        for one in self._inboxes.values():
            ahead = _unless_small(one.ahead + now.database)
            if ahead and one.job and one.serial >= now.since:
                found.setdefault(round(ahead / (2 * TOLERANCE)), (ahead, one.job))
        return sorted(found.values(), key=lambda one: -abs(one[0]))

    def tell(self, result: PassResult) -> None:
        """Add what differs to a pass's result, where there is news, and to its log once."""
        if self._is_told:
            return
        self._is_told = True
        clients = self._clients()
        found = [*self._database_line(), *map(_client_line, clients[:CLIENTS_SHOWN])]
        result.log += [line for who, ahead, line in found if self._is_new(who, ahead)]
        result.clocks = {
            "database_seconds": self._times[-1].database / 1e6,
            "clients": [{"seconds": ahead / 1e6, "job": job} for ahead, job in clients],
            "warnings": [line for _, _, line in found],
        }
        del result.clocks["clients"][CLIENTS_SHOWN:]

    def _database_line(self) -> list[Difference]:
        ahead = self._times[-1].database
        line = f"the clock of the database's server is {_away(ahead)}: set it right"
        return [("database", ahead, line)] if ahead else []

    def _is_new(self, who: str, ahead: int) -> bool:
        is_known = any(one == who and abs(told - ahead) <= TOLERANCE for one, told in self._logged)
        if not is_known:
            self._logged = [*self._logged, (who, ahead)][-LOGGED:]
        return not is_known


def _client_line(client: tuple[int, str]) -> Difference:
    ahead, job = client
    line = f"the clock of the client that has put job {job} is {_away(ahead)}: set it right"
    return "client", ahead, line


def _beyond(moment: int, first: int, last: int) -> int:
    """Return how far a moment is after ``last``, or below 0 before ``first``; 0 for a second."""
    return _unless_small(max(0, moment - last) + min(0, moment - first))


def _unless_small(difference: int) -> int:
    return difference if abs(difference) > TOLERANCE else 0


def _away(ahead: int) -> str:
    direction = "ahead of" if ahead > 0 else "behind"
    return f"{span(abs(ahead) / 1e6)} {direction} this worker's"
