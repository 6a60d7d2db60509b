"""The contract of every public object: what it does, who may write it, what it raises.

In the order of use: the functions of the package; the data manager, its queues and ``put``;
partials and their callbacks; what the code of jobs calls; workers; retry policies; events; errors.
Moments are aware datetimes, durations timedeltas or seconds.
"""

from __future__ import annotations

from zope.interface import Attribute, Interface, implementer

from zcasync.errors import (
    AbortedError,
    BadCallable,
    BadStateError,
    ConfigurationError,
    DeadlineMissed,
    FencedError,
    ForeignError,
    FullError,
    GoneError,
    HardTimeLimit,
    HistoryChanged,
    JobCancelled,
    JobCrashed,
    JobInterrupted,
    MisplacedError,
    MissingCallable,
    MissingClass,
    MissingCode,
    MissingPolicy,
    NewerRecords,
    NotAllowed,
    NotRunning,
    RemoteTraceback,
    SoftTimeLimit,
    StepInDoubt,
    StoppedAtCheckpoint,
    StorageAway,
    TimeLimit,
    UnknownDatabase,
    UnknownOption,
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
    "DeadlineMissed",
    "FencedError",
    "ForeignError",
    "FullError",
    "GoneError",
    "HardTimeLimit",
    "HistoryChanged",
    "IApplication",
    "IApplicationFactory",
    "IClaim",
    "ICompletedCollection",
    "IContextCapture",
    "IDataManager",
    "IDataManagerAvailableEvent",
    "IDataManagerPartial",
    "IFlow",
    "IGathered",
    "IJobCancelledEvent",
    "IJobClaimedEvent",
    "IJobCompletedEvent",
    "IJobDiscardedEvent",
    "IJobEvent",
    "IJobFailedEvent",
    "IJobPutEvent",
    "IJobRetriedEvent",
    "IJobStartedEvent",
    "IPackage",
    "IPartial",
    "IPartialFactory",
    "IPartialQueue",
    "IPatterns",
    "IProcess",
    "IProgress",
    "IQuota",
    "IQuotas",
    "IRetryPolicy",
    "ISchedule",
    "IScheduleRun",
    "IScheduleTickEvent",
    "ISchedules",
    "ISizedSequence",
    "ITwist",
    "ITwistPartial",
    "IUUIDSet",
    "IWorker",
    "IWorkerDownEvent",
    "IWorkerEvent",
    "IWorkerUpEvent",
    "IWorkers",
    "JobCancelled",
    "JobClaimed",
    "JobCompleted",
    "JobCrashed",
    "JobDiscarded",
    "JobFailed",
    "JobInterrupted",
    "JobPut",
    "JobRetried",
    "JobStarted",
    "JobStopped",
    "MisplacedError",
    "MissingCallable",
    "MissingClass",
    "MissingCode",
    "MissingPolicy",
    "NewerRecords",
    "NotAllowed",
    "NotRunning",
    "RemoteTraceback",
    "ScheduleTick",
    "SoftTimeLimit",
    "StepInDoubt",
    "StoppedAtCheckpoint",
    "StorageAway",
    "TimeLimit",
    "UnknownDatabase",
    "UnknownOption",
    "UnstorableError",
    "WorkerDown",
    "WorkerUp",
    "ZCAsyncError",
]

#: Waits to be claimed, or was never put in a queue.
PENDING = "pending"
#: Claimed by a worker: runs, is about to run, or waits for another partial or a Deferred.
ACTIVE = "active"
#: Has its result; callbacks are being run.
CALLBACKS = "callbacks"
#: Has its result, and all callbacks are done.
COMPLETED = "completed"

#: The key of the data manager in the root of its database.
ROOT_KEY = "zc.async.datamanager"
#: The name of the second database, where the data manager has one of its own.
ASYNC_DATABASE = "zc.async"


# the functions of the package


class IPackage(Interface):
    """The package ``zcasync``: what applications call, and their jobs."""

    def configure(registry=None):
        """Register the adapters, once for each process; never replaces the application's.

        That is in the global registry, where zcasync looks for adapters: in no local site, which
        would have to be the current one of each process that puts or runs calls.  ``registry``: in
        this one, where the code of an application looks them up in its own.
        """

    def open(home=None):
        """Return a client, a ``ZODB.DB``, of the database of a home; None: ``$INSTANCE_HOME``.

        NotRunning where no supervisor serves it, ConfigurationError for an unusable home.
        """

    def allow_only(db, *rules):
        """Let only callables below these dotted names be put and called.  ValueError."""

    def put(context, call, *args, **options):
        """Put a call, with arguments by position, in the thread queue; return its partial.

        ``context``: a stored object, a connection, or a data manager.  ``queue="reactor"``: in the
        other queue.  The other options and errors are those of ``IPartialQueue.put``; LookupError
        where there is no data manager, or no such queue.
        """

    def job(function=None, /, **options):
        """Let all puts of a function have these options: ``@zcasync.job(retry=3)``.

        The options are those of ``IPartialQueue.put``; what a put itself says counts more.  Return
        the function, which stays what it is.  TypeError for what can carry no options.
        """

    def serial(*calls, postprocess=None, on_failure="fail_fast"):
        """Return an IFlow whose members begin one after the other, each behind the end of one."""

    def parallel(*calls, postprocess=None, on_failure="fail_fast"):
        """Return an IFlow whose members begin all at once, as far as there are workers."""

    def map(call, items, *, chunk=100, postprocess=None, on_failure="fail_fast"):
        """Return an IFlow that calls ``call`` with each key of ``items``, in chunks of them.

        Of a BTree the keys are walked as it goes, 32 chunks ahead at most, and never all in memory;
        other iterables but a range are written down.  A chunk is one job, and one commit.  The
        result is the number of keys.
        """

    def find(context, id):  # noqa: A002
        """Return the partial with this id.  ValueError, LookupError as ``IDataManager.find``."""

    def gather(partials, timeout=None):
        """Return the results of all, an IGathered, when each has one or ``timeout`` seconds passed.

        Begins a new transaction unless all have a result already.  ValueError for partials of
        several connections, BadStateError as ``IPartial.wait``.
        """

    def current():
        """Return, within a job, its partial; None anywhere else."""

    def checkpoint(value=None):
        """Commit what the job has done so far, and where a later attempt goes on from.

        Whatever ends this attempt later, the next one has ``value`` as ``current().checkpoint``,
        and finds all that was changed before.  ``value``: what a result could be.  A new
        transaction begins, arguments stay as they were put, and conflicts are counted anew.

        BadStateError, with the reason: outside of a job, with ``batch=True`` or ``detached=True``,
        in the reactor, in another thread.  UnstorableError for the value.  What a commit raises,
        ConflictError for instance, and StoppedAtCheckpoint, where the process is to end and the job
        goes on in another one: let these pass.
        """

    def once(key, call, *args, in_doubt="repeat", keep_failure=False, **kwargs):
        """Return ``call(*args, **kwargs)`` and record it: no later attempt at the job calls again.

        For what a job does outside of the database.  ``key``: the step's name within the job, a
        text.  The result, a plain value (UnstorableError), is committed on its own before this
        returns.  What the call raises is recorded with ``keep_failure=True`` only.  A process that
        dies between the effect and its record repeats it; with ``in_doubt="raise"`` the next
        attempt raises StepInDoubt instead.

        BadStateError outside of a job, with ``batch=True``, and in the reactor; TypeError and
        ValueError for a bad key or option.
        """

    def progress(done, total=None, message=""):
        """Report from within a job that ``done`` of ``total`` (None: unknown) is done, in any unit.

        ``zcasync status``, ``job`` and ``jobs`` show it while the job runs, ``progress_of`` has it
        for programs.  Costs next to nothing; what is reported within 0.3 seconds of another report
        is dropped, but for the end.
        """

    def progress_of(partial):
        """Return what its call has reported last, an IProgress; None: nothing is known.

        Of an active call it is at most a second old where the supervisor that runs it is on this
        machine; else it is what was noted in the database 5, 15, 35 and 75 seconds after the first
        report, and every 80 seconds from then on.
        """


