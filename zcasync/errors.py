"""Every exception that zcasync raises, in one tree under :class:`ZCAsyncError`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from ZODB.POSException import InvalidObjectReference

#: Exceptions of code that is not ours, where they have to be an answer and not the end of the
#: process: of a module when it is imported, of a class when its object is loaded, of a retry
#: policy, of a subscriber to an event.  A script without a guard ends in ``sys.exit`` when it is
#: imported.
FOREIGN_CODE = (Exception, SystemExit)


class ZCAsyncError(Exception):
    """The root of the tree: catches all that zcasync itself raises."""


class AbortedError(ZCAsyncError):
    """A partial was ended from outside: cancelled, begun too late, interrupted too often.

    ``who`` has ended it, in words; ``when``, an aware datetime in UTC; ``times``: how often that
    happened which has ended it, an int.  Each is None where it is not known.
    """

    def __init__(
        self,
        *args: object,
        who: str | None = None,
        when: datetime | None = None,
        times: int | None = None,
    ) -> None:
        super().__init__(*args)
        self.who, self.when, self.times = who, when, times


class JobCancelled(AbortedError):
    """Somebody has cancelled the job: ``who``, and ``when``."""


class DeadlineMissed(AbortedError):
    """The job was not begun in time, as was noticed ``when`` it ended.

    That is its ``begin_by`` for the first beginning, and the ``within`` of its rule for others.
    """


class JobCrashed(AbortedError):
    """The process that made the call has died at it, ``times`` in all: it is not tried again.

    ``who``: the process that died last.  The Failure's ``evidence`` says how.
    """


class TimeLimit(AbortedError):
    """The call has run for longer than it may: see SoftTimeLimit and HardTimeLimit."""


class SoftTimeLimit(TimeLimit):
    """Raised inside the call itself when its ``soft_limit`` has passed, so that it can end well.

    A call that catches it and returns has succeeded.  One that lets it out has failed with it.
    """

    def __init__(self, *args: object, **told: Any) -> None:
        super().__init__(*(args or ("the call has run for longer than its soft_limit",)), **told)


class HardTimeLimit(TimeLimit):
    """The call was ended, and its process killed, as its ``hard_limit`` had passed: ``when``.

    The Failure's ``evidence`` has the ladder (``limits``), and the stack of the call.
    """


class JobInterrupted(AbortedError):
    """The engine that had the job performed was gone, ``times`` in all: it is not tried again.

    ``who``: the process in which the call was lost, where that is known.
    """


class Retry(ZCAsyncError):
    """A job raises this to be tried again: what it has changed is aborted, and the attempt counts.

    ``after``: seconds, a timedelta, or an aware datetime not before which that is to be; None: as
    its retry policy would have it after an exception.  How often, see ``zcasync.RetryRule``; where
    the policy has no limit for exceptions there are eight attempts in all.
    Raises TypeError and ValueError for what is no such time.
    """

    def __init__(
        self, reason: str = "", *, after: float | timedelta | datetime | None = None
    ) -> None:
        if not isinstance(reason, str):
            raise TypeError("Retry(reason, after=...): the reason is a text; give a time as after=")
        if after is not None:
            _require_time(after, "after")
        super().__init__(reason or "the job asks to be tried again")
        self.after = after


class Snooze(ZCAsyncError):
    """A job raises this to be made later: its changes are aborted, and no attempt is counted.

    ``until_or_after``: seconds, a timedelta, or an aware datetime.  A job may do so as often as it
    likes; ``IPartial.snoozes`` counts.  Raises TypeError and ValueError for what is no such time.
    """

    def __init__(self, until_or_after: float | timedelta | datetime, reason: str = "") -> None:
        _require_time(until_or_after, "Snooze")
        super().__init__(until_or_after, reason)
        self.until_or_after = until_or_after

    def __str__(self) -> str:
        return str(self.args[1] or "the job asks to be made later")


def _require_time(value: object, name: str) -> None:
    """Raise TypeError or ValueError, with the name, for what says no time to wait for."""
    if isinstance(value, bool) or not isinstance(value, int | float | timedelta | datetime):
        raise TypeError(
            f"{name} must be seconds, a timedelta or a datetime, not {type(value).__name__}"
        )
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(
                f"{name} must be timezone-aware, for instance datetime.now(timezone.utc)"
            )
        return
    try:
        span = value if isinstance(value, timedelta) else timedelta(seconds=value)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name} is no time that a job could wait: {value}") from error
    if span < timedelta(0):
        raise ValueError(f"{name} must not be negative: {value}")


class BadStateError(ZCAsyncError):
    """The partial is not in a state that allows the operation."""


class AlreadyPut(ZCAsyncError):
    """There is a call with this key already: ``id`` names it."""

    def __init__(self, *args: object, id: str | None = None) -> None:  # noqa: A002
        super().__init__(*args)
        self.id = id


class StoppedAtCheckpoint(ZCAsyncError):
    """``checkpoint`` raises it where the job's process is to end: let it pass.

    What was done is committed, and the job goes on behind that in another process.
    """


class StepInDoubt(ZCAsyncError):
    """The call of a step was begun in an earlier attempt, and what came of it is not recorded.

    ``key``: that of the step; ``since``: when it was begun, an aware datetime in UTC.  Find out
    whether it has had its effect, and call ``once`` again with ``in_doubt="repeat"``.
    """

    def __init__(self, *args: object, key: str = "", since: datetime | None = None) -> None:
        super().__init__(*args)
        self.key, self.since = key, since


class FullError(ZCAsyncError):
    """A sequence holds as many items as its size allows."""


class NotRunning(ZCAsyncError):
    """No supervisor serves this home, so its database cannot be reached."""


class BadCallable(ZCAsyncError, TypeError):
    """The object cannot be called later by another process, or not so; the message says why."""


class NotAllowed(BadCallable):
    """The rules for a database do not let this be called; see the setting ``allow``."""


class UnloadableArguments(ZCAsyncError):
    """The arguments of a partial cannot be loaded in this process; the message says why."""


class DamagedRecord(ZCAsyncError):
    """A record of zcasync has attributes that it cannot have; the message says which."""


class MissingCode(ZCAsyncError, LookupError):
    """Code that a call needs cannot be found in the process that should make it.

    ``missing``: the dotted name of the module, function or class that is not there, so that the
    call can wait for it; None: it is there, and fails.
    """

    def __init__(self, *args: object, missing: str | None = None) -> None:
        super().__init__(*args)
        self.missing = missing


class MissingCallable(MissingCode):
    """The name of a partial's callable leads to nothing in the process that should call it."""


