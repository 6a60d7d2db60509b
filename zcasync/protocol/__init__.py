"""What the processes say to each other, over AMP.

Supervisor and child, over two private pipes.  The child boots, opens its storage and says *Ready*.
The supervisor sends *Perform* with the ids of claimed partials; the child works through them in
this order and says *Ended* for each.  What was committed is in the records: who acts on a message
first makes sure to see what was committed before it (:mod:`zcasync.database.sync`).  *TakeBack*
asks for what has not begun; *Finish* asks the child to end after the job it is at.  Nobody waits
for an answer except to TakeBack and Ping.  A pipe that closes ends the child.  A child that is to
be killed at work is asked for its Python stack first, by a signal
(``zcasync.protocol.output_marks``).

Operator and supervisor, over the home's control socket: *Status*, *Stop*.

Messages carry ids and short words, never pickles: an AMP value ends at 65,535 bytes, and what a job
is and what became of it is in its record.
"""
