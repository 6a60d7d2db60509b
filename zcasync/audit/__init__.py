"""The audit of a database: every job in its one place, every count right, every record readable.

    finding.py   Finding: one thing that is wrong, and its remedy
    places.py    the places of all jobs: queues, claim lists, completed ones
    records.py   the jobs among all records of a storage, whether anything leads to them or not
    judging.py   the places in which a job has to be, by its state
    waiting.py   jobs that wait for each other: rings, and results that nobody hands on
    counts.py    the counts of queues and of completed jobs against what is there
    inspection.py  inspect: the findings of one transaction
    repair.py    repair: one finding set right, in a transaction of its own

``inspect`` takes the places of all jobs first, then looks at each job once, and at the counts last.
All of it sees one transaction, so that work may go on meanwhile.  ``repair`` looks again, in its
own transaction, before it changes anything.
"""
