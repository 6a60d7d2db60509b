"""The child process: it performs thread jobs, one at a time, with its own database connection.

    __main__.py      the first of it: process group, signals, lifeline, output
    boot.py          what it needs for jobs, and its reactor
    amp.py           the child's side of the AMP connection, in the reactor's thread
    job_queue.py     JobQueue: the jobs that wait, shared by the two threads
    job_thread.py    JobThread: performs the jobs, one after the other
    job_database.py  JobDatabase: the jobs' databases and connection, made anew where it must be
    batches.py       JobBatch: waiting jobs that share a commit
    read_ahead.py    asks for a job's records when the invalidation of its claim arrives
    waits.py         tells the supervisor of a wait for the storage
    threads.py       the threads that jobs have left when the process ends
    isolation.py     jobs that have a child of their own
    surroundings.py  what is put back after each job
    reply_buffer.py  sends the ends of short jobs together
    opening.py       opens the databases that the specification names
    loading_watch.py ends the process where a job takes too long to load what it needs
    output.py        stdout and stderr, marked with the ids of jobs
    time_limits.py   the limits of its calls: told to the supervisor, and the soft one raised
    process.py       what a call has done to the process: looked at when it returns, put back
    streams.py       stdin, stdout and stderr, the same for each job
    descriptors.py   those that the child needs itself, out of the way of jobs
    copies.py        copies of the child that jobs fork: they end with the job
    signals.py       reaps what jobs start with Twisted, puts handlers back

The reactor runs in the main thread, so that the child answers while a job runs.  A *Perform*
message puts jobs in the ``JobQueue``; ``JobThread`` takes them, sees what was committed before, and
performs them (:mod:`zcasync.perform`), in a ``JobBatch`` where they allow it; the ``ReplyBuffer``
sends *Ended*.  The child ends when its supervisor asks it to, or is gone
(:mod:`zcasync.protocol.lifeline`).
"""
