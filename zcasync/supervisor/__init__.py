"""The supervisor: the process that owns the reactor, polls, and looks after what performs jobs.

options.py            ``twistd zcasync``
service.py            the process: starts its parts in order and stops them in the reverse one
signals.py            what it does at signals
stacks.py             what it is at, for SIGUSR2
reaper.py             takes the exit codes of orphans, where it is process 1
service_manager.py    what systemd and its like are told: ready, reloading, stopping, alive
logs.py               where its log goes
log_writer.py         the thread that writes it, so that nobody waits for a disk or a reader
log_outlets.py        what it writes to: a file that others may move, a stream
log_lines.py          the lines, as text or as JSON
twistd_log.py         the log under twistd
control_socket.py     status, stop and cancel, for the operators of this home
control_protocol.py   one operator's connection: who it is, what it may send, and how much
databases.py          its databases: their server, where that is its own; opened, packed, closed
status.py             what it answers to status
home_watch.py         notices that the home was moved away, or its lock
reload.py             another configuration counts; all children are replaced
keeper.py             keeps an engine running, another one when it was buried
engine.py             one run of a supervisor: decides when to poll, and has done what passes find
engine_life.py        the states of its life
engine_parts.py       what an engine is made of, and what it calls
process_parts.py      what it is made of in a supervisor, whose children perform the thread jobs
executors.py          the children and the reactor: hands out jobs, hears of their ends
lonely_children.py    children whose database is away for them alone
late_children.py      children that are at a job which is over
reactor_checks.py     a child loads what a reactor job needs before this process does
application.py        the application in this process, for reactor jobs
reactor_jobs.py       jobs that are called in the reactor's own thread
reactor_calls.py      their calls
database_session.py   what the engine does in its database thread: register, pass, deregister
database_thread.py    that thread
bounded_stop.py       the time that a stop and its parts may take
stop_deadline.py      whatever hangs, a stop ends in time
left_behind.py        what it leaves behind then: named, and killed
registration.py       the transactions at the two ends of an engine's life
failure_log.py        calls that fail: a line each, those that are alike counted
failed_passes.py      passes fail, and not for want of the database: a fresh start
outage.py             the database is away: logged once each way, shown by status
metrics.py            counts what passes did
poll/                 the poll pass
children/             the processes that perform thread jobs
zeo_server/           the database server of the embedded default

The way through.  The service opens the databases and starts the keeper, the keeper an engine.  The
engine registers (database_session), lets the executors make the children, and polls: something
wakes it (a commit of others, the end of a job, the time), it gathers from the executors what has
happened (poll/events), has a pass made in the database thread (poll/poll_pass), and hands out what
that has claimed.  A stop lets running jobs end, makes a last pass and deregisters.

The three folders know nothing of the modules here, and ``children`` and ``zeo_server`` nothing of
each other and of ``poll``.
"""