class IProgress(Interface):
    """One report of a job: how far it is."""

    done = Attribute("A number, in the unit of the job.")
    total = Attribute("The number for all of it; None: unknown.")
    message = Attribute("A text of 200 characters at most.")
    at = Attribute("The moment of the report, microseconds since 1970.")
    is_short = Attribute("True where ``done`` is less than ``total``.")


class IGathered(Interface):
    """What became of some partials."""

    results = Attribute("A list, in their order: the value or the Failure; None: not yet.")
    done = Attribute("The number of those that have a result, Failures included.")
    failed = Attribute("The number of those whose result is a Failure.")
    total = Attribute("The number of all.")
    undone = Attribute("The partials that have no result yet, a tuple.")


# the data manager


class IDataManager(Interface):
    """The two queues and the workers; in the root of a database under ``ROOT_KEY``."""

    thread = Attribute("IPartialQueue: performed in a child process, with a connection.")
    reactor = Attribute("IPartialQueue: performed in the supervisor's reactor.")
    queues = Attribute("All queues by name, a dict: thread, reactor, and those of one's own.")
    workers = Attribute("IWorkers: a record of every instance that has ever worked for it.")
    quotas = Attribute("IQuotas: limits, by name, on what runs at once over all workers.")
    schedules = Attribute("ISchedules: calls that are put by themselves, at given times.")

    def queue(name):
        """Return the IPartialQueue with this name.  UnknownQueue, a LookupError."""

    def add_queue(name):
        """Return the queue with this name, made now where there is none.

        Its jobs are performed in child processes, by each worker that serves it: see
        ``IWorker.queues``.  A queue stays for ever.  ValueError for a name that is not of small
        letters, digits, - and _, begins with another one than a letter, or is longer than 50.
        """

    def find(id):  # noqa: A002
        """Return the partial with this id, ``IPartial.id``, as the transaction sees it.

        ValueError for a text that is no id; LookupError, with the reason, where there is none.
        """


# quotas


class IQuotas(Interface):
    """The quotas of a data manager: limits that hold over all workers, by name.

    Whatever is changed here holds for all claims after the commit; what runs goes on.
    """

    def set(name, limit=None, rate=None):
        """Make a quota, or let the one with this name have these limits; return the IQuota.

        ``limit``: no more than so many calls with it run at once; 0: none begins; None: any number.
        ``rate``: a pair ``(10, timedelta(seconds=1))``: no more than so many are begun in any such
        time; None: any number.  TypeError, ValueError for what is none of these, and for a name
        that is empty, longer than 100 characters, or has blanks, commas or control characters.
        """

    def remove(name):
        """Limit nothing by this name any more: calls that wait for it may run.  KeyError."""

    def holders(name):
        """Return the list of the partials that hold a slot: claimed, and running.  KeyError."""

    def __getitem__(name):
        """Return the IQuota with this name.  KeyError, with the nearest name."""

    def __iter__():
        """Iterate over the names, in order."""

    def __len__():
        """Return the number of quotas."""

    def __contains__(name):
        """Return whether there is a quota with this name."""


class IQuota(Interface):
    """A limit on the calls that were put with its name.

    A call holds a slot from its claim on until it has its result or waits for another partial,
    fails and is to be attempted later, or its worker is found dead: all that frees the slot in the
    commit in which it happens.  A claim counts for the rate, so an attempt that follows at once, as
    after a conflict, does not count again; callbacks need no quota.
    """

    name = Attribute("Its name.")
    limit = Attribute("So many calls may run at once; None: any number.  Read-only.")
    rate = Attribute("So many may begin in a time: (int, timedelta); None: any.  Read-only.")
    acts = Attribute("What operators did to it: the last 20, each when, who, what; a tuple.")


# queues


