"""The demo: jobs that index the source of Python's standard library, and a count to check them.

    source.py    the input: source files, divided into portions of one job each
    counting.py  counting the tokens of a file; jobs and check share it
    index.py     the persistent index; ``FileBatch.fill`` is the job
    jobs.py      the jobs: put in one commit, then watched in the database
    killing.py   kills one child in the middle of a job
    hosting.py   a supervisor that the demo starts for itself
    tour.py      the tour: what can be said of a job, each shown once
    tour_jobs.py its jobs
    report.py    the output: sentences, progress bars, tables

``zcasync demo`` (:mod:`zcasync.cli.demo`) is the way through: it finds the source files, puts a job
for each portion, lets the ``Killer`` kill a child on the way, and compares the index with a plain
count in its own process.
"""
