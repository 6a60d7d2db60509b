"""Ini files, URIs and applications that cannot be used: said in words, and the next job runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.pyramid import gallery
from tests.integrations.pyramid.conftest import WORKER, GalleryServer, write_ini
from tests.integrations.servers import DatabaseServer
from tests.support.instance import ROOT, Instance
from tests.support.ports import free_port
from zcasync.errors import NotRunning
from zcasync.testing.waiting import wait_until


def check(home: Path, ini: str, command: str = "check") -> tuple[int, str]:
    """What a command says of a home with this argument."""
    (home / "etc").mkdir(parents=True, exist_ok=True)
    (home / "etc" / "zcasync.conf").write_text(WORKER.format(ini=ini))
    line = [sys.executable, "-m", "zcasync.cli.main", command, "--home", str(home)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def uri_ini(folder: Path, uri: str, more: str = "") -> str:
    path = folder / "one.ini"
    path.write_text(f"[app:main]\npaste.app_factory = no.such:main\nzodbconn.uri = {uri}\n{more}")
    return "../one.ini"


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("memory://", "zodbconn.uri: a memory storage can be opened by one process at a time"),
        ("file:///tmp/Data.fs", "zodbconn.uri: a file storage can be opened by one process"),
        ("demo:(memory://)/(memory://)", "a demo storage can be opened by one process at a time"),
        ("zeo://localhost:8090?demostorage=1", "can be opened by one process at a time"),
        ("zoe://localhost", "no installed package knows URIs that begin with 'zoe'"),
        ("zeo://localhost:8090?colour=red", "Unrecognized database keyword(s): colour"),
        ("zeo://localhost:many", "zodbconn.uri: cannot be used: ValueError"),
        ("zconfig:///no/such/file.conf", "zodbconn.uri: cannot be used"),
    ],
)
def test_a_uri_that_no_worker_can_use_is_told(folder: Path, uri: str, told: str) -> None:
    code, said = check(folder / "home", uri_ini(folder, uri))
    assert code == 2, said
    assert told in said
    assert "one.ini: " in said


def test_every_uri_that_cannot_be_used_is_told_at_once(folder: Path) -> None:
    ini = uri_ini(folder, "memory://", "zodbconn.uri.sessions = file://Data.fs\n")
    code, said = check(folder / "home", ini)
    assert code == 2
    assert "zodbconn.uri: a memory storage" in said
    assert "zodbconn.uri.sessions: a file storage" in said


def test_a_storage_in_a_zconfig_file_is_looked_at(folder: Path) -> None:
    (folder / "zodb.conf").write_text(
        "<zodb>\n<blobstorage>\nblob-dir b\n<filestorage>\npath f\n</filestorage>\n"
        "</blobstorage>\n</zodb>\n"
    )
    code, said = check(folder / "home", uri_ini(folder, f"zconfig://{folder}/zodb.conf"))
    assert code == 2
    assert "a FileStorage can be opened by one process at a time" in said


@pytest.mark.parametrize(
    ("text", "argument", "told"),
    [
        (None, "../no.ini", "no.ini is not there"),
        ("[app:main]\n", "../one.ini#admin", "has no section [app:admin]"),
        ("zodbconn.uri = x\n", "../one.ini", "one.ini cannot be read: "),
        ("[app:main]\nzodbconn.uri = %(there)s/x\n", "../one.ini", "one.ini cannot be read: "),
        ("[composite:main]\n/ = a\n", "../one.ini", "name the one that jobs belong to"),
        ("[app:main]\nuse = config:other.ini\n", "../one.ini", "other.ini is not there"),
        ("[app:main]\nuse = main\n", "../one.ini", "lead to no end"),
        ("[app:main]\nzodbconn.uri.a = zeo://b\n", "../one.ini", "there is no zodbconn.uri"),
        ("[app:main]\n", "", "has one argument, the path of an ini file"),
    ],
)
def test_an_ini_file_that_cannot_be_used_is_told(
    folder: Path, text: str | None, argument: str, told: str
) -> None:
    if text is not None:
        (folder / "one.ini").write_text(text)
    code, said = check(folder / "home", argument)
    assert code == 2, said
    assert told in said


def test_a_password_in_a_uri_is_told_to_nobody(folder: Path) -> None:
    for uri in ("zoe://u:s3cret@localhost", "zeo://localhost:x?username=u&password=s3cret"):
        code, said = check(folder / "home", uri_ini(folder, uri))
        assert code == 2
        assert "s3cret" not in said


def test_a_database_that_nobody_serves_is_told(folder: Path) -> None:
    home = folder / "home"
    write_ini(folder, free_port())
    code, said = check(home, "../g.ini", "jobs")
    assert code == 3, said
    assert "does not answer" in said


@pytest.fixture
def server(folder: Path) -> Any:
    made = GalleryServer(folder)
    try:
        yield made.start()
    finally:
        made.stop()


def boot_problem(instance: Instance) -> Any:
    def found() -> Any:
        try:
            return instance.status()["boot"]
        except NotRunning:
            return None

    return wait_until(found, "the problem to be told", seen=instance.evidence)


def test_an_application_that_raises_is_told_and_nothing_is_lost(
    folder: Path, server: DatabaseServer, make_instance: Callable[..., Instance]
) -> None:
    ini = write_ini(folder, server.port, more="fail = no such mail server")
    instance = make_instance(config=WORKER.format(ini="../g.ini"), children=2).launch()
    found = boot_problem(instance)
    assert "ValueError: no such mail server" in found["problem"]
    assert any("in main" in line for line in found["output"]), found
    partial = instance.client.put(gallery.surroundings)
    ini.write_text(ini.read_text().replace("fail = no such mail server", ""))
    instance.client.wait_for(partial, timeout=90)
    assert partial.result["user"] is None
    assert partial.attempts == 1
    assert json.dumps(partial.result)
