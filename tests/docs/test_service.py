"""The systemd unit: what it says fits together, and takes from zcasync nothing that it needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.docs.guides import ROOT
from zcasync.instance.settings import Settings
from zcasync.instance.socket_place import LONGEST
from zcasync.unix_sockets import SOCKET_PATH_LIMIT_BYTES

UNIT = ROOT / "etc" / "zcasync.service"
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


def service() -> dict[str, str]:
    """The lines of the section [Service]; none may stand there twice."""
    sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
    name = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            name = line
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            sections[name].append((key, value))
    found = dict(sections["[Service]"])
    assert len(found) == len(sections["[Service]"])
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
    assert int(found["TimeoutStopSec"]) >= Settings().grace_period + 10


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
