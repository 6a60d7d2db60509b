"""Known vulnerabilities stop a change, and a service out of reach is told apart from none found."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.supply.audit import audit

CLEAN = {"name": "zodb", "version": "6.4", "vulns": []}
BAD = {
    "name": "zeo",
    "version": "6.2",
    "vulns": [{"id": "PYSEC-2027-1", "fix_versions": ["6.3", "7.0"]}],
}
UNMENDED = {"name": "rich", "version": "15.0.0", "vulns": [{"id": "GHSA-1", "fix_versions": []}]}
UNKNOWN = {"name": "twisted", "skip_reason": "Dependency not found"}


def reports(*packages: dict[str, Any], code: int = 0) -> list[str]:
    """A ``pip-audit`` that reports about these packages."""
    return says(out=json.dumps({"dependencies": packages, "fixes": []}), code=code)


def says(out: str = "", err: str = "", code: int = 1) -> list[str]:
    script = f"import sys; sys.stdout.write({out!r}); sys.stderr.write({err!r}); sys.exit({code})"
    return [sys.executable, "-c", script]


def test_what_is_found_is_named_and_fails() -> None:
    code, text = audit(reports(CLEAN, BAD, UNMENDED, UNKNOWN, code=1))

    assert code == 1
    assert text.splitlines()[1:] == [
        "zeo 6.2: PYSEC-2027-1, mended in 6.3, 7.0",
        "rich 15.0.0: GHSA-1, mended in no version",
    ]


def test_nothing_found_in_what_was_looked_at() -> None:
    assert audit(reports(CLEAN)) == (0, "no known vulnerabilities in the 1 packages of run.txt")


def test_a_package_that_was_not_looked_at_fails() -> None:
    code, text = audit(reports(CLEAN, UNKNOWN))

    assert (code, "twisted" in text) == (1, True)


def test_a_service_that_knows_no_package_was_not_reached() -> None:
    code, text = audit(reports(UNKNOWN))

    assert (code, text.startswith("SKIPPED: ")) == (0, True)


def test_no_network_and_no_service_are_said() -> None:
    for error in (
        "ConnectionError: no way",
        "ProxyError: no way",
        "ReadTimeout: no way",
        "ConnectTimeout: no way",
        "HTTPError: 503 Server Error: Service Unavailable for url: ...",
    ):
        code, text = audit(says(err=f"Traceback\nrequests.exceptions.{error}\nMore\n"))
        assert (code, text.startswith("SKIPPED: ")) == (0, True)


def test_no_answer_is_said() -> None:
    silent = [sys.executable, "-c", "import time; time.sleep(60)"]
    code, text = audit(silent, seconds=0.5)

    assert (code, text.startswith("SKIPPED: ")) == (0, True)


def test_any_other_failure_fails() -> None:
    for error in (
        "requests.exceptions.SSLError: not him",
        "requests.exceptions.HTTPError: 400 Client Error",
        "ValueError: what",
        "",
    ):
        code, text = audit(says(err=f"{error}\n", code=1))
        assert (code, error in text) == (1, True)
