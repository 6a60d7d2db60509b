"""The engine of an application's own Twisted process; only ``zcasync.subscribers`` imports it.

=========== ========================================================================================
engine      ``engine_keeper`` makes the engine that ``InstallTwistedEngine`` starts and stops
keeper      ``EmbeddedKeeper``: its stop ends in time, whatever hangs
inherited   the databases that children open: those of this process
parts       the parts of such an engine, which a test's reactor replaces by its own
threads     ``ThreadWorker``: thread jobs in a thread of this process
thread_pool ``ThreadPool``: such threads in the place of children
=========== ========================================================================================

The way through: a data manager becomes available, and ``zcasync.subscribers.InstallTwistedEngine``
asks ``engine.engine_keeper`` for the keeper of an engine, which it starts when the reactor runs and
stops before the reactor's shutdown.  With children the engine is like a supervisor's.  With
``in_process=True`` it has a ``ThreadPool`` in the place of the children.  In both cases poll passes
run in a database thread, and reactor jobs load and commit in threads of theirs: the application's
reactor never waits for the storage.
"""
