"""A kit for testing applications that use zcasync, mostly without processes and without waiting.

    reactor.py     FakeReactor: a reactor whose time passes only when a test lets it
    story.py       Story: a data manager with an engine in this process, on a fake reactor
    engine.py      the parts of such an engine; its thread jobs run in threads
    inline.py      run_inline and drain: perform what waits in queues, without an engine
    waiting.py     wait_for_result and wait_until, which fail with what they saw
    supervisor.py  Supervisor: a real supervisor process with a client of its database
    process.py     the process of such a supervisor: its start, its end, its output
    leash.py       a command that ends with the thread that started it
    plugin.py      all of this as pytest fixtures

A test without processes makes a ``Story``, puts calls in its queues, and lets time fly:
``FakeReactor.time_flies`` runs what is due, poll passes among it, in the test's thread.  A test
that needs no engine calls ``run_inline`` or ``drain``.  A test with processes starts a
``Supervisor`` on a temporary home, puts calls through its ``data_manager``, and waits in real time;
its processes end with the test.
"""

from zcasync.testing.inline import drain, run_inline
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.story import Story
from zcasync.testing.waiting import wait_for_result, wait_until
from zcasync.twisted_engine.parts import thread_pool
from zcasync.twisted_engine.thread_pool import ThreadPool

__all__ = [
    "FakeReactor",
    "Story",
    "ThreadPool",
    "drain",
    "run_inline",
    "thread_pool",
    "wait_for_result",
    "wait_until",
]
