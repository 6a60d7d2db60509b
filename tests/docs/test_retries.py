"""docs/retries.rst runs, and its table says what the policies do."""

from __future__ import annotations

import doctest
import re
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from persistent import Persistent
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import ConflictError

import zcasync
from tests.support.sessions import FakeClock, Session
from tests.support.storage_errors import of_storage
from zcasync import Partial
from zcasync.retry.stock import STOCK, Counts
from zcasync.testing.inline import drain, run_inline

RETRIES = Path(__file__).parents[2] / "docs" / "retries.rst"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.FAIL_FAST
MODULE = re.compile(r"    :name: policies\.py\n\n(?P<body>(?:    .*\n|\n)+)")


class Mail(Persistent):
    """Sends, when its server is up."""

    server_is_up = True

    def send(self) -> str:
        if not self.server_is_up:
            raise ConnectionRefusedError("the server is down")
        return "sent"


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that the document shows, importable."""
    found = MODULE.search(RETRIES.read_text())
    assert found is not None
    module = ModuleType("policies")
    monkeypatch.setitem(sys.modules, "policies", module)
    exec(textwrap.dedent(found["body"]), module.__dict__)
    return module


@pytest.mark.usefixtures("registry", "policies")
def test_the_guide_to_retries_runs(session: Session, fake_clock: FakeClock) -> None:
    given: dict[str, Any] = {
        "zcasync": zcasync,
        "mail": session.keep(Mail(), "mail"),
        "queue": session.queue,
        "manager": session.manager,
        "drain": drain,
        "run_inline": run_inline,
        "now": lambda: fake_clock.moment,
        "advance": lambda duration: fake_clock.advance(seconds=duration.total_seconds()),
        "timedelta": timedelta,
    }
    results = doctest.testfile(
        str(RETRIES), module_relative=False, globs=given, optionflags=FLAGS, encoding="utf-8"
    )

    assert results.failed == 0, f"{results.failed} of {results.attempted} examples failed"
    assert results.attempted > 20


def table() -> dict[str, dict[str, str]]:
    """The table: row, policy, cell."""
    text = RETRIES.read_text().split(".. list-table::", 1)[1].split('\n\n"Ends"', 1)[0]
    rows = [re.findall(r"- (.+)", row) for row in text.split("\n   * ")[1:]]
    names = [name.strip("`") for name in rows[0][1:]]
    return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows[1:]}


def said(answers: list[Any]) -> str:
    """The answers to one failure after the other in the words of the table."""
    number = next((n for n, answer in enumerate(answers, 1) if answer is False), None)
    if number == 1:
        return "ends"
    return "no limit" if number is None else f"{number} tries"


@pytest.mark.parametrize("name", ["default", "forever", "never", "exceptions"])
def test_the_table_of_policies_is_true(name: str) -> None:
    policy = STOCK[name](Partial(abs, 1))
    cells = {row: found[name] for row, found in table().items()}

    def ask(question: str, error: Exception, kind: str) -> str:
        asked = getattr(policy, question)
        return said([asked(Failure(error), Counts(**{kind: n})) for n in range(1, 100)])

    away = ask("jobError", of_storage(ClientDisconnected()), "conflicts")
    assert {"no limit": "waits for it"}.get(away, away) == cells["The storage goes away"]
    assert ask("jobError", ConflictError(), "conflicts") == cells["Conflicts"]
    raises = ask("jobError", ValueError(), "exceptions")
    assert raises == cells["The call raises"].split(",")[0]
    fails = ask("commitError", RuntimeError(), "exceptions")
    assert fails == cells["The commit fails"].split(",")[0].replace("as when it raises", raises)
    dies = said([policy.interrupted(Counts(interruptions=n)) for n in range(1, 100)])
    ordinal = {"ends": "the first ends it", "10 tries": "the tenth ends it"}
    assert ordinal.get(dies, dies) == cells["Interruptions"]
