"""An engine on a fake reactor in this process: deterministic except the threads of thread jobs."""

from __future__ import annotations

import time
import uuid
from functools import partial as bound
from typing import Any

from zcasync.instance.settings import Settings
from zcasync.liveness.watch import Watch
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.waiting import wait_for_result


class Story:
    """A fake reactor and an engine for ``db``; use it as a context manager.

    ``worker``: its UUID; None: a new one.  ``reactor``: None: a new one, at the real time.
    ``time_flies`` and ``time_passes`` are the reactor's.
    """

    def __init__(
        self, db: Any, worker: uuid.UUID | None = None, *, reactor: FakeReactor | None = None
    ) -> None:
        # It loads a reactor, which the importer of this module may still have to choose.
        from zcasync.twisted_engine.engine import in_process_engine

        self.reactor = FakeReactor() if reactor is None else reactor
        self.time_flies = self.reactor.time_flies
        self.time_passes = self.reactor.time_passes
        self.engine = in_process_engine(
            db, worker or uuid.uuid4(), self.reactor, Settings(), Watch()
        )

    def __enter__(self) -> Story:
        self.reactor.install()
        self.engine.start()
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            stopped = self.engine.stop()
            deadline = time.monotonic() + 30
            while not stopped.called:
                busy = [child.job_id() for child in self.engine.executors.pool.children.values()]
                assert time.monotonic() < deadline, f"thread jobs that do not end: {busy}"
                self.time_flies(0)
                time.sleep(0.001)  # let the threads work
        finally:
            self.reactor.uninstall()

    def wait_for_result(self, partial: Any, seconds: float = 30.0) -> Any:
        """Let time fly until the partial is COMPLETED; return its result."""
        return wait_for_result(partial, turn=bound(self.time_flies, 5), seconds=seconds)
