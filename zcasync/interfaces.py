"""The contract of every public object: what it does, who may write it, what it raises."""

from __future__ import annotations

from zope.interface import Attribute, Interface, implementer

from zcasync.errors import (
    AbortedError,
    BadCallable,
    BadStateError,
    ConfigurationError,
    FencedError,
    ForeignError,
    FullError,
    MisplacedError,
    MissingCallable,
    MissingClass,
    MissingPolicy,
    NotRunning,
    StorageAway,
    UnstorableError,
    ZCAsyncError,
)

__all__ = [
    "ACTIVE",
    "CALLBACKS",
    "COMPLETED",
    "IUUID",
    "PENDING",
    "AbortedError",
    "BadCallable",
    "BadStateError",
    "ConfigurationError",
    "DataManagerAvailable",
    "FencedError",
    "ForeignError",
    "FullError",
    "ICompletedCollection",
    "IDataManager",
    "IDataManagerAvailableEvent",
    "IDataManagerPartial",
    "IPartial",
    "IPartialFactory",
    "IPartialQueue",
    "IRetryPolicy",
    "ISizedSequence",
    "IUUIDSet",
    "IWorker",
    "IWorkers",
    "MisplacedError",
    "MissingCallable",
    "MissingClass",
    "MissingPolicy",
    "NotRunning",
    "StorageAway",
    "UnstorableError",
    "ZCAsyncError",
]

#: Waits to be claimed, or was never put in a queue.
PENDING = "pending"
#: Claimed by a worker: runs, is about to run, or waits for another partial.
ACTIVE = "active"
#: Has its result; callbacks are being run.
CALLBACKS = "callbacks"
#: Over.
COMPLETED = "completed"

#: The key of the data manager in the root of its database.
ROOT_KEY = "zc.async.datamanager"
#: The name of the second database, where the data manager has one of its own.
ASYNC_DATABASE = "zc.async"


class IUUID(Interface):
    """The UUID of this instance, kept in ``INSTANCE_HOME/etc/uuid.txt``: a ``uuid.UUID``."""


class IUUIDSet(Interface):
    """A set of workers' UUIDs that belongs to a partial."""

    def add(worker):
        """Add a ``uuid.UUID``.  TypeError for anything else; BadStateError unless PENDING."""

    def update(workers):
        """Add several."""

    def remove(worker):
        """Take one away.  KeyError when it is not there."""

    def __iter__():
        """The members, as ``uuid.UUID``."""

    def __len__():
        """How many."""

    def __contains__(worker):
        """Whether it is there."""


class IPartial(Interface):
    """A persistent call."""

    callable = Attribute(
        "What is called.  Setting it: BadStateError unless PENDING, BadCallable for what no other "
        "process could call.  Getting it: MissingCallable where it cannot be imported."
    )
    args = Attribute("Positional arguments, a mutable sequence while PENDING.")
    kwargs = Attribute("Keyword arguments, a mutable mapping while PENDING.")
    state = Attribute("PENDING, ACTIVE, CALLBACKS or COMPLETED.  Read-only.")
    result = Attribute(
        "What the callable returned, or a twisted Failure without live frames; None before "
        "CALLBACKS.  Read-only."
    )
    callbacks = Attribute("The callbacks added so far: a tuple of partials.  Read-only.")
    annotations = Attribute(
        "A mapping for notes, never read or written by zcasync.  Others may write it while the "
        "call runs without making the call conflict."
    )
    unhandled_error = Attribute(
        "True when the result is a Failure that no callback has handled at a leaf."
    )

    retry = Attribute(
        "The name of the IRetryPolicy, None for the default one.  Setting it (see "
        "IPartialQueue.put): BadStateError unless PENDING, ValueError for what cannot be found."
    )

    def addCallbacks(success=None, failure=None, retry=None):
        """Call one of these with the result, by whether it is a Failure; returns a partial.

        The returned partial's result is what the chosen one returns, or the result passed on where
        None was given.  On a partial that is COMPLETED the callback runs at once, and commits.
        ``retry`` is the policy of both; None: the adapter named ``callback``.
        """

    def addCallback(callback, retry=None):
        """Call this with the result, whatever it is; returns a partial.  As addCallbacks."""

    def __call__(*args, **kwargs):
        """Call now, in this thread, commit, and return the result; a Failure is returned too.

        Call-time arguments follow the stored ones.  BadStateError unless PENDING and in no queue.
        """

    def fail(e=None):
        """End it with this exception or Failure (AbortedError when None) and run its callbacks.

        Commits.  BadStateError when it has a result already.  If this process dies before the
        callbacks of a partial from a queue have run, a worker runs the rest after 15 seconds.
        """

    def resumeCallbacks():
        """Run the callbacks that have not run.  BadStateError before CALLBACKS."""


class IPartialFactory(Interface):
    """Makes partials."""

    def __call__(call, *args, **kwargs):
        """A partial of this callable and these arguments.  BadCallable."""

    def bind(call, *args, **kwargs):
        """The same, with the partial itself as first argument."""


class IDataManagerPartial(IPartial):
    """A partial that can wait in a queue."""

    queue = Attribute("The queue it was put in, or None.")
    begin_after = Attribute("Not before this moment: an aware datetime in UTC; None before put.")
    begin_by = Attribute(
        "A timedelta from begin_after, checked at the first start; None: no limit."
    )
    selectedUUIDs = Attribute("Only these workers may run it; empty: any.  See IUUIDSet.")
    excludedUUIDs = Attribute("These workers may not run it.  See IUUIDSet.")


