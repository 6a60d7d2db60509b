"""Making the call of a partial: begin, call, decide, commit, follow up.

    performer.py       Performer: the steps in their order; what child, reactor and tests call
    run.py             Host (the functions of the process) and Run (one call on its way)
    time_limit.py      the clock of an attempt that has limits; the Deferreds of such calls
    soft_limit.py      SoftLimit: the exception in the thread of a call that takes too long
    noted.py           what one try at a commit has written, to know it by
    notices.py         what is told of a call that fails: an event, and a line for the log
    scope.py           what the application has around one attempt at a call with its commit
    surroundings.py    what a call finds around it, put back behind it
    missing.py         code that is not in this process, so that the call has not begun
    begin.py           whether the call may be made; the commit of its start where that comes first
    call.py            one attempt at the call, its result, and their commit
    result.py          the result that a returned value makes of a partial
    attribution.py     what a job's commits say of it, and their ids
    commits.py         commits that end or reschedule a partial, repeated until they succeed
    reach.py           what is loaded for a call, which a child does first for a reactor job
    follow_up.py       the callbacks, and the partials that wait for the result, to any depth
    group_commit.py    several short jobs in one transaction
    conflicts.py       which object an attempt has conflicted on
    patience.py        how often a job may fail for what is no fault of its own
    job_connection.py  the fenced connection of a job
    transactions.py    begin, commit and abort, with explicit transaction managers too
    direct.py          calls without a worker, in the caller's own thread
    at_work.py         AtWork: the call that runs here, for what its code asks of its performer
    checkpoint.py      checkpoint(): commits what a call has done so far
    once.py            once(): a step outside of the database, recorded for later attempts
    progress.py        current() and progress(), for the code of jobs

``Performer.perform`` is the way through: ``begin`` makes a Run, ``call`` returns it with a fault or
without, :func:`zcasync.retry.decision.decide` decides about the fault, ``Commits.apply`` acts on
the decision, and ``follow_up`` goes from call to call until nothing follows any more.
"""
