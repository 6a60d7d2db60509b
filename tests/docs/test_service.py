"""The files in etc/ for managers of services: what they say fits together, and takes from zcasync
nothing that it needs.

``tests/processes/test_service_files.py`` has real ones use them.
"""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.docs.guides import ROOT
from zcasync.cli.main import COMMANDS
from zcasync.instance.settings import Settings
from zcasync.instance.socket_place import LONGEST
from zcasync.unix_sockets import SOCKET_PATH_LIMIT_BYTES

ETC = ROOT / "etc"
UNIT = ETC / "zcasync.service"
#: They hide other processes, or who they belong to, of which zcasync judges engines and operators.
BLINDING = {"ProtectProc", "ProcSubset", "PrivatePIDs", "PrivateUsers"}
#: Without one of them a job can become, or harm, another user, or leave the folders it is given.
CLOSED = {
    "CapabilityBoundingSet": "",
    "LockPersonality": "yes",
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ProtectSystem": "strict",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6",
    "RestrictSUIDSGID": "yes",
    "SystemCallFilter": "@system-service",
    "UMask": "0077",
}


#: So long may a stop take, whoever keeps the worker.
STOP_SECONDS = Settings().grace_period + 10


def service() -> dict[str, str]:
    """The lines of the section [Service]; none but ExecReload may stand there twice."""
    sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
    name = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            name = line
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            sections[name].append((key, value))
    lines = [(key, value) for key, value in sections["[Service]"] if key != "ExecReload"]
    found = dict(lines)
    assert len(found) == len(lines)
    return found


def test_a_job_has_its_home_and_no_other_rights() -> None:
    found = service()

    assert {key: found.get(key) for key in CLOSED} == CLOSED
    assert found["ReadWritePaths"] == found["ExecStart"].partition("--home ")[2]


def test_processes_can_be_seen() -> None:
    assert BLINDING & service().keys() == set()


def test_a_stop_is_graceful() -> None:
    found = service()

    assert found["KillMode"] == "mixed"
    assert int(found["TimeoutStopSec"]) >= STOP_SECONDS


def test_it_is_told_how_the_worker_is() -> None:
    found = service()

    assert (found["Type"], found["NotifyAccess"]) == ("notify", "main")
    # A reactor that other engines would not have taken for dead is not ended.
    assert int(found["WatchdogSec"]) >= 60


def test_a_reload_is_a_command_that_there_is() -> None:
    text = UNIT.read_text()
    run = service()["ExecStart"]
    reload = run.replace(" run ", " reload ")

    assert re.findall(r"^ExecReload=(.*)$", text, re.MULTILINE) == [
        "/bin/kill -HUP $MAINPID",
        reload,
    ]
    assert "reload" in COMMANDS
    # It is told of a new child that cannot boot before systemd gives up.
    assert int(service()["TimeoutStartSec"]) > Settings().boot_timeout + 10


def test_each_line_of_each_file_has_a_reason() -> None:
    """They are all that an operator has beside the line: one for three lines at least."""
    for name, sign in (
        ("zcasync.service", "#"),
        ("supervisord.conf", ";"),
        ("Dockerfile", "#"),
        ("compose.yaml", "#"),
        ("s6/run", "#"),
        ("s6/finish", "#"),
        ("backup.sh", "#"),
    ):
        text = (ETC / name).read_text()
        comments = [line for line in text.splitlines() if line.lstrip().startswith(sign)]
        lines = [line for line in text.splitlines() if line.strip() and line not in comments]
        assert 3 * len(comments) >= len(lines), name


def test_supervisord_waits_for_the_stop() -> None:
    parser = configparser.RawConfigParser()
    parser.read(ETC / "supervisord.conf")
    found = parser["program:zcasync"]

    assert int(found["stopwaitsecs"]) >= STOP_SECONDS
    assert (found["stopasgroup"], found["killasgroup"]) == ("false", "true")
    assert found["stopsignal"] == "TERM"
    command = shlex.split(service()["ExecStart"])
    assert shlex.split(found["command"]) == command
    assert (found["user"], found["umask"]) == (service()["User"], "077")


def test_s6_waits_for_the_stop_and_hears_that_it_is_ready() -> None:
    folder = ETC / "s6"
    assert int((folder / "timeout-kill").read_text()) / 1000 >= STOP_SECONDS
    last = (folder / "run").read_text().splitlines()[-1]
    number = (folder / "notification-fd").read_text().strip()

    assert last.endswith(f" >&{number} {number}>&-")
    assert service()["ExecStart"] in last
    assert all((folder / name).stat().st_mode & 0o111 for name in ("run", "finish"))


def test_the_container_has_what_the_others_have() -> None:
    image, compose = ((ETC / name).read_text() for name in ("Dockerfile", "compose.yaml"))
    home = service()["ReadWritePaths"]
    grace = re.search(r"stop_grace_period: (\d+)s", compose)

    assert grace is not None
    assert int(grace[1]) >= STOP_SECONDS
    assert f"INSTANCE_HOME={home}\n" in image
    assert f"VOLUME {home}\n" in image
    assert f"-m 700 {home}\n" in image
    assert compose.count(f"- instance:{home}\n") == 2
    assert re.search(r"^USER app$", image, re.MULTILINE)


@pytest.mark.parametrize("name", ["s6/run", "s6/finish", "backup.sh"])
def test_scripts_are_scripts(name: str) -> None:
    run = subprocess.run(["sh", "-n", ETC / name], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_home_is_made_and_short_enough_for_sockets_in_it() -> None:
    text = UNIT.read_text()
    home = service()["ReadWritePaths"]
    longest = SOCKET_PATH_LIMIT_BYTES - len(f"/var/{LONGEST}")

    assert f"install -d -o {service()['User']} -m 700 {home}\n" in text
    assert f"longer than {longest} bytes" in text


def test_systemd_knows_each_line(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/srv/app/.venv/bin/zcasync", sys.executable))

    run = subprocess.run([analyze, "verify", copy], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")

    secure = [analyze, "security", "--offline=true", "--threshold=20", copy]
    run = subprocess.run(secure, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout
