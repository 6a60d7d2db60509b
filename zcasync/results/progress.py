"""Progress of a call, for those who have put it: from its supervisor, else from its record."""

from __future__ import annotations

import json

from zcasync.errors import ConfigurationError, NotRunning, StorageAway
from zcasync.instance.home import Home
from zcasync.interfaces import ACTIVE
from zcasync.job.record import PartialRecord
from zcasync.perform.progress import Progress, kept, noted
from zcasync.protocol.control import Progress as AskProgress
from zcasync.protocol.control_client import ControlClient

#: A supervisor of this machine answers so soon, or the record has to do, seconds.
ASK_SECONDS = 1.0


def progress_of(partial: PartialRecord) -> Progress | None:
    """Return what the call has reported last with ``zcasync.progress``; None: nothing is known.

    The state is that of the caller's transaction.  Of an active call it is at most a second old
    where this process may ask the supervisor that runs it (on its machine, as its user); else it is
    what was noted in the database 5, 15, 35 and 75 s after the first report, and every 80 s from
    then on.  Of one that has its result it is the last report: ``is_short`` where that came to less
    than its total.  Waits at most a second, for a supervisor that is frozen.
    """
    if partial.has_result:
        return kept(partial)
    if partial.state != ACTIVE:
        return None
    is_answered, found = _asked(partial)
    return found if is_answered else noted(partial)


def _asked(partial: PartialRecord) -> tuple[bool, Progress | None]:
    """Return whether the supervisor that runs it has answered, and its answer."""
    claim = partial.claim
    home = None if claim is None else claim.home
    if home is None or not claim.identity.is_of_this_boot:
        return False, None
    try:
        place = Home.find(home)
        client = ControlClient(place.control_socket, ASK_SECONDS, place.owner)
        try:
            answer = client.call(AskProgress, oid=partial._p_oid)
        finally:
            client.close()
    except (NotRunning, StorageAway, ConfigurationError):
        return False, None
    found = json.loads(answer["text"])
    return True, None if found is None else Progress.from_dict(found)
