"""Control: what operators do to jobs, as the command line and the control panel have it done.

refusal.py     Refusal: why something is not done, in words, and what to do instead
jobs.py        a job by its id, and many by their queues
cancelling.py  the end of a job by this process, or by the supervisor that can stop it
flows.py       the members of a flow that have to be ended with it
again.py       jobs that are over run once more
queues.py      queues that are made, paused, resumed, drained

Functions work in the present transaction of a connection, and leave its commit to the caller; none
prints.
"""