class MissingPolicy(MissingCode):
    """The retry policy that a partial names cannot be found, or made, in this process."""


class UnknownOption(MissingCode):
    """A call was put with an option of a later version of zcasync."""


class MissingClass(MissingCallable):
    """The class of something that a partial is called with cannot be imported in this process."""


class UnknownDatabase(ZCAsyncError, KeyError):
    """An object is in a database that this process has not opened; the message names it."""

    __str__ = Exception.__str__  # without the quotes of a KeyError


class UnknownQueue(ZCAsyncError, LookupError):
    """There is no queue with this name."""


class GoneError(ZCAsyncError, LookupError):
    """The site, the user or an object of a call is not where it was at the put."""


class UnstorableError(ZCAsyncError):
    """A result or a change of a job cannot be stored, or could not be loaded again."""


class MisplacedError(ZCAsyncError, InvalidObjectReference):
    """An object that a call is made with is in no database, or in one it cannot be reached from."""


class ForeignError(ZCAsyncError):
    """Stands in for an exception whose class another process may not be able to load.

    The message is the original's ``str()``; the Failure that carries it names the class.
    """


class RemoteTraceback(ZCAsyncError):
    """The cause of an exception that ``get`` raises: the traceback in the worker, as its text."""

    def __str__(self) -> str:
        return f"\n{super().__str__()}"


class FencedError(ZCAsyncError):
    """This process was declared dead and its jobs released: it may not commit any more."""


class HistoryChanged(FencedError):
    """The database is not the one any more that this process has worked with.

    Behind the same address there is an older backup, or another database.  What the process knows
    is of no use there, and it may not commit any more: it has to be started again.  ``exit_code``:
    that of a supervisor, or a command, which ends for it.
    """

    exit_code = 4


class ConfigurationError(ZCAsyncError):
    """A home or its configuration cannot be used.  ``problems``: list of one-line strings."""

    def __init__(self, problems: list[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("; ".join(self.problems))


class NewerRecords(ConfigurationError):
    """A newer version of zcasync has stored what this one does not know; it says what to do."""


class StartedBeforeError(ZCAsyncError):
    """An application whose set-up has failed cannot be set up in this process again.

    Children end when their application cannot be set up, so it comes from a supervisor only.
    """


class StorageAway(ZCAsyncError):
    """The database, or the supervisor, did not answer in time."""


class InDoubt(StorageAway):
    """The database went away during a commit: whether that is stored could not be found out."""
