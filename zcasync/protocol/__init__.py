"""The AMP conversations between the processes.

    commands.py        between a supervisor and its children
    arguments.py       AMP argument types: oids, moments, JSON
    outcomes.py        Ending and Ended: how a job can end in a child
    waits.py           Wait: what a child tells of its wait for the storage
    left_threads.py    LeftThread: what a child that ends tells of threads of its jobs
    thread_stacks.py   where the threads of a process are
    child_spec.py      the specification with which a supervisor starts a child
    control.py         between operators and a supervisor, over the home's control socket
    control_client.py  the operator's side of it, without a reactor
    lifeline.py        processes of a supervisor end when it is gone
    dispositions.py    what they do at signals, which are for the supervisor
    actor.py           the names of who acts: by the kernel, and by what they claim
    output_marks.py    marks in a child's output: jobs, and the end of a Python stack

Supervisor and child, over two private pipes.  The child boots, opens its storage and sends *Ready*.
The supervisor sends *Perform* with the ids of claimed partials; the child works through them in
this order and sends *Ended* for each.  What was committed is in the records: a process that acts on
a message first makes sure to see what was committed before it (:mod:`zcasync.database.sync`).
*TakeBack* revokes what has not begun; *Finish* asks the child to end after the running job.  The
supervisor waits for no answer except to these two and to *Ping*.  A pipe that closes ends the
child.  A child that is to be killed at work is asked for its Python stack first, by a signal
(``zcasync.protocol.output_marks``).

Operator and supervisor, over the home's control socket: *Status*, *Stop*, *Cancel*,
*Progress*.

Messages carry ids and short words, never pickles: an AMP value ends at 65,535 bytes, and what a job
is and how it ended is in its record.
"""
