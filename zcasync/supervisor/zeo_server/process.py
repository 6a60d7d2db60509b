"""Keeps the embedded default's database server running for as long as the supervisor lives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from zcasync import import_path
from zcasync.errors import ConfigurationError, HistoryChanged, StorageAway
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instance.settings import Settings
from zcasync.protocol.dispositions import withheld
from zcasync.supervisor.zeo_server import orders
from zcasync.supervisor.zeo_server.__main__ import (
    EXIT_IN_USE,
    EXIT_UNUSABLE,
    LIFELINE_FD,
    ORDERS_FD,
)
from zcasync.supervisor.zeo_server.socket_watch import SocketWatch
from zcasync.zeo.full_disk import EXIT_CANNOT_WRITE, EXIT_NO_ROOM
from zcasync.zeo.own_file import EXIT_FILE_REPLACED

log = Logger()

KILL_AFTER_SECONDS = 3.0
#: A server that does not listen anew within this time is started again.
ANSWER_SECONDS = 10.0
#: How often to check whether another supervisor's server has ended.
CHECK_SECONDS = 0.02
FIRST_BACKOFF_SECONDS = 0.25
LONGEST_BACKOFF_SECONDS = 15.0
#: A server that waits for room on its disk checks for it at least so often.
LONGEST_WAIT_SECONDS = 3.0
#: Of a server for which something has to be done before it can run at all.
EXITS_FOR_GOOD = (EXIT_IN_USE, EXIT_UNUSABLE, EXIT_NO_ROOM)


class _Server(ProcessProtocol):
    """The supervisor's end of the pipes to one server process."""

    def __init__(self, keeper: ServerProcess) -> None:
        self._keeper = keeper
        self._rest = b""
        self.last_line = ""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self.last_line = line.decode("utf-8", "replace")[:500]
            if childFD == 1 and self.last_line == "listening":
                self._keeper._listening()
            elif self.last_line != self._keeper.waiting_for:
                log.warn("database server: {line}", line=self.last_line)

    def processExited(self, reason: Any) -> None:
        self._keeper._exited(reason.value, self.last_line)


