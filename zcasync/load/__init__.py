"""The load generator: puts at a steady rate, and what became of them (``zcasync bench``).

    calls.py     the calls that it puts; the children of the workers import them
    mix.py       how many of each kind, in an order that is even
    latencies.py counts of times, and what share of them was how long
    client.py    one client: each put at its moment, however long the one before took
    __main__.py  a process of clients: ``python -m zcasync.load SPEC``
    processes.py these processes, as the command has them
    outcomes.py  when the jobs began and ended, read from their records
    watch.py     the supervisor, its children and the processors meanwhile
    figures.py   all that was measured, as a document
    limits.py    what has limited it: a rule with reasons

The loop is open: the puts have their moments before the first is made, and a put's time counts from
its moment, so a storage that stands still for a second is seen by all puts of that second.
Nothing is read while puts are made: the records of jobs tell afterwards when they began and ended.
"""
