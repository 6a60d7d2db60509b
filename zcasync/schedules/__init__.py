"""Schedules: calls that are put by themselves, by the time of day or again and again.

    schedules.py   Schedules: all of a data manager, as applications use them
    declaring.py   the schedules that code declares, compared with those that are stored
    definition.py  what a schedule is to be, checked before anything changes
    timing.py      Cron, Every: which moments are ticks
    schedule.py    Schedule: one, as it is stored, and how its record changes
    agenda.py      Agenda: the record of all of them, by name and by their next ticks
    due.py         the ticks that are to be put now: what was missed, what still runs
    jobs.py        the jobs that a schedule puts, and whether they are over
    field_types.py what the attributes of these records can be

A client adds a schedule: ``definition`` checks it, ``schedule`` is stored, and ``agenda`` has it at
moment 0, for no client's clock decides.  The next pass of any engine computes its first tick from
the moment of that commit (:mod:`zcasync.supervisor.poll.schedules`).  When a tick has come, a pass
puts the job, writes the tick in the schedule's record and the next one in the agenda, all in one
commit.  Two engines that do so for one tick write one record: the second one conflicts, begins its
pass anew, and finds the tick done.
"""
