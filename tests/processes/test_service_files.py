"""What etc/ has for managers of services, with real ones, and its container by its own commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.test_containers import CONTAINER, Contained, needs_containers
from tests.support.instance import ROOT, Instance, engine_of
from tests.support.other_users import as_user, command_as, give, needs_root, open_folder
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until
from zcasync.users import user_name

ETC = ROOT / "etc"
SCRIPTS = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
ENVIRONMENT.pop("PYTHONPATH", None)  # of the tests: a worker has what its file says
START_SECONDS = 60.0
APP = 10001


def at_home(name: str, home: Path) -> str:
    """A file of etc/, with our paths, our user, and a short grace period."""
    text = (ETC / name).read_text()
    user = user_name(os.geteuid())
    for theirs, ours in {
        "/srv/app/.venv/bin/zcasync": f"{SCRIPTS}/zcasync",
        "/srv/app/instance": f"{home}",
        "/srv/app/src": f"{ROOT}",
        "/srv/app": f"{home.parent}",
        "/var/log/zcasync.out": f"{home.parent}/zcasync.out",
        "user=app\n": f"user={user}\n",
        "s6-setuidgid app": f"s6-setuidgid {user}",
    }.items():
        text = text.replace(theirs, ours)
    return text


class Kept:
    """A worker that somebody else has started, and starts again."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.instance = Instance(home, config="<zcasync>\n  grace-period 5\n</zcasync>\n")
        self.starts = 0

    @property
    def pid(self) -> int:
        """Its process."""
        return int(self.instance.status()["pid"])

    def works(self) -> None:
        """It has been started once more, and performs ten jobs in a row."""
        self.starts += 1
        wait_until(
            lambda: self.instance.log.count("zcasync ready") >= self.starts,
            f"start {self.starts}",
            START_SECONDS,
            lambda: self.instance.log,
        )
        client = self.instance.client
        for _ in range(10):
            client.wait_for(client.put(jobs.nothing))
        self.instance.close_client()

    def is_killed(self) -> None:
        """The whole of it dies."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: is_gone(pid), "its end")

    def has_stopped(self) -> None:
        """It has ended as it should."""
        assert "stopped\n" in self.instance.log[-100:]
        assert engine_of(self.instance.home) == ""


@contextmanager
def manager(*command: str | Path, end: Callable[[], object] | None = None) -> Iterator[None]:
    """A manager at work; in the end it ends, with what it has started."""
    process = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        if end is not None:
            end()
        else:
            process.terminate()
        process.wait(START_SECONDS)


def run(*command: str | Path) -> str:
    """Run a command of a manager; its output."""
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[unix_http_server]
file={folder}/supervisord.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{folder}/supervisord.sock
"""


@pytest.mark.skipif(
    shutil.which("supervisord", path=ENVIRONMENT["PATH"]) is None,
    reason="supervisord is not installed",
)
def test_supervisord_keeps_a_worker(folder: Path) -> None:
    kept = Kept(folder / "home")
    conf = folder / "supervisord.conf"
    conf.write_text(SUPERVISORD.format(folder=folder) + at_home(conf.name, kept.instance.home))
    with manager("supervisord", "--configuration", conf):
        kept.works()
        kept.is_killed()
        kept.works()
        run("supervisorctl", "-c", conf, "stop", "zcasync")
        kept.has_stopped()
        run("supervisorctl", "-c", conf, "start", "zcasync")
        kept.works()
    kept.has_stopped()


@pytest.mark.skipif(shutil.which("s6-svscan") is None, reason="s6 is not installed")
def test_s6_keeps_a_worker(folder: Path) -> None:
    kept = Kept(folder / "home")
    service = folder / "scan" / "zcasync"
    service.mkdir(parents=True)
    for path in (ETC / "s6").iterdir():
        (service / path.name).write_text(at_home(f"s6/{path.name}", kept.instance.home))
        (service / path.name).chmod(path.stat().st_mode)
    end = lambda: run("s6-svscanctl", "-t", service.parent)  # noqa: E731
    with manager("s6-svscan", service.parent, end=end):
        wait_until((service / "supervise" / "control").exists, "s6 to look after it")
        run("s6-svwait", "-U", "-t", "60000", service)
        kept.works()
        kept.is_killed()
        kept.works()
        run("s6-svwait", "-U", "-t", "60000", service)
        run("s6-svc", "-wD", "-T", "60000", "-d", service)
        kept.has_stopped()


def instruction(name: str) -> str:
    """The last instruction of this name in the Dockerfile, its lines as one."""
    text = re.sub(r"\\\n\s*", "", (ETC / "Dockerfile").read_text())
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)[-1]


#: As compose.yaml has it: nothing can be written but the home and a folder for temporary files.
SHUT = (
    'mount --bind "$1" "$1" && mount -o remount,bind,ro / && mount -t tmpfs tmpfs /var/tmp && '
    'shift && exec "$@"'
)


PUT = """
import math, transaction, zcasync
connection = zcasync.open().open()
for _ in range(10):
    partial = zcasync.put(connection, math.factorial, 5)
    transaction.commit()
    print(partial.get(timeout=60))
"""


class OfImage(Contained):
    """The container of the Dockerfile, as far as it can be had without Docker."""

    @property
    def command(self) -> list[str]:
        program, *words = json.loads(instruction("CMD"))
        inner = ["/usr/bin/setpriv", "--no-new-privs", "--", SCRIPTS / program, *words]
        shut = ["sh", "-c", SHUT, "sh", str(self.home), *command_as(APP, inner)]
        return [*CONTAINER, "--mount", *shut]


@needs_containers
@needs_root
def test_the_container_of_the_dockerfile_works_and_ends_when_docker_stops_it() -> None:
    with open_folder() as folder:
        instance = OfImage(folder / "home", None, "<zcasync>\n  grace-period 5\n</zcasync>\n")
        instance.home.chmod(0o700)
        give(instance.home, APP)
        assert dict(one.split("=") for one in instruction("ENV").split())["INSTANCE_HOME"]
        instance.environment["INSTANCE_HOME"] = str(instance.home)
        try:
            instance.start()
            variables = {"PATH": ENVIRONMENT["PATH"], "INSTANCE_HOME": str(instance.home)}
            env = {**variables, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"}
            done = as_user(APP, [sys.executable, "-P", "-c", PUT], env=env)
            assert done.stdout.split() == ["120"] * 10, done
            check = instruction("HEALTHCHECK").partition("CMD ")[2]
            healthy = as_user(APP, ["/bin/sh", "-c", check], env=env)
            assert (healthy.returncode, healthy.stdout[:10]) == (0, "ZCASYNC OK"), healthy
            assert instruction("STOPSIGNAL") == "SIGTERM"
            instance.send(signal.SIGTERM)
            assert instance.wait() == 0, instance.evidence()
            assert engine_of(instance.home) == ""
            sick = as_user(APP, ["/bin/sh", "-c", check], env=env)
            assert sick.returncode == 0, sick  # nobody is at work, and no job is due: a warning
        finally:
            instance.end()