class IPartialQueue(Interface):
    """Partials that wait: due (their time has come) and held (it has not)."""

    batch = Attribute("The ``batch`` of puts that do not give one; False unless you set it.")
    defaults = Attribute(
        "The options of puts that say nothing else, by name; None: there are none."
    )

    is_paused = Attribute("True while none of its jobs begin; they are put all the same.")
    acts = Attribute("What operators did to it: the last 20, each when, who, what; a tuple.")

    def pause():
        """Let no more of its jobs begin, anywhere, until ``resume``; what runs goes on."""

    def resume():
        """Let its jobs begin again."""

    def set_defaults(**options):
        """Let these be the options of puts here that say nothing else, in place of those before.

        The options are those of ``put``, in a plain form.  What the callable declares, see
        ``zcasync.job``, counts more, and what the put itself says most.  All of it is stored with
        the call: a change counts for the puts after it.  TypeError and ValueError as ``put``.
        """

    def put(item, begin_after=None, begin_by=None, **options):
        """Put a call in the queue; return its IDataManagerPartial.

        ``item``: a function, a method of a persistent object, or a partial.  ``begin_after``: an
        aware datetime, not before which it runs (ValueError for a naive one, or outside of the
        years 1 to 9999 in UTC; the past means now), or a timedelta, as ``delay``.
        ``begin_by``: a timedelta from then; a call not begun by its end is ended with an
        AbortedError (TypeError, ValueError for what is no timedelta, or negative).

        Now is the worker's, whatever the clock of this process says: without ``begin_after`` a call
        is due at once, and what counts from now on, ``begin_by`` and ``delay``, counts in the time
        of the worker that comes to it first.  A ``begin_after`` is UTC by the worker's clock.

        Options: ``delay``, in place of ``begin_after``: seconds, or a timedelta, from now on (both:
        ValueError).  ``batch=True`` allows that the call is committed together with others
        (``False`` forbids it where the queue's ``batch`` is True); hooks and notes of their
        transaction add up, and a call that sets its user, extension data or data is committed
        alone.
        ``detached=True`` makes the call without a connection, with plain arguments only
        (ValueError).
        ``isolate=True`` has it performed in a child that has begun no other job, and begins none
        behind it; its callbacks, and attempts that follow at once, run there too.  ValueError in
        the reactor queue, whose calls have no process of their own, and with ``batch=True``.
        ``priority``: a whole number from -100 to 100, the lower one goes first, 0 where none is
        given; each step of it counts as an hour of waiting, so that nothing waits for ever
        (TypeError, ValueError).
        ``retry`` names the IRetryPolicy: ``"default"``, ``"forever"``, ``"never"``,
        ``"exceptions"``, another registered adapter, or a factory that workers can import (itself,
        or ``"module:attribute"``) and that is called with the partial; a number: so many times
        again after an exception (0 is one attempt), with the pauses of ``"exceptions"``; a
        ``zcasync.RetryRule``, or a ``zcasync.retry.stock.RetryExceptions``; None: the adapter
        without a name, else ``"default"``; ValueError for one that cannot be found.
        ``secret=True`` has the arguments shown to nobody (see ``IPartial.secret``),
        ``secret=("password", 0)`` those with these names and positions; ValueError for one that a
        call does not have.  They are stored as
        all others, and stay in the database until the job is forgotten (``keep-completed``) and the
        database packed.

        ``after`` names partials, put before, that have to end before it begins; until then it is
        held: in no place of the queue, but listed, with what it waits for.  ``begin_by`` counts
        from where it could begin.  Where one of them fails it ends with an AbortedError that names
        that one; with ``on_failure="collect"`` it begins all the same.  BadStateError for what
        nobody would call, or what would wait for itself; MisplacedError for a partial of another
        connection.

        ``soft_limit`` and ``hard_limit``: how long each attempt may take, seconds or a timedelta.
        When the soft one has passed, a SoftTimeLimit is raised in the call, in its own code (not
        while C code runs, or a lock is waited for), and ``zcasync.current().cancelled`` is True;
        when the hard one has, the stack is kept and the process killed, with all that the call has
        started: the result is a HardTimeLimit with the ladder and where it hung, if the retry
        policy does not repeat it as any exception.  The time counts from the beginning of the call
        to the end of its commit, for the soft one to the call's return, not while it waits for
        another partial; callbacks have the same limits, each anew.  A Deferred is cancelled at the
        soft one, and given up at the hard one; a reactor call that blocks cannot be stopped.  One
        that has a limit shares no commit with others.  TypeError, ValueError for none above 0, or
        where the soft one is not less than the hard one.

        ``run_as`` is the id of the user for whom the application in the worker makes the call, in
        place of the one who puts it; ``remember=False`` has nothing remembered of the caller, only
        what the call itself needs: see ``IContextCapture``.

        ``unique``: a text, True for the arguments, or a callable that makes a text of them: of one
        callable no two calls with the same key are there at once.  ``if_exists`` says what the
        second put does: ``"keep"`` (the default) returns the partial that is there, ``"reject"``
        raises AlreadyPut, ``"replace"`` has that make the new call, with the new options,
        ``"debounce"`` has it begin as ``delay`` says.  ``unique_states``: which ones count, some of
        ``"pending"``, ``"active"`` and ``"completed"``, the last for ``unique_for`` (seconds or a
        timedelta, a day) after their end; the first two by default, pending alone for what changes
        the call that is there.  ``merge``: that gets the arguments of both, ``"union"``, or what a
        callable makes of the positional arguments of the old one and the new one.  ConflictError at
        the commit where another client, or a worker, has changed that meanwhile: repeat it.

        ``quota`` names a quota, or several (``("solr", "smtp")``): the call begins once it has a
        slot of each, see ``IQuotas``.  ValueError for one that is not there.

        Raises TypeError for unknown options, with the nearest name, ValueError for a partial that
        was put already, BadCallable, a TypeError, for what another process could not call, and
        for arguments that the function or method does not take; MisplacedError for what it could
        not load.  Nothing happens before the caller commits.
        """

    def put_many(items, begin_after=None, begin_by=None, **options):
        """Put several, all of them as ``put`` would; return the list of partials."""

    def pull(index=0):
        """Take a waiting partial out, by its place in the iteration, and return it.  IndexError.

        ``index`` counts from 0, or back from -1.  It costs by the distance from its end, not by
        what waits.  ConflictError at the commit where a worker has claimed it meanwhile, as with
        ``pullNext``: repeat the transaction.
        """

    def pullNext(uuid):
        """Take the next due partial that this worker may run out and return it, or None."""

    def iterDue():
        """Iterate over the due partials, in order; loaded as they are asked for."""

    def __iter__():
        """Iterate over all waiting partials in the order of ``begin_after``.

        Of those that are due at once that is the time of the put by the client's clock.  Among
        those that are due each step of ``priority`` counts as an hour of it.
        """

    def __len__():
        """Return the number of waiting partials, due and held."""


# schedules


