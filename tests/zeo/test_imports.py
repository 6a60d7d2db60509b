"""Importing zcasync changes nothing of ZEO, ZODB or the component registry for others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.instance import ROOT

SCRIPT = Path(__file__).with_name("import_effects.py")


def run(command: str, given: Any = None) -> Any:
    """What the script prints in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), command],
        input=json.dumps(given),
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        text=True,
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def modules() -> list[list[str]]:
    """Those of zcasync, and those of others that they load."""
    found: list[list[str]] = run("list")
    return found


def test_importing_zcasync_changes_nothing_for_others(modules: list[list[str]]) -> None:
    ours, theirs = modules
    assert {"zcasync", "zcasync.subscribers", "zcasync.zeo.client", "zcasync.zeo.server"} <= {*ours}
    assert {"ZEO.ClientStorage", "ZEO.StorageServer", "ZODB.Connection"} <= {*theirs}
    found = run("compare", modules)
    assert found["seen"] > 5000
    assert (found["changed"], found["registered"]) == ([], [])


def test_a_change_would_be_seen(modules: list[list[str]]) -> None:
    """``tests.zeo.meddler`` changes something of each kind when it is imported."""
    found = run("compare", [["tests.zeo.meddler"], modules[1]])
    assert found["changed"] == [
        "ZEO.ClientStorage.ClientStorage.new_oid",
        "ZEO.ClientStorage.TransactionBuffer",
        "ZEO.StorageServer.registered_methods",
    ]
    assert len(found["registered"]) == 1
