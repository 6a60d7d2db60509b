"""Additions to RelStorage: only this room uses its internals, and it holds nothing else.

Importing this imports neither RelStorage nor a driver of a database: all here begins with a storage
that somebody has made.  With storages that were not adopted all works, only worse where their
server is away, and jobs begin later.

- ``adoption``: storages whose errors ZODB's users know, from the moment a database is opened
- ``opening``: the wait for a server when one is opened, and what is wrong with a configuration
- ``lost``: which errors mean that the server is away, or that others were first
- ``link``: what is known of a storage's server, and the look whether it is there again
- ``sessions``: what each connection to PostgreSQL asks of the server, and of the kernel
- ``temporary_tables``: those by which a transaction hands over what it has written
- ``storages``: what a database's RelStorage is connected to
- ``ring``: commits that write records of zcasync send a NOTIFY, where the server is PostgreSQL
- ``lines``: connections of a listening thread: one hears the NOTIFYs, others can only look
- ``trust``: how often to look beside, by what is heard
- ``listening``: the thread, which reports commits to listeners as ZEO's invalidations are
- ``upstream``: every name of RelStorage that these files depend on
"""
