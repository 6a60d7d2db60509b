"""Reports: what operators ask for, as data; what prints it, or serves it, stands above.

workers.py   workers with the verdicts on their engines, queues, children; what can be known of a
             supervisor without its database
orphans.py   processes that a supervisor which is gone has left behind
listing.py   which jobs a listing shows
job.py       one job, of healthy records and of broken ones

``status`` and ``ghosts`` make a ``SupervisorProbe`` of the home, which asks the control socket and
reads the files of the home, and give it to ``workers`` together with the data manager; without the
database ``own_from_files`` tells of this home's worker alone.  ``jobs`` finds partials with
``listing`` and shows the ``summary`` of each; ``job`` shows ``describe``.  Every function returns
what JSON can hold, or partials; none commits or prints.
"""