class ServerProcess:
    """Starts the server, starts it again when it dies, stops it.

    ``start`` fires when it listens; it fails with ConfigurationError when its file cannot be used.
    ``changed(error)`` when its file was replaced or removed; then it is not started again.
    """

    def __init__(
        self,
        reactor: Any,
        home: Home,
        settings: Settings,
        changed: Callable[[HistoryChanged], None] = lambda error: None,
    ) -> None:
        self.waiting_for: str | None = None  # why it cannot run now, for status
        self._reactor = reactor
        self._home = home
        self._settings = settings
        self._changed = changed
        self._transport: Any = None
        self._started: Deferred[None] | None = None
        self._stopped: Deferred[None] | None = None
        self._killer: Any = None
        self._deaf: Any = None  # ends a server that does not listen anew
        self._retry: Any = None
        self._backoff = FIRST_BACKOFF_SECONDS
        self._watch = SocketWatch(reactor, home, self._socket_gone)

    @property
    def pid(self) -> int | None:
        """The process id of the running server."""
        return None if self._transport is None else self._transport.pid

    def start(self) -> Deferred[None]:
        """Start the server."""
        self._started = Deferred()
        self._spawn()
        return self._started

    def stop(self) -> Deferred[None]:
        """Stop the server; fires when it is gone.  Safe to repeat."""
        if self._stopped is None:
            self._stopped = Deferred()
            if self._retry is not None and self._retry.active():
                self._retry.cancel()
            if self._transport is None:
                self._stopped.callback(None)
            else:
                self._end()
        return self._stopped if not self._stopped.called else succeed(None)

    def _end(self) -> None:
        """Let the running server end; kill it when that takes too long."""
        self._watch.stop()
        self._hears()
        self._transport.closeChildFD(LIFELINE_FD)  # a signal would be one of anybody's
        if self._killer is None:
            self._killer = self._reactor.callLater(
                KILL_AFTER_SECONDS, self._transport.signalProcess, "KILL"
            )

    def _socket_gone(self) -> None:
        path = self._home.zeo_socket
        log.error("the database server's socket {path} is gone; it is made anew", path=str(path))
        self._transport.writeToChild(ORDERS_FD, orders.listen_at(path))
        self._deaf = self._reactor.callLater(ANSWER_SECONDS, self._end)

    def _hears(self) -> None:
        """Wait no longer for a server that was told to listen anew."""
        if self._deaf is not None and self._deaf.active():
            self._deaf.cancel()
        self._deaf = None

    def _spawn_again(self) -> None:
        """Start the server once its socket can be where clients trust it."""
        try:
            self._home.place_sockets()
        except ConfigurationError as error:
            if str(error) != self.waiting_for:
                log.error("the database server cannot be started again: {why}", why=str(error))
            self.waiting_for = str(error)
            self._retry = self._reactor.callLater(LONGEST_WAIT_SECONDS, self._spawn_again)
        else:
            self._spawn()

    def _spawn(self) -> None:
        spec = {
            "home": os.fspath(self._home.path),
            "data_fs": os.fspath(self._home.data_fs),
            "blobs": os.fspath(self._home.blobs),
            "socket": os.fspath(self._home.zeo_socket),
            "owner": self._home.owner,
            "transaction_timeout": self._settings.transaction_timeout,
            "resolve_conflicts": self._settings.resolve_conflicts,
            "parent": os.getpid(),
        }
        command = import_path.python("-m", "zcasync.supervisor.zeo_server", json.dumps(spec))
        fds = {ORDERS_FD: "w", 1: "r", 2: "r", LIFELINE_FD: "w"}
        with withheld():
            self._transport = self._reactor.spawnProcess(
                _Server(self), command[0], command, import_path.environment(), childFDs=fds
            )
        self._note_identity(ProcessIdentity.of(self._transport.pid))

    def _note_identity(self, identity: ProcessIdentity) -> None:
        """Write the server's identity down, for a supervisor that finds it left behind.

        Such a server also ends by itself.
        """
        try:
            own_files.replace(self._home.server_identity, json.dumps(identity.as_dict()))
        except OSError as error:
            if self.waiting_for is None:  # otherwise the same full disk, at each try
                path = str(self._home.server_identity)
                log.warn("{path} cannot be written: {why}", path=path, why=error.strerror)

    def _listening(self) -> None:
        self._hears()
        self._backoff = FIRST_BACKOFF_SECONDS
        self.waiting_for = None
        log.info("database server {pid} listens", pid=self.pid)
        self._watch.start(self._home.zeo_socket)
        if self._started is not None and not self._started.called:
            self._started.callback(None)

    def _exited(self, status: Any, last_line: str) -> None:
        self._transport = None
        self._watch.stop()
        self._hears()
        if self._killer is not None and self._killer.active():
            self._killer.cancel()
        self._killer = None
        if self._stopped is not None:
            self._home.server_identity.unlink(missing_ok=True)
            if not self._stopped.called:
                self._stopped.callback(None)
            return
        code = getattr(status, "exitCode", None)
        if self._started is not None and not self._started.called:
            kind = ConfigurationError if code in EXITS_FOR_GOOD else StorageAway
            self._started.errback(kind(f"the database server cannot run: {last_line or status}"))
            return
        if code == EXIT_FILE_REPLACED:
            self._changed(HistoryChanged(_file_replaced(self._home)))
            return
        is_full = code in (EXIT_CANNOT_WRITE, EXIT_NO_ROOM)
        longest = LONGEST_WAIT_SECONDS if is_full else LONGEST_BACKOFF_SECONDS
        wait = min(self._backoff, longest)
        if code != EXIT_NO_ROOM or last_line != self.waiting_for:
            log.error(
                "the database server is gone ({status}); starting it again in {wait} s",
                status=str(status),
                wait=wait,
            )
        self.waiting_for = last_line if is_full else None
        self._retry = self._reactor.callLater(wait, self._spawn_again)
        self._backoff = min(2 * self._backoff, LONGEST_BACKOFF_SECONDS)


def _file_replaced(home: Home) -> str:
    """Return what has happened, and what to do, in one sentence."""
    return (
        f"{home.data_fs} was replaced or removed under the running database server, so this is not "
        "the database any more that this process has worked with; nothing more is committed, and "
        "this process has to be started again, so that it begins with what is there now"
    )


def replace_left_behind(home: Home) -> None:
    """End a database server of this home whose supervisor is gone.  May wait: not for a reactor."""
    try:
        found = ProcessIdentity.from_dict(json.loads(home.server_identity.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return
    if not found.is_alive():
        return
    log.warn("database server {pid} was left behind; it is replaced", pid=found.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
        if _has_ended(found, KILL_AFTER_SECONDS):
            return


def _has_ended(process: ProcessIdentity, seconds: float) -> bool:
    """Wait until it has; return whether it has ended.

    A process that is not reaped counts as ended: in a container process 1 may be any program.
    """
    until = time.monotonic() + seconds
    while process.is_alive() is not False:
        if time.monotonic() > until:
            return False
        time.sleep(CHECK_SECONDS)
    return True
