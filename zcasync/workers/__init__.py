"""The records of an instance: its worker, what it has claimed and completed, its engine.

    worker.py           Worker and Workers: one record for each instance
    claims.py           SizedSequence and ClaimList: the claimed partials, a list for each child
    undo_guard.py        UndoGuard: protects the commits of a child from being undone
    completed.py        Completed: finished partials in the order of their end
    completed_field_types.py what the attributes of their records can be
    completed_places.py in which page one of them is, by the time of its end
    completed_counts.py the counts of completed jobs by their outcome
    retention.py        Retention: which of them stay, by age and by number
    kept_failed.py      the failed jobs of a day stay longer than the others
    kept_number.py      the oldest pages go where there are too many
    dating.py           days keep their age when clocks are set
    former.py           what a worker has completed stays when its record is removed
    incarnation.py      Incarnation: one run of an engine, the fencing token; its Ping
    fence.py            commits only while the incarnation lives
    conflicts.py        which objects have cost how many retries, today and the day before
    claims_snapshot.py  the claims in a small file, for operators without the database

One writer a record: the engine writes its claim lists and its ping, its incarnation is written when
it starts and when it ends or is buried, sizes have records of their own.  An engine registers with
an Incarnation, claims into the ``ClaimList`` of a child, and moves what is finished from there to
``Completed``; every commit of it and of its children passes the fence.
"""
