"""Salvage: damaged records that hold others are begun anew, so that all the rest can go on.

    salvage.py   salvage: what was lost of a database, after one transaction has begun that anew
    records.py   Records: one record, or one tree, begun anew with what can be read of it
    queues.py    the queues, their lanes and pages
    schedules.py the schedules' agenda
    workers.py   the workers, what they have claimed and completed
    quotas.py    the quotas, and who holds them

A job whose record is damaged is set aside where it is found, and needs nothing of this.  A page, a
list of claims, a tree cannot be set aside: who meets one stops.  The jobs that such a record held
are lost from their places only: ``check --deep`` finds them, and ``--repair`` lets them wait again.
"""