class ISchedules(Interface):
    """The schedules of a data manager, by name: calls that are put by themselves.

    At each tick, a moment that the schedule means, one engine puts the call as a job: each tick has
    one job, whatever dies, however many supervisors there are.  What adds, changes or removes a
    schedule is a part of the caller's transaction.
    """

    def add(name, call, *args, **options):
        """Add a schedule, and return its ISchedule.

        ``call``, ``args``: as for ``zcasync.put``; without callbacks or annotations, and without
        partials among its arguments (ValueError).  ``cron``: five fields, or six with the second in
        front, meant in the time zone ``zone`` ("UTC").  Or ``every``: a timedelta, or seconds, a
        second at least; counted from ``anchor``, an aware datetime, else from the moment at which
        it is added.  ``queue``: the name of one, "thread" unless told.

        ``catch_up``: what is done about ticks that are missed, more than a minute late because no
        supervisor ran: "once" (one job for the last of them), "skip" (none), or "all" (one for
        each, for the last ``limit`` of them, 100 unless told).  Ticks that come while a pass is
        made count as one, but for "all".  ``overlap``: "skip" puts no job while the one before is
        not completed, "allow" does; "skip" unless told, "allow" with "all", which excludes "skip".
        ``jitter``: a job begins up to so much later (a timedelta, or seconds), the same for all who
        compute it.

        The other options are those of ``IPartialQueue.put`` but for ``delay`` and ``begin_after``;
        ``begin_by`` counts from the moment at which the job is put.  The caller that is remembered
        is who adds the schedule.

        Raises ValueError for a name that there is, and for what is wrong in an option, with what
        is right; TypeError, BadCallable, MisplacedError and LookupError as a put.
        """

    def declare(source, schedules):
        """Let the schedules of a source, a text, be these; return what became of each.

        ``schedules``: a mapping of names to mappings: ``call``, ``args``, and the options of
        ``add``.  Those that are new are added, those that differ updated, and those that the same
        source had declared before and does not any more are removed.  What is the same is not
        written.  The last tick and a pause of a schedule stay.  Those of others are left alone;
        ValueError, before anything changes, for a name that one of them has.  Returns "added",
        "updated", "unchanged" or "removed" by name.
        """

    def remove(name):
        """Remove a schedule; the jobs that it has put stay.  LookupError, with the nearest name."""

    def pause(name):
        """Let it not tick until it is resumed: what is passed over then is not caught up with."""

    def resume(name):
        """Let it tick again, from the moment of this commit on; also one that was set aside."""

    def run_now(name):
        """Put its call once, now, whatever else runs; return the partial.

        The ticks stay as they are.
        """

    def next_ticks(name, count=5):
        """Return its next ticks, aware datetimes in UTC; none while it is paused."""

    def __getitem__(name):
        """Return the ISchedule with this name.  LookupError, with the nearest name."""

    def get(name):
        """Return the ISchedule with this name, or None."""

    def __contains__(name):
        """Return whether there is a schedule with this name."""

    def __iter__():
        """Iterate over the names, in order."""

    def __len__():
        """Return the number of schedules."""


class ISchedule(Interface):
    """One schedule; all of it is read-only: ISchedules has what changes it."""

    name = Attribute("Its name, a text of 1 to 100 characters.")
    callable_name = Attribute("The dotted name of what is called.")
    queue = Attribute("The name of the queue that its jobs are put in.")
    cron = Attribute("The cron expression, or None.")
    every = Attribute("The time between ticks, a timedelta, or None.")
    zone = Attribute("The name of the time zone of the cron expression.")
    catch_up = Attribute('"once", "skip" or "all".')
    limit = Attribute('With "all": no more jobs than so many for what was missed.')
    overlap = Attribute('"allow" or "skip".')
    jitter = Attribute("Its jobs begin up to so much later, a timedelta.")
    source = Attribute("Who has declared it, a text; None: it was added.")
    is_paused = Attribute("True while it does not tick.")
    last_tick = Attribute("The last tick that was decided, an aware datetime in UTC, or None.")
    next_tick = Attribute("The next one, or None.")
    skipped = Attribute("So many ticks were skipped since the last run, which was not completed.")
    runs = Attribute("The last ten IScheduleRun, the newest first: a list.")
    acts = Attribute("What operators did to it: the last 20, each when, who, what; a tuple.")

    def next_ticks(count=5):
        """Return the next ticks, aware datetimes in UTC; none while it is paused."""


class IScheduleRun(Interface):
    """One run of a schedule."""

    tick = Attribute("The moment that it was put for, an aware datetime in UTC.")
    id = Attribute("The id of its job.")
    partial = Attribute("Its partial, or None where that is kept no longer.")


# partials, and their callbacks


class IPartialFactory(Interface):
    """The factory of partials: the class Partial."""

    def __call__(call, *args, **kwargs):
        """Return a partial of this callable and these arguments.  BadCallable."""

    def bind(call, *args, **kwargs):
        """Return a partial that is called with itself as the first argument.  BadCallable."""


