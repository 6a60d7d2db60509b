"""The hosts themselves: other machines as far as anything can tell, and nothing is left of them."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.hosts.host import Host, why_not
from tests.support.hosts.network import Network
from tests.support.instance import ROOT, short_folder
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

LEFT, RIGHT = "10.78.0.1", "10.78.0.2"
PORT = 8100
SECONDS = 20.0
BOOT_AND_SAY = """
import pathlib, sys, tempfile, time
from tests.support.hosts.host import Host
from tests.support.hosts.network import Network
host = Host(Network(1), "alone", "10.78.0.3", pathlib.Path(sys.argv[1])).boot()
print(host.pid, flush=True)
time.sleep(600)
"""


def interfaces() -> list[str]:
    """Those of this machine."""
    return sorted(path.name for path in Path("/sys/class/net").iterdir())


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Network, Host, Host]]:
    """Two hosts and the network between them; nothing is left in the end."""
    reason = why_not()
    if reason is not None:
        pytest.skip(f"there can be no hosts here: {reason}")
    before = interfaces()
    network = Network(seed=1)
    with short_folder() as folder:
        hosts = [
            Host(network, name, address, folder).boot()
            for name, address in (("left", LEFT), ("right", RIGHT))
        ]
        pids = [host.pid for host in hosts]
        assert interfaces() == before
        try:
            yield network, *hosts
        finally:
            for host in hosts:
                host.vanish()
            network.close()
        assert all(map(is_gone, pids))
        assert interfaces() == before


class Echo:
    """Answers on one host what is sent to it, in a thread of this process."""

    def __init__(self, host: Host) -> None:
        with host.connections():
            self._listener = socket.create_server((host.address, PORT))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=_answer, args=(client,), daemon=True).start()
        except OSError:
            return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _answer(client: socket.socket) -> None:
    with client:
        while said := client.recv(100):
            client.sendall(said)


@pytest.fixture
def connection(pair: tuple[Network, Host, Host]) -> Iterator[socket.socket]:
    """A connection from left to right, to somebody who answers what is sent."""
    _, left, right = pair
    echo = Echo(right)
    try:
        with left.connections():
            made = socket.create_connection((RIGHT, PORT), SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with made:
            yield made
    finally:
        echo.close()


def ask(connection: socket.socket, timeout: float = SECONDS) -> float:
    """How many seconds an answer takes.  Raises TimeoutError."""
    connection.settimeout(timeout)
    began = time.monotonic()
    connection.sendall(b"?")
    assert connection.recv(1) == b"?"
    return time.monotonic() - began


def test_a_host_is_another_machine(pair: tuple[Network, Host, Host]) -> None:
    _, left, right = pair
    boot_ids = [host.run("cat", "/proc/sys/kernel/random/boot_id").stdout for host in (left, right)]
    boot_ids.append(Path("/proc/sys/kernel/random/boot_id").read_text())
    assert len(set(boot_ids)) == 3
    assert left.run("hostname").stdout == "left\n"
    uptimes = [float(host.run("cat", "/proc/uptime").stdout.split()[0]) for host in (left, right)]
    assert abs(uptimes[0] - uptimes[1]) > 10_000
    seen = right.run("sh", "-c", "ls -d /proc/[0-9]*").stdout.split()
    assert 2 <= len(seen) < 10, "its own processes alone"
    right.know({"somewhere": LEFT})
    assert right.run("getent", "hosts", "somewhere").stdout.split() == [LEFT, "somewhere"]
    assert "somewhere" not in left.run("cat", "/etc/hosts").stdout


def test_wires_are_as_bad_as_they_are_told_to_be(
    pair: tuple[Network, Host, Host], connection: socket.socket
) -> None:
    network, *_ = pair
    there, back = network.both(LEFT, RIGHT)
    assert ask(connection) < 1.0
    with network.bad(there, back, delay=0.3):
        assert ask(connection) >= 0.6
    for wire in (there, back):
        with network.cut(wire), pytest.raises(TimeoutError):
            ask(connection, 0.5)
        connection.settimeout(SECONDS)
        assert connection.recv(1) == b"?", "what was on its way arrives in the end"
    before = network.passed["lost"]
    with network.bad(there, back, loss=0.3):
        while network.passed["lost"] < before + 5:
            ask(connection, 120.0)
    assert ask(connection) < SECONDS


def test_no_host_outlives_the_process_that_has_booted_it(tmp_path: Path) -> None:
    if why_not() is not None:
        pytest.skip("there can be no hosts here")
    process = subprocess.Popen(
        [sys.executable, "-c", BOOT_AND_SAY, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            first = psutil.Process(int(process.stdout.readline()))
        finally:
            process.send_signal(signal.SIGKILL)
    wait_until(lambda: is_gone(first), "the end of the host")


def test_why_there_can_be_no_hosts_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "ip" else f"/bin/{name}")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert why_not() == "these programs are not installed: ip (iproute2, util-linux)"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert why_not() == "only root may make network namespaces"
