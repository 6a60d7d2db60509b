"""Liveness: which engines and children are dead, and what becomes of the work that they held.

watch.py         the one watcher: how long an engine's ping has not changed, by this process's own
                 monotonic clock; the promise's factor, the number of samples and the pauses
verdict.py       the one judge of engines: running, stopped, ghost, silent, dead or usurped, with
                 the reason
death.py         Death: the end of a child or a supervisor, with the evidence
overrun.py       the Failure of a call that was killed at its hard limit
interruption.py  one partial whose process has died, or that is cancelled
recovery.py      claims that their child or engine did not finish, and the unreadable ones
takeover.py      everything that a dead engine held

An engine: ``judge`` takes the worker's record, what is known of the process (a ``Sighting``), and
what a watcher has seen (a ``Silence``).  Start-up (supervisor/registration) and engines that check
their peers (supervisor/poll/peers) watch, and call ``judge_watched``; ``status``, ``release`` and
``cancel`` take one sample, ``ghosts --watch`` watches (reports/workers).  A verdict in ``STALE``
means that the engine is dead: the peer that has found out, the next engine of the same worker, or
an operator's ``release`` calls ``take_over``, which ends the incarnation, so that nothing of that
engine can commit any more, and recovers its claims.

A child: the supervisor sees its process end.  The poll pass recovers its claims with its ``Death``:
the job that it was running is interrupted, the others were only reserved.
"""