class IPartial(Interface):
    """A persistent call."""

    id = Attribute(
        "The id, as ``0x1a2b``, which commands, logs and ``IDataManager.find`` have; None before "
        "the put."
    )
    callable = Attribute(
        "The callable.  Setting it: BadStateError unless PENDING, BadCallable for what no other "
        "process could call.  Getting it: MissingCallable where it cannot be imported.  Either: "
        "NotAllowed where the database has rules that do not name it."
    )
    args = Attribute(
        "Positional arguments, a mutable sequence while PENDING.  From the put on they are those "
        "that were put, whatever happens to the objects that were given: each attempt at the call "
        "has values of its own, and readers have others.  Stored objects are the same for all.  "
        "UnstorableError at the put for one of more than 16 MB."
    )
    kwargs = Attribute("Keyword arguments, a mutable mapping while PENDING; kept as ``args``.")
    retry_policy = Attribute(
        "The name of the IRetryPolicy, None for the default one.  Setting it (see "
        "IPartialQueue.put): BadStateError unless PENDING, ValueError for what cannot be found."
    )
    priority = Attribute("Who goes first, the lower number: see IPartialQueue.put.  Read-only.")
    secret = Attribute(
        "The arguments that are shown to nobody: True for all, else a tuple of names and "
        "positions; False for none.  Commands, ``--json``, logs and the repr of args and kwargs "
        "have ``<secret>`` instead; of a partial that is one of them, all arguments are secret.  "
        "So are all, True, once a change of ``args`` has moved or replaced one that its position "
        "names.  "
        "What the call itself prints, raises or returns is not covered.  Setting it: BadStateError "
        "unless PENDING, TypeError, ValueError for an argument that is not there."
    )
    context = Attribute(
        "What the put has remembered of its caller, a mapping of names and plain values: user, "
        "site, run_as, whatever each IContextCapture said; of a callback that of its parent.  "
        "Read-only."
    )
    schedule = Attribute("The name of the schedule that has put it, None: none has.  Read-only.")
    tick = Attribute(
        "The moment that a schedule has put it for, an aware datetime in UTC; None: it is of no "
        "schedule.  ``zcasync.current().tick`` within the call.  Read-only."
    )
    soft_limit = Attribute(
        "The time after which the call is told to end, a timedelta; None: that of the worker's "
        "configuration, if any.  See IPartialQueue.put.  Read-only."
    )
    hard_limit = Attribute(
        "The time after which the call is ended, a timedelta; None as of soft_limit.  Read-only."
    )
    cancelled = Attribute(
        "Inside the call itself, of ``zcasync.current()``: True once it should end, as its first "
        "time limit has passed.  False everywhere else.  Read-only."
    )
    deadline = Attribute(
        "Inside the call itself: the moment at which its first time limit passes, an aware "
        "datetime in UTC; None where it has none, and everywhere else.  Read-only."
    )
    state = Attribute("PENDING, ACTIVE, CALLBACKS or COMPLETED.  Read-only.")
    result = Attribute(
        "The value that the callable returned, or a twisted Failure without live frames; None "
        "before CALLBACKS.  Read-only: changing the value changes nothing that is stored, and each "
        "callback is given one of its own.  A returned partial is waited for, and its result is "
        "taken; one that cannot end before this one, or that is in no queue and was never put, so "
        "that nobody would ever call it, makes the result a Failure with a BadStateError."
    )
    started = Attribute(
        "The moment at which the last attempt began: an aware datetime in UTC; None: before the "
        "first one, and while it waits for the next one.  Read-only."
    )
    ended = Attribute("The moment at which it got its result, or None.  Read-only.")
    attempts = Attribute(
        "The number of times that the call was begun, interrupted ones included.  Read-only."
    )
    conflicts = Attribute("The number of attempts that have conflicted with others.  Read-only.")
    exceptions = Attribute(
        "The number of attempts that have raised, or could not be committed, under a policy that "
        "repeats those.  Read-only."
    )
    snoozes = Attribute(
        "The number of times that the call has put itself off with ``zcasync.Snooze``; these are "
        "no attempts.  Read-only."
    )
    interruptions = Attribute(
        "The number of attempts whose process has died, or was declared dead.  Read-only."
    )
    checkpoint = Attribute(
        "The value of the last ``zcasync.checkpoint`` of its call; None: there was none, or it has "
        "ended without a Failure.  Read-only."
    )
    failed_before = Attribute(
        "The last ten failed attempts that another one has followed or will, the oldest first: "
        "each has ``type`` (dotted), ``message``, ``worker`` (UUID bytes, or None), ``moment`` "
        "(microseconds since 1970) and ``rule``, in words what has decided that, '' where that is "
        "not known.  Interruptions count, conflicts that were repeated at once do "
        "not.  Read-only."
    )
    last_failure = Attribute("The Failure of the last of these attempts, or None.  Read-only.")

    def wait(timeout=None):
        """Return when it is COMPLETED, its callbacks done too; ``timeout`` in seconds, None: none.

        Needs no reactor: another thread or process does the work, and its commit wakes this one.
        Sees the database as it is now, and so **begins a new transaction** of its connection's
        transaction manager, unless it is COMPLETED already.  While the database is away it goes on
        waiting.

        TimeoutError, the builtin one, names the job and its state.  BadStateError where the put is
        not committed, the transaction has changes (they would be lost: commit or abort first),
        nobody will ever call it, the job that runs here would wait for itself, or a reactor runs
        in this thread.
        """

    def get(timeout=None):
        """Return the result as soon as there is one, or raise what the call raised; else as wait.

        That is the exception itself: a builtin one, zcasync's own, or one whose class this process
        has loaded and can make of the message; else a ForeignError with its name and message.  Its
        ``__cause__`` is a RemoteTraceback with the traceback where the call was made.
        """

    annotations = Attribute(
        "A mapping for notes of the application; zcasync uses the key ``zcasync.progress`` only.  "
        "Other processes may write it while the call runs without making the call conflict."
    )

    def __call__(*args, **kwargs):
        """Call now, in this thread, commit, and return the result; a Failure is returned too.

        Call-time arguments follow the stored ones.  BadStateError unless PENDING and in no queue.
        """

    def fail(e=None):
        """End it with this exception or Failure (AbortedError when None) and run its callbacks.

        Commits.  BadStateError when it has a result already.  If this process dies before the
        callbacks of a partial from a queue have run, a worker runs the rest after 15 seconds.
        """

    callbacks = Attribute("The callbacks added so far: a tuple of partials.  Read-only.")
    unhandled_error = Attribute(
        "True when the result is a Failure that no callback has handled at a leaf."
    )

    def addCallbacks(success=None, failure=None, retry=None):
        """Call one of these with the result, by whether it is a Failure; return a partial.

        The returned partial's result is what the chosen one returns, or the result passed on where
        None was given.  On a partial that is COMPLETED the callback runs at once, and commits.
        ``retry`` is the policy of both; None: the adapter named ``callback``.  BadStateError for a
        partial that this one is itself called after.
        """

    def addCallback(callback, retry=None):
        """Call this with the result, of whatever kind; return a partial.  As addCallbacks."""

    def retry():
        """Have a COMPLETED partial called again, by a worker; the caller commits.

        A worker that puts it away just then makes that commit conflict: repeat it, as any.

        It waits in its queue from now on, PENDING and with fresh attempts, as it was put: with its
        arguments, options, ``begin_by`` and callbacks, which are all called again; while it waits,
        they may be changed.  A failure stays in ``failed_before``, and with it the ``checkpoint``
        and the results of ``once``, behind which the call goes on.  A flow that was ended before
        its members had all succeeded has those called again that have not, in their order.
        BadStateError, with what to do instead, for one that is not over, is a callback, or was in
        no queue.
        """

    def resumeCallbacks():
        """Run the callbacks that have not run.  BadStateError before CALLBACKS."""


class IDataManagerPartial(IPartial):
    """A partial that can wait in a queue."""

    queue = Attribute("The queue it was put in, or None.")
    begin_after = Attribute(
        "Not before this moment: an aware datetime in UTC; None before put.  Where it counts from "
        "the put, by the client's clock until a worker comes to it, whose clock may differ."
    )
    begin_by = Attribute(
        "A timedelta from begin_after, checked at the first start; None: no limit."
    )
    selectedUUIDs = Attribute("Only these workers may run it; empty: any.  See IUUIDSet.")
    excludedUUIDs = Attribute("These workers may not run it.  See IUUIDSet.")
    claim = Attribute("The IClaim of the engine that has claimed it last, or None.  Read-only.")
    flow = Attribute("The IFlow that it is a member of, or None.  Read-only.")


class IClaim(Interface):
    """The engine that has claimed a partial: one run of a supervisor for its worker."""

    worker = Attribute("The worker's ``uuid.UUID``, also when its record is gone.")
    engineUUID = Attribute("The ``uuid.UUID`` of that run.")


