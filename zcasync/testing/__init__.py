"""A kit for testing applications that use zcasync, without processes and without waiting.

``FakeReactor`` tells the time and runs what is due; ``Story`` is a data manager with an engine on
it whose thread jobs run in threads of this process; ``run_inline`` and ``drain`` need no engine at
all; ``wait_for_result`` and ``wait_until`` fail loudly with what they saw.  Real processes are in
``zcasync.testing.supervisor``, and ``zcasync.testing.plugin`` has all of this as pytest fixtures.
"""

from zcasync.testing.inline import drain, run_inline
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.story import Story
from zcasync.testing.waiting import wait_for_result, wait_until
from zcasync.twisted_engine.parts import thread_pool
from zcasync.twisted_engine.threads import ThreadPool

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
