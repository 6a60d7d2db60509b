"""Children: the processes that perform thread jobs, one job at a time each.

interfaces.py         IChild, IChildPool: what the engine relies on, of processes as of threads
pool.py               one child in each slot, and a spare one that takes the place of one that ends
factory.py            makes pools, for the engine and for what checks reactor jobs
child.py              one child process: give it jobs, revoke them, let it end, kill it
child_report.py       what a child has reported, for executors and passes
order.py              in which order it does what it has, when something urgent went to the front
state.py              what is known of a child, and its states as a table; nothing else writes it
process_protocol.py   the supervisor's ends of the pipes to a child
starter.py            starts ``python -P -m zcasync.child``
end.py                its death, made of its exit status and of what it has printed
output.py             what a child prints: into the log, with the job's id, and as evidence
output_pauses.py      reads seldom what a job prints beyond its limit, which is thrown away
prefetch.py           how many jobs are assigned ahead, and what is revoked from behind a long job
boots.py              how many may boot at once, and for how long one that hangs counts
backoff.py            pauses where children end without having done anything
starting.py           starts children, no sooner than the pauses allow
recycling.py          when a child has lived long enough
reserve.py            the children without a slot: the spare, and others
generations.py        which children are old since a reload, and what has become of that
grace.py              the time that running jobs have at a stop
health.py             samples memory every second, and whether a signal has stopped a child
time_limit.py         the hard limit of the call that a child makes: the clock, and the ladder
timers.py             cancelling a timer that may have run
oom.py                whether the kernel has killed for want of memory
process_info.py       what the machine says of a process

The way through.  The pool starts a Child with the starter; its pipes end in process_protocol, which
reports to the Child that it is ready, has ended a job, has printed something, has exited.  The
Child keeps its ChildState and calls the pool, the pool its engine (``changed``, ``died``).  The
engine's executors take the reports out of the ChildState, ask prefetch how much room there is, and
call ``perform``.
"""