class IFlow(IDataManagerPartial):
    """A partial that is called with its members when these have ended.  Put it as any other.

    Its members are put with it, with the options of that put, and are no callbacks: each is a job
    of its own, or a flow.  Its call is the ``postprocess``, a callable or partial called with
    the finished members as arguments; without one its result is the list of their results.  With
    ``on_failure="fail_fast"`` it ends with the first failure, as an AbortedError that names the
    member by its path, as in ``flow 0x12 / 3 / import_page failed: ...``; members that have not
    begun end as aborted then, those that run go on.  With ``"collect"`` all members are called, and
    the postprocess finds Failures among the results.  A flow that is cancelled has its members end
    as cancelled instead of being called.
    """

    members = Attribute("An iterator over the members, in their order; loads none of them.")
    progress = Attribute(
        "(total, done, failed): how many members there are so far, have ended, and have failed; a "
        "named tuple.  Costs by the root of their number, and loads none."
    )

    def add(*calls, **options):
        """Add members behind those that there are; return their partials.

        By one of its members while that runs, or by anybody; of a flow that was put they are put
        with these options.  What neither these say nor their callable, was said for the flow: its
        priority, quotas, retries, limits.  BadStateError where all members have ended, or the flow
        has.
        """


class IUUIDSet(Interface):
    """A set of workers' UUIDs that belongs to a partial; changed while that is PENDING."""

    def add(worker):
        """Add a ``uuid.UUID``.  TypeError for anything else; BadStateError unless PENDING."""

    def update(workers):
        """Add several.  TypeError, BadStateError as ``add``."""

    def remove(worker):
        """Remove one.  KeyError when it is not there; BadStateError unless PENDING."""

    def __iter__():
        """Iterate over the members, each a ``uuid.UUID``."""

    def __len__():
        """Return the number of members."""

    def __contains__(worker):
        """Return whether the worker is a member."""


# what the code of jobs calls


class IPatterns(Interface):
    """The module ``zcasync.patterns``."""

    def where(check, call, *args, **kwargs):
        """Return a partial, to be put, that runs ``call`` on a worker on which ``check()`` is true.

        On another one it is put again, with ``delay`` (by name: a timedelta, 5 seconds), for the
        workers that have not checked yet; its result is that of the call.
        """

    def broadcast(queue, call, *args, **kwargs):
        """Put the call once for every worker that runs now; return the partials, a list.

        ``only_running=False``: for every worker that there is a record of.
        """


class ITwist(Interface):
    """The module ``zcasync.twist``: stored objects and the code of a Twisted reactor."""

    def Partial(call, *args, **kwargs):
        """Return an ITwistPartial.  ValueError where no committed object is among the arguments."""

    def connection(obj):
        """Return the connection of a persistent object; None when it is not stored."""

    def transactionManager(obj):
        """Return the transaction manager of an object's connection, or of a connection; or None."""

    def sanitize(failure):
        """Return a copy of a Failure without live frames, which can be stored and loaded."""


class ITwistPartial(Interface):
    """A call for the reactor's thread that changes stored objects: not durable, and at once."""

    reactor = Attribute("The reactor whose threads make it; None: the installed one.")

    def __call__(*args, **kwargs):
        """Make the call, with these arguments behind the first ones; return a Deferred.

        It is made in a thread, in a connection of its own, and committed, five times at most where
        it conflicts; the Deferred has its result or its Failure.  ValueError for objects that are
        not committed, or are within containers.
        """


# workers


class IWorkers(Interface):
    """The workers of a data manager: a mapping of ``uuid.UUID`` to IWorker."""

    def add(worker):
        """Add a worker under its UUID.  ValueError when there is one."""

    def remove(worker):
        """Remove a worker, and end its engine.  KeyError when it is not there.

        What it has completed can be looked at as before.  BadStateError while it holds jobs.
        """

    def __getitem__(key):
        """Return the worker.  KeyError."""

    def get(key, default=None):
        """Return the worker, or the default."""

    def __iter__():
        """Iterate over the UUIDs."""

    def keys():
        """Return the UUIDs, a list."""

    def values():
        """Return the workers, a list."""

    def items():
        """Return pairs of UUID and worker, a list."""

    def __len__():
        """Return the number of workers."""

    def __contains__(key):
        """Return whether there is a worker with this UUID."""


class IWorker(Interface):
    """The persistent record of one instance."""

    UUID = Attribute("The instance's ``uuid.UUID``.")
    engineUUID = Attribute("The run of a supervisor that serves it now: a ``uuid.UUID`` or None.")
    thread = Attribute("Claimed thread jobs; ``size`` is the number of children.  ISizedSequence.")
    reactor = Attribute("Claimed reactor jobs.  ISizedSequence.")
    queues = Attribute(
        "The queues whose jobs it performs: name -> how many of them at once, None: as many as "
        "there is room for; None: all queues.  Set it, to such a mapping or a text such as "
        "``mail:2,thread``, from any process at any time."
    )
    completed = Attribute("Finished partials.  ICompletedCollection.")
    ephemeral = Attribute(
        "True: its record is removed when its supervisor has stopped, or is dead, and nothing is "
        "claimed; a bool, as its supervisor is configured."
    )
    poll_seconds = Attribute("The longest pause between two polls, seconds, above 0.")
    ping_interval = Attribute("A working engine writes at least this often, seconds, above 0.")
    ping_death_interval = Attribute(
        "An engine that is later than it promised by this time is dead, seconds, above 0."
    )
    last_ping = Attribute("The engine's last sign of life: an aware datetime in UTC, or None.")


class ISizedSequence(Interface):
    """The partials that a worker has claimed, and the number of jobs that it runs at once."""

    size = Attribute(
        "The number of jobs at once: an int, 0 (pause) or more (TypeError, ValueError).  A record "
        "of its own: set it from any process at any time."
    )

    def __len__():
        """Return the number of claimed partials."""

    def __iter__():
        """Iterate over them, list by list, each in the order in which they will run."""

    def __getitem__(index):
        """Return one of them."""

    def add(item):
        """Claim one more.  FullError when ``size`` are claimed."""

    def remove(item):
        """Remove a claim.  ValueError when it is not there."""

    def index(item):
        """Return the position of a partial.  ValueError when it is not there."""


class ICompletedCollection(Interface):
    """Finished partials, newest first, kept for a time."""

    failed = Attribute("The number of those whose result is a Failure, not of a cancel: an int.")
    cancelled = Attribute("The number of those that were cancelled: an int.")

    def add(partial):
        """Add a finished partial."""

    def first():
        """Return the newest.  LookupError when empty."""

    def last():
        """Return the oldest.  LookupError when empty."""

    def __iter__():
        """Iterate over the partials, newest first."""

    def iter(start=None, stop=None):
        """Iterate, newest first, from the moment ``start`` back to ``stop`` (aware datetimes)."""

    def __len__():
        """Return the number of partials."""


