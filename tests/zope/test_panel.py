"""The panel in a Zope: who gets in, and what a manager can do there."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.instance import ROOT
from tests.zope.probes import PATIENCE, needs_zope

pytestmark = needs_zope


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a Zope has answered."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.zope.panel_site", tmp_path_factory.mktemp("site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("user", ["anonymous", "member", "local"])
def test_nobody_but_a_manager_gets_in(found: dict[str, Any], user: str) -> None:
    for act in ("looks", "cancels"):
        status, text, _ = found[f"{user} {act}"]
        assert status in (401, 403), text
        assert "0x" not in text


def test_who_manages_a_folder_finds_no_panel_there(found: dict[str, Any]) -> None:
    assert found["local looks in the folder"][0] == 404


def test_a_manager_sees_the_jobs(found: dict[str, Any]) -> None:
    status, text, headers = found["manager looks"]
    assert (status, "pending" in text, "Waiting 1" in text) == (200, True, True)
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Theme-Disabled"] == "True"
    assert "script" not in headers["Content-Security-Policy"]
    assert "Cancel" in found["manager looks at one"][1]


def test_nothing_is_changed_by_get_nor_without_a_token_nor_from_another_site(
    found: dict[str, Any],
) -> None:
    assert found["manager by GET"][0] == 200
    for name in ("manager without a token", "another site"):
        status, text, _ = found[name]
        assert (status, "Nothing was changed" in text) == (403, True), text
    assert found["nothing changed"]


def test_a_manager_cancels_and_retries(found: dict[str, Any]) -> None:
    status, _, headers = found["manager cancels"]
    assert status == 303
    assert headers["Location"].startswith("/@@zcasync-jobs?job=0x")
    assert "The job is cancelled." in found["after that"][1]
    assert "said to be manager" in found["after that"][1]
    status, text, _ = found["manager cancels again"]
    assert (status, "is over already" in text) == (409, True)
    assert "The job waits in its queue again." in found["manager retries"][1]
