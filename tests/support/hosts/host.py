"""A host: namespaces of its own with a first process, the commands inside of it, its sudden end."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from tests.support.hosts.network import Network
from tests.support.leftovers import MAY_RUN
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until

BOOT = Path(__file__).with_name("boot.py")
SECONDS = 20.0
CLONE_NEWNET = 0x40000000
PROGRAMS = ("ip", "mount", "nsenter", "unshare")
TUN = Path("/dev/net/tun")
#: Hosts run for other times, as machines do: their monotonic clocks have nothing in common.
UPTIMES = itertools.count(100_000, 50_000)


def why_not() -> str | None:
    """Return why there can be no hosts on this machine; None: there can."""
    if sys.platform != "linux":
        return "namespaces are Linux's"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    lacking = [one for one in PROGRAMS if shutil.which(one) is None]
    if lacking:
        return f"these programs are not installed: {', '.join(lacking)} (iproute2, util-linux)"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} is not there"
    probe = subprocess.run([*_namespaces(0), "true"], capture_output=True, text=True, timeout=60)
    return None if probe.returncode == 0 else f"the kernel forbids namespaces: {probe.stderr}"


def _namespaces(uptime: int) -> list[str]:
    """The command that runs another one as the first process of namespaces of its own."""
    clocks = ["--time", "--monotonic", str(uptime), "--boottime", str(uptime)]
    kinds = ["--net", "--mount", "--pid", "--uts", "--ipc"]
    return ["unshare", *kinds, *clocks, "--fork", "--kill-child", "--mount-proc"]


class Host:
    """A host with a name and an address on a network; ``names`` of other ones it finds in a file.

    Files are those of this machine, but for ``/etc/hosts`` and ``/proc``.
    """

    def __init__(self, network: Network, name: str, address: str, folder: Path) -> None:
        self.network = network
        self.name = name
        self.address = address
        self.folder = folder / name
        self.folder.mkdir()
        self._names = self.folder / "names"
        self.know({})
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: socket.socket | None = None  # the host ends with this process's end of it

    def know(self, names: dict[str, str]) -> None:
        """Let it find the addresses of these names, from now on."""
        lines = [f"{address} {name}\n" for name, address in names.items()]
        text = "".join(["127.0.0.1 localhost\n", *lines])
        with self._names.open("r+" if self._names.exists() else "w") as file:  # the same file
            file.write(text)
            file.truncate()

    def boot(self) -> Host:
        """Start it, and join it to the network."""
        ours, theirs = socket.socketpair()
        self._lifeline = ours
        log = self.folder / "boot.out"
        python = [sys.executable, "-I", str(BOOT), str(theirs.fileno())]
        command = [*_namespaces(next(UPTIMES)), *python, self.name, self.address, str(self.folder)]
        with theirs, log.open("wb") as output:
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdout=output, stderr=output
            )
        ours.settimeout(SECONDS)
        said, fds, _, _ = socket.recv_fds(ours, 16, 1)
        assert said == b"ready", log.read_text()
        self.network.join(self.address, fds[0])
        MAY_RUN.update({self._process.pid, self.pid})
        return self

    @property
    def pid(self) -> int:
        """Of its first process, as it is seen from outside."""
        assert self._process is not None, f"{self.name} was not booted"
        [first] = psutil.Process(self._process.pid).children()
        return first.pid

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def inside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a command on it."""
        kinds = ["--net", "--mount", "--pid", "--uts", "--ipc", "--time"]
        return ["nsenter", "--target", str(self.pid), *kinds, "--", *command]

    def run(self, *command: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run a command on it; what came of it."""
        return subprocess.run(self.inside(command), capture_output=True, text=True, timeout=seconds)

    @contextlib.contextmanager
    def connections(self) -> Iterator[None]:
        """Let this thread, and those that it starts, connect as processes of the host do."""
        with Path("/proc/thread-self/ns/net").open() as outside:
            with Path(f"/proc/{self.pid}/ns/net").open() as inside:
                _enter(inside.fileno())
            try:
                yield
            finally:
                _enter(outside.fileno())

    def vanish(self) -> None:
        """Take it off the network, and end all of its processes at once: a power cut."""
        self.network.leave(self.address)
        if self._process is None:
            return
        family = psutil.Process(self._process.pid).children(recursive=True) if self.is_up else []
        if self.is_up:
            os.kill(self.pid, signal.SIGKILL)
        if self._lifeline is not None:
            self._lifeline.close()
        self._process.wait(SECONDS)
        wait_until(lambda: all(map(is_gone, family)), f"the end of {self.name}")
        MAY_RUN.difference_update({self._process.pid, *(one.pid for one in family)})


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main_of(process: subprocess.Popen[bytes]) -> int:
    """Return the pid, as seen from outside, of what a command ``inside`` of a host runs."""

    def found() -> list[psutil.Process]:
        return psutil.Process(process.pid).children()

    return int(wait_until(found, "the process on the host")[0].pid)
