"""Probes of a Zope site: who asks for what, how the site is asked, and what an answer is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

import pytest

from tests.support.instance import ROOT

T = TypeVar("T")
needs_zope = pytest.mark.skipif(
    find_spec("Zope2") is None, reason="Zope is not installed: pip install Zope"
)
#: What the jobs of the site are called with, leave, and note.
SECRET = "the visitor must not see this"
PASSWORD = "a-password"
USERS = ("anonymous", "member", "manager")
#: A start of Zope, and a second or two for all that is asked.
PATIENCE = 120.0


@dataclass(frozen=True)
class Visit:
    """A request of ``user``.

    ``page``: the text of ``/page``, a page template, and of ``/method``, a method of DTML.
    """

    user: str
    path: str
    query: str = ""
    method: str = "GET"
    body: str = ""
    page: str = ""


@dataclass(frozen=True)
class Script:
    """Restricted code, as people may write it through the web, run by ``user``."""

    user: str
    code: str


@dataclass(frozen=True)
class Walk:
    """What restricted code of ``user`` gets of all that the data manager leads to."""

    user: str


Probe = Visit | Script | Walk
KINDS = {kind.__name__: kind for kind in (Visit, Script, Walk)}


@dataclass(frozen=True)
class Answer:
    """What came of a probe.

    ``outcome``: the status, or the name of the exception; ``text``: the beginning of what was
    found, or of the exception.
    """

    outcome: str
    text: str
    has_called: bool = False
    has_changed: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether nothing was found, nothing called and nothing changed."""
        refused = self.outcome in {"401 Unauthorized", "Forbidden", "NotFound", "Unauthorized"}
        return refused and not (self.has_called or self.has_changed or SECRET in self.text)


def let_in(answers: Mapping[T, Answer]) -> dict[T, Answer]:
    """The answers that are no refusal."""
    return {key: found for key, found in answers.items() if not found.is_refusal}


def ask(folder: Path, probes: list[Probe]) -> dict[Probe, Answer]:
    """Start a site in the folder, make the probes one after the other, end it."""
    told = [[type(probe).__name__, asdict(probe)] for probe in probes]
    done = subprocess.run(
        [sys.executable, "-m", "tests.zope.site", folder],
        cwd=ROOT,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [Answer(**found) for found in json.loads(done.stdout)]
    return dict(zip(probes, answers, strict=True))
