"""The supervisor: starts its parts in order and stops them in the reverse one."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks, maybeDeferred, succeed
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

from zcasync import import_path
from zcasync.instance import trust
from zcasync.instance.home import Home
from zcasync.instance.judgement import ROOT
from zcasync.instance.live_settings import LiveSettings
from zcasync.instance.lock import HomeLock, HomeMoved
from zcasync.instance.settings import Configuration
from zcasync.instanceuuid import getUUID
from zcasync.protocol.child_spec import ChildSpec
from zcasync.registry import configure
from zcasync.supervisor.application import SupervisorApplication
from zcasync.supervisor.bounded_stop import BoundedStop
from zcasync.supervisor.children.generations import Reload
from zcasync.supervisor.control_protocol import Operations
from zcasync.supervisor.control_socket import ControlSocket
from zcasync.supervisor.databases import SupervisorDatabases
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.engine_parts import EngineCallbacks
from zcasync.supervisor.home_watch import HomeWatch
from zcasync.supervisor.keeper import EngineKeeper
from zcasync.supervisor.process_parts import parts_of_processes
from zcasync.supervisor.reload import adopt, begin_reload
from zcasync.supervisor.service_manager import ServiceManager
from zcasync.supervisor.status import progress_of, status_of, waiting_for, work_of
from zcasync.supervisor.stop_deadline import AFTER_GRACE_SECONDS, STOP_SIGNALS
from zcasync.workers.claims_snapshot import LastPass

log = Logger()


def ready_line(home: Home) -> str:
    """Return what a supervisor prints or logs when its first child can take a job."""
    return f"zcasync ready: serves {home.path}"


def stop_reactor(reactor: Any) -> None:
    """Stop a reactor.  Safe to repeat."""
    with suppress(ReactorNotRunning):
        reactor.stop()


class Supervisor(Service):  # type: ignore[misc]
    """A Twisted service that runs one engine for one home.

    ``failed(error)`` is called when it cannot start or must not go on; ``ready()`` when the first
    child can take a job (at once when there is to be none).  ``follows``: where its home is
    moved the process goes on there.
    """

    def __init__(
        self,
        reactor: Any,
        home: Home,
        configuration: Configuration,
        *,
        config_path: Path | None = None,
        ready: Callable[[], None] = lambda: None,
        failed: Callable[[BaseException], None] = lambda error: None,
        follows: bool = False,
    ) -> None:
        self._keeper: EngineKeeper | None = None
        self.problem: BaseException | None = None
        self.is_told_to_stop = False
        self._follows = follows
        self._reactor = reactor
        self._home = home
        self._settings = LiveSettings.of(configuration.settings)
        self._configuration = replace(configuration, settings=self._settings)
        self._config_path = config_path
        self._ready = ready
        self._failed = failed
        self._lock = HomeLock(home)
        self._last_pass = LastPass(home)
        databases = SupervisorDatabases(reactor, home, self._configuration, self._history_changed)
        self._databases = databases
        self._application = SupervisorApplication.of(reactor, self._settings, self._wake)
        operations = Operations(
            self.status, self._stop_reactor, self._cancel, self._progress, self._reload
        )
        self._control = ControlSocket(reactor, home, operations)
        self._starting: Deferred[Any] | None = None
        self._parts: list[Callable[[], Any]] = []  # how to stop what has been started, in order
        self._starts: str | None = None  # what the start waits for, for status
        self._has_warned = False  # of running as root
        #: What systemd and its like are told.
        self.service_manager = ServiceManager(
            reactor, os.environ, waits=self._waiting_for, works=lambda: work_of(self.engine)
        )
        self.deadline = BoundedStop(self, self._grace_period)

    def startService(self) -> None:
        super().startService()
        self.service_manager.start()
        # When the reactor turns, and whoever else handles these signals has begun to.
        self._reactor.callLater(0, self.deadline.watch_process, STOP_SIGNALS)
        self._starting = self._start()
        self._starting.addErrback(self._start_failed)

    def _start_failed(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self._give_up(failure.value)

    @inlineCallbacks
    def stopService(self) -> Any:
        """Stop gracefully; fires when no process is left.  Safe to repeat."""
        super().stopService()
        self.deadline.begin()
        if self._follows and isinstance(self.problem, HomeMoved) and not self.is_told_to_stop:
            self.service_manager.moving()
        else:
            self.service_manager.stopping(self._grace_period() + AFTER_GRACE_SECONDS)
        if self._starting is not None:
            self._starting.cancel()
        log.info("stopping")
        while self._parts:
            try:
                yield maybeDeferred(self._parts.pop())
            except Exception:  # each part has to be stopped, whatever another one says
                log.failure("while stopping")
        self.service_manager.stop()
        log.info("stopped")

    def _grace_period(self) -> float:
        return self._configuration.settings.grace_period

    def hurry(self, seconds: float) -> None:
        """Let running jobs end within so many seconds, where the stop gives them longer."""
        self.deadline.hurry(seconds)
        if self._keeper is not None:
            self._keeper.hurry(seconds)

    @inlineCallbacks
    def _start(self) -> Any:
        configure()  # for reactor jobs and their callbacks, which run here
        for problem in import_path.use(self._settings.import_path):
            log.warn("{problem}", problem=problem)
        if self._configuration.is_embedded and self._home.loss:
            log.warn("{loss}", loss=self._home.loss)
        self._home.create()
        self._lock.acquire()
        self._parts.append(self._lock.release)
        self._watch_home()
        self._home.content_note.unlink(missing_ok=True)  # of the supervisor before
        worker = getUUID(self._home.path)
        log.info(
            "supervisor of {home}, worker {worker}, process {pid}",
            home=str(self._home.path),
            worker=str(worker),
            pid=os.getpid(),
        )
        if self._configuration.note is not None:
            log.warn("{note}", note=self._configuration.note)
        yield self._control.start()
        self._parts.append(self._control.stop)
        self._starts = "the database to be opened"
        yield self._databases.open(self._parts, lambda: self.deadline.databases_seconds)
        self._parts.append(lambda: self._application.stop(self.deadline.application_seconds))
        self._starts = "the worker to be registered in the database"
        yield self._start_engine(worker)
        self._starts = None
        if self._configuration.is_embedded:
            self._databases.start_packing(self._parts)

    def _watch_home(self) -> None:
        """End where the home was moved: the next process begins where it is."""
        is_embedded = self._configuration.is_embedded
        watch = HomeWatch(
            self._reactor, self._home, self._lock, self._give_up, is_embedded=is_embedded
        )
        self._parts.append(watch.stop)
        watch.start()

    def _wake(self) -> None:
        if self.engine is not None:
            self.engine.wake()

    def _start_engine(self, worker: Any) -> Any:
        settings = self._configuration.settings
        parts = parts_of_processes(
            self._reactor, self._home, self._configuration, self._spec, self._application
        )

        def make(lost: Callable[[BaseException], None]) -> Engine:
            return Engine(
                self._databases.main,
                worker,
                reactor=self._reactor,
                settings=settings,
                parts=parts,
                callbacks=EngineCallbacks(self._say_ready, lost, self._last_pass.write),
            )

        self._keeper = EngineKeeper(
            self._reactor,
            make,
            lambda engine: self._lock.write(str(engine.UUID)),
            self._give_up,
        )
        self._parts.append(self._stop_engine)
        return self._keeper.start()

    def _say_ready(self) -> None:
        self._application.allow(self._home.path, self._databases.main)
        log.info("{line}", line=ready_line(self._home))
        self._ready()
        self.service_manager.ready()
        if os.geteuid() == ROOT and not self._has_warned:
            log.warn("{warning}", warning=trust.AS_ROOT)
            self._has_warned = True

    @property
    def engine(self) -> Engine | None:
        """The engine that runs now."""
        return None if self._keeper is None else self._keeper.engine

    @property
    def server_pid(self) -> int | None:
        """The process of the embedded default's database server, while it runs."""
        return self._databases.server_pid

    @inlineCallbacks
    def _stop_engine(self) -> Any:
        assert self._keeper is not None
        yield self._keeper.stop()
        self._last_pass.close()
        if self.engine is not None and self.engine.left_cleanly:
            self._lock.write("")

    def _spec(self, incarnation: bytes) -> str:
        settings, path = self._configuration.settings, self._config_path
        return ChildSpec.of(self._home.path, settings, incarnation, path).to_text()

    def _give_up(self, error: BaseException) -> None:
        if self.problem is None:
            self.problem = error
            log.critical("{kind}: {why}", kind=type(error).__name__, why=str(error))
            self._failed(error)

    def _history_changed(self, error: BaseException) -> None:
        """End as soon as that can be: nothing may be committed any more."""
        if self._keeper is None:
            self._give_up(error)
        else:
            self._keeper.give_up(error)

    def _stop_reactor(self) -> None:
        self.is_told_to_stop = True
        self.deadline.begin()
        self._reactor.callLater(0, stop_reactor, self._reactor)

    def adopt(self, configuration: Configuration) -> None:
        """Go by this configuration from now on as far as that is possible; log what changes."""
        adopt(self._settings, configuration)
        self.service_manager.reloads(succeed(None))

    def _cancel(self, oid: bytes, who: str) -> str:
        return "no engine runs yet" if self.engine is None else self.engine.cancel(oid, who)

    def _reload(self) -> Reload:
        begun, deciding = begin_reload(self.engine)
        self.service_manager.reloads(deciding)
        return begun

    def _progress(self, oid: bytes) -> dict[str, Any] | None:
        return progress_of(self.engine, oid)

    def _waiting_for(self) -> str | None:
        server = self._databases.server
        return waiting_for(self.engine, server, self._application, self._starts)

    def status(self) -> dict[str, Any]:
        """What the supervisor knows of itself without asking the database."""
        settings, server = self._configuration.settings, self._databases.server
        return status_of(self.engine, server, self._application, settings, self._starts)