class IUUID(Interface):
    """The UUID of this instance, kept in ``INSTANCE_HOME/etc/uuid.txt``: a ``uuid.UUID``."""


# applications


class IProcess(Interface):
    """A process that performs calls, as an application is told of it when it is set up."""

    role = Attribute('``"child"``, for thread jobs, or ``"supervisor"``, for reactor jobs.')
    home = Attribute("The instance home, a ``pathlib.Path``.")
    database = Attribute("The main database, a ``ZODB.DB``, open.")
    databases = Attribute("All of them by their names; the main one is among them.")
    settings = Attribute("The settings of ``etc/zcasync.conf``, as attributes.")


class IApplicationFactory(Interface):
    """The setting ``application``: a callable by its dotted name, and texts as arguments.

    Relative paths among them are meant from the home.
    """

    def __call__(process, *arguments):
        """Set the application up in an IProcess; return an IApplication, or None.

        Called once in each process that performs calls, after ``zcasync.configure()`` and before
        its first call: in a child before it is ready, in its thread of the jobs; in the supervisor
        once a child is ready, before reactor jobs are claimed.  What it raises keeps the process
        from performing calls: ``status`` shows it, and it is tried again after pauses.
        """

    def databases(home, *arguments):
        """Return the databases of the application as sections of ZODB's schema.  Optional.

        The first is the main one, unless the setting ``main-database`` names another.
        Asked where the setting ``databases`` is ``application``, in every process that opens the
        home's databases, commands included.
        """


class IApplication(Interface):
    """What an IApplicationFactory returns; both methods are optional."""

    def job(partial, connection):
        """Return a context manager around one attempt at a call and its commit.

        It is entered once the call is loaded; what it raises then is the call's own error.  The
        error that ends the attempt is given to it, and cannot be kept back.  What it raises at its
        end changes nothing of what the call has come to: that is logged, and noted beside its
        error.  Callbacks have contexts of their own.  A detached call has none; the call of a
        reactor job, in the reactor's thread, finds the site, the request, the interaction and the
        security manager that it has set in the thread of the job's connection; a coroutine there
        finds them until it waits.  Jobs with ``batch=True`` do not share commits where there is
        this method.

        What it gives when it is entered may have a method ``prepare_call(call, args, kwargs)``,
        which is given the callable and its arguments as they were stored, and returns those with
        which the call is made; and ``keep_result(partial, value)``, which is given the value of the
        call, unless that comes later, and returns what is stored as the result.
        """

    def close():
        """End: the process performs no more calls."""


class IContextCapture(Interface):
    """A named utility of the global registry that says what puts are to remember of their caller.

    An application in the worker finds it as ``IPartial.context``.  A utility may have a method
    ``of_call(partial)`` besides, which returns what is to be remembered of one call, in the same
    form: called for each item of a put before its arguments are kept, which it may replace; with
    ``remember=False`` too, for it says nothing of the caller.  And ``of_result(partial, value)``,
    which returns a result, one that is no plain value, or the callable or an argument of the
    partial, as whoever reads it here is to have it.
    """

    def __call__():
        """Return names and plain JSON values, ``{"user": "bob"}``; None: nothing.

        All of them are below 4 kB, as JSON: else the put raises UnstorableError.
        """


# retry policies


class IRetryPolicy(Interface):
    """The decision whether a failed call is tried again: an adapter of IPartial, by name.

    An answer is False (no: it ends with what went wrong), True (yes, at once), a timedelta (not
    before that time has passed) or an aware datetime (not before then).  A call that has to wait
    leaves its worker and waits in its queue; callbacks and direct calls, which are in no queue,
    pause for five seconds at most instead.  Anything else, or an exception, counts as a no, and the
    Failure's ``evidence`` says so.

    ``counts`` has the numbers of failures of the call so far, this one included: ``conflicts``,
    ``interruptions`` and ``exceptions``, which are ints.  A policy may have an attribute
    ``reason``, a text: why it has answered so last, for the history of the call.  It is not asked
    where a job raises ``zcasync.Retry`` or ``zcasync.Snooze``.  Answers must be quick and may not
    write to the database.  One that is named as ``package.module:attribute`` is asked only where
    calls are made: ``interrupted`` by the process that is about to make the call again.  Where that
    dies before it has asked, the default policy decides.
    """

    at_most_once = Attribute(
        "True: that the call begins is committed before it is made, and then it never is again, "
        "whatever dies.  One more commit for each call."
    )

    def jobError(failure, counts):
        """Answer when the call raised this (a twisted Failure), conflicted, or lost the storage."""

    def commitError(failure, counts):
        """Answer when the call returned, and its changes could not be committed for this reason."""

    def interrupted(counts):
        """Answer when the process that made the call has died, or was declared dead."""


# events


class IDataManagerAvailableEvent(Interface):
    """A data manager can be used."""

    object = Attribute("The data manager.")


@implementer(IDataManagerAvailableEvent)
class DataManagerAvailable:
    """See IDataManagerAvailableEvent."""

    def __init__(self, object):  # noqa: A002
        self.object = object


class IJobEvent(Interface):
    """Something has happened to a call, a callback's too."""

    object = Attribute("The partial.")


class IJobPutEvent(IJobEvent):
    """A call was put in a queue.

    Notified in the caller's transaction, at the end of the put.  What a subscriber changes is a
    part of that transaction; an exception leaves the put, and the transaction can only be aborted.
    Of a flow it is notified for each member, too.  Of what a supervisor puts for a schedule
    IScheduleTickEvent tells.
    """


@implementer(IJobPutEvent)
class JobPut:
    """See IJobPutEvent."""

    def __init__(self, object):  # noqa: A002
        self.object = object


class IJobClaimedEvent(IJobEvent):
    """A worker has claimed a call.

    Notified in the supervisor, in its database thread after the commit: the call may have begun by
    then.  The supervisor makes no further pass meanwhile, so a subscriber has to be quick.  An
    exception is logged and harms nothing; what a subscriber changes is its own to commit, over
    another connection.
    """

    worker = Attribute("The UUID of the worker.")


@implementer(IJobClaimedEvent)
class JobClaimed:
    """See IJobClaimedEvent."""

    def __init__(self, object, worker):  # noqa: A002
        self.object = object
        self.worker = worker


class IJobStartedEvent(IJobEvent):
    """A call is about to be made; for each attempt.

    Notified in the process that makes it, in its thread and in its transaction: what a subscriber
    changes is a part of that, and an exception is the call's own.  Of a detached call it is
    notified after the commit of its start, as IJobFailedEvent.
    """

    attempt = Attribute("The number of the attempt, from 1.")


