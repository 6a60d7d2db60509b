"""Polling: one transaction at a time in which an engine decides what its executors do next.

poll_pass.py        the pass, as a list of the steps below; one commit, tried again on conflicts
slots.py            what all steps work on: the claims and the report of each child, and the reactor
peers.py            before it, in a commit of its own: bury engines that are dead
recover.py          step: quarantine what cannot be loaded; revoke what a dead child left; rehome
set_aside.py        step: what lacks code waits for it; which of that is tried again
cancel.py           step: end what is cancelled while it waits
over.py             step: find the jobs that are over, and still run
retire.py           step: finished jobs leave the claims for the completed
serving.py          the queues that a worker claims from, in their turn
schedules.py        step: put the jobs of schedules whose time has come
dispatch.py         step: claim what there is room for, assign it; what can begin
unique_keys.py      step: the keys of what has ended become free
overtaking.py       what is more urgent goes in front of what a child has not begun
conflict_notes.py   the conflicts of jobs, for a pass now and then
progress_notes.py   step: note the progress of running jobs in their records, ever more seldom
wishes.py           wishes from outside that would fail each pass: dropped and logged
housekeeping.py     step: give up idle lanes, drop what completed long ago
authorship.py       whether another process writes as this engine: a copy of its machine
ping.py             step: write a sign of life in time
schedule.py         step: when to make the next pass, and which records to watch until then
lane_affinity.py    which lanes are left to other engines for a moment
records.py          the records that an engine works on
clocks.py           the clocks of database and clients, as far as they differ from this one
environment.py      the time, chance and process that it has
messages.py         SlotReport, PassInput, PassResult: what reactor and database thread exchange
events.py           what has happened since the last pass, gathered for the next one
loop.py             one pass at a time, as early as was asked for
wakeup.py           hears of the commits of others, and wakes the engine when they matter

The way through.  The engine is woken (wakeup, or by its executors) and asks the loop for a pass.
events becomes a PassInput, which goes to the database thread; ``Passes.run`` makes the steps and
commits.  As soon as the commit is known the HandOut goes back to the reactor, then the PassResult:
what has retired or is left for the next pass, what to log, when to come again.  A pass that fails
puts its PassInput back into events.

A pass may be made several times before it is committed.  So no step changes what it was given, and
what recovery, retiring and pings remember from pass to pass they believe only once they hear that a
pass is ``committed``.
"""
