"""The application in the processes that perform its calls: set up once, around each call, closed.

    named.py          ApplicationName: a dotted name and arguments; finds the factory
    configuration.py  the settings that tell of it, and the databases that it brings
    process.py        Process: what a factory is told of the process that it sets up
    content.py        tells of an application's objects in a worker that has none
    setup.py          sets the application up, and closes it

A factory is called with a Process and the arguments of the setting, in each child before it is
ready, and in the supervisor before its first reactor job.  What it returns may have ``job(partial,
connection)``, a context manager around each attempt at a call with its commit
(:mod:`zcasync.perform.scope`), and ``close()``.  A factory may have ``databases(home, *arguments)``
too: then ``etc/zcasync.conf`` need not say what the application's configuration says already.
"""