class IRetryPolicy(Interface):
    """Says whether a call that went wrong is tried again: an adapter of IPartial, by name.

    An answer is False (no: it ends with what went wrong), True (yes, at once), a timedelta (not
    before that time has passed) or an aware datetime (not before then).  A call that has to wait
    leaves its worker and waits in its queue; callbacks and direct calls, which are in no queue,
    pause for five seconds at most instead.  Anything else, or an exception, counts as a no, and the
    Failure's ``evidence`` says so.

    ``counts`` has how often the call went wrong so far, this time included: ``conflicts``,
    ``interruptions`` and ``exceptions``, which are ints.  Answers must be quick and may not write
    to the database; ``interrupted`` is asked in the supervisor, the others where the call is made.
    """

    at_most_once = Attribute(
        "True: that the call begins is committed before it is made, and then it never is again, "
        "whatever dies.  One more commit for each call."
    )

    def jobError(failure, counts):
        """The call raised this (a twisted Failure), or conflicted, or the storage went away."""

    def commitError(failure, counts):
        """The call returned, and its changes could not be committed for this reason."""

    def interrupted(counts):
        """The process that made the call has died, or was declared dead."""


class ISizedSequence(Interface):
    """What a worker has claimed, and how much it does at once."""

    size = Attribute(
        "How many at once: an int of 0 (pause) or more.  A record of its own: set it from any "
        "process at any time."
    )

    def __len__():
        """How many are claimed."""

    def __iter__():
        """The claimed partials, list by list, each in the order in which they will run."""

    def __getitem__(index):
        """One of them."""

    def add(item):
        """Claim one more.  FullError when ``size`` are claimed."""

    def remove(item):
        """Forget one.  ValueError when it is not there."""

    def index(item):
        """Its position.  ValueError when it is not there."""


class ICompletedCollection(Interface):
    """Finished partials, newest first, kept for a time."""

    def add(partial):
        """Add a finished partial."""

    def first():
        """The newest.  LookupError when empty."""

    def last():
        """The oldest.  LookupError when empty."""

    def __iter__():
        """Newest first."""

    def iter(start=None, stop=None):
        """Newest first, from the moment ``start`` back to ``stop`` (aware datetimes)."""

    def __len__():
        """How many."""


class IWorker(Interface):
    """The persistent record of one instance."""

    UUID = Attribute("The instance's ``uuid.UUID``.")
    engineUUID = Attribute("The run of a supervisor that serves it now: a ``uuid.UUID`` or None.")
    thread = Attribute("Claimed thread jobs; ``size`` is the number of children.  ISizedSequence.")
    reactor = Attribute("Claimed reactor jobs.  ISizedSequence.")
    completed = Attribute("ICompletedCollection.")
    poll_seconds = Attribute("The longest pause between two polls, seconds, above 0.")
    ping_interval = Attribute("A working engine writes at least this often, seconds.")
    ping_death_interval = Attribute("So much later than promised means dead, seconds.")
    last_ping = Attribute("When the engine last said that it lives: aware datetime or None.")


class IWorkers(Interface):
    """Maps ``uuid.UUID`` to IWorker."""

    def add(worker):
        """Add a worker under its UUID.  ValueError when there is one."""

    def remove(worker):
        """Remove it.  KeyError when it is not there."""

    def __getitem__(key):
        """The worker.  KeyError."""

    def get(key, default=None):
        """The worker, or the default."""

    def __iter__():
        """The UUIDs."""

    def keys():
        """The UUIDs."""

    def values():
        """The workers, a list."""

    def items():
        """Pairs, a list."""

    def __len__():
        """How many."""

    def __contains__(key):
        """Whether there is one."""


class IPartialQueue(Interface):
    """Partials that wait, due and held."""

    batch = Attribute("The ``batch`` of puts that do not say; False unless you set it.")

    def put(item, begin_after=None, begin_by=None, **options):
        """Put a call in the queue; returns its IDataManagerPartial.

        ``item``: a function, a method of a persistent object, or a partial.  ``begin_after``: an
        aware datetime, not before which it runs (ValueError for a naive one; the past means now).
        ``begin_by``: timedelta from then after which it is ended with an AbortedError instead of
        begun.  Options: ``batch=True`` allows that it is committed together with others (``False``
        forbids it where the queue's ``batch`` is True);
        ``detached=True`` makes the call without a connection, with plain arguments only
        (ValueError); ``retry`` names the IRetryPolicy: ``"default"``, ``"forever"``, ``"never"``,
        ``"exceptions"``, another registered adapter, or a factory that workers can import (itself,
        or ``"module:attribute"``) and that is called with the partial; None: the adapter without a
        name, else ``"default"``; one that cannot be found: ValueError.  Unknown options: TypeError.
        A partial that was put already: ValueError.
        Nothing happens before the caller commits.
        """

    def put_many(items, begin_after=None, begin_by=None, **options):
        """Put several, all of them as ``put`` would; returns the list of partials."""

    def pull(index=0):
        """Take a waiting partial out, by its place in the iteration, and return it.  IndexError."""

    def pullNext(uuid):
        """Take the next due partial that this worker may run out and return it, or None."""

    def iterDue():
        """Waiting partials whose time has come, in order."""

    def __iter__():
        """All waiting partials in the order of ``begin_after``."""

    def __len__():
        """How many wait, due and held."""


class IDataManager(Interface):
    """The two queues and the workers; in the root of a database under ``ROOT_KEY``."""

    thread = Attribute("IPartialQueue: performed in a child process, with a connection.")
    reactor = Attribute("IPartialQueue: performed in the supervisor's reactor.")
    workers = Attribute("IWorkers.")


class IDataManagerAvailableEvent(Interface):
    """A data manager can be used."""

    object = Attribute("The data manager.")


@implementer(IDataManagerAvailableEvent)
class DataManagerAvailable:
    """See IDataManagerAvailableEvent."""

    def __init__(self, object):  # noqa: A002
        self.object = object