@implementer(IJobStartedEvent)
class JobStarted:
    """See IJobStartedEvent."""

    def __init__(self, object, attempt):  # noqa: A002
        self.object = object
        self.attempt = attempt


class IJobCompletedEvent(IJobEvent):
    """A call has its result, which is no Failure; its callbacks have not run.

    Notified in the process that gives it that, in the transaction that stores it: what a subscriber
    changes is a part of that, and may be done again where the commit has to be repeated.  An
    exception ends the call with a Failure: an UnstorableError that has its text.
    """


@implementer(IJobCompletedEvent)
class JobCompleted:
    """See IJobCompletedEvent."""

    def __init__(self, object):  # noqa: A002
        self.object = object


class IJobFailedEvent(IJobEvent):
    """A call has failed for good: its result is a Failure, and it was not cancelled.

    This and IJobRetriedEvent are notified in the process that performs (a child, for a reactor job
    the supervisor, for a direct call the caller's), after the commit, in the thread of the call.
    What a supervisor ends, as a call that was interrupted too often, is told as IJobClaimedEvent.
    An exception of a subscriber is logged and harms nothing; changes that a subscriber makes are
    its own to commit.  A process that dies right after the commit notifies nobody.
    """

    failure = Attribute("Its result, a Failure.")


@implementer(IJobFailedEvent)
class JobFailed:
    """See IJobFailedEvent."""

    def __init__(self, object, failure):  # noqa: A002
        self.object = object
        self.failure = failure


class IJobRetriedEvent(IJobEvent):
    """A call has failed, and its retry policy has it attempted again.  See IJobFailedEvent.

    Not notified for a conflict that is repeated at once, for an interruption, nor for a Snooze.
    """

    failure = Attribute("The Failure of the attempt.")
    again_at = Attribute("Not before this moment: an aware datetime in UTC.")


@implementer(IJobRetriedEvent)
class JobRetried:
    """See IJobRetriedEvent."""

    def __init__(self, object, failure, again_at):  # noqa: A002
        self.object = object
        self.failure = failure
        self.again_at = again_at


class IJobCancelledEvent(IJobEvent):
    """A call was cancelled, and has ended for that.

    Notified as IJobClaimedEvent where a supervisor has ended it; an operator's command that ends a
    waiting call by itself notifies nobody.
    """

    who = Attribute("Who has cancelled it, in words.")


@implementer(IJobCancelledEvent)
class JobStopped:
    """See IJobCancelledEvent; ``zcasync.errors.JobCancelled`` is what it ends with."""

    def __init__(self, object, who):  # noqa: A002
        self.object = object
        self.who = who


class IJobDiscardedEvent(IJobEvent):
    """A call was discarded: it is as if it had never been put.

    Notified in the transaction of who discards it, as IJobPutEvent.
    """


@implementer(IJobDiscardedEvent)
class JobDiscarded:
    """See IJobDiscardedEvent."""

    def __init__(self, object):  # noqa: A002
        self.object = object


class IWorkerEvent(Interface):
    """A worker begins, or ceases, to perform calls; notified as IJobClaimedEvent."""

    worker = Attribute("The UUID of the worker.")
    engine = Attribute("The UUID of this run of its supervisor.")


class IWorkerUpEvent(IWorkerEvent):
    """A supervisor has registered: from now on it claims calls."""


@implementer(IWorkerUpEvent)
class WorkerUp:
    """See IWorkerUpEvent."""

    def __init__(self, worker, engine):
        self.worker = worker
        self.engine = engine


class IWorkerDownEvent(IWorkerEvent):
    """A supervisor has stopped, or was found dead: by another one, or by its successor."""

    reason = Attribute("Why, in words.")


@implementer(IWorkerDownEvent)
class WorkerDown:
    """See IWorkerDownEvent."""

    def __init__(self, worker, engine, reason):
        self.worker = worker
        self.engine = engine
        self.reason = reason


class IScheduleTickEvent(Interface):
    """The time of a schedule has come; notified as IJobClaimedEvent."""

    name = Attribute("The name of the schedule.")
    moment = Attribute("The time that has come, an aware datetime in UTC.")
    object = Attribute("The partial that was put for it; None: none was.")


@implementer(IScheduleTickEvent)
class ScheduleTick:
    """See IScheduleTickEvent."""

    def __init__(self, name, moment, object=None):  # noqa: A002
        self.name = name
        self.moment = moment
        self.object = object


# errors: one tree, in zcasync.errors
#
#   ZCAsyncError           the root
#     BadCallable          put, Partial: no other process could call this
#       NotAllowed         put, and in a partial's result: the setting ``allow`` does not name this
#     MisplacedError       put: an argument cannot be stored from the queue's connection
#     BadStateError        the state of the partial does not allow this
#     FullError            ISizedSequence.add: ``size`` are claimed
#     NotRunning           zcasync.open: no supervisor serves this home
#     StorageAway          the database or the supervisor does not answer in time
#     ConfigurationError   a home or its configuration cannot be used
#       NewerRecords       a newer version has stored what this one does not know
#     StoppedAtCheckpoint  checkpoint: the process is to end, the job goes on in another one
#     StepInDoubt          once: the step was begun before, and its result is not recorded
#
#   In a partial's result:
#     AbortedError         ended from outside, or by ``fail``; ``who``, ``when`` and ``times``
#       JobCancelled       by somebody: ``who``
#       DeadlineMissed     not begun within its ``begin_by``, or the ``within`` of its rule
#       TimeLimit          it has run for longer than it may
#         SoftTimeLimit    its ``soft_limit``: raised in the call itself, which may catch it
#         HardTimeLimit    its ``hard_limit``: it was killed; the evidence says where it hung
#       JobCrashed         the process that made the call died: ``times`` in all
#       JobInterrupted     its engine was gone: ``times`` in all
#     Retry                raised by a job: to be tried again
#     Snooze               raised by a job: to be made later
#     MissingCode          code that the call needs cannot be found where it is to be made
#       MissingCallable    the callable
#         MissingClass     the class of an argument
#       MissingPolicy      the retry policy
#       UnknownOption      it was put with an option of a later version
#     UnknownDatabase      an object is in a database that the worker has not opened
#     UnstorableError      the result or a change cannot be stored; the server gives up its commit
#     ForeignError         stands for an exception whose class may not be loadable
#
#   What IPartial.get raises:
#     RemoteTraceback      the cause: where and how it went wrong in the worker
#
#   In a process that was declared dead:
#     FencedError          it may not commit any more
#       HistoryChanged     nor may one whose database was replaced: an older backup, or another one
