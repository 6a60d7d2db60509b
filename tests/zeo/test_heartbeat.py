"""Clients notice that their server is gone without a word, and that one is only slow."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import transaction
from persistent.mapping import PersistentMapping
from ZEO.ClientStorage import ClientStorage
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB

from tests.processes.servers import Server, own_server
from tests.support.instance import ROOT
from tests.support.proxies import Proxy, proxied
from zcasync.database.opening import apply_settings, open_servers
from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration, Settings
from zcasync.testing.waiting import wait_until
from zcasync.unix_sockets import peer_of
from zcasync.zeo.connections import server_sockets
from zcasync.zeo.heartbeat import watch_servers

#: The time that servers have for an answer, here; a busy machine must not look like a dead server.
SECONDS = 1.5
#: A server that is gone is noticed within this time, and a busy machine may need longer.
NOTICED = 1.4 * SECONDS + 10
#: Longer than that any server is taken for gone.
LONG = 2 * SECONDS


class App:
    """An application's client with a heartbeat."""

    def __init__(self, address: Any, seconds: float = SECONDS) -> None:
        self.db = open_servers({"main": [[address], "1"]}, 30.0)
        self.storage = self.db.storage
        watch_servers(self.db, seconds)
        self._pool = ThreadPoolExecutor(2)

    @property
    def io(self) -> Any:
        """ZEO's part of the client."""
        return self.storage._server.client

    @property
    def connection(self) -> Any:
        """The connection to the server."""
        return self.io.protocol

    @property
    def socket(self) -> socket.socket:
        [number] = server_sockets([self.db])
        return socket.socket(fileno=os.dup(number))

    def write(self, value: Any, name: str = "name") -> None:
        """Commit something."""
        manager = transaction.TransactionManager()
        connection = self.db.open(manager)
        try:
            connection.root()[name] = value
            manager.commit()
        finally:
            manager.abort()
            connection.close()

    def add(self) -> None:
        """Commit a new object, and no other one."""
        manager = transaction.TransactionManager()
        connection = self.db.open(manager)
        connection.add(PersistentMapping())
        manager.commit()
        connection.close()

    def in_thread(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call something that may hang."""
        return self._pool.submit(call, *args)

    def wait_for_another(self, before: Any) -> None:
        """Wait until another connection is in use."""
        wait_until(
            lambda: self.storage.is_connected() and self.connection is not before,
            "another connection to be made",
            NOTICED,
        )

    def close(self) -> None:
        self.db.close()
        self._pool.shutdown()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder, [ROOT], module="zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with proxied(server.port) as made:
        yield made


@pytest.fixture
def app(proxy: Proxy) -> Iterator[App]:
    made = App(("127.0.0.1", proxy.port))
    try:
        yield made
    finally:
        proxy.mend()
        made.close()


def test_an_idle_client_notices_and_connects_anew(
    app: App, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    before = app.connection
    proxy.forget()
    app.wait_for_another(before)
    app.write(1)
    wait_until(lambda: "answers again" in caplog.text, "the end of the trouble to be said")
    said = [one for one in caplog.messages if "has not answered for 1.5 s" in one]
    assert said == [
        f"the database server at 127.0.0.1:{proxy.port} has not answered for 1.5 s; "
        "the connection is made anew"
    ]


def test_whoever_waits_for_a_server_that_is_gone_is_told(app: App, proxy: Proxy) -> None:
    proxy.silence()
    asked = app.in_thread(app.storage.ping)
    with pytest.raises(ClientDisconnected, match=r"at 127.0.0.1:\d+ has not answered for 1.5 s"):
        asked.result(NOTICED)
    app.storage._server.timeout = 0.1
    with pytest.raises(ClientDisconnected, match=r"timed out.*; the database server at "):
        app.storage.ping()


def test_connections_that_are_never_answered_are_followed_by_others(app: App, proxy: Proxy) -> None:
    before = app.connection
    proxy.silence()
    wait_until(lambda: proxy.count() >= 4, "one try after the other", 3 * NOTICED)
    proxy.mend()  # but those that were begun meanwhile stay silent
    app.wait_for_another(before)
    app.write(2)


def test_a_commit_that_waits_for_another_one_is_no_silence(app: App, server: Server) -> None:
    other = App(("127.0.0.1", server.port), 0)
    manager = transaction.TransactionManager()
    connection = other.db.open(manager)
    connection.root()["other"] = 1
    before = app.connection
    holder = Holder()
    manager.get().join(holder)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(manager.commit)  # the server is locked
        holder.is_there.wait(10)
        waits = app.in_thread(app.add)
        time.sleep(LONG)
        assert not waits.done()
        holder.may_go.set()
        held.result(30)
        waits.result(30)
    assert app.connection is before
    connection.close()
    other.close()


class Holder:
    """Holds up a commit between the votes of the storages and their finish."""

    transaction_manager: Any = None

    def __init__(self) -> None:
        self.is_there, self.may_go = threading.Event(), threading.Event()

    def sortKey(self) -> str:
        return "~~~"

    def tpc_vote(self, txn: Any) -> None:
        self.is_there.set()
        self.may_go.wait(60)

    def abort(self, txn: Any) -> None: ...

    commit = tpc_begin = tpc_finish = tpc_abort = abort


@pytest.mark.parametrize("way", ["up", "down"])
def test_what_passes_slowly_is_no_silence(app: App, proxy: Proxy, way: str) -> None:
    text = os.urandom(2 * 1024 * 1024)
    before = app.connection
    if way == "down":
        app.write(text, "large")
        app.storage._cache.clear()
        app.db.cacheMinimize()
    proxy.bytes_per_second = int(len(text) / (1.5 * LONG))
    began = time.monotonic()
    if way == "up":
        app.write(text, "large")
    else:
        app.storage.load(bytes(8))  # the root
    assert time.monotonic() - began > LONG
    assert app.connection is before


def test_time_in_which_the_client_did_not_run_is_no_silence(app: App) -> None:
    before = app.connection
    app.io.loop.call_soon_threadsafe(time.sleep, LONG)
    time.sleep(LONG)
    app.storage.ping()
    assert app.connection is before


def test_a_server_that_freezes_at_a_port_is_left_and_found_again(app: App, server: Server) -> None:
    before = app.connection
    server.send(signal.SIGSTOP)
    try:
        wait_until(lambda: not app.storage.is_connected(), "the silence to be noticed", NOTICED)
        time.sleep(LONG)  # more connections are asked for
    finally:
        server.send(signal.SIGCONT)
    app.wait_for_another(before)
    app.write(4)


def test_a_server_that_freezes_at_a_unix_socket_is_waited_for(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with own_server(folder) as path:
        app = App(path)
        before = app.connection
        with app.socket as found:
            peer = peer_of(found)
        assert peer is not None
        os.kill(peer.pid, signal.SIGSTOP)
        try:
            asked = app.in_thread(app.storage.ping)
            wait_until(lambda: "has not answered" in caplog.text, "it to be said", NOTICED)
            time.sleep(LONG)
            assert not asked.done()
        finally:
            os.kill(peer.pid, signal.SIGCONT)
        asked.result(30)
        wait_until(lambda: "answers again" in caplog.text, "its end to be said")
        assert app.connection is before
        app.close()


#: A network of one's own, in which packets can be dropped where the kernel has all of it.
OWN_NETWORK = ["unshare", "--map-root-user", "--net"]
TRIED = "ip link set lo up && tc qdisc add dev lo root pfifo limit 0"


def test_dropped_packets_are_noticed(folder: Path) -> None:
    if not all(map(shutil.which, ("unshare", "ip", "tc"))):
        pytest.skip("unshare, ip or tc is not installed")
    tried = subprocess.run([*OWN_NETWORK, "sh", "-c", TRIED], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"packets cannot be dropped here: {tried.stderr.strip()}")
    program = [sys.executable, "-m", "tests.zeo.dropped_packets", str(folder), str(SECONDS)]
    done = subprocess.run([*OWN_NETWORK, *program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told, back = done.stdout.splitlines()
    # Either the kernel or the client is first.
    assert re.match(r"told: (.*Connection timed out|.* has not answered for 1.5 s)", told)
    assert back == "back"


def test_the_kernel_looks_too(app: App) -> None:
    wait_until(lambda: app.io.heartbeat is not None, "the heartbeat")
    with app.socket as found:
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 1
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 1


def test_the_server_lets_its_kernel_look_for_clients(server: Server) -> None:
    app = App(("127.0.0.1", server.port), 0)
    with app.socket as found:
        ends = [f"{port:04X}" for port in (server.port, found.getsockname()[1])]

    def timers() -> list[str]:
        """Which of the kernel's timers runs for the server's end."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        found = [one for one in lines if [each.split(":")[1] for each in one[1:3]] == ends]
        return [one[5].split(":")[0] for one in found]

    wait_until(lambda: timers() == ["02"], "that of keepalive")
    app.close()


def test_without_a_heartbeat_nothing_is_done(proxy: Proxy) -> None:
    app = App(("127.0.0.1", proxy.port), 0)
    with app.socket as found:
        assert not found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    before = app.connection
    proxy.forget()
    time.sleep(LONG)
    assert app.connection is before
    app.close()


@pytest.mark.parametrize("seconds", [20.0, 0.0])
def test_the_setting_decides_also_for_a_database_that_an_application_has_opened(
    server: Server, folder: Path, seconds: float
) -> None:
    db = DB(ClientStorage(("127.0.0.1", server.port)))
    apply_settings(db, Configuration(Settings(zeo_heartbeat=seconds)), Home(folder))
    db.storage.ping()
    assert (db.storage._server.client.heartbeat is None) == (seconds == 0)
    db.close()


def test_a_second_heartbeat_is_none(app: App) -> None:
    app.storage.ping()
    first = app.io.heartbeat
    watch_servers(app.db, SECONDS)
    app.storage.ping()
    assert app.io.heartbeat is first
