"""The command line ``zcasync``: reads what the user asks for, and prints what other rooms answer.

    main.py      the entry point: the group of the commands, each imported when it is used
    errors.py    the end of a command: every error becomes one line and an exit code
    ending.py    a failure as the document of ``--json`` has it
    remedies.py  what to do about the errors that are foreseen
    schema.json  the JSON schema of all that ``--json`` prints
    options.py   options and help texts that the commands share
    selection.py options that select jobs: by state, call, time, queue
    output.py    printing: JSON, tables, facts, times and sizes for people
    short.py     beginnings of UUIDs, printed and taken
    which_worker.py  the worker that a command line names
    table.py     the lines of a table in a given width
    sections.py  the tables of queues and workers, for ``status`` and ``top``
    session.py   the database of a home, used in a thread that a command can leave behind
    opening.py   opening a file storage without a server, and what that costs
    orders.py    the jobs that a command is to work on, and its answer about them
    bulk.py      the work on them, in commits of some hundreds
    patience.py  work that takes long, and what a terminal shows meanwhile
    callables.py the callable that a command line names
    arguments.py the arguments of a put, from the command line, files and standard input

    run.py       ``run``: the supervisor in the foreground
    stop.py      ``stop``: the graceful end of a supervisor
    put.py       ``put``: one call into a queue, and its result with ``--wait``
    queue.py     ``queue``: the queues, and what is done to one
    inspect.py   ``job``: one partial in full
    listing.py   ``jobs``: a listing, with the reason beside every job that does not start
    attempts.py  failed attempts, printed
    transactions.py  what a job has committed, in words
    cancel.py    ``cancel``: the end of jobs, in whatever state they are
    retry.py     ``retry``: jobs that are over run once more
    discard.py   ``discard``: jobs that do not run are removed for good
    quotas.py    ``quotas`` and ``quota``: limits on what runs at once, seen and changed
    schedules.py ``schedules``: calls that are put by themselves
    schedule.py  ``schedule``: one of them, shown or changed
    status.py    ``status``: queues, workers, verdicts on engines, children
    all_workers.py  ``status --all``: all workers, on whatever hosts, by the database alone
    monitor.py   ``status --check``: its line and its exit code, for monitoring
    top.py       ``top``: the live view of all that; drawn by picture, of what feed has found
    feed.py      pictures of a home, made in a thread of their own
    picture.py   a picture as lines of a terminal
    terminal.py  single keys, the terminal's size and its end
    tail.py      ``tail``: events as they happen
    following.py reading the database again and again, while its server comes and goes
    conflicts.py ``conflicts``: the objects that jobs are repeated for
    ghosts.py    ``ghosts``: engines that ended without recording it, and what they left behind
    release.py   ``release``: the release of what a stale engine holds
    forget.py    ``forget``: the removal of a worker's record
    bench.py     ``bench``: a steady load, the work of zcasync.load
    load_report.py  what it prints
    check.py     ``check``: all problems of a home and its configuration
    folders.py   those of its folders
    audit.py     ``check --deep``: the walk through the database, and the repair of what it finds
    certificates.py  ``certificates``: what TLS between hosts needs
    pack.py      ``pack``: the removal of what the database no longer needs
    demo.py      ``demo``: the work of zcasync.demo, shown step by step
    completion.py  ``completion``: what shells need to complete commands and options
    manual.py    ``man``: the manual page, made of the help of all commands

``main.execute`` finds the command in ``COMMANDS`` and imports its file.  The command takes its
options from ``options``, opens a ``session`` of the home (``reading`` or ``writing``), does its
work in it, mostly with ``zcasync.reports``, ``zcasync.liveness`` and the model, and prints with
``output``.  Commands that need the supervisor ask it over the control socket
(``zcasync.protocol.control_client``).  However a command ends, ``errors.exit_code_of`` makes the
exit code.
"""
