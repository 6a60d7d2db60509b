"""Reports: the answers to operators' questions, as data; other rooms print or serve them.

control_connection.py  the connection to a supervisor, whose socket may be missing for a moment
workers.py   workers with the verdicts on their engines, queues, children; what can be known of a
             supervisor without its database
all_workers.py  all workers of a database, as that alone shows them
ended.py     how many jobs have completed, also at workers whose records were removed
claimed.py   what workers have claimed, by queue
queues.py    the queues: how much waits, who serves them, what operators did
lingering.py children that are not done with a job that has ended
orphans.py   processes that a supervisor has left behind when it ended
space.py     the database of the embedded default: its size, its disk, its packs
trouble.py   Trouble: one thing that is wrong, its weight, what to do
health_of_space.py  whether the database has room, and is packed
health.py    what is wrong with all that, for monitoring
selection.py Selection: the jobs that a listing, or a command for many, is about
walk.py      the walk through all places where such jobs may be
listing.py   the jobs that a listing shows
events.py    what becomes of jobs and workers, as it happens
worker_events.py  engines that begin, stop or are lost
commits.py   what others write to the database, heard of at once
running.py   what a supervisor knows of running jobs: process, progress, waits
reasons.py   why a job does not begin
quotas.py    quotas, what holds them and what waits for them
words.py     calls and their ends, in the words of people
remarks.py   what is told of a job in a line or a word
job.py       one job, from a healthy record or a broken one
schedules.py schedules, their next ticks and last runs
counted.py   how often a job was attempted, and what came of that
transactions.py  what one job has committed
checkpoints.py  the last checkpoint of a call, as a text
conflicts.py the objects that have cost retries, of all workers together
terms.py     what the put of a job has said of it
fields.py    Fields: its stored attributes, as far as they can be read

``status`` and ``ghosts`` make a ``SupervisorProbe`` of the home, which asks the control socket and
reads the files of the home, and give it to ``workers`` together with the data manager; without the
database ``own_from_files`` reports this home's worker alone.  ``jobs`` finds partials with
``listing``, by a ``Selection``, and shows the ``summary`` of each; ``job`` shows ``describe``.
Every function returns what JSON can hold, or partials; none commits or prints.
"""
