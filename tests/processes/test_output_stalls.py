"""Output that takes nothing stops nobody: pipes that nobody reads, full disks, closed streams."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.jobs import basic, output
from tests.processes.disks import SmallDisk, mounted
from tests.processes.test_containers import Contained, needs_containers
from tests.support.instance import SHORT, Instance
from zcasync.testing.waiting import wait_until

MakeInstance = Callable[..., Instance]
#: More than a pipe and the log's memory hold.
FLOOD = (3500, 1000)
TWISTD = [
    sys.executable,
    "-c",
    "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()",
]


class Stalled:
    """A pipe that has a reader, which reads nothing until it is told to; it begins full."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, 4096)
        with suppress(BlockingIOError):
            while True:
                os.write(self.fd, b".")
        self.read = ""

    def has_told(self, text: str) -> bool:
        with suppress(BlockingIOError):
            while data := os.read(self.fd, 65536):
                self.read += data.decode()
        return text in self.read


@pytest.fixture
def stalled(folder: Path) -> Iterator[Callable[[str], Stalled]]:
    made: list[Stalled] = []

    def make(name: str) -> Stalled:
        made.append(Stalled(folder / name))
        return made[-1]

    yield make
    for one in made:
        os.close(one.fd)


def redirected(command: list[str], *streams: str) -> list[str]:
    """The command line with its streams elsewhere, in the words of a shell."""
    return ["sh", "-c", f'exec "$@" {" ".join(streams)}', "-", *command]


def wait_for_log(instance: Instance, text: str = "zcasync ready") -> None:
    wait_until(lambda: text in instance.log, f"{text!r} in the log", 60, instance.evidence)


def works(instance: Instance) -> None:
    """It logs much, in the reactor, and performs ten jobs in a row as if nothing were."""
    client = instance.client
    client.wait_for(client.put(output.warn, *FLOOD, queue="reactor"))
    for _ in range(10):
        assert client.wait_for(client.put(basic.nothing)) is None
    assert instance.status()["pid"]


def test_pipes_that_nobody_reads(
    make_instance: MakeInstance, stalled: Callable[[str], Stalled]
) -> None:
    instance, out, err = make_instance(), stalled("out"), stalled("err")
    instance.launch(redirected(instance.command, f"> {out.path}", f"2> {err.path}"))
    wait_for_log(instance)
    works(instance)

    wait_until(lambda: out.has_told("zcasync ready: serves"), "the ready line")
    wait_until(lambda: err.has_told("lines dropped"), "the number of lines dropped")
    before = len(err.read)
    client = instance.client
    client.wait_for(client.put(output.warn, 1, 10, queue="reactor"))
    wait_until(lambda: err.has_told("0 xxxxxxxxxx\n"), "a line as before")
    assert "dropped" not in err.read[before:]

    client.wait_for(client.put(output.warn, *FLOOD, queue="reactor"))
    assert instance.stop() == 0
    assert "stopped" in instance.log[-500:]


def test_a_terminal_that_is_gone(make_instance: MakeInstance) -> None:
    primary, secondary = pty.openpty()
    instance = make_instance()
    name = os.ttyname(secondary)
    instance.launch(redirected(instance.command, f"> {name}", f"2> {name}"))
    wait_for_log(instance)
    works(instance)  # nobody has read it, as with Ctrl-S
    os.close(primary)
    os.close(secondary)
    works(instance)
    wait_for_log(instance, "standard error cannot be written: Input/output error")
    assert instance.stop() == 0


@pytest.fixture
def log_disk(folder: Path) -> Iterator[SmallDisk]:
    """A small file system for the home's log alone."""
    log = folder / "home" / "log"
    with mounted(log):
        yield SmallDisk(log)


def test_a_full_disk_and_streams_that_are_full_or_closed(
    log_disk: SmallDisk, make_instance: MakeInstance
) -> None:
    instance = make_instance()
    instance.launch(redirected(instance.command, "> /dev/full", "2>&-"))
    wait_for_log(instance)
    log_disk.fill()
    for _ in range(2):
        works(instance)
    log_disk.clear()
    wait_for_log(instance, "lines dropped: they could not be written")
    assert instance.stop() == 0
    assert instance.log.count("lines dropped") == 1


def test_an_error_is_an_exit_code_also_where_nobody_can_be_told(folder: Path) -> None:
    (folder / "home" / "etc").mkdir(parents=True)
    (folder / "home" / "etc" / "zcasync.conf").write_text("<zcasync>\n children x\n</zcasync>\n")
    for streams in ("2> /dev/full", "2>&-", "> /dev/full 2> /dev/full"):
        instance = Instance(folder / "home")
        instance.launch(redirected(instance.command, streams))
        assert instance.wait() == 2, streams


def test_twistd_and_a_pipe_that_nobody_reads(
    make_instance: MakeInstance, stalled: Callable[[str], Stalled]
) -> None:
    instance, out = make_instance(), stalled("out")
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    instance.launch(redirected([*TWISTD, *options], f"> {out.path}"))
    wait_until(lambda: out.has_told("zcasync ready"), "it to be ready", 60, instance.evidence)
    works(instance)
    wait_until(lambda: out.has_told("lines dropped"), "the number of lines dropped")
    instance.send(signal.SIGTERM)
    wait_until(lambda: out.has_told("Server Shut Down."), "the last line")
    assert instance.wait() in (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it


@needs_containers
def test_in_a_container_all_of_the_log_is_on_standard_error(folder: Path) -> None:
    instance = Contained(folder / "home", config=SHORT)
    command = [*instance.command, "--log", "-", "--log-format", "json"]
    try:
        instance.launch(redirected(command, "> /dev/null")).wait_until_ready()
        works(instance)
        assert instance.stop() == 0
    finally:
        instance.end()

    lines = [json.loads(line) for line in instance.output.splitlines()]
    assert [line for line in lines if line["message"].startswith("zcasync ready")]
    assert "stopped" in [line["message"] for line in lines[-3:]]
    named = (instance.home / "etc" / "uuid.txt").read_text().strip()
    assert uuid.UUID(lines[-1]["worker"]) == uuid.UUID(named)
    assert not (instance.home / "log" / "zcasync.log").exists()
